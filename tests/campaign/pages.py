"""Every page of an atlas in Chromium: what it complains of, opens, requests, or says in a dialog.

`python -m tests.campaign.pages SITE` prints the faults, a line each.
"""

import shutil
import subprocess
import sys
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
MARKER = "INJECTED"  # what hostile names would set on the window


def faults(browser, site):
    """What is wrong with the pages below a folder, a line each."""
    found = []
    context = browser.new_context(viewport={"width": 1000, "height": 700}, reduced_motion="reduce")
    page = context.new_page()
    root = Path(site).resolve().as_uri()
    inside = (root, "data:", "blob:")

    def note(kind, text):
        found.append(f"{page.url.removeprefix(root)}: {kind}: {text[:200]}")

    page.on("console", lambda said: note("console", said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: note("error", str(error)))
    page.on("dialog", lambda dialog: (note("dialog", dialog.message), dialog.dismiss()))
    page.on("request", lambda asked: None if asked.url.startswith(inside) else note("request", asked.url))
    for path in sorted(Path(site).rglob("*.html")):
        page.goto(path.resolve().as_uri(), wait_until="load")
        for button in page.locator(".cr-grid button").all()[:1]:
            button.click()
            page.keyboard.press("Escape")
        if page.evaluate(f"window.{MARKER} !== undefined || !!document.querySelector('[onerror],[onload],.{MARKER}')"):
            note("injected", "a marker of a name is part of the page")
    context.close()
    return found


def looked_at(site):
    """The same, by a process of its own: a browser of the tests may be open in this one. Nothing without a Chromium."""
    if CHROMIUM is None:
        return []
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaign.pages", str(site)], capture_output=True, text=True, timeout=300
    )
    return done.stdout.splitlines() + ([done.stderr[-300:]] if done.returncode else [])


def main():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        print(*faults(browser, sys.argv[1]), sep="\n", end="")
        browser.close()


if __name__ == "__main__":
    main()
