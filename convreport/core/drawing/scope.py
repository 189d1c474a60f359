"""What an atlas covers."""

from dataclasses import dataclass

from convreport.core.ascent.recipes import Recipe
from convreport.core.base.kinds import Precision
from convreport.core.network.card import LayerInfo, ModelCard
from convreport.core.network.units import UnitChoice
from convreport.core.pictures.sample import Sample
from convreport.core.survey.examples import Examples


@dataclass(frozen=True)
class Scope:
    """What this atlas covers: the card, the layers the user chose (None: each section's own), units and samples.

    `recipes` are the user's own, `precision` what ascents were asked to compute in, `examples` the pictures among which
    units find what they answer to.
    """

    card: ModelCard
    samples: tuple[Sample, ...]
    units: UnitChoice
    seed: int
    chosen: tuple[LayerInfo, ...] | None = None
    fit: str = "stretch"
    precision: Precision = "auto"
    recipes: tuple[Recipe, ...] = ()
    examples: Examples | None = None

    def sample(self, slug: str) -> Sample:
        """The sample of that slug; KeyError if there is none."""
        for sample in self.samples:
            if sample.slug == slug:
                return sample
        raise KeyError(slug)
