"""Other ways to say an op, each exact: what a framework without the words for it can say instead. No framework is named here.

The ways come shortest first. A way that is `sized` is exact at the given size and not at every other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

from convwise.answers.porting.stages import Feeds, Move, Part
from convwise.axis import NO_PADS, SAME_LOWER, SAME_UPPER, Axis, Pads, Window
from convwise.ops import AdaptivePool, Conv, ConvTranspose, Crop, Op, Pad, Pool, Unfold

LOOKED_AT = 64
"""How many other sizes decide whether a way holds for all of them: padding rules repeat with the stride."""

Sizes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """Parts that together do what one op does; `comments` belong to the parts with the same number."""

    parts: tuple[Part, ...]
    sized: bool = False
    comments: tuple[str, ...] = ()
    same: tuple[Window, ...] = ()
    """Where the first part is padding that these windows' 'same' asks for: it can be computed when the size is known."""


def ways(op: Op, sizes: Sizes, feeds: Feeds) -> Iterator[Way]:
    """The op as it stands, and then its other ways for data of these spatial sizes."""
    yield Way((Part(op, feeds),))
    match op:
        case Conv():
            yield from _conv(op, sizes, feeds)
        case ConvTranspose():
            yield from _transposed(op, feeds)
        case Pool():
            yield from _pool(op, sizes)
        case AdaptivePool() if all(out and size % out == 0 for size, out in zip(sizes, op.sizes, strict=True)):
            windows = tuple(
                Window(size // (out or 1), size // (out or 1)) for size, out in zip(sizes, op.sizes, strict=True)
            )
            yield Way((Part(Pool(op.kind, windows)),), sized=True)
        case Unfold():
            pads = pads_of(over(op.windows, sizes))
            if any(pad != NO_PADS for pad in pads):
                bare = replace(op, windows=with_pads(op.windows, (NO_PADS,) * len(op.windows)))
                yield Way((Part(Pad(pads)), Part(bare)))
        case Pad() if op.mode == "constant" and any(side < 0 for pads in op.pads for side in (pads.low, pads.high)):
            cuts = tuple(Pads(max(-pads.low, 0), max(-pads.high, 0)) for pads in op.pads)
            grown = tuple(Pads(max(pads.low, 0), max(pads.high, 0)) for pads in op.pads)
            first = (Part(replace(op, pads=grown)),) if any(pads.total for pads in grown) else ()
            yield Way((*first, Part(Crop(cuts))))


def over(windows: Sequence[Window], sizes: Sizes) -> list[Axis]:
    return [window.over(size) for window, size in zip(windows, sizes, strict=True)]


def pads_of(axes: Sequence[Axis]) -> tuple[Pads, ...]:
    return tuple(Pads(axis.pad_low, axis.pad_high) for axis in axes)


def with_pads(windows: Sequence[Window], pads: Sequence[Pads]) -> tuple[Window, ...]:
    return tuple(replace(window, padding=pad) for window, pad in zip(windows, pads, strict=True))


def depends_on_size(windows: Sequence[Window], sizes: Sizes) -> bool:
    """Whether the pads would be others for some other size."""
    return any(
        window.pads(size) != window.pads(other)
        for window, size in zip(windows, sizes, strict=True)
        if not isinstance(window.fixed().padding, Pads)
        for other in range(size, size + min(window.stride, LOOKED_AT))
    )


def _sames(windows: Sequence[Window]) -> tuple[Window, ...]:
    """The windows, if all of them pad by TensorFlow's rule."""
    return tuple(windows) if all(window.padding is SAME_UPPER for window in windows) else ()


def _bare(op: Conv) -> Conv:
    return replace(op, windows=with_pads(op.windows, (NO_PADS,) * op.rank), padding_mode="zeros")


def told_pads(pads: Sequence[Pads], sizes: Sizes, sized: bool) -> str:
    """`pads 2 before and 3 after at 224`."""
    told = (
        f"{pad.low} before and {pad.high} after{f' at size {size}' if sized else ''}"
        for pad, size in zip(pads, sizes, strict=True)
    )
    return "; ".join(dict.fromkeys(told))


def _conv(op: Conv, sizes: Sizes, feeds: Feeds) -> Iterator[Way]:
    axes = over(op.windows, sizes)
    pads, sized = pads_of(axes), depends_on_size(op.windows, sizes)
    padded = any(pad != NO_PADS for pad in pads)
    if op.padding_mode == "zeros":
        explicit = replace(op, windows=with_pads(op.windows, pads))
        if explicit != op:
            yield Way((Part(explicit, feeds),), sized)
        equal = tuple(
            replace(window, padding=Pads(pad.low, pad.low)) for window, pad in zip(op.windows, pads, strict=True)
        )
        if equal != explicit.windows and all(alike(a, b) for a, b in zip(axes, over(equal, sizes), strict=True)):
            yield Way((Part(replace(op, windows=equal), feeds),), not _alike_everywhere(op.windows, equal, sizes))
    bare = _bare(op)
    mode = {"zeros": "constant"}.get(op.padding_mode, op.padding_mode)
    lead = (Part(Pad(pads, mode)),) if padded else ()
    comment = (f"padding: {told_pads(pads, sizes, sized)}{_foldable(op, axes)}",) if padded else ()
    if padded or op.padding_mode != "zeros":
        yield Way((*lead, Part(bare, feeds)), sized, comment, _sames(op.windows) if lead else ())
    if op.groups and op.groups > 1:
        told = "groups: one kernel with zeros between the groups"
        fed = _moved(feeds, Move("blocks", (op.groups,)))
        yield Way((*lead, Part(replace(bare, groups=1), fed)), sized, (*comment, told))
    if any(axis.stride > 1 for axis in axes):
        yield from _thinned(op, bare, lead, pads, sized, comment, feeds)


def _alike_everywhere(windows: Sequence[Window], others: Sequence[Window], sizes: Sizes) -> bool:
    return all(
        alike(window.over(size), other.over(size))
        for window, other, given in zip(windows, others, sizes, strict=True)
        for size in range(given, given + min(window.stride, LOOKED_AT))
    )


def _thinned(
    op: Conv,
    bare: Conv,
    lead: tuple[Part, ...],
    pads: tuple[Pads, ...],
    sized: bool,
    comment: tuple[str, ...],
    feeds: Feeds,
) -> Iterator[Way]:
    """Every place first, then every stride-th of them: a pool of one cell with the stride."""
    thin = Part(Pool("max", tuple(Window(1, stride=window.stride) for window in op.windows)))
    told = "stride: every place, then every stride-th of them"
    if op.padding_mode == "zeros":
        slow = replace(op, windows=tuple(replace(w, stride=1) for w in with_pads(op.windows, pads)))
        yield Way((Part(slow, feeds), thin), sized, ("", told))
    slow = replace(bare, windows=tuple(replace(window, stride=1) for window in bare.windows))
    if lead or op.padding_mode != "zeros":
        yield Way((*lead, Part(slow, feeds), thin), sized, (*comment, "", told))


def _foldable(op: Conv, axes: Sequence[Axis]) -> str:
    """Whether equal pads and a crop of the output would do without a copy of the input."""
    if op.padding_mode != "zeros":
        return ""
    sides, starts = [], []
    for axis in axes:
        side = max(axis.pad_low, axis.pad_high)
        if (side - axis.pad_low) % axis.stride:
            return ""
        wide = Window(axis.kernel, axis.stride, axis.dilation, Pads(side, side)).over(axis.size)
        first = (side - axis.pad_low) // axis.stride
        sides.append(side)
        starts.append((first, wide.out - axis.out - first))
    if all(start == (0, 0) for start in starts):
        return ""
    amount = sides[0] if len(set(sides)) == 1 else tuple(sides)
    cut = starts[0] if len(set(starts)) == 1 else tuple(starts)
    return f" (or folded in: padding={amount}, and cut {cut} off the output)"


def _transposed(op: ConvTranspose, feeds: Feeds) -> Iterator[Way]:
    """Pads crop the scattered map, so a crop after it says what a padding cannot; other kernels do what a dilation or groups do."""
    for other, fed, told in _kernels(op, feeds):
        if told:
            yield Way((Part(other, fed),), comments=(told,))
        for way in _cropped(other, fed):
            yield replace(way, comments=(told or (*way.comments, "")[0], *way.comments[1:]))


def _kernels(op: ConvTranspose, feeds: Feeds) -> Iterator[tuple[ConvTranspose, Feeds, str]]:
    """The layer itself, and with a larger kernel that has zeros in it."""
    extras = op.output_padding or (0,) * op.rank
    beyond = any(
        isinstance(window.padding, Pads) and extra > window.padding.high
        for extra, window in zip(extras, op.windows, strict=True)
    )
    found: list[tuple[ConvTranspose, Feeds, str]] = [(op, feeds, "")]
    if beyond or any(window.dilation > 1 for window in op.windows):
        rates = tuple(window.dilation for window in op.windows)
        for more in dict.fromkeys(((0,) * op.rank, tuple(extras))):
            # A dilated kernel is a larger one with zeros between its cells, and output_padding is zeros behind them.
            wide = tuple(
                replace(w, kernel=w.span + extra, dilation=1) for w, extra in zip(op.windows, more, strict=True)
            )
            moves = (Move("spread", rates), *((Move("grow", more),) if any(more) else ()))
            left = tuple(extra - taken for extra, taken in zip(extras, more, strict=True))
            told = "a larger kernel with zeros between or behind its cells"
            found.append((replace(op, windows=wide, output_padding=left), _moved(feeds, *moves), told))
    yield from found
    if op.groups and op.groups > 1:
        for one, fed, told in found:
            said = f"{told}, and between the groups" if told else "one kernel with zeros between the groups"
            yield replace(one, groups=1), _moved(fed, Move("blocks", (op.groups,))), said


def _moved(feeds: Feeds, *moves: Move) -> Feeds:
    return tuple((role, fetch.then(*moves) if role == "weight" else fetch) for role, fetch in feeds)


def _cropped(op: ConvTranspose, feeds: Feeds) -> Iterator[Way]:
    windows = [window.fixed() for window in op.windows]
    extras = op.output_padding or (0,) * op.rank
    pads = [window.padding for window in windows if isinstance(window.padding, Pads)]
    if len(pads) < op.rank:
        return
    # A crop of `low` at both ends takes high - low cells too few at the end, which output_padding can lack.
    more = tuple(extra + pad.low - pad.high for extra, pad in zip(extras, pads, strict=True))
    alike = tuple(replace(w, padding=Pads(pad.low, pad.low)) for w, pad in zip(windows, pads, strict=True))
    if all(extra >= 0 for extra in more):
        yield Way((Part(replace(op, windows=alike, output_padding=more), feeds),))
    free = tuple(replace(window, padding=NO_PADS) for window in windows)
    zeros = (0,) * op.rank
    if all(extra <= pad.high for extra, pad in zip(extras, pads, strict=True)):
        cuts = tuple(Pads(pad.low, pad.high - extra) for pad, extra in zip(pads, extras, strict=True))
        yield from _cut(replace(op, windows=alike, output_padding=zeros), feeds, _left(pads, extras))
        yield from _cut(replace(op, windows=free, output_padding=zeros), feeds, cuts)
    yield from _cut(replace(op, windows=free, output_padding=extras), feeds, tuple(pads))


def _left(pads: Sequence[Pads], extras: Sequence[int]) -> tuple[Pads, ...]:
    """What is still to be cut after `low` was cut at both ends."""
    return tuple(Pads(0, pad.high - pad.low - extra) for pad, extra in zip(pads, extras, strict=True))


def _cut(op: ConvTranspose, feeds: Feeds, cuts: tuple[Pads, ...]) -> Iterator[Way]:
    if any(cut.low < 0 or cut.high < 0 for cut in cuts):
        return
    if all(cut == NO_PADS for cut in cuts):
        yield Way((Part(op, feeds),))
        return
    text = "; ".join(dict.fromkeys(f"cut {cut.low} before and {cut.high} after" for cut in cuts))
    yield Way(
        (Part(op, feeds), Part(Crop(cuts))), comments=("", f"the padding of a transposed layer is a crop: {text}")
    )


def alike(one: Axis, other: Axis) -> bool:
    """Whether both windows read the same data cells for every output."""
    if (one.out, one.kernel, one.dilation, one.size) != (other.out, other.kernel, other.dilation, other.size):
        return False
    return (one.out <= 1 and one.pad_low == other.pad_low) or (one.stride, one.pad_low) == (other.stride, other.pad_low)


def divisors(op: Pool, axis: Axis) -> tuple[int, ...]:
    """How many cells each window of one axis counts."""
    return _counts(op, axis, range(axis.out))


def _counts(op: Pool, axis: Axis, indices: Iterable[int]) -> tuple[int, ...]:
    return tuple(len(axis.taps_in_padded(i) if op.count_padding else axis.taps_in_data(i)) for i in indices)


def _ends(axis: Axis) -> Iterable[int]:
    """The windows at both ends: in between all lie in the data and count alike."""
    most = max(LOOKED_AT, axis.pad_low, axis.span)
    if axis.out <= 2 * most:
        return range(axis.out)
    return (*range(most), *range(axis.out - most, axis.out))


def same_pool(one: Pool, other: Pool, sizes: Sizes) -> bool:
    """Whether two pools of one kind give the same numbers on data of these sizes."""
    if one.kind != other.kind or one.divisor != other.divisor or one.power != other.power:
        return False
    pairs = list(zip(over(one.windows, sizes), over(other.windows, sizes), strict=True))
    if not all(alike(first, second) for first, second in pairs):
        return False
    if one.kind == "max" or one.divisor is not None:
        return True
    if one.kind == "lp":
        # The sum of a window is scaled up by the cells that it overhangs, and by nothing else.
        one, other = replace(one, count_padding=True), replace(other, count_padding=True)
    return all(_counts(one, first, _ends(first)) == _counts(other, second, _ends(first)) for first, second in pairs)


def same_pool_everywhere(one: Pool, other: Pool) -> bool:
    """The same for sizes far enough that padding rules repeat; an axis at a time."""
    for place in range(one.rank):
        first, second = (replace(pool, windows=(pool.windows[place],)) for pool in (one, other))
        window = first.windows[0]
        start = max(window.minimum, second.windows[0].minimum)
        for size in range(start, start + min(2 * window.span + 2 * window.stride, LOOKED_AT)):
            if not same_pool(first, second, (size,)):
                return False
    return True


def _pool(op: Pool, sizes: Sizes) -> Iterator[Way]:
    axes = over(op.windows, sizes)
    for other in _pool_words(op, axes):
        if other != op and same_pool(op, other, sizes):
            yield Way((Part(other),), not same_pool_everywhere(op, other))
    pads = tuple(Pads(axis.pad_low, axis.pad_high + axis.overhang) for axis in axes)
    if all(pad == NO_PADS for pad in pads):
        return
    bare = replace(
        op, windows=tuple(replace(window, padding=NO_PADS, ceil=False) for window in op.windows), count_padding=False
    )
    sized = depends_on_size(op.windows, sizes) or any(window.ceil for window in op.windows)
    comment = (f"padding: {told_pads(pads, sizes, sized)}",)
    if op.kind == "max":
        yield Way((Part(Pad(pads, value=-inf)), Part(bare)), sized, comment, _sames(op.windows))
    elif op.divisor is not None or all(set(_counts(op, axis, _ends(axis))) == {axis.kernel} for axis in axes):
        yield Way((Part(Pad(pads)), Part(bare)), sized, comment)


def _pool_words(op: Pool, axes: Sequence[Axis]) -> Iterator[Pool]:
    """The same windows by other rules: explicit pads, ceil_mode, and both kinds of 'same'."""
    pads = pads_of(axes)
    for count in dict.fromkeys((op.count_padding, False, True)):
        plain = replace(
            op, windows=tuple(replace(w, padding=p, ceil=False) for w, p in zip(op.windows, pads, strict=True))
        )
        yield replace(plain, count_padding=count)
        if any(axis.overhang for axis in axes):
            # What the last window of ceil_mode hangs over is padding too, where padding does not count.
            whole = tuple(Pads(axis.pad_low, axis.pad_high + axis.overhang) for axis in axes)
            yield replace(plain, windows=with_pads(plain.windows, whole), count_padding=count)
        low = tuple(replace(w, padding=Pads(p.low, p.low), ceil=True) for w, p in zip(op.windows, pads, strict=True))
        yield replace(op, windows=tuple(replace(window, ceil=False) for window in low), count_padding=count)
        yield replace(op, windows=low, count_padding=count)
        for rule in (SAME_UPPER, SAME_LOWER):
            yield replace(
                op,
                windows=tuple(replace(window, padding=rule, ceil=False) for window in op.windows),
                count_padding=count,
            )
