"""Concrete shapes through any network: every node once, in order; a break is told with the history that led to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod

from convwise import dialects
from convwise.answers.network.plan import Deed, plain, planned
from convwise.answers.printed import unsettled
from convwise.dialects.base import Layer, in_use
from convwise.errors import ArgumentError, ConvwiseError, ShapeError, said
from convwise.graph import CHANNELS_FIRST, Declared, Network, Node, Source, Work
from convwise.ops import AxisFlow, Conv, ConvTranspose, Dense, Flow, Layout, Norm, Op, Shape, elements
from convwise.ops.counting import multiplied, multiplies
from convwise.ops.outline import Rule, outliner
from convwise.ops.several import Opaque
from convwise.ops.shape import LARGEST, total
from convwise.readers.echo import shown
from convwise.readers.shapes import as_shape

Shapes = tuple[Shape | None, ...]
InputShapes = str | Sequence[int | None] | Mapping[str, Shape | str] | None

BYTES = 4
"""Bytes of one value: activations are counted as 32-bit floats."""

HISTORY = 8
"""How many steps of the path to a broken node are told."""


@dataclass(frozen=True, slots=True)
class Detail:
    """Each op's flow, the op it really was, and the axes of the op whose windows slide (else of the first op that has any)."""

    flows: tuple[Flow, ...] = ()
    ops: tuple[Op, ...] = ()
    axes: tuple[AxisFlow, ...] = ()


NOTHING = Detail()


@dataclass(slots=True)
class Done:
    """What some work did to some shapes: the outputs (None: not known) and the counts; nobody changes it.

    `moments` are stored numbers that training does not change by gradient; `bytes` what the outputs take as 32-bit floats.
    `ops`, `layout` and `shape` are what a detail is worked out from when it is first asked for.
    """

    outputs: Shapes
    bytes: int | None = 0
    params: int | None = 0
    trainable: int | None = 0
    macs: int | None = 0
    moments: int = 0
    known: Detail | None = NOTHING
    ops: tuple[Op, ...] = ()
    layout: Layout = CHANNELS_FIRST
    shape: Shape = ()

    @property
    def detail(self) -> Detail:
        """The flows behind the numbers."""
        if self.known is None:
            self.known = _any_through(self.ops, self.layout, self.shape).known or NOTHING
        return self.known


def held(shapes: Shapes) -> int | None:
    """The bytes of tensors; None where a size is not known."""
    found = 0
    for shape in shapes:
        if shape is None or None in shape:
            return None
        found += prod(shape)  # type: ignore[arg-type]
    return BYTES * found


def done(outputs: Shapes, flows: tuple[Flow, ...] = (), ops: tuple[Op, ...] = ()) -> Done:
    """The counts are made once, because equal work on equal shapes is remembered."""
    moments = 0
    for op, flow in zip(ops, flows, strict=False):
        if isinstance(op, Norm) and op.moments and flow.params is not None and flow.trainable is not None:
            moments += flow.params - flow.trainable
    axes = next((flow.axes for flow in flows if flow.axes and flow.axes[0].window is not None), None)
    if axes is None:
        axes = next((flow.axes for flow in flows if flow.axes), ())
    return Done(
        outputs,
        held(outputs),
        total(flow.params for flow in flows),
        total(flow.trainable for flow in flows),
        total(flow.macs for flow in flows),
        moments,
        Detail(flows, ops, axes) if flows else NOTHING,
    )


def counted(node: Node, done: Done, dialect: str) -> int | None:
    """Parameters as the framework counts: running moments are parameters in Keras, in others they are not."""
    if node.params is not None:
        return node.params
    return done.params if dialect == "keras" or done.params is None else done.params - done.moments


def trained(node: Node, done: Done) -> int | None:
    """Parameters that training changes by gradient."""
    if node.trainable is not None:
        return node.trainable
    return 0 if node.params == 0 else done.trainable


@dataclass(frozen=True, slots=True)
class NodeFlow:
    """One node with its numbers; `error` where it broke, `outputs` hold None where a shape is not known."""

    node: Node
    inputs: Shapes
    done: Done
    error: ShapeError | None = None

    @property
    def outputs(self) -> Shapes:
        return self.done.outputs

    @property
    def flows(self) -> tuple[Flow, ...]:
        return self.done.detail.flows

    @property
    def ops(self) -> tuple[Op, ...]:
        return self.done.detail.ops

    @property
    def axes(self) -> tuple[AxisFlow, ...]:
        """The axes of the op whose windows slide; else of the first op that has any."""
        return self.done.detail.axes

    @property
    def params(self) -> int | None:
        """All stored numbers, running moments too; `counted` gives those that the framework calls parameters."""
        return self.done.params if self.node.params is None else self.node.params

    @property
    def trainable(self) -> int | None:
        return trained(self.node, self.done)

    @property
    def macs(self) -> int | None:
        return self.done.macs


