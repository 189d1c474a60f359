"""Turns a convolutional network into a model atlas: a static site of what its layers, filters and decisions look like."""

from convreport.builder.api import Atlas, build

__all__ = ["Atlas", "build"]
__version__ = "0.5.0"
