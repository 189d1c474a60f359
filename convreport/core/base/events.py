"""What a build reports to the outside: frozen values, passed to `emit`; what to do with them is up to the listener."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Something that happened."""


@dataclass(frozen=True)
class Warned(Event):
    """Something the user should know that does not stop the build."""

    message: str
    hint: str = ""


@dataclass(frozen=True)
class ModelFound(Event):
    """The model is known; `remembered`: it did not have to be loaded."""

    name: str
    origin: str
    layers: int
    params: int
    preprocessing: str
    remembered: bool


@dataclass(frozen=True)
class ModelLoading(Event):
    """The framework is being imported and the model loaded."""

    name: str


@dataclass(frozen=True)
class SamplesRead(Event):
    """The pictures have been read; `skipped` of them could not be."""

    count: int
    skipped: int


@dataclass(frozen=True)
class SectionStarted(Event):
    """A section has `total` drawings, of which `reused` are in the store."""

    section: str
    total: int
    reused: int


@dataclass(frozen=True)
class Forecast(Event):
    """What a budget allows: this many patterns in this many layers remain to be optimized, all at least at this preset, in
    about this many seconds.
    """

    patterns: int
    layers: int
    preset: str
    seconds: float


@dataclass(frozen=True)
class Hired(Event):
    """`count` workers are being started, or those at an address are asked (0: as many as there are)."""

    count: int
    where: str


@dataclass(frozen=True)
class Drew(Event):
    """`count` more drawings of a section are done and stored; `subject` describes the latest."""

    section: str
    count: int
    subject: str


@dataclass(frozen=True)
class SurveyStarted(Event):
    """All `total` examples are being shown to the network; `done` of them already were."""

    total: int
    done: int


@dataclass(frozen=True)
class Surveyed(Event):
    """`count` more examples were shown."""

    count: int


@dataclass(frozen=True)
class SurveyFinished(Event):
    """The responses of the units of these `layers` to the examples are known."""

    pictures: int
    layers: int
    seconds: float


@dataclass(frozen=True)
class Failed(Event):
    """A drawing could not be made; the rest goes on. `trace` is for whoever fixes it."""

    section: str
    subject: str
    reason: str
    trace: str = ""


@dataclass(frozen=True)
class ModelFailed(Event):
    """Nothing could be drawn for one of several models; the others go on."""

    model: str
    reason: str
    hint: str = ""


@dataclass(frozen=True)
class SectionFinished(Event):
    """A section is done."""

    section: str
    drawn: int
    reused: int
    failed: int
    seconds: float


@dataclass(frozen=True)
class SiteStarted(Event):
    """MkDocs is building the site from `pages` files."""

    pages: int


@dataclass(frozen=True)
class Built(Event):
    """The end of the build: where to look, and what it took."""

    site: str
    drawn: int
    reused: int
    failed: int
    seconds: float


Emit = Callable[[Event], None]
