"""What units answered to all examples, as sections ask for it: one pass for all of them."""

from typing import Any

from convreport.core.drawing.figures import Subject
from convreport.core.drawing.scope import Scope
from convreport.core.network import layers
from convreport.core.network.card import LayerInfo
from convreport.core.seam import Network
from convreport.core.survey.examples import Survey

SHAPED_BY = (
    "convreport.core.survey.conduct", "convreport.core.survey.shards", "convreport.core.survey.tally",
    "convreport.core.survey.likeness",
    "convreport.core.pictures.fitting", "convreport.sections.shared.surveyed",
)  # fmt: skip


def surveyed_layers(scope: Scope) -> list[LayerInfo]:
    """The layers whose units are looked for among the examples; none where there are no examples."""
    return layers.shown(scope.card, scope.chosen) if scope.examples is not None and scope.examples.count else []


def survey(scope: Scope, net: Network) -> Survey:
    """What those layers answer to all examples; the pass is made once, whichever section asks first."""
    assert scope.examples is not None
    return scope.examples.survey(net, layers.paths(surveyed_layers(scope)), scope.fit)


def survey_key(subject: Subject, scope: Scope) -> dict[str, Any]:
    """What shapes everything that a survey says of a layer, as JSON."""
    assert scope.examples is not None
    return {
        "layer": scope.card.layer(subject.layer or "").digest,
        "examples": scope.examples.digest,
        "input": scope.card.input,
        "preprocessing": scope.card.preprocessing.key,
        "fit": scope.fit,
    }
