"""A build: the request, the loop that draws what is missing, and what is published of it.

`pipeline` tells the whole story. Imports every room but `cli` and `audit`.
"""
