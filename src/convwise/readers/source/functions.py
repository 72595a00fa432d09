"""Functions of the text: bodies are followed to a small depth, and never into themselves."""

from __future__ import annotations

import ast
from typing import Any

from convwise.dialects.base import Unknown
from convwise.errors import CodeError
from convwise.readers.echo import shown
from convwise.readers.source import tensors
from convwise.readers.source.state import DEEPEST_CALLS, Run
from convwise.readers.source.values import Function, Instance, Scope

Keywords = list[tuple[str | None, Any]]


def invoke(run: Run, function: Function, arguments: list[Any], keywords: Keywords, node: ast.AST) -> Any:
    """Follow a function's body with these arguments; unknown where it is recursive or too deep."""
    function.called = True
    for known in run.functions:
        if known.node is function.node:
            known.called = True
    # A network may call itself on the way, as a U-Net's builder does, as deep as functions may be nested.
    again = run.graph is None and any(
        frame.node is function.node and frame.owner is function.owner for frame in run.frames
    )
    if run.calls >= DEEPEST_CALLS or again:
        parts = tensors.tensors_in(arguments)
        if not parts and not (run.graph is not None and any(map(run.graph.is_wire, arguments))):
            return Unknown(function.name)
        lost = tensors.doubtful(run, tuple(parts), _too_deep(run, function, node))
        tensors.insist(lost)
        return lost
    if run.yields(function.node):
        return Unknown(function.name)  # Python runs nothing of a generator before it is gone through
    if function.owner is not None:
        arguments = [function.owner, *arguments]
    scope = bound(run, function, arguments, keywords)
    run.calls += 1
    run.frames.append(function)
    if isinstance(function.owner, Instance):
        run.following.append(function.owner)
    try:
        if isinstance(function.node, ast.Lambda):
            return run.evaluate(run, function.node.body, scope)
        outcome = run.execute(run, function.node.body, scope)
        return getattr(outcome, "value", None)
    finally:
        run.calls -= 1
        run.frames.pop()
        if isinstance(function.owner, Instance):
            run.following.pop()


def _too_deep(run: Run, function: Function, node: ast.AST) -> CodeError:
    return CodeError(
        "CW308",
        f"`{shown(function.name, 40)}` calls itself, or functions are nested more than {DEEPEST_CALLS} deep",
        detail=run.place(node),
        hint="give the layers in the order in which they run",
    )


def bound(run: Run, function: Function, arguments: list[Any], keywords: Keywords) -> Scope:
    """A scope with the parameters; one without a value is unknown by its own name."""
    spec = function.node.args
    scope = Scope(parent=function.scope)
    names = [*spec.posonlyargs, *spec.args]
    for parameter, default in zip(reversed(names), reversed(spec.defaults), strict=False):
        scope.names[parameter.arg] = run.evaluate(run, default, function.scope)
    for parameter, default_node in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        if default_node is not None:
            scope.names[parameter.arg] = run.evaluate(run, default_node, function.scope)
    for parameter, value in zip(names, arguments, strict=False):
        scope.names[parameter.arg] = value
    taken = {parameter.arg for parameter in (*names, *spec.kwonlyargs)}
    extra: dict[Any, Any] = {}
    for name, value in keywords:
        if name in taken and name is not None:
            scope.names[name] = value
        elif name is not None:
            extra[name] = value
    if spec.vararg:
        scope.names[spec.vararg.arg] = tuple(arguments[len(names) :])
    if spec.kwarg:
        scope.names[spec.kwarg.arg] = extra
    for parameter in (*names, *spec.kwonlyargs):
        scope.names.setdefault(parameter.arg, Unknown(parameter.arg))
    return scope


def required_parameters(function: Function) -> int:
    """How many parameters have no default."""
    spec = function.node.args
    return (
        len(spec.posonlyargs)
        + len(spec.args)
        - len(spec.defaults)
        + sum(default is None for default in spec.kw_defaults)
    )
