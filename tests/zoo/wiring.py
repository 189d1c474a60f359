"""Kinds of wiring: nested, shared, branching, subclassed, transformers, other layouts and dtypes."""

import numpy as np

from tests.zoo.kinds import body, kind, plain, topped


@kind
def functional(keras, layers):
    return plain(keras, layers)


@kind
def sequential(keras, layers):
    return keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Conv2D(4, 3, activation="relu", name="first"),
            layers.MaxPooling2D(name="halve"),
            layers.Conv2D(5, 3, activation="relu", name="second"),
            layers.Flatten(name="flat"),
            layers.Dense(3, activation="softmax", name="head"),
        ]
    )


@kind
def nested_functional(keras, layers):
    inner = keras.Input((32, 32, 3))
    inside = keras.Model(inner, body(keras, layers, inner), name="inside")
    inputs = keras.Input((32, 32, 3))
    return topped(keras, layers, inputs, inside(inputs))


@kind
def nested_sequential(keras, layers):
    """As Teachable Machine makes them: Sequentials in a Sequential, a functional network inside, three deep."""
    inner = keras.Input((32, 32, 3))
    base = keras.Model(inner, body(keras, layers, inner), name="base")
    features = keras.Sequential(
        [keras.Input((32, 32, 3)), base, layers.GlobalAveragePooling2D(name="gap")], name="features"
    )
    head = keras.Sequential([keras.Input((6,)), layers.Dense(3, activation="softmax", name="head")], name="top")
    return keras.Sequential([keras.Input((32, 32, 3)), features, head])


def inverted_residuals(keras, layers):
    """The first blocks of a MobileNetV2 in small: padding, depthwise convolutions, normalization, sums."""
    inputs = keras.Input((48, 48, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="Conv1")(inputs)
    x = layers.ReLU(6.0, name="Conv1_relu")(layers.BatchNormalization(name="bn_Conv1")(x))
    for number, stride in enumerate((2, 1)):
        y = layers.Conv2D(16, 1, use_bias=False, name=f"block_{number}_expand")(x)
        y = layers.ReLU(6.0, name=f"block_{number}_relu")(layers.BatchNormalization(name=f"block_{number}_bn")(y))
        if stride == 2:
            y = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"block_{number}_pad")(y)
        padding = "valid" if stride == 2 else "same"
        y = layers.DepthwiseConv2D(3, strides=stride, padding=padding, name=f"block_{number}_depthwise")(y)
        y = layers.Conv2D(8, 1, use_bias=False, name=f"block_{number}_project")(y)
        x = y if stride == 2 else layers.Add(name=f"block_{number}_add")([x, y])
    return keras.Model(inputs, x, name="mobilenetv2_small_48")


@kind
def transfer_learning(keras, layers):
    """Augmentation, arithmetic in front, a nested network, a new head: what tutorials teach."""
    base = inverted_residuals(keras, layers)
    augment = keras.Sequential(
        [keras.Input((48, 48, 3)), layers.RandomFlip(), layers.RandomRotation(0.1)], name="augment"
    )
    inputs = keras.Input((48, 48, 3))
    x = base(augment(inputs) / 127.5 - 1, training=False)
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(5, name="logits")(x))


@kind
def shared(keras, layers):
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(inputs)
    twice = layers.Conv2D(4, 3, padding="same", activation="relu", name="twice")
    return topped(keras, layers, inputs, layers.Add(name="add")([x, twice(twice(x))]))


@kind
def siamese(keras, layers):
    """Two pictures through one network: the first is varied."""
    inner = keras.Input((32, 32, 3))
    tower = keras.Model(inner, layers.GlobalAveragePooling2D()(body(keras, layers, inner)), name="tower")
    left, right = keras.Input((32, 32, 3), name="left"), keras.Input((32, 32, 3), name="right")
    x = layers.Subtract(name="difference")([tower(left), tower(right)])
    return keras.Model([left, right], layers.Dense(1, activation="sigmoid", name="same")(x))


