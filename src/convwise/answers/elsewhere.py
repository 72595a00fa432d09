"""The same strided convolution in the other framework, where the two pad on different sides.

Equal shapes hide it: Keras's 'same' puts the odd cell after the data, a PyTorch padding=1 pads both ends.
"""

from __future__ import annotations

from dataclasses import replace

from convwise import dialects
from convwise.answers.explanation import Fact
from convwise.axis import NO_PADS, SAME_UPPER, Pads, Same
from convwise.dialects.base import LayerFlow
from convwise.errors import ConvwiseError
from convwise.ops import Conv, Op, Pad

OTHER = {"keras": "torch", "torch": "keras"}


def elsewhere(flow: LayerFlow) -> Fact | None:
    """How the other framework writes this layer exactly; None where the padding leaves no doubt."""
    layer, op = flow.layer, flow.layer.window_op
    axes = [part.axis for part in flow.axes if part.axis is not None]
    convolutions = [one for one in layer.ops if isinstance(one, Conv)]
    if len(convolutions) != 1 or op is not convolutions[0] or layer.dialect not in OTHER or len(axes) != op.rank:
        return None
    if op.padding_mode != "zeros" or all(axis.stride == 1 for axis in axes):
        return None
    pads = tuple(Pads(axis.pad_low, axis.pad_high) for axis in axes)
    if all(pad == NO_PADS for pad in pads):
        return None
    if layer.dialect == "keras":
        return _in_torch(flow, op, pads)
    same = [replace(window, padding=SAME_UPPER) for window in op.windows]
    sames = tuple(window.pads(axis.size) for window, axis in zip(same, axes, strict=True))
    if any(window.over(axis.size).out != axis.out for window, axis in zip(same, axes, strict=True)):
        return None
    return _in_keras(flow, op, pads, sames)


def _in_torch(flow: LayerFlow, op: Conv, pads: tuple[Pads, ...]) -> Fact | None:
    if not all(isinstance(window.padding, Same) for window in op.windows):
        return None
    if all(pad.low == pad.high for pad in pads):
        code = _spelled(flow, _padded(op, pads), "torch")
        return Fact("in PyTorch", (f"{code}, at this size",)) if code else None
    code = _spelled(flow, (Pad(pads), _padded(op, (NO_PADS,) * op.rank)), "torch")
    if not code:
        return None
    axes = [part.axis for part in flow.axes if part.axis is not None]
    even = tuple(Pads(pad.high, pad.high) for pad in pads)
    alike = all(
        replace(window, padding=pad).over(axis.size).out == axis.out
        for window, pad, axis in zip(op.windows, even, axes, strict=True)
    )
    amount = [pad.high for pad in pads]
    word = amount[0] if len(set(amount)) == 1 else tuple(amount)
    trap = (f"(padding={word} gives this shape too, from windows shifted by one cell)",) if alike else ()
    return Fact("in PyTorch", (code, *trap))


def _in_keras(flow: LayerFlow, op: Conv, pads: tuple[Pads, ...], sames: tuple[Pads, ...]) -> Fact | None:
    if pads == sames:
        code = _spelled(flow, replace(op, windows=tuple(replace(w, padding=SAME_UPPER) for w in op.windows)), "keras")
        return Fact("in Keras", (f"{code}, at this size",)) if code else None
    code = _spelled(flow, (Pad(pads), _padded(op, (NO_PADS,) * op.rank)), "keras")
    if not code:
        return None
    shift = {abs(pad.low - same.low) for pad, same in zip(pads, sames, strict=True)} - {0}
    by = f"shifted by {'one cell' if shift == {1} else 'some cells'}" if shift else "that end elsewhere"
    return Fact("in Keras", (code, f"(padding='same' gives this shape too, from windows {by})"))


def _padded(op: Conv, pads: tuple[Pads, ...]) -> Conv:
    return replace(
        op, windows=tuple(replace(window, padding=pad) for window, pad in zip(op.windows, pads, strict=True))
    )


def _spelled(flow: LayerFlow, ops: Op | tuple[Op, ...], dialect: str) -> str:
    """The ops as a call of the other framework; empty where it cannot say them."""
    where = -1 if flow.layer.channels_last else len(flow.input) - len(flow.axes) - 1
    channels = flow.input[where]
    parts = ops if isinstance(ops, tuple) else (ops,)
    try:
        bound = tuple(one.bound(channels) if isinstance(one, Conv) else one for one in parts)
        return ", then ".join(dialects.get(dialect).spell((one,), dialect == "keras") for one in bound)
    except ConvwiseError:
        return ""
