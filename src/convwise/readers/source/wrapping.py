"""What surrounds code that is pasted: prompts, Markdown fences, quotations, backticks, line numbers, indentation, tracebacks.

Lines that are taken away are left empty, so that line numbers stay those of the pasted text.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from convwise import dialects
from convwise.errors import CodeError
from convwise.readers.echo import shown
from convwise.readers.source.parsing import parse
from convwise.readers.source.prose import without_sentences
from convwise.readers.source.reports import MESSAGE, without_reports

MOST_BLOCKS = 256

PYTHON_FENCES = frozenset(
    {"", "python", "py", "python3", "pycon", "ipython", "ipython3", "keras", "pytorch", "text", "output", "console"}
)


PLAIN_SIGNS = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
        **dict(zip("\uff08\uff09\uff3b\uff3d\uff0c\uff1a\uff1d\uff0a", "()[],:=*", strict=True)),
        **dict(zip("\u00d7\u2212\u2013\u00a0\u2192", ("*", "-", "-", " ", "->"), strict=True)),
    }
)
"""Quotes and signs as word processors set them (the cross of a product, a long minus), and the wide signs of East Asian keyboards, as Python writes them."""

SIGNS_READ = "typographic quotes, signs or wide brackets were read as Python's own"
BOXES = "\u2502\u2503\u2551\u2506\u250a"
"""The upright lines of frames drawn around text."""
RULES = re.compile(r"[\s\u2500-\u257f]*$")
TAGS = re.compile(r"</?(?:pre|code|p|br|div|span)\b[^<>\n]{0,80}>|\[/?code(?:=\w{1,20})?\]|\{/?code(?::\w{1,20})?\}")
SIZES = re.compile(r"(?<=[)\]\w])[ \t]+[-=]>[ \t]*(?:torch\.Size\(|TensorShape\()?[(\[]?[\d, xNone]+[)\]]{0,2}[ \t]*$")
"""What is noted behind a line as its result: `-> torch.Size([1, 16, 7, 8])`, `-> 7x8`."""
REPORT = "an error message and its traceback"


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of code, the lines of the whole text before it, and whether it says that it is Python."""

    text: str
    offset: int = 0
    sure: bool = True


def fenced(text: str) -> list[Block]:
    """The code blocks of a Markdown text that may hold Python; empty where it has no fence."""
    blocks: list[Block] = []
    fence, language, start = "", "", 0
    lines = text.split("\n")
    for number, line in enumerate(lines):
        stripped = line.lstrip(" >\t")
        mark = re.match(r"(`{3,}|~{3,})\s*\{?\.?([A-Za-z0-9_+-]*)", stripped)
        if not mark:
            continue
        if not fence:
            fence, language, start = mark.group(1), mark.group(2).lower(), number + 1
        elif mark.group(1).startswith(fence) and not mark.group(2):
            blocks += _block(lines, start, number, language)
            fence = ""
        if len(blocks) > MOST_BLOCKS:
            raise CodeError(
                "CW308", f"the text has more than {MOST_BLOCKS} code blocks", hint="give the part that matters"
            )
    if fence:
        blocks += _block(lines, start, len(lines), language)
    return blocks


def _block(lines: list[str], start: int, end: int, language: str) -> list[Block]:
    if language not in PYTHON_FENCES:
        return []
    return [Block("\n".join(lines[start:end]), start, sure=language not in ("", "text", "output", "console"))]


def bare(text: str) -> Iterator[tuple[str, str]]:
    """(text, what was taken off) for each wrapping that the text may be in, the likeliest first."""
    seen = {text}
    code, said = without_reports(text)
    reportless = ((inner, what or REPORT) for inner, what in _candidates(code)) if said and code.strip() else ()
    for candidate, what in chain(_candidates(text), reportless):
        if candidate not in seen:
            seen.add(candidate)
            yield candidate, what


def _candidates(text: str) -> Iterator[tuple[str, str]]:
    plain = text.translate(PLAIN_SIGNS)
    unquoted = _without_quotes(plain)
    yield from _unwrapped(text)
    if plain != text:
        yield from ((inner, what or SIGNS_READ) for inner, what in _unwrapped(plain))
    if unquoted is not None:
        yield from ((inner, what or "marks of a quotation (>)") for inner, what in _unwrapped(unquoted))
    for strip, what in (
        (_without_boxes, "frames around the lines"),
        (_without_tags, "tags of a web page"),
        (_without_sizes, "sizes noted behind an arrow"),
        (_chained, "arrows between the layers"),
    ):
        if (inner := strip(plain)) is not None:
            yield from ((one, what) for one, _ in _unwrapped(inner))
    inline = _in_backticks(plain)
    if inline is not None:
        yield inline, "backticks and the text around them"
    code = without_sentences(plain)
    if code is not None:
        yield from ((inner, what or "lines of prose") for inner, what in _unwrapped(code))


def _unwrapped(text: str) -> Iterator[tuple[str, str]]:
    unprompted = _without_prompts(text)
    if unprompted is not None:
        yield _dedented(unprompted), "prompts (>>> and ...)"
    unnumbered = _without_numbers(text)
    if unnumbered is not None:
        inner = _without_prompts(unnumbered)
        yield _dedented(unnumbered if inner is None else inner), "line numbers"
    yield _dedented(text), ""
    yield _dedented(text, all_but_first=True), ""


