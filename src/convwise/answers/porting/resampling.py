"""Resizing as emitted code: which cell an output is, or the row of weights it is mixed by; and Keras's croppings around a resize."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from struct import pack, unpack

from convwise.axis import NO_PADS, Pads
from convwise.dialects.writing import write
from convwise.ops import Crop, Op, Pad, Resize


def place_of(op: Resize, axis: int, size: int) -> str:
    """The cell that output `i` of a nearest resize is, as source text."""
    out = op.out(axis, size)
    if op.mode == "nearest" and op.scales is None:
        return f"i * {size} // {out}"
    half = " + 0.5" if op.mode == "nearest-exact" else ""
    return f"min(int((i{half}) * {_step(op, axis, size)}), {size - 1})"


def _step(op: Resize, axis: int, size: int) -> str:
    return write(float(1 / op.scales[axis])) if op.scales is not None else f"{size} / {op.out(axis, size)}"


def centre_of(op: Resize, axis: int, size: int) -> str:
    """Where output `i` of a linear resize lies, held inside the data."""
    if op.align_corners:
        return f"i * {size - 1} / {max(op.out(axis, size) - 1, 1)}"
    return f"min(max((i + 0.5) * {_step(op, axis, size)} - 0.5, 0), {size - 1})"


def matrix(op: Resize, axis: int, size: int) -> str | None:
    """The weights (out, in) of one axis as source text; None for kernels that have none here."""
    if op.mode != "linear":
        return None
    row = f"[max(0.0, 1.0 - abs({centre_of(op, axis, size)} - j)) for j in range({size})]"
    return f"[{row} for i in range({op.out(axis, size)})]"


def in_parts(op: Op, sizes: Sequence[int]) -> Iterator[tuple[Op, ...]]:
    """A resize that keeps the proportions as cropping or padding and a plain resize; Keras's CenterCrop as cropping where it fits."""
    if not isinstance(op, Resize) or op.sizes is None:
        return
    kernel, *extras = op.mode.split("+")
    target = tuple(want or size for want, size in zip(op.sizes, sizes, strict=True))
    if kernel == "center_crop":
        if all(size >= want for size, want in zip(sizes, target, strict=True)):
            yield (_kept(sizes, target),)
            return
        kernel, extras = "linear", ["crop"]
    if extras not in (["crop"], ["pad"]) or kernel not in ("linear", "nearest") or len(sizes) != 2:
        return
    plain = replace(op, mode="nearest-exact" if kernel == "nearest" else kernel, sizes=target)
    shape = _of_same_ratio(sizes, target, wider=extras == ["pad"])
    if extras == ["crop"]:
        lead: tuple[Op, ...] = (_kept(sizes, shape),)
    else:
        edges = [(want - size) // 2 for want, size in zip(shape, sizes, strict=True)]
        lead = (Pad(tuple(Pads(edge, edge) for edge in edges)),)
    yield (*(one for one in lead if _moves(one)), plain)


def _moves(op: Op) -> bool:
    pads = op.cuts if isinstance(op, Crop) else op.pads if isinstance(op, Pad) else ()
    return any(pad != NO_PADS for pad in pads)


def _kept(sizes: Sequence[int], keep: Sequence[int]) -> Crop:
    starts = [(size - kept) // 2 for size, kept in zip(sizes, keep, strict=True)]
    ends = [size - start - kept for size, start, kept in zip(sizes, starts, keep, strict=True)]
    return Crop(tuple(Pads(start, end) for start, end in zip(starts, ends, strict=True)))


def _single(value: float) -> float:
    """The nearest float32, in which Keras divides."""
    found: float = unpack("f", pack("f", value))[0]
    return found


def _of_same_ratio(sizes: Sequence[int], target: Sequence[int], *, wider: bool) -> tuple[int, int]:
    """The largest part of the image, or with `wider` the smallest frame around it, of the target's proportions."""
    height = int(_single(_single(sizes[1] * target[0]) / _single(target[1])))
    width = int(_single(_single(sizes[0] * target[1]) / _single(target[0])))
    if wider:
        return max(sizes[0], height), max(sizes[1], width)
    return max(min(sizes[0], height), 1), max(min(sizes[1], width), 1)
