"""Keras models out of files and out of keras.applications: safely, and repaired where Keras 3 refuses old ones.

Imports `runtime` alone; what a model means is none of its business.
"""
