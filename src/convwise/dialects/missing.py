"""What to do about a value that the text does not give: the names in it that a line could assign, if there are any."""

from __future__ import annotations

import ast

LONGEST = 200
"""Characters of a value that are looked into."""
WORKED_OUT = ("int", "float", "round", "abs", "min", "max")
"""Calls of which the reader knows the value where it knows the arguments."""
WORDS = ("padding", "padding_mode", "data_format", "activation", "interpolation", "mode")
"""Arguments that may be, or must be, a word."""
SWITCHES = frozenset(
    [
        *("bias", "affine", "elementwise_affine", "track_running_stats", "return_indices", "ceil_mode", "keepdim"),
        *("count_include_pad", "use_bias", "use_scale", "center", "scale", "keepdims", "align_corners"),
    ]
)
"""Arguments that are on or off."""


def names(text: str) -> tuple[str, ...]:
    """The names whose values would give the value of `text`; none where it is no arithmetic of names.

    >>> names("2 * n + cfg.k"), names("1j"), names("random.randint(1, 5)")
    (('n', 'cfg.k'), (), ())
    """
    if len(text) > LONGEST:
        return ()
    try:
        found = _names(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(dict.fromkeys(found or ()))


def _names(node: ast.expr) -> list[str] | None:
    """The names of a node, None where it is more than arithmetic of names and numbers."""
    match node:
        case ast.Name(id=name):
            return [name]
        case ast.Attribute(value=ast.Name() | ast.Attribute() as base):
            return [ast.unparse(node)] if _names(base) else None
        case ast.Subscript(value=ast.Name() | ast.Attribute() as base):
            return _names(base)
        case ast.Constant(value=int() | float()):
            return []
        case ast.UnaryOp(operand=operand):
            return _names(operand)
        case ast.BinOp(left=left, right=right):
            parts = [_names(left), _names(right)]
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in WORKED_OUT:
            parts = [_names(argument) for argument in node.args]
        case _:
            return None
    return None if None in parts else [name for part in parts for name in part or ()]


def advice(name: str, text: str) -> str:
    """What to write for the argument `name`, written as `text`.

    >>> advice("kernel_size", "n"), advice("padding", "f'{k}'")
    ('write a number for kernel_size, or give the line that assigns n', 'write a value for padding in its place')
    >>> advice("bias", "b")
    'write True or False for bias, or give the line that assigns b'
    """
    kind = "True or False" if name in SWITCHES else "a value" if name in WORDS else "a number"
    write = f"write {kind} for {name}"
    found = names(text)
    if not found:
        return f"{write} in its place"
    lines = "line that assigns" if len(found) == 1 else "lines that assign"
    return f"{write}, or give the {lines} {' and '.join(found)}"
