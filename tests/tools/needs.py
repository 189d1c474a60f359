"""What some tests need: skipped, saying so, where it is not; failed where it is required."""

import importlib
import os

import pytest

KEPT = []  # libraries of operators, which last as long as they are held


def torch():
    """PyTorch; CONVREPORT_TORCH=required says that it must be here."""
    if os.environ.get("CONVREPORT_TORCH") == "required":
        return importlib.import_module("torch")
    return pytest.importorskip("torch", reason="PyTorch is not installed")


def timm():
    """timm, with torchvision which it needs."""
    torchvision()
    return pytest.importorskip("timm", reason="timm is not installed")


def torchvision():
    """torchvision. Its wheels on PyPI are built for GPUs: beside a PyTorch for CPUs they lack operators of detection, which no
    classifier needs and which are declared here, or torchvision could not be imported at all.
    """
    made = torch()
    try:
        return pytest.importorskip("torchvision", reason="torchvision is not installed", exc_type=ModuleNotFoundError)
    except RuntimeError:
        declared = made.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        KEPT.append(declared)
        return importlib.import_module("torchvision")


def captum():
    """Captum, the heatmaps of PyTorch's authors."""
    torch()
    return pytest.importorskip("captum.attr", reason="Captum is not installed")


def grad_cam():
    """pytorch-grad-cam, the heatmaps that most people use."""
    torchvision()
    return pytest.importorskip("pytorch_grad_cam", reason="pytorch-grad-cam (grad-cam on PyPI) is not installed")
