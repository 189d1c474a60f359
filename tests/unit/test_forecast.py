"""What a build would cost: said before, and near what it then costs."""

import pytest

from convreport.builder.forecast import _files
from convreport.core.drawing.figures import Subject
from tests.unit.test_cli import run


def test_tiles_share_sheets_and_other_pictures_have_files_of_their_own():
    units = [Subject("a", unit) for unit in range(33)]
    assert _files(units, 1) == 3  # two sheets, and the contact sheet
    assert _files([Subject(sample="x"), Subject(sample="y")], 4) == 8


@pytest.mark.slow
def test_doctor_says_what_a_build_would_cost_and_is_near_the_truth(small_atlas):
    done = run(
        "doctor",
        "demo",
        "--filters",
        "4",
        "--max-images",
        "3",
        "--sections",
        "kernels,gradcam,activations",
        "--forecast",
    )
    assert done.exit_code == 0, done.output
    row = next(line.split() for line in done.stdout.splitlines() if line.strip().startswith("in all"))
    site = [path for path in (small_atlas / "site").rglob("*") if path.is_file()]
    kept = [path for path in site if not any(word in path.name for word in ("pattern", "crops"))]
    files = int(row[-1].replace(",", ""))
    assert 0.5 * len(kept) < files < 1.5 * len(kept)
    assert (
        0.4 * sum(path.stat().st_size for path in kept) / 1e6
        < float(row[-2])
        < 2 * sum(path.stat().st_size for path in kept) / 1e6
    )
