"""The value of an expression: a closed list of forms, everything else is `Unknown`, never an error."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import isfinite
from typing import Any

from convwise.dialects.base import Unknown
from convwise.readers.source import (
    arithmetic,
    attributes,
    calls,
    changing,
    indexing,
    layer_attributes,
    making,
    operators,
    requiring,
    sameness,
    spoken,
    tensors,
)
from convwise.readers.source.names import BARE_WORDS, BUILTINS, CONVENTIONS, SHOUTED, SPECIAL, canonical
from convwise.readers.source.state import DEEPEST_VALUE, Patience, Run
from convwise.readers.source.values import (
    LONGEST_SEQUENCE,
    MISSING,
    Chain,
    FromWeights,
    Function,
    Method,
    OfSizes,
    Ref,
    Rest,
    Scope,
    Tensor,
    iterable,
)

MOST_LITERAL_BITS = 14_000
"""Bits of an integer literal; 4300 decimal digits, Python's own limit, take 14,285."""


def evaluate(run: Run, node: ast.expr, scope: Scope) -> Any:
    """What `node` stands for; what is nested too deeply to matter is not looked at."""
    run.spend()
    form = _FORMS.get(type(node))
    if form is None or run.depth >= DEEPEST_VALUE:
        return run.unknown(node)
    run.depth += 1
    try:
        return form(run, node, scope)
    finally:
        run.depth -= 1


def _constant(run: Run, node: ast.Constant, scope: Scope) -> Any:
    value = node.value
    if isinstance(value, int):
        return value if value.bit_length() <= MOST_LITERAL_BITS else _monster(run, node)
    if isinstance(value, float):
        return value if isfinite(value) else _monster(run, node)
    return value if value is None or isinstance(value, str) else run.unknown(node)


def _monster(run: Run, node: ast.expr) -> Unknown:
    """A number too large to be read; using it in a layer is an error, having it in the text is none."""
    unknown = run.unknown(node)
    run.monsters.add(unknown.text)
    return unknown


def _name(run: Run, node: ast.Name, scope: Scope) -> Any:
    found = scope.find(node.id)
    return found if found is not MISSING else free_name(node.id)


def free_name(name: str) -> Any:
    """What a name means that the text does not bind."""
    if name in CONVENTIONS:
        return Ref(CONVENTIONS[name])
    if name in BARE_WORDS:
        return name
    if name in BUILTINS:
        return Ref("builtins." + name)
    if name in SPECIAL or name in SHOUTED or (name[:1].isupper() and not name.isupper()):
        return Ref("?." + name)
    return Unknown(name)


def _attribute(run: Run, node: ast.Attribute, scope: Scope) -> Any:
    if node.attr.startswith("_") and node.attr != "__init__":
        owner = evaluate(run, node.value, scope)
        if owner == Ref("torch") and node.attr == "_assert":
            return Ref("torch._assert")
        return attributes.private(run, owner, node)
    owner = evaluate(run, node.value, scope)
    if isinstance(owner, Ref):
        if owner.path == "?" or owner.path.startswith("?."):
            return run.unknown(node)
        path = canonical(f"{owner.path}.{node.attr}")
        number = arithmetic.constant(path)
        return Ref(path) if number is None else number
    return attributes.attribute(run, owner, node)


def _sequence(run: Run, nodes: list[ast.expr], scope: Scope) -> list[Any]:
    items: list[Any] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            value = evaluate(run, node.value, scope)
            spread = iterable(value)
            items += [Rest(run.source(node.value, 200))] if spread is None else spread[:LONGEST_SEQUENCE]
        else:
            items.append(evaluate(run, node, scope))
    return items[:LONGEST_SEQUENCE]


def _tuple(run: Run, node: ast.Tuple, scope: Scope) -> Any:
    return tuple(_sequence(run, node.elts, scope))


def _list(run: Run, node: ast.List | ast.Set, scope: Scope) -> Any:
    return _sequence(run, node.elts, scope)


def _dict(run: Run, node: ast.Dict, scope: Scope) -> Any:
    found: dict[Any, Any] = {}
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        value = evaluate(run, value_node, scope)
        if key_node is None:
            if not isinstance(value, dict):
                return run.unknown(node)
            found.update(value)
            continue
        key = evaluate(run, key_node, scope)
        if not isinstance(key, str | int | float):
            return run.unknown(node)
        found[key] = value
    return found


def _binary(run: Run, node: ast.BinOp, scope: Scope) -> Any:
    left = evaluate(run, node.left, scope)
    right = evaluate(run, node.right, scope)
    weights = layer_attributes.computed(left, right)
    if weights is not MISSING:
        return weights
    if run.graph is not None:
        found = run.graph.binary(run, left, right, node)
        if found is not MISSING:
            return found
    if isinstance(left, Tensor) or isinstance(right, Tensor):
        bias = spoken.biased(run, left, right, node)
        if bias is not None:
            return bias
        return tensors.combined(run, left, right, node)
    if any(isinstance(side, Unknown) and side.text in run.monsters for side in (left, right)):
        return _monster(run, node)
    try:
        return operators.binary(type(node.op), left, right, LONGEST_SEQUENCE)
    except operators.TooLargeError:
        return _monster(run, node)
    except operators.NotKnownError:
        return run.unknown(node)


