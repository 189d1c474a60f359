"""The modules and functions of a PyTorch model in the order they run, and how to listen to them without changing it.

Imports `runtime`; knows neither files nor cards' making.
"""
