"""The pictures of a build: the user's, or ours; those that fit the model, each with its true class where that is known."""

from collections.abc import Mapping

from convreport.builder.plan import Plan
from convreport.core.base import events
from convreport.core.base.errors import ImageError
from convreport.core.base.events import Emit
from convreport.core.network import classes
from convreport.core.network.card import ModelCard
from convreport.core.pictures import samples, truth
from convreport.core.pictures.fitting import planes_for, size_for
from convreport.core.pictures.sample import Picture, Sample
from convreport.demo import scenes


def look_at(plan: Plan, card: ModelCard, emit: Emit) -> tuple[ModelCard, tuple[Sample, ...]]:
    """The pictures, each with its true class where that is known; and the card, its classes named by folders if need be."""
    table = truth.read(plan.truth) if plan.truth else None
    reading = _read(plan, card, table, emit)
    named = classes.name_by_folders(card, reading.folders) if plan.images and table is None else card
    if named is not card:
        names = ", ".join(label.name for label in named.labels)
        emit(
            events.Warned(
                f"Named the classes after the picture folders, in alphabetical order: {names}.",
                "Use --labels FILE to be sure.",
            )
        )
    fitting, reason = [], None
    for sample in reading.samples:
        size = size_for(card.input, (sample.pixels.shape[0], sample.pixels.shape[1]))
        try:
            planes_for(sample, size, plan.fit, card.input[2])
        except ImageError as error:
            emit(events.Warned(f"Skipped {sample.name}: {error.message}."))
            reason = error
            continue
        fitting.append(sample)
    if reason is not None and not fitting:
        raise ImageError(f"{reason.message}; no picture fits.", reason.hint)
    return named, classes.settle(fitting, named, strict=table is not None)


def _read(plan: Plan, card: ModelCard, table: Mapping[str, str] | None, emit: Emit) -> samples.Reading:
    """The user's pictures; else the scenes for the demo, free photos for any other model."""
    if plan.at_hand.pictures:
        at_hand = tuple(samples.named_samples(plan.at_hand.pictures[: plan.max_images]))
        reading = samples.Reading(at_hand, (), len(plan.at_hand.pictures))
    elif plan.images:
        reading = samples.read(plan.images, plan.max_images, table)
    elif plan.model == "demo" and plan.at_hand.model is None:
        drawn = [scenes.scene(index, seed=scenes.SHOWN, size=3 * scenes.SIZE) for index in range(len(scenes.CLASSES))]
        named = samples.named_samples(
            Picture(scenes.CLASSES[one.label], one.pixels, said=scenes.CLASSES[one.label], mask=one.mask)
            for one in drawn[: plan.max_images]
        )
        reading = samples.Reading(tuple(named), (), len(drawn))
    else:
        reading = samples.natural(plan.max_images, gray=card.input[2] not in (1, 3))
        if card.input[2] not in (1, 3):
            emit(
                events.Warned(
                    f"The sample photos are shown to {card.name} in gray, the same in all {card.input[2]} channels.",
                    "Give pictures of your own with --images (.npy, .npz, .tif).",
                )
            )
    for name, reason in reading.skipped:
        emit(events.Warned(f"Skipped {name}: {reason}."))
    if plan.images and reading.found > len(reading.samples) + len(reading.skipped):
        emit(
            events.Warned(
                f"Took {len(reading.samples)} of {reading.found} pictures, evenly.", "--max-images N takes more."
            )
        )
    emit(events.SamplesRead(len(reading.samples), len(reading.skipped)))
    return reading
