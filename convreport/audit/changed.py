"""Rules about what changed since another model: a comparison that lies in the atlas, held against thresholds.

A comparison that is missing, or is of other weights, is an error and never a pass.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from convreport.book.comparison import folder
from convreport.book.comparison.values import Comparison
from convreport.book.comparison.words import SURE
from convreport.book.folder import Atlas
from convreport.book.values import Book
from convreport.sections.telling import Measured, Outcome, Result

HINT = "`convreport compare OLD NEW` makes one"


@dataclass(frozen=True)
class ChangeRule:
    """A threshold that a comparison is held to; `flag` asks for 0.

    `counted` ones take a count, or below 1 a share of the pictures. `sure` says whether a value beyond it is more than chance.
    """

    name: str
    help: str
    measure: Callable[[Comparison], Measured]
    share: bool = False
    flag: str = ""
    among: Callable[[Comparison], int] | None = None
    sure: Callable[[Comparison], bool] = lambda comparison: True


def _flips(one: Comparison) -> Measured:
    found = one.decisions
    if found is None or not found.pictures:
        return Measured(None, "no decisions were compared")
    if not found.known:
        return Measured(
            found.worse, f"{found.flipped} of {found.pictures} decisions changed; no true classes are known"
        )
    return Measured(
        found.worse, f"{found.lost} of {found.known} pictures went from right to wrong, {found.gained} the other way"
    )


def _among(one: Comparison) -> int:
    return one.decisions.among if one.decisions is not None else 0


def _drift(one: Comparison) -> Measured:
    largest = one.layers.largest if one.layers is not None else None
    if largest is None or largest.drift is None:
        return Measured(None, "layer drift was not measured")
    return Measured(largest.drift, f"{largest.new} most, with a CKA of {largest.cka:.3f}")


def _drop(one: Comparison) -> Measured:
    found = one.decisions
    if found is None or found.drop is None or found.p is None:
        return Measured(None, "no picture has a true class that both know")
    before, now = (right / found.known for right in found.right)
    sure = "more than chance" if found.p < SURE else "no more than chance"
    return Measured(
        max(found.drop, 0.0), f"{before:.1%} to {now:.1%} of {found.known} pictures, p = {found.p:.2g}: {sure}"
    )


def _sure(one: Comparison) -> bool:
    return one.decisions is not None and one.decisions.p is not None and one.decisions.p < SURE


def _alarming(one: Comparison) -> Measured:
    found = one.alarming
    return Measured(len(found), f"the worst: {found[0].said}" if found else "no new alerts")


RULES: Mapping[str, ChangeRule] = {
    rule.name: rule
    for rule in (
        ChangeRule(
            "max_flips", "Pictures that were right and are now wrong: a count, or a share below 1, such as 2%. Without known"
            " classes: decisions that changed.", _flips, among=_among,
        ),
        ChangeRule("max_drift", "1 - CKA of the layer that drifted most, such as 0.1.", _drift),
        ChangeRule(
            "max_accuracy_drop", "How far accuracy may drop, such as 1%; a drop that may be chance does not fail.", _drop,
            share=True, sure=_sure,
        ),
        ChangeRule("max_new_alerts", "Alerts that the old model did not have; hints do not count.", _alarming,
                   flag="no_new_alerts"),
    )
}  # fmt: skip


def check(atlas: Atlas, book: Book, asked: Mapping[str, float], baseline: Book | None) -> list[Result]:
    """Every rule about changes that is asked for, held against the comparison with `baseline`, or the only one there is."""
    rules = {name: rule for name, rule in RULES.items() if name in asked}
    if not rules:
        return []
    one, why = _comparison(atlas, book, baseline)
    return [_held(rule, one, asked[name], why, f"{book.slug}/index.html") for name, rule in rules.items()]


def _comparison(atlas: Atlas, book: Book, baseline: Book | None) -> tuple[Comparison | None, str]:
    """The comparison that is meant; or why there is none."""
    found = [
        one for one in folder.of_new(atlas.docs, book) if baseline is None or one.old.digest == baseline.model.digest
    ]
    if len(found) == 1:
        return found[0], ""
    if not found:
        other = baseline.name if baseline is not None else "another model"
        return None, f"there is no comparison of {other} with {book.name} as it is now; {HINT}"
    names = ", ".join(one.old.name for one in found)
    return None, f"{book.name} was compared with {names}: say which with --baseline"


def _held(rule: ChangeRule, one: Comparison | None, threshold: float, why: str, home: str) -> Result:
    if one is None:
        return Result(rule.name, "error", None, threshold, why, home, rule.share)
    found = rule.measure(one)
    link = f"{folder.FOLDER}/{one.slug}/index.html"
    if found.value is None:
        return Result(rule.name, "error", None, threshold, found.on, link, rule.share)
    value, share = found.value, rule.share
    if rule.among is not None and 0 < threshold < 1:
        value, share = found.value / max(rule.among(one), 1), True
    outcome: Outcome = "passed" if value <= threshold or not rule.sure(one) else "failed"
    return Result(rule.name, outcome, value, threshold, f"{found.on}; since {one.old.name}", link, share)