@dataclass(frozen=True, slots=True)
class Run:
    """A network on one set of input shapes; `shapes` holds every tensor's shape by name, None where it is not known.

    `done` is what each node did, and `sizes` the shapes by the kinds of the network's plan.
    """

    network: Network
    inputs: dict[str, Shape]
    done: tuple[Done, ...] = field(repr=False)
    sizes: list[Shape | None] = field(repr=False)
    steps: list[NodeFlow] = field(default_factory=list, repr=False)

    @property
    def nodes(self) -> tuple[NodeFlow, ...]:
        """What each node did, with its inputs."""
        if len(self.steps) < len(self.done):
            plan = planned(self.network)
            inputs = [tuple([self.sizes[kind] for kind in kinds]) for _, kinds, _ in plan.sites]
            self.steps[:] = [
                NodeFlow(node, inputs[number], done)
                for node, number, done in zip(self.network.nodes, plan.of, self.done, strict=True)
            ]
        return tuple(self.steps)

    @property
    def shapes(self) -> dict[str, Shape | None]:
        sizes = self.sizes
        return {name: sizes[kind] for name, kind in planned(self.network).kinds.items()}

    @property
    def errors(self) -> tuple[ShapeError, ...]:
        return tuple(step.error for step in self.steps if step.error is not None)


def run(network: Network, input_shapes: InputShapes = None, *, strict: bool = True) -> Run:
    """Every shape in the network. Tensors behind a broken or unknown node are unknown, and nothing is said of them again.

    `input_shapes` is one shape for a network with one input, else a mapping by name; None: as declared.

    Raises:
        ShapeError: with `strict`, at the first node that does not take what reaches it; the node, its place and the sizes on the way are told.
        CodeError: CW314 in its place where the network is only the printed order of a module's layers.
        ArgumentError: CW601, CW606 where the input shapes do not fit the network's inputs.
    """
    inputs = given_shapes(network, input_shapes)
    return _by_sites(network, inputs) or _by_nodes(network, inputs, strict)


REFUSED = (ConvwiseError, LookupError, ValueError, ArithmeticError, AssertionError)
"""What ops raise on shapes that they do not take; the last four where a malformed file gives too few inputs, or axes that there are not."""

MOST_DONE = 8192

_DONE: dict[tuple[tuple[int, int], Shapes], tuple[Done, Work, Layout]] = {}
"""What works did to shapes, by their marks, which are good as long as works and layouts are kept alive here. Emptied when it is full."""


def _by_sites(network: Network, inputs: dict[str, Shape]) -> Run | None:
    """Nodes that do the same to the same tensors all at once; None where something is refused, which is told node by node."""
    plan = planned(network)
    sizes = list(plan.start)
    for source, kind in zip(network.sources, plan.sources, strict=True):
        sizes[kind] = inputs[source.name]
    found: list[Done] = []
    try:
        for number, incoming, outputs in plan.sites:
            deed = plan.deeds[number]
            shapes = (sizes[incoming[0]],) if len(incoming) == 1 else tuple([sizes[kind] for kind in incoming])
            key = (deed.mark, shapes)
            known = _DONE.get(key)
            if known is not None:
                one = known[0]
            elif None in shapes:
                one = _open(deed.work, len(outputs))
            else:
                one = _kept(key, deed, _work(deed, deed.work, shapes))  # type: ignore[arg-type]
            if len(outputs) == 1 == len(one.outputs):
                sizes[outputs[0]] = one.outputs[0]
            else:
                for kind, shape in zip(outputs, one.outputs, strict=False):
                    sizes[kind] = shape
            found.append(one)
    except REFUSED:
        return None
    return Run(network, inputs, tuple([found[number] for number in plan.of]), sizes)


def _by_nodes(network: Network, inputs: dict[str, Shape], strict: bool) -> Run:
    """Every node by itself, so that each that breaks tells its own place."""
    shapes: dict[str, Shape | None] = dict(network.shapes)
    shapes.update(inputs)
    steps: list[NodeFlow] = []
    plan = planned(network)
    for node, number in zip(network.nodes, plan.of, strict=True):
        step = _step(node, plan.deeds[plan.sites[number][0]], tuple([shapes.get(name) for name in node.inputs]))
        if step.error is not None:
            _tell(step.error, node, steps, shapes)
            if strict:
                raise unsettled(step.error, network.unordered) if network.unordered else step.error
        shapes.update(zip(node.outputs, step.outputs, strict=False))
        steps.append(step)
    kinds = plan.kinds
    sizes: list[Shape | None] = [None] * (max(kinds.values(), default=0) + 1)
    for name, kind in kinds.items():
        sizes[kind] = shapes.get(name)
    return Run(network, inputs, tuple([step.done for step in steps]), sizes, steps)


