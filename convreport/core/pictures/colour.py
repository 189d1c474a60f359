"""Numbers to colours: perceptually even maps, always as 256 fixed steps, so that a picture can be read back.

viridis and inferno are by Stefan van der Walt and Nathaniel Smith (CC0), stored as packed differences between steps.
"""

import base64
import colorsys
import zlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.uint8]  # (256, 3)

_VIRIDIS = (
    "c-nQ4feiyO2m?)iwT{sJNBI<tLui{<E9*F%yp)%{VZ(owh%_6+6Uvy=Zz)b_+a+fJO7^ihzz7<%fGkXLt>8B&bos^Oxc$kx_"
    "FUK_4xOj78}L+^|2IgY<V0I_X?=?{J!7jEU0%<S?=9Gz4=i3uNvJ=L<K6iZhr9|xrpfX4PNetQS*gx01m~%ne$ueXLL8KtIx"
    "EPpg9TgxM({MUkq5zZd;k$Khzb"
)
_INFERNO = (
    "c-oDU0S?132m>)>|Nn7WutSqh(=;`*&JGQ2gxP@22WAd)g9{))h?i~~Q@smZNdZ+{=Y*e-u3YTZwX_**Pk`8(XS&s)-1yPTt"
    "*!lKSD4Q*Rk@(TWV=-+`wa7&%|4tzydd}MyR4bI%Vd8--5M@D?1W2vhn0M@c5eB!*Ker$gA1naJUKhbTh_uoO1wKxf%iC^Q{"
    "Zvfn<JsEP)#oW&_SSL(2larD0r1(fOak~jRKE1CMRv6"
)


@cache
def table(name: str) -> Table:
    """The 256 colours of "viridis", "inferno", "diverging" or "jet"; KeyError for another name."""
    return _TABLES[name]()


def paint(values: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Colour a uint8 array of any shape: (...) -> (..., 3)."""
    return table(name)[values]


def of_class(index: int) -> tuple[int, int, int]:
    """A colour for a class: neighbours are a golden angle apart in hue, and take turns in lightness."""
    hue, light = index * 0.381966 % 1, (0.95, 0.7, 0.85)[index % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.72, light)
    return round(red * 255), round(green * 255), round(blue * 255)


def hexadecimal(index: int) -> str:
    """The same colour as a style sheet writes it."""
    return "#" + "".join(f"{part:02x}" for part in of_class(index))


def _unpack(packed: str) -> Table:
    steps = np.frombuffer(zlib.decompress(base64.b85decode(packed)), np.int8).reshape(256, 3)
    return np.cumsum(steps, axis=0, dtype=np.int64).astype(np.uint8)


def _diverging() -> Table:
    """Blue for negative, near-white for zero, red for positive; equally light at equal distance from zero."""
    knots = np.array([[23, 62, 124], [88, 142, 197], [244, 243, 240], [214, 112, 84], [132, 24, 34]], np.float64)
    place = np.linspace(0, 255, len(knots))
    return np.stack([np.interp(np.arange(256), place, knots[:, c]) for c in range(3)], 1).round().astype(np.uint8)


def _jet() -> Table:
    """The rainbow that the book used: three trapezoids; not even, so never a default."""
    x = np.linspace(0, 1, 256)
    ramps = [np.clip(1.5 - np.abs(4 * x - centre), 0, 1) for centre in (3, 2, 1)]
    return (np.stack(ramps, 1) * 255).round().astype(np.uint8)


_TABLES = {
    "viridis": lambda: _unpack("".join(_VIRIDIS)),
    "inferno": lambda: _unpack("".join(_INFERNO)),
    "diverging": _diverging,
    "jet": _jet,
}
