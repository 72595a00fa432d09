"""Two whole networks run with the same random weights on the same random input, and the first rows whose values part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.answers.network.flowing import NodeFlow
from convwise.answers.network.trace import Row, Trace
from convwise.answers.porting.difference import MOST_MACS, Numbers
from convwise.answers.porting.reading import bound
from convwise.dialects.base import Layer
from convwise.errors import ConvwiseError
from convwise.graph import Network, Node, Source
from convwise.ops import Conv, ConvTranspose, Dense, Layout, Norm, Op, Pointwise, Resize, Shape
from convwise.proofs.activations import WIDTHS, Run, alone, idle, parted, sentence, told_width, widened
from convwise.proofs.apart import cells, kept_apart, run_apart
from convwise.proofs.comparing import compare
from convwise.proofs.converting import Canonical
from convwise.proofs.pairing import Key, Roles, share
from convwise.proofs.parting import both
from convwise.proofs.running import run_op
from convwise.proofs.several import CannotRunError, run_several
from convwise.proofs.weights import norm_roles

Array = NDArray[Any]
MOST = 150_000_000
"""Weights of one network, and cells of all its maps, up to which it is run."""
SEED = 20150608
TOLERANCE = 1e-7
"""As a share of the largest value: a file holds settings such as a slope of 0.2 in single precision."""
FREE = frozenset(
    (
        *(
            "abs",
            "dropout",
            "exp",
            "exponential",
            "hardswish",
            "hard_swish",
            "hard_silu",
            "identity",
            "linear",
            "logsigmoid",
        ),
        *(
            "log_sigmoid",
            "mish",
            "relu",
            "relu6",
            "selu",
            "sigmoid",
            "silu",
            "softsign",
            "spatialdropout",
            "spatial_dropout",
        ),
        *("swish", "tanh", "tanhshrink"),
    )
)
"""Functions that have no settings; of the others a network's file or code gives the shapes alone, unless the options are there."""
STILL = ("clone", "contiguous", "detach")
"""Calls that give back what they are given."""
OF_CALLS = ("F.", "torch.", ".", "aten.")
"""How the kinds of functions begin, whose settings beside the sizes are not read."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a network gave: the values of the tensors asked for, and the first node that was not run, with the reason."""

    values: dict[str, Array]
    stopped: str = ""


def prove_networks(
    first: Trace, second: Trace, rows: Sequence[tuple[Row, Row]], most_macs: int | None = None, folded: bool = False
) -> Numbers:
    """Both run; `rows` are the pairs to compare, in order. `folded`: batch normalisations do nothing."""
    for trace in (first, second):
        if (note := _too_much(trace, MOST_MACS if most_macs is None else most_macs)) is not None:
            return _not_run(note)
    generator = np.random.default_rng(SEED)
    mine = _in_order(_weighted(first), [a.number for a, _ in rows])
    theirs = _in_order(_weighted(second), [b.number for _, b in rows])
    if folded:
        mine, theirs = ({key: roles for key, roles in found.items() if "mean" not in roles} for found in (mine, theirs))
    weights = share(mine, theirs, generator)
    if isinstance(weights, str):
        return _not_run(weights)
    if folded:
        weights = weights[0] | _neutral(first), weights[1] | _neutral(second)
    one, other = first.run.network, second.run.network
    x = {source.name: _input(first.inputs[source.name], generator) for source in one.sources}
    y = {b.name: _carried(x[a.name], a, b) for a, b in zip(one.sources, other.sources, strict=True)}
    ends = [(_path(one, a.node, folded), _path(other, b.node, folded)) for a, b in rows]
    numbers = _on(first, second, rows, ends, weights, (x, y))
    functions = _functions(first), _functions(second)
    same_count = len(functions[0]) == len(functions[1])
    mine_alone, theirs_alone = _unmatched(*functions)
    if not numbers.equal or (same_count and not mine_alone):
        return numbers
    for width in WIDTHS[:2]:
        wide = widened(weights[0], width), widened(weights[1], width)
        data = {name: value * width for name, value in x.items()}, {name: value * width for name, value in y.items()}
        shown = _on(first, second, rows, ends, wide, data)
        if not shown.equal:
            return replace(shown, note=told_width(width))
    for apart in parted(mine_alone, theirs_alone, TOLERANCE) if same_count else ():
        if apart.seldom:
            return _not_run(f"random data show no difference, but {sentence(apart, (first.dialect, second.dialect))}")
    return numbers


