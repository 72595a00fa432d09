"""Findings about padding: computed once for another input size, or uneven because the kernel is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from convwise.answers.explanation import Finding
from convwise.answers.network.flowing import NodeFlow, Run
from convwise.axis import SAME_UPPER, Pads, Window, split_total
from convwise.ops import Conv, Op, Pad, Pool


def baked_padding(flowed: Run) -> Iterator[Finding]:
    """Padding that was worked out as TensorFlow's `same` for another size, and stored.

    Such padding is a node of its own before a window with a stride. Only networks in which one such pair is uneven
    are looked at: even padding before a stride is also what people write by hand.
    """
    pairs = [pair for step in flowed.nodes if (pair := _padded_window(step, flowed)) is not None]
    uneven = any(
        pads.low != pads.high and _could_be_same(window, pads) for _, windows in pairs for _, window, pads, _ in windows
    )
    if not uneven:
        return
    for step, windows in pairs:
        alike: dict[tuple[Pads, Pads, int], list[str]] = {}
        for name, window, pads, size in windows:
            right = replace(window, padding=SAME_UPPER).pads(size)
            if pads != right and _could_be_same(window, pads):
                alike.setdefault((pads, right, size), []).append(name)
        for (pads, right, size), names in alike.items():
            yield Finding(
                "CW517",
                "warning",
                f"the padding {pads.low} + {pads.high} ({' and '.join(names)}) is `same` for another input size; "
                f"for {size} cells it is {right.low} + {right.high}",
                step.node.name,
                "make the network for the size it is fed, or let the padding follow the size",
            )


AxisPadding = tuple[str, Window, Pads, int]


def _padded_window(step: NodeFlow, flowed: Run) -> tuple[NodeFlow, list[AxisPadding]] | None:
    """A strided window without padding of its own behind a node of zero padding: (axis, window, pads, size before) each."""
    window_op = next((op for op in step.ops if isinstance(op, Conv | Pool)), None)
    if window_op is None or all(window.stride == 1 for window in window_op.windows):
        return None
    before: NodeFlow | None = None
    pad = _pad_of(step.ops[: step.ops.index(window_op)])
    if pad is None:
        before = _maker(step.node.inputs[0], flowed)
        pad = None if before is None else _pad_of(before.ops)
    if pad is None or len(pad.pads) != len(window_op.windows):
        return None
    axes = before.flows[0].axes if before is not None else step.flows[0].axes
    found = [
        (flow.name, window, pads, flow.size)
        for flow, window, pads in zip(axes, window_op.windows, pad.pads, strict=True)
        if flow.size is not None and window.padding == Pads() and window.stride > 1
    ]
    return (step, found) if found else None


def _pad_of(ops: tuple[Op, ...]) -> Pad | None:
    return next((op for op in ops if isinstance(op, Pad) and op.mode == "constant"), None)


def _maker(tensor: str, flowed: Run) -> NodeFlow | None:
    return next((step for step in flowed.nodes if tensor in step.node.outputs), None)


def _could_be_same(window: Window, pads: Pads) -> bool:
    """Whether TensorFlow's `same` gives these pads for some size."""
    if pads != split_total(pads.total, SAME_UPPER):
        return False
    same = replace(window, padding=SAME_UPPER)
    period = range(window.span + window.stride, window.span + 2 * window.stride)
    return any(same.pads(size) == pads for size in period[:4096])


def even_kernels(flowed: Run) -> Iterator[Finding]:
    """Windows that keep the size although they span an even number of cells: one side gets a cell more."""
    for step in flowed.nodes:
        for flow in step.axes[:1]:
            window, axis = flow.window, flow.axis
            if window is None or axis is None or not window.keeps_size or window.span % 2:
                continue
            text = f"the window spans {window.span} cells and keeps the size: it pads {axis.pad_low} before and {axis.pad_high} after"
            yield Finding("CW516", "note", text, step.node.name, "an odd kernel pads both sides alike")
