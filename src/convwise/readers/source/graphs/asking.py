"""What a text asks of a wire: its sizes and arithmetic on them, its parts, sums with other wires, and which way a condition goes."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from convwise.dialects.base import Layer, Unknown
from convwise.errors import CodeError, Refusal
from convwise.ops.several import Arithmetic, Opaque
from convwise.readers.echo import shown
from convwise.readers.source import indexing, tensors
from convwise.readers.source.graphs.wiring import (
    MOST_VALUES,
    WiredModel,
    Wiring,
    beside,
    doubt_of,
    doubted,
    entered,
    flat,
    is_size,
    lost,
    touches,
    wired,
)
from convwise.readers.source.held import is_number
from convwise.readers.source.state import Run
from convwise.readers.source.values import MISSING, Held, Instance, Method, Ref, Scope, Tensor, truth
from convwise.readers.torch_live import calls, computing, values
from convwise.readers.torch_live.building import flow
from convwise.readers.torch_live.pieces import Pieces
from convwise.readers.torch_live.place import Place
from convwise.readers.torch_live.values import AllOf, Comparison, NotFollowed, NotKnown, Real, is_term
from convwise.readers.torch_live.values import Tensor as Wire

SIGNS: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("add", "+"),
    ast.Sub: ("sub", "-"),
    ast.Mult: ("mul", "*"),
    ast.Div: ("truediv", "/"),
    ast.FloorDiv: ("floordiv", "//"),
    ast.Mod: ("mod", "%"),
    ast.Pow: ("pow", "**"),
    ast.MatMult: ("matmul", "@"),
}
COMPARED: dict[type[ast.cmpop], str] = {
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
}
SPECIALISED = "CW422"
TAKEN = "CW314"
"""What a note has where an unknown value is taken for a number, which no shape depends on."""

CUTTING = frozenset({"chunk", "split", "unbind", "tensor_split", "split_with_sizes", "hsplit", "vsplit"})
MASKING = frozenset({"masked_fill", "masked_scatter"})
MOST_PIECES = 4_096
LONGEST_TERM = 200
"""Parts of one size's arithmetic."""

RANK = 8
"""Axes of the arrays that a node's work is tried on."""


def followed(
    run: Run, graph: Wiring, place: Place, name: str, args: Sequence[Any], words: dict[str, Any], node: ast.AST
) -> Any:
    """What a function or method of PyTorch's makes of wires and sizes; in doubt where nobody can say."""
    doubt = next((found for found in map(doubt_of, flat([args, words])) if found is not None), None)
    if doubt is not None:
        return doubted(run, doubt)
    run.spend()
    building = graph.building
    plain = name.rstrip("_")
    if plain in computing.BINARY or plain in computing.SEVERAL or plain in MASKING:
        for part in args:
            if isinstance(part, Unknown) and not isinstance(node, ast.BinOp):
                taken(graph, part)
    first = len(building.nodes)
    if _count([args, list(words.values())], MOST_VALUES) >= MOST_VALUES:
        return lost(run, node, f"its lists hold more than {MOST_VALUES:,} values")
    if name in CUTTING and _pieces(graph, args, words) > MOST_PIECES:
        return lost(run, node, f"it may give more than {MOST_PIECES:,} pieces")
    try:
        found = calls.call(place, name, tuple(_plain(part) for part in args), {k: _plain(v) for k, v in words.items()})
    except Refusal as refusal:
        refusal.detail = f"{refusal.detail}\n{run.place(node)}".strip()
        return doubted(run, refusal)
    graph.written(node)
    if isinstance(found, Pieces):
        found.written = lambda: graph.written(node)
    made = building.nodes[first:]
    reason = next((one.work.reason for one in made if isinstance(one.work, Opaque)), None)
    if reason is None and not all(_solid(one.work, len(one.inputs), len(one.outputs)) for one in made):
        reason = "an argument is not known"
    if reason is not None:
        del building.nodes[first:], graph.lines[first:]
        return lost(run, node, reason)
    return _told(run, found, node)


def _count(value: Any, most: int) -> int:
    """How many values there are, lists that stand in several places counted each time; at most about `most`."""
    pending, count = [value], 0
    while pending and count < most:
        part = pending.pop()
        count += 1
        if isinstance(part, list | tuple):
            pending += part[:most]
        elif isinstance(part, Arithmetic):
            pending += (part.left, part.right)
        elif isinstance(part, dict):
            pending += list(part.values())
    return count


def _pieces(graph: Wiring, args: Sequence[Any], words: dict[str, Any]) -> int:
    """At most how many pieces a cut gives, by the largest size there is and the numbers that are asked for."""
    wire = next((part for part in flat(list(args)) if isinstance(part, Wire)), None)
    known = graph.building.tensors[wire.number] if wire is not None else None
    sizes = [size or 0 for shape in (known.free, known.seen) if shape for size in shape] if known else []
    asked = [part for part in (*args, *words.values()) if isinstance(part, int)]
    return max([0, *sizes, *(asked if not sizes else [number for number in asked if number > MOST_PIECES])])


