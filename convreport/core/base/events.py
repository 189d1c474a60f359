"""What a build tells the outside world: frozen values, handed to `emit`; what becomes of them is the listener's affair."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Something that happened."""


@dataclass(frozen=True)
class Warned(Event):
    """Something the user should know that stops nothing."""

    message: str
    hint: str = ""


@dataclass(frozen=True)
class ModelFound(Event):
    """The model is known; `remembered` says that it did not have to be loaded."""

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
    """The pictures are read; `skipped` of them could not be."""

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
    """What a budget reaches: so many patterns, some of so many layers still to be climbed, all of them at least at that
    preset, in about so many seconds.
    """

    patterns: int
    layers: int
    preset: str
    seconds: float


@dataclass(frozen=True)
class Hired(Event):
    """So many workers are being started, or those at an address are asked (0: as many as there are)."""

    count: int
    where: str


@dataclass(frozen=True)
class Drew(Event):
    """`count` more drawings of a section are done and stored; `subject` is the newest in words."""

    section: str
    count: int
    subject: str


@dataclass(frozen=True)
class SurveyStarted(Event):
    """All `total` examples are being shown to the network; `done` of them were before."""

    total: int
    done: int


@dataclass(frozen=True)
class Surveyed(Event):
    """`count` more examples were shown."""

    count: int


@dataclass(frozen=True)
class SurveyFinished(Event):
    """What the units of so many layers answer to so many examples is known."""

    pictures: int
    layers: int
    seconds: float


@dataclass(frozen=True)
class Failed(Event):
    """A drawing could not be made; the rest goes on. `trace` is for whoever mends it."""

    section: str
    subject: str
    reason: str
    trace: str = ""


@dataclass(frozen=True)
class ModelFailed(Event):
    """Of one of several models nothing could be drawn; the others go on."""

    model: str
    reason: str
    hint: str = ""


@dataclass(frozen=True)
class SectionFinished(Event):
    """A section is through."""

    section: str
    drawn: int
    reused: int
    failed: int
    seconds: float


@dataclass(frozen=True)
class SiteStarted(Event):
    """MkDocs is at work on so many pages."""

    pages: int


@dataclass(frozen=True)
class Built(Event):
    """The end of the story: where to look, and what it took."""

    site: str
    drawn: int
    reused: int
    failed: int
    seconds: float


Emit = Callable[[Event], None]
