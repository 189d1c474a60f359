"""convreport's own documentation: it builds, tells of every command and option, and no link in it or in the README is dead."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from convreport.cli.app import app

ROOT = Path(__file__).parents[2]
LONGEST = 95  # lines of the README: a screenful and a half


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    if not (ROOT / "mkdocs.yml").is_file():
        pytest.skip("no documentation beside the tests")
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_command_and_option_is_in_the_reference(built):
    page = (built / "reference/cli.html").read_text("utf-8")
    group = typer.main.get_command(app)
    context = group.make_context("convreport", ["--help"], resilient_parsing=True)
    looked = 0
    for name in group.list_commands(context):
        _, command, _ = group.resolve_command(context, [name])
        section = page[page.index(f"<code>convreport {name}") :].split("<h2", 1)[0]
        for option in command.params:
            if option.param_type_name == "option" and option.name != "help":
                assert f"<code>{option.opts[0]}</code>" in section, (name, option.name)
                looked += 1
    assert looked > 60


def test_the_types_of_the_book_and_of_sections_are_in_the_reference(built):
    assert "separate_signature" not in (built / "reference/api.html").read_text("utf-8")
    for page, names in (
        ("reference/api.html", ("build", "read", "Atlas", "Section", "Recipe", "UsageError", "Alert", "Rule")),
        ("reference/atlas.html", ("Book", "Chapter", "Drawing", "Sheet", "ShownSample")),
        ("reference/exit-codes.html", ("Drew", "Built", "SurveyStarted")),
    ):
        text = (built / page).read_text("utf-8")
        assert all(re.search(rf'id="[\w.]*\b{name}"', text) for name in names), page


def test_nothing_in_it_comes_from_elsewhere(built):
    for page in built.rglob("*.html"):
        text = page.read_text("utf-8")
        loaded = re.findall(
            r'<(?:script|img)[^>]*\bsrc="(https?:[^"]*)"|<link[^>]*rel="stylesheet"[^>]*href="(https?:[^"]*)"', text
        )
        assert not loaded, (page.name, loaded)
    assert not (built / "hooks.py").exists()


def test_the_readme_is_short_and_its_links_lead_somewhere():
    readme = ROOT / "README.md"
    if not readme.is_file():
        pytest.skip("installed without the README beside it")
    text = readme.read_text("utf-8")
    assert len(text.splitlines()) <= LONGEST
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert len(links) > 8
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_commands_that_are_shown_exist():
    """Every `convreport COMMAND --option` in README and docs is one of the command's options."""
    group = typer.main.get_command(app)
    context = group.make_context("convreport", ["--help"], resilient_parsing=True)
    texts = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = 0
    for file in filter(Path.is_file, texts):
        for words in re.findall(r"convreport ([a-z-]+)([^`\n]*)", file.read_text("utf-8")):
            if words[0] not in group.list_commands(context):
                continue
            _, command, _ = group.resolve_command(context, [words[0]])
            known = {word for option in command.params for word in option.opts}
            for said in re.findall(r"(?<!\S)--?[a-z][a-z-]*", words[1].split("&&")[0]):
                assert said in known, (file.name, words[0], said)
                shown += 1
    assert shown > 20
