"""What a PyTorch model is: its card, with preprocessing, head, receptive fields and digests.

Imports `wiring`.
"""
