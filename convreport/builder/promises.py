"""What a build would draw of a model, before anything is drawn."""

from convreport.builder import gallery
from convreport.builder.plan import Plan
from convreport.core.drawing.scope import Scope
from convreport.core.network import layers, units
from convreport.core.network.card import ModelCard
from convreport.core.pictures import samples


def promises(plan: Plan, card: ModelCard) -> list[tuple[str, str]]:
    """(section, what it would draw of this model for one picture, or why it would not)."""
    one = samples.natural(1).samples
    chosen = layers.choose(card, plan.layers)
    some = gallery.gallery(plan, one, plan.out, lambda event: None)
    scope = Scope(card, one, units.parse(plan.filters), plan.seed, chosen, plan.fit, plan.precision, plan.recipes, some)
    found = []
    for section in plan.sections:
        subjects = section.subjects(scope)
        shown = list(dict.fromkeys(subject.layer for subject in subjects if subject.layer))
        where = f" on {', '.join(shown)}" if shown else ""
        number = f"{len(subjects)} drawing{'s' if len(subjects) != 1 else ''}"
        found.append((section.name, f"{number}{where}" if subjects else section.silence(scope)))
    return found
