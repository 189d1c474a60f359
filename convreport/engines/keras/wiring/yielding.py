"""ReLUs that yield: for the length of a trace their gradient is let through where they are closed.

A unit whose input is silent has no gradient to climb by; this gives it one, as Lucid does for the first steps.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from convreport.engines.keras import runtime
from convreport.engines.keras.wiring.probe import replaced

ACTIVATIONS = ("relu", "relu6")
LAYERS = ("ReLU", "Relu", "Relu6")


@contextmanager
def yielding(operations: Iterable[Any]) -> Iterator[None]:
    """Inside the block, Keras's own ReLUs among `operations` answer as ever, but have the gradient of the identity."""
    with ExitStack() as undo:
        for operation in operations:
            if not type(operation).__module__.startswith("keras."):
                continue
            activation = getattr(operation, "activation", None)
            if type(operation).__name__ in LAYERS:
                undo.enter_context(replaced(operation, "call", _let_through(operation.call)))
            elif getattr(activation, "__name__", "") in ACTIVATIONS:
                undo.enter_context(replaced(operation, "activation", _let_through(activation)))
        yield


def _let_through(original: Any) -> Any:
    tf = runtime.tensorflow()

    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        return x + tf.stop_gradient(original(x, *args, **kwargs) - x)

    return call
