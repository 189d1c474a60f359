"""convreport.toml or [tool.convreport] and the words of the command line -> a frozen Plan; strict, all mistakes at once."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, get_args

from convreport.builder import hands
from convreport.builder.plan import AtHand, Plan
from convreport.core.ascent import recipes
from convreport.core.base import amounts
from convreport.core.base.errors import ConvreportError, UsageError, did_you_mean
from convreport.core.base.kinds import Precision
from convreport.core.network import units
from convreport.core.network.preprocessing import MODES
from convreport.core.pictures.fitting import FITS
from convreport.sections import Word
from convreport.sections.base import Section

OF_ASCENTS = ("recipe", "preset")  # words of sections that hold for every ascent
OF_COMMANDS = ("check",)  # tables of other commands than build
PATHS = (
    "out",
    "templates",
    "images",
    "examples",
    "model",
    "weights",
    "labels",
    "truth",
    "masks",
    "input",
)  # in a file, relative to that file


class Registry(Protocol):
    """What config must know of sections."""

    def select(self, only: tuple[str, ...], without: tuple[str, ...]) -> list[str]:
        """The names of the sections to draw, in order; UsageError for an unknown one."""
        ...

    def configure(self, name: str, options: Mapping[str, Any]) -> Section[Any, Any]:
        """A section with its options set; UsageError for a wrong one."""
        ...

    def words(self) -> Mapping[str, Word]:
        """The words of the command that set options of sections."""
        ...


def make_plan(words: Mapping[str, Any], file: Path | None, sections: Registry) -> Plan:
    """Fold the command's words (those that were said) over the file's keys into a Plan.

    Without `file`, convreport.toml or pyproject.toml of the working directory is read if there is one. Every mistake is
    collected, and one UsageError tells of all.
    """
    mistakes: list[UsageError] = []
    found = file or _nearby()
    return _plan({**(_read(found, sections, mistakes) if found else {}), **words}, sections, mistakes, AtHand())


def make_plans(
    words: Mapping[str, Any], each: Sequence[Mapping[str, Any]], file: Path | None, sections: Registry
) -> list[Plan]:
    """A Plan a model: `each` has what is said of one, over the `words` that are said of all; none: one plan of these."""
    return [make_plan({**words, **one}, file, sections) for one in each or [{}]]


def plan_of(said: Mapping[str, Any], sections: Registry, at_hand: AtHand) -> Plan:
    """A Plan of options by the names they have in a file, as Python values; files of the working directory are not read."""
    mistakes: list[UsageError] = []
    return _plan(_in_kind(said, "build", sections, mistakes), sections, mistakes, at_hand)


def _plan(said: dict[str, Any], sections: Registry, mistakes: list[UsageError], at_hand: AtHand) -> Plan:
    options: dict[str, dict[str, Any]] = {name: dict(table) for name, table in said.pop("options", {}).items()}
    for name, word in sections.words().items():
        if name in said:
            for section, option in word.places:
                options.setdefault(section, {})[option] = said[name]
            if name not in OF_ASCENTS:
                del said[name]
    for pair in said.pop("set", ()):
        _set_option(pair, options, mistakes)
    only, without = said.pop("sections", ()), said.pop("skip", ())
    chosen = _attempt(mistakes, lambda: sections.select(tuple(only), tuple(without))) or []
    # Options of a section that is left out are checked too: a typo should not wait for the day it is drawn.
    made = {
        name: _attempt(mistakes, partial(_make, sections, name, options)) for name in dict.fromkeys((*chosen, *options))
    }
    own, wrong = recipes.read_own(said.pop("recipes", {}), "the configuration")
    mistakes.extend(wrong)
    for name in {one.recipe for one in made.values() if hasattr(one, "recipe")}:
        _attempt(mistakes, partial(recipes.find, name, "standard", own))
    _check_values(said, mistakes, at_hand=at_hand.preprocess is not None)
    for key, read in (("budget", amounts.seconds), ("memory", amounts.size)):
        if key in said:
            said[key] = _attempt(mistakes, partial(read, said[key]))
    if mistakes:
        raise _all_of(mistakes)
    return Plan(**said, recipes=tuple(own), sections=tuple(made[name] for name in chosen), at_hand=at_hand)


def _make(sections: Registry, name: str, options: Mapping[str, Mapping[str, Any]]) -> Section[Any, Any]:
    sections.select((name,), ())  # so that a table for an unknown section is told of
    return sections.configure(name, options.get(name, {}))


def _nearby() -> Path | None:
    own, shared = Path("convreport.toml"), Path("pyproject.toml")
    if own.is_file():
        return own
    if shared.is_file() and "[tool.convreport" in shared.read_text("utf-8", errors="replace"):
        return shared
    return None


def table(name: str, config: Path | None) -> dict[str, Any]:
    """The table of that name in a configuration file, as it is; empty where there is none."""
    file = config or _nearby()
    return dict(_content(file).get(name, {})) if file is not None else {}


def _content(file: Path) -> dict[str, Any]:
    """What a file says of convreport; UsageError if it cannot be read."""
    try:
        data = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror}).", "Check the path given with --config.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not valid TOML: {error}.") from None
    return dict(data.get("tool", {}).get("convreport", {}) if file.name == "pyproject.toml" else data)


def _read(file: Path, sections: Registry, mistakes: list[UsageError]) -> dict[str, Any]:
    """The file's keys as Plan fields of the right kind."""
    build = {key: value for key, value in _content(file).items() if key not in OF_COMMANDS}
    said = _in_kind(build, file.name, sections, mistakes)
    for name in PATHS:
        if name in said:
            said[name] = _beside(file, name, said[name])
    return said


