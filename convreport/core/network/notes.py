"""What a user should know of a model before its pictures, in sentences: for the console, the pages and the doctor."""

from convreport.core.network.card import ModelCard

_HEADS = {
    "softmax": "one of {n} classes, by a softmax",
    "logits": "one of {n} classes, as logits",
    "sigmoid": "any of {n} classes, by a sigmoid each",
    "binary": "yes or no, by one sigmoid: both sides are shown, as {names}",
    "regression": "{n} number{s}: each is explained as it is",
    "none": "no classes",
}
_SCORES = {
    "log-probability": "Its probabilities are made in Python code, so Grad-CAM explains their logarithm instead of logits.",
    "log-odds": "Its chances are made in Python code, so Grad-CAM explains their log odds instead of logits.",
}


def head(card: ModelCard) -> str:
    """What the explained output says, in words."""
    names = " and ".join(card.label(index).name for index in range(2)) if card.head == "binary" else ""
    words = _HEADS[card.head].format(n=card.classes, s="s" if card.classes != 1 else "", names=names)
    return f"at each place of the picture, {words}" if card.dense else words


def of(card: ModelCard) -> tuple[str, ...]:
    """What is out of the ordinary: repairs, unsound weights, held inputs, other outputs, where logits are missing."""
    found = []
    if card.repairs:
        found.append(f"Loaded after repair: {'; '.join(card.repairs)}.")
    found += [f"{alert}: what rests on them cannot be drawn." for alert in card.alerts]
    found += [
        f"The input {one.name} is held at {one.value} for every picture; --input {one.name}=VALUE changes it."
        for one in card.given
    ]
    if len(card.outputs) > 1:
        others = ", ".join(name for name in card.outputs if name != card.output)
        found.append(
            f"Of its {len(card.outputs)} outputs {card.output} is explained; --output chooses another: {others}."
        )
    if card.score in _SCORES:
        found.append(_SCORES[card.score])
    return tuple(found)
