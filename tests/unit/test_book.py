"""atlas.json: what is written can be read, and what does not fit is told in a sentence."""

import dataclasses
import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convreport
from convreport.book import writer
from convreport.book.reader import OtherFormatError, parse, read
from convreport.book.values import FORMAT
from convreport.builder.publishing import published_schema
from convreport.core.base.codec import from_json, to_json
from convreport.core.base.errors import UsageError
from convreport.core.network.card import Field
from convreport.sections import kinds
from tests import books
from tests.command import run


@pytest.fixture(scope="module")
def text(small_atlas):
    return (small_atlas / "docs/demo/atlas.json").read_bytes()


def test_a_book_comes_back_as_it_was_written(small_atlas, text):
    (book,) = convreport.read(small_atlas)
    assert to_json(book) | {"$schema": "atlas.schema.json"} == json.loads(text)
    assert book.chapters["filters"].drawings[0].facts.verdict
    assert {type(one.facts).__name__ for one in book.chapters["gradcam"].drawings} == {"CamFacts"}
    assert book.made.packages.keys() == {"keras", "tensorflow"}


def test_a_name_with_bytes_that_are_no_text_can_be_read_again(small_atlas, tmp_path):
    (book,) = convreport.read(small_atlas)
    odd = dataclasses.replace(book, model=dataclasses.replace(book.model, name="net\udcff.keras"))
    written = writer.write(tmp_path, odd, kinds, published_schema())
    back = read(tmp_path / "atlas.json", kinds)
    assert back.model.name == "net\ufffd.keras"
    (tmp_path / "atlas.json").write_text(
        (tmp_path / "atlas.json").read_text().replace(written.made.date, "2020-02-02 20:20 UTC")
    )
    assert writer.write(tmp_path, odd, kinds, published_schema()).made.date == "2020-02-02 20:20 UTC"  # nothing is new


def test_what_thousands_of_pages_ask_is_sought_once(small_atlas, monkeypatch):
    from convreport.sections.faithfulness import Faithfulness
    from convreport.site import pages

    (book,) = convreport.read(small_atlas)
    sought, means = [], Faithfulness.means
    monkeypatch.setattr(Faithfulness, "means", classmethod(lambda cls, asked: sought.append(asked) or means(asked)))
    made = pages.compose([book], None, {})
    assert len(made) > 20 and sought == [book]


@pytest.mark.parametrize(("words", "title"), [((), "atlas.json"), (("comparison",), "comparison.json")])
def test_schemas_are_printed(words, title):
    said = run("schema", *words)
    assert said.exit_code == 0 and json.loads(said.stdout)["title"].startswith(title)


def test_the_published_schema_fits_and_bites(small_atlas, text, tmp_path):
    schema_text = (small_atlas / "docs/demo/atlas.schema.json").read_text()
    assert schema_text == json.dumps(published_schema(), indent=1) + "\n"
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps(published_schema()))
    wrong = tmp_path / "wrong.json"
    data = json.loads(text)
    next(one for one in data["sections"] if one["name"] == "filters")["drawings"][0]["facts"]["score"] = "high"
    wrong.write_text(json.dumps(data))
    words = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema)]
    good = subprocess.run(
        [*words, str(small_atlas / "docs/demo/atlas.json")], capture_output=True, text=True, check=False
    )
    assert good.returncode == 0, good.stdout
    bad = subprocess.run([*words, str(wrong)], capture_output=True, text=True, check=False)
    assert bad.returncode == 1 and "score" in bad.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda data: data | {"model": data["model"] | {"params": "many"}},
            "expected `int`, got `str` at $.model.params",
        ),
        (lambda data: {key: value for key, value in data.items() if key != "slugs"}, "missing required field `slugs`"),
        (lambda data: data | {"samples": [{"name": "x"}]}, "at $.samples[0]"),
        (lambda data: data | {"sections": [data["sections"][0] | {"drawings": [7]}]}, "at $.sections[0].drawings[0]"),
    ],
    ids=["kind", "missing", "sample", "drawing"],
)
def test_what_does_not_fit_is_said_with_its_place(text, change, said):
    with pytest.raises(ValueError, match=r".") as caught:
        parse(json.dumps(change(json.loads(text))).encode(), kinds)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"\xff" + b, lambda b: b"[]"],
    ids=["cut", "empty", "no text", "list"],
)
def test_a_damaged_file_is_a_sentence_everywhere(atlas_copy, text, damage):
    file = atlas_copy / "docs/demo/atlas.json"
    file.write_bytes(damage(text))
    with pytest.raises(UsageError, match="is damaged, or not an atlas"):
        read(file, kinds)
    for words in (("check", atlas_copy), ("export", atlas_copy), ("verify", atlas_copy)):
        done = run(*words)
        assert done.exit_code == 2 and "is damaged" in done.stderr and "Traceback" not in done.stderr, words


def test_another_format_is_told_apart_from_damage(text):
    data = json.loads(text)
    with pytest.raises(
        OtherFormatError, match=f"demo was written by another version of convreport .format 1, not {FORMAT}"
    ):
        parse(json.dumps({"format": 1, "model": {"name": data["model"]["name"]}, "anything": 3}).encode(), kinds)


def test_json_has_no_nan(tmp_path):
    assert to_json({"a": [math.nan, math.inf, 1.5]}) == {"a": [None, None, 1.5]}
    bare = books.drawing(dataclasses.replace(books.pattern("x", 0).facts, score=None))
    assert "score" in to_json(bare)["facts"] and "rank" not in to_json(bare)["facts"]


sizes = st.tuples(st.integers(0, 999), st.integers(0, 999))


@given(st.builds(Field, sizes, sizes, sizes, st.booleans()))
def test_any_value_comes_back(field):
    assert from_json(Field, json.loads(json.dumps(to_json(field)))) == field
