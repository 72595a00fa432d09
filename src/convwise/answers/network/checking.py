"""Checks of a network at one input size: what is wrong, what loses data, and what is worth knowing, each with its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from convwise import dialects
from convwise.answers.explanation import Finding
from convwise.answers.layer import training
from convwise.answers.network.apart import Apart, kept_apart, put_right
from convwise.answers.network.features import dense
from convwise.answers.network.flowing import InputShapes, NodeFlow, Run, run, show
from convwise.answers.network.legal import LegalSizes, legal_of
from convwise.answers.network.nearest import nearest_in_words
from convwise.answers.network.padding import baked_padding, even_kernels
from convwise.answers.network.rows import rows_kept
from convwise.answers.network.symbolic import follow
from convwise.answers.network.trace import Trace, trace_of
from convwise.dialects.base import Layer
from convwise.errors import ArgumentError, ConvwiseError, EnlargeInput, ShapeError
from convwise.graph import Network
from convwise.ops import AxisFlow, Shape
from convwise.ops.guards import holds
from convwise.ops.several import Opaque
from convwise.readers.shapes import as_shape

LEVELS = ("error", "warning", "note")
OFF = "off"


def check(network: Network, input_shape: InputShapes = None, levels: Mapping[str, str] | None = None) -> list[Finding]:
    """Findings at this input, errors first, then warnings, then notes, each group in the order of the nodes.

    `levels` maps a code to another level, or to "off".

    Raises:
        CodeError: CW314 where a printed model does not settle it.
        ArgumentError: CW606 for a level that there is not, CW601 and CW606 for an input that does not fit.
    """
    wanted = known_levels(levels or {})
    # Where the order of the layers is only taken from a print, a break is no finding but an open question.
    flowed = run(network, input_shape, strict=bool(network.unordered))
    found = [*_inputs(flowed, input_shape), *_sizes(network, flowed), *_unknown(flowed)]
    found += [*_losses(flowed), *_blind(flowed), *_training(flowed)]
    traced = trace_of(flowed)
    found += [*_fields(traced), *traced.notes, *baked_padding(flowed), *even_kernels(flowed), *_dead(flowed)]
    return with_levels(found, wanted)


def with_levels(findings: Iterable[Finding], levels: Mapping[str, str]) -> list[Finding]:
    """Errors first, then warnings, then notes, with the levels that a project gives its codes; those that are off are left out."""
    kept = [replace(one, level=levels.get(one.code, one.level)) for one in findings]
    return sorted((one for one in kept if one.level != OFF), key=lambda one: LEVELS.index(one.level))


def known_levels(levels: Mapping[str, str]) -> dict[str, str]:
    """The levels by code.

    Raises:
        ArgumentError: CW606 for a level that there is not.
    """
    for code, level in levels.items():
        if level not in (*LEVELS, OFF):
            raise ArgumentError(
                "CW606",
                f"no level {level!r} (for {code})",
                received=level,
                hint=f"the levels are {', '.join(LEVELS)} and {OFF}",
            )
    return {code.upper(): level for code, level in levels.items()}


def _inputs(flowed: Run, given: InputShapes) -> Iterator[Finding]:
    """Inputs that are not run as they were given, and those that the file's own runtime does not take."""
    for source in flowed.network.sources:
        shape = flowed.inputs[source.name]
        one = given.get(source.name) if isinstance(given, Mapping) else given
        if one is not None and len(as_shape(one, scalar=True)) < len(shape):
            text = f"a batch of 1 was added: {show(shape)}; {show(shape[1:])} itself was not checked"
            yield Finding("CW509", "note", text, source.name, "give all axes, with the batch first")
        wrong = [
            f"axis {axis} is {size} and not {fixed}"
            for axis, (fixed, size) in enumerate(zip(source.fixed, shape, strict=False))
            if isinstance(fixed, int) and size is not None and fixed != size
        ]
        if wrong:
            runtime = "onnxruntime" if flowed.network.dialect == "onnx" else "the exported program"
            text = f"the file declares {show(source.fixed)}, and {runtime} refuses another input: {', '.join(wrong)}"
            yield Finding("CW521", "warning", text, source.name, "export the file with open sizes, or with these")
    broken = [guard for guard in flowed.network.guards if not holds(guard, flowed.inputs)]
    if broken:
        more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
        text = f"the exported program refuses this input: its guards ask for {broken[0].text}{more}"
        yield Finding(
            "CW521", "warning", text, None, "export the program anew, with this input among those that it is made for"
        )


