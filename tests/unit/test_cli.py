"""Bad input gets one sentence, a hint and its exit code; good input gets what --help promises."""

import io
import json
import os
import subprocess
import sys

import pytest
from PIL import Image

from convreport.cli.sentences import speak_anyhow
from tests.command import refused, run
from tests.conftest import interruptible


@pytest.mark.parametrize(
    ("words", "code", "message", "hint"),
    [
        (["vgg61"], 3, "There is no model 'vgg61'", "vgg16"),
        (["nothing like it"], 3, "There is no model", ".keras or .h5 file"),
        (["net.keras"], 3, "There is no model file net.keras", "Check the path"),
        (["demo", "--layers", "block1_conv"], 2, "no layer that matches 'block1_conv'", "block1_conv1"),
        (["demo", "--layers", "77"], 2, "no layer number 77", "0 to 17"),
        (["demo", "--sections", "gradcma"], 2, "no section 'gradcma'", "Did you mean gradcam"),
        (["demo", "--skip", "kernel"], 2, "no section 'kernel'", "Did you mean kernels"),
        (["demo", "--recipe", "furier"], 2, "no recipe 'furier'", "Did you mean fourier"),
        (["demo", "--preset", "hihg"], 2, "no choice 'hihg'", "Did you mean high"),
        (["demo", "--precision", "float16"], 2, "--precision cannot be 'float16'", "float32"),
        (["demo", "--memory", "lots"], 2, "--memory cannot be 'lots'", "4G"),
        (["demo", "--budget", "soon"], 2, "--budget cannot be 'soon'", "10m"),
        (["demo", "--budget", "0s"], 2, "--budget cannot be '0s'", "10m"),
        (["demo", "--class-patterns", "squid"], 2, "no class 'squid'", "all, none, auto"),
        (["demo", "--cam-score", "logits"], 2, "no choice 'logits'", "Did you mean logit"),
        (["demo", "--filters", "few"], 2, "--filters cannot be 'few'", "random:12"),
        (["demo", "--classes", "squid"], 2, "no class 'squid'", "top"),
        (["demo", "--classes", "18"], 2, "no class '18'", "0 to 17"),
        (["demo", "--set", "gradcam.colour=jet"], 2, "no option 'colour'", "Did you mean colormap"),
        (["demo", "--set", "colormap"], 2, "--set cannot be 'colormap'", "SECTION.OPTION=VALUE"),
        (["demo", "--set", "activations.tile=-4"], 2, "must be at least 0", ""),
        (["demo", "--set", "activations.tile=wide"], 2, "takes a whole number", "default is 64"),
        (["demo", "--images", "nowhere/*.png"], 4, "no picture, folder or match", "--images"),
        (["demo", "--max-images", "0"], 2, "--max-images must be at least 1", ""),
        (["demo", "--seed", "-1"], 2, "--seed must be from 0", ""),
        (["demo", "--fit", "strech"], 2, "--fit cannot be 'strech'", "Did you mean stretch"),
        (["demo", "--preprocess", "cafe"], 2, "--preprocess cannot be 'cafe'", "Did you mean caffe"),
        (["demo", "--templates", "nowhere"], 2, "no folder nowhere", "--templates"),
        (["demo", "--preset", "fast"], 2, "error --preset has no choice 'fast'.", "Known: draft"),
        (["demo", "--weights", "none"], 2, "--weights goes with a name", "Leave out --weights"),
        (["vgg16", "--weights", "nowhere.h5"], 3, "no weights file nowhere.h5", "imagenet, none"),
        (["demo", "--arch", "vgg16"], 2, "--arch goes with", "Leave out --arch"),
        (["demo", "--no-top"], 2, "--no-top goes with a name", "Leave it out"),
        (["demo", "--input", "age"], 2, "--input cannot be 'age'", "NAME=VALUE"),
        (["demo", "--input", "age=3"], 2, "has no input 'age'", "input"),
        (["demo", "--input", "pixels=3"], 2, "one must be the picture: pixels", "--images"),
        (["demo", "--output", "second"], 2, "no output 'second'", "Known"),
        (["demo", "--labels", "nowhere.txt"], 2, "no file nowhere.txt", "--labels"),
        (["demo", "--truth", "nowhere.csv"], 2, "no file nowhere.csv", "--truth"),
        (["demo", "--cam-layer", "block9"], 2, "no layer that matches 'block9'", "block"),
        (["demo", "--preprocess", "nowhere:scale"], 2, "cannot be used (ModuleNotFoundError", "pixels in 0..255"),
        (["demo", "--custom", "nowhere.layers"], 3, "given with --custom, cannot be imported", "Python finds"),
        (["nowhere.models:make"], 3, "The module nowhere cannot be imported", "install it"),
        (["tests.models:nothing"], 3, "has no function nothing", "Check the name"),
        (["demo", "--config", "nowhere.toml"], 2, "nowhere.toml cannot be read", "--config"),
    ],
)
def test_refusals(words, code, message, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(
        run("build", *words, "--out", "a", "--skip", "filters")
        if "--skip" not in words
        else run("build", *words, "--out", "a"),
        code,
        message,
        hint,
    )


def test_a_mistyped_option_is_found_by_the_command_line():
    done = run("build", "--filterz", "3")
    assert done.exit_code == 2
    assert "--filters" in done.stderr


def test_an_output_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    refused(run("build", "demo", "--out", tmp_path), 2, "is not an atlas; nothing in it was touched", "--out")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_output_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("a file where a folder must be")
    refused(run("build", "demo", "--out", tmp_path / "file" / "atlas"), 2, "cannot be written", "--out")
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    if os.access(locked, os.W_OK):
        pytest.skip("this user may write anywhere")
    refused(run("build", "demo", "--out", locked / "atlas"), 2, "cannot be written", "--out")


def test_a_folder_that_is_no_atlas_has_no_site(tmp_path):
    refused(run("site", tmp_path), 2, "is not an atlas", "convreport build")
    refused(run("serve", tmp_path), 2, "is not an atlas", "convreport build")


def test_no_network_fails_in_seconds_with_what_to_do(tmp_path, convreport):
    import time

    began = time.monotonic()
    done = convreport(
        "build", "mobilenet", "--out", tmp_path / "a",
        env={"KERAS_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"},
    )  # fmt: skip
    assert done.returncode == 3
    assert time.monotonic() - began < 45
    said = " ".join(done.stderr.split())
    assert "could not be downloaded" in said
    for way in ("--weights FILE", "--weights none", "KERAS_HOME"):
        assert way in said
    assert "Traceback" not in said


def test_layers_lists_what_is_inside():
    done = run("layers", "demo")
    assert done.exit_code == 0
    lines = {line.split()[1]: line for line in done.stdout.splitlines() if line.strip()[:1].isdigit()}
    assert len(lines) == 18
    assert (
        "96 x 96 x 16" in lines["block1_conv1"] and "3 x 3" in lines["block1_conv1"] and "448" in lines["block1_conv1"]
    )
    assert "whole picture" in lines["predictions"]


def test_sections_lists_every_option():
    done = run("sections")
    for word in ("filters.recipe", "gradcam.colormap", "gradcam.classes", "activations.tile", "overview", "kernels"):
        assert word in done.stdout


@pytest.mark.parametrize("wrong", [("--cam-layer", "block9"), ("--classes", "squid")])
def test_a_wrong_class_or_layer_is_told_before_anything_is_drawn(wrong, tmp_path):
    done = run("build", "demo", "-o", tmp_path / "a", "--filters", "1", *wrong)
    assert done.exit_code == 2
    assert " drawn " not in done.stdout


def test_letters_that_a_terminal_does_not_know_are_said_as_numbers(monkeypatch):
    said = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(said, "ascii"))
    speak_anyhow()
    print(os.fsdecode(b"caf\xc3\xa9\xff.keras"), flush=True)
    assert said.getvalue() == b"caf\\xe9\\udcff.keras\n"


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the streams")
def test_where_the_standard_streams_are_closed_the_work_is_done(atlas_copy):
    words = [sys.executable, "-m", "convreport", "remove", "demo", str(atlas_copy)]
    done = subprocess.run(["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *words], check=False)
    assert done.returncode == 0
    assert not (atlas_copy / "docs/demo/atlas.json").exists()


def test_version():
    assert run("--version").stdout.strip() == "convreport 0.6.0"


def test_json_is_json_and_quiet_is_quiet(tmp_path):
    words = ("build", "demo", "--out", tmp_path / "a", "--sections", "overview,kernels")
    lines = [json.loads(line) for line in run(*words, "--json").stdout.splitlines()]
    assert [line["event"] for line in lines][-1] == "Built"
    assert lines[-1]["drawn"] == 17
    quiet = run(*words, "--quiet").stdout.strip().splitlines()
    assert len(quiet) == 2 and quiet[0].startswith("done")


def test_skipped_pictures_are_named(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (30, 20), (9, 99, 199)).save(photos / "good.png")
    (photos / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    done = run("build", "demo", "--images", photos, "--out", tmp_path / "a", "--sections", "overview")
    assert done.exit_code == 0
    assert "Skipped bad.png" in done.stdout
    assert "1 picture" in done.stdout


def test_serve_shows_the_site_on_this_machine_only_and_stops_when_told(small_atlas):
    import signal
    import subprocess
    import sys
    import urllib.request

    words = [sys.executable, "-m", "convreport", "serve", str(small_atlas), "--port", "0"]
    server = interruptible(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().split()[0]
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address, timeout=10) as page:
            assert b"Model atlas" in page.read()
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=20)
        assert server.returncode == 0, err
    finally:
        server.kill()


def test_serve_gives_way_to_who_has_the_port_and_opens_the_browser_when_asked(small_atlas, tmp_path):
    import os
    import socket
    import subprocess
    import sys
    import time

    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = [sys.executable, "-m", "convreport", "serve", str(small_atlas), "--port", str(port), "--open"]
        server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ, "BROWSER": str(browser)})
        try:
            address = server.stdout.readline().split()[0]
            assert address.startswith("http://127.0.0.1:") and not address.endswith(f":{port}/")
            for _ in range(100):
                if (tmp_path / "opened").is_file() and (tmp_path / "opened").read_text():
                    break
                time.sleep(0.1)
            assert (tmp_path / "opened").read_text().strip() == address
        finally:
            server.kill()
            server.communicate()


