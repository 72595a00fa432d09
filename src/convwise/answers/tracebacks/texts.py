"""A pasted text that holds both a traceback and the model's code, taken apart."""

from __future__ import annotations

import re

from convwise.readers.source.reports import MESSAGE

FRAME_SIGNS = " \t|>\u2502\u2503\u2551"
"""What stands at both ends of a line in a frame, or before it in a quotation."""
MOST_PIECES = 4
"""Lines that one message is broken into at most, but the first."""
HEADER = re.compile(r"Traceback \(most recent call last\)")
FRAME = re.compile(r'^\s*(?:File "[^"\n]{0,400}", line \d+|[-=]{20,}\s*$)')
NOISE = re.compile(r"^\s*(Arguments received by |• |Call arguments received|\[Op:|\x1b\[)")
CODE = re.compile(r"\s*(import |from \w|class |def |@|#|\w[\w., ]* = |\w+\.add\(|nn\.|layers\.|keras\.)")


def rejoined(text: str) -> str:
    r"""The text with its error messages on one line each, where a terminal or a frame broke them; the lines that were joined are left empty.

    >>> rejoined("RuntimeError: mat1 and mat2 shapes cannot be multiplied (4\u00d775 and\n  70\u00d79)")
    'RuntimeError: mat1 and mat2 shapes cannot be multiplied (4x75 and 70x9)\n'
    """
    lines = text.split("\n")
    made: list[str] = []
    while lines:
        line = lines.pop(0)
        plain = line.strip(FRAME_SIGNS)
        if not MESSAGE.match(plain):
            made.append(line)
            continue
        parts = [plain]
        while (
            lines and len(parts) <= MOST_PIECES and (more := lines[0].strip(FRAME_SIGNS)) and not CODE.match(lines[0])
        ):
            parts.append(more)
            lines.pop(0)
        made += [" ".join(parts).replace("\u00d7", "x"), *[""] * (len(parts) - 1)]
    return "\n".join(made)


def without_report(text: str, start: int, end: int) -> str:
    """The text with the error report emptied, line by line, so that the numbers of the other lines stay.

    `start` and `end` are where the message itself stands.
    """
    lines = text.split("\n")
    first, last = text.count("\n", 0, start), text.count("\n", 0, end)
    begin = first
    for number in range(first, -1, -1):
        if HEADER.search(lines[number]):
            begin = number - 1 if number and re.match(r"\s*[-=]{20,}\s*$", lines[number - 1]) else number
            break
    else:
        frames = [number for number in range(first) if FRAME.match(lines[number])]
        begin = frames[0] if frames else first
    kept = ["" if begin <= number <= last or NOISE.match(line) else line for number, line in enumerate(lines)]
    return "\n".join(kept)


def without_prose(text: str) -> str:
    """The text from its first line that looks like code on, and to its last that does or belongs to one."""
    lines = text.split("\n")
    code = [number for number, line in enumerate(lines) if CODE.match(line)]
    if not code:
        return text
    last = code[-1]
    while last + 1 < len(lines) and (not lines[last + 1].strip() or lines[last + 1][:1] in " \t)]}"):
        last += 1
    return "\n".join(line if code[0] <= number <= last else "" for number, line in enumerate(lines))


def hints(report: str) -> tuple[str, ...]:
    """Names of layers in the lines that a traceback shows: `fc1` of `x = self.fc1(x)`."""
    return tuple(dict.fromkeys(re.findall(r"\bself\.(\w{1,60})", report)))
