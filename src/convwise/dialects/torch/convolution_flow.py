"""What a convolution layer does to one shape, and PyTorch's words where it does not work."""

from __future__ import annotations

from convwise.axis import Pads, Window
from convwise.dialects.base import Layer, LayerFlow, run_ops
from convwise.dialects.torch.borders import check_border
from convwise.dialects.torch.kind import layout_of, split, wrong_rank
from convwise.dialects.torch.values import listed, sizes
from convwise.errors import MatchChannels, Meant, ShapeError
from convwise.ops import Conv, ConvTranspose, Shape, elements, spatial_names


def run(layer: Layer, shape: Shape) -> LayerFlow:
    """Checks in PyTorch's order, each with its words, then the op itself."""
    op = layer.ops[0]
    assert isinstance(op, Conv | ConvTranspose)
    rank = op.rank
    if len(shape) not in (rank + 1, rank + 2):
        raise _no_such_rank(layer, shape, rank)
    batch, channels, spatial = split(rank, shape)
    if isinstance(op, Conv) and op.padding_mode != "zeros":
        check_border(op.padding_mode, tuple(_explicit(window) for window in op.windows), batch, channels, spatial)
    _check_input_channels(layer, op, batch, channels, spatial)
    if batch != (0,) and 0 in spatial:
        _check_empty(op, batch, channels, spatial)
    try:
        return run_ops(layer, shape, layout_of(rank, shape))
    except ShapeError as error:
        if error.code == "CW104" and None not in spatial:
            # With an empty batch PyTorch comes further, to words of no use.
            error.quote = _size_words(op, batch, channels, spatial) if batch != (0,) or isinstance(op, Conv) else ""
            if isinstance(op, ConvTranspose) and (0 in spatial or min(_transposed(op, spatial)) == 0):
                # PyTorch refuses it or gives an empty output, by the code that it picks for batch, groups and kernel.
                error.code = "CW210"
        raise


def _transposed(op: ConvTranspose, spatial: Shape) -> tuple[int, ...]:
    extra = op.output_padding or (0,) * op.rank
    return tuple(
        window.transposed(size, more)
        for window, size, more in zip(op.windows, spatial, extra, strict=True)
        if size is not None
    )


def _in_onednn(op: ConvTranspose, batch: Shape, channels: int | None, spatial: Shape) -> bool:
    """Whether PyTorch's CPU build hands this to oneDNN, which has words of its own (`use_mkldnn` in ATen's Convolution.cpp)."""
    kernel = (1, *op.kernel)[-2:]
    moved = any(window.stride > 1 or window.dilation > 1 for window in op.windows)
    count = batch[0] if batch and batch[0] is not None else 1
    cells = elements((count, channels, *((1, *spatial) if op.rank == 1 else spatial)[:2])) or 0
    if not (moved or count >= 16 or kernel != (1, 1)):
        return False
    return (op.groups or 1) > 1 or min(kernel) > 3 or count > 1 or cells > 20480


def _explicit(window: Window) -> Pads:
    assert isinstance(window.padding, Pads)
    return window.padding


def _no_such_rank(layer: Layer, shape: Shape, rank: int) -> ShapeError:
    name, text = f"conv{rank}d", listed(shape)
    if "Transpose" in layer.kind:
        name = f"conv_transpose{rank}d"
    if layer.kind.startswith("Lazy"):
        name, text = layer.kind, f"torch.Size({text})"
    quote = f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got input of size: {text}"
    if layer.arguments["padding_mode"] != "zeros" and not layer.kind.startswith("Lazy"):
        quote = f"Padding size {2 * rank} is not supported for {len(shape)}D input tensor."
    axes = {1: "C, L", 2: "C, H, W", 3: "C, D, H, W"}[rank]
    fact = f"{len(shape)} axes where {rank + 1} ({axes}) or {rank + 2} (N, {axes}) are needed"
    hint = f"give the input as {axes} or N, {axes}"
    op = layer.ops[0]
    if len(shape) == rank and isinstance(op, Conv | ConvTranspose) and op.in_channels == 1:
        hint = Meant(f"the channel has an axis of its own: did you mean 1x{sizes(shape, 'x')}?")
    return wrong_rank(fact, shape, quote, hint)


