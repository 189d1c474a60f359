"""Kinds of heads, and inputs that are no usual picture."""

from tests.zoo.kinds import body, kind, plain, topped


@kind
def one_sigmoid(keras, layers):
    return plain(keras, layers, (40, 28, 1), 1, "sigmoid")


@kind
def many_sigmoids(keras, layers):
    return plain(keras, layers, (32, 32, 3), 4, "sigmoid")


@kind
def regression(keras, layers):
    return plain(keras, layers, (32, 32, 3), 1, None)


@kind
def segmentation(keras, layers):
    """A little U-Net."""
    inputs = keras.Input((32, 48, 3))
    fine = layers.Conv2D(4, 3, padding="same", activation="relu", name="down1")(inputs)
    x = layers.MaxPooling2D(name="halve")(fine)
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="bottom")(x)
    x = layers.Conv2DTranspose(4, 2, strides=2, name="up")(x)
    x = layers.Concatenate(name="skip")([x, fine])
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="last")(x)
    return keras.Model(inputs, layers.Conv2D(3, 1, activation="softmax", name="masks")(x))


@kind
def segmentation_one_class(keras, layers):
    inputs = keras.Input((32, 32, 1))
    x = layers.UpSampling2D(name="up")(body(keras, layers, inputs))
    return keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid", name="mask")(x))


@kind
def embedding(keras, layers):
    inputs = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(body(keras, layers, inputs))
    return keras.Model(inputs, layers.UnitNormalization()(x))


@kind
def without_top(keras, layers):
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, body(keras, layers, inputs))


@kind
def five_channels(keras, layers):
    return plain(keras, layers, (32, 32, 5))


@kind
def plane(keras, layers):
    """A gray picture without a channel axis."""
    inputs = keras.Input((28, 28))
    return topped(keras, layers, inputs, body(keras, layers, layers.Reshape((28, 28, 1))(inputs)))


@kind
def odd_convolutions(keras, layers):
    """Depthwise, separable, transposed, grouped, dilated, one by one and large."""
    inputs = keras.Input((33, 33, 4))
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="depthwise")(inputs)
    x = layers.SeparableConv2D(6, 3, padding="same", activation="relu", name="separable")(x)
    x = layers.Conv2D(8, 3, groups=2, padding="same", activation="relu", name="grouped")(x)
    x = layers.Conv2D(6, 3, dilation_rate=2, padding="same", activation="relu", name="dilated")(x)
    x = layers.AveragePooling2D(2, padding="same", name="average")(x)
    x = layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu", name="transposed")(x)
    x = layers.Conv2D(4, 11, padding="same", activation="relu", name="large")(x)
    return topped(keras, layers, inputs, layers.Conv2D(5, 1, name="pointwise")(x))


@kind
def regression_of_four(keras, layers):
    return plain(keras, layers, (32, 32, 3), 4, "tanh")