NASTY = ["<script>alert(1)</script>", "a](x) | {{ 7*7 }} `b`", "quo\"te's", "Übergröße", "..\\up", "a b/../c"]


def test_nasty_names_break_out_of_nothing(tmp_path):
    """Quotes, umlauts, tags and slashes in the names of models, layers, pictures and files."""
    import re

    import keras

    photos = tmp_path / "photos"
    photos.mkdir()
    for name in NASTY:
        file = name.replace("/", "\N{FRACTION SLASH}")
        Image.new("RGB", (20, 20), (9, 99, 199)).save(photos / f"{file}.png")
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(2, 3, activation="relu", name="<script>alert(2)<script>")(inputs)
    x = keras.layers.Conv2D(2, 3, activation="relu", name='b](x)|"*{{ 7*7 }}*')(x)
    keras.Model(inputs, keras.layers.GlobalAveragePooling2D(name="pool'")(x)).save(tmp_path / "net.keras")
    done = run(
        "build", tmp_path / "net.keras", "--name", '<script>alert(3)</script>"', "--images", photos, "--all-layers",
        "--out", tmp_path / "a", "--preset", "draft",
    )  # fmt: skip
    assert done.exit_code == 0, done.stdout + done.stderr
    pages = list((tmp_path / "a/site").rglob("*.html"))
    assert len(pages) > 8
    for page in pages:
        text = page.read_text("utf-8")
        assert not re.search(r"<script>\s*alert", text), page
        assert "49" not in re.findall(r">[^<]*\b7\*7\b[^<]*<", text)
        assert 'href="x"' not in text and 'href="x.html"' not in text
    inside = {path.relative_to(tmp_path / "a").parts[0] for path in (tmp_path / "a").rglob("*")}
    assert inside <= {"docs", "site", "cache", "mkdocs.yml", ".gitignore"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "net.keras", "photos"]