def _on(
    first: Trace,
    second: Trace,
    rows: Sequence[tuple[Row, Row]],
    paths: Sequence[tuple[list[Node], list[Node]]],
    weights: tuple[Canonical, Canonical],
    data: tuple[Mapping[str, Array], Mapping[str, Array]],
) -> Numbers:
    """The first rows that part on these data, else the outputs; `paths` are the nodes of the rows with the functions behind them."""
    one, other = first.run.network, second.run.network
    told_a, told_b = (
        run_network(trace, held, x, {node.outputs[0] for pair in paths for node in pair[at]} | set(net.outputs))
        for at, (trace, net, held, x) in enumerate(zip((first, second), (one, other), weights, data, strict=True))
    )
    agreed, apart = 0, False
    parts: Numbers | None = None
    for (a, b), (path_a, path_b) in zip(rows, paths, strict=True):
        end_a, end_b = path_a[-1].outputs[0], path_b[-1].outputs[0]
        if end_a not in told_a.values or end_b not in told_b.values:
            continue
        mine, theirs = told_a.values[end_a], told_b.values[end_b]
        if mine.size == theirs.size and sorted(mine.shape) != sorted(theirs.shape):
            continue  # the same cells, laid out for an op that stands for the other's
        found = _compared(mine, theirs, one, other, end_a, end_b)
        if found.equal:
            agreed += 1
            parts = None
        elif parts is None:
            behind = _first_apart(one, other, (path_a, path_b), (told_a, told_b))
            parts = replace(found, first=behind or both(_named(a.node), _named(b.node)))
            apart = behind is None
    ends = list(_pairs(one, other, told_a, told_b))
    if len(one.outputs) != len(other.outputs):
        return _not_run(f"{len(one.outputs)} outputs in the first, {len(other.outputs)} in the second")
    if len(ends) == len(one.outputs):
        # What rows show is taken back where the outputs agree: a function may be written as several, which branch.
        worst = next((numbers for numbers in ends if not numbers.equal), None)
        return ends[0] if worst is None else replace(worst, first=None if parts is None else parts.first)
    stopped = told_a.stopped or told_b.stopped
    if parts is not None and apart:
        return parts
    return _not_run(f"the values of {agreed} of {len(rows)} layers agree, the others were not run: {stopped}")


def _first_apart(
    one: Network, other: Network, paths: tuple[list[Node], list[Node]], told: tuple[Ran, Ran]
) -> str | None:
    """The functions behind two layers whose values agree; None where those of the layers themselves part."""
    for a, b in zip(*paths, strict=False):
        ends = a.outputs[0], b.outputs[0]
        values = told[0].values.get(ends[0]), told[1].values.get(ends[1])
        if values[0] is None or values[1] is None:
            return None
        if not _compared(values[0], values[1], one, other, *ends).equal:
            return both(_named(a), _named(b)) if a is not paths[0][0] else None
    longer = max(paths, key=len)[min(map(len, paths)) :]
    return _named(longer[0]) if longer else None


def _named(node: Node) -> str:
    return f"{node.name} ({node.kind})"


def _functions(trace: Trace) -> list[Run]:
    """The functions of single values in the order in which nodes run."""
    return [
        Run((op,), (_named(step.node),), (-inf, inf))
        for step in trace.run.nodes
        for op in step.ops
        if isinstance(op, Pointwise) and alone(op) and not idle(op)
    ]


