"""The model of a build: from what the plan says of it to a card, and to a way to the network behind it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from convreport.book.folder import Atlas
from convreport.builder.plan import Plan
from convreport.core.base import amounts, events
from convreport.core.base.events import Emit
from convreport.core.base.numbers import unheard
from convreport.core.network import labels, notes
from convreport.core.network.card import ModelCard
from convreport.core.seam import Means, Network
from convreport.engines.base import Loaded
from convreport.engines.choose import engine_of
from convreport.engines.code import shape, versions
from convreport.engines.memory import Memory
from convreport.engines.request import Request

Opener = Callable[[], Network]


def request_of(plan: Plan) -> Request:
    """What a plan says of its model."""
    said = tuple((name, value) for name, _, value in (pair.partition("=") for pair in plan.input))
    return Request(
        source=plan.model,
        name=plan.name,
        weights=plan.weights,
        preprocess=plan.preprocess,
        seed=plan.seed,
        arch=plan.arch,
        top=not plan.no_top,
        custom=plan.custom,
        unsafe=plan.unsafe,
        inputs=(*said, *plan.at_hand.inputs),
        output=plan.output,
        input_shape=amounts.shape(plan.input_shape) if plan.input_shape else None,
        labels=plan.at_hand.labels or (labels.read(plan.labels) if plan.labels else ()),
        live=plan.at_hand.model,
        function=plan.at_hand.preprocess,
    )


@unheard()
def load(plan: Plan) -> Loaded:
    """The plan's model loaded anew, whatever is remembered of it."""
    request = request_of(plan)
    return engine_of(request).load(request)


def means_of(plan: Plan, atlas: Atlas) -> Means:
    """What the network of a build may use."""
    return Means(plan.precision, atlas.cache / "precision.json", plan.memory)


def name_of(plan: Plan) -> str:
    """The model's name in the atlas; UsageError or ModelError for no such model."""
    request = request_of(plan)
    return engine_of(request).name_of(request)


@dataclass(frozen=True)
class Found:
    """A model: its card, a way to its network, and a way to the files it is made from."""

    card: ModelCard
    network: Opener
    files: Callable[[], Sequence[Path]]


def find(plan: Plan, atlas: Atlas, emit: Emit, unknown: Callable[[], None] = lambda: None) -> Found:
    """The card, from memory if this model was seen before; and a way to open the network when it is needed.

    Its place in the atlas is claimed for it; UsageError where another source has it. `unknown` is called before a model is
    opened that was not seen before.
    """
    request = request_of(plan)
    engine = engine_of(request)
    memory = Memory(atlas.cache / "models.json", [shape(engine.name, ["card"]), versions(engine.name)])

    @cache
    def loaded() -> Loaded:
        emit(events.ModelLoading(engine.name_of(request)))
        found = engine.load(request)
        memory.remember(request, found.card, found.files)
        return found

    @cache
    def network() -> Network:
        return loaded().network(means_of(plan, atlas))

    def files() -> Sequence[Path]:
        return memory.files(request) if request.memorable else loaded().files

    remembered = memory.recall(request)
    if remembered is None:
        unknown()
    card = remembered or loaded().card
    atlas.claim(card.slug, card.name, engine.identity(request))
    _tell(card, emit, remembered=remembered is not None)
    return Found(card, network, files)


def _tell(card: ModelCard, emit: Emit, *, remembered: bool) -> None:
    preprocessing = f"{card.preprocessing.words} ({card.preprocessing.why})"
    emit(events.ModelFound(card.name, card.origin, len(card.layers), card.params, preprocessing, remembered))
    for note in notes.of(card):
        emit(events.Warned(note))
