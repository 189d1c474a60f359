"""Files as older versions of Keras wrote them, made from today's by undoing what has changed since."""

import json
import zipfile

import h5py
import numpy as np


def small(name="old"):
    """With an augmentation, a depthwise convolution, and weights that no two layers share."""
    import keras

    keras.utils.set_random_seed(11)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3), name="picture"),
            layers.RandomRotation(0.1, name="turn"),
            layers.Conv2D(4, 3, activation="relu", name="first"),
            layers.DepthwiseConv2D(3, name="second"),
            layers.BatchNormalization(name="norm"),
            layers.GlobalAveragePooling2D(name="gap"),
            layers.Dense(3, activation="softmax", name="head"),
        ],
        name=name,
    )
    draw = np.random.default_rng(5)
    model.set_weights(
        [draw.uniform(0.1, 1, one.shape) if one.dtype != "uint32" else one for one in model.get_weights()]
    )
    return model


def transfer(name="transfer"):
    """A functional network inside a functional one."""
    import keras

    keras.utils.set_random_seed(12)
    layers = keras.layers
    inner = keras.Input((16, 16, 3), name="inner_picture")
    base = keras.Model(inner, layers.Conv2D(4, 3, activation="relu", name="inner")(inner), name="base")
    inputs = keras.Input((16, 16, 3), name="picture")
    x = layers.GlobalAveragePooling2D(name="gap")(base(inputs))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x), name=name)


def h5(model, path, change):
    """A whole .h5 model whose configuration `change` has aged."""
    model.save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"] = json.dumps(config).encode()
    return path


def archive(model, path, change, rename=lambda name: name):
    """A .keras file whose configuration `change` has aged, its weights under other names."""
    model.save(path)
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    config = json.loads(parts["config.json"])
    change(config)
    parts["config.json"] = json.dumps(config).encode()
    inner = path.with_suffix(".inner.h5")
    inner.write_bytes(parts["model.weights.h5"])
    with h5py.File(inner, "r+") as file:
        names = []
        file.visititems(lambda name, one: names.append(name) if isinstance(one, h5py.Dataset) else None)
        for name in names:
            if rename(name) != name:
                file.move(name, rename(name))
        if "layers" in file and rename("layers/x") != "layers/x":
            del file["layers"]
    parts["model.weights.h5"] = inner.read_bytes()
    inner.unlink()
    with zipfile.ZipFile(path, "w") as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return path


def layers_of(config):
    """Every layer's configuration, nested ones too."""
    inner = config["config"]
    for layer in inner if isinstance(inner, list) else inner["layers"]:
        yield layer
        if "layers" in layer["config"]:
            yield from layers_of(layer)


def bare_list(config):
    config["config"] = config["config"]["layers"]


def initializer_dtype(config):
    for layer in layers_of(config):
        for key, value in layer["config"].items():
            if key.endswith("_initializer") and value:
                value["config"]["dtype"] = "float32"


def depthwise_groups(config):
    for layer in layers_of(config):
        if layer["class_name"] == "DepthwiseConv2D":
            layer["config"]["groups"] = 1


def value_range(config):
    for layer in layers_of(config):
        if layer["class_name"] == "RandomRotation":
            layer["config"]["value_range"] = [0, 255]


def input_shape_on_first(config):
    layers = config["config"]["layers"]
    first = layers.pop(0)
    layers[0]["config"]["batch_input_shape"] = (
        first["config"].get("batch_shape") or first["config"]["batch_input_shape"]
    )


def nested_ends(config):
    for layer in layers_of(config):
        for key in ("input_layers", "output_layers"):
            ends = layer["config"].get(key)
            if ends and isinstance(ends[0], str):
                layer["config"][key] = [ends]


def engine_modules(config):
    config["module"] = "keras.src.engine.functional"
    for layer in layers_of(config):
        if layer["class_name"] == "Functional":
            layer["module"] = "keras.src.engine.functional"


def second_node(config):
    for layer in layers_of(config):
        for node in layer.get("inbound_nodes", []):
            for one in node["args"]:
                history = one["config"]["keras_history"]
                if history[0] == "base":
                    history[1] = 1


def slashes(config):
    names = {"first": "block/first", "second": "block/second"}
    for layer in layers_of(config):
        for holder in (layer, layer["config"]):
            holder["name"] = names.get(holder.get("name"), holder.get("name"))
