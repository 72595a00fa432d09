"""The axes of one layer, each with everything that can be said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from convwise import dialects
from convwise.answers.explanation import AxisFacts
from convwise.answers.wording import added, any_size, causes, formula, signed, transposed_size
from convwise.dialects.base import LayerFlow
from convwise.errors import ConvwiseError
from convwise.ops import AdaptivePool, AxisFlow, Conv, ConvTranspose, Op, Pad, PixelShuffle, Pool, Resize
from convwise.ops.space import Crop


def axis_facts(flow: LayerFlow) -> tuple[AxisFacts, ...]:
    """One `AxisFacts` per spatial axis of the layer."""
    axes = flow.axes
    op = next((op for op, part in zip(flow.layer.ops, flow.flows, strict=True) if part.axes is axes), None)
    if op is None:
        return ()
    return tuple(_from_least(flow, op, number, _facts(axis, op, number)) for number, axis in enumerate(axes))


def _from_least(flow: LayerFlow, op: Op, number: int, facts: AxisFacts) -> AxisFacts:
    """The facts with the smallest size told that the layer really takes, and no smaller one promised.

    The window alone does not say it: reflect padding needs data to reflect, and PyTorch's AvgPool3d a kernel's worth
    of data without the padding. So the layer is asked, on this axis, with the others as they are.
    """
    layer, rank = flow.layer, len(flow.axes)
    place = len(flow.input) - rank - layer.channels_last + number
    if not isinstance(op, Conv | ConvTranspose | Pool | Pad | Crop | Resize) or not facts.size or not facts.any_size:
        return facts
    if not 0 <= place < len(flow.input) or flow.input[place] != facts.size:
        return facts
    run = dialects.get(layer.dialect).flow

    def takes(size: int) -> bool:
        try:
            run(layer, (*flow.input[:place], size, *flow.input[place + 1 :]))
        except ConvwiseError:
            return False
        return True

    least = facts.window.minimum if facts.window is not None and facts.axis is not None else 1
    if not takes(least):
        refused, least = least, facts.size
        while least - refused > 1:
            middle = (refused + least) // 2
            refused, least = (refused, middle) if takes(middle) else (middle, least)
    between = facts.preimage
    if between is not None and between[0] < least <= between[1]:
        between = (least, between[1])
    text = facts.any_size.partition(", n >= ")[0] + (f", n >= {least}" if least > 1 else "")
    return replace(facts, preimage=between, any_size=text)


def _facts(flow: AxisFlow, op: Op, number: int) -> AxisFacts:
    window = flow.window
    if window is None:
        told = formula(flow, op, number)
        facts = AxisFacts(flow.name, flow.size, flow.out, formula=told, any_size=_windowless(flow, op, number))
        sides = added(op, number)
        return facts if sides is None else replace(facts, pad_low=sides.low, pad_high=sides.high)
    known: dict[str, Any] = {
        "kernel": window.kernel,
        "stride": window.stride,
        "dilation": window.dilation,
        "span": window.span,
        "window": window,
        "formula": formula(flow, op),
    }
    if isinstance(op, ConvTranspose):
        extra = op.output_padding[number] if op.output_padding else 0
        pads = window.pads(flow.size or 1)
        same = None if flow.size is None else (flow.size, flow.size)
        text = transposed_size(window, extra)
        return AxisFacts(
            flow.name, flow.size, flow.out, pad_low=pads.low, pad_high=pads.high, preimage=same, any_size=text, **known
        )
    axis = flow.axis
    if axis is None:
        return AxisFacts(flow.name, None, None, any_size=any_size(window), **known)
    return AxisFacts(
        flow.name,
        axis.size,
        axis.out,
        pad_low=axis.pad_low,
        pad_high=axis.pad_high,
        overhang=axis.overhang,
        places=axis.places,
        unread_data=axis.unread_data,
        unread_padding=axis.unread_padding,
        preimage=window.preimage(axis.out),
        any_size=any_size(window),
        causes=causes(axis, window),
        axis=axis,
        **known,
    )


def _windowless(flow: AxisFlow, op: Op, number: int) -> str:
    if (sides := added(op, number)) is not None:
        return signed("n", sides.total)
    if isinstance(op, Resize) and op.scales is not None:
        scale = op.scales[number]
        return _times(scale.numerator) if scale.denominator == 1 else f"floor({float(scale):g} n)"
    if isinstance(op, PixelShuffle):
        divided = f"n / {op.factor}, n a multiple of {op.factor}"
        return divided if op.inverse and op.factor > 1 else _times(op.factor)
    if isinstance(op, AdaptivePool) and op.sizes[number] is None:
        return "n"
    return str(flow.out) if flow.out is not None else ""


def _times(factor: int) -> str:
    return "n" if factor == 1 else f"{factor} n"