@kind
def two_inputs(keras, layers):
    """A picture and the age of a patient, as a dictionary."""
    picture, age = keras.Input((32, 32, 1), name="scan"), keras.Input((1,), name="age")
    x = layers.GlobalAveragePooling2D()(body(keras, layers, picture))
    x = layers.Concatenate()([x, layers.Dense(4, activation="relu", name="of_age")(age)])
    return keras.Model({"scan": picture, "age": age}, layers.Dense(1, activation="sigmoid", name="ill")(x))


@kind
def two_outputs(keras, layers):
    inputs = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(body(keras, layers, inputs))
    box = layers.Dense(4, activation="relu", name="box")(x)
    return keras.Model(inputs, [box, layers.Dense(3, activation="softmax", name="kind")(x)])


@kind
def rescaled_inside(keras, layers):
    inputs = keras.Input((None, None, 3))
    x = layers.Resizing(32, 32)(layers.RandomFlip()(inputs))
    return topped(keras, layers, inputs, body(keras, layers, layers.Rescaling(1 / 127.5, -1)(x)))


@kind
def normalized_inside(keras, layers):
    inputs = keras.Input((32, 32, 3))
    return topped(
        keras, layers, inputs, body(keras, layers, layers.Normalization(mean=[100] * 3, variance=[50] * 3)(inputs))
    )


@kind
def mixed_precision(keras, layers):
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", dtype="mixed_float16", name="first")(inputs)
    x = layers.Conv2D(6, 3, padding="same", dtype="mixed_bfloat16", name="second")(x)
    return topped(keras, layers, inputs, layers.ReLU(dtype="mixed_bfloat16")(x))


@kind
def channels_first(keras, layers):
    inputs = keras.Input((3, 32, 40))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", data_format="channels_first", name="first")(inputs)
    x = layers.MaxPooling2D(data_format="channels_first")(x)
    x = layers.BatchNormalization(axis=1)(x)
    x = layers.Conv2D(6, 3, activation="relu", data_format="channels_first", name="second")(x)
    x = layers.GlobalAveragePooling2D(data_format="channels_first")(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x))


@kind
def ops_head(keras, layers):
    inputs = keras.Input((32, 32, 3))
    x = keras.ops.mean(body(keras, layers, inputs), axis=(1, 2))
    return keras.Model(inputs, keras.ops.softmax(layers.Dense(3, name="head")(x)))


def _registered(keras):
    """Classes of somebody's own, as their module would register them."""

    @keras.saving.register_keras_serializable("zoo")
    class Block(keras.layers.Layer):
        """A residual block wired in Python."""

        def __init__(self, units=4, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.one = keras.layers.Conv2D(units, 3, padding="same", activation="relu", name="one")
            self.two = keras.layers.Conv2D(units, 3, padding="same", name="two")

        def build(self, shape):
            self.one.build(shape)
            self.two.build((*shape[:-1], self.units))

        def call(self, x):
            return keras.ops.relu(self.two(self.one(x)) + x)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    @keras.saving.register_keras_serializable("zoo")
    class Classifier(keras.Model):
        """A subclassed model: wiring, softmax and all in `call`."""

        def __init__(self, branch=False, **kwargs):
            super().__init__(**kwargs)
            self.branch = branch
            self.stem = keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="stem")
            self.blocks = [Block(4, name="block1"), Block(4, name="block2")]
            self.norm = keras.layers.BatchNormalization(name="norm")
            self.head = keras.layers.Dense(3, name="head")

        def call(self, x, training=None):
            x = self.stem(x / 255.0)
            for block in self.blocks:
                x = block(x)
            if self.branch and keras.ops.mean(x) > 1000:
                x = x * 0.5
            x = keras.ops.mean(self.norm(x, training=training), axis=(1, 2))
            return keras.ops.softmax(self.head(x))

        def get_config(self):
            return {**super().get_config(), "branch": self.branch}

    return Block, Classifier


