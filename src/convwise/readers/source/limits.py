"""What is checked by a linear scan before Python's parser sees a text, because the parser pays with memory and time.

128 KiB of the worst text costs the parser about 0.2 s and 100 MB; one megabyte would cost 600 MB.
"""

from __future__ import annotations

import re

from convwise.errors import ArgumentError, CodeError
from convwise.readers.echo import pointed

LONGEST_TEXT = 128 * 1024
"""UTF-8 bytes of a source text."""

DEEPEST_BRACKETS = 100
DEEPEST_INDENTATION = 100

# Every alternative ends at the text's end at the latest, so the scan is linear for unclosed strings too.
_TOKENS = (
    r'"""(?:\\[\s\S]|[^\\])*?(?:"""|\\?\Z)'
    r"|'''(?:\\[\s\S]|[^\\])*?(?:'''|\\?\Z)"
    r'|"(?:\\[\s\S]|[^"\\\n])*(?:"|\n|\\?\Z)'
    r"|'(?:\\[\s\S]|[^'\\\n])*(?:'|\n|\\?\Z)"
    r"|#[^\n]*"
    r"|[(\[{]|[)\]}]"
)


def checked(text: str) -> str:
    """The text without its byte order mark, once it is known to be short, flat and really text.

    Raises:
        ArgumentError: CW606, not a str.
        CodeError: CW308 too long or too deep, CW312 NUL bytes or surrogates.
    """
    if not isinstance(text, str):
        raise ArgumentError(
            "CW606", f"source text must be a str, not {type(text).__name__}", received=type(text).__name__
        )
    size = len(text)
    if not text.isascii():
        text = text.removeprefix("\ufeff")
        if size <= LONGEST_TEXT:
            size = len(_encoded(text))
    if size > LONGEST_TEXT:
        raise CodeError(
            "CW308",
            f"the text is too long: {size:,} bytes, at most {LONGEST_TEXT:,} are read",
            received=size,
            hint="give the part that defines the layers",
        )
    if "\0" in text:
        raise CodeError(
            "CW312", "the text holds NUL bytes, so it is not source code", detail=_where(text, text.index("\0"))
        )
    opened = text.count("(") + text.count("[") + text.count("{")
    if opened > DEEPEST_BRACKETS:
        _check_brackets(text)
    if text.count("\n") > DEEPEST_INDENTATION:
        _check_indentation(text)
    return text


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise CodeError(
            "CW312",
            f"the text holds the lone surrogate U+{ord(text[error.start]):04X}, so it is not Unicode text",
            detail=_where(text, error.start),
            hint="decode the file as UTF-8",
        ) from None


def _check_brackets(text: str) -> None:
    depth = 0
    for token in re.finditer(_TOKENS, text):
        sign = token.group()
        if sign in "([{":
            depth += 1
            if depth > DEEPEST_BRACKETS:
                raise CodeError(
                    "CW308",
                    f"brackets are nested more than {DEEPEST_BRACKETS} deep",
                    detail=_where(text, token.start()),
                    hint="no layer needs that many",
                )
        elif sign in ")]}":
            depth = max(0, depth - 1)


def _check_indentation(text: str) -> None:
    widths = set(re.findall(r"^[ \t]+", text, re.MULTILINE))
    if len(widths) > DEEPEST_INDENTATION:
        raise CodeError(
            "CW308", f"the text is indented in more than {DEEPEST_INDENTATION} different ways", received=len(widths)
        )


def _where(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start : end if end >= 0 else len(text)]
    return f"line {text.count(chr(10), 0, position) + 1}: {pointed(line, position - start)}".replace(
        "\n", "\n" + " " * len(f"line {text.count(chr(10), 0, position) + 1}: ")
    )
