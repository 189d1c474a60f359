"""The command line, run in this process, and what it says of bad input."""

from functools import cache

import typer.testing

from convreport.cli.app import app

# A private name: where it is another, each of thousands of calls takes 20 ms more.
if hasattr(typer.testing, "_get_command"):
    typer.testing._get_command = cache(typer.testing._get_command)


def run(*words, **more):
    """`convreport` with these words: its exit code and what it said; `more` is for the runner (`input`, `env`)."""
    return typer.testing.CliRunner().invoke(app, [str(word) for word in words], **more)


def refused(done, code, message, hint):
    """Hold what a command said to one sentence and a hint."""
    said = " ".join(done.stderr.split())
    assert done.exit_code == code, said
    assert "Traceback" not in said
    assert said.startswith("error ")
    assert message in said
    assert hint in said
