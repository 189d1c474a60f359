"""What a book amounts to, by numbers one can check with a pencil."""

from convreport.sections import together
from convreport.sections.gradcam import verdicts
from tests import books
from tests.books import activations, answer, book, cam, class_pattern, failure, pattern


def test_a_channel_is_silent_that_is_so_on_every_picture():
    made = book(
        activations=[
            activations("x", "a", [0, 2, 3], 8),
            activations("x", "b", [2, 3, 5], 8),
            activations("y", "a", [], 4, rectified=False),
        ],
        filters=[pattern("x", 0), pattern("x", 1, responds=False), failure("x", 2)],
    )
    lines = [(line.said, line.level) for line in together.summary(made)]
    assert lines == [
        ("no pattern found for 1 of 2 units", "notable"),
        ("2 of 8 channels silent on all 2 pictures", "notable"),
        ("1 drawing failed", "bad"),
    ]
    assert [line.said for line in together.summary(book())] == ["nothing failed"]


def test_classes_have_their_pattern_and_their_pictures_the_surest_first():
    made = book(
        classes=[class_pattern(7), class_pattern(1)],
        gradcam=[
            cam("a", [answer(1, 0.6), answer(2, 0.4)], truth=2),
            cam("b", [answer(1, 0.9), answer(2, 0.1)], truth=1),
        ],
    )
    assert list(together.classes(made)) == [1, 2, 7]
    drawn = made.chapters["gradcam"].drawings
    classes = verdicts.by_class(drawn)
    assert [one.sample for one in classes[1]] == ["b", "a"]
    (missed,) = classes[2]
    assert (missed.sample, missed.predicted, missed.said.index) == ("a", False, 1)
    assert missed.overlay is None, "only the first class was explained"
    assert 7 not in classes
    assert together.classes(book("regression", classes=[class_pattern(0)])) == {}


def test_of_very_many_classes_only_some_get_a_page_for_their_pattern_alone():
    made = book(classes=[class_pattern(index) for index in range(500)], gradcam=[cam("a", [answer(400, 1.0)])])
    found = together.classes(made)
    assert len(found) == together.MOST_LONE + 1 and 400 in found
    assert len({one.slug for one in found.values()}) == len(found)


def test_what_an_unknown_section_said_is_kept(small_atlas, tmp_path):
    """A chapter whose section is not installed: its facts are plain JSON, and the rest is typed."""
    from convreport.book.reader import parse

    text = (small_atlas / "docs/demo/atlas.json").read_text().replace('"name": "kernels"', '"name": "elsewhere"')
    assert text.count('"elsewhere"') == 1
    from convreport.sections import kinds

    made = parse(text.encode(), kinds)
    assert made.chapters["elsewhere"].drawings[0].facts["in_colour"] is True
    assert books.of(small_atlas).chapters["filters"] == made.chapters["filters"]


def test_a_verdict_is_one_sentence_of_what_sections_found():
    made = book(
        filters=[pattern("x", 0), pattern("x", 1)],
        gradcam=[
            cam("a", [answer(1, 0.6), answer(2, 0.4)], truth=2, right=False),
            cam("b", [answer(1, 0.9), answer(2, 0.1)], truth=1, right=True),
        ],
    )
    said = together.verdict(made)
    assert "classifies 1 of 2 pictures of known class correctly" in said
    assert said.startswith(f"{made.name} ") and said.endswith(".") and said.count(".") == 1
    assert together.verdict(book()) == f"{made.name} predicts {made.answers}."


def test_units_are_found_by_the_words_that_sections_know(small_atlas):
    made = books.of(small_atlas)
    index = {layer["name"]: layer["units"] for layer in together.unit_index(made)["layers"]}
    assert list(index) == [path for path in made.paged if path in index] and set(index["block3_conv1"]) == {0, 1, 2, 3}
    facts = {one.unit: one.facts for one in made.chapters["examples"].drawings if one.layer == "block3_conv1"}
    verdicts_ = {
        one.unit: one.facts.verdict for one in made.chapters["filters"].drawings if one.layer == "block3_conv1"
    }
    for unit, words in index["block3_conv1"].items():
        assert facts[unit].driven.name in words and verdicts_[unit] in words and len(set(words)) == len(words)
