"""A real atlas.json that was changed by hand or by a fault: read, checked, and all pages of it made."""

import json
import shutil

from convreport.builder import pipeline
from tests.campaign import builds
from tests.campaign.bench import Family, command
from tests.campaign.inputs import WRONG
from tests.campaign.models import places


def prepare(folder):
    """An atlas of the demo, and the paths to all values of its atlas.json."""
    atlas = builds.prepare(folder)
    data = json.loads((atlas / "docs/demo/atlas.json").read_bytes())
    return atlas, json.dumps(data), list(places(data))


def contradicting(state, rng, folder):
    """Some values are others of their kind, so that the types are right and the whole is not; or wrong, or gone."""
    base, text, known = state
    data = json.loads(text)
    for _ in range(rng.choice((1, 1, 3))):
        *path, last = rng.choice(known)
        holder = data
        try:
            for key in path:
                holder = holder[key]
            holder[last] = _other(holder[last], rng)
            if holder[last] is None and rng.random() < 0.5:
                del holder[last]
        except (LookupError, TypeError):  # what was changed before held it
            continue
    atlas = folder / "atlas"
    (atlas / "docs").mkdir(parents=True)
    shutil.copyfile(base / ".gitignore", atlas / ".gitignore")
    place = atlas / "docs/demo"
    place.mkdir()
    (place / "figures").symlink_to(base / "docs/demo/figures")
    (place / "atlas.json").write_text(json.dumps(data))
    problem = command("check", atlas, "--max-silent", "5%", "--max-alerts", "3", "--sanity", codes={0, 1, 2})[2]
    return problem or _paged(atlas)


def _other(value, rng):
    """Another value of its kind, mostly."""
    if rng.random() < 0.15:
        return rng.choice([one for one in WRONG if one == one])
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice((0, 1, -1, value + 1, 99, 10**6))
    if isinstance(value, float):
        return rng.choice((0.0, -1.0, 1e9, value * 2))
    if isinstance(value, str):
        return rng.choice(("", "x", value + "x", "flower", "block1_conv1"))
    if isinstance(value, list):
        return rng.choice((value[:-1], value[:1], [], [*value, *value[-1:]]))
    if isinstance(value, dict):
        return dict(list(value.items())[:-1]) if rng.random() < 0.5 else {}
    return "x"


def _paged(atlas):
    """What is wrong with its pages and its reports, as `convreport site` makes them; MkDocs is left out."""
    real, pipeline.site.build = pipeline.site.build, lambda atlas, books: None
    try:
        return command("site", atlas, codes={0, 2, 5})[2]
    finally:
        pipeline.site.build = real


FAMILIES = (Family("contradictions", prepare, contradicting, few=4, many=60),)
