"""Heatmaps of a class, and what they are worth.

Imports the rest of `core` up to the seam: a method asks a Network for answers and gradients, and does the arithmetic itself.
"""