def _solid(work: Any, inputs: int, outputs: int) -> bool:
    """Whether a node's work can run at all: an argument may be anything that a text can say, a layer as an axis too."""
    if isinstance(work, Layer):
        return True
    try:
        flow(work, [(None,) * RANK] * inputs, outputs)
    except (TypeError, AttributeError):
        return False
    return True


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, range | Pieces) else value


def _told(run: Run, value: Any, node: ast.AST) -> Any:
    """A value as the walk knows it."""
    if isinstance(value, NotKnown):
        return run.unknown(node)
    if isinstance(value, Pieces) or not isinstance(value, tuple):
        return value
    return tuple(_told(run, part, node) for part in value)


def shape(run: Run, graph: Wiring, wire: Wire, node: ast.AST) -> Any:
    """`x.shape`. Keras's own says the sizes that an input declares, and None for the others."""
    known = graph.building.tensors[wire.number]
    if run.dialect == "keras":
        found = known.seen if known.seen is not None else known.free
        return (None, *found[1:]) if found else run.unknown(node)
    try:
        return graph.building.sizes(wire)
    except NotFollowed:
        return run.unknown(node)


def attribute(run: Run, graph: Wiring, owner: Any, node: ast.Attribute) -> Any:
    """`owner.attr` of a wire or a model of wires."""
    name = node.attr
    if isinstance(owner, Tensor) and owner.entry and owner.doubt is None and name == "shape":
        owner = graph.wire(run, owner)
    if isinstance(owner, Held) and name == "value":
        return owner
    if isinstance(owner, Held) and run.within and name in ("T", "mT", "ndim"):
        owner = wired(run, graph, owner)
    if isinstance(owner, Wire):
        if name == "shape":
            return shape(run, graph, owner, node)
        if name in ("T", "mT", "ndim"):
            return followed(run, graph, graph.place(run, name, f".{name}"), "getattr", (owner, name), {}, node)
        if name in calls.ELSEWHERE:
            return False
        return owner if name in ("data", "real") else Method(owner, name)
    if isinstance(owner, WiredModel):
        single = owner.outputs if not isinstance(owner.outputs, list | tuple) else list(owner.outputs)
        if name in ("input", "inputs"):
            return owner.inputs[0] if name == "input" and len(owner.inputs) == 1 else list(owner.inputs)
        if name in ("output", "outputs"):
            return [single] if name == "outputs" and not isinstance(single, list) else single
        if name == "layers":
            layers = graph.layers_in_order(owner)
            return run.unknown(node) if layers is None else layers
        return Method(owner, name)
    if isinstance(owner, Instance) and name == "training" and name not in owner.attributes:
        return False
    if isinstance(owner, tuple) and name in ("values", "indices") and len(owner) == 2 and isinstance(owner[0], Wire):
        return owner[name == "indices"]
    if isinstance(owner, tuple) and name == "as_list":
        return Method(owner, name)
    return MISSING


def subscript(run: Run, graph: Wiring, owner: Any, node: ast.Subscript, scope: Scope) -> Any:
    """`x[:, :, top : top + h]`."""
    if (isinstance(owner, Tensor) and owner.entry) or (isinstance(owner, Held) and run.within):
        owner = wired(run, graph, owner)
    if isinstance(owner, Tensor) and owner.doubt is not None:
        return owner
    if not isinstance(owner, Wire | Pieces):
        return MISSING
    key = entered(run, graph, indexing.index(run, node.slice, scope))
    if isinstance(owner, Pieces):
        return piece(owner, key)
    if run.dialect == "keras":
        owner, key = _turned(run, graph, owner, key, node)
    return followed(run, graph, graph.place(run, "getitem", "[]"), "getitem", (owner, key), {}, node)


def _turned(run: Run, graph: Wiring, owner: Wire, key: Any, node: ast.AST) -> tuple[Wire, Any]:
    """`x[..., ::-1]`, which TensorFlow takes and PyTorch refuses: the same cells the other way round."""
    parts = key if isinstance(key, tuple) else (key,)
    plain = tuple(slice(None) if part == slice(None, None, -1) else part for part in parts)
    if plain == parts:
        return owner, key
    found = graph.place(run, "flip", "flip").pointwise(owner)
    graph.written(node)
    return found, plain


