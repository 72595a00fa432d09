"""What a module takes: the names of its inputs, and as much of their shapes as its layers say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import Parameter, signature
from types import ModuleType
from typing import Any

from convwise.dialects.base import Layer
from convwise.errors import ArgumentError, ModelError
from convwise.graph import Node
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Dense,
    Flatten,
    GlobalPool,
    Norm,
    Op,
    Pad,
    Pointwise,
    Pool,
    Reshape,
    Resize,
    Shape,
)
from convwise.ops.several import Elementwise, ReshapeTo
from convwise.readers.echo import shown
from convwise.readers.torch_live.modules import layer_of
from convwise.readers.torch_live.values import NotFollowed

Given = Sequence[int | None] | Mapping[str, Sequence[int | None]] | Sequence[Sequence[int | None]] | None


IMAGES: Shape = (None, None, None, None)
"""What is taken for the input where the forward starts by flattening it, which any number of axes would fit."""


def input_names(module: Any) -> list[str]:
    """The arguments of the forward that have no default.

    Raises:
        ModelError: CW421 where it names none and takes any number.
    """
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    parameters = list(signature(module.forward).parameters.values())
    named = [part.name for part in parameters if part.kind in kinds and part.default is Parameter.empty]
    loose = next((part.name for part in parameters if part.kind is Parameter.VAR_POSITIONAL), None)
    if loose is not None and not named:
        kind = shown(type(module).__name__, 60)
        raise ModelError(
            "CW421",
            f"the forward of {kind} takes *{shown(loose, 40)}, which does not say what goes in",
            received=kind,
            hint="give a module whose forward names its inputs",
        )
    return named


def given_shapes(names: Sequence[str], given: Any) -> dict[str, Shape]:
    """The shapes by input name.

    Raises:
        ArgumentError: CW601 where something is no shape, CW606 where shapes and inputs do not belong together.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        strange = [name for name in given if name not in names]
        if strange:
            raise ArgumentError(
                "CW606",
                f"the forward takes no input {strange[0]!r}",
                received=str(strange[0]),
                hint=f"its inputs are {', '.join(names)}",
            )
        return {name: _shape(shape) for name, shape in given.items()}
    parts = list(given) if isinstance(given, list | tuple) else [given]
    several = parts if parts and all(isinstance(part, list | tuple) for part in parts) else [given]
    if len(several) > len(names) or (len(several) == 1 < len(names)):
        raise ArgumentError(
            "CW606",
            f"{len(several)} input shape{'s' if len(several) > 1 else ''} for a forward with {len(names)} inputs",
            received=given,
            hint=f"give a shape each for {', '.join(names)}" if names else "the forward takes none",
        )
    return {name: _shape(shape) for name, shape in zip(names, several, strict=False)}


def _shape(value: Any) -> Shape:
    if not isinstance(value, list | tuple) or not all(
        part is None or (type(part) is int and part >= 0) for part in value
    ):
        raise ArgumentError("CW601", f"{value!r} is no shape", received=repr(value), hint="write (3, 224, 224)")
    return tuple(value)


def first_guess(torch: ModuleType, module: Any) -> Shape | None:
    """What the first layer that says it takes, in the order in which the layers were made."""
    for part in module.modules():
        base = next((cls for cls in type(part).__mro__ if vars(torch.nn).get(cls.__name__) is cls), None)
        if base is not None:
            try:
                layer = layer_of(torch, part, "", base)
            except NotFollowed:
                continue
            if layer.kind == "Flatten":
                return IMAGES
            found = taken(layer.ops, layer.rank)
            if found is not None:
                return found
    return None


def taken(ops: Sequence[Op], rank: int | None) -> Shape | None:
    """The shape that these ops take, open but for what they fix; None where they take any."""
    op = ops[0] if ops else None
    if isinstance(op, Conv | ConvTranspose):
        return (None, op.in_channels, *(None,) * op.rank)
    if isinstance(op, Dense):
        return (None, op.in_features)
    if isinstance(op, Norm) and op.axes == "channels" and rank is not None:
        return (None, op.features, *(None,) * rank)
    return None


def wanted(nodes: Sequence[Node], name: str) -> Shape | None:
    """What the first layers that read the input take, through nodes that change neither its rank nor its channels."""
    through = {name}
    channels: int | None = None
    rank: int | None = None
    for node in nodes:
        if through.isdisjoint(node.inputs):
            continue
        ops = node.work.ops if isinstance(node.work, Layer) else node.work if isinstance(node.work, tuple) else ()
        found = taken(ops, node.work.rank if isinstance(node.work, Layer) else None)
        if found is not None:
            return found
        if isinstance(node.work, Layer) and node.work.rank is not None:
            rank = node.work.rank
        if rank is None and (isinstance(node.work, ReshapeTo) or any(isinstance(op, Flatten | Reshape) for op in ops)):
            return IMAGES
        carried = isinstance(node.work, Elementwise) or (
            bool(ops) and all(isinstance(op, Pointwise | Pool | Pad | Resize | AdaptivePool | GlobalPool) for op in ops)
        )
        if carried:
            through.update(node.outputs)
    return None if rank is None else (None, channels, *(None,) * rank)