def _in_kind(table: Mapping[str, Any], where: str, sections: Registry, mistakes: list[UsageError]) -> dict[str, Any]:
    """Keys as Plan fields and words of sections, values of the right kind."""
    kinds = _KINDS | {name: _words if word.list else _text for name, word in sections.words().items()}
    said: dict[str, Any] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in kinds:
            spelled = [name.replace("_", "-") for name in kinds]
            mistakes.append(UsageError(f"{where} has an unknown key '{key}'.", did_you_mean(key, spelled)))
            continue
        try:
            said[name] = kinds[name](value)
        except (TypeError, ValueError):
            mistakes.append(UsageError(f"{where}: {key} cannot be {value!r}.", f"It is {_EXPECTED[kinds[name]]}."))
    return said


def _beside(file: Path, name: str, value: Any) -> Any:
    """A path written in a file means relative to that file; a model or weights that are no file stay names."""
    place = file.parent
    if name in ("images", "examples"):
        return tuple(str(place / one) for one in value)
    if name == "input":
        pairs = [one.partition("=") for one in value]
        arrays = [str(place / said) if said.lower().endswith(".npy") else said for _, _, said in pairs]
        return tuple(f"{key}={said}" for (key, _, _), said in zip(pairs, arrays, strict=True))
    if name in ("model", "weights"):
        return str(place / value) if (place / value).is_file() else value
    return place / value


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return (str(value),)
    if isinstance(value, list | tuple) and all(isinstance(one, str | int) for one in value):
        return tuple(str(one) for one in value)
    raise TypeError


def _text(value: Any) -> str:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise TypeError


def _shape(value: Any) -> str:
    return ",".join(str(one) for one in value) if isinstance(value, list | tuple) else _text(value)


def _filters(value: Any) -> str:
    return ",".join(str(one) for one in value) + "," if isinstance(value, list | tuple) else _text(value)


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise TypeError


def _path(value: Any) -> Path:
    return value if isinstance(value, Path) else Path(_text(value))


def _tables(value: Any) -> dict[str, dict[str, Any]]:
    if isinstance(value, dict) and all(isinstance(table, dict) for table in value.values()):
        return value
    raise TypeError


