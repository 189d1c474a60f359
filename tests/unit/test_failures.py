"""A drawing that fails shows why in its place, is tried again next time, and costs nothing else."""

import os

import pytest

from convreport.builder.pipeline import build
from convreport.core.base import events
from tests.unit.test_build import plan


def test_a_known_model_that_cannot_be_opened_is_an_error_not_a_grey_atlas(tmp_path, monkeypatch):
    from convreport.core.base.errors import ModelError
    from convreport.engines.keras.engine import KerasEngine

    build(plan(tmp_path / "a", "overview"), lambda event: None)

    def broken(self, request):
        raise ModelError("planted")

    monkeypatch.setattr(KerasEngine, "load", broken)
    with pytest.raises(ModelError, match="planted"):
        build(plan(tmp_path / "a", "overview", "gradcam"), lambda event: None)


@pytest.fixture
def failing(monkeypatch):
    """Grad-CAM that fails on the second picture."""
    from convreport.sections.gradcam import GradCam

    whole = GradCam.draw

    def draw(self, batch, scope, net):
        if batch[0].sample == "flower":
            raise ValueError('planted <failure> & "reason"')
        return whole(self, batch, scope, net)

    monkeypatch.setattr(GradCam, "draw", draw)


def test_a_failure_shows_its_reason_in_its_place_and_the_rest_is_built(failing, tmp_path):
    told = []
    built = build(plan(tmp_path / "a", "overview", "gradcam"), told.append)
    assert (built.drawn, built.failed) == (3, 1)
    failed = [event for event in told if isinstance(event, events.Failed)]
    assert len(failed) == 1 and "planted" in failed[0].reason
    page = (tmp_path / "a/site/demo/pictures/flower.html").read_text()
    assert "planted &lt;failure&gt; &amp;" in page
    assert "Not drawn" in page
    assert "planted" not in (tmp_path / "a/site/demo/pictures/face.html").read_text()


def test_a_failure_is_not_remembered_and_strict_stops_at_it(failing, tmp_path, monkeypatch):
    from convreport.core.base.errors import ConvreportError

    with pytest.raises(ConvreportError, match="planted"):
        build(plan(tmp_path / "a", "gradcam", strict=True), lambda event: None)
    build(plan(tmp_path / "a", "gradcam"), lambda event: None)
    monkeypatch.undo()
    built = build(plan(tmp_path / "a", "gradcam"), lambda event: None)
    assert (built.drawn, built.reused, built.failed) == (1, 2, 0)


def test_a_failed_drawing_makes_the_exit_code_1(tmp_path, convreport):
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.abc, sys\n"
        "class Late(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'convreport.builder.pipeline':\n"
        "            import convreport.sections.kernels as kernels\n"
        "            kernels.Kernels.draw = lambda *a: 1 / 0\n"
        "sys.meta_path.insert(0, Late())\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = convreport("build", "demo", "-o", tmp_path / "a", "--sections", "overview,kernels", env={"PYTHONPATH": path})
    assert done.returncode == 1, done.stderr
    assert "16 failed" in done.stdout
    assert (tmp_path / "a/site/demo/index.html").is_file()
