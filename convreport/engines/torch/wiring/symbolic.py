"""Does the wiring that a run showed hold for every picture? `torch.fx` follows a forward without one, where it can."""

import inspect
from typing import Any

from convreport.engines.torch import runtime
from convreport.engines.torch.wiring import watch
from convreport.engines.torch.wiring.feed import Feed
from convreport.engines.torch.wiring.trace import Wiring


def confirmed(feed: Feed, wiring: Wiring) -> bool:
    """Does `torch.fx` find the same layers in the same order? False where it cannot follow: the forward may choose its way by
    what is in the picture.

    `torch.fx` knows neither shapes nor what is changed in place, so that it can confirm what a run found and not replace it.
    """
    ran = [call.path.partition("@")[0] for call in wiring.calls if call.module and watch.is_leaf(call.thing)]
    try:
        with feed.at_rest():
            return _followed(feed.model) == ran
    except Exception:  # of every kind, as it runs the model's own Python code on things that are no tensors
        return False


def _followed(model: Any) -> list[str]:
    """The layers in the order in which they are called for any picture, by their paths."""
    fx = runtime.torch().fx

    class Layers(fx.Tracer):  # type: ignore[misc, name-defined]
        def is_leaf_module(self, module: Any, module_qualified_name: str) -> bool:
            return watch.is_leaf(module)

    parameters = inspect.signature(model.forward).parameters.values()
    settled = {one.name: one.default for one in parameters if one.default is not one.empty}
    graph = Layers().trace(model, concrete_args=settled)
    return [str(node.target).replace(".", "/") for node in graph.nodes if node.op == "call_module"]
