"""A user's function that makes a model: found, called, and held to what it makes."""

import importlib
from collections.abc import Callable
from typing import Any

from convreport.core.base.errors import ModelError


def made(source: str, what: str, is_model: Callable[[Any], bool]) -> Any:
    """What `module:function` makes; ModelError if that cannot be called, or makes no model: `what` it must be, in words."""
    module, _, function = source.partition(":")
    try:
        make = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        raise ModelError(
            f"The module {error.name} cannot be imported.", "Run convreport where Python finds it, or install it."
        ) from None
    except AttributeError:
        raise ModelError(f"The module {module} has no function {function}.", "Check the name.") from None
    except Exception as error:
        raise ModelError(f"The module {module} cannot be imported ({told(error)}).", "Mend it first.") from error
    try:
        model = make()
    except Exception as error:
        raise ModelError(
            f"{source} raised {told(error)}.", f"It must make a {what} when it is called without arguments."
        ) from error
    if not is_model(model):
        raise ModelError(f"{source} returned {type(model).__name__}, not a {what}.", f"Let it return a {what}.")
    return model


def told(error: BaseException) -> str:
    """An error in a line: its kind and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
