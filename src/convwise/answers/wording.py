"""Numbers in words: formulas with their numbers in them, rows and columns, and what holds for any size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from convwise.axis import Axis, Pads, Same, Window
from convwise.ops import AxisFlow, ConvTranspose, Op, Pad, PixelShuffle, Resize
from convwise.ops.space import Crop

CELLS = {
    "height": ("row", "rows"),
    "width": ("column", "columns"),
    "depth": ("slice", "slices"),
    "length": ("step", "steps"),
}


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def ordinal(number: int) -> str:
    """`2nd`, `3rd`, `4th`, `11th`."""
    if 10 <= number % 100 <= 20:
        return f"{number}th"
    return f"{number}{({1: 'st', 2: 'nd', 3: 'rd'}).get(number % 10, 'th')}"


def wide(span: int) -> str:
    """`a 3-wide window`, `an 11-wide window`."""
    spoken = str(span)
    an = spoken.startswith("8") or spoken in ("11", "18") or (spoken[:2] in ("11", "18") and len(spoken) % 3 == 2)
    return f"{'an' if an else 'a'} {span}-wide window"


def last_cells(count: int) -> str:
    """`the last cell`, `the last two cells`, `the last 6 cells`."""
    return "the last cell" if count == 1 else f"the last {'two' if count == 2 else count} cells"


def listed(words: Sequence[str], last: str = "and") -> str:
    """`rows`, `rows and columns`, `slices, rows and columns`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def cells(names: Iterable[str], count: int = 2) -> str:
    """What the cells of these axes are called: `row and column`, `rows and columns`."""
    return listed([CELLS.get(name, ("cell", "cells"))[count != 1] for name in names])


def signed(start: str, *amounts: int) -> str:
    """`n - 2 + 1` from ("n", -2, 1); zeros are left out."""
    return start + "".join(f" {'-' if amount < 0 else '+'} {abs(amount)}" for amount in amounts if amount)


def formula(flow: AxisFlow, op: Op, number: int = 0) -> str:
    """How the output size of the spatial axis numbered `number` follows, with the numbers in it."""
    if flow.size is None or flow.out is None:
        return ""
    if isinstance(op, ConvTranspose) and flow.window is not None:
        pads = flow.window.pads(flow.size)
        extra = flow.out - flow.window.transposed(flow.size)
        terms = signed(
            f"({flow.size} - 1) * {flow.window.stride} + {flow.window.span} - {pads.low} - {pads.high}", extra
        )
        return f"{terms} = {flow.out}"
    if flow.axis is not None and flow.window is not None:
        return _window_formula(flow.axis, flow.window)
    if (sides := added(op, number)) is not None:
        terms = "".join(f" {'-' if side < 0 else '+'} {abs(side)}" for side in (sides.low, sides.high))
        return f"{flow.size}{terms} = {flow.out}"
    if isinstance(op, Resize) and op.scales is not None:
        scale = op.scales[number]
        whole = scale.denominator == 1
        return f"{flow.size} * {scale} = {flow.out}" if whole else f"floor({flow.size} * {float(scale):g}) = {flow.out}"
    if isinstance(op, PixelShuffle):
        return f"{flow.size} {'/' if op.inverse else '*'} {op.factor} = {flow.out}"
    return f"{flow.out}, whatever the input"


def added(op: Op, number: int) -> Pads | None:
    """The cells that a layer of padding or cropping adds before and after on an axis; negative where it cuts them off."""
    if isinstance(op, Pad):
        return op.pads[number]
    if isinstance(op, Crop):
        return Pads(-op.cuts[number].low, -op.cuts[number].high)
    return None


def _window_formula(axis: Axis, window: Window) -> str:
    if axis.stride == 1:
        pads = f" + {axis.pad_low} + {axis.pad_high}" if axis.pad_low or axis.pad_high else ""
        return f"{axis.size}{pads} - {axis.span} + 1 = {axis.out}"
    if isinstance(window.padding, Same):
        return f"ceil({axis.size} / {axis.stride}) = {axis.out}"
    inside = f"{axis.size} + {axis.pad_low} + {axis.pad_high} - {axis.span}"
    rounding = "ceil" if window.ceil else "floor"
    if window.drops_last(axis.size):
        return f"{rounding}(({inside}) / {axis.stride}) + 1 - 1 = {axis.out}"
    return f"{rounding}(({inside}) / {axis.stride}) + 1 = {axis.out}"


