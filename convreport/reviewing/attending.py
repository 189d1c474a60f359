"""Where the evidence lies before and after, picture by picture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np

from convreport.book.comparison.values import Attention, Look, Shown
from convreport.core.base.kinds import Array
from convreport.core.base.numbers import short
from convreport.core.comparing.attention import shift
from convreport.core.explain import saliency
from convreport.core.network import layers
from convreport.core.network.card import LayerInfo
from convreport.core.pictures import pixels
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Targets
from convreport.reviewing.judged import Judged
from convreport.reviewing.sides import Side
from convreport.sections.shared.overlays import small_overlay

MOST_LOOKED = 24  # pictures whose heatmaps are compared
MOST_FLIPS = 12  # of them such whose decision changed
MOST_SHOWN = 9  # largest shifts that are shown
TOGETHER = 4  # pictures a look, whose answers of all layers are held for the gradients
SIDE = 224  # pixels of an overlay
SHIFTED = 0.9  # rank correlation, or overlap, from which a heatmap has not moved


@dataclass(frozen=True)
class Seen:
    """One picture: its heatmaps for one class on both sides, and for what each side said."""

    number: int
    sample: Sample
    label: str
    same: tuple[Array, Array]
    own: tuple[Array, Array]


class Attending:
    """Looks at the pictures that changed, and at some others."""

    def __init__(self, old: Side, new: Side, judged: Judged) -> None:
        self._sides, self._judged = (old, new), judged
        self.layers = [_cam_layer(side) for side in self._sides]

    @property
    def possible(self) -> bool:
        """Have both a map to look at, and classes of whole pictures?"""
        return all(layer is not None for layer in self.layers) and not any(side.card.dense for side in self._sides)

    def look(self) -> list[Seen]:
        """The heatmaps of the pictures chosen, flips first."""
        examples = self._sides[1].scope.examples
        assert examples is not None
        numbers = self._chosen(examples.count)
        read = {
            number: sample
            for number, sample in zip(numbers, examples.samples(numbers), strict=True)
            if sample is not None
        }
        asked = {number: self._classes(number) for number in read}
        heats = [dict(self._heats(place, read, asked)) for place in (0, 1)]
        found = []
        for number, sample in read.items():
            label, indices = asked[number]
            first, second = heats[0][number], heats[1][number]
            same = first[indices[0][0]], second[indices[1][0]]
            own = first[indices[0][1]], second[indices[1][1]]
            found.append(Seen(number, sample, label, same, own))
        return found

    def _chosen(self, count: int) -> list[int]:
        """Some flips, right to wrong first, and others at random."""
        flips = self._judged.flips[:MOST_FLIPS]
        usable = [int(number) for number in np.flatnonzero(self._judged.both) if number not in set(flips)]
        others = np.random.default_rng(count).permutation(usable)[: MOST_LOOKED - len(flips)]
        return [*flips, *sorted(int(number) for number in others)]

    def _classes(self, number: int) -> tuple[str, list[tuple[int, int]]]:
        """The class whose evidence is compared (the true one, else what the old side said), and of each side its index and
        that of what it said itself.
        """
        judged = self._judged
        label = str(judged.truth[number]) if judged.known[number] else str(judged.said[0][number])
        found = []
        for answers in (judged.old, judged.new):
            names = [answers.card.label(index).name for index in range(answers.card.classes)]
            said = int(answers.said[number])
            found.append((names.index(label) if label in names else said, said))
        return label, found

    def _heats(
        self, place: int, read: dict[int, Sample], asked: dict[int, tuple[str, list[tuple[int, int]]]]
    ) -> Iterator[tuple[int, dict[int, Array]]]:
        """(number, heatmap by class) of one side, some pictures at a time."""
        side, layer = self._sides[place], self.layers[place]
        assert layer is not None
        groups: dict[tuple[object, ...], list[int]] = {}
        free = None in side.card.input[:2]
        for number in asked:
            groups.setdefault((read[number].raw, number if free else 0), []).append(number)
        for numbers in groups.values():
            for first in range(0, len(numbers), TOGETHER):
                some = numbers[first : first + TOGETHER]
                wanted = tuple(asked[number][1][place] for number in some)  # two classes of every picture
                look = side.network().look(
                    [read[one] for one in some], [layer.path], fit=side.scope.fit, targets=Targets(each=wanted)
                )
                for row, number in enumerate(some):
                    maps = look.activations[layer.path][row], look.gradients[layer.path][row]
                    yield number, {one: saliency.gradcam(maps[0], maps[1][at]) for at, one in enumerate(wanted[row])}

    def told(self, seen: Sequence[Seen], name: "Namer", pictures: dict[str, bytes]) -> Attention | None:
        """How far the evidence moved; the largest shifts are drawn into `pictures`."""
        if not seen or self.layers[0] is None or self.layers[1] is None:
            return None
        moved = [(one, *shift(*one.same)) for one in seen]
        moved.sort(key=lambda one: (one[1] + one[2], one[0].number))
        looks: list[Look] = []
        for one, correlation, overlap in moved:
            far = min(correlation, overlap) < SHIFTED and len([1 for look in looks if look.overlays]) < MOST_SHOWN
            overlays = self.overlays(one, one.same, (one.label, one.label), "look", pictures) if far else None
            looks.append(Look(name(one.number), one.label, round(correlation, 4), round(overlap, 4), overlays))
        means = [short(np.mean([one[place] for one in moved])) for place in (1, 2)]
        return Attention((self.layers[0].path, self.layers[1].path), len(moved), means[0], means[1], tuple(looks))

    def overlays(
        self, seen: Seen, heats: tuple[Array, Array], labels: tuple[str, str], word: str, pictures: dict[str, bytes]
    ) -> tuple[Shown, Shown]:
        """The picture with the evidence laid over it, old and new."""
        thumb = pixels.fit_within(pixels.published(seen.sample.pixels), SIDE)
        made = []
        for side, heat, label, age in zip(self._sides, heats, labels, ("old", "new"), strict=True):
            picture = small_overlay(heat, seen.sample, thumb, side.scope)
            file = f"figures/{word}-{seen.number}-{age}.webp"
            pictures[file] = pixels.encode(picture, "photo", 82)
            alt = f"Where {side.card.name} sees evidence for {label.replace('_', ' ')} in {seen.sample.name}"
            made.append(Shown(file, (picture.shape[0], picture.shape[1]), alt))
        return made[0], made[1]


class Namer:
    """The names of pictures, by their numbers."""

    def __init__(self, side: Side) -> None:
        self._examples = side.scope.examples

    def __call__(self, number: int) -> str:
        """A picture's name."""
        assert self._examples is not None
        return self._examples.name(number)


def _cam_layer(side: Side) -> LayerInfo | None:
    """The map that the sections of its atlas look at: whichever has a say in --cam-layer, else the usual one."""
    for section in side.studio.plan.sections:
        for field in fields(cast(Any, section)):
            wanted = str(getattr(section, field.name))
            if (
                field.metadata.get("word") == "cam_layer"
                and wanted
                and any(one.path == wanted for one in side.card.layers)
            ):
                return layers.cam_layer(side.card, wanted)
    return layers.cam_layer(side.card)
