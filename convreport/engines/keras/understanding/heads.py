"""What a model's output says: which classes, on which scale, and how its scores are differentiated."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from convreport.core.base.errors import UsageError, did_you_mean
from convreport.core.network.card import Head, ModelCard, Score
from convreport.engines.keras import runtime
from convreport.engines.keras.wiring.graph import Call, Wiring
from convreport.engines.keras.wiring.probe import has_preactivation

# What only reshapes or passes on: the activation that makes the output may stand before it.
PASSING = ("Reshape", "Flatten", "Identity", "Dropout", "Activation", "Cast", "Squeeze")
# A linear output of these is class scores; of anything else (pooling, normalization) it is an embedding.
SCORING = ("Dense", "Conv2D", "Conv2DTranspose", "EinsumDense", "Activation", "Reshape", "Flatten")
ENLARGING = ("Conv2DTranspose", "UpSampling2D", "Resizing")
MOST_VALUES = 16  # a longer vector behind a ReLU or the like is features, not numbers to be predicted
SMALLEST = 1e-7  # a probability of 0 still has a logarithm


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


def choose(wiring: Wiring, wanted: str | None, trial: Sequence[Any]) -> Output:
    """The output of that name or number; else the first with classes, or that predicts numbers, or at all.

    `trial` are the outputs for a few pictures, by which the heads of Python code are told. UsageError for an unknown name.
    """
    outputs = [_read(wiring, place, trial[place]) for place in range(len(wiring.outputs))]
    if wanted is not None:
        names = [output.name for output in outputs]
        if wanted in names:
            return outputs[names.index(wanted)]
        if wanted.isdigit() and int(wanted) < len(outputs):
            return outputs[int(wanted)]
        raise UsageError(f"The model has no output '{wanted}'.", did_you_mean(wanted, names))
    worth = {"none": 0, "regression": 1}
    return max(outputs, key=lambda output: worth.get(output.head, 2))  # the first of the best


def _read(wiring: Wiring, place: int, trial: Any) -> Output:
    name, path, shape = wiring.names[place], wiring.outputs[place], wiring.shapes[place]
    calls = {call.path: call for call in wiring.calls}
    end, activation = _activation(calls, path)
    dense = len(shape) == 3
    classes = int(shape[-1] or 0) if shape else 0
    head: Head = "none"
    score: Score = "logit"
    if (len(shape) == 1 or dense) and classes:
        if activation in ("softmax", "sigmoid"):
            head = "softmax" if activation == "softmax" else "sigmoid"
        elif activation is None and (not end or _own_code(calls[end])):
            head, score = _by_values(np.asarray(trial, np.float32), wiring.ops[place] if wiring.ops else "")
            if dense and head == "logits" and not _enlarges(wiring):
                head = "none"  # the features of a backbone
        elif activation not in (None, "linear", "log_softmax"):
            few = not dense and classes <= MOST_VALUES
            head, score = ("regression", "value") if few else ("none", "logit")
        elif _scores_classes(calls, path, end, dense, wiring):
            head = "logits"
    if classes == 1 and head in ("sigmoid", "softmax"):
        head, classes = "binary", 2
    elif classes == 1 and head == "logits":
        head, score = ("none" if dense else "regression"), "value"
    if head == "none":
        return Output(place, name, path, "", "none", 0, False, "logit")
    return Output(place, name, path, end, head, classes, dense, score)


def _activation(calls: dict[str, Call], path: str) -> tuple[str, str | None]:
    """(the call that makes the output, its activation: None where nobody can say)."""
    while path in calls:
        operation = calls[path].operation
        kind = type(operation).__name__
        if has_preactivation(operation):
            function = getattr(operation, "activation", None)
            return path, str(getattr(function, "__name__", kind.lower()))
        if kind not in PASSING or len(calls[path].inputs) != 1 or calls[path].mixed:
            return path, None if _own_code(calls[path]) else "linear"
        path = calls[path].inputs[0]
    return "", None


def _own_code(call: Call) -> bool:
    return (
        call.mixed
        or type(call.operation).__name__ == "Lambda"
        or not type(call.operation).__module__.startswith("keras.")
    )


def _scores_classes(calls: dict[str, Call], path: str, end: str, dense: bool, wiring: Wiring) -> bool:
    """Is a linear output a vector of class scores, or a map of them, and not just the features a network ends with?"""
    kind = type(calls[end].operation).__name__
    if not dense:
        return kind in SCORING
    return _enlarges(wiring) and (kind in SCORING or kind in ENLARGING)


def _enlarges(wiring: Wiring) -> bool:
    return any(type(call.operation).__name__ in ENLARGING for call in wiring.calls)


def _by_values(trial: np.ndarray, maker: str) -> tuple[Head, Score]:
    """The head of Python code, by what it answers: shares that sum to one, chances, or plain scores."""
    if trial.size and (trial >= 0).all() and np.allclose(trial.sum(-1), 1, atol=1e-3) and trial.shape[-1] > 1:
        return "softmax", "log-probability"
    if maker == "Sigmoid" or (trial.shape[-1] == 1 and trial.size and ((trial > 0) & (trial < 1)).all()):
        return "sigmoid", "log-odds"
    return "logits", "logit"


def scored(card: ModelCard, output: Any, before: Any) -> tuple[Any, Any]:
    """Scores and probabilities, float32 (n, classes), of an output; `before` is what went into its activation, or None.

    Logits are rebuilt from before the softmax or sigmoid; where Python code makes probabilities, their logarithm (or log
    odds) serves. One sigmoid becomes two classes: not, and yes. Over a map, a class's score is the mean of its logit over
    the region predicted as it, or over the whole map where that is empty, and its probability the share of the map.
    """
    tf = runtime.tensorflow()
    output = tf.cast(output, tf.float32)
    logits = _logits(card, output, before)
    if card.head == "binary":
        chances = tf.concat([1 - output, output], -1)
    else:
        chances = tf.nn.softmax(logits) if card.head == "logits" else output
    return _over_regions(card, logits, chances) if card.dense else (logits, chances)


def heights(card: ModelCard, output: Any, before: Any) -> Any:
    """The scores that a class pattern climbs, float32 (n, classes): as in `scored`, over a map their plain mean."""
    tf = runtime.tensorflow()
    logits = _logits(card, tf.cast(output, tf.float32), before)
    return tf.reduce_mean(logits, [1, 2]) if card.dense else logits


def _logits(card: ModelCard, output: Any, before: Any) -> Any:
    tf = runtime.tensorflow()
    logits = (
        output
        if before is None or card.head == "regression"
        else tf.reshape(tf.cast(before, tf.float32), tf.shape(output))
    )
    if card.score == "log-probability":
        logits = tf.math.log(tf.maximum(output, SMALLEST))
    elif card.score == "log-odds":
        logits = tf.math.log(tf.maximum(output, SMALLEST)) - tf.math.log(tf.maximum(1 - output, SMALLEST))
    return tf.concat([-logits, logits], -1) if card.head == "binary" else logits


def regions(card: ModelCard, output: Any) -> Any:
    """Of a dense output (n, h, w, classes) the class at each cell, int64 (n, h, w); -1 where none of many applies."""
    values = np.asarray(runtime.tensorflow().cast(output, "float32"))
    if card.head == "binary":
        return (values[..., 0] > 0.5).astype(np.int64)
    likeliest = values.argmax(-1)
    return np.where(values.max(-1) > 0.5, likeliest, -1) if card.head == "sigmoid" else likeliest


def _over_regions(card: ModelCard, logits: Any, chances: Any) -> tuple[Any, Any]:
    """(n, h, w, classes) -> the mean logit of each class over its region, and the share of the map it takes."""
    tf = runtime.tensorflow()
    if card.head == "sigmoid":
        region = tf.cast(chances > 0.5, tf.float32)
    else:
        region = tf.one_hot(tf.argmax(chances, -1), card.classes, axis=-1)
    size = tf.reduce_sum(region, [1, 2])
    inside = tf.reduce_sum(logits * region, [1, 2]) / tf.maximum(size, 1.0)
    scores = tf.where(size > 0, inside, tf.reduce_mean(logits, [1, 2]))
    cells = tf.cast(tf.shape(logits)[1] * tf.shape(logits)[2], tf.float32)
    return scores, size / cells
