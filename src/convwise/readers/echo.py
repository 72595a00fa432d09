"""How text that others wrote is shown: control and bidirectional characters escaped, long lines elided, a caret below."""

from __future__ import annotations

WIDTH = 96


def escaped(text: str) -> str:
    r"""`text` with every character that does not print as itself written as an escape; newlines stay.

    >>> print(escaped("a\u202eb\x1b[0m"))
    a\u202eb\x1b[0m
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter == "\n" else _escape(letter) for letter in text)


def _escape(letter: str) -> str:
    return " " if letter == "\t" else letter.encode("unicode_escape").decode("ascii")


def shown(text: str, limit: int = 80) -> str:
    r"""`text` on one line of at most `limit` characters.

    >>> shown("Conv2D(32,\n       3)")
    'Conv2D(32, 3)'
    """
    line = escaped(" ".join(text[: limit * 8].split()))
    return line if len(line) <= limit and len(text) <= limit * 8 else line[: limit - 3].rstrip() + "..."


def pointed(line: str, column: int, width: int = WIDTH) -> str:
    """The line and a caret under its character `column` (from 0), both elided to `width`.

    >>> print(pointed("Conv2D(32,, 3)", 10))
    Conv2D(32,, 3)
              ^
    """
    column = max(0, min(column, len(line)))
    start = max(0, min(column - width // 2, len(line) - width))
    before = escaped(line[start:column].replace("\n", " "))
    after = escaped(line[column : start + width].replace("\n", " "))
    lead = "..." if start else ""
    tail = "..." if start + width < len(line) else ""
    return f"{lead}{before}{after}{tail}\n{' ' * (len(lead) + _columns(before))}^"


def _columns(text: str) -> int:
    """Terminal columns; East Asian wide characters take two."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)
