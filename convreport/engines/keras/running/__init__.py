"""A Keras model at work: looks, surveys and ascents, as the Network of `core.seam`.

Imports all that stands before it.
"""