def _unary(run: Run, node: ast.UnaryOp, scope: Scope) -> Any:
    value = evaluate(run, node.operand, scope)
    if run.graph is not None:
        found = run.graph.unary(run, value, node)
        if found is not MISSING:
            return found
    if isinstance(value, Tensor):
        return value if isinstance(node.op, ast.UAdd) else tensors.altered(run, value, node)
    if isinstance(value, Unknown) and value.text in run.monsters:
        return _monster(run, node)
    if isinstance(node.op, ast.Not):
        known = run.truth(value)
        return run.unknown(node) if known is None else not known
    try:
        return operators.unary(type(node.op), value)
    except operators.NotKnownError:
        return run.unknown(node)


def _compare(run: Run, node: ast.Compare, scope: Scope) -> Any:
    left = evaluate(run, node.left, scope)
    result = True
    for kind, right_node in zip(node.ops, node.comparators, strict=True):
        right = evaluate(run, right_node, scope)
        if run.graph is not None and len(node.ops) == 1:
            found = run.graph.compared(run, type(kind), left, right)
            if found is not MISSING:
                return found
        known = sameness.compared(type(kind), left, right)
        if known is None and not any(isinstance(side, Unknown | Tensor | Ref) for side in (left, right)):
            with suppress(operators.NotKnownError):
                known = bool(operators.compare(type(kind), left, right))
        if known is None:
            return run.unknown(node)
        result = result and known
        left = right
    return result


def _bool_op(run: Run, node: ast.BoolOp, scope: Scope) -> Any:
    stops_at = isinstance(node.op, ast.Or)
    value: Any = None
    unknown = sizes = False
    for part in node.values:
        value = evaluate(run, part, scope)
        known = run.truth(value)
        if known is stops_at:
            # Behind something unknown it decides the truth, and not the value.
            return stops_at if unknown else value
        unknown = unknown or known is None
        sizes = sizes or (known is None and asks_sizes(run, value))
    if unknown:
        return OfSizes(run.unknown(node).text) if sizes else run.unknown(node)
    return value


def asks_sizes(run: Run, value: Any) -> bool:
    """Whether a condition goes one way or the other by the sizes of an input."""
    return isinstance(value, OfSizes) or (run.graph is not None and run.graph.is_size(value))


def _if_exp(run: Run, node: ast.IfExp, scope: Scope) -> Any:
    known = run.truth(evaluate(run, node.test, scope))
    if known is None:
        parts = (part for way in (node.body, node.orelse) for part in ast.walk(way) if isinstance(part, ast.Name))
        return requiring.either(run, node, [scope.find(part.id) for part in parts])
    return evaluate(run, node.body if known else node.orelse, scope)


def _subscript(run: Run, node: ast.Subscript, scope: Scope) -> Any:
    owner = evaluate(run, node.value, scope)
    if run.graph is not None:
        found = run.graph.subscript(run, owner, node, scope)
        if found is not MISSING:
            return found
    if isinstance(owner, Tensor):
        return indexing.item(run, owner, indexing.index(run, node.slice, scope), node)
    if isinstance(node.slice, ast.Slice):
        bounds = [
            None if part is None else evaluate(run, part, scope)
            for part in (node.slice.lower, node.slice.upper, node.slice.step)
        ]
        if all(bound is None or isinstance(bound, int) for bound in bounds):
            return attributes.sliced(run, owner, slice(*bounds), node)
        return run.unknown(node)
    return attributes.item(run, owner, evaluate(run, node.slice, scope), node)


def _joined(run: Run, node: ast.JoinedStr, scope: Scope) -> Any:
    parts: list[str] = []
    for part in node.values:
        value = evaluate(run, part.value if isinstance(part, ast.FormattedValue) else part, scope)
        plain = not isinstance(part, ast.FormattedValue) or (part.conversion == -1 and part.format_spec is None)
        if not plain or not isinstance(value, int | str) or (isinstance(value, int) and value.bit_length() > 64):
            return run.unknown(node)
        parts.append(str(value))
    text = "".join(parts)
    return text if len(text) <= operators.LONGEST_TEXT else run.unknown(node)


def _comprehension(run: Run, node: ast.ListComp | ast.GeneratorExp | ast.SetComp, scope: Scope) -> Any:
    found: list[Any] = []
    patience = Patience(run)
    for inner in _rounds(run, node.generators, 0, Scope(parent=scope)):
        if inner is None or patience.is_over():
            return run.unknown(node)
        found.append(evaluate(run, node.elt, inner))
    return found


