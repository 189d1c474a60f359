"""Tools that know nothing of networks or pictures: errors, events, files and digests, numbers and amounts, JSON.

Imports nothing of convreport.
"""