def written_into(run: Run, graph: Wiring, owner: Any, key: Any, value: Any, node: ast.Subscript) -> Tensor | None:
    """`x[:, :, 2:18] = y`: what is written must fill the cells, and what reads x from now on depends on y."""
    if not run.within or not isinstance(owner, Wire | Tensor | Held):
        return None
    if not touches(run, [value]) and not (isinstance(value, int | float) and isinstance(owner, Wire)):
        return None
    owner, key, value = entered(run, graph, owner), entered(run, graph, key), entered(run, graph, value)
    found = followed(run, graph, graph.place(run, "setitem", "[]="), "setitem", (owner, key, value), {}, node)
    return found if isinstance(found, Tensor) else None


def piece(owner: Pieces, key: Any) -> Any:
    """`x.chunk(3, 2)[-1]`: a piece by its number; a key of another form is left to the lists."""
    if not isinstance(key, int):
        return MISSING
    return owner.piece(key)


def unpacked(run: Run, graph: Wiring, value: Any, node: ast.Tuple | ast.List) -> Any:
    """The parts of `q, k, v = qkv`: a wire along its first axis, in doubt where there are not as many as names; of `a, b = x.chunk(2, 2)`
    as many pieces as there are names, so that a size which gives fewer is not legal.
    """
    names = len(node.elts)
    if any(isinstance(target, ast.Starred) for target in node.elts):
        return value
    if isinstance(value, Pieces) and names == value.parts:
        return value.unpacked()
    if isinstance(value, Tensor) and (value.entry or value.doubt is not None):
        value = wired(run, graph, value)
    if isinstance(value, Tensor) and value.doubt is not None:
        return (value,) * names
    if isinstance(value, Wire):
        try:
            count = graph.building.size(value, 0)
        except NotFollowed as reason:
            return (lost(run, node, str(reason)),) * names
        if not isinstance(count, int):
            return (lost(run, node, "how many parts there are depends on the input's size"),) * names
        place = graph.place(run, "unbind", "unbind")
        value = followed(run, graph, place, "unbind", (value,), {}, node) if count == names else (value,) * count
    if isinstance(value, tuple | list) and len(value) != names and any(isinstance(part, Wire) for part in value):
        return (lost(run, node, f"{len(value)} values are unpacked into {names} names"),) * names
    return value


def binary(run: Run, graph: Wiring, left: Any, right: Any, node: ast.BinOp) -> Any:
    """Arithmetic with wires and sizes."""
    sign = SIGNS.get(type(node.op))
    if any(is_size(side) for side in (left, right)) and not touches(run, [left, right]):
        if sign is None or any(isinstance(side, Unknown) for side in (left, right)):
            return run.unknown(node)
        if _count([left, right], LONGEST_TERM) >= LONGEST_TERM:
            return run.unknown(node)
        return _told(run, _combined(sign[0], left, right), node)
    if not touches(run, [left, right]) or isinstance(left, list) or isinstance(right, list):
        return MISSING
    if sign is None:
        return lost(run, node, "the operator is not known")
    for side, part in ((left, node.left), (right, node.right)):
        if isinstance(side, Unknown) and not is_number(part):
            taken(graph, side)
    left, right = (entered(run, graph, beside(run, graph, side)) for side in (left, right))
    return followed(run, graph, graph.place(run, *sign), sign[0], (left, right), {}, node)


def taken(graph: Wiring, value: Unknown) -> None:
    """A note of what may be an array, whose shape would matter."""
    graph.building.note(TAKEN, f"{shown(value.text, 60)} is taken for a number: the text does not say what it is")


def _combined(kind: str, left: Any, right: Any) -> Any:
    try:
        return values.combine(kind, left, right)
    except NotFollowed:
        return NotKnown(kind)


def unary(run: Run, graph: Wiring, value: Any, node: ast.UnaryOp) -> Any:
    if isinstance(value, Wire):
        name = {ast.USub: "neg", ast.Invert: "invert"}.get(type(node.op))
        return value if name is None else followed(run, graph, graph.place(run, name, name), name, (value,), {}, node)
    if isinstance(node.op, ast.Not) and is_size(value):
        known = decided(graph, value)
        if known is None and isinstance(value, Comparison):
            return AllOf((value,), True)
        return run.unknown(node) if known is None else not known
    if isinstance(node.op, ast.USub) and is_term(value) and not isinstance(value, int):
        return _told(run, _combined("sub", 0, value), node)
    return run.unknown(node) if is_size(value) else MISSING


def compared(run: Run, kind: type[ast.cmpop], left: Any, right: Any) -> Any:
    """A comparison of sizes, kept open where it depends on the input's."""
    if not any(is_size(part) for part in flat([left, right])):
        return MISSING
    name = COMPARED.get(kind)
    if name is None or any(isinstance(part, Unknown) for part in flat([left, right])):
        return left is not right if kind is ast.IsNot and None in (left, right) else Unknown("?")
    found = values.compare(name, left, right)
    return Unknown("?") if isinstance(found, NotKnown) else found


