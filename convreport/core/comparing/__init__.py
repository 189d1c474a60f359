"""How two networks differ on the same pictures: decisions, calibration, drift of layers, units matched, attention shifted.

Pure mathematics, and the one pass that measures it. Imports the rest of `core` up to the survey.
"""
