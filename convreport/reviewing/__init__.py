"""Making a comparison of two models of an atlas: both are found or built, shown the same pictures, and told of.

`pipeline` tells the whole story. Imports every room but `cli` and `audit`.
"""
