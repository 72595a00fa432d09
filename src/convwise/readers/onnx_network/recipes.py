"""Nodes that are the same but for names: what one of them is, every other is too, in this file and the next."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any, NamedTuple

from convwise.dialects.onnx import plain
from convwise.dialects.onnx.given import Tensor
from convwise.graph import Work
from convwise.ops import Shape
from convwise.readers.onnx_network.ordering import Step

MOST_MARKED = 64
"""Longer constants are not compared."""

REPEATED = frozenset(
    [
        *plain.POINTWISE,
        *plain.ELEMENTWISE,
        "Conv",
        "MaxPool",
        "AveragePool",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "BatchNormalization",
        "LayerNormalization",
        "Gemm",
        "MatMul",
        "Transpose",
    ]
)
"""Operators whose rules ask for nothing but attributes, shapes and types, once the numbers of the first input are not known."""

UNLIKE = frozenset({"Constant", "ConvTranspose"})
"""Operators whose rules ask for more than attributes, and the shapes, types and numbers of inputs."""


class Recipe(NamedTuple):
    """What a node is, and its output, for all nodes with the same attributes on inputs that are alike."""

    attributes: Mapping[str, Any]
    """Kept alive here, because they are known by their identity."""
    work: Work
    inputs: tuple[int, ...]
    no_params: tuple[int, ...]
    shape: Shape
    dtype: str | None
    mark: int


MOST_RECIPES = 4096
MOST_MARKS = 16_384

RECIPES: dict[tuple[object, ...], Recipe] = {}
"""What nodes are, from file to file; emptied when it is full."""

MARKS: dict[tuple[object, ...], int] = {}
"""Numbers for what rules ask of tensors; emptied when it is full, and no number comes twice."""

_NUMBERS = count(1)


def marked(key: tuple[object, ...]) -> int:
    """The number of equal keys."""
    found = MARKS.get(key)
    if found is None:
        if len(MARKS) >= MOST_MARKS:
            MARKS.clear()
        found = MARKS[key] = next(_NUMBERS)
    return found


def keep(key: tuple[object, ...], recipe: Recipe) -> None:
    """Remember what nodes with this key are."""
    if len(RECIPES) >= MOST_RECIPES:
        RECIPES.clear()
    RECIPES[key] = recipe


def key_of(step: Step, inputs: tuple[Tensor | None, ...]) -> tuple[object, ...]:
    """Equal for nodes that are the same but for names; () where that is not compared."""
    node = step.node
    if not inputs or len(node.outputs) != 1:
        return ()
    marks = [-1 if one is None else one.mark for one in inputs]
    if node.op_type not in REPEATED or (inputs[0] is not None and inputs[0].known is not None):
        known = [numbers(one) for one in inputs]
        if -1 in known or node.op_type in UNLIKE:
            return ()
        marks += known
    # Equal nodes share their attributes.
    return (id(node.attributes), node.op_type, node.domain, step.version, len(inputs), *marks)


def numbers(tensor: Tensor | None) -> int:
    """A number for the known numbers of a tensor; 0 for none, -1 where they are not compared."""
    if tensor is None or tensor.known is None:
        return 0
    if not tensor.numbers:
        known = tensor.known
        if len(known.items) > MOST_MARKED or not known.constant:
            tensor.numbers = -1
        else:
            key = (known, *map(type, known.items))
            tensor.numbers = MARKS.get(key) or marked(key)
    return tensor.numbers
