"""Lighthouse on a built site, mobile preset, the median of five runs a page: `python -m tests.bench.lighthouse ATLAS PAGE...`.

Needs Node.js with the npm package `lighthouse` (found by `npx`, or named by --lighthouse) and Chromium. The server
compresses what GitHub Pages compresses, and stops with the bench.
"""

import argparse
import gzip
import json
import os
import statistics
import subprocess
import threading
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.conftest import browser_path

CATEGORIES = ("performance", "accessibility", "best-practices")
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
TEXT = (".html", ".css", ".js", ".json", ".svg")


class Compressed(SimpleHTTPRequestHandler):
    """A static server as GitHub Pages is one: text is gzipped, files may be kept for ten minutes."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            return self.send_error(404)
        body = path.read_bytes()
        packed = path.suffix in TEXT and "gzip" in self.headers.get("Accept-Encoding", "")
        body = gzip.compress(body) if packed else body
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Cache-Control", "max-age=600")
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):  # the page was left
            self.wfile.write(body)
        return None


def run(lighthouse, address, folder):
    """One run: category -> score in 0..100, and the first contentful and the largest paint in ms."""
    out = Path(folder) / "out.json"
    subprocess.run(
        [*lighthouse, address, "--output=json", f"--output-path={out}", "--quiet", f"--chrome-flags={FLAGS}",
         f"--only-categories={','.join(CATEGORIES)}"],
        check=True, capture_output=True, env={**os.environ, "CHROME_PATH": browser_path() or ""},
    )  # fmt: skip
    found = json.loads(out.read_bytes())
    scores = {name: found["categories"][name]["score"] * 100 for name in CATEGORIES}
    audits = {
        name: found["audits"][name]["numericValue"] for name in ("first-contentful-paint", "largest-contentful-paint")
    }
    failed = {
        one["id"]
        for name in CATEGORIES
        for one in found["categories"][name]["auditRefs"]
        if one["weight"] and found["audits"][one["id"]]["score"] not in (None, 1)
    }
    return scores, audits, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("atlas", type=Path)
    parser.add_argument("pages", nargs="+")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--lighthouse", default="npx lighthouse")
    words = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Compressed, directory=str(words.atlas / "site")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("| page | performance | accessibility | best practices | first paint | largest paint |")
    print("|---|--:|--:|--:|--:|--:|")
    with TemporaryDirectory() as folder:
        for page in words.pages:
            address = f"http://127.0.0.1:{server.server_port}/{page}"
            runs = [run(words.lighthouse.split(), address, folder) for _ in range(words.runs)]
            scores = [f"{statistics.median(one[0][name] for one in runs):.0f}" for name in CATEGORIES]
            paints = [f"{statistics.median(one[1][name] for one in runs) / 1000:.1f} s" for name in runs[0][1]]
            print(f"| {page} | {' | '.join(scores)} | {' | '.join(paints)} |", flush=True)
            print("  not full:", ", ".join(sorted(set().union(*(one[2] for one in runs)))) or "nothing", flush=True)
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