def _rounds(run: Run, generators: list[ast.comprehension], index: int, scope: Scope) -> Iterator[Scope | None]:
    """One scope for each round of nested `for`s; None where a range or a condition is not known."""
    if index == len(generators):
        yield scope
        return
    generator = generators[index]
    items = iterable(evaluate(run, generator.iter, scope))
    if items is None:
        yield None
        return
    for item in items:
        run.spend()
        bind(run, generator.target, item, scope, names=False)
        conditions = [run.truth(evaluate(run, condition, scope)) for condition in generator.ifs]
        if None in conditions:
            yield None
            return
        if all(conditions):
            yield from _rounds(run, generators, index + 1, scope)


def bind(run: Run, target: ast.expr, value: Any, scope: Scope, *, names: bool = True) -> None:
    """Assign `value` to a name, an attribute, an item, or a tuple of these; a loop's variable `names` no layer."""
    run.spend()
    if isinstance(target, ast.Name):
        if names:
            attributes.christen(value, target.id, local=scope is not run.scope)
            if run.graph is not None:
                run.graph.christen(value, target.id)
            if isinstance(value, Chain) and value.part and scope is run.scope:
                value.part = False  # a model from here on, under a name of its own
                run.keep(value)
        scope.home(target.id).names[target.id] = value
    elif isinstance(target, ast.Tuple | ast.List):
        _unpack(run, target, value, scope, names)
    elif isinstance(target, ast.Starred):
        bind(run, target.value, value, scope)
    elif isinstance(target, ast.Attribute):
        owner = evaluate(run, target.value, scope)
        if isinstance(owner, Unknown) and isinstance(target.value, ast.Name):
            owner = scope.names[target.value.id] = attributes.nameless(target.lineno)
        if isinstance(owner, Unknown):
            changing.hidden(run, target, scope, target)
        changing.set_attribute(run, owner, target.attr, value, target)
    elif isinstance(target, ast.Subscript):
        owner = evaluate(run, target.value, scope)
        if isinstance(owner, Unknown):
            changing.hidden(run, target.value, scope, target)
        key = indexing.index(run, target.slice, scope)
        lost = indexing.written(run, owner, key, value, target)
        if lost is not None:
            bind(run, target.value, lost, scope, names=False)
        changing.set_item(run, owner, key, value, target)


def _unpack(run: Run, node: ast.Tuple | ast.List, value: Any, scope: Scope, names: bool) -> None:
    targets = node.elts
    if run.graph is not None:
        value = run.graph.unpacked(run, value, node)
    items = iterable(value) if not isinstance(value, Chain) else None
    items = None if items is None else list(items[:LONGEST_SEQUENCE])
    starred = next((place for place, target in enumerate(targets) if isinstance(target, ast.Starred)), None)
    if items is not None and starred is not None and len(items) >= len(targets) - 1:
        after = len(targets) - starred - 1
        middle = items[starred : len(items) - after]
        items = [*items[:starred], middle, *items[len(items) - after :]]
    if items is None or len(items) != len(targets):
        text = value.text if isinstance(value, Unknown) else "?"
        kind = FromWeights if isinstance(value, FromWeights) else Unknown
        items = [kind(f"{text}[{place}]") for place in range(len(targets))]
    for target, item in zip(targets, items, strict=True):
        bind(run, target, item, scope, names=names)


def _lambda(run: Run, node: ast.Lambda, scope: Scope) -> Any:
    return Function(node, scope, "lambda", called=True)


def _walrus(run: Run, node: ast.NamedExpr, scope: Scope) -> Any:
    value = evaluate(run, node.value, scope)
    bind(run, node.target, value, scope)
    return value


def _call(run: Run, node: ast.Call, scope: Scope) -> Any:
    function = evaluate(run, node.func, scope)
    arguments = _sequence(run, node.args, scope)
    keywords: list[tuple[str | None, Any]] = []
    for keyword in node.keywords:
        value = evaluate(run, keyword.value, scope)
        if keyword.arg is None and isinstance(value, dict):
            keywords += [(name, item) for name, item in value.items() if isinstance(name, str)]
        else:
            keywords.append((keyword.arg, value))
    if isinstance(function, Unknown) and isinstance(node.func, ast.Attribute) and node.func.attr in changing.MUTATING:
        chain = making.unseen(run, node, arguments, scope)
        if chain is not None:
            return calls.call(run, Method(chain, "add"), arguments, keywords, node)
        changing.hidden(run, node.func.value, scope, node)
    return calls.call(run, function, arguments, keywords, node)


_FORMS: dict[type[ast.expr], Callable[[Run, Any, Scope], Any]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Tuple: _tuple,
    ast.List: _list,
    ast.Set: _list,
    ast.Dict: _dict,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.BoolOp: _bool_op,
    ast.IfExp: _if_exp,
    ast.Subscript: _subscript,
    ast.JoinedStr: _joined,
    ast.ListComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.SetComp: _comprehension,
    ast.Lambda: _lambda,
    ast.NamedExpr: _walrus,
    ast.Call: _call,
}
