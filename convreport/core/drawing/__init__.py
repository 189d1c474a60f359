"""What is to be drawn, what was drawn, and the store that keeps it.

The last room of `core`: may import all the others.
"""
