"""Class index to readable name: the 1,000 classes of ImageNet, in the order every public network uses."""

from functools import cache
from importlib.resources import files

from convreport.core.types import Label


@cache
def imagenet() -> tuple[Label, ...]:
    """The labels of ILSVRC 2012; `imagenet.txt` holds one `wnid name` a line, as in Keras's class index."""
    lines = (files("convreport.core") / "imagenet.txt").read_text("utf-8").splitlines()
    return tuple(Label(name, wnid) for wnid, name in (line.split(" ", 1) for line in lines))
