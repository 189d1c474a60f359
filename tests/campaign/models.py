"""Model files: configurations with wrong values in every place, archives and trees broken in every way, and code."""

import json
import warnings
import zipfile

import h5py
import numpy as np

from tests import old_keras
from tests.broken import OUTSIDE, first_data_set
from tests.campaign.bench import Family, command

WRONG = [
    None, True, False, 0, -1, 1, 3, 2**31, 2**63, 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf"), "", "x", "relu",
    "../../etc/passwd", "\x00", "é" * 300, [], [[]], [None], [1, 2, 3], [-1, -1], {}, {"class_name": "Dense"},
    {"class_name": None, "config": []}, {"module": "keras.layers", "class_name": "Dense", "config": {"units": "x"}},
]  # fmt: skip


BOMB = "bomb"  # not a name of a model's file


def prepare_archives(folder):
    """The models, and one of them with a member that unpacks to 300 MB."""
    made = prepare(folder)
    name = next(one for one in made if one.endswith(".keras"))
    file = archive(
        name, made, folder, lambda parts: [*parts, ("assets/bomb", bytes(300_000_000), zipfile.ZIP_DEFLATED)]
    )
    return {**made, BOMB: file.read_bytes()}


def prepare(folder):
    """A plain model and a nested one, in both formats."""
    made = {}
    for make in (old_keras.small, old_keras.transfer):
        model = make()
        for ending in ("keras", "h5"):
            file = folder / f"{model.name}.{ending}"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.save(file)
            made[file.name] = file.read_bytes()
    return made


def places(value, path=()):
    """Every place in a configuration, as the keys that lead there."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def spoil(config, rng):
    """Put something wrong into one to three places."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        known = list(places(config))
        if not known:
            return
        *path, last = rng.choice(known)
        holder = config
        for key in path:
            holder = holder[key]
        way = rng.random()
        if way < 0.15:
            del holder[last]
        elif way < 0.25 and isinstance(holder, dict):
            holder[rng.choice(["made_up", "name", "units", "layers", "batch_input_shape"])] = rng.choice(WRONG)
        else:
            holder[last] = json.loads(json.dumps(rng.choice(WRONG)))


def archive(name, state, folder, change):
    """A .keras file with its members changed: `change` gets (name, bytes) pairs and returns such."""
    source = folder / "source.keras"
    source.write_bytes(state[name])
    with zipfile.ZipFile(source) as opened:
        parts = [(member, opened.read(member)) for member in opened.namelist()]
    source.unlink()
    file = folder / "m.keras"
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as opened:
        warnings.simplefilter("ignore")
        for member in change(parts):
            opened.writestr(*member[:2], compress_type=member[2] if len(member) > 2 else zipfile.ZIP_STORED)
    return file


def configuration(state, rng, folder):
    """A configuration with wrong values."""
    name = rng.choice(sorted(state))
    if name.endswith(".keras"):

        def change(parts):
            config = json.loads(dict(parts)["config.json"])
            spoil(config, rng)
            return [(one, json.dumps(config).encode() if one == "config.json" else data) for one, data in parts]

        return command("layers", archive(name, state, folder, change), codes={0, 3})[2]
    file = folder / "m.h5"
    file.write_bytes(state[name])
    with h5py.File(file, "r+") as tree:
        config = json.loads(tree.attrs["model_config"])
        spoil(config, rng)
        tree.attrs["model_config"] = json.dumps(config).encode()
    return command("layers", file, codes={0, 3})[2]


