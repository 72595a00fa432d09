"""The terminal's pages that are no explanations: a rule, the list of rules, the doctor's report."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from convwise.escaping import escape
from convwise.faces.fit import fit
from convwise.rules import FAMILIES, Asked

if TYPE_CHECKING:
    from convwise.doctor import Report
    from convwise.rules import Rule

BOLD, PLAIN = "\x1b[1m", "\x1b[0m"
WIDEST = 100
"""Longer lines of prose are hard to read, however wide the terminal."""


def rule_page(rule: Rule, shown: str, width: int, color: bool) -> str:
    """The long text of one code; `shown` is what its example prints."""
    width = min(width, WIDEST)
    parts = [_bold(_prose(f"{rule.code}  {rule.title}", width), color), _prose(rule.text, width)]
    if isinstance(rule.example, Asked):
        command = _clip([f"$ {rule.example.typed}"], width)
        parts.append(_bold("Example", color) + "\n" + "\n".join([*command, *_clip(shown.splitlines(), width)]))
    elif rule.example is not None:
        lines = [f">>> {line}" for line in rule.example.source.splitlines()]
        parts.append(_bold("Example", color) + "\n" + "\n".join(_clip([*lines, *shown.splitlines()], width)))
    parts.append(_bold("What to do", color) + "\n" + _prose(rule.remedy, width, "  "))
    return "\n\n".join(parts)


def rule_line(rule: Rule) -> str:
    """A code and its title."""
    return f"{rule.code}  {rule.title}"


def rule_list(rules: Sequence[Rule], width: int, color: bool) -> str:
    """All codes with their titles, family by family."""
    lines: list[str] = []
    for prefix, title in FAMILIES.items():
        members = [rule for rule in rules if rule.code.startswith(prefix)]
        lines += ["", _bold(f"{prefix}xx  {title}", color), *_clip([rule_line(rule) for rule in members], width)]
    return "\n".join([*lines[1:], "", "convwise rule CODE tells one in full."])


def report_page(report: Report, width: int, color: bool) -> str:
    """What is installed, in use and missing, a row each."""
    width = min(width, WIDEST)
    kernels = report.kernels or "none in use: why, and what runs the layers, stands under Missing"
    rows = [
        ("convwise", report.convwise),
        ("Python", report.python),
        *((name, found or "not installed") for name, found in report.packages.items()),
        ("machine", f"{report.machine}, {report.cores} cores"),
        ("instructions", " ".join(report.instructions) or "not told by this system"),
        ("engine", report.engine),
        ("kernels", kernels),
    ]
    used = [(name, found or "not installed (not needed)") for name, found in report.frameworks.items()]
    kinds = {part.name: "operator set" if part.name == "onnx" else "release" for part in report.dialects}
    spoken = [
        (part.name, f"{kinds[part.name]} {part.release}" + _beside(part.installed, part.tested))
        for part in report.dialects
    ]
    parts = [
        _bold(f"convwise {report.convwise}", color) + "\n" + _rows(rows[1:], width),
        _bold("Dialects", color) + "\n" + _rows(spoken, width),
        _bold("Frameworks", color) + "\n" + _rows(used, width),
        _bold("Missing", color) + "\n" + _prose("\n".join(map(escape, report.missing)) or "nothing", width, "  "),
    ]
    return "\n\n".join(parts)


def report_line(report: Report) -> str:
    """The doctor's report in one line."""
    spoken = ", ".join(f"{part.name} {part.release}" for part in report.dialects)
    missing = "nothing missing" if not report.missing else f"{len(report.missing)} to look at"
    return f"convwise {report.convwise} on Python {report.python.split()[0]}: {spoken}; kernels: {report.kernels or 'NumPy'}; {missing}"


def _beside(installed: str | None, tested: bool | None) -> str:
    if installed is None:
        return ""
    return f"; {installed} is installed here" + ("" if tested else ", which is another")


def _rows(rows: Sequence[tuple[str, str]], width: int) -> str:
    wide = max(len(name) for name, _ in rows) + 2
    lines: list[str] = []
    for name, value in rows:
        folded = _fold(escape(value), max(width - wide - 2, 20))
        lines += [f"  {name if i == 0 else '':<{wide}}{line}" for i, line in enumerate(folded)]
    return "\n".join(lines)


def _prose(text: str, width: int, indent: str = "") -> str:
    fill: Callable[[str], str] = textwrap.TextWrapper(
        max(width, 20), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    ).fill
    return "\n".join(fill(line) for line in text.splitlines())


def _fold(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]


def _clip(lines: Sequence[str], width: int) -> list[str]:
    """Lines of code and output as they are, indented; what is too wide goes on in the next line, from a space on."""
    return [f"  {line}" for text in lines for line in fit(text, max(width - 2, 20)).split("\n")]


def _bold(text: str, color: bool) -> str:
    return f"{BOLD}{text}{PLAIN}" if color else text
