"""PyTorch as the target of a port: its layers, and functions of `x` where it has no layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from convwise import dialects
from convwise.answers.porting.composing import call_text, listing
from convwise.answers.porting.draft import Target
from convwise.answers.porting.resampling import in_parts
from convwise.answers.porting.stages import Stage
from convwise.answers.porting.windowing import by_slices, folded
from convwise.axis import NO_PADS, Window
from convwise.dialects.writing import write
from convwise.errors import ConvwiseError
from convwise.ops import (
    AdaptivePool,
    Flatten,
    Fold,
    GlobalPool,
    Norm,
    Op,
    Pad,
    Permute,
    PixelShuffle,
    Pointwise,
    Pool,
    Reshape,
    Resize,
    Shape,
    Unflatten,
)

APPLY = '''\
class Apply(nn.Module):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)
'''


SLOPES = '''\
class Slopes(nn.Module):
    """PReLU with a slope for each cell; nn.PReLU has one, or one a channel."""

    def __init__(self, shape):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self, x):
        return torch.where(x > 0, x, self.weight * x)
'''


SAME = '''\
def same(x, kernel, stride, dilation, value=0.0):
    """Pad so that ceil(size / stride) windows fit, the odd cell at the end: TensorFlow's 'same'."""
    pads = []
    for size, k, s, d in reversed(list(zip(x.shape[2:], kernel, stride, dilation))):
        total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value)
