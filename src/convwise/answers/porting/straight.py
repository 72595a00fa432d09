"""PyTorch code whose forward is more than layers, as a chain: a squeeze, a transpose or a slice becomes the layer that does the same at these sizes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from convwise import dialects
from convwise.answers.inputs import as_shape
from convwise.answers.network.trace import Row
from convwise.answers.porting.reading import Chain, run
from convwise.axis import Pads
from convwise.dialects.base import Layer
from convwise.dialects.torch.spelling import spell_op, write_call
from convwise.errors import ConvwiseError
from convwise.ops import Crop, Flatten, GlobalPool, Op, Pointwise, Reshape, Shape
from convwise.ops.several import Reduce, ReshapeTo, Slice, Squeeze, Unsqueeze
from convwise.ops.shaping import place
from convwise.readers.models import read


def straight(layer: Any, input_shape: Any, dialect: str | None) -> Chain | None:
    """The network as a chain for this input; None where branches meet in it, or a step is none that a layer takes."""
    try:
        network = read(layer, input_shape=input_shape, dialect=dialect)
        trace = network.trace(as_shape(input_shape))
    except ConvwiseError:
        return None
    if network.dialect != "torch" or len(network.sources) != 1 or len(network.outputs) != 1:
        return None
    name, layers = network.sources[0].name, list[Layer]()
    for row in trace.rows:
        found = _layers(row) if row.node.inputs == (name,) and len(row.node.outputs) == 1 else None
        if found is None:
            return None
        layers += found
        name = row.node.outputs[0]
    if name != network.outputs[0] or not layers:
        return None
    torch = dialects.get("torch")
    shape = trace.inputs[network.sources[0].name]
    code = "\n".join(one.call.text for one in layers)
    return Chain(torch.name, tuple(layers), shape, run(torch, layers, shape), code=code)


def _layers(row: Row) -> list[Layer] | None:
    """The layers that do what a step does to its shape; None where there is none."""
    work = row.node.work
    if isinstance(work, Layer):
        return [work]
    ops = work if isinstance(work, tuple) else _ops(work, row.input, row.output)
    if ops is None or any(isinstance(op, Pointwise) and not op.options for op in ops):
        return None  # of a function without options the shape alone is known
    try:
        calls = [spell_op(op) for op in ops]
        # A view may ask for cells in the order of their axes; a reshape gives the same.
        calls = [replace(call, kind="reshape") if call.kind == "view" else call for call in calls]
        return [dialects.get("torch").read(replace(call, text=write_call(call)), None) for call in calls]
    except ConvwiseError:
        return None


def _ops(work: Any, shape: Shape | None, out: Shape | None) -> tuple[Op, ...] | None:
    if not shape or not out or None in shape[1:] or None in out[1:]:
        return None
    match work:
        case Squeeze() if out == shape:
            return ()
        case Squeeze() if len(out) == len(shape) - 1:
            # An axis of one cell goes as well into the one beside it.
            gone = next((axis for axis, size in enumerate(out) if size != shape[axis]), len(out))
            return (Flatten(max(gone - 1, 0), max(gone, 1)),)
        case Squeeze() | Unsqueeze() | ReshapeTo() if out[0] == shape[0]:
            return (Reshape(tuple(size or 0 for size in out[1:])),)
        case Slice() if work.step == 1 and place(work.axis, shape) > 1:
            return _cut(work, shape, out)
        case Reduce() if work.kind in ("mean", "max") and work.axes is not None:
            axes = sorted(place(axis, shape) for axis in work.axes)
            if axes == list(range(2, len(shape))):
                return (GlobalPool("average" if work.kind == "mean" else "max", len(axes), work.keep_dims),)
    return None


def _cut(work: Slice, shape: Shape, out: Shape) -> tuple[Op, ...] | None:
    axis = place(work.axis, shape)
    size, left = shape[axis], out[axis]
    start = 0 if work.start is None else work.start
    if not isinstance(start, int) or size is None or left is None:
        return None
    low = slice(start, None).indices(size)[0]
    cuts = [Pads(0, 0)] * (len(shape) - 2)
    cuts[axis - 2] = Pads(low, size - low - left)
    return (Crop(tuple(cuts)),) if left < size else ()
