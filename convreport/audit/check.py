"""Rules that a model's evidence must keep, so that a pipeline can gate on them: what was measured against thresholds.

Evidence that is missing is an error and never a pass.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

from convreport.core.base.errors import UsageError, did_you_mean
from convreport.site import alerts, summary

Data = Mapping[str, Any]
Outcome = Literal["passed", "failed", "error"]
FORMATS = ("text", "json", "junit")


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None asks nothing. Shares are 0..1, gains are times what random maps reach."""

    max_silent: float | None = None
    max_grey: float | None = None
    max_failed: float | None = 0.0
    max_alerts: float | None = None
    min_accuracy: float | None = None
    min_insertion_gain: float | None = None
    min_deletion_gain: float | None = None
    max_survivors: float | None = None


@dataclass(frozen=True)
class Result:
    """One rule held against the evidence; `link` is the page of the site that shows it."""

    rule: str
    outcome: Outcome
    value: float | None
    threshold: float | None
    said: str
    link: str


def check(data: Data, asked: Thresholds, baseline: Data | None = None) -> list[Result]:
    """Every rule that is asked for, in order; with a baseline also whether anything has become worse than there."""
    home = f"{data['model']['slug']}/index.html"
    results = []
    for field in fields(Thresholds):
        threshold = getattr(asked, field.name)
        if threshold is None:
            continue
        value, on, missing = _MEASURED[field.name](data)
        if value is None:
            results.append(Result(field.name, "error", None, threshold, missing, home))
            continue
        kept = value <= threshold if field.name.startswith("max") else value >= threshold
        results.append(Result(field.name, "passed" if kept else "failed", value, threshold, on, home))
    return results + (list(_against(data, baseline)) if baseline is not None else [])


def thresholds(said: Mapping[str, Any], where: str) -> dict[str, float]:
    """Thresholds of a table of a configuration, or as words: 0.05 and "5%" are the same; UsageError for anything else."""
    known = {field.name for field in fields(Thresholds)}
    found = {}
    for key, value in said.items():
        name = key.replace("-", "_")
        if name not in known:
            raise UsageError(f"{where} has no rule '{key}'.", did_you_mean(name, known))
        found[name] = _number(value, f"{where}: {key}")
    return found


def as_text(results: Sequence[Result]) -> str:
    """A line a rule."""
    return "\n".join(
        f"{one.outcome:6}  {one.rule}: {_shown(one.rule, one.value)} {_limit(one)}({one.said}) {one.link}"
        for one in results
    )


def as_json(results: Sequence[Result]) -> str:
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
            words = f"{_shown(one.rule, one.value)} {_limit(one)}({one.said}), see {one.link}"
            ElementTree.SubElement(case, "failure" if one.outcome == "failed" else "error", message=words)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode")


def read_baseline(path: Path) -> dict[str, Any]:
    """The atlas.json to compare with; UsageError if it is none."""
    try:
        data = json.loads(path.read_bytes())
        if data["model"]["slug"] and data["sections"]:
            return dict(data)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise UsageError(f"{path} is no atlas.json.", "It lies in docs/MODEL/ of an atlas.")


Measured = tuple[float | None, str, str]  # the value, on what it rests, and what to say where there is none


def _silent(data: Data) -> Measured:
    well = summary.health(data)
    if not well["channels"] or not well["pictures"]:
        return None, "", "no activations of rectified layers were drawn"
    on = f"{well['silent']} of {well['channels']} channels silent on all {well['pictures']} pictures"
    return well["silent"] / well["channels"], on, ""


def _grey(data: Data) -> Measured:
    well = summary.health(data)
    if not well["patterns"]:
        return None, "", "no patterns were drawn"
    return well["grey"] / well["patterns"], f"no response found for {well['grey']} of {well['patterns']} units", ""


def _failed(data: Data) -> Measured:
    failed = summary.health(data)["failed"]
    return failed, f"{failed} drawings failed", ""


