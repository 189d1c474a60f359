"""PyTorch models behind the seam: found, understood, and run.

Inside: `runtime` (PyTorch, imported late), `wiring` (modules and functions, and how to listen to them), `reading` (sources and
state dictionaries), `understanding` (the card), `load` (a request becomes a model), `running` (the Forward and its arithmetic).
"""
