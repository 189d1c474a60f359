"""A model's wiring, whatever its kind: read from its graph, or watched where it is Python code."""

from typing import Any

from convreport.engines.keras.wiring import graph, trace
from convreport.engines.keras.wiring.feed import Feed
from convreport.engines.keras.wiring.graph import Wiring


def wire(model: Any, feed: Feed) -> Wiring:
    """How the model is wired; ModelError where that cannot be found out."""
    if graph.functional(model) is None:
        return trace.trace_model(model, feed)
    return graph.read(model, trace.inside_of)