def archives(state, rng, folder):
    """Members missing, doubled, huge, hidden behind paths and links, packed oddly; bits turned; cut short."""
    name = rng.choice([one for one in sorted(state) if one.endswith(".keras")])
    outside = folder.parent / "touched"

    way = rng.choice(("bomb", "missing", "doubled", "outside", "link", "packed", "packed"))

    def change(parts):
        place = rng.randrange(len(parts))
        member, data = parts[place]
        method = rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
        if way == "missing":
            return parts[:place] + parts[place + 1 :]
        if way == "doubled":
            return [*parts, (member, data[: rng.randrange(len(data) + 1)])]
        if way == "outside":
            return [*parts, (f"../../{outside.name}", b"x"), (str(outside), b"x")]
        if way == "link":
            link = zipfile.ZipInfo("model.weights.h5")
            link.external_attr = 0o120777 << 16
            return [*[one for one in parts if one[0] != link.filename], (link, b"/etc/passwd")]
        return [(one, content, method) for one, content in parts]

    file = folder / "m.keras"
    data = bytearray(state[BOMB] if way == "bomb" else archive(name, state, folder, change).read_bytes())
    if rng.random() < 0.7:
        for _ in range(rng.choice((1, 3, 20))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    if rng.random() < 0.2:
        data = data[: rng.randrange(len(data))]
    file.write_bytes(data)
    problem = command("layers", file, codes={0, 3})[2]
    return problem or ("a file outside was written" if outside.exists() else None)


def trees(state, rng, folder):
    """HDF5: bits, truncation, and data sets that would read another file."""
    name = rng.choice([one for one in sorted(state) if one.endswith(".h5")])
    file = folder / "m.h5"
    file.write_bytes(state[name])
    way = rng.random()
    if way < 0.3:
        other = folder / "other.h5"
        with h5py.File(file, "r+") as tree:
            where = first_data_set(tree)
            with h5py.File(other, "w") as secret:
                secret["secret"] = np.full(tree[where].shape, 4711.0, "<f4")
            rng.choice(list(OUTSIDE))(tree, where, other)
        return command("layers", file, codes={3})[2]
    data = bytearray(file.read_bytes())
    if way < 0.5:
        data = data[: rng.randrange(len(data))]
    else:
        for _ in range(rng.choice((1, 2, 8, 64))):
            data[rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(4096)] = rng.randrange(256)
    file.write_bytes(data)
    return command("layers", file, codes={0, 3})[2]


def code(state, rng, folder):
    """Code in a place where Keras would run it, and a marker that must not appear."""
    import sys

    marker = folder / "marker"
    module = f"campaign_module_{rng.randrange(10**9)}"
    (folder / f"{module}.py").write_text(
        f"import pathlib\npathlib.Path({str(marker)!r}).write_text('ran')\n"
        "def f(x, *a, **k):\n    return x\nclass C:\n    pass\n"
    )
    statement = f"__import__('pathlib').Path({str(marker)!r}).write_text('ran')"
    nodes = [
        {"module": module, "class_name": "C", "config": {}, "registered_name": None},
        {"module": module, "class_name": "function", "config": "f", "registered_name": "f"},
        {"module": "builtins", "class_name": "function", "config": "exec", "registered_name": "exec"},
        {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": None},
        {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
        {"module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "get_file"},
        {"class_name": "__lambda__", "config": {"value": statement}},
        {"module": "keras.layers", "class_name": "Lambda", "config": {"function": [statement, None, None]}},
        {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": str(folder)}},
        {"module": f"keras.src.{module}", "class_name": "C", "config": {}, "registered_name": None},
        {"module": "keras.src.utils.python_utils", "class_name": "function", "config": "func_load"},
    ]
    node = rng.choice(nodes)
    name = rng.choice([one for one in sorted(state) if one.endswith(".keras")])

    def change(parts):
        config = json.loads(dict(parts)["config.json"])
        *path, last = rng.choice(list(places(config)))
        holder = config
        for key in path:
            holder = holder[key]
        holder[last] = node
        return [(one, json.dumps(config).encode() if one == "config.json" else data) for one, data in parts]

    sys.path.insert(0, str(folder))
    try:
        problem = command("layers", archive(name, state, folder, change), codes={0, 3})[2]
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop(module, None)
    return "the model's code ran" if marker.exists() else problem


def weights(state, rng, folder):
    """Weights that are no numbers, endless, huge, of another shape: told, or looked through and drawn as far as they go."""
    name = rng.choice([one for one in sorted(state) if one.endswith(".h5")])
    file = folder / "m.h5"
    file.write_bytes(state[name])
    with h5py.File(file, "r+") as tree:
        found = []
        tree.visititems(lambda path, one: found.append(path) if isinstance(one, h5py.Dataset) and one.size else None)
        path = rng.choice(found)
        value = tree[path][()]
        if rng.random() < 0.2:
            del tree[path]
            tree[path] = np.zeros(rng.choice([(), (1,), (3, 3), (0,), (2, 2, 2, 2, 2)]), rng.choice(["f4", "i8", "f2"]))
        elif value.dtype.kind == "f":
            value = np.asarray(value)
            value.reshape(-1)[:: rng.choice((1, 3))] = rng.choice([np.nan, np.inf, -np.inf, 1e30, 3e38, -1e38, 1e-45])
            tree[path][...] = value
    if rng.random() < 0.85:  # a pass through the network; the others climb as well
        return command("doctor", file, codes={0, 1, 3})[2]
    return command(
        "draw", file, rng.choice(["0", "1", "first", "inner"]), "0", "--preset", "draft", "--out", folder / "t.png",
        codes={0, 1, 2, 3},
    )[2]  # fmt: skip


FAMILIES = (
    Family("models", prepare, configuration),
    Family("archives", prepare_archives, archives, few=8),
    Family("h5", prepare, trees),
    Family("code", prepare, code),
    Family("weights", prepare, weights, few=6),
)
