"""Statements that are not followed: what they assign is unknown, and what they change is in doubt, in the functions they call too."""

from __future__ import annotations

import ast
from typing import Any

from convwise.dialects.base import Unknown
from convwise.errors import CodeError
from convwise.readers.source import changing, tensors, training
from convwise.readers.source.functions import bound
from convwise.readers.source.state import DEEPEST_CALLS, Run
from convwise.readers.source.values import Chain, Function, Instance, Method, Scope, Tensor

_GROWING = frozenset({"append", "extend"})


def over(run: Run, body: list[ast.stmt], scope: Scope, doubt: CodeError) -> None:
    """A body that runs nobody knows whether or how often is passed over."""
    pending: list[tuple[list[ast.stmt], Scope]] = [(body, scope)]
    met: set[tuple[int, int]] = set()
    for statements, names in pending:
        for part in (inner for statement in statements for inner in ast.walk(statement)):
            run.spend()
            _touched(run, part, names, doubt)
            if isinstance(part, ast.Call):
                function = _function(run, part, names)
                key = (id(function.node), id(function.owner)) if function is not None else (0, 0)
                if function is not None and key not in met and len(met) < DEEPEST_CALLS:
                    met.add(key)
                    pending.append((_body(function), _inside(run, function, part, names)))


def _function(run: Run, call: ast.Call, scope: Scope) -> Function | None:
    """The function or method of the text that is called."""
    target = _plain(run, call.func, scope)
    if isinstance(target, Method) and isinstance(target.owner, Instance) and target.owner.cls is not None:
        own = target.owner.cls.methods.get(target.name)
        return Function(own.node, own.scope, own.name, target.owner) if isinstance(own, Function) else None
    return target if isinstance(target, Function) else None


def _plain(run: Run, node: ast.expr, scope: Scope) -> Any:
    """What an expression stands for that calls nothing: what is passed over applies no layer."""
    calls = any(isinstance(part, ast.Call) for part in ast.walk(node))
    return run.unknown(node) if calls else run.evaluate(run, node, scope)


def _body(function: Function) -> list[ast.stmt]:
    node = function.node
    return [ast.Expr(node.body)] if isinstance(node, ast.Lambda) else node.body


def _inside(run: Run, function: Function, call: ast.Call, scope: Scope) -> Scope:
    """The function's own names, with what it is given."""
    given = [_plain(run, part, scope) for part in call.args if not isinstance(part, ast.Starred)]
    words: list[tuple[str | None, Any]] = [
        (word.arg, _plain(run, word.value, scope)) for word in call.keywords if word.arg
    ]
    return bound(run, function, [*([] if function.owner is None else [function.owner]), *given], words)


def _touched(run: Run, part: ast.AST, scope: Scope, doubt: CodeError) -> None:
    """What one part of a statement assigns or changes."""
    if isinstance(part, ast.Global):
        scope.elsewhere |= dict.fromkeys(part.names, run.scope)
    elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
        _assigned(run, part.id, scope, doubt)
    elif isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
        owner = run.evaluate(run, part.value, scope)
        if isinstance(owner, Instance) and part.attr != training.WORD:
            owner.attributes[part.attr] = Unknown(f"self.{part.attr}")
        else:
            changing.set_attribute(run, owner, part.attr, Unknown(part.attr), part)
    elif isinstance(part, ast.Subscript) and isinstance(part.ctx, ast.Store | ast.Del):
        changing.taint(run.evaluate(run, part.value, scope), doubt)
    elif isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in changing.MUTATING:
        owner = run.evaluate(run, part.func.value, scope)
        if isinstance(owner, Chain):
            owner.doubt = owner.doubt or doubt
        elif isinstance(owner, list) and part.func.attr in _GROWING:
            owner.append(doubt)
        elif isinstance(owner, list | dict):
            changing.taint(owner, doubt)


def _assigned(run: Run, name: str, scope: Scope, doubt: CodeError) -> None:
    before = scope.find(name)
    touched = isinstance(before, Tensor) and (before.parent is not None or run.within)
    touched = touched or (run.graph is not None and run.graph.is_wire(before))
    # What was in doubt before stays so for the first reason.
    first = before.doubt if isinstance(before, Tensor) else None
    scope.home(name).names[name] = tensors.doubtful(run, (before,), first or doubt) if touched else Unknown(name)
