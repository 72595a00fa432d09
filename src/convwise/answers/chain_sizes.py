"""What a chain says of its input sizes: which are free, which layer fixes them, and which would work where it breaks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from convwise.answers.explanation import Fact, show
from convwise.answers.taken import Sizes, Taken, giving, in_words
from convwise.answers.wording import listed
from convwise.dialects.base import Layer, LayerFlow
from convwise.errors import ShapeError
from convwise.ops import Conv, ConvTranspose, Dense, Flatten, Op, Pool, Reshape
from convwise.ops.rearrange import joins_batch
from convwise.ops.shape import elements


def called(layer: Layer) -> str:
    """The layer's own name; its kind where it has none, with its number where that is its name."""
    if layer.name and layer.name.isdigit():
        return f"{layer.kind} ({layer.name})"
    return layer.name or layer.kind


def main_op(layer: Layer) -> Op | None:
    """The op that a layer is named for."""
    return next(
        (op for op in layer.ops if isinstance(op, Conv | ConvTranspose | Pool | Dense)),
        layer.ops[0] if layer.ops else None,
    )


def sizes_fact(layers: Sequence[Layer], found: Taken | None) -> tuple[Fact, ...]:
    """Which input sizes the chain takes, and which layer says so."""
    if found is None:
        return ()
    return (free_fact(found),) if found.free else (Fact("size", (_fixed(layers, found),)),)


def free_fact(found: Sizes) -> Fact:
    """`any height and width from 3 x 3 up work`."""
    return Fact("free", (f"{_free(found)} {'works' if len(found.legal) == 1 else 'work'}",))


def size_words(found: Sizes) -> str:
    """The sizes that work, whichever layer asks for them."""
    return _free(found) if found.free else in_words(found.box(), found.legal.names)


def _free(found: Sizes) -> str:
    return f"any {' and '.join(found.legal)} from {show(tuple(sizes.minimum for sizes in found.legal.sets))} up"


def _fixed(layers: Sequence[Layer], found: Taken) -> str:
    """`fc1 takes 400 features: 16 x 5 x 5, from an input of 32 x 32 to 35 x 35`."""
    words, place = in_words(found.box(), found.legal.names), found.fixer
    if place is None:
        return words
    maps = _maps(found, place) if isinstance(main_op(found.layers[place]), Dense) else ""
    return f"{asks(layers, found, place)}: {f'{maps}, from ' if maps else ''}{words}"


def asks(layers: Sequence[Layer], found: Taken, place: int) -> str:
    """`fc1 takes 400 features`: what the layer at this place asks."""
    op, name = main_op(found.layers[place]), called(layers[place])
    if isinstance(op, Dense):
        return f"{name} takes {op.in_features} features"
    told = (*found.legal.sets, found.legal.joint)
    reasons = [reason.text for one in told if one is not None for reason in one.reasons if reason.node == str(place)]
    return f"{name} {listed(list(dict.fromkeys(reasons)))}"


def _maps(found: Taken, place: int) -> str:
    """`16 x 5 x 5`: the map whose cells become the features that the layer at this place asks for; empty where there is none."""
    box = found.box()
    shapes = found.flows([sizes.minimum or 1 for sizes in box]) if all(sizes.finite for sizes in box) else None
    flat = None if shapes is None else _flattening([len(shape) for shape in shapes[: place + 2]])
    return "" if shapes is None or flat is None else show(shapes[flat][1:])


def _flattening(axes: Sequence[int]) -> int | None:
    """The last place where maps become rows of features; None where nothing like it comes, or more comes after it."""
    places = [place for place, (before, after) in enumerate(pairwise(axes)) if before > 2 == after]
    return places[-1] if places and axes[-1] == 2 else None


def never(layers: Sequence[Layer], found: Taken) -> str:
    """Why no input size gets through."""
    places = list(dict.fromkeys(_refusing(found)))
    given = _given(layers, found, places[0]) if len(places) == 1 else ""
    return f"{given or listed([asks(layers, found, place) for place in places])}: no input can make it fit"


