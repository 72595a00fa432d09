"""The node of a network that an error message speaks of, and the input sizes that make it say so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from convwise.answers.network.conditions import Box, NotFollowed, boxes_equal
from convwise.answers.network.flowing import Run, run
from convwise.answers.network.symbolic import Symbolic, follow
from convwise.answers.tracebacks.clue import Clue
from convwise.answers.tracebacks.equations import CODES, Case, batches, cases, fed, reads_input
from convwise.dialects.base import Layer
from convwise.errors import ArgumentError
from convwise.graph import Network, Node, Source
from convwise.ops import Conv, Shape
from convwise.sizes import SizeSet, TooComplex

MOST_BOXES = 64
MOST_TRIED = 24
"""So many input shapes are run through the network to see that it breaks where the message says."""
USUAL = 224
"""The size tried on an axis of which the message says nothing."""
ANY_CHANNELS = 3
"""Channels that the code leaves open and no layer tells: any number serves."""


@dataclass(frozen=True, slots=True)
class Located:
    """`boxes` are the input sizes that give these numbers; `flowed` is a run that breaks at `node`, None where none was found.

    `given` says that the input of that run was told by the user, the code or the message, not found. `others` fit the message too.
    """

    node: Node
    flowed: Run | None = None
    boxes: tuple[Box, ...] = ()
    samples: int | None = None
    given: bool = False
    others: tuple[Node, ...] = ()


def locate(network: Network, clue: Clue, shape: Shape | None, hints: Sequence[str] = ()) -> Located | None:
    """The node that says this; the names in `hints`, from the lines of a traceback, decide between equals.

    An input that is given, or written in the code, and makes the model say it is the one that was run.
    """
    for told in (shape, written(network)):
        flowed = None if told is None else _breaks(network, None, clue, told, batch=told is not shape)
        if flowed is not None:
            return Located(next(step.node for step in flowed.nodes if step.error is not None), flowed, given=True)
    symbolic = follow(network)
    found: list[Located] = []
    for node in network.nodes:
        one = _at(network, symbolic, node, clue)
        if one is not None:
            found.append(one)
    if not found:
        return next((Located(node) for node in network.nodes if _called(node, clue.name)), None)
    named = [one for one in found if _called(one.node, clue.name)]
    found = named or found
    proved = [one for one in found if one.flowed is not None] or found
    hinted = [one for one in proved if _hinted(one.node, hints)] or proved
    # A run with the very input that was given tells more than one with sizes that were found.
    best = next((one for one in hinted if one.given), None) or _deeper(network, hinted)
    return replace(best, others=tuple(one.node for one in hinted if one is not best))


def _deeper(network: Network, found: list[Located]) -> Located:
    """The first that does not read the image itself: an image smaller than the first window is the rarest cause."""
    return next((one for one in found if not reads_input(network, one.node)), found[0])


def candidates(network: Network, clue: Clue) -> list[tuple[Node, str]]:
    """The nodes whose weights are those of the message, each with the shape that reaches it in letters."""
    symbolic = follow(network)
    found = []
    for node in network.nodes:
        dims = [symbolic.shapes.get(name) for name in node.inputs]
        known = tuple(one for one in dims if one is not None)
        whole = dims and len(known) == len(dims) and clue.what in ("dense", "conv", "built", "norm")
        if whole and any(True for _ in cases(network, node, known, clue)):
            found.append((node, " x ".join(symbolic.words(node.inputs[0]) or ())))
    return found


def _called(node: Node, name: str) -> bool:
    """Whether the message's name is the node's: TensorFlow numbers the parts of a path, `model_1/last_1/convolution`."""
    if not name:
        return False
    parts = {name, *name.split("/"), *(re.sub(r"_\d+$", "", part) for part in name.split("/"))}
    return node.name in parts or node.name.split("/")[-1] in parts


def _hinted(node: Node, hints: Sequence[str]) -> bool:
    return any(part in hints for part in re.split(r"[./:]", node.name))


def _at(network: Network, symbolic: Symbolic, node: Node, clue: Clue) -> Located | None:
    dims = [symbolic.shapes.get(name) for name in node.inputs]
    if not dims or any(one is None for one in dims):
        return None
    known = tuple(one for one in dims if one is not None)
    every = list(cases(network, node, known, clue))
    if not every:
        return None
    told = fed(clue)
    if (
        told is not None
        and reads_input(network, node)
        and (clue.what in ("conv", "built") or _declared(network, node, told))
    ):
        flowed = _breaks(network, node, clue, (told[0] or 1, *told[1:]))
        if flowed is not None:
            return Located(node, flowed, given=True)
    return _solved(network, symbolic, node, clue, every)


def _declared(network: Network, node: Node, shape: Shape) -> bool:
    """Whether the shape has the channels that the input is declared with."""
    source = next(one for one in network.sources if one.name == node.inputs[0])
    if len(shape) != len(source.declared):
        return False
    numbers = tuple(size if isinstance(size, int) else None for size in source.declared)
    wanted, given = source.layout.split(numbers)[1], source.layout.split(shape)[1]
    return wanted is None or given is None or wanted == given


def _solved(network: Network, symbolic: Symbolic, node: Node, clue: Clue, every: list[Case]) -> Located | None:
    """The input sizes that make the equations true, shown by a run that breaks there."""
    unproved: Located | None = None
    kept: list[Located] = []
    for case in every:
        boxes = _boxes(case)
        if not boxes:
            continue
        unproved = unproved or Located(node, None, boxes, case.samples)
        proofs = [
            (flowed, box)
            for number, box in enumerate(boxes)
            if number < MOST_TRIED
            for channels in _open_channels(network, clue)
            for shape in _samples(network, symbolic, box, case.samples, channels)
            if (flowed := _breaks(network, node, clue, shape)) is not None
        ]
        if proofs:
            square = next((flowed for flowed, _ in proofs if _square(flowed)), proofs[0][0])
            good = tuple(box for number, box in enumerate(boxes) if any(box is one for _, one in proofs))
            kept.append(Located(node, square, good, case.samples))
    # An image as high as it is wide is likelier than any other.
    return next((one for one in kept if one.flowed and _square(one.flowed)), kept[0] if kept else unproved)


def _square(flowed: Run) -> bool:
    source = flowed.network.sources[0]
    return len(set(source.layout.split(flowed.inputs[source.name])[2])) == 1


def _boxes(case: Case) -> tuple[Box, ...]:
    """Where all equations hold; those of sizes that are not known ask nothing."""
    found: list[Box] = [{}]
    for dim, wanted in case.equations:
        if dim is None:
            continue
        if wanted < 0:
            return ()
        try:
            more = boxes_equal(dim, wanted)
        except (TooComplex, NotFollowed):
            continue
        found = [both for one in found for other in more if (both := _both(one, other)) is not None][:MOST_BOXES]
        if not found:
            return ()
    return tuple(found)


def _both(one: Box, other: Box) -> Box | None:
    merged = dict(one)
    for key, sizes in other.items():
        merged[key] = merged[key] & sizes if key in merged else sizes
    return merged if all(merged.values()) else None


def _open_channels(network: Network, clue: Clue) -> tuple[int, ...]:
    """What to feed where the code leaves the channels open: those that the message tells of a pool, or those that a convolution takes."""
    if not any(_open(source) for source in network.sources):
        return (ANY_CHANNELS,)
    ops = (op for node in network.nodes if isinstance(node.work, Layer) for op in node.work.ops)
    taken = next((op.in_channels for op in ops if isinstance(op, Conv) and op.in_channels is not None), ANY_CHANNELS)
    told = clue.shapes[0][1] if clue.gives and len(clue.shapes[0]) > 1 else None
    return tuple(dict.fromkeys((taken, told) if told is not None else (taken,)))


def _open(source: Source) -> bool:
    declared = tuple(size if isinstance(size, int) else None for size in source.declared)
    return len(declared) > 2 and source.layout.split(declared)[1] is None


def _samples(
    network: Network, symbolic: Symbolic, box: Box, samples: int | None, channels: int
) -> Iterator[dict[str, Shape]]:
    """Input shapes out of the box: one as high as it is wide where there is one, else the smallest."""
    keys = symbolic.keys
    common = SizeSet.every()
    for sizes in box.values():
        common = common & sizes
    squares = [common.first(1)[0]] if common and box else []
    point = {key: sizes.first(1)[0] for key, sizes in box.items()}
    for size in [*squares, None]:
        shapes: dict[str, Shape] = {}
        for source in network.sources:
            shape: list[int | None] = [one if isinstance(one, int) else None for one in source.declared]
            if source.layout.batched and shape:
                shape[0] = samples or shape[0] or 1
            for key, axis in enumerate(keys):
                if axis.source == source.name:
                    shape[axis.place] = point.get(key, size or USUAL) if size is None or key not in box else size
            shape = [channels if one is None else one for one in shape]
            shapes[source.name] = tuple(shape)
        yield shapes


def written(network: Network) -> dict[str, Shape] | None:
    """The inputs that the code writes, with a batch of 1 where it leaves that open; None where another size is open."""
    shapes: dict[str, Shape] = {}
    for source in network.sources:
        sizes = [size if isinstance(size, int) else None for size in source.declared]
        if source.layout.batched and sizes:
            sizes[0] = sizes[0] or 1
        if not sizes or None in sizes:
            return None
        shapes[source.name] = tuple(sizes)
    return shapes or None


def _breaks(
    network: Network, node: Node | None, clue: Clue, shapes: Shape | dict[str, Shape], *, batch: bool = True
) -> Run | None:
    """The run on these shapes, if the node (None: any) is the first that does not take what reaches it, as the message says and with its numbers.

    With `batch` the message's batch takes the place of the one that is given; without it the two may differ.
    """
    try:
        flowed = run(network, shapes, strict=False)
    except ArgumentError:
        return None
    first = next((step for step in flowed.nodes if step.error is not None), None)
    if first is None or node not in (None, first.node) or first.error is None:
        return None
    if first.error.code not in CODES.get(clue.what, ()) or not _reaches(flowed, first.node, clue):
        return None
    reached = tuple(one for name in first.node.inputs if (one := flowed.shapes.get(name)) is not None)
    every = [case for case in cases(network, first.node, reached, clue) if _true(case)] if reached else []
    if not every:
        return None
    ratios = [batches(case, reached[0], clue) for case in every]
    free = not batch and all(source.layout.batched for source in network.sources)
    if free or any(ratio in (None, 1) for ratio in ratios):
        return flowed
    again = _with_batch(flowed, ratios[0]) if ratios[0] is not None else None
    # The batch was all that differed, so with the other one nothing is left to change.
    return None if again is None else _breaks(network, first.node, clue, again, batch=False)


def _true(case: Case) -> bool:
    return all(dim is None or dim == wanted for dim, wanted in case.equations)


def _with_batch(flowed: Run, ratio: Fraction) -> dict[str, Shape] | None:
    """The inputs with so many times as many samples; None where they have none or the number is no whole one."""
    shapes: dict[str, Shape] = {}
    for source in flowed.network.sources:
        shape = flowed.inputs[source.name]
        count = None if not source.layout.batched or not shape or shape[0] is None else shape[0] * ratio
        if count is None or count.denominator != 1 or not count:
            return None
        shapes[source.name] = (int(count), *shape[1:])
    return shapes


def _reaches(flowed: Run, node: Node, clue: Clue) -> bool:
    """Whether the channels that a pool tells are those that reach it, and the layers behind it take them where they are the model's own."""
    if not clue.gives:
        return True
    reached = flowed.shapes.get(node.inputs[0]) or ()
    if len(reached) < 2 or reached[1:2] != clue.shapes[0][1:2]:
        return False
    network = flowed.network
    if not any(_open(source) for source in network.sources):
        return True
    larger: dict[str, Shape] = {}
    for source in network.sources:
        batch, channels, spatial = source.layout.split(flowed.inputs[source.name])
        larger[source.name] = source.layout.join(batch, channels, (USUAL,) * len(spatial))
    errors = (step.error for step in run(network, larger, strict=False).nodes)
    return not any(error is not None and error.code == "CW102" for error in errors)
