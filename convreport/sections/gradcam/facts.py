"""What Grad-CAM says of a picture."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the network says of one class: its probability (or the value, of a regression), and its score."""

    index: int
    name: str
    wnid: str
    probability: float
    logit: float


@dataclass(frozen=True, kw_only=True)
class Explained(Answer):
    """A class with a heatmap. `true`: it is what the picture shows; `empty`: nothing speaks for it anywhere."""

    true: bool
    empty: bool


@dataclass(frozen=True)
class Truth:
    """The true class, and how many classes were at least as likely."""

    index: int
    name: str
    wnid: str
    rank: int


@dataclass(frozen=True, kw_only=True)
class CamFacts:
    """The classes of a picture.

    `layer` is the map looked at, of `cells` (height, width), by `method` (whose `source` is said); `others` are the further
    methods, and layers, a reader can choose. `score` is what was differentiated, `measure` what the number beside a class
    is. `classes` are explained, `top` the likeliest five. `colours` are those of a map of classes, by index; `strength` is
    how opaque the heatmap lies over the picture. `right` is None where the truth is not known.
    """

    layer: str
    method: str
    source: str
    others: tuple[str, ...]
    score: str
    classes: tuple[Explained, ...]
    top: tuple[Answer, ...]
    cells: tuple[int, int]
    colours: Mapping[str, str]
    colormap: str
    strength: float
    measure: str
    truth: Truth | None = None
    right: bool | None = None

    def place_of(self, index: int) -> int | None:
        """Where a class stands among the explained ones."""
        return next((place for place, one in enumerate(self.classes) if one.index == index), None)

    def answer_of(self, index: int) -> Answer:
        """What was said of a class that is explained, or among the likeliest."""
        return next(one for one in (*self.classes, *self.top) if one.index == index)