def _without_quotes(text: str) -> str | None:
    """The text without the `> ` before each of its lines, as mails and forums quote; None where a line has none."""
    lines = text.split("\n")
    full = [line for line in lines if line.strip()]
    if not full or not all(re.match(r"[ \t]*>(?!>>)", line) for line in full):
        return None
    return "\n".join(re.sub(r"^[ \t]*(?:>(?!>>) ?)+", "", line) for line in lines)


def _without_boxes(text: str) -> str | None:
    """The text inside a frame that is drawn around it; None where not every line stands in one."""
    lines = text.split("\n")
    full = [line for line in lines if line.strip()]
    if not any(line.lstrip()[:1] in BOXES for line in full):
        return None
    if not all(line.lstrip()[0] in BOXES or RULES.match(line) for line in full):
        return None
    return "\n".join(
        "" if RULES.match(line) else re.sub(rf"^\s*[{BOXES}] ?|\s*[{BOXES}]?\s*$", "", line) for line in lines
    )


def _without_tags(text: str) -> str | None:
    """The text without the tags that web pages and forums put around code, and with what they write for < and >."""
    plain = html.unescape(TAGS.sub("", text)) if "<" in text or "[" in text or "{" in text or "&" in text else text
    return plain if plain != text else None


def _without_sizes(text: str) -> str | None:
    plain = "\n".join(SIZES.sub("", line) for line in text.split("\n"))
    return plain if plain != text else None


def _chained(text: str) -> str | None:
    """`Conv2d(3, 8, 3) -> ReLU() -> Flatten()` as the Sequential that it means; None where something else stands between arrows."""
    parts = [part.strip() for part in text.strip().split("->")]
    if len(parts) < 2 or not all(
        _is_call(part) and "=" not in re.sub(r"\(.*\)", "", part, flags=re.DOTALL) for part in parts
    ):
        return None
    names = [part.partition("(")[0].rpartition(".")[2] for part in parts]
    torch = all(name in dialects.get("torch").kinds for name in names)
    if not torch and not all(name in dialects.get("keras").kinds for name in names):
        return None
    return f"nn.Sequential({', '.join(parts)})" if torch else f"Sequential([{', '.join(parts)}])"


def _in_backticks(text: str) -> str | None:
    """The calls that stand `between backticks`, each on its own line of the text; None where there are none."""
    lines = []
    for line in text.split("\n"):
        spans = [span.strip() for span in re.findall(r"(?<!`)`{1,2}(?!`)([^`\n]{1,2000})`{1,2}(?!`)", line)]
        lines.append("; ".join(span for span in spans if _is_call(span)))
    return "\n".join(lines) if any(lines) else None


def _is_call(span: str) -> bool:
    try:
        tree = parse(span)
    except (SyntaxError, CodeError):
        return False
    return any(isinstance(part, ast.Call) for part in ast.walk(tree))


def _without_prompts(text: str) -> str | None:
    """The lines behind `>>> ` and `... ` (or `In [1]: `), those between them being output."""
    pattern = r"^[ \t]*(?:(?:\.\.\.|In ?\[\d*\]:|[ \t]{2,}\.{3,}:)(?: |$)|>>> ?)"
    lines = text.split("\n")
    if not any(re.match(r"[ \t]*(>>>|In ?\[\d*\]:)", line) for line in lines):
        return None
    kept = []
    for line in lines:
        prompt = re.match(pattern, line)
        kept.append(line[prompt.end() :] if prompt else "")
    return "\n".join(kept)


def _without_numbers(text: str) -> str | None:
    """The text without the numbers that stand before its lines; None if they do not count upwards."""
    last = -1
    kept = []
    for line in text.split("\n"):
        if not line.strip():
            kept.append("")
            continue
        number = re.match(
            rf"[ \t]*(?:-{{2,}}>[ \t]*)?(\d{{1,6}})(?:[:.|)](?:[ \t]|$)|[ \t]?[|{BOXES}](?:[ \t]|$)|[ \t]|$|[:|])", line
        )
        if not number or int(number.group(1)) <= last:
            return None
        last = int(number.group(1))
        kept.append(line[number.end() :])
    return "\n".join(kept) if last >= 0 else None


def _dedented(text: str, *, all_but_first: bool = False) -> str:
    """The text without the indentation that all its lines share."""
    lines = text.split("\n")
    first = next((place for place, line in enumerate(lines) if line.strip()), 0)
    body = lines[first + 1 :] if all_but_first else lines
    margins = [
        line[: len(line) - len(line.lstrip())] for line in body if line.strip() and not line.lstrip().startswith("#")
    ]
    if not margins:
        return text
    margin = min(margins, key=len)
    if not margin or not all(other.startswith(margin) for other in margins):
        return text
    taken = [line.removeprefix(margin) if line.startswith(margin) else line.lstrip() for line in body]
    return "\n".join([*lines[:first], lines[first].strip(), *taken] if all_but_first else taken)


def check_traceback(text: str) -> None:
    """Raises CodeError CW316 where the text is an error report instead of code."""
    header = re.search(r"Traceback \(most recent call last\)", text) or MESSAGE.match(text.lstrip())
    frames = re.findall(r'^[ \t]*File "[^"\n]{0,400}", line \d+', text, re.MULTILINE)
    if not header and not frames:
        return
    lines = [line for line in text.split("\n") if line.strip()]
    last = next(
        (
            line
            for line in reversed(lines)
            if MESSAGE.match(line) or re.match(r"[A-Za-z_][\w.]*(Warning|Interrupt)\b", line)
        ),
        "",
    )
    raise CodeError(
        "CW316",
        "this is a traceback, not code",
        detail=shown(last, 300),
        received=shown(last, 300) or "traceback",
        hint="give the code that defines the layers, and the input's shape",
    )
