"""A PyTorch model at work: the Forward that the shared parts of engines run, and PyTorch's arithmetic.

Imports `wiring`.
"""
