"""Text from elsewhere is data: control and direction characters are shown, never sent to the terminal."""

from __future__ import annotations


def escape(text: str) -> str:
    r"""The text with control, format and unassigned characters as \x.. escapes; line breaks too.

    >>> escape("a" + chr(27) + "[31m" + chr(0x202E))
    'a\\x1b[31m\\u202e'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _shown(char) for char in text)


def _shown(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
