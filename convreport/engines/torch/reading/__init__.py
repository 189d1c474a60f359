"""Modules out of functions, packages of models and exported programs, and the weights that go into them: safely.

Imports `runtime` alone; what a model means is none of its business.
"""
