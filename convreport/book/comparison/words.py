"""What changed, in sentences without markup: for the terminal, for pages and for the comment under a pull request."""

from collections.abc import Iterator

from convreport.book.comparison.values import Attention, Comparison, Decisions, Layers, UnitsOf

SURE = 0.05  # of p, below which a difference of accuracy is more than chance
SAME = 0.999  # CKA from which a layer has not drifted
STILL = 0.999  # rank correlation and overlap of heatmaps that have not moved


def unchanged(comparison: Comparison) -> bool:
    """Is there nothing to be told?"""
    decisions, attention, layers = comparison.decisions, comparison.attention, comparison.layers
    return (
        (decisions is None or not decisions.flipped)
        and (attention is None or min(attention.correlation, attention.overlap) >= STILL)
        and (layers is None or layers.largest is None or (layers.largest.cka or 0) >= SAME)
        and all(pair.fate in ("kept", "idle") for layer in comparison.units for pair in layer.pairs)
        and not comparison.of("new")
        and not comparison.of("resolved")
    )


def summary(comparison: Comparison) -> list[str]:
    """A line for each part, the worst first."""
    if unchanged(comparison):
        return [f"Nothing changed between {comparison.old.name} and {comparison.new.name}.", *_parts(comparison)]
    return list(_parts(comparison))


def _parts(comparison: Comparison) -> Iterator[str]:
    if comparison.decisions is not None:
        yield decisions(comparison.decisions)
        if calibrated := calibration(comparison.decisions):
            yield calibrated
    if comparison.attention is not None:
        yield attention(comparison.attention)
    if comparison.layers is not None:
        yield layers(comparison.layers)
    if comparison.units:
        yield units(comparison.units)
    yield alarms(comparison)


def decisions(found: Decisions) -> str:
    """What became of the pictures, and whether that is more than chance."""
    changed = f"{found.flipped:,} of {found.pictures:,} decisions changed" if found.flipped else "No decision changed"
    if not found.known:
        return f"{changed}: {found.same / found.pictures:.1%} agreement; without true classes there is no telling which is right."
    before, now = (right / found.known for right in found.right)
    accuracy = f"accuracy {before:.1%}, unchanged" if before == now else f"accuracy {before:.1%} to {now:.1%}"
    if not found.lost and not found.gained:
        return f"{changed}: {accuracy} on {found.known:,} pictures."
    p = f"p = {found.p:.2g}" if found.p is not None and found.p >= 0.0001 else "p < 0.0001"
    sure = "more than chance" if (found.p or 0) < SURE and found.p is not None else "no more than chance"
    said = f"{changed}: {accuracy} on {found.known:,} pictures, {found.lost} right to wrong and {found.gained} wrong to right"
    return f"{said} (exact McNemar test, {p}: {sure})."


def calibration(found: Decisions) -> str:
    """How sure both are, and how true that is; nothing where it was not measured."""
    if found.calibration is None:
        return ""
    errors, means = (one.error for one in found.calibration), found.confidence
    first, second = errors
    same = (first, means[0]) == (second, means[1])
    if same:
        return f"Confidence {means[0]:.1%} on average and calibration error {first:.1%}, both unchanged."
    return f"Confidence {means[0]:.1%} to {means[1]:.1%} on average, calibration error {first:.1%} to {second:.1%}."


def attention(found: Attention) -> str:
    """How far the evidence moved."""
    on = f"on {found.pictures} pictures looked at"
    if min(found.correlation, found.overlap) >= STILL:
        return f"The evidence has not moved, {on}."
    return (
        f"Heatmaps before and after have a rank correlation of {found.correlation:.2f} on average and share "
        f"{found.overlap:.0%} of their hottest fifth, {on}."
    )


def layers(found: Layers) -> str:
    """Which layer drifted most, and where that began."""
    largest = found.largest
    if largest is None or largest.cka is None:
        return "Layer drift is not known."
    if largest.cka >= SAME:
        return f"No layer drifted: CKA is {largest.cka:.3f} or more on {found.pictures:,} pictures."
    drifted = [one for one in found.drifts if one.cka is not None and one.cka < SAME]
    return (
        f"{len(drifted)} of {sum(one.cka is not None for one in found.drifts)} layers drifted, from {drifted[0].new} on; "
        f"most of all {largest.new}, with a CKA of {largest.cka:.3f} on {found.pictures:,} pictures."
    )


def units(found: tuple[UnitsOf, ...]) -> str:
    """What became of the units of all layers looked at."""
    fates = {
        "silent": "gone silent", "changed": "changed {their} role", "new": "new", "gone": "gone", "moved": "moved",
        "kept": "kept", "idle": "idle in both",
    }  # fmt: skip
    count = sum(len(layer.pairs) for layer in found)
    parts = []
    for fate, words in fates.items():
        number = sum(pair.fate == fate for layer in found for pair in layer.pairs)
        if number:
            parts.append(f"{number} {words.format(their='its' if number == 1 else 'their')}")
    if len(parts) == 1 and parts[0].endswith("kept"):
        return f"All {count} units kept their role and place."
    return f"Of {count} units {', '.join(parts)}."


def alarms(comparison: Comparison) -> str:
    """How many alerts are new, resolved, kept."""
    counts = [len(comparison.of(status)) for status in ("new", "resolved", "kept")]
    if not any(counts):
        return "No alerts, before or after."
    if not counts[0] and not counts[1]:
        return f"No new alerts, none resolved, {counts[2]} kept."
    return f"Alerts: {counts[0]} new, {counts[1]} resolved, {counts[2]} kept."