def _sizes(network: Network, flowed: Run) -> Iterator[Finding]:
    """Every node that does not take what reaches it, with the nearest sizes that the whole network takes."""
    broken = [step for step in flowed.nodes if step.error is not None]
    if not broken:
        return
    batched = _with_batch(flowed)
    # No size is at fault where a batch of 1 makes all fit, so none is proposed.
    legal = _legal(network, broken) if batched is None else ()
    apart = kept_apart(flowed)
    for step in broken:
        error = step.error
        assert error is not None
        yield _impossible(step, error, legal, apart) or Finding(
            error.code,
            "error",
            f"{error.message}{_arithmetic(error)}",
            step.node.name,
            _advice(error, flowed, legal, batched, apart),
        )


def _with_batch(flowed: Run) -> Shape | None:
    """The same input with a batch of 1, where that makes everything fit: PyTorch's layers take a sample without one, most of them."""
    if len(flowed.network.sources) != 1 or flowed.network.dialect != "torch":
        return None
    (source,) = flowed.network.sources
    shape = (1, *flowed.inputs[source.name])
    batched = replace(source, declared=shape, layout=replace(source.layout, batched=True))
    again = run(replace(flowed.network, sources=(batched,)), shape, strict=False)
    return None if again.errors or any(None in step.outputs for step in again.nodes) else shape


def _legal(network: Network, broken: Sequence[NodeFlow]) -> tuple[LegalSizes, ...]:
    """The legal sizes of every input with spatial axes; where a view is refused, those with a row for each sample, if there are any."""
    kept = rows_kept(network, broken)
    for one in (kept, network) if kept is not network else (network,):
        symbolic = follow(one)
        try:
            legal = tuple(legal_of(symbolic, name) for name in dict.fromkeys(axis.source for axis in symbolic.keys))
        except ConvwiseError:
            continue
        if one is network or all(all(sizes.values()) for sizes in legal):
            return legal
    return ()


def _arithmetic(error: ShapeError) -> str:
    return f"\n{error.detail}" if error.detail else ""


def _impossible(
    step: NodeFlow, error: ShapeError, legal: tuple[LegalSizes, ...], apart: Apart | None
) -> Finding | None:
    """A dense layer whose number of features no input size gives."""
    op = dense(step.node)
    empty = any(len(one) and not one.way and not all(one.values()) for one in legal)
    if op is None or not empty or error.code != "CW109":
        return None
    return Finding(
        "CW518",
        "error",
        f"no input size gives the {op.in_features} features that the layer takes; this input gives {error.received}{_arithmetic(error)}",
        step.node.name,
        f"make the layer for {error.received} features" if apart is None else put_right(apart),
    )


def _advice(
    error: ShapeError, flowed: Run, legal: tuple[LegalSizes, ...], batched: Shape | None, apart: Apart | None
) -> str:
    """The batch where that is what is missing, the nearest legal sizes of every input, what to pad or crop to get there, and the node's own hint."""
    lines = []
    if batched is not None:
        lines.append(f"give {show(batched)}: the input has no batch axis, and with a batch of 1 all fits")
    for one in legal:
        name = f"{one.input}, " if len(legal) > 1 else ""
        # No size makes other channels or axes, and where these stand in the wrong places sizes are read off them.
        sizes = error.code not in ("CW101", "CW102") and len(one)
        lines += [name + line for line in nearest_in_words(one, flowed)] if sizes else []
    hint = error.hint if apart is None else put_right(apart)
    if lines and isinstance(hint, EnlargeInput):
        # The legal sizes of the whole network stand above; what this layer alone would take is less.
        hint = "or a smaller kernel or dilation, or more padding there"
    return "\n".join([*lines, *([hint] if hint else [])])


def _unknown(flowed: Run) -> Iterator[Finding]:
    for step in flowed.nodes:
        if isinstance(step.node.work, Opaque):
            yield Finding(
                "CW513",
                "note",
                f"{step.node.kind} is not followed: {step.node.work.reason}",
                step.node.name,
                "the shapes behind it are not known; all others are",
            )


