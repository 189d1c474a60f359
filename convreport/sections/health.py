"""Which units are not well."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from convreport.core.drawing.figures import Drawing, PageKind, Subject
from convreport.core.drawing.scope import Scope
from convreport.core.seam import Network
from convreport.core.survey import health
from convreport.sections import section
from convreport.sections.base import Asked
from convreport.sections.examples import Examples, survey, survey_key, surveyed_layers


@section
@dataclass(frozen=True)
class Health:
    """Units in health: silent, constant, always-on, saturated and near-duplicate ones among all units of a layer."""

    name: ClassVar[str] = "health"
    page: ClassVar[PageKind] = "layer"
    batch: ClassVar[int] = 4096
    shaped_by: ClassVar[tuple[str, ...]] = (
        *Examples.shaped_by, "convreport.core.survey.health", "convreport.core.network.kernels",
        "convreport.core.network.circuits",
    )  # fmt: skip
    asks: ClassVar[tuple[Asked, ...]] = ("observe", "kernels")
    of_examples: ClassVar[bool] = True

    def subjects(self, scope: Scope) -> Sequence[Subject]:
        """The chosen layers that are stacks of maps."""
        return [Subject(layer=layer.path) for layer in surveyed_layers(scope)]

    def key(self, subject: Subject, scope: Scope) -> Mapping[str, Any]:
        """The layer and all below it, all the examples, and how pictures are fed."""
        return survey_key(subject, scope)

    def group(self, subject: Subject) -> Hashable:
        """One pass for all."""
        return None

    def silence(self, scope: Scope) -> str:
        """Why there is nothing to measure; nothing where filters says it already."""
        return ""

    def draw(self, batch: Sequence[Subject], scope: Scope, net: Network) -> Sequence[Drawing]:
        """The numbers of the units that are not well, of each layer."""
        surveyed = survey(scope, net)
        found = [scope.card.layer(one.layer or "") for one in batch]
        return [Drawing((), health.of_layer(scope.card, layer, surveyed.of(layer.path))) for layer in found]
