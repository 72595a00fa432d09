"""Statements: a straight line is followed, a known condition and a short loop too; the rest makes names unknown."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from convwise.dialects.base import Unknown
from convwise.errors import CodeError
from convwise.readers.echo import shown
from convwise.readers.source import attributes, changing, indexing, requiring, tensors, training
from convwise.readers.source.classes import define_class
from convwise.readers.source.expressions import asks_sizes, bind, evaluate
from convwise.readers.source.names import canonical
from convwise.readers.source.state import Run
from convwise.readers.source.values import Chain, Function, Instance, Ref, Scope, Tensor, iterable

_GROWING = frozenset({"append", "extend"})

LONGEST_LOOP = 512
"""Rounds of one `for` loop; a training loop of more is not followed."""


@dataclass(frozen=True, slots=True)
class Return:
    """The value that a function's body came back with."""

    value: Any


@dataclass(frozen=True, slots=True)
class Jump:
    """`break` or `continue` on its way to the loop."""

    kind: str


def execute(run: Run, body: list[ast.stmt], scope: Scope) -> Return | Jump | None:
    """Go through statements in order; a `Return` where the body returned."""
    for statement in body:
        run.spend()
        form = _FORMS.get(type(statement))
        if form is not None:
            outcome = form(run, statement, scope)
            if outcome is not None:
                return outcome
    return None


def _expression(run: Run, node: ast.Expr, scope: Scope) -> None:
    evaluate(run, node.value, scope)


def _assign(run: Run, node: ast.Assign, scope: Scope) -> None:
    value = evaluate(run, node.value, scope)
    for target in node.targets:
        bind(run, target, value, scope)


def _annotated(run: Run, node: ast.AnnAssign, scope: Scope) -> None:
    if node.value is not None:
        bind(run, node.target, evaluate(run, node.value, scope), scope)


def _augmented(run: Run, node: ast.AugAssign, scope: Scope) -> None:
    """`a += b` is `a = a + b`, but that a list grows in place."""
    owner = evaluate(run, node.target, scope)
    if isinstance(owner, list | Chain) and isinstance(node.op, ast.Add):
        attributes.extend(run, owner, evaluate(run, node.value, scope), node)
        return
    value = evaluate(run, ast.copy_location(ast.BinOp(node.target, node.op, node.value), node), scope)
    bind(run, node.target, value, scope)


def _import(run: Run, node: ast.Import, scope: Scope) -> None:
    for alias in node.names:
        attributes.heard(run, alias.name)
        if alias.asname:
            scope.names[alias.asname] = Ref(canonical(alias.name))
        else:
            root = alias.name.partition(".")[0]
            scope.names[root] = Ref(canonical(root))


def _import_from(run: Run, node: ast.ImportFrom, scope: Scope) -> None:
    module = "." * node.level + (node.module or "")
    attributes.heard(run, module)
    for alias in node.names:
        if alias.name != "*":
            scope.names[alias.asname or alias.name] = Ref(canonical(f"{module}.{alias.name}"))


def _function(run: Run, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
    function = Function(node, scope, node.name)
    run.functions.append(function)
    scope.names[node.name] = function


def _class(run: Run, node: ast.ClassDef, scope: Scope) -> None:
    bases = tuple(evaluate(run, base, scope) for base in node.bases)
    scope.names[node.name] = define_class(run, node, bases, scope)


def _return(run: Run, node: ast.Return, scope: Scope) -> Return:
    return Return(None if node.value is None else evaluate(run, node.value, scope))


def _assert(run: Run, node: ast.Assert, scope: Scope) -> Return | None:
    doubt = requiring.asserted(run, node, scope) if run.within else None
    return None if doubt is None else Return(doubt)


def _raise(run: Run, node: ast.Raise, scope: Scope) -> Return | None:
    """A way that ends here gives nothing."""
    if not run.within:
        return None
    doubt = CodeError(
        "CW315",
        f"`{shown(run.source(node), 60)}` stops the forward",
        detail=run.place(node),
        hint="give an input for which it goes on",
    )
    return Return(tensors.doubtful(run, (), doubt))


def _if(run: Run, node: ast.If, scope: Scope) -> Return | Jump | None:
    if run.within and requiring.raises(node.body):
        refusal = requiring.refused(run, node, scope)
        return Return(refusal) if refusal is not None else execute(run, node.orelse, scope)
    value = True if _is_main(node.test) else evaluate(run, node.test, scope)
    known = run.truth(value)
    if known is not None:
        return execute(run, node.body if known else node.orelse, scope)
    head = f"`if {shown(run.source(node.test), 50)}:`"
    if asks_sizes(run, value):
        hint = "give the input's shape: with it the sizes are known, and so is the way"
        return _lost(run, node, [*node.body, *node.orelse], scope, head, hint)
    return _lost(run, node, [*node.body, *node.orelse], scope, head)


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def _for(run: Run, node: ast.For | ast.AsyncFor, scope: Scope) -> Return | Jump | None:
    items = iterable(evaluate(run, node.iter, scope))
    head = f"`for {shown(run.source(node.target), 20)} in {shown(run.source(node.iter), 40)}:`"
    if items is None or len(items) > LONGEST_LOOP:
        if items is not None and _grows(node.body):
            raise CodeError(
                "CW308",
                f"the loop {head} goes round {len(items):,} times, at most {LONGEST_LOOP} are followed",
                detail=run.place(node),
                hint="give a shorter loop",
            )
        return _lost(run, node, node.body, scope, head)
    for item in items:
        run.spend()
        bind(run, node.target, item, scope, names=False)
        outcome = execute(run, node.body, scope)
        if isinstance(outcome, Return):
            return outcome
        if outcome is not None and outcome.kind == "break":
            return None
    return execute(run, node.orelse, scope)


def _while(run: Run, node: ast.While, scope: Scope) -> Return | Jump | None:
    for _ in range(LONGEST_LOOP):
        run.spend()
        known = run.truth(evaluate(run, node.test, scope))
        if known is False:
            return execute(run, node.orelse, scope)
        if known is None:
            break
        outcome = execute(run, node.body, scope)
        if isinstance(outcome, Return):
            return outcome
        if outcome is not None and outcome.kind == "break":
            return None
    return _lost(run, node, node.body, scope, f"`while {shown(run.source(node.test), 50)}:`")


def _grows(body: list[ast.stmt]) -> bool:
    """Whether a body makes a model or a list longer."""
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in changing.MUTATING
        for statement in body
        for node in ast.walk(statement)
    )


