"""What a check found: the verdict first, then each finding once, with every node that it holds for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from convwise.answers.explanation import Finding, show
from convwise.escaping import escape
from convwise.ops import Shape

NAMED = 3
"""So many nodes with the same finding are named."""


def render_findings(findings: Sequence[Finding], inputs: Mapping[str, Shape] | None = None, works: bool = True) -> str:
    """The verdict for these inputs, and below it the findings; those that say the same of several nodes once."""
    alike: dict[Finding, list[str]] = {}
    for one in findings:
        alike.setdefault(replace(one, node=None), []).append(one.node or "")
    lines = [_verdict(findings, inputs or {}, works)]
    for one, nodes in alike.items():
        lines += finding_lines(replace(one, node=_nodes(nodes)))
    return "\n".join(lines)


def render_finding_lines(
    findings: Sequence[Finding], inputs: Mapping[str, Shape] | None = None, works: bool = True
) -> str:
    """The verdict, and a line for each finding: `conv1: CW502 note: the last cell of 8 (height) is read by no window`."""
    lines = [_verdict(findings, inputs or {}, works)]
    for one in findings:
        where = f"{escape(one.node)}: " if one.node else ""
        fact = escape(next(iter(one.text.splitlines()), ""))
        lines.append(f"{where}{one.code} {one.level}: {fact}")
    return "\n".join(lines)


def _nodes(nodes: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b, c and 4 more`."""
    named = list(dict.fromkeys(name for name in nodes if name))
    more = len(named) - NAMED
    if more > 1:
        return f"{', '.join(named[:NAMED])} and {more} more"
    return " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else "".join(named)


def _verdict(findings: Sequence[Finding], inputs: Mapping[str, Shape], works: bool) -> str:
    counts = {level: sum(one.level == level for one in findings) for level in ("error", "warning", "note")}
    told = [f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items() if count]
    summary = ", ".join(told) or "nothing to report"
    if not inputs:
        return summary
    given = ", ".join(f"{escape(name)} {show(shape)}" for name, shape in inputs.items())
    if not works:
        return f"{given} does not work: {summary if told else 'what says so is switched off'}"
    if any(None in shape[1:] for shape in inputs.values()):
        return f"{given}: {summary}; sizes that are open were not checked, --input gives them"
    return f"{given} works: {summary}"


def finding_lines(finding: Finding) -> list[str]:
    """`error CW110  node: the fact`, its arithmetic, and what to do."""
    fact, *arithmetic = [escape(line) for line in finding.text.splitlines()] or [""]
    node = escape(finding.node or "")
    where = f"{node}: " if node and f"'{node}'" not in fact else ""
    lines = [f"{finding.level} {finding.code}  {where}{fact}", *(f"  {line}" for line in arithmetic)]
    for number, line in enumerate(finding.hint.splitlines()):
        lines.append(f"  {'' if number else 'try':<4} {escape(line)}")
    return lines
