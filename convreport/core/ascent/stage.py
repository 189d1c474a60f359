"""Where a climb takes place: the side of its canvas and of its tile, and how a canvas is fed to the network."""

from dataclasses import dataclass
from typing import Any

from convreport.core.ascent.canvas import fitted, stride_of
from convreport.core.ascent.recipes import Recipe
from convreport.core.base.errors import ModelError
from convreport.core.network.card import ModelCard
from convreport.core.pictures.fitting import FREE_SIDE


@dataclass(frozen=True)
class Stage:
    """The geometry of one recipe on one layer ("" for the scores), in pixels.

    `canvas` is the side of what is optimized (of the last scale), `tile` the (height, width) shown of it, `judged` that of
    what is scored: the tile, or where the network might not take its size, more of the canvas. `fed` is what the network
    sees, where it takes one size only.
    """

    card: ModelCard
    recipe: Recipe
    canvas: int
    tile: tuple[int, int]
    judged: tuple[int, int]
    fed: tuple[int, int] | None = None

    @classmethod
    def fitted(cls, card: ModelCard, recipe: Recipe, layer: str) -> "Stage":
        """The canvas the recipe asks for; where it leaves the choice, one that suits the receptive field."""
        if recipe.size == 0:
            canvas, side = fitted(card, layer, recipe)
            whole = canvas - 2 * recipe.crop
            judged = side if side % stride_of(card, layer) == 0 else whole
            return cls(card, recipe, canvas, (side, side), (judged, judged))
        canvas = sides(recipe)[-1]
        side = canvas - 2 * recipe.trim
        return cls(card, recipe, canvas, (side, side), (canvas, canvas))

    @classmethod
    def of_input(cls, card: ModelCard, recipe: Recipe) -> "Stage":
        """The network's own input, for layers that take no other."""
        own = (card.input[0] or FREE_SIDE, card.input[1] or FREE_SIDE)
        return cls(card, recipe, max(own) + 2 * recipe.crop, own, own, own)

    def input_of(self, pictures: Any) -> Any:
        """What the network is fed for a batch of windows of canvases (n, side, side, channels)."""
        if self.fed is not None:
            pictures = centre(pictures, self.fed)
        return pictures if self.recipe.canvas == "raw" else preprocessed(self.card, pictures)


def preprocessed(card: ModelCard, pictures: Any) -> Any:
    """Network input from pictures in 0..1; ModelError for a preprocessing that no gradient passes."""
    try:
        return card.preprocessing.apply(pictures * 255)
    except Exception as error:
        raise ModelError(
            f"The preprocessing {card.preprocessing.function} cannot be run on tensors "
            f"({type(error).__name__}), so no gradient passes it.",
            "Write it with plain arithmetic (or keras.ops for a Keras model), and filters can be drawn too.",
        ) from error


def centre(pictures: Any, size: tuple[int, int]) -> Any:
    """The middle of canvases (n, height, width, channels), of that (height, width)."""
    top, left = ((int(pictures.shape[axis]) - size[axis - 1]) // 2 for axis in (1, 2))
    return pictures[:, top : top + size[0], left : left + size[1]]


def sides(recipe: Recipe) -> list[int]:
    """The side of the canvas at each scale of a recipe with a size of its own; of one that grows also what it ends with."""
    found = [recipe.size]
    for _ in range(recipe.scales if recipe.growth > 1 else recipe.scales - 1):
        found.append(int(found[-1] * recipe.growth))
    return found