def _lost(
    run: Run,
    node: ast.stmt,
    body: list[ast.stmt],
    scope: Scope,
    head: str,
    hint: str = "give the lines that run, without the branch",
) -> Return | None:
    """A body that runs nobody knows whether or how often: what it assigns is unknown, what it extends is in doubt.

    In a method or function that works on a tensor, the tensor it may change is no straight line any more.
    """
    doubt = CodeError(
        "CW315",
        f"{head} is not a straight line: the text does not say which way it goes",
        detail=run.place(node),
        hint=hint,
    )
    for part in (inner for statement in body for inner in ast.walk(statement)):
        run.spend()
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            before = scope.find(part.id)
            touched = isinstance(before, Tensor) and (before.parent is not None or run.within)
            touched = touched or (run.graph is not None and run.graph.is_wire(before))
            # What was in doubt before stays so for the first reason.
            first = before.doubt if isinstance(before, Tensor) else None
            scope.home(part.id).names[part.id] = (
                tensors.doubtful(run, (before,), first or doubt) if touched else Unknown(part.id)
            )
        elif isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
            owner = evaluate(run, part.value, scope)
            if isinstance(owner, Instance) and part.attr != training.WORD:
                owner.attributes[part.attr] = Unknown(f"self.{part.attr}")
            else:
                changing.set_attribute(run, owner, part.attr, Unknown(part.attr), part)
        elif isinstance(part, ast.Subscript) and isinstance(part.ctx, ast.Store | ast.Del):
            changing.taint(evaluate(run, part.value, scope), doubt)
        elif (
            isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in changing.MUTATING
        ):
            owner = evaluate(run, part.func.value, scope)
            if isinstance(owner, Chain):
                owner.doubt = owner.doubt or doubt
            elif isinstance(owner, list) and part.func.attr in _GROWING:
                owner.append(doubt)
            elif isinstance(owner, list | dict):
                changing.taint(owner, doubt)
        elif isinstance(part, ast.Return) and run.within:
            return Return(tensors.doubtful(run, (), doubt))
    return None


def _with(run: Run, node: ast.With | ast.AsyncWith, scope: Scope) -> Return | Jump | None:
    for item in node.items:
        value = evaluate(run, item.context_expr, scope)
        if item.optional_vars is not None:
            bind(run, item.optional_vars, value, scope)
    return execute(run, node.body, scope)


def _try(run: Run, node: ast.Try, scope: Scope) -> Return | Jump | None:
    """The straight way: nothing is raised while a text is read."""
    return execute(run, [*node.body, *node.orelse, *node.finalbody], scope)


def _delete(run: Run, node: ast.Delete, scope: Scope) -> None:
    for target in node.targets:
        if isinstance(target, ast.Name):
            scope.home(target.id).names.pop(target.id, None)
        elif isinstance(target, ast.Attribute | ast.Subscript):
            owner = evaluate(run, target.value, scope)
            if isinstance(owner, Unknown):
                changing.hidden(run, target, scope, node)
            elif isinstance(target, ast.Attribute):
                changing.delete_attribute(run, owner, target.attr, node)
            else:
                changing.delete_item(run, owner, indexing.index(run, target.slice, scope), node)


def _global(run: Run, node: ast.Global, scope: Scope) -> None:
    scope.elsewhere |= dict.fromkeys(node.names, run.scope)


def _nonlocal(run: Run, node: ast.Nonlocal, scope: Scope) -> None:
    for name in node.names:
        around = scope.parent
        while around is not None and name not in around.names:
            around = around.parent
        if around is not None:
            scope.elsewhere[name] = around


def _match(run: Run, node: ast.Match, scope: Scope) -> Return | None:
    head = f"`match {shown(run.source(node.subject), 50)}:`"
    return _lost(run, node, [part for case in node.cases for part in case.body], scope, head)


def _break(run: Run, node: ast.Break, scope: Scope) -> Jump:
    return Jump("break")


def _continue(run: Run, node: ast.Continue, scope: Scope) -> Jump:
    return Jump("continue")


_FORMS: dict[type[ast.stmt], Callable[[Run, Any, Scope], Return | Jump | None]] = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Return: _return,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.Delete: _delete,
    ast.Global: _global,
    ast.Nonlocal: _nonlocal,
    ast.Match: _match,
    ast.Assert: _assert,
    ast.Raise: _raise,
    ast.Break: _break,
    ast.Continue: _continue,
}
