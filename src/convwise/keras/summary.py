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

_HEADS = ("Layer (type)", "Output Shape", "Param #")
_ENDS = (0.45, 0.80, 1.0)
_WIDEST = 88


def print_summary(model: Model, line_length: int | None = None, print_fn: Callable[[str], Any] | None = None) -> None:
    """Print the summary, or hand it to `print_fn`."""
    text = summary_text(model, line_length)
    (print_fn or print)(text)


def summary_text(model: Model, line_length: int | None = None) -> str:
    """The title, a row a layer, and the totals."""
    length = line_length or min(_WIDEST, shutil.get_terminal_size().columns - 4)
    ends = [int(end * length) for end in _ENDS]
    # Keras's columns share the length; their borders and margins take 10 cells, 3, 4 and 3 of them.
    widths = [max(end - start - lost, 1) for start, end, lost in zip([0, *ends], ends, (3, 4, 3), strict=False)]
    rows = [_row(layer) for layer in model.layers]
    trainable, fixed = model.trainable_weights, model.non_trainable_weights
    totals = (("Total", trainable + fixed), ("Trainable", trainable), ("Non-trainable", fixed))
    lines = [f'Model: "{model.name}"', *_table(rows, widths)]
    lines += [f" {title} params: {_count(weights):,} ({_memory(weights)})" for title, weights in totals]
    return "\n".join(lines)


def _row(layer: Layer) -> tuple[str, str, str]:
    shape = "?" if layer._seen is None else "(" + ", ".join(str(size) for size in layer._seen[1]) + ")"
    params = f"{_count(layer.weights):,}" if layer.built else "0 (unbuilt)"
    return f"{layer.name} ({type(layer).__name__})", shape, params


def _table(rows: list[tuple[str, str, str]], widths: list[int]) -> list[str]:
    lines = ["┏" + "┳".join("━" * (width + 2) for width in widths) + "┓"]
    lines.append(
        "┃ "
        + " ┃ ".join(
            _cells(head, width, right)[0] for head, width, right in zip(_HEADS, widths, (0, 0, 1), strict=True)
        )
        + " ┃"
    )
    lines.append("┡" + "╇".join("━" * (width + 2) for width in widths) + "┩")
    between = "├" + "┼".join("─" * (width + 2) for width in widths) + "┤"
    for number, row in enumerate(rows):
        if number:
            lines.append(between)
        cells = [_cells(text, width, right) for text, width, right in zip(row, widths, (0, 0, 1), strict=True)]
        height = max(len(cell) for cell in cells)
        for line in range(height):
            parts = [cell[line] if line < len(cell) else " " * width for cell, width in zip(cells, widths, strict=True)]
            lines.append("│ " + " │ ".join(parts) + " │")
    lines.append("└" + "┴".join("─" * (width + 2) for width in widths) + "┘")
    return lines


def _cells(text: str, width: int, right: int) -> list[str]:
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
