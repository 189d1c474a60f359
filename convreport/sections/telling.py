"""What a section tells of a book beyond its drawings: lines, alerts, rules, pages, and parts of the report."""

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
    """Something that is wrong: one sentence without markup, and the pictures it rests on.

    `weight` orders alerts, the worst first; `units` are those of `layer` it speaks of, `label` the class. Below `few`
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
        """What is wrong, and whether that is sure."""
        if not self.hint:
            return self.said
        number = f"{self.pictures} picture{'s' if self.pictures != 1 else ''}"
        return f"{self.said} That is only a hint, as it rests on {number}."


@dataclass(frozen=True)
class Spot:
    """What a rule speaks of, in the words of a line: a layer, some units of it, a picture, or the whole model."""

    said: str
    layer: str | None = None
    units: tuple[int, ...] = ()
    sample: str | None = None

    def link(self, book: Book) -> str:
        """Its page on the site: that of the unit where it is one, else of its layer or picture, else of the model."""
        if self.layer in book.paged:
            unit = f"#u{self.units[0]}" if len(self.units) == 1 else ""
            return f"{book.slug}/layers/{book.slugs[self.layer or '']}.html{unit}"
        if self.sample in book.by_slug:
            return f"{book.slug}/pictures/{self.sample}.html"
        return f"{book.slug}/index.html"


@dataclass(frozen=True)
class Measured:
    """What a rule found: the value, in words on what it rests; `value` None where there is no evidence, said in `on`.

    `spots` are all the places that count against the rule.
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
    """A threshold that `check` can hold a book to. It is kept by values up to it (`max_...`) or from it on (`min_...`).

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
    """A place that broke a rule: what it is, its layer, units and picture where it has them, and its page of the site."""

    said: str
    link: str
    layer: str | None = None
    units: tuple[int, ...] = ()
    sample: str | None = None


@dataclass(frozen=True)
class Result:
    """One rule held against the evidence; `link` is the page of the site that shows it, `broken` names what broke it."""

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
    """A number that a section tells of two books, the older one first; None where it was not measured.

    `better` says which way is good; changes below `least` are none. Shares are 0..1.
    """

    name: str
    old: float | None
    new: float | None
    better: Literal["higher", "lower"]
    share: bool = False
    least: float = 0.0

    @property
    def worse(self) -> bool:
        """Has it become worse?"""
        if self.old is None or self.new is None:
            return False
        by = self.old - self.new if self.better == "higher" else self.new - self.old
        return by > self.least


@dataclass(frozen=True)
class Units:
    """How the tiles of a section's units are told: the heading of their sheet, and the fact that orders them.

    `number` is a field of the facts, `word` what it is called (nothing for a score), `prefix` stands before it. `exact`
    tiles are maps whose pixels must stay what they are; `main` ones have the unit's short address (#u3). `beside` is a
    figure whose units are the ones to show with it. In the dialog of a unit `caption` stands above its tile, and `rows` are
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
    """A class that a section has something to say of; `lone` ones get a page only while there are few of them."""

    index: int
    name: str
    wnid: str = ""
    lone: bool = False


@dataclass(frozen=True)
class Part:
    """A part of the one-file report: where its heading is, what stands in the table of contents, and what it needs."""

    anchor: str
    title: str
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """What stands of a model in a column of the table of many: `value` orders it, `said` is shown."""

    column: str
    value: float
    said: str


@dataclass(frozen=True)
class Strip:
    """A row of a contact sheet: its title, and published files."""

    title: str
    files: tuple[str, ...]


Face = ShownFigure  # what stands for a picture on the model's page
