"""Layers that give a wanted size, or the decoder of an encoder, as terminal text."""

from __future__ import annotations

from convwise.answers.explanation import show
from convwise.answers.solve.mirror import Mirror
from convwise.answers.solved import Solution
from convwise.escaping import escape
from convwise.faces.text import Line, paint

SHOWN = 10
"""So many layers are shown unless all are asked for."""


def render_solution(found: Solution, color: bool = False, everything: bool = False) -> str:
    """The layers, the most usual first, and what was searched; or the decoder, a line a layer with its sizes."""
    if found.mirrored is not None:
        return paint(_decoder(found, found.mirrored), color)
    pairs = ", ".join(f"{show(a)} -> {show(b)}" for a, b in zip(found.inputs, found.outputs, strict=True))
    count = len(found.layers)
    told = f"{count} layer{'s' * (count != 1)}" if found.bounds else "reads exactly the adaptive pool's windows"
    head = f"{pairs} · {found.title} · {told}{', the most usual first' if count > 1 else ''}"
    lines: list[Line] = [((head, "head"),)]
    shown = found.layers if everything or count <= SHOWN + 1 else found.layers[:SHOWN]
    lines += [(("  " + escape(text), ""),) for text in shown]
    if len(shown) < count:
        lines.append(((f"  and {count - len(shown)} more (--all)", "dim"),))
    if found.note:
        lines.append((("axes      ", "label"), (found.note, "dim")))
    if found.bounds:
        lines.append((("searched  ", "label"), (found.bounds, "dim")))
    return paint(lines, color)


def _decoder(found: Solution, mirrored: Mirror) -> list[Line]:
    starts = " and ".join(show(one) for one in found.inputs)
    ends = " and ".join(show(one) for one in found.outputs)
    lines: list[Line] = [((f"{starts} -> {ends} · {found.title} · every size comes back", "head"),)]
    rows = [
        (", ".join(f"{show(after)} -> {show(before)}" for before, after in part.around) if number == 0 else "", text)
        for part in mirrored.parts
        for number, text in enumerate(part.texts)
    ]
    column = max(len(sizes) for sizes, _ in rows)
    lines += [((f"  {sizes:<{column}}  ", "dim"), (escape(text), "")) for sizes, text in rows]
    return lines


def render_solution_lines(found: Solution) -> str:
    """Every layer on a line of its own; a decoder as one text."""
    return "\n".join(escape(text) for text in found.layers)
