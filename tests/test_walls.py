"""The walls of the house: who may import whom, what stands in one place only, and what is never called.

The tables of the import walls stand in pyproject.toml, where import-linter reads them too (it also follows chains).
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator

import pytest
from source_code import ROOT, SOURCE, imports, module_name, running, trees

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
EDGES = sorted((module_name(path), target) for path, tree in trees().items() for target in imports(path, tree))


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


def upward(layers: list[str], ignored: list[str], edges: list[tuple[str, str]]) -> list[str]:
    """The imports that go up, or sideways between rooms on one level written `a | b`."""
    level = {room.strip(" ()"): height for height, row in enumerate(reversed(layers)) for room in row.split("|")}

    def room_of(module: str) -> str | None:
        return next((room for room in level if within(module, room)), None)

    wrong = []
    for source, target in edges:
        here, there = room_of(source), room_of(target)
        if here is None or there is None or here == there or f"{source} -> {target}" in ignored:
            continue
        if level[there] >= level[here]:
            wrong.append(f"{source} -> {target}")
    return wrong


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract["name"])
def test_the_import_walls_stand(contract: dict[str, list[str]]) -> None:
    ignored = contract.get("ignore_imports", [])
    match contract["type"]:
        case "layers":
            assert upward(contract["layers"], ignored, EDGES) == []
        case "independence":
            assert upward([" | ".join(contract["modules"])], ignored, EDGES) == []
        case "forbidden":
            wrong = [
                f"{source} -> {target}"
                for source, target in EDGES
                for room in contract["source_modules"]
                for forbidden in contract["forbidden_modules"]
                if within(source, room) and within(target, forbidden) and f"{source} -> {target}" not in ignored
            ]
            assert wrong == []
        case kind:
            pytest.fail(f"no check for {kind}")


def test_an_upward_import_would_be_seen() -> None:
    edges = [
        ("convwise.axis", "convwise.errors"),
        ("convwise.errors", "convwise.axis"),
        ("convwise.a.x", "convwise.b.y"),
    ]
    assert upward(["convwise.axis", "convwise.errors"], [], edges) == ["convwise.errors -> convwise.axis"]
    assert upward(["convwise.a | convwise.b"], [], edges) == ["convwise.a.x -> convwise.b.y"]
    assert upward(["convwise.a | convwise.b"], ["convwise.a.x -> convwise.b.y"], edges) == []


def through_the_package(tree: ast.Module, rooms: set[str]) -> list[str]:
    """Names that are taken from the package itself, but for its rooms and its version: no contract sees where they lead."""
    found = []
    for node in running(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name == "convwise"]
        elif isinstance(node, ast.ImportFrom) and node.module == "convwise":
            found += [alias.name for alias in node.names if alias.name not in {*rooms, "__version__"}]
    return found


def test_no_wall_is_passed_through_the_package_itself() -> None:
    rooms = {module_name(path).split(".")[-1] for path in trees() if module_name(path).count(".") == 1}
    assert {path: found for path, tree in trees().items() if (found := through_the_package(tree, rooms))} == {}
    assert through_the_package(ast.parse("import convwise; convwise.plan"), rooms) == ["convwise"]
    assert through_the_package(ast.parse("from convwise import answers, plan, __version__"), rooms) == ["plan"]


def test_every_room_of_a_contract_exists() -> None:
    known = {module_name(path) for path in trees()}
    for contract in CONTRACTS:
        rows = [*contract.get("layers", []), *contract.get("modules", []), *contract.get("source_modules", [])]
        # import-linter writes a room that may be missing in brackets.
        rooms = {room.strip() for row in rows for room in row.split("|") if "(" not in room}
        assert rooms <= known, contract["name"]


def test_every_room_has_its_place() -> None:
    placed = {
        room.strip(" ()") for contract in CONTRACTS for row in contract.get("layers", []) for room in row.split("|")
    }
    rooms = {".".join(module_name(path).split(".")[:2]) for path in trees()} - {"convwise"}
    assert rooms - placed == set()


KERNELS = re.compile(r"^(k|kh|kw|kernel.*|ksize|pool.*|window.*|size|taps|filter.*)$")
DILATIONS = re.compile(r"^(d|dh|dw|dil.*|rate|.*dilation.*)$")


def words(node: ast.AST) -> set[str]:
    return {
        part.id if isinstance(part, ast.Name) else part.attr
        for part in ast.walk(node)
        if isinstance(part, ast.Name | ast.Attribute)
    }


def minus_one(node: ast.AST, names: re.Pattern[str]) -> bool:
    """`kernel - 1`, `kernel + -1`, `-1 + kernel`."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub | ast.Add):
        return False
    wanted = {"1"} if isinstance(node.op, ast.Sub) else {"-1"}
    sides = [node.right] if isinstance(node.op, ast.Sub) else [node.left, node.right]
    return any(ast.unparse(side) in wanted for side in sides) and any(names.match(word) for word in words(node))