def _alerts(data: Data) -> Measured:
    if not summary.drawings(data, "health"):
        return None, "", "the health of no layer was measured"
    found = [one for one in alerts.alerts(data) if not one["hint"]]
    if not found:
        return 0, f"nothing is wrong on {data['examples']['words']}", ""
    return len(found), f"the worst: {found[0]['said']}", ""


def _accuracy(data: Data) -> Measured:
    judged = summary.judged(data)
    if judged is None:
        return None, "", "the true class of no picture is known"
    return judged["right"] / judged["all"], f"{judged['right']} of {judged['all']} pictures right", ""


def _gain(key: str) -> Callable[[Data], Measured]:
    def measured(data: Data) -> Measured:
        rows = [row for row in summary.faithfulness(data) if row[key] is not None]
        if not rows:
            return None, "", "no heatmap was measured"
        row = rows[0]
        return row[key], f"{row['name']}, mean of {row['pictures']} pictures", ""

    return measured


def _survivors(data: Data) -> Measured:
    rows = summary.sanity(data)
    if not rows:
        return None, "", "the sanity of no heatmap was checked"
    failed = [row["name"] for row in rows if row["survived"]]
    said = (
        f"{', '.join(failed)} draw the same maps for shuffled weights" if failed else "every map depends on the weights"
    )
    return len(failed), f"{said}, {rows[0]['pictures']} pictures", ""


_MEASURED: dict[str, Callable[[Data], Measured]] = {
    "max_silent": _silent, "max_grey": _grey, "max_failed": _failed, "max_alerts": _alerts, "min_accuracy": _accuracy,
    "min_insertion_gain": _gain("rise"), "min_deletion_gain": _gain("drop"), "max_survivors": _survivors,
}  # fmt: skip


def _against(data: Data, before: Data) -> Iterator[Result]:
    """Has anything become worse than in another atlas.json: pictures got wrong, silent channels?"""
    then, now = (_said(one) for one in (before, data))
    shared = [digest for digest in now if digest in then]
    home = f"{data['model']['slug']}/index.html"
    if not shared:
        yield Result(
            "baseline", "error", None, None, "the two atlases share no picture of which a class was said", home
        )
        return
    lost = [now[digest]["sample"] for digest in shared if then[digest]["right"] and now[digest]["right"] is False]
    changed = [one for one in shared if then[one]["first"] != now[one]["first"]]
    said = f"{len(lost)} of {len(shared)} shared pictures were right and are wrong now" + "".join(
        f", {one}" for one in lost
    )
    link = f"{data['model']['slug']}/pictures/{lost[0]}.html" if lost else home
    yield Result(
        "baseline_lost",
        "failed" if lost else "passed",
        len(lost),
        0,
        f"{said}; {len(changed)} are said to be another class",
        link,
    )
    earlier, later = _silent(before)[0], _silent(data)[0]
    if earlier is not None and later is not None:
        worse = later > earlier + 0.01
        yield Result(
            "baseline_silent", "failed" if worse else "passed", later, earlier + 0.01,
            f"{earlier:.1%} of the channels were silent, {later:.1%} are", home,
        )  # fmt: skip


def _said(data: Data) -> dict[str, dict[str, Any]]:
    """Picture digest -> what was said of it first, and whether that was right."""
    digests = {sample["slug"]: sample["digest"] for sample in data["samples"]}
    return {
        digests[one["sample"]]: {
            "sample": one["sample"], "first": one["facts"]["top"][0]["name"], "right": one["facts"]["right"],
        }
        for one in summary.drawings(data, "gradcam")
    }  # fmt: skip


def _number(value: Any, where: str) -> float:
    try:
        text = str(value).strip()
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9 or isinstance(value, bool):
        raise UsageError(f"{where} cannot be {value!r}.", "Say a number, or a share such as 5%.")
    return number


def _shown(rule: str, value: float | None) -> str:
    if value is None:
        return "not measured"
    if rule in ("max_silent", "max_grey", "min_accuracy", "baseline_silent"):
        return f"{value:.1%}"
    return f"{value:.3g}"


def _limit(one: Result) -> str:
    if one.threshold is None:
        return ""
    word = "at least" if one.rule.startswith("min") else "at most"
    return f"{word} {_shown(one.rule, one.threshold)} "
