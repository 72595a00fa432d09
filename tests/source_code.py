"""The package's own source, for the tests that read it: its files, their syntax trees, and what they import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "convwise"


@cache
def trees() -> dict[str, ast.Module]:
    """The syntax tree of every file, by its path below src/convwise."""
    return {
        str(path.relative_to(SOURCE)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
    }


def module_name(path: str) -> str:
    """`convwise.ops.conv` for `ops/conv.py`."""
    parts = ["convwise", *Path(path).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below, but for blocks that only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            yield from (below for part in child.orelse for below in (part, *running(part)))
            continue
        yield child
        yield from running(child)


def imports(path: str, tree: ast.Module) -> set[str]:
    """The modules that a file imports when it runs, at the top or inside functions, as absolute dotted names."""
    names = {module_name(other) for other in trees()}
    found: set[str] = set()
    for node in running(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute in this project"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in names else node.module)
    return found


@cache
def reachable() -> frozenset[str]:
    """The files that somebody can get at: through the command line, a public name, or a package of running layers."""
    paths = {module_name(path): path for path in trees()}
    init = ast.walk(trees()["__init__.py"])
    homes = {node.value for node in init if isinstance(node, ast.Constant) and node.value in paths}
    pending = [
        "convwise.__main__",
        *homes,
        *(name for name in paths if name.split(".")[1:2] in (["keras"], ["torch"], ["tensorflow"])),
    ]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        while name and name not in paths:
            name = name.rpartition(".")[0]
        if not name or paths[name] in found:
            continue
        found.add(paths[name])
        pending += [*imports(paths[name], trees()[paths[name]]), name.rpartition(".")[0]]
    return frozenset(found)
