"""How much the engines repeat each other: `python -m tests.tools.duplication [LINES]`.

Every run of at least LINES (4) lines that stands in both engines alike, the framework's name and blank lines, docstrings and
imports left out. What is printed last is how many lines that is in all.
"""

import ast
import sys
from difflib import SequenceMatcher
from pathlib import Path

ENGINES = Path(__file__).parents[2] / "convreport" / "engines"
FEWEST = 4
MOST = 150  # lines that the engines may have in common
NAMES = (
    ("keras", "framework"),
    ("torch", "framework"),
    ("tensorflow", "framework"),
    ("Keras", "Framework"),
    ("Torch", "Framework"),
)


def lines_of(file):
    """(number, text) of the lines that do something, whatever the framework is called."""
    source = file.read_text("utf-8")
    told = set()
    for node in ast.walk(ast.parse(source)):
        first = node.body[0] if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body else None
        words = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        for one in [first] * words + [node] * isinstance(node, ast.Import | ast.ImportFrom):
            told |= set(range(one.lineno, one.end_lineno + 1))
    for number, text in enumerate(source.splitlines(), 1):
        if text.strip() and number not in told:
            for name, word in NAMES:
                text = text.replace(name, word)
            yield number, text.strip()


def repeated(fewest=FEWEST):
    """(Keras's file, line, PyTorch's file, line, how many) of each run of lines that both have; a line counts once."""
    theirs = {file: list(lines_of(file)) for file in sorted((ENGINES / "keras").rglob("*.py"))}
    ours = {file: list(lines_of(file)) for file in sorted((ENGINES / "torch").rglob("*.py"))}
    for mine, some in ours.items():
        taken = set()
        for other, more in theirs.items():
            matcher = SequenceMatcher(None, [text for _, text in more], [text for _, text in some], autojunk=False)
            for match in matcher.get_matching_blocks():
                places = set(range(match.b, match.b + match.size)) - taken
                if match.size >= fewest and places:
                    taken |= places
                    yield other, more[match.a][0], mine, some[match.b][0], len(places)


def main():
    fewest = int(sys.argv[1]) if len(sys.argv) > 1 else FEWEST
    whole = 0
    for other, there, mine, here, count in repeated(fewest):
        print(f"{count:4} {other.relative_to(ENGINES)}:{there} {mine.relative_to(ENGINES)}:{here}")
        whole += count
    print(f"{whole:4} lines in all, of at most {MOST}")


if __name__ == "__main__":
    main()
