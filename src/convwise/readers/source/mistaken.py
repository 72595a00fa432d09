"""A layer's class that is called with data, as in `x = nn.ReLU(self.conv(x))`: that makes a layer, and applies none."""

from __future__ import annotations

import ast
from typing import Any

from convwise import dialects
from convwise.errors import CodeError
from convwise.readers.echo import shown
from convwise.readers.source import tensors
from convwise.readers.source.names import split
from convwise.readers.source.state import Run
from convwise.readers.source.values import Tensor

HOMES = {"torch.nn": "torch", "keras.layers": "keras"}
KEEPING = (
    *("Conv", "Linear", "Bilinear", "BatchNorm", "InstanceNorm", "LayerNorm", "GroupNorm", "PReLU", "Embedding"),
    *("LSTM", "GRU", "RNN", "Multihead", "Transformer", "Dropout", "AlphaDropout", "FeatureAlphaDropout"),
)
"""How PyTorch's layers begin that keep weights, or are at rest after model.eval(): one made anew in each forward does neither."""


def given_data(run: Run, path: str, arguments: list[Any], node: ast.Call) -> Tensor | None:
    """What comes of `nn.ReLU(x)` where x is an array of the model: a doubt that every later layer has; None where it is no such call."""
    module, name = split(path)
    dialect = HOMES.get(module)
    if module == "?":
        dialect = next((one for one in ("torch", "keras") if name in dialects.get(one).kinds), None)
    if dialect is None or not name[:1].isupper() or run.forced not in (None, *HOMES.values()):
        return None
    place = next((at for at, value in enumerate(arguments) if _is_data(run, value)), None)
    if place is None or len(node.args) != len(arguments):
        return None
    before = next((part for part in tensors.tensors_in(arguments) if part.doubt is not None), None)
    if before is not None:
        return before
    tensor = tensors.doubtful(run, tuple(tensors.tensors_in(arguments)), _doubt(run, dialect, name, place, node))
    tensor.faint = False
    return tensor


def _is_data(run: Run, value: Any) -> bool:
    """Whether a value is an array that layers are applied to: in a forward any, else one that came from an input or a layer."""
    parts = value if isinstance(value, list | tuple) else [value]
    return bool(parts) and any(
        (run.graph is not None and run.graph.is_wire(part))
        or (isinstance(part, Tensor) and (run.within > 0 or part.entry or part.parent is not None))
        for part in parts
    )


def _doubt(run: Run, dialect: str, name: str, place: int, node: ast.Call) -> CodeError:
    function, data = shown(run.source(node.func), 60), shown(run.source(node.args[place]), 80)
    options = [run.source(part) for at, part in enumerate(node.args) if at != place]
    options += [f"{word.arg}={run.source(word.value)}" for word in node.keywords if word.arg]
    made = f"{function}({shown(', '.join(options), 80)})"
    if dialect == "torch" and name.startswith(KEEPING):
        own = name.rstrip("123d").lower()
        hint = f"make it once in __init__, self.{own} = {function}(...) with its options, and write self.{own}({data}) here"
    else:
        hint = f"write {made}({data}): the first brackets hold the options, the second ones the data"
    doubt = CodeError(
        "CW318",
        f"{shown(run.source(node), 100)} makes a layer and applies none: {data} is taken for one of its options",
        detail=run.place(node),
        received=data,
        hint=hint,
    )
    doubt.dialect = dialect
    return doubt