def any_size(window: Window) -> str:
    """The output as an expression of any size n, and the smallest n: `ceil((n - 2) / 2), n >= 3`."""
    if isinstance(window.padding, Same):
        return "n" if window.stride == 1 else f"ceil(n / {window.stride})"
    # What n is short of, whatever the rule: one window exactly where n reaches `smallest(1)`, one more every stride.
    offset = 1 - window.smallest(1)
    inside = signed("n", offset)
    expression = inside if window.stride == 1 else f"ceil({f'({inside})' if offset else 'n'} / {window.stride})"
    return expression + (f", n >= {window.minimum}" if window.minimum > 1 else "")


def transposed_size(window: Window, output_padding: int) -> str:
    """The size of a transposed convolution as an expression of any size n."""
    constant = window.transposed(0, output_padding)
    return signed("n" if window.stride == 1 else f"{window.stride} n", constant)


def also(axis: Axis, window: Window) -> str:
    """Which other sizes give the same output: `63 gives 31 too`; empty where there are none."""
    low, high = window.preimage(axis.out) or (axis.size, axis.size)
    others = [size for size in (low, high) if size != axis.size] if high - low <= 2 else []
    if high - low > 2:
        return f"{low} to {high} give {axis.out} too"
    if high - low == 2:
        others = [size for size in range(low, high + 1) if size != axis.size]
    if not others:
        return ""
    return f"{' and '.join(map(str, others))} {'gives' if len(others) == 1 else 'give'} {axis.out} too"


def causes(axis: Axis, window: Window) -> tuple[tuple[str, str], ...]:
    """Why the size came out so, a cause at a time: kernel, dilation, padding, stride, floor."""
    told: list[tuple[str, str]] = []
    if axis.kernel > 1:
        told.append(
            (
                "kernel",
                f"a window of {axis.kernel} cannot start on {last_cells(axis.kernel - 1)}: -{axis.kernel - 1}",
            )
        )
    if axis.span > axis.kernel:
        wider = axis.span - axis.kernel
        told.append(
            ("dilation", f"dilation {axis.dilation} spreads the {axis.kernel} taps over {axis.span} cells: -{wider}")
        )
    if axis.pad_low or axis.pad_high:
        total = axis.pad_low + axis.pad_high
        told.append(("padding", f"padding {axis.pad_low} before and {axis.pad_high} after: {total:+d}"))
    if axis.overhang:
        told.append(("ceil", f"ceil_mode lets the last window reach {axis.overhang} past the padding"))
    if axis.stride > 1:
        told.append(("stride", f"stride {axis.stride} uses every {ordinal(axis.stride)} of the {axis.places} places"))
        if axis.fits and not isinstance(window.padding, Same) and not axis.overhang:
            left = axis.leftover
            if left:
                told.append(
                    (
                        "floor",
                        f"{plural(left, 'cell')} after the last window {'is' if left == 1 else 'are'} too few for another step",
                    )
                )
    return tuple(told)


def positions(axis: Axis, tail_only: bool = False) -> str:
    """The unread data cells: `63`, `62, 63`, `3, 7 ... 127`."""
    unread = axis.unread_data
    if unread.gaps == 0 or tail_only:
        first = axis.size - unread.tail
        found = list(range(first, axis.size)) if unread.tail <= 3 else [first, first + 1]
        last = axis.size - 1
    else:
        found = []
        for cell in axis.unread_cells(10_000):
            found.append(cell)
            if len(found) == 3:
                break
        last = next(
            (cell for cell in range(axis.size - 1, max(axis.size - 10_000, -1), -1) if not axis.reads(cell)),
            found[-1] if found else 0,
        )
    if int(unread) <= 3 and len(found) == int(unread):
        return ", ".join(map(str, found))
    return f"{', '.join(map(str, found[:2]))} ... {last}"
