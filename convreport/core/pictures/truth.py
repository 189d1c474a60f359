"""What pictures really show: by the folders they lie in, or by a table; and which class of the model that is."""

import csv
from collections.abc import Mapping
from pathlib import Path

from convreport.core.base.errors import UsageError

HEADINGS = ("file", "filename", "file_name", "image", "picture", "path", "name", "id")


def read(file: Path) -> dict[str, str]:
    """File name -> label, from a table with a line a picture: file,label (or ; or tab between), a heading or none."""
    try:
        text = file.expanduser().read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The truth {file} cannot be read ({error}).", "Give a CSV file of file,label.") from None
    separator = max(",;\t", key=text.partition("\n")[0].count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=separator) if row]
    if rows and rows[0][0].casefold() in HEADINGS:
        rows = rows[1:]
    if not rows or any(len(row) < 2 or not row[1] for row in rows):
        raise UsageError(f"{file.name} is not a table of pictures.", "Write file,label on each line.")
    return {row[0]: row[1] for row in rows}


def of_file(path: Path, table: Mapping[str, str] | None) -> str:
    """What a table says of a picture, by its name or the end of its path; without a table, the folder it lies in."""
    if table is None:
        return path.absolute().parent.name
    for depth in range(1, min(len(path.parts), 4) + 1):
        tail = "/".join(path.parts[-depth:])
        if tail in table:
            return table[tail]
    return table.get(path.stem, "")
