"""The rooms of convreport and the arrows between them: `python -m tests.tools.rooms`. Says so if there is a circle."""

import ast
import sys
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2] / "convreport"
TABLE = tomllib.loads((Path(__file__).parents[1] / "rooms.toml").read_text("utf-8"))


@dataclass(frozen=True)
class Import:
    """A module of convreport imports something: `target` is dotted, `late` inside a function."""

    module: str
    target: str
    late: bool
    line: int


def modules(root=ROOT):
    """Module name below the package ("" for its own __init__) -> file."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name, path, known):
    """What a module imports; of convreport the very module, whether it is named by `from` or by `import`."""
    tree = ast.parse(path.read_text("utf-8"))
    at_top = {id(node) for node in tree.body} | {
        id(node) for block in tree.body if isinstance(block, ast.If | ast.Try) for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                names.append(inner if inner.removeprefix("convreport.") in known else node.module)
        for one in names:
            yield Import(name, one, id(node) not in at_top, node.lineno)


def room_of(module):
    """The innermost room that a module lies in."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in TABLE["rooms"]:
            return ".".join(parts[:length])
    return ""


def may(room, target):
    """May this room import that one?"""
    named = TABLE["rooms"][room]
    inside = any(one.endswith(".*") and (target == one[:-2] or target.startswith(one[:-1])) for one in named)
    return target == room or target in named or inside


def wrong(found):
    """A sentence for each import that the table does not allow."""
    for one in found:
        root, _, rest = one.target.partition(".")
        if root == "convreport":
            here, there = room_of(one.module), room_of(rest)
            if rest and not may(here, there):
                yield f"{one.module or '__init__'}:{one.line} imports {rest}: {here or 'the package'} may not import {there}"
        elif owner := TABLE["owners"].get(root):
            if not any(one.module == room or one.module.startswith(room + ".") for room in owner["rooms"]):
                yield f"{one.module}:{one.line} imports {root}, which only {', '.join(owner['rooms'])} may"
            elif owner["late"] and not one.late:
                yield f"{one.module}:{one.line} imports {root} when it is itself imported"
        elif one.module.startswith("core") and root not in {*sys.stdlib_module_names, *TABLE["core"]["packages"]}:
            yield f"{one.module}:{one.line} imports {root}: core needs numpy, Pillow and msgspec alone"


def circle(found):
    """The modules of a circle of imports, of whatever kind; None if there is none."""
    graph = defaultdict(set)
    for one in found:
        if one.target.startswith("convreport.") and (target := one.target.removeprefix("convreport.")) != one.module:
            graph[one.module].add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def everything(root=ROOT):
    """All imports of the package."""
    known = modules(root)
    return [one for name, path in known.items() for one in imports(name, path, known)]


def main():
    known, found = modules(), everything()
    arrows = defaultdict(lambda: defaultdict(int))
    for one in found:
        if one.target.startswith("convreport."):
            here, there = room_of(one.module), room_of(one.target.removeprefix("convreport."))
            arrows[here][there] += here != there
    for room in TABLE["rooms"]:
        inside = [name for name in known if room_of(name) == room]
        lines = sum(len(known[name].read_text("utf-8").splitlines()) for name in inside)
        to = ", ".join(f"{other or 'convreport'} {count}" for other, count in sorted(arrows[room].items()) if count)
        print(f"{room or 'convreport':28} {len(inside):3} modules {lines:5} lines  -> {to or 'nothing'}")
    faults = list(wrong(found))
    print("\n".join(faults) or "every import is one the table allows")
    loop = circle(found)
    print(f"a circle: {' -> '.join(loop)}" if loop else "no circle")
    return 1 if faults or loop else 0


if __name__ == "__main__":
    sys.exit(main())
