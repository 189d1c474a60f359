"""Frameworks behind the seam of `core.seam`, one package each; here, what engines share.

Imports `core` and `demo`. No other room imports TensorFlow, Keras or PyTorch, and an engine does so inside functions only, so
that importing convreport stays quick.
"""