def _step(node: Node, deed: Deed, inputs: Shapes) -> NodeFlow:
    work = node.work
    if None in inputs:
        return NodeFlow(node, inputs, _open(work, len(node.outputs)))
    shapes: tuple[Shape, ...] = inputs  # type: ignore[assignment]
    try:
        return NodeFlow(node, inputs, _remembered(deed, work, shapes))
    except ShapeError as error:
        return NodeFlow(node, inputs, _unknown(len(node.outputs)), error)
    except ConvwiseError as error:
        return NodeFlow(node, inputs, _unknown(len(node.outputs)), _as_shape_error(error))
    except REFUSED:
        given = ", ".join(show(shape) for shape in shapes) or "no inputs"
        refused = ShapeError("CW101", f"{node.kind} does not take {given}", received=shapes)
        return NodeFlow(node, inputs, _unknown(len(node.outputs)), refused)


def _remembered(deed: Deed, work: Work, shapes: tuple[Shape, ...]) -> Done:
    """What a node with this deed does; `work` is the node's own, whose name errors tell."""
    key = (deed.mark, shapes)
    known = _DONE.get(key)
    return _kept(key, deed, _work(deed, work, shapes)) if known is None else known[0]


def _kept(key: tuple[tuple[int, int], Shapes], deed: Deed, one: Done) -> Done:
    if len(_DONE) >= MOST_DONE:
        _DONE.clear()
    _DONE[key] = one, deed.work, deed.layout
    return one


def _work(deed: Deed, work: Work, shapes: tuple[Shape, ...]) -> Done:
    if isinstance(work, Layer):
        return _plain_flow(deed, work, shapes[0]) or _layer_flow(work, shapes[0])
    if not isinstance(work, tuple):
        if isinstance(work, Opaque):
            return _open(work, work.outputs)
        outputs = work.flows(shapes)
        return Done(outputs, held(outputs), macs=multiplied(work, shapes, outputs))
    (shape,) = shapes[:1]
    found = (deed.rule or _rule(deed, work, deed.layout))(shape)
    if found is None:
        return _any_through(work, deed.layout, shape)
    output, params, trainable, macs, moments = found
    bytes_ = None if None in output else BYTES * prod(output)  # type: ignore[arg-type]
    return Done((output,), bytes_, params, trainable, macs, moments, None, work, deed.layout, shape)


def _rule(deed: Deed, ops: tuple[Op, ...], layout: Layout) -> Rule:
    deed.rule = outliner(ops, layout)
    return deed.rule


def _any_through(ops: tuple[Op, ...], layout: Layout, shape: Shape) -> Done:
    try:
        hash(ops)
    except TypeError:  # a setting that cannot be compared
        return _through.__wrapped__(ops, layout, shape)
    return _through(ops, layout, shape)


@lru_cache(maxsize=64)
def _unknown(outputs: int, params: int | None = 0, macs: int | None = 0) -> Done:
    """A node that was not followed; it may hold numbers and multiply, and how many is not known."""
    return Done((None,) * outputs, None if outputs else 0, params, params, macs)


def _open(work: Work, outputs: int) -> Done:
    """A node whose shape is not known: what it stores or multiplies is not known either where that depends on the shape."""
    ops = work.ops if isinstance(work, Layer) else work if isinstance(work, tuple) else ()
    weighted = isinstance(work, Opaque) or any(isinstance(op, Conv | ConvTranspose | Dense | Norm) for op in ops)
    return _unknown(outputs, None if weighted else 0, None if weighted or multiplies(work) else 0)


def _as_shape_error(error: ConvwiseError) -> ShapeError:
    return ShapeError(
        error.code,
        error.fact,
        detail=error.detail,
        hint=error.hint,
        axis=error.axis,
        received=error.received,
        quote=error.quote,
    )


@lru_cache(maxsize=8192)
def _through(ops: tuple[Op, ...], layout: Layout, shape: Shape) -> Done:
    """Ops one after the other; equal work on equal shapes is done once."""
    flows: list[Flow] = []
    for op in ops:
        flows.append(op.flow(flows[-1].output if flows else shape, layout))
        for axis in flows[-1].axes:
            if axis.size == 0 and axis.window is not None:
                raise ShapeError("CW103", "the size is 0: there is no cell to read", axis=axis.name, received=0)
    return done((flows[-1].output if flows else shape,), tuple(flows), ops)


LAYOUTS = {True: Layout(channels_last=True), False: CHANNELS_FIRST}


