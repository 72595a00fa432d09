"""Sentences around pasted code: `Why is it 16*5*5? My input is 32x32`, which no fence tells apart from it."""

from __future__ import annotations

import ast
import keyword
import re

STATEMENTS = frozenset(keyword.kwlist) | {"print", "match", "case", "type"}
"""Words that may stand before another word in Python."""
SURE = 2
"""So many pairs of plain words in one line are a sentence, whatever else stands there."""

QUOTED = re.compile(r"(?<!\w)(?:\"[^\"\n]*\"|'[^'\n]*')|#.*")
PAIR = re.compile(r"(?<![\w.])(?=([A-Za-z]+(?:'[a-z]+)?),? ([A-Za-z]+(?:'[a-z]+)?)(?![\w.(\[]))")
CODE = re.compile(r"\w\(|=|^\s*(?:class|def|from|import|return|for|while|with|if|elif|else|try|except|raise|@)\b")
REPORT = re.compile(r"\s*(?:[\w.]{1,200}(?:Error|Exception|Warning|Interrupt): |Traceback \(|File \")")
"""Error messages are no prose: what is known of them is told, and of others that they are not known."""
WORDS = re.compile(r"\s*[A-Za-z]+(?:'[a-z]+)?(?:,? [A-Za-z]+(?:'[a-z]+)?){2,}[.!?:]*\s*")
EXCLAIMED = re.compile(r"\s*([A-Z]\w*)\s*[:!?]+\s*")


def without_sentences(text: str) -> str | None:
    r"""The text with its lines of prose emptied; None where it has none, or nothing else.

    >>> without_sentences("Here is my code:\nx = nn.Flatten()(x)\nThanks!")
    '\nx = nn.Flatten()(x)\n'
    """
    lines = text.split("\n")
    kept = ["" if _sentence(line) else line for line in lines]
    return "\n".join(kept) if kept != lines and any(line.strip() for line in kept) else None


def _sentence(line: str) -> bool:
    """Whether plain words follow each other, which they do not in Python but for its own words."""
    plain = QUOTED.sub("", line)
    if REPORT.match(line):
        return False
    alone = EXCLAIMED.fullmatch(plain)
    if alone and alone.group(1) not in STATEMENTS:
        return True
    if WORDS.fullmatch(plain) and plain.split()[0].strip(",") not in STATEMENTS and not _is_python(plain):
        # `Thanks in advance`, `What is it?`: words of Python's own among others.
        return True
    pairs = sum(not {one, other} & STATEMENTS for one, other in PAIR.findall(plain))
    return pairs >= (SURE if CODE.search(plain) else 1)


def _is_python(line: str) -> bool:
    try:
        ast.parse(line.strip())
    except (SyntaxError, ValueError):
        return False
    return True
