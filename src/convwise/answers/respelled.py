"""A layer with some arguments changed: written out in the user's own words, read back and run before it is proposed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from convwise import dialects
from convwise.answers.explanation import Fix
from convwise.dialects.base import Layer
from convwise.dialects.writing import as_list, write
from convwise.errors import ConvwiseError
from convwise.ops import Shape

Reader = Callable[[str], tuple[Layer, ...]]
"""Reads a layer text back: what the source reader offers."""


def respelled(
    layer: Layer, values: Mapping[str, Any], shape: Shape, read: Reader, before: str = ""
) -> tuple[Fix, Layer] | None:
    """The layer with these arguments, behind the layer `before` where there is one: as a change to propose, and read back.

    None where nothing changes, an argument is not the layer's own, or the layer or its input is refused.
    """
    named = {name: value for name, value in values.items() if layer.arguments.get(name, value) != value}
    if any(name not in layer.arguments for name in values) or not (named or before):
        return None
    try:
        code = dialects.get(layer.dialect).respell(layer, named) if named else layer.call.text
    except ConvwiseError:
        return None
    code = sequential(layer.dialect, [before, code]) if before else code
    ran = read_and_run(code, shape, read)
    return (Fix(code, ran[1], labelled(named, layer.dialect)), ran[0]) if ran is not None else None


def read_and_run(code: str, shape: Shape, read: Reader) -> tuple[Layer, Shape] | None:
    """The last layer of a text, and what comes out of it; None where the text or its input is refused."""
    try:
        layers = read(code)
        for part in layers:
            shape = dialects.get(part.dialect).flow(part, shape).output
    except ConvwiseError:
        return None
    return layers[-1], shape


def labelled(values: Mapping[str, Any], dialect: str) -> str:
    """Changed arguments as they would stand in a call."""
    if dialect != "onnx":
        return ", ".join(f"{name}={write(value)}" for name, value in values.items())
    return ", ".join(
        f"without {name}" if value is None else f"{name}={write(as_list(value))}" for name, value in values.items()
    )


def spatial(layer: Layer, shape: Shape) -> tuple[int, ...] | None:
    """The spatial sizes of a shape that the layer gave or takes; None where one is not known."""
    rank = layer.rank or 0
    end = len(shape) - 1 if layer.channels_last else len(shape)
    sizes = shape[end - rank : end] if 0 < rank <= end else ()
    return tuple(size for size in sizes if size is not None) if sizes and None not in sizes else None


def collapse(values: Sequence[Any]) -> Any:
    """One value where all axes agree, else a tuple."""
    return values[0] if all(value == values[0] for value in values) else tuple(values)


def sequential(dialect: str, layers: Sequence[str]) -> str:
    """A chain of layer texts as one text."""
    return f"keras.Sequential([{', '.join(layers)}])" if dialect == "keras" else f"nn.Sequential({', '.join(layers)})"
