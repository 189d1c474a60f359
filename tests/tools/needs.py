"""What some tests need: skipped, saying so, where it is not; failed where it is required."""

import importlib
import os

import pytest


def torch():
    """PyTorch; CONVREPORT_TORCH=required says that it must be here."""
    if os.environ.get("CONVREPORT_TORCH") == "required":
        return importlib.import_module("torch")
    return pytest.importorskip("torch", reason="PyTorch is not installed")
