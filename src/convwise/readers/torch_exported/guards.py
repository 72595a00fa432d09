"""The conditions that an exported program checks before it runs: guards, written as Python, and the bounds of open sizes."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable

from convwise.ops.guards import Formula, Guard, InputSize, Operation
from convwise.readers.echo import shown

LONGEST = 4_000
"""Guards with more characters are not followed."""

DEEPEST = 60
DEFAULT_LEAST = 2
"""An export takes every open size for at least 2, and its program runs on 1 all the same."""

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.FloorDiv: "floor_divide",
    ast.Mod: "modulo",
}
COMPARED: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
CALLED = {("max", 2): "maximum", ("min", 2): "minimum", ("math.trunc", 1): "truncate", ("torch.sym_float", 1): "float"}
"""Functions by name and how many arguments they take."""


def written_guards(texts: Iterable[object], inputs: frozenset[str]) -> tuple[list[Guard], int]:
    """The guards that can be followed, and how many cannot."""
    found, left = [], 0
    for text in dict.fromkeys(one for one in texts if isinstance(one, str)):
        formula = _parsed(text, inputs)
        if formula is None:
            left += 1
        else:
            found.append(Guard(shown(text.replace("L['", "").replace("'].size()", ".size()"), 120), formula))
    return found, left


def bounds(name: str, axis: int, least: int, most: int | None) -> list[Guard]:
    """The smallest and the largest size that an export was given for an axis, or found for it."""
    size = InputSize(name, axis)
    told = [(">=", least)] if least > DEFAULT_LEAST else []
    told += [] if most is None else [("<=", most)]
    words = f"{shown(name, 40)}.size()[{axis}]"
    return [Guard(f"{words} {sign} {bound}", Operation(sign, (size, bound))) for sign, bound in told]


def _parsed(text: str, inputs: frozenset[str]) -> Formula | None:
    if len(text) > LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval")
        return _formula(tree.body, inputs, 0)
    except (SyntaxError, ValueError, MemoryError, RecursionError, LookupError):
        return None


def _formula(node: ast.expr, inputs: frozenset[str], depth: int) -> Formula:
    """Raises LookupError for what guards are not known to say."""
    if depth > DEEPEST:
        raise LookupError

    def part(one: ast.expr) -> Formula:
        return _formula(one, inputs, depth + 1)

    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.UnaryOp(op=ast.USub()):
            return Operation("negative", (part(node.operand),))
        case ast.BinOp():
            return Operation(BINARY[type(node.op)], (part(node.left), part(node.right)))
        case ast.BoolOp():
            return Operation("and" if isinstance(node.op, ast.And) else "or", tuple(map(part, node.values)))
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return Operation(COMPARED[type(sign)], (part(left), part(right)))
        case ast.Call(func=func, args=args, keywords=[]):
            return Operation(CALLED[ast.unparse(func), len(args)], tuple(map(part, args)))
        case ast.Subscript(
            value=ast.Call(
                func=ast.Attribute(
                    value=ast.Subscript(value=ast.Name(id="L"), slice=ast.Constant(value=str() as name)), attr="size"
                ),
                args=[],
                keywords=[],
            ),
            slice=ast.Constant(value=int() as axis),
        ) if name in inputs and axis >= 0:
            return InputSize(name, axis)
    raise LookupError
