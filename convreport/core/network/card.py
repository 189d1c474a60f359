"""What is to be known of a model without TensorFlow: its card, and its layers."""

from dataclasses import dataclass
from typing import Literal

from convreport.core.network.preprocessing import Preprocessing


@dataclass(frozen=True)
class Field:
    """The part of the input one cell of a feature map depends on, per axis (height, width), in input pixels.

    Cell i sees the pixels offset + i * stride ... offset + i * stride + size - 1. `whole` says that every cell sees the
    whole input (after global pooling, flattening, squeeze-and-excite): size and offset then mean nothing, and the stride
    is (0, 0) where no map is left. After upsampling neighbouring cells see shifted windows; then it is the smallest
    window that holds for all of them.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    offset: tuple[int, int]
    whole: bool = False


@dataclass(frozen=True)
class LayerInfo:
    """One layer as it stands in the network.

    `path` is unique and names nested layers with slashes; `shape` is the output's without the batch axis, channels last,
    None where the size is free; `grid` is (height, width) where the output is a row of tokens that were cut from a
    picture; `inputs` are the paths of the layers it reads; `digest` covers its own and all its ancestors' configuration
    and weights, so that a fine-tuned head leaves the digests below it alone. `reads_picture` is False in a branch that
    only sees the model's other inputs; `regrouped` where the first axis is no longer the pictures' (attention in windows).
    """

    path: str
    kind: str
    shape: tuple[int | None, ...]
    params: int
    trainable: int
    activation: str | None
    inputs: tuple[str, ...]
    kernel: tuple[int, ...] | None
    receptive_field: Field | None
    digest: str
    grid: tuple[int, int] | None = None
    reads_picture: bool = True
    regrouped: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def units(self) -> int:
        """The number of channels (of a feature map) or of neurons (of a dense layer)."""
        return int(self.shape[-1] or 0) if self.shape else 0

    @property
    def spatial(self) -> bool:
        """Is the output a stack of two-dimensional maps (height, width, channels), or tokens that fold into one?"""
        return not self.regrouped and (len(self.shape) == 3 or self.grid is not None)

    @property
    def map(self) -> tuple[int | None, int | None]:
        """Height and width of a spatial layer's maps."""
        return self.grid or (self.shape[0], self.shape[1])

    @property
    def rectified(self) -> bool:
        """Is the output never negative because a ReLU made it?"""
        return self.activation in ("relu", "relu6")


@dataclass(frozen=True)
class Label:
    """The name of a class, and its WordNet id where it has one."""

    name: str
    wnid: str = ""


@dataclass(frozen=True)
class Given:
    """An input beside the picture: it has the same value for every picture, said here in words."""

    name: str
    shape: tuple[int | None, ...]
    value: str


Head = Literal["softmax", "sigmoid", "binary", "logits", "regression", "none"]
Score = Literal["logit", "log-probability", "log-odds", "value"]
Layout = Literal["channels_last", "channels_first", "plane"]


@dataclass(frozen=True)
class ModelCard:
    """All that is known of a model without TensorFlow; remembered by the digest of its weights.

    `input` is the picture's (height, width, channels), None where the size is free; `layout` how the network wants it,
    a plane having no channel axis at all. `head` says what the explained output is: one of many classes ("softmax", or
    "logits" where no softmax is applied), any of many ("sigmoid"), one or the other ("binary", one sigmoid shown as two
    classes), numbers ("regression"), or nothing with classes ("none"). `dense`: it is a map of them. `classes` is the
    length of the score vector; `score` what is differentiated; `end` the path of the layer that makes the output, ""
    where it is made in Python code. `cam` is the last map that a gradient of the scores was seen to reach, where that is not
    plain from the wiring. `engine` names the framework it
    runs in, `origin` says in words where the weights came from, `alerts` what is wrong with them.
    """

    name: str
    slug: str
    source: str
    origin: str
    digest: str
    layers: tuple[LayerInfo, ...]
    input: tuple[int | None, int | None, int]
    preprocessing: Preprocessing
    head: Head
    classes: int
    labels: tuple[Label, ...]
    params: int
    trainable: int
    repairs: tuple[str, ...] = ()
    engine: str = "keras"
    wiring: Literal["functional", "sequential", "subclassed", "symbolic", "traced"] = "functional"
    layout: Layout = "channels_last"
    input_name: str = ""
    given: tuple[Given, ...] = ()
    outputs: tuple[str, ...] = ()
    output: str = ""
    end: str = ""
    dense: bool = False
    score: Score = "logit"
    alerts: tuple[str, ...] = ()
    cam: str = ""

    def layer(self, path: str) -> LayerInfo:
        """The layer of that path; KeyError if there is none."""
        for layer in self.layers:
            if layer.path == path:
                return layer
        raise KeyError(path)

    def label(self, index: int) -> Label:
        """The label of a class index; a bare index where no names are known."""
        if index < len(self.labels):
            return self.labels[index]
        if self.head == "binary":
            return Label(("negative", "positive")[index])
        if self.head == "regression":
            return Label("the value" if self.classes == 1 else f"value {index}")
        return Label(f"class {index}")
