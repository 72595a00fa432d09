"""A table that fits a width: the less important columns go first, then long names are shortened where their parts meet."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

GAP = 2
BOLD, PLAIN = "\x1b[1m", "\x1b[0m"
MORE = "…"


def elide(name: str, width: int) -> str:
    """The name in at most `width` columns: its last parts, with the first where more of the name fits so.

    >>> elide("/layer4/layer4.1/downsample/Conv", 26), elide("/layer4/layer4.1/relu_1/Relu", 12)
    ('…/layer4.1/downsample/Conv', '…/Relu')
    """
    if columns(name) <= width:
        return name
    pieces = re.findall(r"/*[^/]+/*$|/*[^/]+|/+" if "/" in name else r"[.:]*[^.:]+[.:]*$|[.:]*[^.:]+|[.:]+", name)
    alone = MORE + ("".join(_tail(pieces, width)) or _last(name, width - 1))
    beside = _tail(pieces[1:], width - columns(pieces[0]))
    both = f"{pieces[0]}{MORE}{''.join(beside)}" if beside else ""
    return max(alone, both, key=columns)


def _tail(pieces: Sequence[str], width: int) -> list[str]:
    """The last pieces that take less than `width` columns together."""
    kept: list[str] = []
    for piece in reversed(pieces):
        if columns("".join(kept)) + columns(piece) >= width:
            break
        kept.insert(0, piece)
    return kept


def clip(text: str, width: int) -> str:
    """The text in at most `width` columns, cut at its end."""
    if columns(text) <= width:
        return text
    while columns(text) >= width and text:
        text = text[:-1]
    return text + MORE


def _last(text: str, width: int) -> str:
    while columns(text) > max(width, 1):
        text = text[1:]
    return text


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


@dataclass(frozen=True, slots=True)
class Column:
    """`least`: to how many columns its cells may be shortened (0: not at all), by `shorten`; None: they go on in the next line.

    `drop`: which columns go first where there is no room for all, 1 before 2; 0: never.
    """

    head: str
    cells: Sequence[str]
    right: bool = False
    least: int = 0
    drop: int = 0
    shorten: Callable[[str, int], str] | None = None

    @property
    def natural(self) -> int:
        return max([columns(self.head), *map(columns, self.cells)])


def table(given: Sequence[Column], width: int, color: bool = False) -> str:
    """The columns with a line under their heads, at most `width` wide where that can be."""
    kept, widths = _fitted([column for column in given if any(column.cells)], width)
    shown = [_head(kept, widths), *(_row(kept, widths, number) for number in range(len(kept[0].cells)))] if kept else []
    if not shown:
        return "(no rows)"
    head, *body = [[line.rstrip() for line in lines] for lines in shown]
    rule = "─" * (sum(widths) + GAP * (len(widths) - 1))
    top = [f"{BOLD}{line}{PLAIN}" for line in head] if color else head
    return "\n".join([*top, rule, *(line for lines in body for line in lines)])


def _fitted(kept: list[Column], width: int) -> tuple[list[Column], list[int]]:
    """The columns that stay, and how wide each is."""
    while True:
        widths = [column.natural for column in kept]
        missing = sum(widths) + GAP * (len(kept) - 1) - width
        spare = [wide - min(column.least or wide, wide) for column, wide in zip(kept, widths, strict=True)]
        last = min((column for column in kept if column.drop), key=lambda column: column.drop, default=None)
        if missing <= sum(spare) or last is None:
            break
        kept = [column for column in kept if column is not last]
    floors = [wide - room for wide, room in zip(widths, spare, strict=True)]
    if missing > sum(spare):  # nothing is left to drop: names get as short as it takes
        kept = [replace(column, least=min(column.least, 8)) for column in kept]
        floors = [column.least or wide for column, wide in zip(kept, widths, strict=True)]
    for _ in range(max(missing, 0)):
        room = [wide - floor for wide, floor in zip(widths, floors, strict=True)]
        if not any(size > 0 for size in room):
            break
        widest = max((at for at, size in enumerate(room) if size > 0), key=lambda at: widths[at])
        widths[widest] -= 1
    return kept, widths


def _head(kept: Sequence[Column], widths: Sequence[int]) -> list[str]:
    return [_line([clip(column.head, wide) for column, wide in zip(kept, widths, strict=True)], kept, widths)]


def _row(kept: Sequence[Column], widths: Sequence[int], number: int) -> list[str]:
    """One row; a cell that may not be shortened goes on in the next line."""
    cells = [
        [column.shorten(column.cells[number], wide)] if column.shorten else _wrapped(column.cells[number], wide)
        for column, wide in zip(kept, widths, strict=True)
    ]
    deep = max(map(len, cells))
    return [_line([cell[at] if at < len(cell) else "" for cell in cells], kept, widths) for at in range(deep)]


def _line(cells: Sequence[str], kept: Sequence[Column], widths: Sequence[int]) -> str:
    padded = []
    for cell, column, wide in zip(cells, kept, widths, strict=True):
        space = " " * (wide - columns(cell))
        padded.append(space + cell if column.right else cell + space)
    return (" " * GAP).join(padded)


def _wrapped(text: str, width: int) -> list[str]:
    """Text broken before an ` x `, so that each factor stays whole."""
    if columns(text) <= width:
        return [text]
    first, *rest = text.split(" x ")
    found = [first]
    for word in rest:
        if columns(f"{found[-1]} x {word}") <= width:
            found[-1] += f" x {word}"
        else:
            found.append(f"  x {word}")
    return found
