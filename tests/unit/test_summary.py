"""What atlas.json amounts to, by numbers one can check with a pencil."""

from convreport.site import summary


def drawing(layer=None, unit=None, sample=None, failure="", figures=None, **facts):
    return {
        "layer": layer, "unit": unit, "sample": sample, "class": None, "key": "k", "facts": facts,
        "figures": figures or {}, **({"failure": failure} if failure else {}),
    }  # fmt: skip


def atlas(head="softmax", **sections):
    return {
        "model": {"head": head, "name": "m", "layers": []},
        "samples": [{"slug": "a", "name": "a"}, {"slug": "b", "name": "b"}],
        "sections": [{"name": name, "drawings": drawings} for name, drawings in sections.items()],
    }


def test_a_channel_is_silent_that_is_so_on_every_picture():
    data = atlas(
        activations=[
            drawing("x", sample="a", rectified=True, silent=[0, 2, 3], channels=8),
            drawing("x", sample="b", rectified=True, silent=[2, 3, 5], channels=8),
            drawing("y", sample="a", rectified=False, silent=[], channels=4),
        ],
        filters=[drawing("x", 0, responds=True), drawing("x", 1, responds=False), drawing("x", 2, failure="no")],
    )
    assert summary.health(data) == {
        "silent": 2, "channels": 8, "pictures": 2, "patterns": 2, "grey": 1, "failed": 1,
    }  # fmt: skip


def answer(index, share):
    return {"index": index, "name": f"c{index}", "wnid": "", "probability": share, "logit": 0.0}


def cam(sample, top, truth=None):
    return drawing(
        sample=sample, top=top, classes=top[:1], measure="probability", truth=None if truth is None else {"index": truth},
        figures={"overlay0": {"file": f"{sample}.webp"}},
    )  # fmt: skip


def test_classes_have_their_pattern_and_their_pictures_the_surest_first():
    data = atlas(
        classes=[drawing(**{"class": 7, "name": "c7"}), drawing(**{"class": 1, "name": "c1"})],
        gradcam=[
            cam("a", [answer(1, 0.6), answer(2, 0.4)], truth=2),
            cam("b", [answer(1, 0.9), answer(2, 0.1)], truth=1),
        ],
    )
    found = summary.classes(data)
    assert list(found) == [1, 2, 7]
    assert [one["sample"] for one in found[1]["pictures"]] == ["b", "a"] and found[1]["pattern"]
    missed = found[2]["pictures"]
    assert [(one["sample"], one["predicted"], one["said"]["index"]) for one in missed] == [("a", False, 1)]
    assert missed[0]["overlay"] is None, "only the first class was explained"
    assert found[7]["pictures"] == [] and found[2]["pattern"] is None
    assert summary.classes(atlas("regression")) == {}


def test_of_very_many_classes_only_some_get_a_page_for_their_pattern_alone():
    data = atlas(
        classes=[drawing(**{"class": index, "name": f"c{index}"}) for index in range(500)],
        gradcam=[cam("a", [answer(400, 1.0)])],
    )
    found = summary.classes(data)
    assert len(found) == summary.MOST_CLASSES + 1 and 400 in found
    assert len({one["slug"] for one in found.values()}) == len(found)
