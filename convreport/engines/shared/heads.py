"""What a model's output says: which classes, on which scale, and how its scores are made of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convreport.core.ascent.ops import Ops, Tensor
from convreport.core.base.errors import UsageError, did_you_mean
from convreport.core.base.kinds import Array
from convreport.core.network.card import Head, ModelCard, Score

MOST_VALUES = 16  # a longer vector behind a ReLU or the like is features, not numbers to be predicted
SMALLEST = 1e-7  # a probability of 0 still has a logarithm


@dataclass(frozen=True)
class Ending:
    """How an output is made: by the layer `end` and its `activation`, None where nobody knows whether it has one.

    `opaque`: by code of somebody's own, so that its values must tell; `sigmoid`: they are known to be made by one.
    `scoring`: its last layer is one that scores classes; `enlarging`: the network brings maps back to a finer size.
    """

    end: str
    activation: str | None
    opaque: bool
    scoring: bool
    enlarging: bool
    sigmoid: bool = False


@dataclass(frozen=True)
class Output:
    """The output that is explained: `path` is the layer it comes from, `end` the one whose activation makes it."""

    place: int
    name: str
    path: str
    end: str
    head: Head
    classes: int
    dense: bool
    score: Score


def choose(outputs: Sequence[Output], wanted: str | None) -> Output:
    """The output of that name or number; else the first with classes, or that predicts numbers, or at all.

    UsageError for an unknown name.
    """
    if wanted is not None:
        names = [output.name for output in outputs]
        if wanted in names:
            return outputs[names.index(wanted)]
        if wanted.isdigit() and int(wanted) < len(outputs):
            return outputs[int(wanted)]
        raise UsageError(f"The model has no output '{wanted}'.", did_you_mean(wanted, names))
    worth = {"none": 0, "regression": 1}
    return max(outputs, key=lambda output: worth.get(output.head, 2))  # the first of the best


def read(place: int, name: str, path: str, shape: Sequence[int | None], trial: Array, ending: Ending) -> Output:
    """What an output of that shape (without the batch axis, channels last) says; `trial` is it for a few pictures."""
    dense = len(shape) == 3
    classes = int(shape[-1] or 0) if shape else 0
    head: Head = "none"
    score: Score = "logit"
    if (len(shape) == 1 or dense) and classes:
        if ending.activation in ("softmax", "sigmoid"):
            head = "softmax" if ending.activation == "softmax" else "sigmoid"
        elif ending.activation is None and ending.opaque:
            head, score = _by_values(np.asarray(trial, np.float32), sigmoid=ending.sigmoid)
            if dense and head == "logits" and not ending.enlarging:
                head = "none"  # the features of a backbone
        elif ending.activation not in (None, "linear", "log_softmax"):
            few = not dense and classes <= MOST_VALUES
            head, score = ("regression", "value") if few else ("none", "logit")
        elif ending.scoring:
            head = "logits"
    if classes == 1 and head in ("sigmoid", "softmax"):
        head, classes = "binary", 2
    elif classes == 1 and head == "logits":
        head, score = ("none" if dense else "regression"), "value"
    if head == "none":
        return Output(place, name, path, "", "none", 0, False, "logit")
    return Output(place, name, path, ending.end, head, classes, dense, score)


def _by_values(trial: Array, *, sigmoid: bool) -> tuple[Head, Score]:
    """The head of Python code, by what it answers: shares that sum to one, chances, or plain scores."""
    if trial.size and (trial >= 0).all() and np.allclose(trial.sum(-1), 1, atol=1e-3) and trial.shape[-1] > 1:
        return "softmax", "log-probability"
    if sigmoid or (trial.shape[-1] == 1 and trial.size and ((trial > 0) & (trial < 1)).all()):
        return "sigmoid", "log-odds"
    return "logits", "logit"


def scored(ops: Ops, card: ModelCard, output: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
    """Scores and probabilities, float32 (n, classes), of an output; `before` is what went into its activation, or None.

    Logits are rebuilt from before the softmax or sigmoid; where Python code makes probabilities, their logarithm (or log
    odds) serves. One sigmoid becomes two classes: not, and yes. Over a map, a class's score is the mean of its logit over
    the region predicted as it, or over the whole map where that is empty, and its probability the share of the map.
    """
    output = ops.number(output)
    logits = _logits(ops, card, output, before)
    if card.head == "binary":
        chances = ops.concat([1 - output, output], -1)
    else:
        chances = ops.softmax(logits) if card.head == "logits" else output
    return _over_regions(ops, card, logits, chances) if card.dense else (logits, chances)


def heights(ops: Ops, card: ModelCard, output: Tensor, before: Tensor | None) -> Tensor:
    """The scores that a class pattern climbs, float32 (n, classes): as in `scored`, over a map their plain mean."""
    logits = _logits(ops, card, ops.number(output), before)
    return ops.mean(logits, [1, 2]) if card.dense else logits


def _logits(ops: Ops, card: ModelCard, output: Tensor, before: Tensor | None) -> Tensor:
    logits = output
    if before is not None and card.head != "regression":
        logits = ops.alike(ops.number(before), output)
    if card.score == "log-probability":
        logits = ops.log(ops.maximum(output, SMALLEST))
    elif card.score == "log-odds":
        logits = ops.log(ops.maximum(output, SMALLEST)) - ops.log(ops.maximum(1 - output, SMALLEST))
    return ops.concat([-logits, logits], -1) if card.head == "binary" else logits


def regions(card: ModelCard, values: Array) -> NDArray[np.int64]:
    """Of a dense output (n, h, w, classes) the class at each cell, int64 (n, h, w); -1 where none of many applies."""
    if card.head == "binary":
        return (values[..., 0] > 0.5).astype(np.int64)
    likeliest = values.argmax(-1)
    return np.where(values.max(-1) > 0.5, likeliest, -1) if card.head == "sigmoid" else likeliest


def _over_regions(ops: Ops, card: ModelCard, logits: Tensor, chances: Tensor) -> tuple[Tensor, Tensor]:
    """(n, h, w, classes) -> the mean logit of each class over its region, and the share of the map it takes."""
    region = ops.number(chances > 0.5) if card.head == "sigmoid" else ops.likeliest(chances)
    size = ops.sum(region, [1, 2])
    inside = ops.sum(logits * region, [1, 2]) / ops.maximum(size, 1.0)
    scores = ops.where(size > 0, inside, ops.mean(logits, [1, 2]))
    return scores, ops.mean(region, [1, 2])
