"""Turns a convolutional network into a model atlas: a static site of what its layers, filters and decisions look like."""

from convreport.builder.api import Atlas, build, read

__all__ = ["Atlas", "build", "read"]
__version__ = "0.6.0"
