"""What one op does to sizes that are maps of the input's sizes, and what it asks of them.

Each function has the op's own rules on numbers as its law: for every legal size it gives what `op.flow` gives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from convwise.answers.network.conditions import Conditions, more_than_one
from convwise.answers.network.dims import ONE, Dim, Dims, Product, of, product, ratio, single
from convwise.axis import Pads, Window
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Flatten,
    Fold,
    Gate,
    GlobalPool,
    Layout,
    Norm,
    Op,
    Pad,
    Permute,
    PixelShuffle,
    Pointwise,
    Pool,
    Reshape,
    Resize,
    Unflatten,
    Unfold,
)
from convwise.sizes import SizeMap, TooComplex

EXACT_SCALES = 1 << 10
"""Scales that are fractions over powers of two up to this one: their products with sizes are exact in floating point too."""


def apply(op: Op, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    """The output's sizes; None where not even their number is known. What the op needs is put into `asks`."""
    return RULES[type(op)](op, shape, layout, asks)


def spatial_places(shape: Dims, layout: Layout, rank: int, asks: Conditions) -> tuple[int, tuple[int, ...]] | None:
    """(place of the channels, places of the spatial axes); None and a refusal where the number of axes is wrong."""
    if len(shape) != rank + 1 + layout.batched:
        asks.refuse(f"needs {rank + 1 + layout.batched} axes, not {len(shape)}")
        return None
    first = int(layout.batched)
    if layout.channels_last:
        return len(shape) - 1, tuple(range(first, len(shape) - 1))
    return first, tuple(range(first + 1, len(shape)))


def along(
    dim: Dim, asks: Conditions, step: Callable[[SizeMap], SizeMap], number: Callable[[int], int | None], text: str
) -> Dim:
    """One size through a rule: `step` on a map, `number` on a number, which is None where it does not work."""
    if dim is None:
        return None
    if isinstance(dim, int):
        out = number(dim)
        if out is None:
            asks.refuse(f"{text} does not take a size of {dim}")
        return out
    axis = single(dim)
    if axis is None:
        asks.unclear(f"{text} on an axis that is put together from several", dim)
        return None
    key, f = axis
    try:
        after = step(f)
    except TooComplex as error:
        asks.unclear(f"{text}: {error.fact}", dim)
        return None
    asks.followed(key, f, after, f"{text} needs ")
    return of(key, after)


def through(window: Window, dim: Dim, asks: Conditions) -> Dim:
    """One size through a sliding window."""

    def number(size: int) -> int | None:
        axis = window.over(size)
        return axis.out if axis.fits and size >= 1 else None

    return along(dim, asks, lambda f: f.through(window), number, f"a window that spans {window.span}")


def _slide(windows: tuple[Window, ...], shape: Dims, layout: Layout, asks: Conditions) -> tuple[int, Dims] | None:
    found = spatial_places(shape, layout, len(windows), asks)
    if found is None:
        return None
    channels, places = found
    out = list(shape)
    for window, place in zip(windows, places, strict=True):
        out[place] = through(window, shape[place], asks)
    return channels, tuple(out)


def _channels(op: Any, dim: Dim, asks: Conditions) -> None:
    if op.in_channels is not None and dim is not None:
        asks.product_is(dim, op.in_channels, f"needs {op.in_channels} channels")


