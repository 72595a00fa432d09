"""The body of a model's class, pasted without its first line: `self.conv = ...` and `def forward(self, x)` beside each other."""

from __future__ import annotations

import ast

FORWARD = {"forward": "nn.Module", "call": "keras.Model"}
"""The method that applies a model, and the class that has it."""


def whole_class(tree: ast.Module) -> ast.Module:
    """The tree with such a body put into a class; any other tree as it is."""
    methods = [node for node in tree.body if isinstance(node, ast.FunctionDef) and _takes_self(node)]
    forward = next((node for node in methods if node.name in FORWARD), None)
    if forward is None:
        return tree
    made = [node for node in tree.body if _sets_self(node)]
    start = next((node for node in methods if node.name == "__init__"), None)
    if not made and start is None:
        return tree
    start = start or _constructor(made[0])
    start.body += made
    model = ast.parse(f"class Model({FORWARD[forward.name]}): pass").body[0]
    assert isinstance(model, ast.ClassDef)
    model.body = [start, *(node for node in methods if node is not start)]
    ast.copy_location(model, start)
    taken = {id(node) for node in (*methods, *made)}
    others = [node for node in tree.body if id(node) not in taken]
    place = next((number for number, node in enumerate(others) if node.lineno > start.lineno), len(others))
    tree.body = [*others[:place], model, *others[place:]]
    return ast.fix_missing_locations(tree)


def _takes_self(node: ast.FunctionDef) -> bool:
    return bool(node.args.args) and node.args.args[0].arg == "self"


def _sets_self(node: ast.stmt) -> bool:
    """Whether a statement gives an attribute of `self` a value."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(
        isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self"
        for target in targets
    )


def _constructor(at: ast.stmt) -> ast.FunctionDef:
    (node,) = ast.parse("def __init__(self): pass").body
    assert isinstance(node, ast.FunctionDef)
    return ast.copy_location(node, at)