@kind
def subclassed(keras, layers):
    _, classifier = _registered(keras)
    model = classifier(name="classifier")
    model(np.zeros((1, 32, 32, 3), np.float32))
    return model


@kind
def subclassed_branching(keras, layers):
    """With an `if` on what it computes, which no plain trace survives."""
    _, classifier = _registered(keras)
    model = classifier(branch=True, name="classifier")
    model(np.zeros((1, 32, 32, 3), np.float32))
    return model


@kind
def block_inside(keras, layers):
    block, _ = _registered(keras)
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="stem")(inputs)
    return topped(keras, layers, inputs, block(4, name="block")(x))


@kind
def vision_transformer(keras, layers):
    """A convolutional stem, tokens with a class token and places, attention."""
    _token(keras)
    inputs = keras.Input((32, 48, 3))
    x = layers.Conv2D(8, 8, strides=8, name="patches")(inputs)
    x = ClassToken(name="token")(layers.Reshape((24, 8), name="tokens")(x))
    for number in (1, 2):
        y = layers.LayerNormalization(name=f"norm{number}")(x)
        y = layers.MultiHeadAttention(2, 4, name=f"attention{number}")(y, y)
        x = layers.Add(name=f"attended{number}")([x, y])
        y = layers.Dense(16, activation="gelu", name=f"wide{number}")(x)
        x = layers.Add(name=f"block{number}")([x, layers.Dense(8, name=f"narrow{number}")(y)])
    x = layers.LayerNormalization(name="norm")(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x[:, 0]))


@kind
def windows(keras, layers):
    """As Swin and DeiT do it: a block that returns two things, drops nothing at rest, and attends within windows."""

    @keras.saving.register_keras_serializable("zoo")
    class Windowed(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.norm = keras.layers.LayerNormalization(name="norm")
            self.attend = keras.layers.MultiHeadAttention(2, 4, name="attend")
            self.drop = keras.layers.Dropout(0.5, name="drop")
            self.mix = keras.layers.Dense(8, name="mix")

        def build(self, shape):
            self.norm.build(shape)
            self.attend.build((None, 16, shape[-1]), (None, 16, shape[-1]))
            self.mix.build(shape)

        def call(self, x):
            ops = keras.ops
            y = ops.reshape(self.norm(x), (-1, 2, 4, 2, 4, 8))
            y = ops.reshape(ops.transpose(y, (0, 1, 3, 2, 4, 5)), (-1, 16, 8))
            y = ops.reshape(self.attend(y, y), (-1, 2, 2, 4, 4, 8))
            y = ops.reshape(ops.transpose(y, (0, 1, 3, 2, 4, 5)), (-1, 64, 8))
            x = x + self.drop(y)
            return x + self.mix(x), y

        def compute_output_shape(self, shape):
            return shape, shape

    inputs = keras.Input((32, 32, 3))
    x = layers.Reshape((64, 8), name="tokens")(layers.Conv2D(8, 4, strides=4, name="patches")(inputs))
    for number in (1, 2):
        x, _ = Windowed(name=f"block{number}")(x)
    x = layers.GlobalAveragePooling1D(name="gap")(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x))


def _token(keras):
    global ClassToken

    @keras.saving.register_keras_serializable("zoo")
    class ClassToken(keras.layers.Layer):
        """A learned token in front, and a learned place for each."""

        def build(self, shape):
            self.token = self.add_weight(shape=(1, 1, shape[-1]), initializer="random_normal", name="token")
            self.place = self.add_weight(shape=(1, shape[1] + 1, shape[-1]), initializer="random_normal", name="place")

        def call(self, x):
            front = keras.ops.repeat(self.token, keras.ops.shape(x)[0], axis=0)
            return keras.ops.concatenate([front, x], axis=1) + self.place
