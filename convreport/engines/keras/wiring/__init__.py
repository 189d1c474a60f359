"""The layers of a Keras model in the order they run, and how to listen to them without changing the model.

Imports `runtime`; knows neither files nor cards' making.
"""
