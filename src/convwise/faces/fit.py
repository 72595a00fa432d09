"""The last step before a terminal: no line is wider than it, whatever a face wrote."""

from __future__ import annotations

import re

STYLE = re.compile(r"\x1b\[[0-9;]*m")
HANG = 2


def fit(text: str, width: int) -> str:
    """`text` with every line of more than `width` columns folded at a space; styles take no room.

    >>> print(fit("  try padding=1 -> 2 x 2 x 32", 18))
      try padding=1 ->
        2 x 2 x 32
    """
    return "\n".join(_fold(line, width) for line in text.split("\n"))


def _fold(line: str, width: int) -> str:
    plain = STYLE.sub("", line)
    if len(plain) <= width:
        return line
    lead = len(plain) - len(plain.lstrip())
    if lead > width // 2 and line.startswith(" " * lead):
        # A text that hangs far to the right would have no room for a word.
        return _fold(line[lead - width // 4 :], width)
    indent = min(len(plain) - len(plain.lstrip()) + HANG, width // 2)
    pieces: list[str] = []
    start, taken = 0, 0
    for stop, following in _breaks(plain, width, indent):
        cut = _offset(line, stop - start, taken)
        after = _offset(line, following - stop, cut)
        # The spaces at a fold go, the styles between them stay.
        pieces.append(line[taken:cut] + "".join(STYLE.findall(line[cut:after])))
        taken = after
        start = following
    return ("\n" + " " * indent).join([*pieces, line[taken:]])


def _breaks(plain: str, width: int, indent: int) -> list[tuple[int, int]]:
    """Where a line ends and where the next one starts, for each fold."""
    found: list[tuple[int, int]] = []
    start, room = 0, width
    lead = len(plain) - len(plain.lstrip())
    while len(plain) - start > room:
        space = plain.rfind(" ", max(start, lead) + 1, start + room + 1)
        stop = space if space > 0 else start + room
        following = stop + len(plain[stop:]) - len(plain[stop:].lstrip(" "))
        found.append((stop, following))
        start, room = following, width - indent
    return found


def _offset(line: str, columns: int, at: int) -> int:
    """The place in `line` that lies `columns` visible signs after `at`; styles before it are passed over."""
    while columns:
        style = STYLE.match(line, at)
        if style:
            at = style.end()
        else:
            at, columns = at + 1, columns - 1
    return at
