"""ZeroPad, ConstantPad, ReflectionPad, ReplicationPad and CircularPad, in one, two and three dimensions.

Source of the rules: `torch/nn/modules/padding.py` and ATen's `PadNd.cpp`, run with torch 2.13.0.
"""

from __future__ import annotations

from convwise.axis import Pads
from convwise.dialects.base import Layer, LayerFlow, Value, known
from convwise.dialects.kinds import Arguments, parameters, show
from convwise.dialects.torch.borders import check_border
from convwise.dialects.torch.kind import Kind, split, wrong_rank
from convwise.dialects.torch.values import Words, integers, wrong_type
from convwise.errors import Refusal, ShapeError
from convwise.ops import AxisFlow, Flow, Op, Pad, Shape, spatial_names

PAD_MODES = {
    "Zero": "constant",
    "Constant": "constant",
    "Reflection": "reflect",
    "Replication": "replicate",
    "Circular": "circular",
}
PAD = Words("pad", {"pad": 2, "value": 4}, wrapped=True)


def resolve_pad(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    """Pads in PyTorch's order, which counts from the last axis: (left, right, top, bottom, front, back)."""
    value = known(arguments["padding"], "padding")
    mode = next(mode for name, mode in PAD_MODES.items() if kind.name.startswith(name))
    fill = known(arguments.get("value", 0.0), "value")
    if fill is not None and not isinstance(fill, int | float):
        raise wrong_type("value", fill, "a number", PAD.scalar("value", fill, "float"))
    if isinstance(value, tuple) and any(isinstance(item, tuple) for item in value):
        raise _nested_pads(value)
    words = PAD.ints("pad", tuple(value) if isinstance(value, str) else value)
    cells = integers(tuple(value) if isinstance(value, str) and value else value, "padding", words)
    if not isinstance(value, tuple):
        cells = cells * (2 * (kind.rank or 2))
    if len(cells) % 2:
        quote = "Padding length must be divisible by 2"
        hint = f"write {2 * (kind.rank or 2)} numbers: {', '.join(('left', 'right', 'top', 'bottom', 'front', 'back')[: 2 * (kind.rank or 2)])}"
        raise Refusal(
            "CW204",
            f"padding is {show(value)}: {len(cells)} numbers, which do not pair up",
            received=value,
            hint=hint,
            quote=quote,
        )
    pads = tuple(Pads(cells[i], cells[i + 1]) for i in range(len(cells) - 2, -1, -2))
    if mode != "constant" and len(pads) not in (1, 2, 3):
        quote = f"Padding size {len(cells)} is not supported for"
        raise Refusal(
            "CW204",
            f"padding has {len(cells)} numbers",
            received=value,
            hint=f"write {2 * (kind.rank or 2)} numbers",
            quote=quote,
        )
    return (Pad(pads, mode, float(fill or 0)),)


def _nested_pads(value: Value) -> Refusal:
    """`((1, 1), (2, 2))` is Keras's form, first axis first."""
    flat = tuple(cell for pair in reversed(value) for cell in (pair if isinstance(pair, tuple) else (pair, pair)))
    quote = PAD.ints("pad", value)
    hint = f"PyTorch counts from the last axis, in one tuple: {flat}"
    return Refusal("CW209", f"padding={show(value)} is Keras's form", received=show(value), hint=hint, quote=quote)


def run_pad(layer: Layer, shape: Shape) -> LayerFlow:
    """Zeros go around the last axes of any shape; the modes that read the border take one batch axis at most."""
    op = layer.ops[0]
    assert isinstance(op, Pad)
    rank = op.rank
    if op.mode == "constant":
        if len(shape) < rank:
            quote = f"Padding length should be less than or equal to two times the input dimension but got padding length {2 * rank} and input of dimension {len(shape)}"
            raise wrong_rank(f"{2 * rank} pads need at least {rank} axes; there are {len(shape)}", shape, quote)
    else:
        declared = int(layer.kind[-2])
        if op.mode == "circular" and len(shape) not in (declared + 1, declared + 2):
            fact = f"{len(shape)} axes where {declared + 1} or {declared + 2} are needed"
            raise wrong_rank(
                fact, shape, f"expected {declared + 1}D or {declared + 2}D input (got {len(shape)}D input)"
            )
        if len(shape) not in (rank + 1, rank + 2):
            fact = f"{len(shape)} axes where {rank + 1} or {rank + 2} are needed"
            raise wrong_rank(fact, shape, f"Padding size {2 * rank} is not supported for {len(shape)}D input tensor.")
        check_border(op.mode, op.pads, *split(rank, shape))
    lead, tail = shape[: len(shape) - rank], shape[len(shape) - rank :]
    out = tuple(None if size is None else size + pad.total for size, pad in zip(tail, op.pads, strict=True))
    for name, size, pad in zip(spatial_names(rank), tail, op.pads, strict=True):
        if size is not None and size + min(pad.low, 0) + min(pad.high, 0) < 0:
            fact = f"cutting {-min(pad.low, 0) - min(pad.high, 0)} of {size} cells leaves nothing"
            quote = "narrow(): length must be non-negative." if op.mode == "constant" else ""
            # In the other modes PyTorch reads cells that are not there.
            raise ShapeError(
                "CW104" if op.mode == "constant" else "CW210",
                fact,
                axis=name,
                received=size,
                detail=f"{size} + {pad.low} + {pad.high} = {size + pad.total}",
                hint="cut less, or take a larger input",
                quote=quote,
            )
    axes = tuple(AxisFlow(name, size, after) for name, size, after in zip(spatial_names(rank), tail, out, strict=True))
    output = (*lead, *out)
    return LayerFlow(layer, shape, output, (Flow(shape, output, axes),))


KINDS = tuple(
    Kind(
        f"{name}Pad{rank}d",
        parameters("padding value" if name == "Constant" else "padding"),
        resolve_pad,
        run=run_pad,
        rank=rank,
    )
    for name in PAD_MODES
    for rank in (1, 2, 3)
)
