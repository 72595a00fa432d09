"""Whole networks told apart: row by row shape, parameters, and the input cells that the first output sees; and by their values."""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher
from functools import partial
from typing import Any

from convwise import dialects
from convwise.answers.explanation import Fact, show
from convwise.answers.inputs import as_shape
from convwise.answers.network.trace import Row, Trace
from convwise.answers.porting.difference import Difference, Numbers, Side
from convwise.dialects.base import Layer
from convwise.errors import ArgumentError
from convwise.graph import Network, Node
from convwise.ops import AdaptivePool, Conv, ConvTranspose, Dense, GlobalPool, Layout, Norm, Op, Pool, Resize, Shape
from convwise.ops.several import Concat, Elementwise
from convwise.readers.endings import MODEL_ENDINGS, ending, is_path
from convwise.readers.models import read

COMPARED = (Conv, ConvTranspose, Pool, GlobalPool, AdaptivePool, Dense, Norm, Resize)
"""Ops that both frameworks write as a step of their own."""


def is_network(layer: Any) -> bool:
    """Whether something is a network rather than a layer or chain: a `Network`, or the path of a model file."""
    return isinstance(layer, Network) or (isinstance(layer, str) and is_path(layer) and ending(layer) in MODEL_ENDINGS)


def diff_networks(a: Any, b: Any, input_shape: Any, *, real: bool = False, most_macs: int | None = None) -> Difference:
    """Two networks on one input, and the first layer at which they part; values where both are run, which takes a while.

    Raises:
        ArgumentError: CW601 without an input whose axes say where it goes, CW610 with `real`. ModelError, ShapeError, CodeError.
    """
    if real:
        raise ArgumentError(
            "CW610",
            "whole networks are not run by the frameworks themselves",
            hint="leave --real out: the reference runs both; or give single layers, or chains",
        )
    one = a if isinstance(a, Network) else read(a)
    other = b if isinstance(b, Network) else read(b)
    shape = as_shape(input_shape) if input_shape is not None else None
    first = one.trace(shape)
    second = other.trace(_carried(first, one, other))
    rows, others = _rows(first), _rows(second)
    names = (one.title or "the first", other.title or "the second")
    names = names if names[0] != names[1] else ("the first", "the second")
    folded = _folded(one, other, rows, others)
    if folded:
        rows, others = _unfoldable(rows), _unfoldable(others)
    # A file that keeps weights beside their layer counts them at another node.
    uncounted = folded or _keeps_apart(first) or _keeps_apart(second)
    pairs = _paired(rows, others, names, uncounted)
    parted = next((pair for pair in pairs if _told(*pair, names, uncounted)), None)
    facts = [_counts(rows, others, names)]
    if folded:
        facts.append(Fact("folded", (FOLDED,)))
    if parted is not None:
        facts.append(Fact("first", (_both(parted), *_told(*parted, names, uncounted))))
    ends = _outputs(first), _outputs(second)
    same_shape = all(None in (a, b) or a == b for a, b in zip(*ends, strict=False)) and len(ends[0]) == len(ends[1])
    told = [", ".join("?" if shape is None else show(shape) for shape in shapes) for shapes in ends]
    facts.append(Fact("output", (f"{told[0]} and {told[1]}, channels first",)))
    where = None if parted is None else _both(parted)
    run = partial(_run, first, second, _with_merges(first, second, pairs), most_macs, folded, where)
    sides = _side(one, first), _side(other, second)
    return Difference(*sides, tuple(facts), same_shape, _verdict(rows, others, parted), run=run, several=True)


def _keeps_apart(trace: Trace) -> bool:
    from convwise import proofs

    return bool(proofs.kept_apart(trace))


def _verdict(rows: list[Row], others: list[Row], parted: tuple[Row, Row] | None) -> bool | None:
    """Whether the windows of all rows agree; None where rows of other kinds or another number of them stand in their place."""
    if len(rows) != len(others):
        return None
    if parted is None:
        return True
    slides = _kind(parted[0]) in (Conv, ConvTranspose, Pool) and _alike(*parted)
    return False if slides and _told(*parted, ("", ""), uncounted=True) else None


def _run(
    first: Trace, second: Trace, pairs: list[tuple[Row, Row]], most_macs: int | None, folded: bool, where: str | None
) -> Numbers:
    """The values; `where` names the rows that part by what is told of them."""
    from convwise import proofs

    numbers: Numbers = proofs.prove_networks(first, second, pairs, most_macs, folded)
    return numbers if numbers.first is not None else replace(numbers, first=where)


def _carried(first: Trace, one: Network, other: Network) -> Shape:
    """The first network's input as the second one orders its axes.

    Raises:
        ArgumentError: CW601 where the two have no input of one kind.
    """
    source, target = one.sources[0], other.sources[0]
    shape = first.inputs[source.name]
    if len(shape) < 3 or len(target.declared) not in (0, len(shape)):
        return shape
    if not shape:
        raise ArgumentError("CW601", "the first network declares no input", hint="give the input shape")
    return target.layout.join(*source.layout.split(shape))


FOLDED = (
    "batch normalisations that only one of them has are taken as folded into the convolution before them, as exports do: "
    "they are run as if they did nothing, and parameters are not compared"
)


