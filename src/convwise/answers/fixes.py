"""The smallest changes to the user's own layer that give what was wanted.

Candidates come from the preimage: for a wanted output, the padded sizes that give it are an interval, so the padding
needed is known without trial. Every fix is a call that was written out, read back and asked for its output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from convwise import dialects
from convwise.answers.explanation import Fix
from convwise.answers.respelled import Reader, collapse, respelled, spatial
from convwise.answers.vocabulary import argument, no_pads, padding_words, spelled
from convwise.axis import NO_PADS, SAME_UPPER, Padding, Pads, Window, split_total, uncovered
from convwise.dialects.base import Layer
from convwise.ops import Conv, Pool, Shape

PADDED = ("keras", "torch")
"""The frameworks whose padding layer is offered before a layer."""
LARGEST_TRIED = 16
"""Kernels and strides above this are not proposed: nobody would take them for a small change."""


@dataclass(frozen=True, slots=True)
class Goal:
    """Spatial sizes to reach, and what that is good for."""

    target: tuple[int, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Change:
    """New values for some of the words kernel, stride, dilation and padding (see `spelled`); or pads before the layer."""

    values: Mapping[str, Any]
    before: tuple[Pads, ...] | None = None


def goals(
    windows: Sequence[Window],
    sizes: tuple[int, ...],
    outs: tuple[int, ...] | None,
    want: tuple[int, ...] | None,
    pool: bool = False,
) -> tuple[Goal, ...]:
    """What the user most likely wants: the size he named, else exactly the stride's share, else no change of size.

    Nobody makes a pool to keep the size.
    """
    if want is not None:
        return (Goal(want, ""),) if want != outs else ()
    found: list[Goal] = []
    strided = tuple(Window(1, window.stride).over(size).out for window, size in zip(windows, sizes, strict=True))
    if any(window.stride > 1 for window in windows):
        exact = all(size % window.stride == 0 for window, size in zip(windows, sizes, strict=True))
        halves = all(window.stride == 2 for window in windows)
        if strided != outs:
            found.append(Goal(strided, _share(windows, exact)))
        if not pool and outs is not None:
            found.append(Goal(sizes, "no halving" if halves else "the same size"))
    elif sizes != outs:
        found.append(Goal(sizes, "the same size"))
    return tuple(goal for goal in found if all(size > 0 for size in goal.target))


def _share(windows: Sequence[Window], exact: bool) -> str:
    """What the stride alone would leave: `exactly half`, `exactly 1/4`, `ceil(size / stride)`."""
    strides = {window.stride for window in windows}
    if not exact or len(strides) > 1:
        return "ceil(size / stride)"
    return "exactly half" if strides == {2} else f"exactly 1/{strides.pop()}"


def fixes(
    layer: Layer,
    shape: Shape,
    read: Reader,
    outs: tuple[int, ...] | None,
    want: tuple[int, ...] | None = None,
) -> tuple[Fix, ...]:
    """Ready calls, the smallest change first, each with the output it gives.

    `shape` is the layer's input as the dialect sees it, `outs` the spatial output today (None where the layer does
    not fit at all).
    """
    op, sizes = layer.window_op, spatial(layer, shape)
    if not isinstance(op, Conv | Pool) or sizes is None or any(size < 1 for size in sizes):
        return ()
    found: list[Fix] = []
    wanted = goals(op.windows, sizes, outs, want, isinstance(op, Pool))
    uneven = _keras_rule(layer, op, shape, sizes, wanted, read)
    for goal in wanted:
        share = 2 if want is not None and not uneven else 1
        changes = _changes(layer, op, sizes, goal.target) if want is not None else _plain(layer, op, sizes, goal.target)
        tried = (_checked(layer, shape, change, goal, read) for change in changes)
        found += _first(tried, share, layer, shape, read, found)
    found += [fix for fix in uneven if fix.code not in [other.code for other in found]]
    if outs is None and want is None:
        found += _largest_that_fits(layer, op, shape, sizes, read)
    return tuple(found)


def _first(
    tried: Iterator[Fix | None], share: int, layer: Layer, shape: Shape, read: Reader, known: Sequence[Fix]
) -> list[Fix]:
    """The first so many that read most of the input; where none does, one that does not, if the layer does not today."""
    seen = {fix.code for fix in known}
    found: list[Fix] = []
    spare: list[Fix] = []
    for fix in tried:
        if fix is None or fix.code in seen:
            continue
        seen.add(fix.code)
        (found if _reads_most(fix, shape, read) else spare).append(fix)
        if len(found) >= share:
            break
    return found or (spare[:1] if passes_by(layer, shape) else [])


def _largest_that_fits(
    layer: Layer, op: Conv | Pool, shape: Shape, sizes: tuple[int, ...], read: Reader
) -> Iterator[Fix]:
    """The largest kernel, no larger than today's, that has a place on every axis."""
    kernels: list[int] = []
    for window, size in zip(op.windows, sizes, strict=True):
        room = window.pads(size).total + size
        # A window of k taps fits where its span does not pass the room; spans grow with k, so halving finds the last.
        fits, most = 0, min(window.kernel, room)
        while fits < most:
            tried = (fits + most + 1) // 2
            fits, most = (tried, most) if replace(window, kernel=tried).span <= room else (fits, tried - 1)
        if fits < 1:
            return
        kernels.append(fits)
    if max(kernels) == 1:
        return
    windows = (replace(window, kernel=kernel) for window, kernel in zip(op.windows, kernels, strict=True))
    target = tuple(window.over(size).out for window, size in zip(windows, sizes, strict=True))
    fix = _checked(layer, shape, Change({"kernel": collapse(kernels)}), Goal(target, "the largest that fits"), read)
    if fix is not None:
        yield fix


