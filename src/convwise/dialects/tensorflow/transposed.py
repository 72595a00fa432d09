"""tf.nn.conv*_transpose: the gradient of a convolution, whose output shape is an argument.

The pads belong to the convolution that goes the other way, on the output's size; `output_shape` must be one of the
sizes that this convolution maps to the input's.
"""

from __future__ import annotations

from convwise.axis import Window
from convwise.dialects.base import Layer, Unknown, Value, known
from convwise.dialects.kinds import Arguments, Kind, Resolved, integers, wrong_type
from convwise.dialects.tensorflow.convolution import check_axes, kernel_of
from convwise.dialects.tensorflow.windows import Steps, channels_last, padding, spread
from convwise.errors import Refusal, ShapeError
from convwise.ops import ConvTranspose, Layout, Shape
from convwise.ops.shape import spatial_names


def resolve(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """conv1d_transpose, conv2d_transpose, conv3d_transpose, and conv_transpose, where `output_shape` tells the axes."""
    rank = kind.rank
    wanted = output_shape(arguments["output_shape"], rank)
    rank = rank or len(wanted) - 2
    filters = kernel_of(arguments, "filters", rank)
    last = channels_last(Kind("", (), resolve), arguments, rank)
    strides = spread(arguments["strides"], "strides", rank, last)
    dilations = spread(arguments["dilations"], "dilations", rank, last)
    pads = padding(arguments["padding"], rank, last, explicit=rank == 2)
    return _resolved(Steps(strides, dilations, pads, last), filters, wanted, rank)


def resolve_atrous(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """tf.nn.atrous_conv2d_transpose(value, filters, output_shape, rate, padding)."""
    wanted = output_shape(arguments["output_shape"], 2)
    filters = kernel_of(arguments, "filters", 2)
    rate = integers(known(arguments["rate"], "rate"), "rate", least=1)
    if isinstance(arguments["rate"], tuple):
        raise wrong_type("rate", arguments["rate"], "one number")
    steps = Steps((1, 1), rate * 2, padding(arguments["padding"], 2, True, explicit=False), True)
    return _resolved(steps, filters, wanted, 2)


def _resolved(steps: Steps, filters: tuple[int, ...], wanted: Shape, rank: int) -> Resolved:
    last = steps.channels_last
    channels = wanted[-1] if last else wanted[1]
    sizes = wanted[1:-1] if last else wanted[2:]
    out, inner = filters[-2], filters[-1]
    assert channels is not None
    groups, rest = divmod(channels, out)
    if rest or not groups or (groups > 1 and (rank == 3 or inner % groups)):
        quote = f"input depth must be evenly divisible by filter depth: {channels} vs {out}" if rank < 3 else ""
        fact = f"output_shape has {channels} channels, the kernel gives {out}"
        hint = f"a transposed kernel is (*sizes, out, in): write {channels} for its last but one size, or {out} in output_shape"
        raise Refusal("CW102", fact, axis="channels", received=channels, hint=hint, quote=quote)
    windows, extra = [], []
    for window, size in zip(steps.windows(filters[:-2]), sizes, strict=True):
        assert size is not None
        fixed = Window(window.kernel, window.stride, window.dilation, window.pads(size))
        windows.append(fixed)
        # How many cells the size lies above the smallest that the convolution maps to the same input.
        extra.append(size - fixed.transposed(window.over(size).out))
    op = ConvTranspose(tuple(windows), inner, channels, groups, False, tuple(extra))
    return Resolved((op,), rank, last)


def output_shape(value: Value, rank: int | None) -> Shape:
    """The full output shape; only the batch may be unknown.

    Raises:
        Refusal: CW201, CW204, CW101.  CodeError: CW314.
    """
    if isinstance(value, Unknown):
        known(value, "output_shape")
    if not isinstance(value, tuple):
        raise wrong_type("output_shape", value, "a list of all sizes, batch and channels included")
    axes = (3, 4, 5) if rank is None else (rank + 2,)
    if len(value) not in axes:
        fact = f"output_shape has {len(value)} sizes where {' or '.join(map(str, axes))} are needed"
        hint = "give the batch and the channels too"
        raise Refusal("CW101", fact, received=value, axis="output_shape", hint=hint)
    batch = value[0]
    if batch is not None and not isinstance(batch, Unknown):
        integers(batch, "output_shape")
    integers(value[1:], "output_shape", least=1)
    return (batch if type(batch) is int and batch >= 0 else None, *value[1:])


def check(layer: Layer, shape: Shape) -> None:
    """The input must be what the convolution on `output_shape` gives.

    Raises:
        ShapeError: CW101, CW102, CW103.
    """
    check_axes(layer, shape)
    op = layer.ops[0]
    assert isinstance(op, ConvTranspose)
    rank = layer.rank or 2
    batch, channels, spatial = Layout(layer.channels_last).split(shape)
    wanted = output_shape(layer.arguments["output_shape"], rank)
    if batch[0] is not None and wanted[0] is not None and wanted[0] != batch[0]:
        fact = f"output_shape has a batch of {wanted[0]}, the input {batch[0]}"
        hint = f"write {batch[0]} first in output_shape"
        raise ShapeError("CW103", fact, axis="batch", received=wanted[0], hint=hint)
    if channels is not None and channels != op.in_channels:
        fact = f"the kernel takes {op.in_channels} channels, the input has {channels}"
        hint = "a transposed kernel is (*sizes, out, in)"
        raise ShapeError("CW102", fact, axis="channels", received=channels, hint=hint)
    sizes = wanted[1:-1] if layer.channels_last else wanted[2:]
    for name, window, size, out in zip(spatial_names(rank), op.windows, spatial, sizes, strict=True):
        assert out is not None
        back = window.over(out).out
        if size is None or size == back:
            continue
        window = _rule(layer, window)
        legal = window.preimage(size)
        hint = f"legal sizes for {size} are {legal[0]} to {legal[1]}" if legal else ""
        fact = f"output_shape asks for {out}, but the convolution that goes the other way makes {back} of {out}, not {size}"
        raise ShapeError("CW103", fact, axis=name, received=out, hint=hint)


def _rule(layer: Layer, window: Window) -> Window:
    """The window as the text says it: with 'SAME', the pads of another output size are others."""
    given = layer.arguments["padding"]
    if given == "SAME":
        rule = padding("SAME", 1, True)[0]
        return Window(window.kernel, window.stride, window.dilation, rule)
    return window
