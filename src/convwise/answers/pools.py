"""What is special about pools: whether ceil_mode added a window, what an average divides by, windows that adapt."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from convwise.answers.explanation import Fact, show
from convwise.answers.vocabulary import WORDS
from convwise.answers.wording import CELLS, listed, plural
from convwise.axis import Axis, Window, share
from convwise.dialects.base import LayerFlow
from convwise.ops import AdaptivePool, AxisFlow, GlobalPool, Op, Pool

MOST_WINDOWS = 4096
"""Longer axes are not counted window by window."""


def whole_map(op: GlobalPool) -> str:
    """`the average`, `the maximum`."""
    return {"average": "the average", "max": "the maximum"}.get(op.kind, f"the {op.kind}")


def ceil_row(axis: Axis, window: Window) -> Fact | None:
    """What ceil_mode did: added a window, left it out again, or had nothing to do."""
    if axis.stride == 1 or not axis.fits:
        return None
    if axis.overhang:
        start, left = axis.window(axis.out - 1).start, axis.stride - axis.overhang
        ends = f"reaches {axis.overhang} past the {'padding' if axis.pad_high else 'end'}"
        text = f"{plural(left, 'cell')} left over, so one more window: it starts at {start}, on data, and {ends}"
    elif window.drops_last(axis.size):
        text = f"adds nothing: one more window would start at {axis.window(axis.out).start}, in the padding, so it is dropped"
    else:
        text = "adds nothing: no cell is left over"
    return Fact("ceil_mode", (text,))


def divisor_row(flow: LayerFlow, op: Op | None) -> Fact | None:
    """What an average pool divides by, where padding or an overhang makes that a question."""
    if not isinstance(op, Pool) or op.kind != "average":
        return None
    if op.divisor is not None:
        why = "divisor_override" if "divisor_override" in flow.layer.arguments else "the cells are summed"
        return Fact("divides by", (f"{op.divisor} everywhere: {why}",))
    axes = [part.axis for part in flow.axes if part.axis is not None]
    if len(axes) != op.rank or any(axis.out > MOST_WINDOWS for axis in axes):
        return None
    if all(axis.pad_low == axis.pad_high == axis.overhang == 0 for axis in axes):
        return None
    names = [part.name for part in flow.axes]
    with_padding, data = (spread_of([_counts(axis, padding) for axis in axes], names) for padding in (True, False))
    if with_padding == data:
        return Fact("divides by", (f"{data}: cells past the end are not counted",))
    words = WORDS[flow.layer.dialect]
    if op.count_padding:
        told = (f"{with_padding}: padding is counted", *([f"{words.not_counted}: {data}"] if words.not_counted else []))
    else:
        told = (f"{data}: padding is not counted", *([f"{words.counted} {with_padding}"] if words.counted else []))
    return Fact("divides by", told)


def _counts(axis: Axis, padding: bool) -> list[int]:
    """How many cells each window of the axis divides by."""
    return [
        len(axis.taps_in_padded(index) if padding else axis.taps_in_data(index)) for index in range(max(axis.out, 0))
    ]


EMPTY_MAX = {
    "PyTorch 2.13": "-inf",
    "flax 0.12": "-inf",
    "ONNX Runtime 1.31": "-3.4028235e+38",
    "ONNX's reference 1.23": "nan",
}
"""What a maximum over no cell is, where it was run; TensorFlow 2.21 refuses padding as wide as the window."""
EMPTY_AVERAGE = {
    "flax 0.12, padding not counted": "nan",
    "flax 0.12, padding counted": "0",
    "ONNX Runtime 1.31": "0",
    "ONNX's reference 1.23": "nan",
}
"""What an average over no cell is, where it was run; PyTorch and TensorFlow let no such window happen."""


def empty_row(flow: LayerFlow, op: Op | None) -> Fact | None:
    """Windows of a pool that read no cell at all, and what each runtime makes of them."""
    if not isinstance(op, Pool) or op.kind == "lp":
        return None
    axes = [part.axis for part in flow.axes if part.axis is not None]
    if len(axes) != op.rank or not any(axis.blind for axis in axes):
        return None
    windows = prod(axis.out for axis in axes)
    count = windows - prod(axis.out - axis.blind for axis in axes)
    table = EMPTY_MAX if op.kind == "max" else EMPTY_AVERAGE
    told = ", ".join(f"{runtime} {value}" for runtime, value in table.items())
    return Fact("empty windows", (f"{count:,} of {windows:,} read no cell of data, only padding", f"they hold: {told}"))


def spread_of(counts: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """`corners 4, edges 6, centre 9`: the divisors over the whole map in few words."""
    if all(len(set(along)) == 1 for along in counts):
        return f"{prod(along[0] for along in counts)} everywhere"
    if any(len(along) < 3 or len(set(along[1:-1])) > 1 for along in counts):
        return _range(counts)
    firsts, middles, lasts = ([along[place] for along in counts] for place in (0, 1, -1))
    if firsts == lasts and len(set(zip(firsts, middles, strict=True))) == 1:
        end, middle = firsts[0], middles[0]
        words = {1: ("ends", "middle"), 2: ("corners", "edges", "centre"), 3: ("corners", "edges", "faces", "inside")}
        return ", ".join(
            f"{word} {end ** (len(counts) - number) * middle**number}" for number, word in enumerate(words[len(counts)])
        )
    if firsts == middles and len(counts) <= 2:
        told = [f"{prod(middles)} inside"]
        for number, name in enumerate(names):
            if lasts[number] != middles[number]:
                mixed = [*middles[:number], lasts[number], *middles[number + 1 :]]
                told.append(f"{prod(mixed)} at the last {CELLS.get(name, ('cell', ''))[0]}")
        if len(told) == 3:
            told = [
                told[0],
                told[1] + " and column" if told[1].split()[0] == told[2].split()[0] else ", ".join(told[1:]),
            ]
            told.append(f"{prod(lasts)} in the last corner")
        return ", ".join(told)
    return _range(counts)


def _range(counts: Sequence[Sequence[int]]) -> str:
    return f"{prod(min(along) for along in counts)} to {prod(max(along) for along in counts)}"


def adaptive_row(flow: LayerFlow) -> Fact | None:
    """Which windows a pool to a fixed size takes."""
    op = flow.layer.ops[0] if len(flow.layer.ops) == 1 else None
    if isinstance(op, GlobalPool):
        sizes = tuple(axis.size for axis in flow.axes)
        if None in sizes:
            return None
        total = prod(size for size in sizes if size is not None)
        return Fact(
            "reads", (f"{show(sizes)} = {total:,} cells for each number" if len(sizes) > 1 else f"all {total:,}",)
        )
    if not isinstance(op, AdaptivePool) or any(axis.size is None for axis in flow.axes):
        return None
    told: dict[str, list[str]] = {}
    for axis in flow.axes:
        told.setdefault(_adapted(axis), []).append(axis.name)
    return Fact("windows", tuple(f"{listed(names)}: {text}" for text, names in told.items()))


def _adapted(axis: AxisFlow) -> str:
    """How many cells the shares have."""
    size, out = axis.size or 0, axis.out or 0
    if out < 1 or out > MOST_WINDOWS:
        return f"{size} -> {out}"
    widths = {len(share(index, size, out)) for index in range(out)}
    if len(widths) == 1:
        return f"{size} -> {out}: {wide_cells(widths.pop())} each" if out > 1 else f"{size} -> 1: all of them"
    return f"{size} -> {out}: {min(widths)} or {max(widths)} cells each, some of them shared"


def wide_cells(count: int) -> str:
    """`1 cell`, `2 cells`."""
    return plural(count, "cell")