def _given(layers: Sequence[Layer], found: Taken, place: int) -> str:
    """`1050 is not 32 x height x width for any size`: what reaches a dense layer, beside what it takes."""
    op, nodes, shapes = main_op(found.layers[place]), found.symbolic.network.nodes, found.symbolic.shapes
    dims = shapes.get(nodes[place].inputs[0])
    if not isinstance(op, Dense) or not dims:
        return ""
    if isinstance(dims[-1], int):
        return f"{called(layers[place])} takes {op.in_features} features, and from every input {dims[-1]} reach it"
    reached = [shapes.get(node.inputs[0]) for node in nodes[: place + 1]]
    flat = _flattening([len(one or ()) for one in reached])
    maps = None if flat is None else reached[flat]
    if flat is None or maps is None or len(maps) != len(found.shape):
        return ""
    sizes = [maps[axis.place] for axis in found.symbolic.keys]
    channels = maps[-1 if found.layers[flat].channels_last else 1]
    names = [size if isinstance(size, int) else name for size, name in zip(sizes, found.legal.names, strict=True)]
    return f"{op.in_features} is not {' x '.join(map(str, (channels, *names)))} for any size"


def never_at(found: Taken) -> int:
    """The place of the layer that no size gets through."""
    return max(_refusing(found))


def _refusing(found: Taken) -> list[int]:
    """The places of the layers that together leave no size."""
    nothing = [sizes for sizes in found.legal.sets if not sizes]
    return [int(reason.node) for sizes in nothing for reason in sizes.reasons]


def would_work(
    layers: Sequence[Layer], flows: Sequence[LayerFlow], error: ShapeError, found: Taken | None
) -> tuple[Fact, ...]:
    """Inputs that the whole chain takes, where the one that was given breaks for its size."""
    told: list[Fact] = []
    flat = next((op for op in flows[-1].layer.ops if isinstance(op, Flatten | Reshape)), None) if flows else None
    if error.code == "CW109" and (isinstance(flat, Flatten) or joins_batch(flat)):
        maps, name = flows[-1].input, called(flows[-1].layer)
        rank = next((layer.rank for layer in reversed(layers[: len(flows)]) if layer.rank), None)
        joined = flat.joined(maps) if isinstance(flat, Flatten) else maps
        if rank is not None and len(maps) > rank and elements(joined) == flows[-1].output[-1]:
            told.append(Fact("features", (f"{name} gives {show(joined)} = {flows[-1].output[-1]}",)))
        if rank is not None and len(maps) == rank + 2 and joins_batch(flat):
            text = f"{name} begins at axis 0 and takes it along: from axis 1 on the samples stay apart"
            return (*told, Fact("batch", (text,)))
        if rank is not None and len(maps) == rank + 1:
            lost = f"there is none, so the channels stay apart: before {name} it should be {show((1, *maps))}"
            return (*told, Fact("batch", (lost,)))
    if found is None or (found.never and error.code not in ("CW104", "CW106", "CW109")):
        return tuple(told)
    if found.never:
        text = never(layers, found)
    elif found.free:
        text = _free(found)
    else:
        reached = _maps(found, len(flows)) if error.code in ("CW106", "CW109") else ""
        text = f"{f'{reached}, from ' if reached else ''}{in_words(found.box(), found.legal.names)}"
    return (*told, Fact("would work", (text,)))


def wanted_inputs(found: Taken | None, sizes: tuple[int, ...]) -> tuple[Fact, ...]:
    """Which inputs give the wanted size at the end of the chain."""
    box = None if found is None else giving(found, sizes)
    if found is None or box is None:
        return ()
    text = f"{in_words(box, found.legal.names)} gives" if all(box) else "no input gives"
    return (Fact("as it stands", (f"{text} {show(sizes)}",)),)
