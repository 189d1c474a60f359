"""A campaign of faults: hostile and broken things of every kind, made from a seed, and a build that must bear them.

`python -m tests.campaign FAMILY --cases N --seed S` runs one family, without a name all of them. A pass is: a documented exit
code, one sentence and a hint, no traceback, no hang, nothing earlier lost, nothing foreign touched.
"""
