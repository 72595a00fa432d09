"""What a module takes: the names of its inputs, and as much of their shapes as its layers say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import Parameter, signature
from types import ModuleType
from typing import Any

from convwise.dialects.base import Layer
from convwise.errors import ArgumentError, ModelError
from convwise.graph import Node, Work
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
    Permute,
    Pointwise,
    Pool,
    Reshape,
    Resize,
    Shape,
)
from convwise.ops.several import (
    Chunk,
    Concat,
    Elementwise,
    Gather,
    ReshapeTo,
    Several,
    Slice,
    Split,
    Tile,
    Unsqueeze,
)
from convwise.readers.echo import shown
from convwise.readers.torch_live.building import flow
from convwise.readers.torch_live.modules import layer_of
from convwise.readers.torch_live.values import NotFollowed

Given = Sequence[int | None] | Mapping[str, Sequence[int | None]] | Sequence[Sequence[int | None]] | None


IMAGES: Shape = (None, None, None, None)
"""What is taken for the input where the forward starts by flattening it, which any number of axes would fit."""


MOST_CHANNELS = 512
"""More numbers of channels are not tried."""


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
    """What the first layer behind the input takes, worked back through the nodes between them; None where nothing says it."""
    asked: dict[str, Shape | None] = {}
    # From the back, so that of several nodes that read a tensor the first has the last word.
    for node in reversed(nodes):
        found = _asked(node.work, asked.get(node.outputs[0]) if node.outputs else None)
        if found is not None:
            read = node.inputs if isinstance(node.work, Elementwise | Concat) else node.inputs[:1]
            asked.update(dict.fromkeys(read, found))
    return asked.get(name)


def _asked(work: Work, behind: Shape | None) -> Shape | None:
    """What the work takes by itself, or else for its output to be the shape `behind`; sizes are None where it does not say."""
    ops = work.ops if isinstance(work, Layer) else work if isinstance(work, tuple) else ()
    rank = work.rank if isinstance(work, Layer) else None
    found = taken(ops, rank)
    if found is not None:
        return found
    if isinstance(work, ReshapeTo) or any(isinstance(op, Flatten | Reshape) for op in ops):
        return IMAGES if rank is None else (None, None, *(None,) * rank)
    keeps = bool(ops) and all(isinstance(op, Pointwise | Pool | Pad | Resize | AdaptivePool | GlobalPool) for op in ops)
    if rank is not None and keeps and (behind is None or len(behind) != rank + 2):
        return (None,) * (rank + 2)
    if behind is None:
        return None
    if keeps or isinstance(work, Elementwise):
        return behind
    if len(ops) == 1 and isinstance(ops[0], Permute):
        return _turned_back(ops[0].order, behind)
    return None if isinstance(work, Layer | tuple) else _moved_back(work, behind)


def _turned_back(order: Sequence[int], behind: Shape) -> Shape | None:
    if sorted(order) != list(range(len(behind))):
        return None
    return tuple(behind[order.index(axis)] for axis in range(len(behind)))


def _moved_back(work: Several, behind: Shape) -> Shape | None:
    """The shape before cells are joined, cut, chosen or repeated, with the sizes open that this changes."""
    count = len(behind)
    match work:
        case Unsqueeze() if count > len(work.axes):
            gone = {axis % count for axis in work.axes}
            return tuple(size for axis, size in enumerate(behind) if axis not in gone)
        case Gather(indices=()) if -count <= work.axis <= count:
            at = work.axis % (count + 1)
            # A sample that is chosen goes into the layer without a batch.
            return (*behind[:at], None, *behind[at:]) if at else behind
        case Concat() | Slice() | Split() | Chunk() if -count <= work.axis < count:
            at = work.axis % count
            return (*behind[:at], None, *behind[at + 1 :])
        case Tile() if len(work.repeats) == count:
            return tuple(size if times == 1 else None for size, times in zip(behind, work.repeats, strict=True))
    return None


def others(shape: Shape) -> tuple[Shape, ...]:
    """What an input may be whose layers refuse the shape: one with open channels, with an axis less or more, or a number a sample."""
    count = len(shape)
    ranks = (count, count - 1, count + 1, 1)
    open_ = [(None,) * rank for rank in ranks if rank > 0]
    return tuple(other for other in dict.fromkeys((open_[0], (None, *shape), *open_[1:])) if other != shape)


def channels_last(shape: Shape | None) -> bool:
    """Whether the one axis whose size the layers fix is the last of an image: it is turned to the front on the way."""
    return shape is not None and len(shape) > 2 and shape[-1] is not None and shape[1:-1] == (None,) * (len(shape) - 2)


def solved(nodes: Sequence[Node], stored: Mapping[str, Shape], name: str, shape: Shape) -> Shape | None:
    """The shape with its channels, where one number of them alone suits the first layer that says how many it takes."""
    if len(shape) < 3 or any(size is not None for size in shape):
        return None
    last = next((number for number, node in enumerate(nodes) if (_fixed(node.work) or 0) > 0), None)
    most = 0 if last is None else _fixed(nodes[last].work) or 0
    if last is None or most > MOST_CHANNELS:
        return None
    tried = ((None, channels, *shape[2:]) for channels in range(1, most + 1))
    fitting = [one for one in tried if _reaches(nodes[: last + 1], {**stored, name: one})]
    return fitting[0] if len(fitting) == 1 else None


def _fixed(work: Work) -> int | None:
    """The channels that a convolution takes."""
    op = work.ops[0] if isinstance(work, Layer) and work.ops else None
    return op.in_channels if isinstance(op, Conv | ConvTranspose) else None


def _reaches(nodes: Sequence[Node], shapes: Mapping[str, Shape | None]) -> bool:
    """Whether every node takes what reaches it."""
    known = dict(shapes)
    for node in nodes:
        found = flow(node.work, [known.get(name) for name in node.inputs], len(node.outputs))
        if found is None:
            return False
        known.update(zip(node.outputs, found, strict=True))
    return True