def read_every_cell(layer: Layer, shape: Shape, read: Reader) -> tuple[Fix, ...]:
    """For a stride that steps over cells: the kernel that reads them all and keeps the output."""
    op, sizes = layer.window_op, spatial(layer, shape)
    if not isinstance(op, Conv | Pool) or sizes is None:
        return ()
    for kernels in product(
        *(_kernels_without_gaps(window, size) for window, size in zip(op.windows, sizes, strict=True))
    ):
        windows = tuple(
            replace(window, kernel=kernel, dilation=1) for window, kernel in zip(op.windows, kernels, strict=True)
        )
        target = tuple(window.over(size).out for window, size in zip(windows, sizes, strict=True))
        values: dict[str, Any] = {"kernel": collapse(kernels)}
        if any(window.dilation > 1 for window in op.windows):
            values["dilation"] = 1
        fix = _checked(
            layer,
            shape,
            Change(values),
            Goal(target, "every pixel read" if len(sizes) > 1 else "every cell read"),
            read,
        )
        if fix is not None:
            return (fix,)
    return ()


def _kernels_without_gaps(window: Window, size: int) -> list[int]:
    if window.over(size).unread_data.gaps == 0:
        return [window.kernel]
    return [
        k
        for k in range(window.stride, window.stride + 3)
        if replace(window, kernel=k, dilation=1).over(size).unread_data == 0
    ][:1]


def pads_needed(window: Window, size: int, target: int) -> range:
    """The padding in all, low and high together, under which `size` cells give `target` windows: the preimage less the size."""
    free = uncovered(window.stride, size, target)
    return range(max(window.span - free.stop, 0), window.span - free.start) if free else range(0)


def _strides(sizes: tuple[int, ...], target: tuple[int, ...]) -> tuple[int, ...] | None:
    """The stride of each axis that alone makes the target of the size; None where one has none."""
    found = [
        next((stride for stride in range(1, LARGEST_TRIED + 1) if 0 in uncovered(stride, size, out)), None)
        for size, out in zip(sizes, target, strict=True)
    ]
    return tuple(stride for stride in found if stride is not None) if None not in found else None


