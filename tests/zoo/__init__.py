"""Every kind of wiring and head a user may come with, small and with random weights: name -> a function that makes it."""

import numpy as np

from tests.zoo import heads, wiring  # noqa: F401  (they fill the zoo)
from tests.zoo.kinds import ZOO


def subclass_of_two_inputs():
    """Called with keywords; lives outside the zoo because it cannot be saved without its code."""
    import keras

    class Pair(keras.Model):
        def __init__(self):
            super().__init__(name="pair")
            self.conv = keras.layers.Conv2D(4, 3, activation="relu", name="conv")
            self.head = keras.layers.Dense(2, activation="softmax", name="head")

        def call(self, picture, weight):
            x = keras.ops.mean(self.conv(picture), axis=(1, 2))
            return self.head(x * weight)

    model = Pair()
    model(np.zeros((1, 32, 32, 3), np.float32), np.ones((1, 1), np.float32))
    return model


def made_for_tests():
    """A factory, as `convreport build tests.zoo:made_for_tests` calls it."""
    return ZOO["functional"]()
