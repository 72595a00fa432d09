"""Code that is no straight line of layers, answered by its network: the size history of every step, and where it breaks."""

from __future__ import annotations

from dataclasses import replace

from convwise import dialects
from convwise.answers.chain import totals_fact
from convwise.answers.chain_sizes import free_fact, size_words
from convwise.answers.explanation import Explanation, Fact, Finding, show
from convwise.answers.layer import explain_layer
from convwise.answers.network.flowing import NodeFlow, Run, counted, run
from convwise.answers.network.legal import PARTIAL, legal_of
from convwise.answers.network.rows import mixed_rows, rows_fact, rows_kept
from convwise.answers.network.symbolic import follow
from convwise.answers.taken import Sizes, shown_by
from convwise.dialects.base import Dialect, Entered, Layer, LayerFlow
from convwise.errors import CodeError, ConvwiseError
from convwise.graph import Network
from convwise.ops import Shape
from convwise.ops.shape import total
from convwise.readers.echo import shown
from convwise.readers.source.graphs import read_network_text

MOST_STEPS = 60
"""Longer networks are not told step by step: `convwise inspect` is for them."""


def explain_branches(text: str, shape: Shape | None, dialect: str | None) -> Explanation | None:
    """What the network in a text makes of its input; None where it cannot be followed from there to its end.

    Raises:
        CodeError: as `read_network_text`; CW310 where the text does not give the input's sizes, nor does `shape`.
        ShapeError: at the first step that does not take what reaches it, with the history up to there in `.explanation`.
    """
    network = read_network_text(text, dialect, input_shape=shape)
    if not network.sources or not network.outputs or len(network.nodes) > MOST_STEPS:
        return None
    try:
        flowed = run(network, shape, strict=False)
    except ConvwiseError:
        return None
    given = next(iter(flowed.inputs.values()))
    spoken = dialects.get(network.dialect)
    broken = next((place for place, step in enumerate(flowed.nodes) if step.error is not None), None)
    done = flowed.nodes[:broken]
    if any(None in one[1:] for one in flowed.inputs.values()):
        if shape is None:
            raise _sizes_wanted(network)
        return None
    if any(one is None for step in done for one in step.outputs):
        return None
    parts = tuple(_part(spoken, step) for step in done)
    rows = tuple(mixed_rows(flowed))
    params = total([counted(step.node, step.done, network.dialect) for step in done])
    macs = total([step.macs for step in done])
    totals = totals_fact(params, macs) if broken is None and len(done) > 2 else ()
    told = Explanation(
        dialect=spoken.name,
        title=spoken.title,
        release=spoken.release,
        kind="Network",
        code="\n".join(node.name or node.kind for node in network.nodes),
        input=given,
        output=flowed.shapes.get(network.outputs[0]) or (parts[-1].output if parts else given),
        headline="It fits.",
        facts=(*_facts(network, flowed, given, broken is not None), *totals, *rows_fact(rows)),
        findings=(*_findings(network, parts), *rows),
        params=params,
        trainable=total([step.trainable for step in done]),
        macs=macs,
        parts=parts,
    )
    if broken is None:
        return told
    error = flowed.nodes[broken].error
    assert error is not None
    headline = f"No. It breaks at {error.layer}, step {broken + 1} of {len(network.nodes)}."
    error.explanation = replace(told, headline=headline, params=None, trainable=None, macs=None, error=error)
    raise error


def _sizes_wanted(network: Network) -> CodeError:
    source = network.sources[0]
    declared = tuple(size if isinstance(size, int) else None for size in source.declared)
    such = "x".join(str(size or (1 if axis == 0 else 224)) for axis, size in enumerate(declared))
    return CodeError(
        "CW310",
        f"{shown(network.title, 60)} is no straight line of layers, and the text does not give the sizes of its input",
        received=show(declared),
        hint=f"give the input's shape, such as {such}, and every step is followed; `convwise inspect FILE` shows them without one",
    )


def _part(spoken: Dialect, step: NodeFlow) -> Explanation:
    node, output = step.node, step.outputs[0] or ()
    params = counted(node, step.done, spoken.name)
    if isinstance(node.work, Layer) and step.inputs and step.inputs[0] is not None:
        flow = LayerFlow(node.work.named(node.name), step.inputs[0], output, step.flows)
        return replace(
            explain_layer(spoken, flow, Entered(flow.input), alone=False),
            name=node.name,
            params=params,
            trainable=step.trainable,
        )
    return Explanation(
        dialect=spoken.name,
        title=spoken.title,
        release=spoken.release,
        kind=node.kind,
        code=node.kind,
        input=(step.inputs[0] if step.inputs else None) or (),
        output=output,
        headline="",
        name=node.name,
        params=params,
        trainable=step.trainable,
        macs=step.macs,
    )


def _facts(network: Network, flowed: Run, given: Shape, broke: bool) -> tuple[Fact, ...]:
    """What the network gives, where that is several tensors, and the sizes that it takes."""
    fed = tuple(f"{name} {show(shape)}" for name, shape in flowed.inputs.items())
    several = tuple(f"{name} {show(flowed.shapes.get(name) or ())}" for name in network.outputs if not broke)
    told = tuple(Fact(label, lines) for label, lines in (("inputs", fed), ("gives", several)) if len(lines) > 1)
    symbolic = follow(network)
    if not symbolic.keys or len(fed) > 1 or any(axis.place >= len(given) for axis in symbolic.keys):
        return told
    found = Sizes(symbolic, legal_of(symbolic), given)
    kept = rows_kept(network, flowed.nodes)
    if kept is not network:
        meant = follow(kept)
        with_rows = Sizes(meant, legal_of(meant), given)
        found = found if with_rows.never else with_rows
    if not shown_by(found, broke):
        return told
    if found.never:
        return (*told, Fact("would work", ("no input size gets through",)))
    if any(run(network, found.start(end), strict=False).errors for end in found.ends()):
        return told
    if broke:
        return (*told, Fact("would work", (size_words(found),)))
    return (*told, free_fact(found) if found.free else Fact("size", (size_words(found),)))


def _findings(network: Network, parts: tuple[Explanation, ...]) -> list[Finding]:
    """What the layers lose, and what was read of the code only in part."""
    partial = ["CW421", "CW524", *(code for code, _, _ in PARTIAL)]
    notes = [Finding(note.code, "note", note.text) for note in network.notes if note.code in partial]
    return [*(finding for part in parts for finding in part.findings), *notes]
