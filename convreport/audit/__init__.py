"""Judging an atlas: `check` holds it against thresholds, `verify` draws parts of it again.

Imports every room but `cli`.
"""
