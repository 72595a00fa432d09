"""The axes of one layer, each with everything that can be said of it."""

from __future__ import annotations

from typing import Any

from convwise.answers.explanation import AxisFacts
from convwise.answers.wording import any_size, causes, formula, signed, transposed_size
from convwise.dialects.base import LayerFlow
from convwise.ops import AxisFlow, ConvTranspose, Op, Pad, Resize
from convwise.ops.space import Crop


def axis_facts(flow: LayerFlow) -> tuple[AxisFacts, ...]:
    """One `AxisFacts` per spatial axis of the layer."""
    axes = flow.axes
    op = next((op for op, part in zip(flow.layer.ops, flow.flows, strict=True) if part.axes is axes), None)
    return tuple(_facts(axis, op, number) for number, axis in enumerate(axes)) if op is not None else ()


def _facts(flow: AxisFlow, op: Op, number: int) -> AxisFacts:
    window = flow.window
    if window is None:
        return AxisFacts(
            flow.name, flow.size, flow.out, formula=formula(flow, op), any_size=_windowless(flow, op, number)
        )
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
    if isinstance(op, Pad):
        return signed("n", op.pads[number].total)
    if isinstance(op, Crop):
        return signed("n", -op.cuts[number].total)
    if isinstance(op, Resize) and op.scales is not None:
        scale = op.scales[number]
        return f"{scale} n" if scale.denominator == 1 else f"floor({float(scale):g} n)"
    return str(flow.out) if flow.out is not None else ""
