"""Pictures as arrays: reading files, colours, sizes, and how a picture meets a network's input.

Imports `core.base`. Nothing here knows what a network is.
"""
