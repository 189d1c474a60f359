"""Snapshots -> one page: a slider over epochs, film strips, and curves of health."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from convreport import __version__
from convreport.core.base import assets
from convreport.core.base.errors import UsageError
from convreport.core.base.files import write_atomically
from convreport.core.base.kinds import Pixels
from convreport.core.comparing import snapshot
from convreport.core.comparing.alignment import LEAST, cka
from convreport.core.comparing.snapshot import Snapshot, Watched
from convreport.core.pictures import pixels
from convreport.site import templating, viewer

FRAMES = 12  # of a film strip
SETTLED = 0.95  # CKA with the last epoch from which a layer has settled
KERNEL = 32  # pixels of a kernel
WIDE, HIGH = 300, 90  # of a plot, in its own units


@dataclass(frozen=True)
class Curve:
    """A line of a plot: its name, its first and last value, and its points as SVG has them."""

    name: str
    first: float
    last: float
    points: str


@dataclass(frozen=True)
class Plot:
    """Some curves over epochs on one scale, from `low` to `high`."""

    title: str
    said: str
    low: float
    high: float
    curves: tuple[Curve, ...]


def write(folder: Path, to: Path | None) -> tuple[Path, int]:
    """Write the page of a training; where, and of how many snapshots. UsageError where there are none."""
    watched, kept = snapshot.read(folder)
    place = to or folder / "index.html"
    try:
        write_atomically(place, page(watched, kept).encode())
    except OSError as error:
        raise UsageError(f"{place} cannot be written ({error.strerror}).", "Name another place with -o.") from None
    return place, len(kept)


def page(watched: Watched, kept: Sequence[Snapshot]) -> str:
    """The page as HTML that refers to nothing outside."""
    moments = [
        {
            "epoch": one.epoch, "logs": {name: round(value, 4) for name, value in one.logs.items()},
            "answers": [f"{answer.name} {answer.probability:.0%}" for answer in one.answers],
            "patterns": {path: _sheet(tiles) for path, tiles in one.patterns.items()},
            "first": _sheet(_enlarged(one.kernels)) if one.kernels is not None else "",
            "silent": {path: list(layer.silent) for path, layer in one.layers.items()},
            "units": {path: layer.units for path, layer in one.layers.items()},
        }
        for one in kept
    ]  # fmt: skip
    scene = {
        "watched": watched, "moments": moments, "films": _films(watched, kept), "plots": _plots(kept),
        "data": Markup(viewer.as_json({"moments": moments, "pictures": watched.pictures})),
        "events": _events(kept), "cost": sum(one.seconds for one in kept), "version": __version__,
        "style": Markup((assets.folder("site_src") / "docs/assets/convreport.css").read_text("utf-8")),
    }  # fmt: skip
    return templating.rendered(templating.environment(None), "watch.html", scene)


def _films(watched: Watched, kept: Sequence[Snapshot]) -> list[dict[str, Any]]:
    """A row a unit: its pattern through the epochs, at most FRAMES of them, evenly."""
    found = []
    for path, units in watched.layers.items():
        drawn = [one for one in kept if path in one.patterns and len(one.patterns[path]) == len(units)]
        some = _evenly(drawn)
        rows = [
            {"unit": unit, "source": _address(np.concatenate([one.patterns[path][place] for one in some], 1))}
            for place, unit in enumerate(units)
            if some
        ]
        if rows:
            found.append({"layer": path, "epochs": [one.epoch for one in some], "rows": rows})
    kernels = [one for one in kept if one.kernels is not None]
    if kernels:
        some = _evenly(kernels)
        sheet = np.concatenate([_column(_enlarged(one.kernels)) for one in some if one.kernels is not None], 1)
        found.append(
            {
                "layer": "kernels of the first convolution",
                "epochs": [one.epoch for one in some],
                "rows": [{"unit": None, "source": _address(sheet)}],
            }
        )
    return found


def _evenly(kept: Sequence[Snapshot]) -> list[Snapshot]:
    """At most FRAMES of them, the first and the last among them."""
    places: Any = np.linspace(0, len(kept) - 1, min(FRAMES, len(kept))).round().astype(int) if kept else []
    return [kept[place] for place in dict.fromkeys(int(place) for place in places)]


def settling(kept: Sequence[Snapshot]) -> dict[str, list[float | None]]:
    """Of each layer its CKA with the last epoch, snapshot by snapshot; None where it tells no pictures apart."""
    last = kept[-1].grams
    return {
        path: [
            cka(one.grams[path], last[path]) if path in one.grams and len(last[path]) >= LEAST else None for one in kept
        ]
        for path in last
    }


def _events(kept: Sequence[Snapshot]) -> list[str]:
    """When units died and when layers settled, in sentences."""
    said = []
    for path, values in settling(kept).items():
        known = [value is not None and value >= SETTLED for value in values]
        if known and known[-1] and len(known) > 1:
            began = next(place for place in range(len(known)) if all(known[place:]))
            if began == len(known) - 1:
                said.append(f"{path} had not settled before the last epoch.")
                continue
            said.append(f"{path} had settled after epoch {kept[began].epoch} (CKA with the last at least {SETTLED:g}).")
    for path, layer in kept[-1].layers.items():
        died: dict[int, list[int]] = {}
        for unit in layer.silent:
            silent = [unit in one.layers[path].silent for one in kept if path in one.layers]
            died.setdefault(next(place for place in range(len(silent)) if all(silent[place:])), []).append(unit)
        for began, units in sorted(died.items()):
            when = f"from epoch {kept[began].epoch} on" if began else "from the beginning"
            some = f"units {', '.join(map(str, units))} answer" if len(units) > 1 else f"unit {units[0]} answers"
            said.append(f"{path}: {some} nothing {when}.")
    return said


def _plots(kept: Sequence[Snapshot]) -> list[Plot]:
    epochs = [one.epoch for one in kept]
    names = list(dict.fromkeys(name for one in kept for name in one.logs))
    logs = {name: [one.logs.get(name) for one in kept] for name in names}
    losses = {name: values for name, values in logs.items() if "loss" in name}
    shares = {name: values for name, values in logs.items() if name.removeprefix("val_") in ("accuracy", "acc")}
    layers = list(kept[-1].layers)
    silent = {
        path: [len(one.layers[path].silent) / one.layers[path].units if path in one.layers else None for one in kept]
        for path in layers
    }
    change = {path: [one.layers[path].change if path in one.layers else None for one in kept] for path in layers}
    made = [
        _plot("Accuracy", "", shares, epochs, 0.0, 1.0),
        _plot("Loss", "", losses, epochs, 0.0, None),
        _plot("Silent units", "The share of units that respond to none of the pictures.", silent, epochs, 0.0, None),
        _plot(
            "CKA to the last epoch",
            "At 1 the layer tells pictures apart as it does in the end.",
            settling(kept),
            epochs,
            0.0,
            1.0,
        ),
        _plot(
            "Change of weights",
            "Of the kernel that makes a layer, relative to where it began.",
            change,
            epochs,
            0.0,
            None,
        ),
    ]
    return [one for one in made if one is not None]


def _plot(
    title: str,
    said: str,
    series: Mapping[str, Sequence[float | None]],
    epochs: Sequence[int],
    low: float,
    high: float | None,
) -> Plot | None:
    known = {
        name: [(epoch, value) for epoch, value in zip(epochs, values, strict=True) if value is not None]
        for name, values in series.items()
    }
    known = {name: points for name, points in known.items() if points}
    if not known:
        return None
    top = high if high is not None else max(value for points in known.values() for _, value in points)
    low = min([low, *(value for points in known.values() for _, value in points)])
    span, length = (top - low) or 1.0, (epochs[-1] - epochs[0]) or 1
    curves = []
    for name, points in known.items():
        drawn = " ".join(
            f"{(epoch - epochs[0]) / length * WIDE:.1f},{HIGH - (min(value, top) - low) / span * HIGH:.1f}"
            for epoch, value in points
        )
        curves.append(Curve(name, points[0][1], points[-1][1], drawn))
    return Plot(title, said, low, low + span, tuple(curves))


def _enlarged(tiles: Pixels) -> Pixels:
    return np.stack([pixels.enlarge(one, KERNEL) for one in tiles])


def _column(tiles: Pixels) -> Pixels:
    return pixels.tile(tiles[:8], 1, margin=1)


def _sheet(tiles: Pixels) -> str:
    return _address(pixels.tile(tiles, min(len(tiles), 8), margin=2, ground=(128, 128, 128)))


def _address(picture: Pixels) -> str:
    """A picture as an address that holds it."""
    return "data:image/webp;base64," + base64.b64encode(pixels.encode(picture, "pattern", 80)).decode()
