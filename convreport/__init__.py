"""convreport turns a convolutional network into a model atlas: a static site of what its layers and filters seek."""

__version__ = "0.1.0"
