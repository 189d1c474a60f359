"""A training that was watched, as a page: snapshots in, one HTML file out, without a framework.

Imports `core` and `site`.
"""
