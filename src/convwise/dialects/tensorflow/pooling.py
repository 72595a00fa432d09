"""tf.nn.max_pool1d/2d/3d, avg_pool1d/2d/3d, max_pool, avg_pool and pool: arguments into ops. Averages count real cells alone."""

from __future__ import annotations

from dataclasses import replace

from convwise.axis import Pads
from convwise.dialects.base import Layer, Value, known
from convwise.dialects.kinds import Arguments, Kind, Resolved, integers, show
from convwise.dialects.tensorflow.convolution import check_axes
from convwise.dialects.tensorflow.windows import FORMATS, Steps, channels_last, outer, padding, spread, tell_negative
from convwise.errors import CodeError, Refusal, ShapeError
from convwise.ops import Layout, Pool, Shape


def resolve(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """Ksize and strides: one number, one for each spatial axis, or one for each axis of the data."""
    rank = kind.rank or 2
    last = channels_last(kind, arguments, rank)
    kernel = _spread(arguments["ksize"], "ksize", rank, last)
    strides = _spread(arguments["strides"], "strides", rank, last)
    explicit = kind.family == "max" and rank < 3
    steps = Steps(strides, (1,) * rank, padding(arguments["padding"], rank, last, explicit=explicit), last)
    windows = steps.windows(kernel)
    for window, side in zip(windows, ("Top", "Left") if rank == 2 else ("Left",) * rank, strict=False):
        pads = window.padding
        if isinstance(pads, Pads) and max(pads.low, pads.high) >= window.kernel and pads.total:
            wide = max(pads.low, pads.high)
            quote = f"{side} padding {wide} needs to be smaller than the window size {window.kernel}"
            raise Refusal(
                "CW206", f"padding of {wide} is as wide as the window of {window.kernel}", received=wide, quote=quote
            )
    if not last and isinstance(arguments["padding"], tuple):
        quote = "Default MaxPoolingOp only supports NHWC on device type CPU"
        fact = "explicit padding with data_format='NCHW' is refused on a CPU"
        raise Refusal("CW207", fact, received="NCHW", axis="data_format", quote=quote, hint="put the channels last")
    return Resolved((Pool(kind.family, windows),), rank, last)


def resolve_by_input(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """tf.nn.max_pool and avg_pool: ksize, or else the input, tells how many axes there are; without either, two."""
    rank = 2
    given = [value for name in ("ksize", "strides") if isinstance(value := arguments[name], tuple)]
    for value in given:
        if len(value) == 3:
            # (3, 3, 3) is three spatial axes, [1, 2, 1] the three axes of a sequence.
            rank = 1 if value[0] == value[-1] == 1 != value[1] else 3
    if any(len(value) == 5 for value in given):
        rank = 3
    pads, word = arguments.get("padding"), arguments.get("data_format")
    if isinstance(pads, tuple) and 3 <= len(pads) <= 5:
        rank = len(pads) - 2
    if isinstance(word, str) and all(word not in orders for orders in FORMATS.values()):
        fact = f"there is no data_format {show(word)}; of a sequence TensorFlow takes it for 'NWC' all the same"
        raise ShapeError("CW210", fact, received=word, axis="data_format", hint="use 'NWC', 'NHWC' or 'NDHWC'")
    if isinstance(word, str):
        rank = len(word) - 2
    return resolve(replace(kind, rank=rank), arguments, release)


def settle(layer: Layer, shape: Shape) -> Layer:
    """max_pool and avg_pool once more, for as many axes as the input has."""
    rank = len(shape) - 2
    if rank == layer.rank or rank not in (1, 2, 3):
        return layer
    family = "max" if "max" in layer.kind else "average"
    found = resolve(Kind(layer.kind, (), resolve, rank, family=family), layer.arguments, layer.release)
    return replace(layer, ops=found.ops, rank=rank, channels_last=found.channels_last)


def resolve_pool(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """tf.nn.pool(input, window_shape, pooling_type, strides, padding, data_format, dilations)."""
    shape = known(arguments["window_shape"], "window_shape")
    if not isinstance(shape, tuple):
        quote = f"object of type '{type(shape).__name__}' has no len()"
        fact = f"window_shape is {show(shape)}, not a list"
        raise Refusal(
            "CW204",
            fact,
            received=shape,
            axis="window_shape",
            quote=quote,
            hint=f"write window_shape=[{show(shape)}, {show(shape)}]",
        )
    kernel = integers(shape, "window_shape", least=1)
    rank = len(kernel)
    if rank not in (1, 2, 3):
        quote = f"`len(window_shape)` must be 1, 2, or 3. Received: window_shape={list(kernel)} of length {rank}"
        raise Refusal("CW204", f"window_shape has {rank} sizes; 1 to 3 are taken", received=shape, quote=quote)
    word = known(arguments["pooling_type"], "pooling_type")
    families = {"MAX": "max", "AVG": "average"}
    if word not in families:
        fact = f"there is no pooling_type {show(word)}"
        raise Refusal("CW207", fact, received=show(word), axis="pooling_type", hint="use 'MAX' or 'AVG'")
    last = channels_last(Kind("", (), resolve), arguments, rank)
    strides, dilations = (_of_axes(arguments[name], name, rank) for name in ("strides", "dilations"))
    pads = padding(arguments["padding"], rank, last, explicit=word == "MAX" and rank == 2)
    if max(dilations) > 1:
        _check_dilated(arguments, strides, dilations)
    if any(stride > size for stride, size in zip(strides, kernel, strict=True)):
        quote = "`strides` > `window_shape` not supported due to inconsistency between CPU and GPU implementations."
        fact = f"strides {strides} beyond the window {kernel}"
        raise Refusal(
            "CW201",
            fact,
            received=arguments["strides"],
            axis="strides",
            quote=quote,
            hint="use tf.nn.max_pool or avg_pool",
        )
    steps = Steps(strides, dilations, pads, last)
    windows = steps.windows(kernel)
    for window in windows:
        if isinstance(window.padding, Pads) and max(window.padding.low, window.padding.high) >= window.kernel:
            raise Refusal("CW206", f"padding as wide as the window of {window.kernel}", received=arguments["padding"])
    return Resolved((Pool(families[word], windows),), rank, last)


def _of_axes(value: Value, name: str, rank: int) -> tuple[int, ...]:
    if value is None:
        return (1,) * rank
    if not isinstance(value, tuple) or len(value) != rank:
        fact = f"{name} is {show(value)}: a list of {rank} is needed"
        raise Refusal("CW204", fact, received=show(value), axis=name, hint=f"write {name}={[1] * rank}")
    return spread(value, name, rank, True)


def _check_dilated(arguments: Arguments, strides: tuple[int, ...], dilations: tuple[int, ...]) -> None:
    if max(strides) > 1:
        quote = "`strides > 1` not supported in conjunction with `dilation_rate > 1`."
        fact = f"strides {strides} together with dilations {dilations}"
        raise Refusal("CW203", fact, received=arguments["strides"], quote=quote, hint="keep one of the two")
    if arguments["padding"] == "SAME":
        quote = "pooling with 'SAME' padding is not implemented for `dilation_rate` > 1."
        raise Refusal(
            "CW207", "padding='SAME' with dilations", received="SAME", axis="padding", quote=quote, hint="use 'VALID'"
        )
    if arguments["padding"] != "VALID":
        raise CodeError(
            "CW317", "convwise does not model explicit padding of a dilated pool", hint="pad with tf.pad before it"
        )


def _spread(value: Value, name: str, rank: int, last: bool) -> tuple[int, ...]:
    """Like `spread`, with the words of pools: the batch and the channels are not pooled."""
    try:
        return spread(value, name, rank, last)
    except Refusal as error:
        items = value if isinstance(value, tuple) else ()
        if error.code == "CW201" and any(item != 1 for item in outer(items, rank, last)):
            if rank == 1:
                fact = f"{name}={show(value)} steps over the batch and the channels too, which TensorFlow does not notice here"
                raise ShapeError("CW210", fact, received=value, axis=name, hint=error.hint) from None
            error.quote = "Pooling is not yet supported on the batch dimension." if items and items[0] != 1 else ""
            if not error.quote:
                raise CodeError(
                    "CW317",
                    f"convwise does not model pooling over channels: {name}={show(value)}",
                    received=show(value),
                ) from None
        elif error.code == "CW201" and name == "ksize":
            error.quote = "Sliding window ksize must be positive."
        raise


def check(layer: Layer, shape: Shape) -> None:
    """TensorFlow's words where no window fits.

    Raises:
        ShapeError: CW101, CW103, CW104.
    """
    check_axes(layer, shape)
    op = layer.ops[0]
    assert isinstance(op, Pool)
    if len(shape) != op.rank + 2:
        raise ShapeError("CW101", f"{len(shape)} axes where {op.rank + 2} are needed", received=shape)
    try:
        op.flow(shape, Layout(layer.channels_last))
    except ShapeError as error:
        _, _, spatial = Layout(layer.channels_last).split(shape)
        if all(window.dilation == 1 for window in op.windows):
            tell_negative(error, op.windows, spatial)
        raise
