"""Nothing stands in the source that nobody needs: parameters are read, and functions are called."""

from __future__ import annotations

import ast
from collections import Counter

from source_code import trees

FOR_TESTS = {
    "ask/door.py: ask": "the public door, looked up by name",
    "engine/tuning.py: forget": "a process has measured once; tests start anew",
    "readers/keras_files/read.py: read_keras_json": "a saved model's text without a file, for tests and benches",
}
"""Functions that nothing in the source calls, each with the reason why it stays."""

FRAMEWORKS = ("keras/", "torch/", "tensorflow/")
"""Here parameters are the frameworks' own, and functions are for users."""


def values(tree: ast.AST) -> Counter[str]:
    """How often each name is said other than to call it there and then."""
    found: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            found[name_of(node)] += 1
        elif isinstance(node, ast.ImportFrom):
            found.update(alias.name for alias in node.names if alias.asname or alias.name.startswith("_"))
    return found - calls(tree)


def calls(tree: ast.AST) -> Counter[str]:
    funcs = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return Counter(name_of(func) for func in funcs if isinstance(func, ast.Name | ast.Attribute))


def name_of(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def functions(files: dict[str, ast.Module]) -> list[tuple[str, ast.FunctionDef, bool]]:
    """The functions of each file that are nowhere passed on as values, so that no caller asks for their form; and whether they are called."""
    own = {path: (values(tree), calls(tree)) for path, tree in files.items()}
    everywhere = tuple(sum((both[part] for both in own.values()), Counter[str]()) for part in (0, 1))
    found = []
    for path, tree in files.items():
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef) or node.decorator_list or node.name.startswith("__"):
                continue
            private = node.name.startswith("_")
            said, called = own[path] if private else everywhere
            if not said[node.name] and (private or not path.startswith(FRAMEWORKS)):
                found.append((path, node, bool(called[node.name])))
    return found


def unread(files: dict[str, ast.Module]) -> list[str]:
    found = []
    for path, node, called in functions(files):
        read = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        found += [f"{path}: {node.name}({one.arg})" for one in given if called and one.arg not in read]
    return found


def uncalled(files: dict[str, ast.Module]) -> set[str]:
    return {f"{path}: {node.name}" for path, node, called in functions(files) if not called}


def test_every_parameter_is_read() -> None:
    assert unread(trees()) == []


def test_every_function_is_called() -> None:
    assert uncalled(trees()) == set(FOR_TESTS)


def test_what_is_needless_would_be_seen() -> None:
    def one(text: str) -> dict[str, ast.Module]:
        return {"ops/one.py": ast.parse(text)}

    assert unread(one("def f(a, b): return b\nf(1, 2)")) == ["ops/one.py: f(a)"]
    assert unread(one("def f(a, b): return b\nTABLE = {1: f}\nf(1, 2)")) == []
    assert uncalled(one("def f(): pass")) == {"ops/one.py: f"}
    assert uncalled(one("def f(): pass\nf()")) == set()
