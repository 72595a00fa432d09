"""What a text asks of its way: `assert`, and conditions whose body raises. What they refuse is refused, or a note tells of it."""

from __future__ import annotations

import ast
from typing import Any

from convwise.dialects.base import Unknown
from convwise.errors import CodeError
from convwise.readers.echo import shown
from convwise.readers.source import tensors
from convwise.readers.source.state import Run
from convwise.readers.source.values import Scope, Tensor


def asserted(run: Run, node: ast.Assert, scope: Scope) -> Tensor | None:
    """The doubt of a way on which the assertion does not hold; None where the way goes on."""
    what = f"`assert {shown(run.source(node.test), 60)}`"
    return _required(run, node.test, scope, node, what, negated=False)


def refused(run: Run, node: ast.If, scope: Scope) -> Tensor | None:
    """The same for `if condition: raise ...`, whose condition must not hold."""
    what = f"`if {shown(run.source(node.test), 60)}: raise`"
    return _required(run, node.test, scope, node, what, negated=True)


def raises(body: list[ast.stmt]) -> bool:
    """Whether a body ends in `raise`, whatever the way through it."""
    return bool(body) and isinstance(body[-1], ast.Raise)


def _required(run: Run, test: ast.expr, scope: Scope, node: ast.stmt, what: str, *, negated: bool) -> Tensor | None:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _required(run, test.operand, scope, node, what, negated=not negated)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or if negated else ast.And):
        found = (_required(run, part, scope, node, what, negated=negated) for part in test.values)
        return next((doubt for doubt in found if doubt is not None), None)
    value = run.evaluate(run, test, scope)
    if run.graph is not None:
        depends = _depends(run, test, scope)
        found_doubt: Tensor | None = run.graph.required(run, value, negated, node, what, depends)
        return found_doubt
    if run.truth(value) is not (not negated):
        # The reader of branches knows sizes, and tells what is taken to hold.
        tensors.doubtful(run, (), tensors.opaque(run, node))
    return None


def _depends(run: Run, test: ast.expr, scope: Scope) -> bool:
    """Whether the condition may follow from the input: an array, a size or something unknown is named in it."""
    for part in ast.walk(test):
        run.spend()
        if isinstance(part, ast.Name):
            value = scope.find(part.id)
            if isinstance(value, Tensor) or (isinstance(value, Unknown) and run.within):
                return True
            if run.graph is not None and run.graph.follows(value):
                return True
    return False


def either(run: Run, node: ast.IfExp, values: list[Any]) -> Any:
    """`a if condition else b` where the condition is not known: in doubt where an array is in one of the `values` of either."""
    run.spend(len(values))
    arrays = [value for value in values if isinstance(value, Tensor)]
    if not run.within or not (arrays or (run.graph is not None and run.graph.follows(values))):
        return run.unknown(node)
    doubt = CodeError(
        "CW315",
        f"`{shown(run.source(node, 400), 60)}` is not a straight line: the text does not say which way it goes",
        detail=run.place(node),
        hint="give the way that it takes, without the condition",
    )
    return tensors.doubtful(run, tuple(arrays), doubt)