def test_nasty_labels_break_out_of_nothing(atlas_copy):
    """A class name is the model author's text; it passes through Markdown, HTML, search index and viewer data as text."""
    import re

    path = atlas_copy / "docs/demo/atlas.json"
    nasty = "<script>alert(4)</script> a](x) | {{ 7*7 }} `b` *c* _d_ 😀 \u202eright to left"
    data = json.loads(path.read_bytes())
    for section in data["sections"]:
        for drawing in section["drawings"]:
            for one in [*drawing["facts"].get("top", []), *drawing["facts"].get("classes", [])]:
                one["name"] = nasty
            if section["name"] == "classes":
                drawing["facts"]["name"] = nasty
    for label in data["model"]["labels"]:
        label["name"] = nasty
    path.write_text(json.dumps(data))
    done = run("site", atlas_copy)
    assert done.exit_code == 0, done.stdout + done.stderr
    pages = [path.read_text("utf-8") for path in (atlas_copy / "site/demo").rglob("*.html")]
    assert len([page for page in pages if "alert(4)" in page]) > 10, "classes, pictures, model and report"
    assert not [page for page in pages if re.search(r"<script>\s*alert", page) or 'href="x"' in page]
    text = (atlas_copy / "site/demo/pictures/flower.html").read_text("utf-8")
    assert not re.search(r"<script>\s*alert", text)
    assert 'href="x"' not in text
    assert "<em>c</em>" not in text
    assert "<code>b</code>" not in text
    shown = re.sub(r"<[^>]+>", "", text).replace("&lt;", "<").replace("&gt;", ">")
    assert "<script>alert(4)</script> a](x) | {{ 7*7 }} `b` *c*" in shown
    assert "😀" in shown