def _conv(op: Conv, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    found = spatial_places(shape, layout, op.rank, asks)
    if found is None:
        return None
    channels, places = found
    _channels(op, shape[channels], asks)
    if op.padding_mode != "zeros":
        for window, place in zip(op.windows, places, strict=True):
            if isinstance(window.padding, Pads):
                _border(op.padding_mode, window.padding, shape[place], asks)
    slid = _slide(op.windows, shape, layout, asks)
    assert slid is not None
    out = list(slid[1])
    many = shape[channels]
    out[channels] = (
        op.out_channels if op.multiplier is None else many * op.multiplier if isinstance(many, int) else None
    )
    if isinstance(many, int) and op.groups and many % op.groups:
        asks.refuse(f"{many} channels do not divide into {op.groups} groups")
    return tuple(out)


def _border(mode: str, pads: Pads, dim: Dim, asks: Conditions) -> None:
    """A padding that reads the data needs enough of it."""
    least = max(pads.low, pads.high) + (mode == "reflect")
    if mode in ("reflect", "circular"):
        along(dim, asks, lambda f: f.at_least(least), lambda n: n if n >= least else None, f"{mode} padding")


def _transposed(op: ConvTranspose, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    found = spatial_places(shape, layout, op.rank, asks)
    if found is None:
        return None
    channels, places = found
    _channels(op, shape[channels], asks)
    out = list(shape)
    many = shape[channels]
    out[channels] = (
        op.out_channels if op.multiplier is None else many * op.multiplier if isinstance(many, int) else None
    )
    extra = op.output_padding or (0,) * op.rank
    for window, more, place in zip(op.windows, extra, places, strict=True):
        out[place] = _back(window, more, shape[place], asks)
    return tuple(out)


def _back(window: Window, more: int, dim: Dim, asks: Conditions) -> Dim:
    def number(size: int) -> int | None:
        out = window.transposed(size, more)
        return out if size >= 1 and out >= 1 else None

    return along(dim, asks, lambda f: f.transposed(window, more), number, "a transposed window")


def _pool(op: Pool, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    slid = _slide(op.windows, shape, layout, asks)
    return None if slid is None else slid[1]


def _unfold(op: Unfold, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    slid = _slide(op.windows, shape, layout, asks)
    if slid is None:
        return None
    channels, out = slid
    batch = out[:1] if layout.batched else ()
    spatial = tuple(dim for place, dim in enumerate(out) if place != channels and place >= len(batch))
    return (*batch, product((out[channels], *(window.kernel for window in op.windows))), product(spatial))


def _fold(op: Fold, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    *batch, columns, count = shape
    taps, windows = 1, 1
    for window, size in zip(op.windows, op.sizes, strict=True):
        taps, windows = taps * window.kernel, windows * window.over(size).out
    asks.product_is(count, windows, f"needs {windows} columns")
    asks.divides(taps, columns, f"needs {taps} to divide the rows")
    return (*batch, _quotient(columns, taps), *op.sizes)


def _global(op: GlobalPool, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    found = spatial_places(shape, layout, op.rank, asks)
    if found is None:
        return None
    _, places = found
    for place in places:
        positive(shape[place], asks)
    if op.keep_dims:
        return tuple(1 if place in places else dim for place, dim in enumerate(shape))
    return tuple(dim for place, dim in enumerate(shape) if place not in places)


def _adaptive(op: AdaptivePool, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    found = spatial_places(shape, layout, op.rank, asks)
    if found is None:
        return None
    out = list(shape)
    for size, place in zip(op.sizes, found[1], strict=True):
        out[place] = shape[place] if size is None else size
    return tuple(out)


def _pad(op: Pad, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    return _grow(op.pads, op.mode, shape, layout, asks)


def _crop(op: Crop, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    return _grow(tuple(Pads(-cut.low, -cut.high) for cut in op.cuts), "constant", shape, layout, asks)


def _grow(pads: tuple[Pads, ...], mode: str, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    if len(shape) >= len(pads) and len(shape) != len(pads) + 1 + layout.batched and not layout.channels_last:
        places = tuple(range(len(shape) - len(pads), len(shape)))
    else:
        found = spatial_places(shape, layout, len(pads), asks)
        if found is None:
            return None
        places = found[1]
    out = list(shape)
    for pad, place in zip(pads, places, strict=True):
        if pad == Pads():
            positive(shape[place], asks)
        else:
            _border(mode, pad, shape[place], asks)
            out[place] = grown(pad, shape[place], asks)
    return tuple(out)


def grown(pad: Pads, dim: Dim, asks: Conditions) -> Dim:
    """One size with cells added or cut off."""
    cut = -min(pad.low, 0) - min(pad.high, 0)

    def number(size: int) -> int | None:
        return size + pad.total if size >= cut and size + pad.total >= 1 else None

    def step(f: SizeMap) -> SizeMap:
        return ((f.at_least(cut) if cut else f) + pad.total).at_least(1)

    return along(dim, asks, step, number, f"padding {pad.low} + {pad.high}")


def positive(dim: Dim, asks: Conditions) -> Dim:
    """The size, which must be at least 1."""
    if isinstance(dim, int):
        if dim < 1:
            asks.refuse(f"gives a size of {dim}")
        return dim
    if (axis := single(dim)) is not None:
        key, f = axis
        asks.followed(key, f, f.at_least(1), "a size of at least 1 needs ")
        return of(key, f.at_least(1))
    return dim


def _resize(op: Resize, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    places = range(len(shape) - op.rank, len(shape))
    if layout.channels_last or len(shape) == op.rank + 1 + layout.batched:
        found = spatial_places(shape, layout, op.rank, asks)
        if found is None:
            return None
        places = found[1]  # type: ignore[assignment]
    out = list(shape)
    for number, place in enumerate(places):
        if op.sizes is not None:
            wanted, dim = op.sizes[number], positive(shape[place], asks)
            out[place] = dim if wanted is None else wanted
        else:
            assert op.scales is not None
            out[place] = scaled(op.scales[number], op.exact, shape[place], asks)
    return tuple(out)


def scaled(scale: Fraction, exact: bool, dim: Dim, asks: Conditions, *, resize: bool = True) -> Dim:
    """The size times `scale`, rounded down; not followed where floating point may give another number.

    A resized map must have at least one cell; a term of shape arithmetic (`resize` False) may well be 0.
    """
    if isinstance(dim, int):
        out = Resize(scales=(scale,), exact=exact).out(0, dim)
        if out < 1:
            asks.refuse(f"resizing {dim} cells gives {out}")
        return out
    binary = scale.denominator & (scale.denominator - 1) == 0
    if scale.denominator > EXACT_SCALES or not (exact or binary):
        asks.unclear(f"scales by {float(scale):g}, which is not an exact fraction: the size follows from rounding", dim)
        return None
    if resize:
        return along(dim, asks, lambda f: f.times(scale), lambda n: n, f"scaling by {scale}")
    return along(dim, asks, lambda f: f * scale.numerator // scale.denominator, lambda n: n, f"scaling by {scale}")


def _shuffle(op: PixelShuffle, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    if len(shape) < op.rank + 1:
        asks.refuse(f"needs {op.rank + 1} axes, not {len(shape)}")
        return None
    batched = replace(layout, batched=True)
    lead = max(len(shape) - op.rank - 2, 0)
    found = spatial_places(
        shape[lead:], batched if len(shape) > op.rank + 1 else replace(layout, batched=False), op.rank, asks
    )
    assert found is not None
    channels, places = found[0] + lead, tuple(place + lead for place in found[1])
    out, area = list(shape), op.factor**op.rank
    for place in places:
        if op.inverse:
            out[place] = along(
                shape[place],
                asks,
                lambda f: f.divided(op.factor),
                lambda n: n // op.factor if n % op.factor == 0 and n else None,
                f"{op.factor} x {op.factor} cells to one:",
            )
        else:
            out[place] = product((shape[place], op.factor))
    if op.inverse:
        out[channels] = product((shape[channels], area))
    else:
        asks.divides(area, shape[channels], f"needs {area} to divide the channels")
        out[channels] = _quotient(shape[channels], area)
    return tuple(out)


def _quotient(dim: Dim, divisor: int) -> Dim:
    quotient = ratio(dim, divisor)
    return None if quotient is None else quotient.whole()


def _flatten(op: Flatten, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    rank = len(shape)
    if not rank:
        return (1,)
    start, end = op.start % rank, op.end % rank
    if start > end:
        asks.refuse(f"flattens from axis {start} to axis {end}")
        return None
    asks.unknown("flattens sizes of which one is not known", *shape[start : end + 1])
    return (*shape[:start], product(shape[start : end + 1]), *shape[end + 1 :])


def fill(shape: Dims, target: Dims, asks: Conditions) -> Dims:
    """The same elements in another shape; one -1 is what the others leave."""
    count, fixed = product(shape), product(size for size in target if size != -1)
    if asks.unknown("reshapes sizes of which one is not known", *shape, *target) or count is None or fixed is None:
        return tuple(None if size == -1 else size for size in target)
    if -1 not in target:
        asks.product_is(count, fixed, _elements(target))
        return target
    quotient = ratio(count, fixed)
    if quotient is None or quotient.under:
        asks.unclear("reshapes in a way that is not followed", count, fixed)
        return tuple(None if size == -1 else size for size in target)
    share = quotient.coefficient.denominator
    if share != 1 and not quotient.over:
        asks.refuse(_elements(target))
    elif share != 1:
        asks.divides(share, Product(ONE, quotient.over), _elements(target))
    whole = quotient.whole()
    return tuple(whole if size == -1 else size for size in target)


def _elements(target: Dims) -> str:
    words = " x ".join("?" if not isinstance(size, int) or size == -1 else str(size) for size in target)
    return f"needs as many elements as {words} has" if -1 not in target else f"needs elements that fill {words}"


def _reshape(op: Reshape, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    batch, rest = (shape[:1], shape[1:]) if op.keeps_batch else ((), shape)
    return (*batch, *fill(rest, op.target, asks))


def _unflatten(op: Unflatten, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    axis = op.axis % len(shape)
    return (*shape[:axis], *fill(shape[axis : axis + 1], op.sizes, asks), *shape[axis + 1 :])


def _permute(op: Permute, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    if sorted(op.order) != list(range(len(shape))):
        asks.refuse(f"{op.order} does not order {len(shape)} axes")
        return None
    return tuple(shape[axis] for axis in op.order)


def _dense(op: Dense, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    if not shape:
        asks.refuse("needs at least one axis")
        return None
    if op.in_features is not None:
        asks.product_is(shape[-1], op.in_features, f"needs {op.in_features} features")
    return (*shape[:-1], op.out_features)


def _norm(op: Norm, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    if op.axes == "channels":
        at = len(shape) - 1 if layout.channels_last else int(layout.batched)
        axes: tuple[int, ...] = (at,)
    else:
        axes = tuple(int(axis) for axis in op.axes)
    dims = tuple(shape[axis] for axis in axes if -len(shape) <= axis < len(shape))
    if op.shape is not None and len(op.shape) == len(dims):
        for dim, wanted in zip(dims, op.shape, strict=True):
            asks.product_is(dim, wanted, f"normalises {wanted} features")
    elif op.features is not None:
        asks.unknown(f"normalises {op.features} features, and a size is not known", *dims)
        asks.product_is(product(dims), op.features, f"normalises {op.features} features")
    return shape


def spread(op: Op, shape: Dims, layout: Layout, asks: Conditions) -> None:
    """What PyTorch's own layers ask beside the op's shapes: they normalise over space only where there is more than one value."""
    if not isinstance(op, Norm) or op.kind not in ("instance", "group") or op.moments or op.axes != "channels":
        return
    channels = int(layout.batched)
    rest = tuple(dim for place, dim in enumerate(shape) if place > channels)
    share: tuple[Dim, ...] = ()
    if op.kind == "group" and op.groups and isinstance(shape[channels], int):
        many = shape[channels]
        assert isinstance(many, int)
        share = (many // op.groups, *shape[:channels])
    boxes, told = more_than_one((*rest, *share)), "normalises more than one value"
    if boxes is None:
        asks.unclear(told, *rest)
    else:
        asks.either(boxes, told)


def _gate(op: Gate, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    axis = op.axis % len(shape)
    asks.divides(2, shape[axis], "needs an even size")
    return (*shape[:axis], _quotient(shape[axis], 2), *shape[axis + 1 :])


def _same(op: Pointwise, shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    return shape


RULES: dict[type, Callable[[Any, Dims, Layout, Conditions], Dims | None]] = {
    Conv: _conv,
    ConvTranspose: _transposed,
    Pool: _pool,
    Unfold: _unfold,
    Fold: _fold,
    GlobalPool: _global,
    AdaptivePool: _adaptive,
    Pad: _pad,
    Crop: _crop,
    Resize: _resize,
    PixelShuffle: _shuffle,
    Flatten: _flatten,
    Reshape: _reshape,
    Unflatten: _unflatten,
    Permute: _permute,
    Dense: _dense,
    Norm: _norm,
    Gate: _gate,
    Pointwise: _same,
}
"""The rule of every op."""
