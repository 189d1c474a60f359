"""Rules that a model's evidence must keep, so that a pipeline can gate on them: what was measured against thresholds.

Sections bring most rules; those here are about all of them. Evidence that is missing is an error and never a pass.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree

from convreport.audit import changed
from convreport.book.values import Book
from convreport.builder.drawing import words
from convreport.core.base.errors import UsageError, did_you_mean
from convreport.core.drawing.figures import Subject
from convreport.sections import together
from convreport.sections.telling import Broken, Measured, Outcome, Result, Rule, Spot


def _failed(book: Book) -> Measured:
    spots = [
        Spot(
            f"{chapter.name} of {words(Subject(one.layer, one.unit, one.sample, one.label))}: {one.reason}",
            one.layer,
            () if one.unit is None else (one.unit,),
            one.sample,
        )
        for chapter in book.sections
        for one in chapter.failures
    ]
    return Measured(book.failed, f"{book.failed} drawings failed", tuple(spots))


def _alerts(book: Book) -> Measured:
    if missing := together.unmeasured(book):
        return Measured(None, missing)
    found = [one for one in together.alerts(book) if not one.hint]
    if found:
        spots = tuple(Spot(one.sentence, one.layer, one.units) for one in found)
        return Measured(len(found), f"the worst: {found[0].sentence}", spots)
    words = book.examples.words if book.examples is not None else "all pictures"
    return Measured(0, f"no alerts on {words}")


NAMED = 40  # places a rule names in text and in JUnit

GENERAL = (
    Rule("max_failed", "Failed drawings. [default: 0]", _failed, default=0.0),
    Rule("max_alerts", "Alerts that rest on enough pictures to be more than hints.", _alerts),
)


def rules() -> Mapping[str, Rule]:
    """All rules by name: those of sections in reading order, then the general ones."""
    return {**together.rules(), **{rule.name: rule for rule in GENERAL}}


def check(book: Book, asked: Mapping[str, float], baseline: Book | None = None) -> list[Result]:
    """Every rule that is asked for, in order; with a baseline also whether anything has become worse than there.

    `asked` has thresholds by the names of rules. Shares are 0..1, gains are times what random maps reach.
    """
    home = f"{book.slug}/index.html"
    results = []
    for name, rule in rules().items():
        threshold = asked.get(name, rule.default)
        if threshold is None:
            continue
        found = rule.measure(book)
        outcome: Outcome = "error"
        if found.value is not None:
            outcome = "passed" if rule.kept(found.value, threshold) else "failed"
        broken = tuple(_broken(spot, book) for spot in found.spots) if outcome == "failed" else ()
        link = broken[0].link if len(broken) == 1 else home
        results.append(Result(name, outcome, found.value, threshold, found.on, link, rule.share, broken))
    return results + (list(together.compared(book, baseline)) if baseline is not None else [])


def thresholds(said: Mapping[str, Any], where: str) -> dict[str, float]:
    """Thresholds of a table of a configuration, or as words: 0.05 and "5%" are the same; UsageError for anything else.

    A rule's flag, where it is set, asks for 0.
    """
    known: Mapping[str, Rule | changed.ChangeRule] = {**rules(), **changed.RULES}
    flags = {rule.flag: name for name, rule in known.items() if rule.flag}
    found: dict[str, float] = {}
    for key, value in said.items():
        name = key.replace("-", "_")
        if name in flags and isinstance(value, bool):
            found |= {flags[name]: 0.0} if value else {}
        elif name not in known:
            raise UsageError(f"{where} has no rule '{key}'.", did_you_mean(name, known))
        elif value is not None:
            found[name] = _number(value, f"{where}: {key}")
    return found


def as_text(results: Sequence[Result], name: str) -> str:
    """A line a rule, and below it what broke it."""
    lines = []
    for one in results:
        lines.append(f"{one.outcome:6}  {one.rule}: {_shown(one, one.value)} {_limit(one)}({one.said}) {one.link}")
        lines += [f"        {line}" for line in _named(one)]
    return "\n".join(lines)


def as_json(results: Sequence[Result], name: str) -> str:
    """A list of objects, one a rule."""
    return json.dumps([asdict(one) for one in results], indent=1)


def as_junit(results: Sequence[Result], name: str) -> str:
    """JUnit's XML, which every CI server shows: a test case a rule."""
    failed, wrong = (sum(one.outcome == outcome for one in results) for outcome in ("failed", "error"))
    suite = ElementTree.Element(
        "testsuite", name=f"convreport check {name}", tests=str(len(results)), failures=str(failed), errors=str(wrong)
    )
    for one in results:
        case = ElementTree.SubElement(suite, "testcase", classname=f"convreport.{name}", name=one.rule)
        if one.outcome != "passed":
            words = f"{_shown(one, one.value)} {_limit(one)}({one.said}), see {one.link}"
            told = ElementTree.SubElement(case, "failure" if one.outcome == "failed" else "error", message=words)
            told.text = "\n".join(_named(one)) or None
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode")


FORMATS: dict[str, Callable[[Sequence[Result], str], str]] = {"text": as_text, "json": as_json, "junit": as_junit}


def _named(one: Result) -> list[str]:
    """What broke a rule, a line each with its page; of very many the first."""
    lines = [f"{broken.said} {broken.link}" for broken in one.broken[:NAMED]]
    return lines + ([f"and {len(one.broken) - NAMED} more (--format json has all)"] if len(one.broken) > NAMED else [])


def _broken(spot: Spot, book: Book) -> Broken:
    return Broken(spot.said, spot.link(book), spot.layer, spot.units, spot.sample)


def _number(value: Any, where: str) -> float:
    try:
        text = str(value).strip()
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9 or isinstance(value, bool):
        raise UsageError(f"{where} cannot be {value!r}.", "Give a number, or a share such as 5%.")
    return number


def _shown(one: Result, value: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:.1%}" if one.share else f"{value:.3g}"


def _limit(one: Result) -> str:
    if one.threshold is None:
        return ""
    word = "at least" if one.rule.startswith("min") else "at most"
    return f"{word} {_shown(one, one.threshold)} "