def _unmatched(mine: Sequence[Run], theirs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """Functions of which the other network has none; branches may be told in another order."""
    left, found = list(theirs), []
    for run in mine:
        like = next((other for other in left if not any(parted((run,), (other,), TOLERANCE))), None)
        if like is None:
            found.append(run)
        else:
            left.remove(like)
    return found, left


def _not_run(note: str) -> Numbers:
    return Numbers(None, None, None, "not run", note=note, proved_by="nothing")


def _too_much(trace: Trace, most_macs: int) -> str | None:
    """Why a network is not run at all."""
    totals = trace.totals
    left_out = next((note for note in trace.run.network.notes if note.code == "CW315"), None)
    if left_out is not None:
        return left_out.text
    if any(None in shape[1:] for shape in trace.inputs.values()):
        return "the input leaves sizes open; give one, such as 1x3x64x64"
    if totals.macs is not None and totals.macs > most_macs:
        return (
            f"{totals.macs:,} multiply-adds of {trace.title or 'a network'} are more than {most_macs:,}: "
            "a smaller input shows the same, or allow more (most_macs, --most-macs)"
        )
    cells = (totals.activation_bytes or 0) // 4
    if max(cells, totals.params or 0) > MOST:
        return f"{max(cells, totals.params or 0):,} numbers are too many to run here (at most {MOST:,})"
    return None


def _weighted(trace: Trace) -> dict[Key, Roles]:
    """By (node, op): the weights' shapes in the engine's layout, in the order in which nodes run."""
    found: dict[Key, Roles] = {}
    for number, step in enumerate(trace.run.nodes):
        for place, (op, flow) in enumerate(zip(step.ops, step.flows, strict=False)):
            roles = _roles(op, flow.input, _layout(step.node), trace.dialect)
            if roles:
                found[number, place] = roles
    for one in kept_apart(trace).values():
        found.setdefault(one.key, {})[one.role] = cells(one.shape)
    return found


def _roles(op: Op, shape: Shape, layout: Layout, dialect: str) -> Roles:
    match op:
        case Conv() | ConvTranspose():
            settled = bound(op, shape, layout, dialect)
            assert isinstance(settled, Conv | ConvTranspose)
            kernel = settled.weight_shape() or ()
            return {"weight": kernel} | ({"bias": (settled.out_channels or 0,)} if op.bias else {})
        case Dense():
            return {"weight": (op.out_features, shape[-1] or 0)} | ({"bias": (op.out_features,)} if op.bias else {})
        case Norm():
            channels = len(shape) - 1 if layout.channels_last else 1
            places = (channels,) if isinstance(op.axes, str) else op.axes
            sizes = op.shape or tuple(shape[place] or 0 for place in places)
            return dict.fromkeys(norm_roles(op), sizes)
    return {}


def _in_order(found: dict[Key, Roles], nodes: Sequence[int]) -> dict[Key, Roles]:
    """The weights in the order of these nodes, what other nodes hold behind them."""
    place = {number: at for at, number in enumerate(nodes)}
    return dict(sorted(found.items(), key=lambda item: (place.get(item[0][0], len(place)), item[0])))


def _input(shape: Shape, generator: np.random.Generator) -> Array:
    return generator.standard_normal(tuple(1 if size is None else size for size in shape))


def _carried(x: Array, source: Source, target: Source) -> Array:
    """The first network's input as the second one orders its axes."""
    if x.ndim < 3 or source.layout.channels_last == target.layout.channels_last:
        return x
    return np.ascontiguousarray(np.moveaxis(x, -1, 1) if source.layout.channels_last else np.moveaxis(x, 1, -1))


def run_network(
    trace: Trace, weights: Mapping[tuple[int, int, str], Array], x: Mapping[str, Array], kept: set[str]
) -> Ran:
    """The tensors of `kept`; what lies behind a node that cannot be run is left out."""
    network = trace.run.network
    last = {name: number for number, node in enumerate(network.nodes) for name in node.inputs}
    values: dict[str, Array] = dict(x)
    held: dict[str, Array] = {name: value for name, value in values.items() if name in kept}
    stopped = ""
    outside = kept_apart(trace)
    elsewhere = {(*one.key, one.role) for one in outside.values()}
    for number, step in enumerate(trace.run.nodes):
        node = step.node
        try:
            one = outside.get(number)
            if one is not None and (name := node.inputs[1 - one.stored]) in values:
                values[node.outputs[0]] = run_apart(node, one, values[name], weights[*one.key, one.role])
            elif all(name in values for name in node.inputs):
                own = {key[1:]: value for key, value in weights.items() if key[0] == number and key not in elsewhere}
                made = _run_node(step, [values[name] for name in node.inputs], own, trace.dialect)
                values.update(zip(node.outputs, made, strict=False))
            elif any(name in network.shapes for name in node.inputs):
                raise CannotRunError("it reads a stored tensor")
        except (CannotRunError, ConvwiseError) as error:
            reason = error.fact if isinstance(error, ConvwiseError) else str(error)
            stopped = stopped or f"{node.name} ({node.kind}): {reason}"
        held.update({name: values[name] for name in node.outputs if name in kept and name in values})
        for name in node.inputs:
            if last[name] <= number:
                values.pop(name, None)
    return Ran(held, stopped)


def _layout(node: Node) -> Layout:
    return Layout(node.work.channels_last) if isinstance(node.work, Layer) else node.layout


def _run_node(
    step: NodeFlow, inputs: list[Array], weights: Mapping[tuple[int, str], Array], dialect: str
) -> list[Array]:
    node = step.node
    if not isinstance(node.work, tuple | Layer):
        return run_several(node.work, inputs)
    if len(inputs) != 1 or len(step.ops) != len(step.flows) or not step.ops:
        raise CannotRunError("what it makes of its inputs is not known")
    if node.params == 0 and weights:
        raise CannotRunError("it shares its weights with another node")
    x = inputs[0]
    for place, op in enumerate(step.ops):
        if isinstance(op, Pointwise) and op.kind in STILL:
            continue
        _check(op, node)
        own = {role: value for (at, role), value in weights.items() if at == place}
        x = run_op(op, x, own, _layout(node), dialect)
    return [x]


def _check(op: Op, node: Node) -> None:
    """Raises CannotRunError where only the shapes of what a node does are known."""
    told = isinstance(node.work, Layer) or not node.kind.startswith(OF_CALLS)
    match op:
        case Pointwise():
            known = op.options or op.kind in FREE or isinstance(node.work, Layer)
        case Resize() | Norm():
            known = told
        case _:
            known = True
    if not known:
        raise CannotRunError("its settings are not read from the network")


def _neutral(trace: Trace) -> dict[tuple[int, int, str], Array]:
    """Weights of batch normalisations with which they give back what they are given."""
    found: dict[tuple[int, int, str], Array] = {}
    for number, step in enumerate(trace.run.nodes):
        for place, (op, flow) in enumerate(zip(step.ops, step.flows, strict=False)):
            if isinstance(op, Norm) and op.moments:
                values = {"scale": 1.0, "shift": 0.0, "mean": 0.0, "variance": 1 - op.epsilon}
                for role, shape in _roles(op, flow.input, _layout(step.node), trace.dialect).items():
                    found[number, place, role] = np.full(shape, values[role])
    return found


def _path(network: Network, node: Node, folded: bool = False) -> list[Node]:
    """A layer's node and the functions of single values that alone read it, with `folded` normalisations too."""
    through = (Pointwise, Norm) if folded else Pointwise
    readers: dict[str, list[Node]] = {}
    for one in network.nodes:
        for name in one.inputs:
            readers.setdefault(name, []).append(one)
    found, end = [node], node.outputs[0]
    while len(readers.get(end, ())) == 1 and end not in network.outputs:
        (following,) = readers[end]
        ops = following.work.ops if isinstance(following.work, Layer) else following.work
        if not isinstance(ops, tuple) or len(following.inputs) != 1 or not all(isinstance(op, through) for op in ops):
            break
        found.append(following)
        end = following.outputs[0]
    return found


def _compared(a: Array, b: Array, one: Network, other: Network, end_a: str, end_b: str) -> Numbers:
    """Two tensors, maps with their channels first."""
    first, second = _first(a, one, end_a), _first(b, other, end_b)
    return compare(first, second, Layout(False) if first.ndim >= 3 else None, tolerance=TOLERANCE)


def _first(array: Array, network: Network, tensor: str) -> Array:
    node = next((one for one in network.nodes if tensor in one.outputs), None)
    last = _layout(node).channels_last if node is not None else network.sources[0].layout.channels_last
    return np.moveaxis(array, -1, 1) if array.ndim >= 3 and last else array


def _pairs(one: Network, other: Network, told_a: Ran, told_b: Ran) -> Iterator[Numbers]:
    for end_a, end_b in zip(one.outputs, other.outputs, strict=False):
        if end_a in told_a.values and end_b in told_b.values:
            yield _compared(told_a.values[end_a], told_b.values[end_b], one, other, end_a, end_b)
