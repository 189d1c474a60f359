"""Publishing to a local bare repository, and the workflow for CI."""

import json
import subprocess
from dataclasses import replace

import pytest

from convreport.book.folder import Atlas
from convreport.core.base.errors import PublishError
from convreport.share import publish
from tests.command import run

WHO = ("-c", "user.name=somebody", "-c", "user.email=some@body.example")


def git(where, *words):
    return subprocess.run(["git", *words], cwd=where, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def remote(tmp_path):
    git(tmp_path, "init", "--quiet", "--bare", "remote.git")
    return tmp_path / "remote.git"


@pytest.fixture
def repository(atlas_copy, remote):
    """The atlas inside a repository with a remote; built, as copying it changed its times."""
    git(atlas_copy.parent, "init", "--quiet", ".")
    git(atlas_copy.parent, "remote", "add", "origin", str(remote))
    assert run("site", atlas_copy).exit_code == 0
    return atlas_copy


def bytes_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def files_of(remote, branch="gh-pages"):
    return set(git(remote, "ls-tree", "-r", "--name-only", branch).split("\n")) - {""}


@pytest.mark.parametrize("filters", [True, False])
def test_published_twice_the_tree_is_right_and_nothing_has_grown(repository, remote, filters):
    """With a server that answers partial fetches (as GitHub's does) and with one that does not."""
    git(remote, "config", "uploadpack.allowFilter", str(filters).lower())
    done = run("publish", repository, "--yes")
    assert done.exit_code == 0, done.output
    once = bytes_of(remote)
    (repository / "docs/CNAME").write_text("atlas.example.org\n")
    assert run("publish", repository, "--yes").exit_code == 6, "the site is older than its pages"
    assert run("site", repository).exit_code == 0
    done = run("publish", repository, "--yes")
    assert done.exit_code == 0, done.output
    assert "https://atlas.example.org/" in done.stdout
    site = {
        path.relative_to(repository / "site").as_posix() for path in (repository / "site").rglob("*") if path.is_file()
    }
    assert files_of(remote) == site and {"CNAME", ".nojekyll", "404.html"} <= site
    for name in ("index.html", "demo/report.html", "demo/figures/cover.webp"):
        shown = subprocess.run(["git", "show", f"gh-pages:{name}"], cwd=remote, capture_output=True, check=True).stdout
        assert shown == (repository / "site" / name).read_bytes()
    assert git(remote, "rev-list", "--count", "gh-pages").strip() == "1"
    assert bytes_of(remote) < 1.1 * once
    assert git(repository, "for-each-ref") == "" and git(repository, "count-objects").startswith("0 objects")


def test_a_dry_run_and_a_no_push_nothing(repository, remote):
    done = run("publish", repository, "--dry-run")
    assert done.exit_code == 0 and "files," in done.stdout and str(remote) in done.stdout
    done = run("publish", repository, input="n\n")
    assert done.exit_code == 2 and "Nothing was pushed" in done.stderr
    assert git(remote, "for-each-ref") == ""
    assert run("publish", repository, "--branch", "pages", input="y\n").exit_code == 0
    assert "refs/heads/pages" in git(remote, "for-each-ref")


def test_a_branch_of_somebody_else_is_not_replaced(repository, remote, tmp_path):
    git(tmp_path, "clone", "--quiet", str(remote), "hand")
    (tmp_path / "hand/index.html").write_text("made by hand")
    git(tmp_path / "hand", "add", ".")
    git(tmp_path / "hand", *WHO, "commit", "-q", "-m", "my pages")
    git(tmp_path / "hand", "push", "-q", "origin", "HEAD:gh-pages")
    done = run("publish", repository, "--yes")
    assert done.exit_code == 6
    assert "was not written by convreport" in done.stderr and "--branch" in done.stderr
    assert files_of(remote) == {"index.html"}


def test_a_branch_that_changed_meanwhile_is_not_replaced(repository, remote):
    atlas = Atlas.open(repository, create=False)
    offer = publish.prepare(atlas, "origin", "gh-pages", stale=False)
    publish.push(atlas, offer)
    (atlas.site / "more.txt").write_text("more")  # or two pushes within a second would be one and the same commit
    with pytest.raises(PublishError, match="The push was rejected") as caught:
        publish.push(atlas, offer)  # it still believes that nothing is there
    assert "publish again" in caught.value.hint


def test_a_rejected_push_says_why(repository, remote):
    hook = remote / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'the office is closed' >&2\nexit 1\n")
    hook.chmod(0o755)
    done = run("publish", repository, "--yes")
    assert done.exit_code == 6 and "The push was rejected" in done.stderr


def test_what_cannot_be_published_is_a_sentence(repository, tmp_path, monkeypatch):
    done = run("publish", repository, "--remote", "upstream", "--yes")
    assert done.exit_code == 6 and "no remote 'upstream' (it has: origin)" in done.stderr
    done = run("publish", repository, "--branch", "a..b", "--yes")
    assert done.exit_code == 6 and "is not a valid branch name" in done.stderr
    git(repository, "remote", "set-url", "origin", str(tmp_path / "gone.git"))
    done = run("publish", repository, "--yes")
    assert done.exit_code == 6 and "does not answer" in done.stderr
    atlas = Atlas.open(repository, create=False)
    monkeypatch.setattr(publish, "MOST_BYTES", 1000)
    with pytest.raises(PublishError, match="GitHub Pages takes at most"):
        publish.prepare(atlas, "origin", "gh-pages", stale=False)
    monkeypatch.undo()
    monkeypatch.setattr(publish, "MOST_OF_A_FILE", 1000)
    with pytest.raises(PublishError, match="GitHub takes files of at most"):
        publish.prepare(atlas, "origin", "gh-pages", stale=False)


def test_outside_a_repository_an_address_is_asked_for(atlas_copy, remote, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(atlas_copy.parent))
    assert run("site", atlas_copy).exit_code == 0
    done = run("publish", atlas_copy, "--yes")
    assert done.exit_code == 6 and "lies in no git repository" in done.stderr
    done = run("publish", atlas_copy, "--remote", remote, "--yes")
    assert done.exit_code == 0, done.output
    assert "index.html" in files_of(remote)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("git@github.com:Someone/my-atlas.git", "https://someone.github.io/my-atlas/"),
        ("https://github.com/someone/someone.github.io", "https://someone.github.io/"),
        ("ssh://git@github.com/someone/x.y.git", "https://someone.github.io/x.y/"),
        ("https://gitlab.com/someone/x.git", ""),
    ],
)
def test_the_address_follows_from_the_remote(small_atlas, url, address):
    assert publish._address(Atlas.open(small_atlas, create=False), url) == address


