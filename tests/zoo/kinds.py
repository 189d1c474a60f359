"""How a member of the zoo is made, and parts that many share."""

ZOO = {}


def kind(make):
    """A member of the zoo; the same weights each time."""

    def made():
        import keras

        keras.utils.set_random_seed(7)
        return make(keras, keras.layers)

    made.__name__ = make.__name__
    ZOO[make.__name__] = made
    return made


def body(keras, layers, inputs, name="body"):
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name=f"{name}_a")(inputs)
    x = layers.MaxPooling2D(name=f"{name}_pool")(x)
    return layers.Conv2D(6, 3, padding="same", activation="relu", name=f"{name}_b")(x)


def topped(keras, layers, inputs, x, classes=3, activation="softmax", name=None):
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    return keras.Model(inputs, layers.Dense(classes, activation=activation, name="head")(x), name=name)


def plain(keras, layers, shape=(32, 32, 3), classes=3, activation="softmax"):
    """Nothing but a body and a head."""
    inputs = keras.Input(shape)
    return topped(keras, layers, inputs, body(keras, layers, inputs), classes, activation)
