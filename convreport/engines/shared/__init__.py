"""What the engines of all frameworks share: a Network, and how a model is understood, in terms of one forward pass.

A framework brings a `forward.Forward` and the arithmetic of `core.ascent.ops`. Imports `core` and `engines`; no framework.
"""
