"""What units answer to many pictures: tallies that do not grow with them, and what follows from those.

Imports the rest of `core` up to the seam.
"""
