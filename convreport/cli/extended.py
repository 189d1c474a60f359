"""Commands whose options sections add to; sections are imported when such a command runs, and not for `convreport --help`."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Optional

import typer
from typer.core import TyperGroup

from convreport.core.base.errors import UsageError

# What typer raises for an option or a value it does not know; it brings a Click of its own, or uses the installed one.
WrongWordsError: Any = typer.BadParameter.__base__


@dataclass(frozen=True)
class More:
    """An option that a section brings: a text, or a flag."""

    name: str
    help: str
    flag: bool = False


_EXTENDED: dict[str, Callable[[], list[More]]] = {}
_FUNCTIONS: dict[str, Callable[..., Any]] = {}


def extended(more: Callable[[], list[More]]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """For a command that takes `more`, a mapping: the options that are asked for here when it runs are gathered in it."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        _EXTENDED[name], _FUNCTIONS[name] = more, function
        return _without_more(function)

    return register


class Commands(TyperGroup):
    """The commands of convreport."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is meant, with the options that sections add."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, _with_more(name) if name in _EXTENDED else command, rest


def said_by(name: str, words: list[str]) -> dict[str, Any]:
    """The arguments that a command would be given by these words, by their names; UsageError for what it does not know."""
    command = _with_more(name)
    try:
        with command.make_context(name, words) as context:
            return dict(context.params)
    except WrongWordsError as error:
        raise UsageError(f"{error.format_message().rstrip('.')}.", f"See `convreport {name} --help`.") from None


def _without_more(function: Callable[..., Any]) -> Callable[..., Any]:
    """The command as it is listed: what it says of itself, and its own options."""

    def listed(**given: Any) -> Any:
        return function(**given, more={})

    return _dressed(listed, function, [])


def _with_more(name: str) -> Any:
    function, options = _FUNCTIONS[name], _EXTENDED[name]()

    def run(**given: Any) -> Any:
        added: Mapping[str, Any] = {one.name: given.pop(one.name) for one in options}
        return function(**given, more=added)

    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name)(_dressed(run, function, options))
    return typer.main.get_command(app)


def _dressed(run: Callable[..., Any], function: Callable[..., Any], options: list[More]) -> Callable[..., Any]:
    """`run` with the signature and the words of `function`, its parameter `more` unfolded."""
    parameters = [one for one in inspect.signature(function, eval_str=True).parameters.values() if one.name != "more"]
    for one in options:
        word = f"--{one.name.replace('_', '-')}"
        kind: Any = Annotated[bool if one.flag else Optional[str], typer.Option(word, help=one.help)]
        default = False if one.flag else None
        parameters.append(inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind))
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    run.__doc__, run.__name__ = function.__doc__, function.__name__
    return run