def _plain_flow(deed: Deed, layer: Layer, shape: Shape) -> Done | None:
    """A layer that is plainly its ops; None where the dialect has to look."""
    if not plain(layer, shape):
        return None
    layout = LAYOUTS[layer.channels_last]
    found = (deed.rule or _rule(deed, layer.ops, layout))(shape)
    if found is None:
        return None
    output, params, trainable, macs, moments = found
    values = elements(output)
    if max([size or 0 for size in output]) > LARGEST or (values is not None and values > LARGEST):
        return None
    bytes_ = None if values is None else BYTES * values
    return Done((output,), bytes_, params, trainable, macs, moments, None, layer.ops, layout, shape)


def _layer_flow(layer: Layer, shape: Shape) -> Done:
    """A dialect's layer, as it runs in a trained network."""
    found = in_use(dialects.get(layer.dialect), layer, shape)
    return done((found.output,), found.flows, found.layer.ops)


def given_shapes(network: Network, shapes: InputShapes) -> dict[str, Shape]:
    """The shape of every source by name; a missing batch is taken as one sample.

    Raises:
        ArgumentError: CW601 where the number of axes is wrong, CW606 where an input is missing or not known.
    """
    sources = network.sources
    if shapes is None:
        return {source.name: _numbers(source.declared) for source in sources}
    if not isinstance(shapes, Mapping):
        if len(sources) != 1:
            names = ", ".join(source.name for source in sources)
            raise ArgumentError(
                "CW606",
                f"the network has {len(sources)} inputs, and one shape is given",
                received=said(shapes),
                hint=f"give a shape each for {names}",
            )
        shapes = {sources[0].name: as_shape(shapes, scalar=True)}
    strange = [name for name in shapes if name not in {source.name for source in sources}]
    if strange:
        raise ArgumentError(
            "CW606",
            f"the network has no input {strange[0]!r}",
            received=strange[0],
            hint=f"its inputs are {', '.join(source.name for source in sources)}",
        )
    return {source.name: _fitted(source, shapes.get(source.name)) for source in sources}


def _numbers(declared: Declared) -> Shape:
    return tuple(size if isinstance(size, int) else None for size in declared)


def _fitted(source: Source, shape: Shape | str | None) -> Shape:
    if shape is None:
        return _numbers(source.declared)
    given = as_shape(shape, scalar=True)
    for size in given:
        if size is not None and size < 0:
            raise ArgumentError(
                "CW601", f"{size!r} is not a size", received=size, hint="sizes are whole numbers of 0 or more"
            )
    if len(given) == len(source.declared):
        return given
    if source.layout.batched and len(given) + 1 == len(source.declared):
        return (1, *given)
    raise ArgumentError(
        "CW601",
        f"{len(given)} axes for the input {source.name!r}, which has {len(source.declared)}",
        received=given,
        hint=f"it is declared as {show(source.declared)}",
    )


def show(shape: Iterable[int | str | None] | None) -> str:
    """`1x3x?x?`."""
    return "?" if shape is None else "x".join("?" if size is None else str(size) for size in shape)


def _tell(error: ShapeError, node: Node, steps: list[NodeFlow], shapes: Mapping[str, Shape | None]) -> None:
    """The error learns the node, its place and the sizes on the way; its own name for the layer gives way to the node's."""
    where = f"'{shown(node.name)}' ({shown(node.kind)})" if node.name else shown(node.kind)
    error.layer = f"{where} at {node.place}" if node.place else where
    lines = [error.detail] if error.detail else []
    if len(node.inputs) > 1:
        lines += ["its inputs: " + ", ".join(f"{name} {show(shapes.get(name))}" for name in node.inputs)]
    history = path_to(node, steps, shapes)
    if history:
        lines.append(f"the sizes on the way: {history}")
    error.detail = "\n".join(lines)


def path_to(node: Node, steps: Sequence[NodeFlow], shapes: Mapping[str, Shape | None]) -> str:
    """The sizes on the way from an input to `node` along first inputs: only steps that change the shape, and of those the last."""
    made = {name: step for step in steps for name in step.node.outputs}
    told: list[str] = []
    name = node.inputs[0] if node.inputs else ""
    while name in made:
        step = made.pop(name)
        before = step.node.inputs[0] if step.node.inputs else ""
        if shapes.get(name) != shapes.get(before):
            told.append(f"{show(shapes.get(name))} ({shown(step.node.name or step.node.kind)})")
        name = before
    if shapes.get(name) is not None:
        told.append(f"{show(shapes[name])} ({shown(name)})")
    last = told[:HISTORY]
    more = "... -> " if len(told) > HISTORY else ""
    return more + " -> ".join(reversed(last))
