"""Kinds of arrays and of JSON, and the sorts of published pictures."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Array = NDArray[Any]  # floats; float32 wherever it is large
Facts = Mapping[str, Any]  # JSON: text, numbers, booleans, None, lists and mappings of them
FigureKind = Literal["pattern", "map", "photo"]
Precision = Literal["auto", "float32", "bfloat16"]