def _plain(layer: Layer, op: Conv | Pool, sizes: tuple[int, ...], target: tuple[int, ...]) -> Iterator[Change]:
    """The changes worth offering to one who named no size: padding, no stride, less dilation; never another kernel."""
    if isinstance(op, Pool):
        yield from _ceiling(layer, op, sizes, target)
    yield from _paddings(layer, op.windows, sizes, target, {})
    if target == sizes and any(window.stride > 1 for window in op.windows):
        changed = tuple(replace(window, stride=1) for window in op.windows)
        yield from _kept(changed, sizes)
        yield from _paddings(layer, changed, sizes, target, {"stride": 1})
    if all(window.dilation > 1 for window in op.windows):
        changed = tuple(replace(window, dilation=1) for window in op.windows)
        yield from _paddings(layer, changed, sizes, target, {"dilation": 1})


def _kept(changed: tuple[Window, ...], sizes: tuple[int, ...]) -> Iterator[Change]:
    if all(window.over(size).out == size for window, size in zip(changed, sizes, strict=True)):
        yield Change({"stride": 1})


def _ceiling(layer: Layer, op: Pool, sizes: tuple[int, ...], target: tuple[int, ...]) -> Iterator[Change]:
    """PyTorch's and ONNX's ceil_mode, where the cells left over are what is missing."""
    if "ceil_mode" in layer.arguments and not any(window.ceil for window in op.windows):
        windows = [replace(window, ceil=True) for window in op.windows]
        if all(window.over(size).out == out for window, size, out in zip(windows, sizes, target, strict=True)):
            yield Change({"ceil_mode": True})


def _changes(layer: Layer, op: Conv | Pool, sizes: tuple[int, ...], target: tuple[int, ...]) -> Iterator[Change]:
    """Changes that reach `target` on every axis, from the smallest and most usual on."""
    if len(target) != len(sizes):
        return
    windows = op.windows
    if isinstance(op, Pool):
        yield from _ceiling(layer, op, sizes, target)
    yield from _paddings(layer, windows, sizes, target, {})
    if isinstance(op, Pool):
        yield from _side_by_side(op, sizes, target)
    for stride in _common(windows, sizes, target, "stride"):
        yield Change({"stride": stride})
    for stride in range(1, LARGEST_TRIED + 1):
        if all(Window(1, stride).over(size).out == out for size, out in zip(sizes, target, strict=True)):
            changed = tuple(replace(window, stride=stride) for window in windows)
            yield from _paddings(layer, changed, sizes, target, {"stride": stride})
    strides = _strides(sizes, target)
    if strides is not None and len(set(strides)) > 1:
        changed = tuple(replace(window, stride=stride) for window, stride in zip(windows, strides, strict=True))
        yield from _paddings(layer, changed, sizes, target, {"stride": strides})
    for word in ("kernel", "dilation"):
        for value in _common(windows, sizes, target, word):
            yield Change({word: value})
    if any(window.dilation > 1 for window in windows):
        changed = tuple(replace(window, dilation=1) for window in windows)
        yield from _paddings(layer, changed, sizes, target, {"dilation": 1})
    yield from _axis_by_axis(layer, windows, sizes, target)
    needed = [pads_needed(window, size, out) for window, size, out in zip(windows, sizes, target, strict=True)]
    close = all(needed) and all(totals[0] < 2 * window.span for totals, window in zip(needed, windows, strict=True))
    if close and isinstance(op, Conv) and layer.dialect in PADDED and any(totals[0] for totals in needed):
        yield Change({"padding": no_pads(layer)}, tuple(split_total(totals[0], SAME_UPPER) for totals in needed))


