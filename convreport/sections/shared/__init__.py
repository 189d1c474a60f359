"""What several sections share; no section by itself.

Imports `core` and `book`.
"""
