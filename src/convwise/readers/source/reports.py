"""Error reports around pasted code: tracebacks and the messages below them, taken off so that the code is left."""

from __future__ import annotations

import re

HEADER = re.compile(r"Traceback \(most recent call last\)")
RULED = re.compile(r"\s*[-=]{20,}\s*$")
FRAME = re.compile(r'\s*File "[^"\n]{0,400}", line \d+')
MESSAGE = re.compile(
    r"(?:[A-Za-z_]\w{0,80}\.){0,8}(?:[A-Za-z_]\w{0,80}(?:Error|Exception)|Exception|(?<=\.)error|InvalidArgument|RuntimeException|Fail"
    r"|InvalidGraph)(?:: |$)"
)
"""How a message begins, at the start of its line: the name of its class, as Python prints it."""
CODE = re.compile(
    r"(?:import |from \w+[\w.]* import |class \w+\s*[(:]|def \w+\(|@\w|#|(?:for|while|with|if) .+:\s*$|[\w.]+(?:\[.*\])?\s*=(?!=)|[\w.]+\(.*\)?\s*$)"
)
"""How code begins that stands below a report, at the start of its line."""


def without_reports(text: str) -> tuple[str, str]:
    r"""The text with its tracebacks and their messages emptied, and the last message; as it is, and "", where there is none.

    >>> without_reports("conv = nn.Conv2d(3, 8, 3)\nRuntimeError: no such thing\n")
    ('conv = nn.Conv2d(3, 8, 3)\n\n', 'RuntimeError: no such thing')
    """
    if not re.search(r"Error|Exception|Traceback|error: |InvalidArgument|Fail: |InvalidGraph", text):
        return text, ""
    kept: list[str] = []
    said, inside, behind = "", False, False
    for line in text.split("\n"):
        if HEADER.search(line) and not line.lstrip().startswith("#"):
            inside, behind = True, False
            if kept and RULED.match(kept[-1]):
                kept[-1] = ""
        elif MESSAGE.match(line):
            said, inside, behind = line.strip(), False, True
        elif FRAME.match(line):
            inside = True
        elif (inside and CODE.match(line)) or (behind and (not line.strip() or CODE.match(line))):
            # A message has more lines up to an empty one; a traceback may have empty lines, and code ends both.
            inside = behind = False
            kept.append(line)
            continue
        kept.append("" if inside or behind else line)
    return ("\n".join(kept), said) if said else (text, "")
