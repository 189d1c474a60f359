"""What a section says about a book beyond its drawings: lines, alerts, rules, pages, and parts of the report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from convreport.book.values import Book, ShownFigure

LISTED = 24  # units named in a line
FEW = 100  # pictures, below which an alert about units is called a hint

# Places on the pages and in what is handed over, each a block of a section's template:
# `layers` (its first screen), `head`, `gallery`, `evidence` of the model's page; `layer`, `picture`, `class`;
# `heatmap` beside one heatmap;
# `card` below a picture on the model's page; `report_head`, `report`, `report_picture` of the one-file report;
# `comment_head`, `comment` of the summary for a pull request. Pages of its own are blocks that it names itself.
Place = str


@dataclass(frozen=True)
class Line:
    """A line of the model's summary, without markup, and how it is marked."""

    said: str
    level: Literal["plain", "notable", "bad"] = "plain"


@dataclass(frozen=True)
class Alert:
    """Something that is wrong: one sentence without markup, and the number of pictures it rests on.

    `weight` orders alerts, the worst first; `units` are the units of `layer` concerned, `label` the class. Below `few`
    pictures it is a hint; `harmless` ones are never marked as bad.
    """

    kind: str
    said: str
    pictures: int
    weight: float
    layer: str | None = None
    units: tuple[int, ...] = ()
    label: int | None = None
    few: int = FEW
    harmless: bool = False

    @property
    def hint(self) -> bool:
        """Does it rest on too few pictures to be sure?"""
        return self.pictures < self.few

    @property
    def mild(self) -> bool:
        """Is it a hint, or something that harms little?"""
        return self.hint or self.harmless

    @property
    def sentence(self) -> str:
        """What is wrong, and whether that is certain."""
        if not self.hint:
            return self.said
        number = f"{self.pictures} picture{'s' if self.pictures != 1 else ''}"
        return f"{self.said} That is only a hint, as it rests on {number}."


@dataclass(frozen=True)
class Spot:
    """What a rule is about, in words: a layer, some of its units, a picture, or the whole model."""

    said: str
    layer: str | None = None
    units: tuple[int, ...] = ()
    sample: str | None = None

    def link(self, book: Book) -> str:
        """Its page on the site: that of the unit if it is one, otherwise of its layer or picture, otherwise of the model."""
        if self.layer in book.paged:
            unit = f"#u{self.units[0]}" if len(self.units) == 1 else ""
            return f"{book.slug}/layers/{book.slugs[self.layer or '']}.html{unit}"
        if self.sample in book.by_slug:
            return f"{book.slug}/pictures/{self.sample}.html"
        return f"{book.slug}/index.html"


@dataclass(frozen=True)
class Measured:
    """What a rule found: the value, and in words what it rests on; `value` is None if there is no evidence, and `on` says so.

    `spots` are all the places that break the rule.
    """

    value: float | None
    on: str
    spots: tuple[Spot, ...] = ()


def listed(units: tuple[int, ...]) -> str:
    """Units in words: "unit 3", "units 1, 4 and 2 more"."""
    more = f" and {len(units) - LISTED} more" if len(units) > LISTED else ""
    return f"unit{'s' if len(units) > 1 else ''} {', '.join(map(str, units[:LISTED]))}{more}"


@dataclass(frozen=True)
class Rule:
    """A threshold that `check` can hold a book to: an upper limit (`max_...`) or a lower limit (`min_...`).

    `share` values are 0..1 and shown in percent; `flag` is an option of the command that asks for a threshold of 0.
    """

    name: str
    help: str
    measure: Callable[[Book], Measured]
    share: bool = False
    default: float | None = None
    flag: str = ""

    def kept(self, value: float, threshold: float) -> bool:
        """Is the rule kept?"""
        return value <= threshold if self.name.startswith("max") else value >= threshold


Outcome = Literal["passed", "failed", "error"]


@dataclass(frozen=True)
class Broken:
    """A place that broke a rule: what it is, its layer, units and picture if it has them, and its page on the site."""

    said: str
    link: str
    layer: str | None = None
    units: tuple[int, ...] = ()
    sample: str | None = None


@dataclass(frozen=True)
class Result:
    """One rule held against the evidence; `link` is the page that shows it, `broken` names what broke it."""

    rule: str
    outcome: Outcome
    value: float | None
    threshold: float | None
    said: str
    link: str
    share: bool = False
    broken: tuple[Broken, ...] = ()


@dataclass(frozen=True)
class Shift:
    """A number that a section reports for two books, the older one first; None if it was not measured.

    `better` says which direction is good; changes up to `least` do not count. Shares are 0..1.
    """

    name: str
    old: float | None
    new: float | None
    better: Literal["higher", "lower"]
    share: bool = False
    least: float = 0.0

    @property
    def worse(self) -> bool:
        """Did it get worse?"""
        if self.old is None or self.new is None:
            return False
        by = self.old - self.new if self.better == "higher" else self.new - self.old
        return by > self.least


@dataclass(frozen=True)
class Units:
    """How the tiles of a section's units are presented: the heading of their sheet, and the fact that orders them.

    `number` is a field of the facts, `word` what it is called (nothing for a score), `prefix` goes before it. `exact`
    tiles are maps whose pixels must not be smoothed; `main` ones have the unit's short address (#u3). `beside` is a
    figure whose units are the ones to show with it. In a unit's dialog, `caption` is shown above its tile, and `rows` are
    further fields, with their names.
    """

    title: str
    number: str
    word: str = ""
    prefix: str = ""
    exact: bool = False
    main: bool = False
    beside: str = ""
    caption: str = ""
    rows: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class OwnPage:
    """A page that a section adds to a model: `block` of its template, below the model's folder at `path` (`name.md`)."""

    path: str
    title: str
    nav: str
    block: str
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SaidClass:
    """A class that a section has something to say about; `lone` ones get a page only if there are few of them."""

    index: int
    name: str
    wnid: str = ""
    lone: bool = False


@dataclass(frozen=True)
class Part:
    """A part of the one-file report: its anchor, its title in the table of contents, and what its template needs."""

    anchor: str
    title: str
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """A model's cell in a column of the table of several models: `value` orders it, `said` is shown."""

    column: str
    value: float
    said: str


@dataclass(frozen=True)
class Strip:
    """A row of a contact sheet: its title, and published files."""

    title: str
    files: tuple[str, ...]


Face = ShownFigure  # what stands for a picture on the model's page
