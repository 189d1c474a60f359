"""convreport from Python: the README's example, models and pictures at hand, the same options, errors that can be caught."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convreport
from convreport.core.base import events
from convreport.core.base.errors import ImageError, ModelError, UsageError
from tests.zoo import ZOO

ROOT = Path(convreport.__file__).parent.parent


def test_the_readmes_example_runs(tmp_path, monkeypatch):
    readme = ROOT / "README.md"
    if not readme.is_file():
        pytest.skip("installed without the README beside it")
    examples = re.findall(r"```python\n(.*?)```", readme.read_text("utf-8"), re.S)
    assert len(examples) == 1
    monkeypatch.chdir(tmp_path)
    scene = {}
    exec(compile(examples[0], "README", "exec"), scene)
    assert Path(scene["atlas"].page).is_file()
    assert scene["atlas"].failures == ()


def test_a_model_at_hand_with_pictures_at_hand(tmp_path):
    model = ZOO["two_inputs"]()
    before = [weight.copy() for weight in model.get_weights()]
    heard = []
    atlas = convreport.build(
        model,
        images={"array": np.random.default_rng(0).uniform(0, 1, (40, 30)), "photo": Image.new("RGB", (30, 20), "red")},
        out=tmp_path,
        labels=["ill"],
        inputs={"age": 61.0},
        name="My scans",
        filters=1,
        cam_layer="body_a",
        on_event=heard.append,
    )
    assert (atlas.folder, atlas.failures) == (tmp_path, ())
    assert atlas.site == tmp_path / "site/index.html" and atlas.page == tmp_path / "site/my-scans/index.html"
    assert atlas.site.is_file() and atlas.page.is_file()
    drawn = {chapter.name: len(chapter.drawings) for chapter in atlas.book.sections}
    assert drawn == {
        "overview": 1, "kernels": 4, "atlas": 0, "filters": 2, "diversity": 0, "examples": 2, "dissection": 0,
        "health": 2, "circuits": 2,
        "neighbors": 2, "classes": 2, "gradcam": 2, "faithfulness": 2, "activations": 6, "sanity": 2, "shortcuts": 0,
    }  # fmt: skip
    assert atlas.drawn == sum(drawn.values())
    assert [sample.name for sample in atlas.book.samples] == ["array", "photo"]
    facts = atlas.book.chapters["gradcam"].drawings[0].facts
    assert facts.layer == "body_a" and {one.name for one in facts.classes} == {"ill", "not ill"}
    assert convreport.read(tmp_path) == (atlas.book,)
    assert isinstance(heard[-1], events.Built)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    assert "My scans" in atlas._repr_html_()
    again = convreport.build(model, images=list(heard[:0]), out=tmp_path, name="My scans", filters=1, labels=["ill"],
                             inputs={"age": 61.0}, sections=["filters"])  # fmt: skip
    assert again.reused == 2


SECTIONS = ("overview", "kernels", "filters", "examples", "health", "circuits", "gradcam", "activations")


@pytest.mark.slow
def test_after_training_only_what_changed_is_drawn_again(tmp_path):
    model = ZOO["functional"]()
    words = {"out": tmp_path, "name": "net", "filters": 1, "max_images": 1, "sections": SECTIONS}
    convreport.build(model, **words)
    head = model.get_layer("head")
    head.set_weights([weight + 0.1 for weight in head.get_weights()])
    atlas = convreport.build(model, **words)
    drawn = {chapter.name: len(chapter.drawings) for chapter in atlas.book.sections}
    redrawn = ("overview", "circuits", "gradcam")  # what rests on the head
    assert atlas.drawn == sum(drawn[name] for name in redrawn) < sum(drawn.values())


def test_a_name_a_path_and_a_factory(tmp_path):
    few = {"out": tmp_path / "a", "sections": ["kernels"], "max_images": 1}
    ZOO["functional"]().save(tmp_path / "net.keras")
    assert convreport.build("demo", **few).book.name == "demo"
    assert convreport.build(tmp_path / "net.keras", **few).book.name == "net"
    assert convreport.build("tests.zoo:made_for_tests", **few).book.name == "made_for_tests"
    assert len(list((tmp_path / "a/docs").glob("*/atlas.json"))) == 3


def test_mistakes_are_raised_with_a_hint(tmp_path):
    with pytest.raises(UsageError, match="unknown key 'filter'") as raised:
        convreport.build("demo", filter=3, out=tmp_path)
    assert "filters" in raised.value.hint
    with pytest.raises(ModelError, match="There is no model 'vgg61'"):
        convreport.build("vgg61", out=tmp_path)
    with pytest.raises(ImageError, match=r"picture 1: an array of shape \(3,\)"):
        convreport.build("demo", images=[np.zeros(3)], out=tmp_path)
    with pytest.raises(UsageError, match=r"no option 'colour'"):
        convreport.build("demo", options={"gradcam": {"colour": "jet"}}, out=tmp_path)


def test_importing_convreport_imports_nothing_heavy():
    import subprocess
    import sys

    code = "import sys, convreport; print(sorted({'numpy', 'tensorflow', 'keras', 'PIL', 'jinja2'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
