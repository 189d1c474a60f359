"""Keras models behind the seam: read, understood, and run.

Inside: `runtime` (TensorFlow, imported late), `wiring` (layers, and how to listen to them), `reading` (files and the catalog),
`understanding` (the card), `load` (a request becomes a model), `running` (the Network).
"""
