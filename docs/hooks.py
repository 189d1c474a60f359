"""Writes the reference of commands from the commands themselves when the documentation is built."""

import re
import typing

PLACE = "<!-- commands -->"


def on_page_markdown(markdown: str, **_: typing.Any) -> str:
    """The page, with every command and option where it asks for them."""
    return markdown.replace(PLACE, "\n\n".join(commands())) if PLACE in markdown else markdown


def commands() -> typing.Iterator[str]:
    """A heading, a sentence and a table for each command."""
    import typer

    from convreport.cli.app import app

    group = typer.main.get_command(app)
    context = group.make_context("convreport", ["--help"], resilient_parsing=True)
    for name in group.list_commands(context):
        _, command, _ = group.resolve_command(context, [name])
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        options = [one for one in command.params if one.param_type_name == "option" and one.name != "help"]
        shape = "".join(f" {one.name.upper()}" if one.required else f" [{one.name.upper()}]" for one in arguments)
        rows = [(f"`{one.name.upper()}`", one.help) for one in arguments]
        rows += [(", ".join(f"`{word}`" for word in (*one.opts, *one.secondary_opts)), one.help) for one in options]
        table = "\n".join(f"| {said} | {_cell(help_)} |" for said, help_ in rows)
        yield f"## `convreport {name}{shape}`\n\n{command.help}\n\n|  |  |\n|---|---|\n{table}"


def _cell(text: str | None) -> str:
    """Help in one cell of a table, with what looks like code as code."""
    plain = " ".join((text or "").split()).replace("|", "\\|")
    return re.sub(r"(?<![`\w])([A-Z]+[.=][A-Z.=:/a-z]+)(?![`\w])", r"`\1`", plain).replace("<", "&lt;")