def decided(graph: Wiring, value: Any) -> bool | None:
    """Which way a condition goes: for every size, or for the declared ones, of which a note tells."""
    if isinstance(value, Wire | Real | NotKnown):
        return None
    if not is_size(value):
        return truth(value)
    building = graph.building
    found = values.truth(value, [None] * len(building.tensors))
    if found is None:
        found = values.truth(value, building.seen)
        if found is not None:
            building.note(
                SPECIALISED,
                "a condition on sizes goes the way that it goes for the declared input; other sizes may differ",
            )
    return found


def required(
    run: Run, graph: Wiring, value: Any, negated: bool, node: ast.stmt, what: str, depends: bool
) -> Tensor | None:
    """A condition that must hold (`negated`: must not): a node where it asks for one size, else a note; in doubt where it fails."""
    building = graph.building
    wanted = not negated
    if not is_size(value):
        known = None if isinstance(value, Wire | Real | NotKnown) else truth(value)
        if known is None and depends:
            _taken_to_hold(graph, what)
        return None if known is None or known is wanted else _fails(run, node, what, "whatever the input")
    for shapes, why in (
        ([None] * len(building.tensors), "whatever the input"),
        (building.seen, "for the declared input"),
    ):
        known = values.truth(value, shapes)
        if known is not None and known is not wanted:
            return _fails(run, node, what, why)
        if known is not None and why == "whatever the input":
            return None
    if isinstance(value, Comparison) and value.kind == ("ne" if negated else "eq"):
        value = Comparison("eq", value.left, value.right)
        place = graph.place(run, "assert", "assert")
        if calls.required(place, value):
            graph.written(node)
            return None
    _taken_to_hold(graph, what)
    return None


def _taken_to_hold(graph: Wiring, what: str) -> None:
    graph.building.note(
        SPECIALISED, f"{what} is taken not to stop the forward; the sizes that it refuses are not left out"
    )


def _fails(run: Run, node: ast.stmt, what: str, why: str) -> Tensor:
    doubt = CodeError(
        "CW315",
        f"{what} stops the forward {why}",
        detail=f"line {node.lineno}",
        hint="give an input that it takes",
    )
    return tensors.doubtful(run, (), doubt)


def builtin(run: Run, graph: Wiring, name: str, arguments: list[Any], node: ast.Call) -> Any:
    """`len`, `int`, `max`, `sum`, `isinstance` of wires and sizes."""
    first = arguments[0] if arguments else None
    if name == "isinstance" and len(arguments) == 2 and isinstance(first, Wire | list | tuple | dict):
        kinds = arguments[1] if isinstance(arguments[1], tuple) else (arguments[1],)
        if isinstance(first, Wire) or all(isinstance(kind, Ref) and kind.path.endswith("Tensor") for kind in kinds):
            return isinstance(first, Wire) and any(
                isinstance(one, Ref) and one.path.endswith("Tensor") for one in kinds
            )
    parts = list(flat(arguments))
    if name == "sum" and isinstance(first, list | tuple) and any(isinstance(part, Wire) for part in parts):
        total = first[0]
        for part in first[1:]:
            total = followed(run, graph, graph.place(run, "add", "+"), "add", (total, part), {}, node)
        return total
    if name == "abs" and isinstance(first, Wire):
        return followed(run, graph, graph.place(run, "abs", "abs"), "abs", (first,), {}, node)
    if name == "len" and isinstance(first, Wire):
        return followed(run, graph, graph.place(run, "len", "len"), "len", (first,), {}, node)
    if not any(is_size(part) for part in parts):
        return MISSING
    if name == "int" and isinstance(first, Real):
        return _rounded(run, graph, "floor", first, node)
    if name == "int" and is_term(first):
        return first
    if name in ("max", "min") and len(arguments) == 2:
        return _told(run, _combined(name, *arguments), node)
    return (
        MISSING
        if name in ("list", "tuple", "zip", "enumerate", "len", "print", "dict", "reversed")
        else run.unknown(node)
    )


def _rounded(run: Run, graph: Wiring, how: str, value: Any, node: ast.AST) -> Any:
    """`math.floor` and `math.ceil` of a size."""
    place = graph.place(run, how, f"math.{how}")
    if isinstance(value, Real):
        try:
            return values.floor_of(value) if how == "floor" else values.ceil_of(value)
        except NotFollowed:
            return run.unknown(node)
    return followed(run, graph, place, f"{how}_of", (value,), {}, node)


def rounded(run: Run, graph: Wiring, path: str, value: Any, node: ast.AST) -> Any:
    return _rounded(run, graph, path.rpartition(".")[2], value, node)


def keeps(name: str) -> bool:
    """Whether a method gives the same array again, as far as its shape goes."""
    return name in tensors.UNTOUCHED
