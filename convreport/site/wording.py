"""Values in words, safe for Markdown, HTML and YAML: the filters of every template."""

import json
import re
from collections.abc import Sequence
from html import escape
from typing import Protocol

from markupsafe import Markup

from convreport.core.network.card import Field


class Answered(Protocol):
    """A class with its probability."""

    @property
    def probability(self) -> float:
        """In 0..1, or the value of a regression."""
        ...


def markdown_text(value: object) -> Markup:
    """Text that means nothing to Markdown or HTML: whatever could is written as a character reference."""
    text = "".join(char if char.isprintable() else " " for char in str(value))
    if re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9 ._/-]*[A-Za-z0-9])?", text) and not re.match(r"\d+[.)]", text):
        return Markup(text)  # plain names stay readable in the source
    safe = re.sub(r"""[^\w\s,;/-]|_""", lambda match: f"&#{ord(match[0])};", text)
    return Markup(re.sub(r"^(\s*\d+)([.)-])", lambda m: f"{m[1]}&#{ord(m[2])};", safe))


def page_title(value: object) -> Markup:
    """A title for YAML front matter: a JSON string of HTML-escaped text, as the theme prints titles as they are."""
    text = "".join(char if char.isprintable() else " " for char in str(value))
    return Markup(json.dumps(escape(text, quote=False)))


def meta(value: object) -> Markup:
    """A description for YAML front matter, which the theme prints as it is into an attribute."""
    text = "".join(char if char.isprintable() else " " for char in str(value))
    return Markup(json.dumps(escape(text)))


def short(value: float | None) -> str:
    """A number in three or four digits; "none" where there is no number."""
    if value is None:
        return "none"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.3g}"


def percent(share: float) -> str:
    """A share in 0..1 as a percentage with as many digits as it deserves."""
    return f"{share * 100:.0f} %" if share >= 0.0995 or share == 0 else f"{share * 100:.1f} %"


def answer(one: Answered, measure: str) -> str:
    """What a network says of a class: a share in percent, or a number where it predicts numbers."""
    return short(one.probability) if measure == "value" else percent(one.probability)


def ordinal(number: int) -> str:
    """A place in a ranking."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def shape(sides: Sequence[int | None]) -> str:
    """A shape as people write it."""
    return " × ".join("any" if side is None else str(side) for side in sides)


def field(receptive_field: Field | None) -> str:
    """A receptive field in words."""
    if receptive_field is None:
        return "unknown"
    if receptive_field.whole:
        return "whole picture"
    return f"{receptive_field.size[0]} × {receptive_field.size[1]}"


def readable(name: str) -> str:
    """A class name without underscores."""
    return str(name).replace("_", " ")


def size(number: int) -> str:
    """Bytes as people read them, in steps of a thousand."""
    if number < 1_000_000:
        return f"{max(1, round(number / 1000))} kB"
    return f"{number / 1e6:.1f} MB" if number < 1e9 else f"{number / 1e9:.2f} GB"


def anchor(path: str) -> str:
    """A layer's name as part of an address within a page."""
    return re.sub(r"[^a-z0-9]+", "-", path.lower())


FILTERS = {
    "md": markdown_text, "title": page_title, "meta": meta, "short": short, "percent": percent, "shape": shape, "field": field,
    "readable": readable, "answer": answer, "ordinal": ordinal, "size": size, "anchor": anchor,
}  # fmt: skip
