"""What changed between two models, as typed values: the one reader and the one writer of comparison.json.

Imports `core` and `book`.
"""