_KINDS: dict[str, Callable[[Any], Any]] = {
    "model": _text, "name": _text, "out": _path, "images": _words, "max_images": _whole, "examples": _words,
    "max_examples": _whole, "layers": _words, "all_layers": _flag, "filters": _filters, "sections": _words,
    "skip": _words, "weights": _text, "preprocess": _text, "fit": _text, "templates": _path, "site_url": _text, "seed": _whole,
    "fresh": _flag, "strict": _flag, "options": _tables, "arch": _text, "no_top": _flag, "custom": _words,
    "unsafe": _flag, "input_shape": _shape, "input": _words, "output": _text, "labels": _path, "truth": _path, "masks": _path,
    "precision": _text,     "memory": _text, "budget": _text, "workers": _text, "dashboard": _flag, "recipes": _tables,
}  # fmt: skip
_EXPECTED: dict[Callable[[Any], Any], str] = {
    _text: "a text", _words: "a text or a list of texts", _whole: "a whole number", _flag: "true or false",
    _path: "a path", _shape: "three numbers, as in [3, 224, 224]",
    _filters: "a number, a text or a list of numbers", _tables: "a table of sections",
}  # fmt: skip


def _set_option(pair: str, options: dict[str, dict[str, Any]], mistakes: list[UsageError]) -> None:
    """`gradcam.colormap=jet` into the options of its section."""
    place, equals, value = pair.partition("=")
    section, dot, option = place.partition(".")
    if not equals or not dot or not option:
        mistakes.append(UsageError(f"--set cannot be '{pair}'.", "Write it as SECTION.OPTION=VALUE."))
    else:
        options.setdefault(section.strip(), {})[option.strip().replace("-", "_")] = value.strip()


def _check_values(said: Mapping[str, Any], mistakes: list[UsageError], *, at_hand: bool) -> None:
    if said.get("input_shape"):
        _attempt(mistakes, lambda: amounts.shape(said["input_shape"]))
    if "filters" in said:
        _attempt(mistakes, lambda: units.parse(said["filters"]))
    for name, known in (("fit", FITS), ("preprocess", ("auto", *MODES)), ("precision", get_args(Precision))):
        if name in said and said[name] not in known and not (name == "preprocess" and (at_hand or ":" in said[name])):
            mistakes.append(UsageError(f"--{name} cannot be '{said[name]}'.", did_you_mean(said[name], known)))
    if "workers" in said:
        _attempt(mistakes, lambda: hands.check(said["workers"]))
    for pair in said.get("input", ()):
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            mistakes.append(
                UsageError(f"--input cannot be '{pair}'.", "Write NAME=VALUE: a number, zeros, a .npy file.")
            )
    for name in ("labels", "truth"):
        if name in said and not said[name].expanduser().is_file():
            mistakes.append(UsageError(f"There is no file {said[name]}.", f"Check the path given with --{name}."))
    if "masks" in said and not said["masks"].expanduser().exists():
        mistakes.append(UsageError(f"There is nothing at {said['masks']}.", "Check the path given with --masks."))
    for name in ("max_images", "max_examples"):
        if said.get(name, 1) < 1:
            mistakes.append(UsageError(f"--{name.replace('_', '-')} must be at least 1, not {said[name]}."))
    if not 0 <= said.get("seed", 0) < 2**31:
        mistakes.append(UsageError(f"--seed must be from 0 to {2**31 - 1}, not {said['seed']}."))
    templates = said.get("templates")
    if templates is not None and not templates.is_dir():
        mistakes.append(UsageError(f"There is no folder {templates}.", "Give a folder of templates with --templates."))


def _attempt(mistakes: list[UsageError], make: Callable[[], Any]) -> Any:
    try:
        return make()
    except UsageError as error:
        mistakes.append(error)
        return None


def _all_of(mistakes: Sequence[ConvreportError]) -> UsageError:
    found = dict.fromkeys((mistake.message, mistake.hint) for mistake in mistakes)  # sections may share an option
    if len(found) == 1:
        return UsageError(*next(iter(found)))
    lines = [" ".join(said).strip() for said in found]
    return UsageError(f"{len(lines)} things are wrong:\n" + "\n".join(f"  - {line}" for line in lines))