def _check_input_channels(
    layer: Layer, op: Conv | ConvTranspose, batch: Shape, channels: int | None, spatial: Shape
) -> None:
    if channels is None:
        return
    if op.in_channels is None:
        if channels == 0:
            raise ShapeError(
                "CW210",
                "the input has 0 channels",
                axis="channels",
                received=0,
                hint="give an input of at least 1 channel",
            )
        assert op.groups is not None
        if channels % op.groups:
            quote = "in_channels must be divisible by groups"
            fact = f"{channels} input channels do not divide into {op.groups} groups"
            raise ShapeError(
                "CW105",
                fact,
                axis="channels",
                received=channels,
                quote=quote,
                hint=f"use groups that divide {channels}",
            )
        return
    if channels == op.in_channels:
        return
    weight = op.weight_shape()
    assert weight is not None
    # PyTorch pads before it counts channels: for another padding mode, and the odd cell of 'same'.
    grown: list[int | None] = list(spatial)
    for i, (size, window) in enumerate(zip(spatial, op.windows, strict=True)):
        pads = _explicit(window)
        if size is not None and isinstance(op, Conv):
            grown[i] = size + (pads.total if op.padding_mode != "zeros" else pads.high - pads.low)
    what = "transposed=1" if isinstance(op, ConvTranspose) else f"groups={op.groups}"
    full = (*(batch or (1,)), channels, *grown)
    quote = f"Given {what}, weight of size {listed(weight)}, expected input{listed(full)} to have {op.in_channels} channels, but got {channels} channels instead"
    raise ShapeError(
        "CW102",
        f"the layer takes {op.in_channels} channel{'s' if op.in_channels != 1 else ''}, the input has {channels}",
        axis="channels",
        received=channels,
        hint=_channels_hint(layer, op.in_channels, batch, channels, spatial),
        quote=quote if None not in full else "",
    )


def _channels_hint(layer: Layer, wanted: int, batch: Shape, channels: int, spatial: Shape) -> str:
    """Channels last is Keras's order; the most common mistake of all."""
    if spatial[-1] == wanted:
        order = {1: "C, L", 2: "C, H, W", 3: "C, D, H, W"}[len(spatial)]
        told = () if None in batch else batch
        meant = (*told, wanted, channels, *spatial[:-1])
        return Meant(f"the order is {'N, ' if told else ''}{order}: did you mean {sizes(meant, 'x')}?")
    if channels == 0:
        return f"give an input of {wanted} channels"
    if not batch and len(spatial) == 2 and spatial[0] == wanted and "1d" not in layer.kind:
        return (
            f"3 axes are read as C, H, W; make the layer for {channels} channels, or the step before it give {wanted}"
        )
    return MatchChannels.of(channels, wanted)


def _check_empty(op: Conv | ConvTranspose, batch: Shape, channels: int | None, spatial: Shape) -> None:
    """A spatial size of 0 that padding would fill: PyTorch takes it for an empty batch alone."""
    if isinstance(op, Conv):
        for window, size in zip(op.windows, spatial, strict=True):
            if size is not None and not window.over(size).fits:
                return
    full = (*(batch or (1,)), channels, *((1, *spatial) if len(spatial) == 1 else spatial))
    names = spatial_names(len(spatial))
    raise ShapeError(
        "CW103",
        "the size is 0",
        axis=names[spatial.index(0)],
        received=0,
        hint="give an input of at least 1 cell on every axis",
        quote=f"Only zero batch or zero channel inputs are supported, but got input shape: {listed(full)}"
        if None not in full
        else "",
    )


def _size_words(op: Conv | ConvTranspose, batch: Shape, channels: int | None, spatial: Shape) -> str:
    if isinstance(op, Conv):
        axes = [window.over(size) for window, size in zip(op.windows, spatial, strict=True) if size is not None]
        padded, spans = sizes(tuple(axis.padded for axis in axes)), sizes(tuple(axis.span for axis in axes))
        if len(axes) == 1:
            padded, spans = f"{padded}", f"{spans}"
        return f"Calculated padded input size per channel: ({padded}). Kernel size: ({spans}). Kernel size can't be greater than actual input size"
    out = _transposed(op, spatial)
    if _in_onednn(op, batch, channels, spatial):
        # With a size of 0 it gives an empty output, without a word.
        return "" if min(out) == 0 else "could not construct a memory descriptor using a format tag"
    lead = (1,) if op.rank == 1 else ()
    if 0 in spatial:
        return ""
    return f"Given input size per channel: ({sizes((*lead, *spatial))}). Calculated output size per channel: ({sizes((*lead, *out))}). Output size is too small"
