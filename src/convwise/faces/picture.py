"""Windows over an axis, drawn as they lie: `.` padding, `x` read, `o` never read, `k` a tap, `-` a cell between taps."""

from __future__ import annotations

from convwise.axis import Axis

LEGEND = {".": ". padding", "x": "x read", "o": "o never read"}
ELISION = " ... "


def draw(axis: Axis, width: int = 80) -> list[str]:
    """The axis and its first windows and last one, a line each, never wider than `width`.

    Long axes are elided in the middle. Empty where even that does not fit, or no window exists.

    >>> from convwise.axis import Window, Pads
    >>> for line in draw(Window(3, stride=2, dilation=2, padding=Pads(2, 1)).over(7)): print(line)
     . . x o x o x o x .   . padding  x read  o never read
    [k - k - k]            window 0: 3 taps over 5 cells
        [k - k - k]        window 1: 2 further on
            [k - k - k]    window 2, the last
    """
    if not axis.fits:
        return []
    segments = _segments(axis, width)
    if segments is None:
        return []
    labels = _windows(axis, segments)
    cells = ELISION.join(" ".join(_cell(axis, cell) for cell in segment) for segment in segments)
    shown = [LEGEND[mark] for mark in ".xo" if mark in cells.replace(ELISION, "")]
    if axis.overhang and axis.pad_low <= 0 and axis.pad_high <= 0:
        shown = [". past the end" if text == LEGEND["."] else text for text in shown]
    rows = [(" " + cells, "  ".join(shown))]
    rows += [(_window_row(axis, index, segments), label) for index, label in labels]
    column = max(len(row) for row, _ in rows) + 2
    lines = [f"{row:<{column}} {label}".rstrip() for row, label in rows]
    if max(len(line) for line in lines) > width:
        lines = [line if len(line) <= width else row for line, (row, _) in zip(lines, rows, strict=True)]
    return lines


def _cell(axis: Axis, cell: int) -> str:
    if cell < 0 or cell >= axis.size:
        return "."
    return "x" if axis.reads(cell) else "o"


def _segments(axis: Axis, width: int) -> list[range] | None:
    """The cells to draw: all, or the first and the last ones; None where a window is too long to draw."""
    first, stop = -axis.pad_low, axis.size + max(axis.pad_high, 0) + axis.overhang
    room = max(min(width - 26, 58) // 2, 4)
    if stop - first <= room:
        return [range(first, stop)]
    left = axis.window(min(1, axis.out - 1)).stop - first
    right = stop - axis.window(axis.out - 1).start
    left, right = max(left, 3), max(right, 3)
    if left + right + 2 > room:
        return None
    return [range(first, first + left), range(stop - right, stop)]


def _windows(axis: Axis, segments: list[range]) -> list[tuple[int, str]]:
    out = axis.out
    taps = (
        f"{axis.kernel} taps over {axis.span} cells" if axis.dilation > 1 and axis.kernel > 1 else f"{axis.span} wide"
    )
    told = [(0, f"window 0: {taps}")]
    if out > 1:
        told.append((1, f"window 1: {axis.stride} further on"))
    if out == 4 and len(segments) == 1:
        told.append((2, "window 2"))
    if out > 2:
        reach = f", {axis.overhang} past the {'padding' if axis.pad_high > 0 else 'end'}" if axis.overhang else ""
        told.append((out - 1, f"window {out - 1}, the last{reach}"))
    return told


def _window_row(axis: Axis, index: int, segments: list[range]) -> str:
    """One window in brackets, under the cells it covers."""
    window, taps = axis.window(index), axis.taps(index)
    column = 1
    for segment in segments:
        if window.start in segment:
            column += 2 * (window.start - segment.start)
            break
        column += 2 * len(segment) - 1 + len(ELISION)
    body = " ".join("k" if cell in taps else "-" for cell in window)
    return " " * (column - 1) + f"[{body}]"
