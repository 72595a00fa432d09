"""Statements: a straight line is followed, a known condition and a short loop too; the rest makes names unknown."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from convwise.dialects.base import Unknown
from convwise.errors import CodeError
from convwise.readers.echo import shown
from convwise.readers.source import attributes, changing, indexing, passing, requiring, tensors
from convwise.readers.source.classes import define_class
from convwise.readers.source.expressions import asks_sizes, bind, evaluate
from convwise.readers.source.names import canonical
from convwise.readers.source.state import MOST_FRUITLESS, Patience, Run
from convwise.readers.source.values import Chain, Function, Ref, Scope, iterable

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
    if items is None:
        return _lost(run, node, node.body, scope, head)
    if len(items) > LONGEST_LOOP:
        return _too_long(run, node, node.body, scope, head, f"{len(items):,} times")
    patience = Patience(run)
    for item in items:
        run.spend()
        bind(run, node.target, item, scope, names=False)
        outcome = execute(run, node.body, scope)
        if isinstance(outcome, Return):
            return outcome
        if outcome is not None and outcome.kind == "break":
            return None
        if patience.is_over():
            return _fruitless(run, node, node.body, scope, head)
    return execute(run, node.orelse, scope)


def _while(run: Run, node: ast.While, scope: Scope) -> Return | Jump | None:
    head = f"`while {shown(run.source(node.test), 50)}:`"
    patience = Patience(run)
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
        if patience.is_over():
            return _fruitless(run, node, node.body, scope, head)
    return _lost(run, node, node.body, scope, head)


def _fruitless(run: Run, node: ast.stmt, body: list[ast.stmt], scope: Scope, head: str) -> Return | None:
    """A loop of a script that trains or prepares data: what it leaves behind is unknown, and an error where a layer needs it."""
    fact = f"the loop {head} makes no layer in {MOST_FRUITLESS:,} steps, and is not followed any further"
    doubt = CodeError("CW308", fact, detail=run.place(node), hint="write what the loop computes as numbers")
    return _passed_over(run, body, scope, doubt)


def _lost(
    run: Run,
    node: ast.stmt,
    body: list[ast.stmt],
    scope: Scope,
    head: str,
    hint: str = "give the lines that run, without the branch",
) -> Return | None:
    """A body that runs nobody knows whether or how often."""
    fact = f"{head} is not a straight line: the text does not say which way it goes"
    return _passed_over(run, body, scope, CodeError("CW315", fact, detail=run.place(node), hint=hint))


def _too_long(run: Run, node: ast.stmt, body: list[ast.stmt], scope: Scope, head: str, rounds: str) -> Return | None:
    """A loop of too many rounds to be followed; an error as soon as something that it changes is asked for."""
    fact = f"the loop {head} goes round {rounds}, at most {LONGEST_LOOP} are followed"
    doubt = CodeError("CW308", fact, detail=run.place(node), hint="give a shorter loop")
    return _passed_over(run, body, scope, doubt)


def _passed_over(run: Run, body: list[ast.stmt], scope: Scope, doubt: CodeError) -> Return | None:
    """In a method or function that works on a tensor, what the body may give back is no straight line any more."""
    passing.over(run, body, scope, doubt)
    gives = run.within and any(isinstance(part, ast.Return) for inner in body for part in ast.walk(inner))
    return Return(tensors.doubtful(run, (), doubt)) if gives else None


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