def _losses(flowed: Run) -> Iterator[Finding]:
    """Data that no reader of a tensor reads: gaps between windows, and a tail cut off by the floor."""
    readers: dict[str, list[NodeFlow]] = {}
    for step in flowed.nodes:
        for name in step.node.inputs:
            readers.setdefault(name, []).append(step)
    for step in flowed.nodes:
        others = [one for name in step.node.inputs[:1] for one in readers[name] if one is not step]
        for names, flow in alike(step.axes):
            lost = None if flow.axis is None or not flow.axis.fits else flow.axis.unread_data
            if not lost or any(_reads_all(other, flow.name) for other in others):
                continue
            if lost.gaps:
                text = f"{int(lost)} of {flow.size} cells ({names}) lie between or behind the windows, and no node reads them"
                yield Finding("CW501", "warning", text, step.node.name, "use a kernel at least as long as the stride")
            else:
                cells = "cell" if lost == 1 else f"{int(lost)} cells"
                text = f"the last {cells} of {flow.size} ({names}) {'is' if lost == 1 else 'are'} read by no window"
                yield Finding("CW502", "note", text, step.node.name, _whole(flow.size or 0, lost.tail))


def _training(flowed: Run) -> Iterator[Finding]:
    """Normalisations of one value a channel, which run in evaluation alone."""
    for step in flowed.nodes:
        if isinstance(step.node.work, Layer) and step.error is None and step.inputs and step.inputs[0]:
            yield from training(dialects.get(step.node.work.dialect), step.node.work, step.inputs[0], step.node.name)


def alike(axes: tuple[AxisFlow, ...]) -> Iterator[tuple[str, AxisFlow]]:
    """Axes with the same numbers told once: their names, and one of them."""
    told: dict[object, list[AxisFlow]] = {}
    for flow in axes:
        told.setdefault((flow.axis, flow.size, flow.out), []).append(flow)
    for flows in told.values():
        yield " and ".join(flow.name for flow in flows), flows[0]


def _reads_all(step: NodeFlow, axis: str) -> bool:
    return not any(flow.axis is not None and flow.axis.unread_data for flow in step.axes if flow.name == axis)


def _whole(size: int, tail: int) -> str:
    return f"a size of {size - tail} here gives the same output; to read all, pad or choose another input size"


def _blind(flowed: Run) -> Iterator[Finding]:
    for step in flowed.nodes:
        for names, flow in alike(step.axes):
            if flow.axis is not None and flow.axis.fits and (count := flow.axis.blind):
                text = f"{count} of {flow.out} windows ({names}) stand wholly in the padding"
                yield Finding("CW503", "warning", text, step.node.name, "pad less than the window's span")


def _fields(traced: Trace) -> Iterator[Finding]:
    """The first node whose receptive field is larger than the input: from there on every output is near a border."""
    shape = next(iter(traced.inputs.values()), ())
    source = traced.run.network.sources[0] if traced.run.network.sources else None
    if source is None or len(traced.axes) == 0:
        return
    _, _, sizes = source.layout.split(shape)
    for row in traced.rows:
        wider = [
            (name, seen, size)
            for name, seen, size in zip(traced.axes, row.receptive_field, sizes, strict=True)
            if isinstance(seen, int) and size is not None and seen > size
        ]
        if wider:
            name, seen, size = wider[0]
            text = f"the receptive field is {seen} cells ({name}), the input has {size}; it is so in most deep networks"
            yield Finding("CW514", "note", text, row.name)
            return


def _dead(flowed: Run) -> Iterator[Finding]:
    """Branches with layers in them from which no way leads to an output of the network; the end of each is named.

    What only computes sizes, or nothing at all, is left over from an export and not told.
    """
    network = flowed.network
    needed, alive = set(network.outputs), set()
    for number in range(len(network.nodes) - 1, -1, -1):
        node = network.nodes[number]
        if needed.intersection(node.outputs):
            alive.add(number)
            needed.update(node.inputs)
    dead = [step for n, step in enumerate(flowed.nodes) if n not in alive]
    working: set[str] = set()
    ends: dict[str, NodeFlow] = {}
    for step in dead:
        if step.params or step.macs or step.error or step.axes or working.intersection(step.node.inputs):
            working.update(step.node.outputs)
            ends = {name: one for name, one in ends.items() if name not in step.node.inputs}
            ends.update((name, step) for name in step.node.outputs[:1])
    for step in ends.values():
        yield Finding("CW519", "warning", "no output of the network depends on it", step.node.name, "take it out")
