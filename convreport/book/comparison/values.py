"""Everything that comparison.json says: what changed from an old model to a new one, the worst first.

Pairs are (old, new). Sizes are (height, width) in pixels, files relative to the folder of comparison.json.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from convreport.core.comparing.decisions import Bin
from convreport.core.comparing.matching import Fate

FORMAT = 1
Turn = Literal["lost", "gained", "changed"]  # right to wrong, wrong to right, anything else
Status = Literal["new", "resolved", "kept"]


@dataclass(frozen=True)
class Side:
    """One of the two models; `digest` is that of its weights and wiring, `atlas` that of its atlas.json."""

    name: str
    slug: str
    digest: str
    atlas: str
    origin: str


@dataclass(frozen=True)
class Shown:
    """A published picture."""

    file: str
    size: tuple[int, int]
    alt: str


@dataclass(frozen=True)
class Said:
    """The predicted class and its probability."""

    name: str
    confidence: float


@dataclass(frozen=True)
class Flip:
    """A picture whose decision changed; `overlays` show the evidence for each prediction."""

    picture: str
    truth: str
    old: Said
    new: Said
    turn: Turn
    overlays: tuple[Shown, Shown] | None = None


@dataclass(frozen=True)
class OfClass:
    """The pictures of one true class: how many, how many each model got right, and how many changed sides."""

    name: str
    pictures: int
    right: tuple[int, int]
    lost: int
    gained: int


@dataclass(frozen=True)
class Confusion:
    """How many pictures (of a true class, "" if it is not known) were predicted as `old` and are now predicted as `new`."""

    truth: str
    old: str
    new: str
    count: int


@dataclass(frozen=True)
class Calibration:
    """How reliable the confidences are: the reliability diagram and its expected calibration error."""

    bins: tuple[Bin, ...]
    error: float


@dataclass(frozen=True)
class Decisions:
    """What both say of the same `pictures`, of `known` of which the truth is known to both.

    `same` counts pictures taken for the same class; `p` is McNemar's of what was lost and gained. `flips` are the changed
    ones, the worst first, `flipped` how many there are in all. `confidence` is the mean of what each said.
    """

    pictures: int
    same: int
    flipped: int
    known: int
    right: tuple[int, int]
    lost: int
    gained: int
    p: float | None
    confidence: tuple[float, float]
    calibration: tuple[Calibration, Calibration] | None
    per_class: tuple[OfClass, ...]
    confusions: tuple[Confusion, ...]
    flips: tuple[Flip, ...]

    @property
    def worse(self) -> int:
        """What must not grow: pictures that went from right to wrong; without true classes, all that changed."""
        return self.lost if self.known else self.flipped

    @property
    def among(self) -> int:
        """Out of how many pictures."""
        return self.known or self.pictures

    @property
    def drop(self) -> float | None:
        """By how much accuracy fell, in 0..1 (negative: it rose); None without true classes."""
        return (self.right[0] - self.right[1]) / self.known if self.known else None


@dataclass(frozen=True)
class Look:
    """One picture: how similar both heatmaps of one class are, by rank and by the place of the hottest fifth."""

    picture: str
    label: str
    correlation: float
    overlap: float
    overlays: tuple[Shown, Shown] | None = None


@dataclass(frozen=True)
class Attention:
    """Where the evidence lies before and after: means over `pictures`, and the largest shifts, in order."""

    layers: tuple[str, str]
    pictures: int
    correlation: float
    overlap: float
    looks: tuple[Look, ...]


@dataclass(frozen=True)
class Drift:
    """One layer of both: how alike its answers are (CKA), and the change of its weights relative to the old ones.

    `cka` is None where the layer was not looked at or tells no pictures apart, `weights` where it has no kernel or another
    shape.
    """

    old: str
    new: str
    cka: float | None
    weights: float | None

    @property
    def drift(self) -> float | None:
        """1 - CKA, 0 for the same."""
        return None if self.cka is None else max(1 - self.cka, 0.0)


@dataclass(frozen=True)
class Layers:
    """CKA of every old layer (rows) with every new one (columns) on so many pictures, and layer by layer what drifted."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    matrix: tuple[tuple[float | None, ...], ...]
    pictures: int
    drifts: tuple[Drift, ...]

    @property
    def largest(self) -> Drift | None:
        """The layer that drifted most."""
        known = [one for one in self.drifts if one.cka is not None]
        return min(known, key=lambda one: one.cka or 0.0, default=None)


@dataclass(frozen=True)
class UnitPair:
    """An old unit and the new one that has its role or stands in its place; `driven` are the classes that drive each most.

    `tiles` are published pictures of both by the figure's name, with what they are called.
    """

    old: int | None
    new: int | None
    alike: float
    fate: Fate
    driven: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    tiles: Mapping[str, tuple[Shown | None, Shown | None]] | None = None


@dataclass(frozen=True)
class UnitsOf:
    """The units of one layer in both models, the most changed first."""

    old: str
    new: str
    pairs: tuple[UnitPair, ...]

    def count(self, fate: Fate) -> int:
        """How many met that fate."""
        return sum(one.fate == fate for one in self.pairs)


@dataclass(frozen=True)
class Alarm:
    """An alert of either model: of the new one alone, of the old one alone, or of both.

    `units` are those it speaks of, of a `kept` one those that were not among the old ones.
    """

    status: Status
    kind: str
    said: str
    hint: bool
    layer: str | None = None
    units: tuple[int, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """A number that a section reports for both models; None if it was not measured. `worse`: it got worse."""

    name: str
    old: float | None
    new: float | None
    share: bool
    worse: bool


@dataclass(frozen=True)
class Difference:
    """A difference in architecture, input or settings."""

    what: str
    old: str
    new: str


@dataclass(frozen=True)
class Comparison:
    """What changed from one model to another. `key` names everything that it rests on; `pictures` says on what.

    A part is None where it makes no sense for these two, which `left_out` then says.
    """

    format: int
    slug: str
    key: str
    old: Side
    new: Side
    pictures: str
    decisions: Decisions | None
    attention: Attention | None
    layers: Layers | None
    units: tuple[UnitsOf, ...]
    alarms: tuple[Alarm, ...]
    evidence: tuple[Evidence, ...]
    differences: tuple[Difference, ...]
    left_out: tuple[str, ...]
    drawn: tuple[str, ...] = ()
    date: str = ""

    @property
    def name(self) -> str:
        """As it is called in navigation."""
        return f"{self.old.name} → {self.new.name}"

    def of(self, status: Status) -> tuple[Alarm, ...]:
        """The alerts of that status."""
        return tuple(one for one in self.alarms if one.status == status)

    @property
    def alarming(self) -> tuple[Alarm, ...]:
        """Alerts that are new, and kept ones that name more units; without hints."""
        return tuple(
            one for one in self.alarms if not one.hint and (one.status == "new" or (one.status == "kept" and one.units))
        )
