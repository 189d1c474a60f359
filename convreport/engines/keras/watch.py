"""Training, watched: a Keras callback that keeps a small snapshot of the model after every epoch."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from convreport.core.ascent import recipes
from convreport.core.ascent.objectives import channel
from convreport.core.base.errors import ConvreportError, ImageError
from convreport.core.base.kinds import Array, Pixels
from convreport.core.base.numbers import short
from convreport.core.comparing import answers, snapshot
from convreport.core.comparing.alignment import gram
from convreport.core.comparing.snapshot import Answer, OfLayer, Snapshot, Watched
from convreport.core.network import layers
from convreport.core.network.circuits import Circuits
from convreport.core.pictures import arrays, pixels, samples
from convreport.core.pictures.sample import Sample
from convreport.core.seam import Means, Network
from convreport.core.survey import health
from convreport.engines.keras import runtime
from convreport.engines.keras.engine import KerasEngine
from convreport.engines.request import Request

MOST_PICTURES = 64  # that are shown after every epoch
PATTERN = 48  # pixels of a pattern
SHARE = 0.05  # of the time of a training that snapshots may take
MOST_LAYERS = 12  # whose answers are kept
DRAWN_LAYERS = 2  # whose patterns are drawn where nothing is said


class Watcher:
    """Looks at a model while it is trained: opened once, asked after every epoch, and never changed."""

    def __init__(
        self, model: Any, folder: Path, images: Any, wanted: Sequence[str], units: int, preprocess: str
    ) -> None:
        loaded = KerasEngine().load(Request(source=str(model.name), live=model, preprocess=preprocess))
        card = loaded.card
        self._folder, self._card = folder, card
        self._net: Network = loaded.network(Means("float32"))
        self._samples = _samples(images)
        self._planes, self._raw = _planes(self._net, self._samples)
        chosen = layers.choose(card, wanted)
        drawn = layers.shown(card, chosen)[: None if wanted else DRAWN_LAYERS]
        some = list(dict.fromkeys([*layers.shown(card, chosen), *drawn]))[:MOST_LAYERS]
        self._layers = layers.paths(some)
        self._units = {one.path: tuple(range(min(units, one.units))) for one in drawn if units}
        self._painters = {path: loaded.network(Means("float32")) for path in self._units}
        self._recipe = replace(recipes.find("fourier", "draft"), smallest=PATTERN, largest=PATTERN)
        circuits = Circuits(card)
        makers = {path: circuits.maker(path) for path in self._layers}
        self._makers = {path: maker for path, maker in makers.items() if maker is not None}
        self._first: dict[str, Array] = {}
        snapshot.begin(
            folder,
            Watched(
                card.name, self._units or dict.fromkeys(self._layers, ()), tuple(one.name for one in self._samples)
            ),
        )

    def keep(self, epoch: int, logs: Mapping[str, float], *, patterns: bool) -> float:
        """Keep a snapshot; the seconds it took."""
        started = time.monotonic()
        asked = dict.fromkeys((*self._layers, *((self._card.end,) if answers.read_off(self._card) else ())))
        seen = self._net.observe(self._planes, list(asked), raw=self._raw)
        grams = {path: gram(seen[path].maps) for path in self._layers}
        told = {path: self._layer(path, seen[path]) for path in self._layers}
        drawn = self._patterns() if patterns else {}
        numbers = {name: float(value) for name, value in logs.items() if np.ndim(value) == 0}
        found = Snapshot(epoch, numbers, told, self._said(seen), 0.0, grams, drawn, self._kernels())
        snapshot.write(self._folder, replace(found, seconds=round(time.monotonic() - started, 3)))
        return time.monotonic() - started

    def _layer(self, path: str, seen: Any) -> OfLayer:
        """A unit is silent that answers nothing to all pictures: behind a ReLU nothing above zero, else always the same."""
        most, least = seen.most.max(0), seen.least.min(0)
        silent = (most <= 0) if health.gated(self._card, path) else (most == least)
        return OfLayer(len(most), tuple(int(unit) for unit in np.flatnonzero(silent)), self._change(path))

    def _change(self, path: str) -> float | None:
        """Of the kernel that makes these units."""
        kernel = self._net.kernel(self._makers[path]) if path in self._makers else None
        if kernel is None:
            return None
        first = self._first.setdefault(path, kernel.weights.copy())
        norm = float(np.linalg.norm(first))
        return short(np.linalg.norm(kernel.weights - first) / norm) if norm else None

    def _patterns(self) -> dict[str, Pixels]:
        """From the same noise every time."""
        drawn = {}
        for path, units in self._units.items():
            try:
                ascent = self._painters[path].ascend([channel(path, unit) for unit in units], self._recipe, 0)
            except ConvreportError:  # nothing can be climbed there; the rest is worth keeping
                continue
            drawn[path] = np.stack([pixels.in_colour(one) for one in ascent.pictures])
        return drawn

    def _kernels(self) -> Pixels | None:
        first = layers.first_convolution(self._card)
        if first is None:
            return None
        kernel = self._net.kernels(first.path)[..., :32]
        if kernel.shape[2] not in (1, 3):
            return None
        tiles = kernel.transpose(3, 0, 1, 2)
        low, high = tiles.min((1, 2, 3), keepdims=True), tiles.max((1, 2, 3), keepdims=True)
        even = (tiles - low) / np.where(high > low, high - low, 1)
        return np.stack([pixels.in_colour((one * 255 + 0.5).astype(np.uint8)) for one in even])

    def _said(self, seen: Mapping[str, Any]) -> tuple[Answer, ...]:
        if not answers.scores_classes(self._card):
            return ()
        if answers.read_off(self._card):
            chances = answers.probabilities(self._card, seen[self._card.end].maps)
        else:
            chances = self._net.answer(self._planes, raw=self._raw)[1]
        return tuple(Answer(self._card.label(int(row.argmax())).name, short(row.max())) for row in chances)


@cache
def callback() -> type[Any]:
    """The class `convreport.Watch`, which is one of Keras's callbacks."""
    runtime.tensorflow()
    import keras

    class Watch(keras.callbacks.Callback):  # type: ignore[misc]
        """Keeps a snapshot of a model in `folder` before the first epoch, after every `every` epochs, and at the end.

        `images` are files, folders or arrays, at most 64 of which are shown to the model each time (by default free photos);
        `layers` are globs or indices of the layers to watch, and `units` is how many of each get their patterns drawn.
        Snapshots take at most `share` of the training time; if there is no time for patterns, a snapshot goes without.
        `convreport watch-report FOLDER` makes a page from them. Problems are reported once and never end the training.
        """

        def __init__(
            self, folder: str | Path, every: int = 1, images: Any = None, layers: Sequence[str] = (), units: int = 4,
            preprocess: str = "auto", share: float = SHARE,
        ) -> None:  # fmt: skip
            super().__init__()
            self.folder = Path(folder)
            self.every = max(every, 1)
            self._asked = images, tuple(layers), units, preprocess
            self._share = share
            self._watcher: Watcher | None = None
            self._spent = self._whole = 0.0
            self._kept, self._drawn, self._epoch = -1, False, 0

        def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            """Before the first epoch that is trained: look at the model, and keep what it is."""
            if self._watcher is None and self._kept < 0:
                self._kept = epoch
                self._try(self._open, epoch)
                self._began = time.monotonic()

        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            """Keep a snapshot, with patterns where they cost no more than their share."""
            self._epoch = epoch + 1
            if self._epoch % self.every == 0:
                room = self._share * (time.monotonic() - self._began) - self._spent
                self._try(self._keep, self._epoch, logs or {}, self._whole <= room)

        def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
            """The last epoch always has a snapshot, and that patterns."""
            if self._kept >= 0 and (self._kept < self._epoch or not self._drawn):
                self._try(self._keep, max(self._kept, self._epoch), logs or {}, True)

        def _open(self, epoch: int) -> None:
            snapshot.forget_after(self.folder, epoch)
            self._watcher = Watcher(self.model, self.folder, *self._asked)
            self._keep(epoch, {}, True)
            self._spent = 0.0

        def _keep(self, epoch: int, logs: Mapping[str, Any], patterns: bool) -> None:
            if self._watcher is None:
                return
            whole = self._watcher.keep(epoch, logs, patterns=patterns)
            self._kept, self._drawn = epoch, patterns
            self._spent += whole
            if patterns:
                self._whole = whole

        def _try(self, act: Any, *given: Any) -> None:
            try:
                act(*given)
            except Exception as error:
                said = error.message if isinstance(error, ConvreportError) else f"{type(error).__name__}: {error}"
                print(f"\nconvreport.Watch stopped watching: {said}")
                self._watcher = None

    return Watch


def _samples(images: Any) -> list[Sample]:
    """Files, folders, globs, or arrays (n, height, width, channels) in 0..255; ImageError for anything else."""
    if images is None:
        return list(samples.natural(4).samples)
    if isinstance(images, str | Path):
        images = [images]
    if len(images) and all(isinstance(one, str | Path) for one in images):
        return list(samples.read([str(one) for one in images], MOST_PICTURES).samples)
    found = []
    for number, one in enumerate(list(images)[:MOST_PICTURES], 1):
        try:
            found.append(arrays.picture(f"picture {number}", np.asarray(one), samples.LONGEST))
        except ImageError as error:
            raise ImageError(f"picture {number}: {error.message}.", "Give arrays (height, width, channels).") from None
    return list(samples.named_samples(found))


def _planes(net: Network, shown: Sequence[Sample]) -> tuple[Array, bool]:
    """What the network reads of them, those of the first one's size and kind together."""
    read = [(net.read(sample, "stretch"), sample.raw) for sample in shown]
    same = [planes for planes, raw in read if (planes.shape, raw) == (read[0][0].shape, read[0][1])]
    return np.stack(same), read[0][1]
