"""tf.nn.conv1d/2d/3d, convolution, atrous_conv2d, depthwise_conv2d, separable_conv2d: arguments into ops.

The kernel is an argument, (*spatial, in / groups, out) in every data format; how many groups there are, the input's
channels tell.
"""

from __future__ import annotations

from dataclasses import replace

from convwise.dialects.base import Layer, known
from convwise.dialects.kinds import Arguments, Kind, Resolved, array, wrong_type
from convwise.dialects.tensorflow.windows import Steps, channels_last, padding, spread, tell_negative
from convwise.errors import Refusal, ShapeError
from convwise.ops import Conv, Layout, Op, Shape

PLAIN = ("nn.conv1d", "nn.conv2d", "nn.conv3d")
"""Functions whose windows reach the kernel as they are written; others fold a dilation into the batch first."""

KERNEL_HINT = "write its shape: tf.zeros((3, 3, 3, 16)) is 3 x 3 with 3 input and 16 output channels"


def resolve(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """conv1d, conv2d, conv3d."""
    rank = kind.rank or 2
    filters = kernel_of(arguments, "filters", rank)
    last = channels_last(kind, arguments, rank)
    name = "stride" if rank == 1 else "strides"
    strides = spread(arguments[name], name, rank, last, plain=rank < 3)
    dilations = spread(
        arguments["dilations"], "dilations", rank, last, plain=rank < 3 or arguments["dilations"] is None
    )
    steps = Steps(strides, dilations, padding(arguments["padding"], rank, last, explicit=rank == 2), last)
    return Resolved((_conv(steps, filters),), rank, last)


def resolve_any(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """tf.nn.convolution: the kernel tells how many axes there are; no stride together with a dilation."""
    filters = kernel_of(arguments, "filters", None)
    rank = len(filters) - 2
    last = channels_last(replace(kind, family=""), arguments, rank)
    strides = spread(arguments["strides"], "strides", rank, last)
    dilations = spread(arguments["dilations"], "dilations", rank, last)
    if max(strides) > 1 and max(dilations) > 1:
        quote = "`strides > 1` not supported in conjunction with `dilation_rate > 1`."
        hint = f"tf.nn.conv{rank}d takes both"
        fact = f"strides {strides} together with dilations {dilations}"
        raise Refusal("CW203", fact, received=arguments["strides"], hint=hint, quote=quote)
    steps = Steps(strides, dilations, padding(arguments["padding"], rank, last, explicit=False), last)
    return Resolved((_conv(steps, filters),), rank, last)


def resolve_atrous(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """tf.nn.atrous_conv2d(value, filters, rate, padding): stride 1, one dilation for both axes."""
    filters = kernel_of(arguments, "filters", 2)
    rate = known(arguments["rate"], "rate")
    rates = spread(rate, "rate", 2, True)
    steps = Steps((1, 1), rates, padding(arguments["padding"], 2, True, explicit=rates != (1, 1)), True)
    return Resolved((_conv(steps, filters),), 2, True)


def _conv(steps: Steps, filters: tuple[int, ...]) -> Conv:
    return Conv(steps.windows(filters[:-2]), filters[-2], filters[-1], 1, bias=False)


def kernel_of(arguments: Arguments, name: str, rank: int | None) -> tuple[int, ...]:
    """The kernel's shape, every size of it known and at least 1.

    Raises:
        Refusal: CW101, CW201.  CodeError: CW314.
    """
    axes = (3, 4, 5) if rank is None else (rank + 2,)
    quote = f"filter must be {rank + 2}-dimensional" if rank else ""
    shape = array(arguments[name], name, axes, KERNEL_HINT, quote)
    sizes = tuple(size for size in shape if size is not None)
    if len(sizes) < len(shape):
        raise wrong_type(name, arguments[name], "an array whose sizes are all known")
    if min(sizes) < 1:
        fact = f"{name} has the shape {sizes}: every size must be at least 1"
        quote = "filter must not have zero elements (i.e. all dimensions must be non-zero)" if min(sizes) == 0 else ""
        raise Refusal("CW201", fact, received=sizes, axis=name, quote=quote)
    return sizes


def resolve_depthwise(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """tf.nn.depthwise_conv2d(input, filter, strides, padding): the kernel is (height, width, in, multiplier)."""
    return _depthwise(arguments, kernel_of(arguments, "filter", 2))


def _depthwise(arguments: Arguments, kernel: tuple[int, ...], *more: Op) -> Resolved:
    last = channels_last(Kind("", (), resolve), arguments, 2)
    strides = spread(arguments["strides"], "strides", 2, last, plain=False)
    given = known(arguments["dilations"], "dilations")
    if given is not None and (not isinstance(given, tuple) or len(given) != 2):
        quote = "'int' object is not iterable" if isinstance(given, int) else ""
        fact = f"dilations is {given}: two values are needed"
        hint = f"write dilations={[given, given] if isinstance(given, int) else [1, 1]}"
        if isinstance(given, tuple):
            # Three of them make TensorFlow fold the channels as well; it gives numbers that mean nothing.
            raise ShapeError("CW210", fact, received=given, axis="dilations", hint=hint)
        raise Refusal("CW204", fact, received=given, axis="dilations", hint=hint, quote=quote)
    dilations = spread(given, "dilations", 2, last)
    if max(dilations) > 1 and max(strides) > 1:
        # TensorFlow strides inside every phase of the dilation, so that windows start elsewhere than at multiples of the stride.
        fact = f"strides {strides} together with dilations {dilations}: TensorFlow then skips within each phase of the dilation"
        hint = "take strides of 1 with a dilation, or a tf.nn.conv2d with groups"
        raise ShapeError("CW210", fact, received=arguments["strides"], hint=hint)
    try:
        rules = padding(arguments["padding"], 2, last)
    except Refusal as error:
        if error.code != "CW201" or max(dilations) == 1:
            raise
        # A dilation is folded into the batch first, where padded channels are not noticed.
        raise ShapeError("CW210", error.fact, received=error.received, axis="padding", hint=error.hint) from None
    steps = Steps(strides, dilations, rules, last)
    channels, multiplier = kernel[2:]
    op = Conv(steps.windows(kernel[:2]), channels, channels * multiplier, channels, bias=False)
    return Resolved((op, *more), 2, last)


def resolve_separable(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """tf.nn.separable_conv2d: depthwise, then a 1 x 1 convolution."""
    kernel = kernel_of(arguments, "depthwise_filter", 2)
    pointwise = kernel_of(arguments, "pointwise_filter", 2)
    if pointwise[:2] != (1, 1):
        fact = f"pointwise_filter is {pointwise[0]} x {pointwise[1]}, not 1 x 1"
        quote = f"Dimensions {next(size for size in pointwise[:2] if size != 1)} and 1 are not compatible"
        raise Refusal("CW201", fact, received=pointwise, axis="pointwise_filter", quote=quote)
    deep = kernel[2] * kernel[3]
    if pointwise[2] != deep:
        fact = (
            f"pointwise_filter takes {pointwise[2]} channels, depthwise_filter gives {kernel[2]} x {kernel[3]} = {deep}"
        )
        hint = f"make it tf.zeros((1, 1, {deep}, {pointwise[3]}))"
        raise Refusal("CW102", fact, received=pointwise, axis="pointwise_filter", hint=hint)
    steps = Steps((1, 1), (1, 1), padding("VALID", 2, True), True)
    return _depthwise(arguments, kernel, _conv(steps, pointwise))


def settle(layer: Layer, shape: Shape) -> Layer:
    """The groups that the input's channels tell: 8 channels under a kernel for 4 are 2 groups (conv1d and conv2d alone)."""
    op = layer.ops[0]
    rank = layer.rank or 2
    if not isinstance(op, Conv) or len(shape) < rank + 1 or op.groups != 1 or op.in_channels is None:
        return layer
    _, channels, _ = Layout(layer.channels_last, len(shape) > rank + 1).split(shape[-(rank + 2) :])
    inner = op.in_channels
    if channels is None or channels == inner or channels < 1 or rank == 3:
        return layer
    if channels % inner:
        quote = f"input depth must be evenly divisible by filter depth: {channels} vs {inner}"
        fact = f"the kernel takes {inner} channel{'s' if inner != 1 else ''}, the input has {channels}"
        hint = f"make the kernel for {channels} channels, or for a number that divides {channels}: then it has groups"
        raise ShapeError("CW102", fact, axis="channels", received=channels, quote=quote, hint=hint)
    groups = channels // inner
    if op.out_channels is not None and op.out_channels % groups:
        quote = f"output depth must be evenly divisible by number of groups: {op.out_channels} vs {groups}"
        fact = f"{channels} channels under a kernel for {inner} are {groups} groups, which do not divide {op.out_channels} outputs"
        raise ShapeError("CW105", fact, axis="channels", received=channels, quote=quote)
    return replace(layer, ops=(replace(op, in_channels=channels, groups=groups), *layer.ops[1:]))


def check(layer: Layer, shape: Shape) -> None:
    """TensorFlow's words where channels do not match or no window fits.

    Raises:
        ShapeError: CW101 to CW104.
    """
    rank = layer.rank or 2
    check_axes(layer, shape)
    batched = len(shape) > rank + 1
    _, channels, spatial = Layout(layer.channels_last, batched).split(shape[-(rank + 2) :])
    op = layer.ops[0]
    if not isinstance(op, Conv):
        return
    if channels is not None and op.in_channels is not None and channels != op.in_channels:
        quote = f"input and filter must have the same depth: {channels} vs {op.in_channels}" if rank == 3 else ""
        fact = f"the kernel takes {op.in_channels} channels, the input has {channels}"
        raise ShapeError("CW102", fact, axis="channels", received=channels, quote=quote)
    fits(op, spatial, quote=layer.kind.endswith(PLAIN))


def check_axes(layer: Layer, shape: Shape) -> None:
    rank = layer.rank or 2
    most = 5 if rank == 3 else None
    if len(shape) > rank + 2 and not layer.channels_last:
        fact = f"{len(shape)} axes with the channels first: TensorFlow takes another axis for the channels than data_format says"
        raise ShapeError("CW210", fact, received=shape, hint="put the channels last")
    if len(shape) < rank + 2 or (most and len(shape) > most):
        fact = f"{len(shape)} axes where {rank + 2} are needed"
        raise ShapeError("CW101", fact, received=shape, hint="batch, sizes and channels")


def fits(op: Conv, spatial: Shape, *, quote: bool = True) -> None:
    """Raises what the ops raise where no window fits, with TensorFlow's words."""
    try:
        Conv(op.windows, 1, 1).flow((1, 1, *spatial), Layout())
    except ShapeError as error:
        if quote:
            tell_negative(error, op.windows, spatial)
        raise
