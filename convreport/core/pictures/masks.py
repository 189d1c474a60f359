"""The masks that --masks names: a folder of label images, or a COCO file."""

from pathlib import Path

from convreport.core.base.errors import UsageError
from convreport.core.pictures.coco import Coco
from convreport.core.pictures.concepts import Masks
from convreport.core.pictures.label_images import LabelImages


def opened(place: Path) -> Masks:
    """What lies there; UsageError where that is no masks."""
    place = place.expanduser()
    if place.is_dir():
        return LabelImages(place)
    if place.suffix.lower() == ".json":
        return Coco(place)
    raise UsageError(
        f"{place} holds no masks.", "Give --masks a folder with a label image for each picture, or a COCO file (.json)."
    )
