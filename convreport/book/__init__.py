"""What was found of a model, as typed values: the one reader and the one writer of atlas.json.

Imports `core`. Whatever tells of results (pages, reports, rules) takes these values; nobody else looks into the file.
"""
