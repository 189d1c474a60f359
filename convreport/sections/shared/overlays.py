"""Heatmaps laid over their pictures."""

import numpy as np

from convreport.core.base.kinds import Array, Pixels
from convreport.core.drawing.scope import Scope
from convreport.core.explain import saliency
from convreport.core.pictures import colour, pixels
from convreport.core.pictures.fitting import fit_of, size_for
from convreport.core.pictures.sample import Sample

STRENGTH = {"inferno": 0.75, "viridis": 0.75, "jet": 0.4}


def heat_layer(cells: Array, sample: Sample, picture: Pixels, scope: Scope, colormap: str) -> Pixels:
    """The heatmap as RGBA: as opaque as it is hot, so that cold places show the picture; jet covers all, as in the book."""
    size = size_for(scope.card.input, (sample.pixels.shape[0], sample.pixels.shape[1]))
    how = fit_of((picture.shape[0], picture.shape[1]), size, scope.fit)
    heat = np.clip(how.back(saliency.shares(cells)), 0, 1)
    painted = colour.paint((heat * 255 + 0.5).astype(np.uint8), colormap)
    alpha = np.full(heat.shape, 255) if colormap == "jet" else heat * 255
    return np.dstack([painted, alpha.astype(np.uint8)])


def small_overlay(heat: Array, sample: Sample, picture: Pixels, scope: Scope) -> Pixels:
    """A small copy of a sample with a heatmap over it."""
    size = size_for(scope.card.input, (sample.pixels.shape[0], sample.pixels.shape[1]))
    how = fit_of((picture.shape[0], picture.shape[1]), size, scope.fit)
    levels = (np.clip(how.back(saliency.shares(heat)), 0, 1) * 255 + 0.5).astype(np.uint8)
    layer = np.dstack([colour.paint(levels, "inferno"), levels])
    return pixels.blend(picture, layer, STRENGTH["inferno"])
