"""`model.summary()` in the form that Keras prints."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from convwise.keras.layer import Layer
    from convwise.keras.models import Model
    from convwise.keras.variables import Variable

_CHAIN = (("Layer (type)", 0.45), ("Output Shape", 0.80), ("Param #", 1.0))
_GRAPH = (("Layer (type)", 0.30), ("Output Shape", 0.56), ("Param #", 0.74), ("Connected to", 1.0))
"""The heads of Keras's columns, and where each ends, as a share of the line."""
_COUNTS = "Param #"
_WIDEST = {3: 88, 4: 108}
"""Cells of a line, by the number of columns."""


def print_summary(model: Model, line_length: int | None = None, print_fn: Callable[[str], Any] | None = None) -> None:
    """Print the summary, or hand it to `print_fn`."""
    text = summary_text(model, line_length)
    (print_fn or print)(text)


def summary_text(model: Model, line_length: int | None = None) -> str:
    """The title, a row a layer, and the totals; where the layers are no chain, a column more tells what each reads."""
    read = model.connections()
    columns = _GRAPH if read is not None else _CHAIN
    length = line_length or min(_WIDEST[len(columns)], shutil.get_terminal_size().columns - 4)
    ends = [int(end * length) for _, end in columns]
    # Keras's columns share the length; borders and margins take 3 cells of each, 4 of the last but one.
    spare = [4 if place == len(columns) - 2 else 3 for place in range(len(columns))]
    if read is None:
        spare = [3, 4, 3]
    widths = [max(end - start - lost, 1) for start, end, lost in zip([0, *ends], ends, spare, strict=False)]
    operations = model.operations
    rows = [_row(layer) for layer in operations]
    if read is not None:
        rows = [(*row, ", ".join(read.get(layer.name, ())) or "-") for row, layer in zip(rows, operations, strict=True)]
    trainable, fixed = model.trainable_weights, model.non_trainable_weights
    totals = (("Total", trainable + fixed), ("Trainable", trainable), ("Non-trainable", fixed))
    lines = [f'Model: "{model.name}"', *_table([head for head, _ in columns], rows, widths)]
    lines += [f" {title} params: {_count(weights):,} ({_memory(weights)})" for title, weights in totals]
    return "\n".join(lines)


def _row(layer: Layer) -> tuple[str, ...]:
    shape = "?" if layer._seen is None else _shape(layer._seen[1])
    params = f"{_count(layer.weights):,}" if layer.built else "0 (unbuilt)"
    return f"{layer.name} ({layer.kind_name})", shape, params


def _shape(shape: Any) -> str:
    """A shape, a list of them or a dict, with open sizes as None."""
    if isinstance(shape, dict):
        return "{" + ", ".join(f"'{key}': {_shape(one)}" for key, one in shape.items()) + "}"
    if isinstance(shape, list):
        return "[" + ", ".join(map(_shape, shape)) + "]"
    return "(" + ", ".join(map(str, shape)) + ")"


def _table(heads: list[str], rows: list[tuple[str, ...]], widths: list[int]) -> list[str]:
    right = [head == _COUNTS for head in heads]
    lines = ["┏" + "┳".join("━" * (width + 2) for width in widths) + "┓"]
    titles = [_cells(head, width, far) for head, width, far in zip(heads, widths, right, strict=True)]
    for line in range(max(map(len, titles)), 0, -1):
        parts = [cell[-line] if line <= len(cell) else " " * width for cell, width in zip(titles, widths, strict=True)]
        lines.append("┃ " + " ┃ ".join(parts) + " ┃")
    lines.append("┡" + "╇".join("━" * (width + 2) for width in widths) + "┩")
    between = "├" + "┼".join("─" * (width + 2) for width in widths) + "┤"
    for number, row in enumerate(rows):
        if number:
            lines.append(between)
        columns = [_cells(text, width, far) for text, width, far in zip(row, widths, right, strict=True)]
        for line in range(max(map(len, columns))):
            parts = [
                cell[line] if line < len(cell) else " " * width for cell, width in zip(columns, widths, strict=True)
            ]
            lines.append("│ " + " │ ".join(parts) + " │")
    lines.append("└" + "┴".join("─" * (width + 2) for width in widths) + "┘")
    return lines


def _cells(text: str, width: int, right: bool) -> list[str]:
    """The text broken at spaces into lines of `width`; a longer word is cut and ends in an ellipsis."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    cut = [line if len(line) <= width else line[: width - 1] + "…" for line in lines]
    return [line.rjust(width) if right else line.ljust(width) for line in cut]


def _count(weights: list[Variable]) -> int:
    return sum(weight.size for weight in weights)


def _memory(weights: list[Variable]) -> str:
    """Bytes in the unit that Keras takes: 1024 bytes to the KB."""
    size = float(sum(weight.size * np.dtype(weight.dtype).itemsize for weight in weights))
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"