def _folded(one: Network, other: Network, rows: list[Row], others: list[Row]) -> bool:
    """Whether an ONNX file lacks batch normalisations, which its exporter folds into convolutions."""
    counts = [len(found) - len(_unfoldable(found)) for found in (rows, others)]
    return "onnx" in (one.dialect, other.dialect) and counts[0] != counts[1]


def _unfoldable(rows: list[Row]) -> list[Row]:
    """Rows without batch normalisations."""
    return [row for row in rows if not any(isinstance(op, Norm) and op.moments for op in _ops(row.node))]


def _paired(
    rows: list[Row], others: list[Row], names: tuple[str, str], uncounted: bool = False
) -> list[tuple[Row, Row]]:
    """Rows by position; where branches are told in another order, each with the first that does the same, if all find one.

    Where one has more of them, as an export does that writes a layer in other words, those that correspond in order.
    """
    if len(rows) != len(others):
        keys = [[(_kind(row), _canonical(row)) for row in found] for found in (rows, others)]
        blocks = SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_matching_blocks()
        return [(rows[at.a + step], others[at.b + step]) for at in blocks for step in range(at.size)]
    by_place = list(zip(rows, others, strict=False))
    if not any(_told(*pair, names, uncounted) for pair in by_place):
        return by_place
    left, found = list(others), []
    for row in rows:
        like = next((other for other in left if _alike(row, other) and not _told(row, other, names, uncounted)), None)
        if like is None:
            return by_place
        left.remove(like)
        found.append((row, like))
    return found


def _alike(a: Row, b: Row) -> bool:
    return _kind(a) is _kind(b)


def _kind(row: Row) -> type[Op]:
    return next(type(op) for op in _ops(row.node) if isinstance(op, COMPARED))


def _with_merges(first: Trace, second: Trace, pairs: list[tuple[Row, Row]]) -> list[tuple[Row, Row]]:
    """The pairs and the places where branches meet, where both networks have as many of these."""
    merges = [
        [row for row in trace.rows if isinstance(row.node.work, Elementwise | Concat)] for trace in (first, second)
    ]
    if len(merges[0]) != len(merges[1]):
        return pairs
    return sorted([*pairs, *zip(*merges, strict=True)], key=lambda pair: pair[0].number)


def _both(pair: tuple[Row, Row]) -> str:
    return " and ".join(_name(row) for row in pair)


def _rows(trace: Trace) -> list[Row]:
    return [row for row in trace.rows if any(isinstance(op, COMPARED) for op in _ops(row.node))]


def _ops(node: Node) -> tuple[Op, ...]:
    if isinstance(node.work, Layer):
        return node.work.ops
    return node.work if isinstance(node.work, tuple) else ()


def _name(row: Row) -> str:
    return f"{row.name} ({row.op})"


def _canonical(row: Row) -> Shape | None:
    return _laid(row.output, row.node.layout)


def _laid(shape: Shape | None, layout: Layout) -> Shape | None:
    """A shape with its channels first, the batch left out."""
    if shape is None or len(shape) < 3:
        return None if shape is None else shape[1:]
    _, channels, spatial = layout.split(shape)
    return (channels, *spatial)


def _told(a: Row, b: Row, names: tuple[str, str], uncounted: bool = False) -> tuple[str, ...]:
    """What differs between two rows, their parameters apart where these are `uncounted`; empty where nothing does."""
    lines = []
    for what, left, right in (
        ("output", _canonical(a), _canonical(b)),
        ("trained parameters", a.trainable, b.trainable),
        ("receptive field", a.receptive_field, b.receptive_field),
        ("jump", a.jump, b.jump),
        ("first input cell of output 0", a.offset, b.offset),
    ):
        if uncounted and what == "trained parameters":
            continue
        if left != right and left is not None and right is not None:
            lines.append(f"{what}: {left} in {names[0]}, {right} in {names[1]}")
    return tuple(lines)


def _counts(rows: list[Row], others: list[Row], names: tuple[str, str]) -> Fact:
    if len(rows) == len(others):
        return Fact("layers", (f"{len(rows)} convolutions, pools, norms and dense layers in both",))
    return Fact(
        "layers",
        (f"{len(rows)} convolutions, pools, norms and dense layers in {names[0]}, {len(others)} in {names[1]}",),
    )


def _outputs(trace: Trace) -> list[Shape | None]:
    """The shapes of the network's own outputs, their channels first and the batch left out; None where they are not known."""
    found: dict[str, Shape | None] = {}
    for step in trace.run.nodes:
        for name, shape in zip(step.node.outputs, step.outputs, strict=False):
            found[name] = _laid(shape, step.node.layout)
    return [found.get(name) for name in trace.run.network.outputs]


def _side(network: Network, trace: Trace) -> Side:
    source = network.sources[0]
    shape = trace.inputs[source.name]
    release = dialects.get(network.dialect).release if network.dialect in dialects.NAMES else ""
    title = dialects.get(network.dialect).title if network.dialect in dialects.NAMES else network.dialect
    return Side(network.dialect, title, release, network.title or "network", shape, trace.rows[-1].output or ())
