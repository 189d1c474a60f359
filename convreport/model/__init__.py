"""The only package that imports TensorFlow and Keras, and only inside functions: models in, cards and Networks out."""
