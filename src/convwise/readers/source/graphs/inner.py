"""Keras's layers that apply what they are given: a Lambda its function, a TimeDistributed its layer or model at every step."""

from __future__ import annotations

import ast
from typing import Any

from convwise.errors import CodeError
from convwise.ops.several import Arithmetic, ReshapeTo, SizeOf
from convwise.readers.echo import shown
from convwise.readers.source import calls, tensors
from convwise.readers.source.graphs.wiring import WiredModel, Wiring, doubt_of, doubted, flat, lost
from convwise.readers.source.state import Run
from convwise.readers.source.values import Chain, Inner, Instance, Made
from convwise.readers.torch_live.values import NotFollowed
from convwise.readers.torch_live.values import Tensor as Wire


def computed(run: Run, graph: Wiring, target: Made, inner: Inner, arguments: list[Any], title: str | None) -> Any:
    """What the function of a Lambda makes of the layer's input, followed as if it stood in the model's own code."""
    run.within += 1
    try:
        with run.named(title):
            value = calls.call(run, inner.target, arguments, inner.words, inner.call)
    finally:
        run.within -= 1
    if not any(isinstance(part, Wire) or doubt_of(part) is not None for part in flat(value)):
        return lost(run, inner.call, "its function gives nothing that the text shows to come from the layer's input")
    return _as_declared(run, graph, target, inner, value)


def _as_declared(run: Run, graph: Wiring, target: Made, inner: Inner, value: Any) -> Any:
    """Keras goes on with the shape that `output_shape=` says: where the function gives another, the model fails when it runs."""
    said = tensors.sizes(inner.declared) if isinstance(inner.declared, int | list | tuple) else None
    if said is None or not isinstance(value, Wire):
        return value
    known = graph.building.tensors[value.number]
    found = (known.seen if known.seen is not None else known.free or (None, *said))[1:]
    pairs = zip(said, found, strict=False)
    if len(said) == len(found) and all(one == other or None in (one, other) for one, other in pairs):
        return value
    fact = f"{shown(target.call.text, 60)} gives {_written(found)} behind the batch and declares output_shape={_written(said)}"
    hint = f"write output_shape={_written(found)}, or leave it out"
    return doubted(run, CodeError("CW315", fact, detail=f"line {target.call.line}", hint=hint))


def _written(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def is_model(inner: Inner | None) -> bool:
    """Whether a TimeDistributed has a model in it, and no single layer."""
    return inner is not None and isinstance(inner.target, Chain | Instance | WiredModel)


def at_every_step(run: Run, graph: Wiring, wires: list[Wire], node: ast.AST, name: str, apply: Any) -> Any:
    """The steps are put into the batch for the model, and taken out of it again; `apply` puts a wire through the model."""
    try:
        (x,) = wires
        rest = graph.building.sizes(x)[2:]
    except (NotFollowed, ValueError) as reason:
        return lost(run, node, str(reason))
    if not rest:
        return lost(run, node, "it takes three axes or more: batch, steps and what a step holds")
    batch, steps = SizeOf(x.number, 0), SizeOf(x.number, 1)
    place = graph.place(run, f"{name}.steps", "TimeDistributed")
    y = apply(place.one(ReshapeTo((Arithmetic("multiply", batch, steps), *rest)), x))
    graph.written(node)
    if not isinstance(y, Wire):
        return y if doubt_of(y) is not None else lost(run, node, "its model gives several arrays")
    try:
        out = graph.building.sizes(y)[1:]
    except NotFollowed as reason:
        return lost(run, node, str(reason))
    back = graph.place(run, name, "TimeDistributed").one(ReshapeTo((batch, steps, *out)), y)
    graph.written(node)
    return back
