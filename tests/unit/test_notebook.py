"""What convreport returns shows itself in a notebook, as nbconvert runs one."""

import pytest

from convreport.core.base.errors import UsageError

CELLS = (
    "import convreport",
    "atlas = convreport.build('demo', out={out!r}, filters=4, max_images=3, max_examples=96, preset='draft',"
    " class_patterns=['face', 'flower', 'fish', 'house', 'owl', 'wheel', 'snail'])\natlas",
    "convreport.compare('demo', 'demo', out={out!r})",
    "convreport.draw('demo', 'block1_conv2', [0, 3], preset='draft', size=48)",
)


@pytest.mark.slow
def test_results_show_themselves(atlas_copy, tmp_path):
    import nbformat
    from nbconvert import HTMLExporter
    from nbconvert.preprocessors import ExecutePreprocessor

    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell.format(out=str(atlas_copy))) for cell in CELLS]
    )
    ExecutePreprocessor(timeout=300, kernel_name="python3").preprocess(book, {"metadata": {"path": str(tmp_path)}})
    shown = [
        "".join(out.data.get("text/html", "") for out in cell.outputs if out.output_type == "execute_result")
        for cell in book.cells
    ]
    assert "Contact sheet of demo" in shown[1] and "0 drawn" in shown[1] and "Open the pages of demo" in shown[1]
    assert "Nothing changed between demo and demo." in shown[2] and "Open the comparison" in shown[2]
    assert shown[3].count("<img") == 2 and "unit 3 of block1_conv2" in shown[3]
    page, _ = HTMLExporter().from_notebook_node(book)
    assert page.count("data:image/webp") == 3 and "All 256 units" in page


def test_draw_tells_of_a_unit_that_is_not_there():
    import convreport

    with pytest.raises(UsageError, match="has no unit '99'"):
        convreport.draw("demo", "block1_conv1", 99)