def spans(tree: ast.AST) -> Iterator[int]:
    """The lines where a span is computed: dilation (kernel - 1), or dilation kernel - dilation, in any order."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.BinOp):
            continue
        if isinstance(node.op, ast.Mult):
            for one, other in ((node.left, node.right), (node.right, node.left)):
                if minus_one(one, KERNELS) and any(DILATIONS.match(word) for word in words(other)):
                    yield node.lineno
                if minus_one(one, DILATIONS) and any(KERNELS.match(word) for word in words(other)):
                    yield node.lineno
        elif isinstance(node.op, ast.Sub) and isinstance(node.left, ast.BinOp) and isinstance(node.left.op, ast.Mult):
            product = words(node.left)
            both = any(KERNELS.match(word) for word in product) and any(DILATIONS.match(word) for word in product)
            if both and any(DILATIONS.match(word) for word in words(node.right)):
                yield node.lineno


def test_the_span_is_computed_in_one_place_of_axis_only() -> None:
    places = [path for path, tree in trees().items() for _ in spans(tree)]
    assert places == ["axis/counting.py"]


@pytest.mark.parametrize(
    "text",
    [
        "dilation * (kernel - 1) + 1",
        "(kernel_size[0] - 1) * dilation[0]",
        "self.dilation * (self.kernel - 1)",
        "d * (k - 1) + 1",
        "k + (k - 1) * (d - 1)",
        "dilation_rate * (-1 + kernel)",
        "kernel * dilation - dilation + 1",
        "kernel * dilation - (dilation - 1)",
        "math.prod(dilation) * (pool_size - 1)",
    ],
)
def test_a_second_span_would_be_seen(text: str) -> None:
    assert list(spans(ast.parse(text)))


def test_what_only_looks_alike_is_let_pass() -> None:
    assert not list(spans(ast.parse("stride * (out - 1) + 1; d * k; kernel - 1; (n - 1) * stride")))


RUNNING_TEXT = {"eval", "exec", "compile", "__import__", "literal_eval", "execfile", "runpy"}
BY_NAME = {"getattr", "setattr", "delattr", "import_module", "attrgetter", "methodcaller"}

ALLOWED = {
    ("__init__.py", "getattr"): "the public names are looked up in a table of literals, on first use",
    ("__init__.py", "import_module"): "the module comes from the same table",
    ("torch/methods.py", "setattr"): "the names are those of the functions in the table above it",
}
"""Calls with a name that is no literal, each with the reason why no text of a user can reach it."""


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a name, or of an attribute other than `re.compile`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            yield node.func.id, node
        elif isinstance(node.func, ast.Attribute) and ast.unparse(node.func) != "re.compile":
            yield node.func.attr, node


def text_runners(tree: ast.AST) -> list[str]:
    return [f"{name}, line {call.lineno}" for name, call in calls(tree) if name in RUNNING_TEXT]


def computed_names(tree: ast.AST) -> list[tuple[str, int]]:
    """Calls that look something up by a name which is not a literal."""
    found = []
    for name, call in calls(tree):
        if name not in BY_NAME:
            continue
        at = 1 if name.endswith("attr") else 0
        if len(call.args) <= at or not isinstance(call.args[at], ast.Constant):
            found.append((name, call.lineno))
    return found


def test_text_is_never_executed() -> None:
    assert {path: found for path, tree in trees().items() if (found := text_runners(tree))} == {}


def test_nothing_is_looked_up_by_a_computed_name() -> None:
    found = {(path, name) for path, tree in trees().items() for name, _ in computed_names(tree)}
    assert found - set(ALLOWED) == set()
    assert set(ALLOWED) - found == set(), "these reasons are not needed any more"


def test_a_call_that_runs_text_would_be_seen() -> None:
    for text in (
        "eval(x)",
        "exec(x)",
        "ast.literal_eval(x)",
        "__import__('os')",
        "compile(x, 'f', 'eval')",
        "builtins.eval(x)",
    ):
        assert text_runners(ast.parse(text)), text
    assert not text_runners(ast.parse("re.compile('x')"))
    assert computed_names(ast.parse("getattr(x, name)"))
    assert computed_names(ast.parse("importlib.import_module(name)"))
    assert not computed_names(ast.parse("getattr(x, 'name', None)"))


def test_a_file_is_one_idea() -> None:
    tables = ("rules/",)
    long = {
        path: length
        for path in trees()
        if (length := len((SOURCE / path).read_text(encoding="utf-8").splitlines())) > 500
    }
    assert {path: length for path, length in long.items() if not path.startswith(tables)} == {}


def test_functions_stay_short() -> None:
    """Under 60 lines, the docstring not counted."""
    long = []
    for path, tree in trees().items():
        for node in running(tree):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
                length = (node.end_lineno or 0) - body[0].lineno + 1
                if length >= 60:
                    long.append(f"{path}: {node.name}, {length} lines")
    assert long == []
