"""What is known of a network without a framework: its card, layers, units, classes, kernels and circuits.

Imports `core.base` and `core.pictures`. Everything here is computed from plain values.
"""