def test_the_workflow_is_valid_and_builds_what_is_committed(repository, tmp_path):
    done = run("init-ci", repository)
    assert done.exit_code == 0, done.output
    path = repository.parent / ".github/workflows/atlas.yml"
    assert "git add .github/workflows/atlas.yml atlas/mkdocs.yml atlas/docs atlas/.gitignore" in done.stdout
    checked = subprocess.run(
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
    import yaml

    workflow = yaml.safe_load(path.read_text("utf-8"))
    steps = workflow["jobs"]["build"]["steps"]
    used = [step["uses"] for step in [*steps, *workflow["jobs"]["deploy"]["steps"]] if "uses" in step]
    assert all("@v" in name and name.split("@v")[1].isdigit() for name in used)
    command = next(step["run"] for step in steps if step.get("run", "").startswith("mkdocs"))
    report = next(step["with"]["path"] for step in steps if "archive" in step.get("with", {}))
    assert (repository.parent / report).is_file()
    # The command itself, on a clone that holds what was to be committed and nothing else.
    git(repository.parent, "add", *done.stdout.split("git add ")[1].splitlines()[0].split())
    git(repository.parent, *WHO, "commit", "-q", "-m", "atlas")
    git(tmp_path, "clone", "--quiet", str(repository.parent), "ci")
    subprocess.run(["bash", "-c", f"python -m {command}"], cwd=tmp_path / "ci", check=True, capture_output=True)
    assert (tmp_path / "ci/atlas/site/demo/index.html").is_file()


def test_the_workflow_is_never_written_over(repository):
    path = repository.parent / ".github/workflows/atlas.yml"
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    done = run("init-ci", repository)
    assert done.exit_code == 2 and "--force" in done.stderr and path.read_text() == "mine"
    assert run("init-ci", repository, "--force").exit_code == 0 and path.read_text() != "mine"


def test_every_model_has_its_report_attached(repository):
    import shutil

    shutil.copytree(repository / "docs/demo", repository / "docs/second")
    data = json.loads((repository / "docs/second/atlas.json").read_bytes())
    data["model"] |= {"name": "second", "slug": "second"}
    (repository / "docs/second/atlas.json").write_text(json.dumps(data))
    assert run("init-ci", repository).exit_code == 0
    text = (repository.parent / ".github/workflows/atlas.yml").read_text()
    assert 'path: "atlas/docs/demo/report.html"' in text and 'path: "atlas/docs/second/report.html"' in text


def test_an_offer_says_what_it_would_do(repository):
    offer = publish.prepare(Atlas.open(repository, create=False), "origin", "gh-pages", stale=False)
    assert offer.files > 50 and offer.bytes > 1_000_000 and offer.replaces == ""
    assert replace(offer, replaces="x") != offer