def _side_by_side(op: Pool, sizes: tuple[int, ...], target: tuple[int, ...]) -> Iterator[Change]:
    """A pool whose windows stand side by side stays one: so many cells become one."""
    kernels = [size // out if out else 0 for size, out in zip(sizes, target, strict=True)]
    if all(window.stride == window.kernel for window in op.windows) and min(kernels) >= 1 and max(kernels) > 1:
        kernel = collapse(kernels)
        yield Change({"kernel": kernel})
        yield Change({"kernel": kernel, "stride": kernel})


def passes_by(layer: Layer, shape: Shape) -> bool:
    """Whether the windows leave out more than a quarter of an axis: such a layer is no way to a smaller size.

    A convolution of one tap a filter with a stride is one: it is made to thin its input out.
    """
    op, sizes = layer.window_op, spatial(layer, shape)
    if not isinstance(op, Conv | Pool) or sizes is None:
        return False
    if isinstance(op, Conv) and all(window.kernel == 1 for window in op.windows):
        return False
    return any(_leaves_out(window, size) for window, size in zip(op.windows, sizes, strict=True))


def _leaves_out(window: Window, size: int) -> bool:
    axis = window.over(size)
    return axis.fits and 4 * int(axis.unread_data) > size


def _reads_most(fix: Fix, shape: Shape, read: Reader) -> bool:
    for part in read(fix.code):
        if passes_by(part, shape):
            return False
        shape = dialects.get(part.dialect).flow(part, shape).output
    return True


def _paddings(
    layer: Layer, windows: tuple[Window, ...], sizes: tuple[int, ...], target: tuple[int, ...], also: Mapping[str, Any]
) -> Iterator[Change]:
    """The paddings that reach `target`: the framework's own word, then numbers, then a layer of padding before."""
    for word, rule in padding_words(layer):
        changed = (replace(window, padding=rule) for window in windows)
        if all(window.over(size).out == out for window, size, out in zip(changed, sizes, target, strict=True)):
            yield Change({"padding": word, **also})
    needed = [pads_needed(window, size, out) for window, size, out in zip(windows, sizes, target, strict=True)]
    if not all(needed) or any(
        totals[0] > 2 * (window.span - 1) for totals, window in zip(needed, windows, strict=True)
    ):
        return  # padding beyond what any window at the edge could see is no small change
    yield Change({"padding": tuple(map(_alike, needed)), **also})
    steps = all(window.stride == 1 for window in windows)
    if layer.dialect == "torch" and steps and target == sizes and isinstance(layer.window_op, Conv):
        yield Change({"padding": "same", **also})


def _alike(totals: range) -> Pads:
    """The least pads of a range that are the same on both sides, where that takes no more than a cell; else the least."""
    return split_total(next((total for total in totals[:2] if total % 2 == 0), totals[0]), SAME_UPPER)


def _axis_by_axis(
    layer: Layer, windows: tuple[Window, ...], sizes: tuple[int, ...], target: tuple[int, ...]
) -> Iterator[Change]:
    """Stride and kernel chosen for each axis by itself, nearest to today's, under one padding rule for all.

    A kernel that is an array stays as it is.
    """
    free = argument(layer, "kernel") is not None
    today = [window.padding for window in windows]
    rules: list[tuple[dict[str, Any], list[Padding]]] = [
        ({"padding": word}, [rule] * len(windows)) for word, rule in padding_words(layer)
    ]
    if not rules:
        rules = [({}, today), ({"padding": no_pads(layer)}, [NO_PADS] * len(windows))]
    for said, rule in rules:
        chosen: list[Window] = []
        for window, padding, size, out in zip(windows, rule, sizes, target, strict=True):
            nearest = _nearest_window(replace(window, padding=padding, dilation=1), size, out, free)
            if nearest is None:
                break
            chosen.append(nearest)
        if len(chosen) == len(windows) and (
            max(one.kernel for one in chosen) > 1 or all(w.kernel == 1 for w in windows)
        ):
            values = {
                **({"kernel": collapse([window.kernel for window in chosen])} if free else {}),
                "stride": collapse([window.stride for window in chosen]),
                **said,
            }
            yield Change({**values, "dilation": 1} if any(window.dilation > 1 for window in windows) else values)


def _nearest_window(window: Window, size: int, out: int, free: bool) -> Window | None:
    """The window nearest in stride, and in kernel where that is `free`, that gives `out`, and reads most of the cells if one does."""
    kernels = (*range(1, LARGEST_TRIED + 1), size) if free else (window.kernel,)
    found = [
        replace(window, stride=stride, kernel=kernel)
        for stride, kernel in product(range(1, LARGEST_TRIED + 1), kernels)
    ]
    fitting = [changed for changed in found if changed.over(size).out == out]
    return min(fitting, key=lambda changed: (_leaves_out(changed, size), _distance(changed, window)), default=None)


def _distance(changed: Window, window: Window) -> int:
    # A kernel of one cell sees no neighbours: it is the last resort.
    alone = LARGEST_TRIED if changed.kernel == 1 < window.kernel else 0
    return 2 * abs(changed.stride - window.stride) + abs(changed.kernel - window.kernel) + alone


def _common(windows: Sequence[Window], sizes: Sequence[int], target: Sequence[int], word: str) -> Iterator[Any]:
    """Values of one word that reach the target on all axes: one value for all where there is one, else one an axis."""
    today = [
        {"kernel": window.kernel, "stride": window.stride, "dilation": window.dilation}[word] for window in windows
    ]
    fitting = [
        [
            value
            for value in range(1 + (word == "kernel" and window.kernel > 1), LARGEST_TRIED + 1)
            if _with(window, word, value).over(size).out == out
        ]
        for window, size, out in zip(windows, sizes, target, strict=True)
    ]
    shared = [value for value in fitting[0] if all(value in values for values in fitting[1:])]
    if shared:
        yield from sorted(shared, key=lambda value: abs(value - today[0]))[:2]
    elif all(fitting):
        yield tuple(_closest(values, now) for values, now in zip(fitting, today, strict=True))


def _closest(values: Sequence[int], now: int) -> int:
    return min(values, key=lambda value: abs(value - now))


def _with(window: Window, word: str, value: int) -> Window:
    match word:
        case "kernel":
            return replace(window, kernel=value)
        case "stride":
            return replace(window, stride=value)
    return replace(window, dilation=value)


def _checked(layer: Layer, shape: Shape, change: Change, goal: Goal, read: Reader) -> Fix | None:
    """The change written out, read back and run; None where it is refused or gives something else."""
    named = spelled(layer, change.values)
    if named is None:
        return None
    pad = "" if change.before is None else pad_layer(layer, change.before)
    found = respelled(layer, named, shape, read, before=pad)
    if found is None or spatial(found[1], found[0].output) != goal.target:
        return None
    fix, rest = found[0], "valid" if layer.dialect == "keras" else 0
    return replace(fix, label=f"{pad} before padding={rest!r}" if pad else fix.label, why=goal.why)


def pad_layer(layer: Layer, pads: Sequence[Pads]) -> str:
    """The framework's zero-padding layer for these pads, in the framework's own order."""
    kind = f"ZeroPadding{len(pads)}D" if layer.dialect == "keras" else f"nn.ZeroPad{len(pads)}d"
    return f"{kind}({pairs(layer.dialect, pads)})"


def pairs(dialect: str, pads: Sequence[Pads]) -> tuple[Any, ...]:
    """Pads of the axes as the framework's layer of padding takes them."""
    if dialect == "keras":
        each = tuple((pad.low, pad.high) for pad in pads)
        return each if len(pads) > 1 else each[0]
    return tuple(number for pad in reversed(pads) for number in (pad.low, pad.high))


def _keras_rule(
    layer: Layer, op: Conv | Pool, shape: Shape, sizes: tuple[int, ...], wanted: Sequence[Goal], read: Reader
) -> list[Fix]:
    """Keras's 'same' written out for PyTorch, where a stride makes it uneven: a pad before the layer."""
    # Zeros before a pool are not what Keras's 'same' pads it with, which counts for nothing.
    if layer.dialect != "torch" or isinstance(op, Pool) or not any(window.stride > 1 for window in op.windows):
        return []
    windows = tuple(replace(window, padding=SAME_UPPER) for window in op.windows)
    pads = tuple(window.pads(size) for window, size in zip(windows, sizes, strict=True))
    target = tuple(window.over(size).out for window, size in zip(windows, sizes, strict=True))
    if target not in [goal.target for goal in wanted] or all(pad.low == pad.high for pad in pads):
        return []
    fix = _checked(layer, shape, Change({"padding": no_pads(layer)}, pads), Goal(target, "Keras's 'same'"), read)
    return [fix] if fix is not None else []
