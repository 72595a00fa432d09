"""Whole networks told apart: row by row shape, parameters, and the input cells that the first output sees. Nothing is run."""

from __future__ import annotations

from typing import Any

from convwise import dialects
from convwise.answers.explanation import Fact, show
from convwise.answers.inputs import as_shape
from convwise.answers.network.trace import Row, Trace
from convwise.answers.porting.difference import Difference, Numbers, Side
from convwise.dialects.base import Layer
from convwise.errors import ArgumentError
from convwise.graph import Network, Node
from convwise.ops import AdaptivePool, Conv, ConvTranspose, Dense, GlobalPool, Norm, Op, Pool, Resize, Shape
from convwise.readers.models import MODEL_ENDINGS, is_path, read

COMPARED = (Conv, ConvTranspose, Pool, GlobalPool, AdaptivePool, Dense, Norm, Resize)
"""Ops that both frameworks write as a step of their own."""


def is_network(layer: Any) -> bool:
    """Whether something is a network rather than a layer or chain: a `Network`, or the path of a model file."""
    return isinstance(layer, Network) or (isinstance(layer, str) and is_path(layer) and layer.endswith(MODEL_ENDINGS))


def diff_networks(a: Any, b: Any, input_shape: Any) -> Difference:
    """Two networks on one input, and the first layer at which they part.

    Raises:
        ArgumentError: CW601 without an input whose axes say where it goes. ModelError, ShapeError, CodeError.
    """
    one = a if isinstance(a, Network) else read(a)
    other = b if isinstance(b, Network) else read(b)
    shape = as_shape(input_shape) if input_shape is not None else None
    first = one.trace(shape)
    second = other.trace(_carried(first, one, other))
    rows, others = _rows(first), _rows(second)
    names = (one.title or "the first", other.title or "the second")
    names = names if names[0] != names[1] else ("the first", "the second")
    parted = next((place for place, pair in enumerate(zip(rows, others, strict=False)) if _told(*pair, names)), None)
    facts = [_counts(rows, others, names)]
    if parted is not None:
        told = _told(rows[parted], others[parted], names)
        facts.append(Fact("first", (f"{_name(rows[parted])} and {_name(others[parted])}", *told)))
    ends = _last(first), _last(second)
    same_shape = ends[0] == ends[1]
    facts.append(Fact("output", (f"{show(ends[0])} and {show(ends[1])}, channels first",)))
    same = parted is None and len(rows) == len(others)
    where = "" if parted is None else f"{_name(rows[parted])} and {_name(others[parted])}"
    note = "whole networks are compared by shapes, windows and parameters; their values are not computed"
    numbers = Numbers(None, None, None, "not run", first=where or None, proved_by="nothing", note=note)
    return Difference(_side(one, first), _side(other, second), tuple(facts), same_shape, same, run=lambda: numbers)


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


def _rows(trace: Trace) -> list[Row]:
    return [row for row in trace.rows if any(isinstance(op, COMPARED) for op in _ops(row.node))]


def _ops(node: Node) -> tuple[Op, ...]:
    if isinstance(node.work, Layer):
        return node.work.ops
    return node.work if isinstance(node.work, tuple) else ()


def _name(row: Row) -> str:
    return f"{row.name} ({row.op})"


def _canonical(row: Row) -> Shape | None:
    """The output with its channels first, the batch left out."""
    shape, layout = row.output, row.node.layout
    if shape is None or len(shape) < 3:
        return None if shape is None else shape[1:]
    _, channels, spatial = layout.split(shape)
    return (channels, *spatial)


def _told(a: Row, b: Row, names: tuple[str, str]) -> tuple[str, ...]:
    """What differs between two rows; empty where nothing does."""
    lines = []
    for what, left, right in (
        ("output", _canonical(a), _canonical(b)),
        ("parameters", a.params, b.params),
        ("receptive field", a.receptive_field, b.receptive_field),
        ("jump", a.jump, b.jump),
        ("first input cell of output 0", a.offset, b.offset),
    ):
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


def _last(trace: Trace) -> Shape:
    rows = _rows(trace)
    return (_canonical(rows[-1]) or ()) if rows else ()


def _side(network: Network, trace: Trace) -> Side:
    source = network.sources[0]
    shape = trace.inputs[source.name]
    release = dialects.get(network.dialect).release if network.dialect in dialects.NAMES else ""
    title = dialects.get(network.dialect).title if network.dialect in dialects.NAMES else network.dialect
    return Side(network.dialect, title, release, network.title or "network", shape, trace.rows[-1].output or ())