'''


def same(windows: tuple[Window, ...], value: float) -> str:
    """A call of the emitted function `same`."""
    kernel = tuple(window.kernel for window in windows)
    stride = tuple(window.stride for window in windows)
    dilation = tuple(window.dilation for window in windows)
    more = "" if value == 0 else f", {write(value)}"
    return f"same(x, {kernel}, {stride}, {dilation}{more})"


def adapt(op: Op, shape: Shape) -> Op:
    match op:
        case Pool() if op.kind == "average":
            padded = any(window.padding != NO_PADS for window in op.windows)
            return replace(op, count_padding=op.count_padding and padded)
        case Norm() if op.kind == "group" and not op.scale and not op.center:
            return replace(op, axes="channels", features=None)
        case Norm() if op.kind in ("batch", "group", "instance"):
            return replace(op, axes="channels")
        case Pointwise() if op.kind == "hard_tanh" and not op.options:
            return replace(op, options=(("min_val", -1.0), ("max_val", 1.0)))
        case Pointwise() if op.kind == "softplus" and not op.options:
            return replace(op, options=(("beta", 1.0), ("threshold", 20.0)))
        case Norm() if op.kind in ("layer", "rms") and op.shape is not None:
            return replace(op, axes=tuple(range(-len(op.shape), 0)))
    return op


def more(op: Op, shape: Shape) -> Iterator[tuple[Op, ...]]:
    """Other ops that mean the same."""
    match op:
        case GlobalPool() if op.kind not in ("max", "average"):
            return
        case GlobalPool() if not op.keep_dims:
            yield (GlobalPool(op.kind, op.rank, keep_dims=True), Flatten())
        case GlobalPool():
            yield (AdaptivePool(op.kind, (1,) * op.rank),)
        case Reshape():
            head = (Flatten(),) if len(shape) > 2 else ()
            yield (*head, Unflatten(1, op.target))
        case Resize():
            yield from in_parts(op, [size or 0 for size in shape[2:]])


def texts(op: Op, shape: Shape) -> Iterator[str]:
    """The calls to try."""
    if isinstance(op, GlobalPool) and not op.keep_dims:
        return
    if isinstance(op, Permute | Reshape):
        return
    if isinstance(op, Resize) and "+" in op.mode:
        return
    if isinstance(op, Pointwise) and op.kind == "hard_tanh" and {inf, -inf} & set(dict(op.options).values()):
        return
    if isinstance(op, Pointwise) and op.kind == "spatial_dropout":
        yield f"nn.Dropout{len(shape) - 2}d({dict(op.options)['rate']!r})"
        return
    if isinstance(op, Pointwise) and op.kind == "softmax" and dict(op.options).get("axis") == -1:
        yield "nn.Softmax(dim=-1)"
    try:
        text = dialects.get("torch").spell((op,), False)
    except ConvwiseError:
        return
    if isinstance(op, Norm) and op.kind in ("batch", "instance"):
        text = text.replace("Norm2d", f"Norm{max(len(shape) - 2, 1)}d")
    if text.startswith("nn."):
        yield text


def express(op: Op, shape: Shape) -> str | None:
    """The op as a function of `x`; None where PyTorch has nothing for it."""
    match op:
        case Permute():
            return f"x.permute({', '.join(map(str, op.order))})"
        case Pad() if op.mode == "constant":
            flat = [side for pads in reversed(op.pads) for side in (pads.low, pads.high)]
            value = "" if op.value == 0 else f", value={write(op.value)}"
            return f"F.pad(x, {tuple(flat)}{value})"
        case Pool() if op.kind == "average":
            return _by_slices(op, shape) if any(w.dilation > 1 for w in op.windows) else _average(op, shape)
        case Norm() if op.kind == "unit" and not isinstance(op.axes, str):
            return f"x / x.square().sum({op.axes}, keepdim=True).clamp(min={op.epsilon}).sqrt()"
        case Pointwise() if op.kind == "prelu":
            shared: Any = dict(op.options).get("shared_axes", ())
            return f"Slopes({tuple(1 if axis in shared else size or 1 for axis, size in enumerate(shape) if axis)})"
        case PixelShuffle() if op.rank == 2 and op.pixels_first:
            return _by_pixels(op, shape)
        case Pointwise():
            return _function(op)
        case Fold():
            return folded(op, shape, "torch.einsum", "{}.reshape{}", "torch.tensor({})")
    return None


def _by_pixels(op: PixelShuffle, shape: Shape) -> str:
    """PyTorch's own, its channels turned around: those of a pixel come first."""
    cells, channels = op.factor**2, shape[1] or 0
    if op.inverse:
        deep = f"F.pixel_unshuffle(x, {op.factor}).unflatten(1, ({channels}, {cells}))"
        return f"{deep}.transpose(1, 2).flatten(1, 2)"
    turned = f"x.unflatten(1, ({cells}, {channels // cells})).transpose(1, 2).flatten(1, 2)"
    return f"F.pixel_shuffle({turned}, {op.factor})"


def _by_slices(op: Pool, shape: Shape) -> str | None:
    """The mean of as many strided slices as a dilated window has cells."""
    text = by_slices(op, (shape[0], *shape[2:], shape[1]), "torch.stack({}).mean(0)")
    return None if text is None else text.replace("x[:, ", "x[:, :, ", 1)


def _average(op: Pool, shape: Shape) -> str | None:
    """Padded, added up, and divided by what every window counts."""
    from convwise.answers.porting.composing import average_factors

    found = average_factors(op, shape[2:])
    if found is None:
        return None
    pads, factors = found
    flat = tuple(side for pad in reversed(pads) for side in (pad.low, pad.high))
    kernel, stride = tuple(w.kernel for w in op.windows), tuple(w.stride for w in op.windows)
    scales = []
    for axis, factor in enumerate(factors):
        if factor is not None:
            ones = ", ".join(["-1", *("1" for _ in factors[axis + 1 :])])
            scales.append(f" * torch.tensor({factor}).view({ones})")
    return f"F.avg_pool{op.rank}d(F.pad(x, {flat}), {kernel}, {stride}){''.join(scales)}"


def _function(op: Pointwise) -> str | None:
    options = dict(op.options)
    match op.kind:
        case "exponential":
            return "x.exp()"
        case "abs":
            return "x.abs()"
        case "hard_tanh":
            return f"x.clamp({write(options['min_val'])}, {write(options['max_val'])})"
        case "rescaling":
            return f"x * {write(options['scale'])} + {write(options['offset'])}"
        case "masking":
            return f"x * (x != {write(options['mask_value'])}).any(-1, keepdim=True)"
        case "squareplus":
            return f"(x + (x * x + {write(options.get('b', 4))}).sqrt()) / 2"
        case "sparse_plus":
            return "torch.where(x <= -1, 0.0, torch.where(x < 1, (x + 1) ** 2 / 4, x))"
        case "sparse_sigmoid":
            return "(0.5 * (x + 1)).clamp(0, 1)"
        case "softmax" if isinstance(options.get("axis"), tuple):
            return f"(x - x.logsumexp({options['axis']}, keepdim=True)).exp()"
        case "relu":
            slope, least = options.get("negative_slope", 0.0) or 0.0, options.get("threshold", 0.0) or 0.0
            most = options.get("max_value")
            text = f"torch.where(x >= {least}, x, {slope} * (x - {least}))"
            return text if most is None else f"{text}.clamp(max={most})"
    return None


def compose(stages: Sequence[Stage], shape: Shape) -> str:
    """The whole code: imports, what functions need, and `layer`."""
    sloped = any(stage.text.startswith("Slopes(") for stage in stages)
    named = any(stage.layer is None and "torch." in stage.text for stage in stages)
    lines = ["import torch"] if sloped or named else []
    computed = any(stage.layer is None and stage.text.startswith("same(") for stage in stages)
    if computed or any(stage.layer is None and "F." in stage.text for stage in stages):
        lines.append("import torch.nn.functional as F")
    lines.append("from torch import nn")
    head = "\n".join(lines) + "\n\n"
    if any(stage.layer is None for stage in stages):
        head += f"\n{APPLY}\n\n"
    if sloped:
        head += f"\n{SLOPES}\n\n"
    if computed:
        head += f"{SAME}\n\n"
    calls = [call_text(stage, lambda text: f"Apply(lambda x: {text})") for stage in stages]
    body = (
        listing("nn.Sequential(", calls, ")", [stage.comment for stage in stages])
        if calls
        else "layer = nn.Identity()\n"
    )
    moments = any((stage.layer is not None and "Dropout" in stage.text) or "Norm" in stage.text for stage in stages)
    return head + body + ("layer.eval()  # inference: fixed moments, no dropout\n" if moments else "")


TARGET = Target("torch", False, adapt, more, texts, express, compose, same)
