"""Max, average and power-mean pooling, in one, two and three dimensions.

Source of the rules: `torch/nn/modules/pooling.py`, ATen's `Pool.h` and `MaxPooling.cpp`, run with torch 2.13.0.
"""

from __future__ import annotations

from math import inf

from convwise.axis import Pads, Window
from convwise.dialects.base import Layer, LayerFlow, Unknown, Value, known, run_ops
from convwise.dialects.kinds import Arguments, parameters, show, truth
from convwise.dialects.torch.kind import Kind, layout_of, split, wrong_rank
from convwise.dialects.torch.values import (
    LARGEST_INT,
    Words,
    alike,
    flag,
    integers,
    listed,
    number,
    sizes,
    spread,
    too_small,
    whole,
    wrong_type,
)
from convwise.errors import Refusal, ShapeError
from convwise.ops import Op, Pool, Shape
from convwise.ops.shape import LARGEST, spatial_names

COUNTS = {1: "one int", 2: "two ints", 3: "three ints"}
LETTERS = {1: ("H", "W"), 2: ("H", "W"), 3: ("T", "H", "W")}


def _function(kind: Kind) -> str:
    """The C++ function behind the layer, as error messages name it."""
    return f"{'max' if kind.name.startswith('Max') else 'avg'}_pool{kind.rank}d"


def _words(kind: Kind, arguments: Arguments) -> Words:
    infinite = arguments.get("norm_type") in (inf, -inf)
    places = {
        "kernel_size": 2,
        "stride": 3,
        "padding": 4,
        "ceil_mode": 5,
        "count_include_pad": 6,
        "divisor_override": 7,
    }
    if kind.name.startswith("Max") or infinite:
        places = {"kernel_size": 2, "stride": 3, "padding": 4, "dilation": 5, "ceil_mode": 6}
    function = f"max_pool{kind.rank}d" if infinite else _function(kind)
    if truth(arguments, "return_indices"):
        function += "_with_indices"
    return Words(function, places, wrapped=kind.name == "AvgPool1d")


def resolve(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    """The windows, checked in the order in which PyTorch's first call checks them."""
    rank = kind.rank or 2
    words = _words(kind, arguments)
    power = _power(arguments) if kind.name.startswith("LP") else None
    given: dict[str, tuple[int, ...]] = {}
    for name in ("kernel_size", "stride", "padding", "dilation"):
        value = arguments.get(name, 0 if name == "padding" else 1)
        if name == "stride" and value in (None, ()):
            value = arguments["kernel_size"]
        if name == "kernel_size" and power is not None:
            _check_power_kernel(kind, value, rank, power)
        if isinstance(known(value, name), str):
            raise wrong_type(name, value, "a number", words.ints(name, tuple(value) if words.wrapped else value))
        given[name] = integers(value, name, words.ints(name, value))
    quote = words.scalar("ceil_mode", arguments["ceil_mode"], "bool")
    if power is not None and arguments["stride"] is None and words.function.startswith("avg"):
        quote = quote.replace(" (position 5)", "")
    ceil = flag(arguments["ceil_mode"], "ceil_mode", quote)
    count, divisor = _counting(arguments, words)
    found: dict[str, tuple[int, ...]] = {}
    for name, items in given.items():
        wide = spread(items, rank)
        if wide is None:
            raise _wrong_length(kind, name, items, rank, arguments)
        found[name] = wide
    _check_values(kind, found, arguments)
    if divisor == 0:
        raise Refusal(
            "CW201",
            "divisor_override is 0",
            received=0,
            hint="leave divisor_override out",
            quote="divisor must be not zero",
        )
    windows = tuple(
        Window(k, s, d, Pads(p, p), ceil)
        for k, s, d, p in zip(found["kernel_size"], found["stride"], found["dilation"], found["padding"], strict=True)
    )
    for window in windows:
        if window.span > LARGEST:
            quote = f"pad should be at most half of effective kernel size, but got pad={_low(window)}, kernel_size={window.kernel}"
            detail = f"span = {window.span}, more than 2**63 - 1"
            raise Refusal(
                "CW107",
                f"kernel_size {window.kernel} with dilation {window.dilation} overflows",
                detail=detail,
                hint="try dilation=1",
                quote=quote,
            )
    # Without padding count_include_pad changes nothing, and is not told apart.
    padded = max(found["padding"]) > 0
    if power is not None:
        # An infinite exponent is max pooling in all but name, and PyTorch runs it as that.
        return (Pool("lp", windows, power=power),)
    return (
        Pool("max", windows)
        if kind.name.startswith("Max")
        else Pool("average", windows, count_padding=count and padded, divisor=divisor),
    )


def _low(window: Window) -> int:
    assert isinstance(window.padding, Pads)
    return window.padding.low


def _counting(arguments: Arguments, words: Words) -> tuple[bool, int | None]:
    """count_include_pad and divisor_override, where the layer has them."""
    count = arguments.get("count_include_pad", False)
    count = flag(count, "count_include_pad", words.scalar("count_include_pad", count, "bool"))
    divisor: Value = arguments.get("divisor_override")
    if divisor is not None:
        divisor = whole(
            divisor, "divisor_override", least=-LARGEST, quote=words.scalar("divisor_override", divisor, "int")
        )
    return count, divisor


def _power(arguments: Arguments) -> float:
    value = known(arguments["norm_type"], "norm_type")
    if isinstance(value, str) and value.replace(".", "", 1).isdigit():
        raise ShapeError(
            "CW210",
            f"norm_type is {value!r}, a text that PyTorch turns into a number",
            received=value,
            hint=f"write norm_type={value}",
        )
    if not isinstance(value, int | float):
        quote = f"float() argument must be a string or a real number, not '{'NoneType' if value is None else type(value).__name__}'"
        if isinstance(value, str):
            quote = f"could not convert string to float: {value!r}"
        raise wrong_type("norm_type", value, "a number", quote)
    power = number(value, "norm_type")
    assert not isinstance(power, Unknown)
    if power == 0:
        raise Refusal("CW201", "norm_type is 0", received=value, hint="try norm_type=2", quote="division by zero")
    return float(power)


def _check_power_kernel(kind: Kind, value: Value, rank: int, power: float) -> None:
    """`F.lp_pool*d` unpacks the kernel in Python, and multiplies by it."""
    if not isinstance(value, tuple | str) or (rank > 1 and len(value) == rank):
        return
    if rank == 1 and (power in (inf, -inf) or isinstance(value, str)):
        return
    quote = "not enough values to unpack" if len(value) < rank else "too many values to unpack"
    if rank == 1 and len(value) == 1 and type(value[0]) is int:
        quote = "mul(): argument 'other' (position 1) must be Tensor, not tuple"
    fact = f"kernel_size is {show(value)}; {kind.name} takes one number{f' or {rank}' if rank > 1 else ''}"
    raise Refusal("CW204", fact, received=value, hint=f"write kernel_size={value[0] if value else 2}", quote=quote)


def _wrong_length(kind: Kind, name: str, items: tuple[int, ...], rank: int, arguments: Arguments) -> Refusal:
    function = _function(kind)
    if rank > 1:
        omitted = name == "stride"
        form = f"a single int, or a tuple of {COUNTS[rank]}"
        if kind.name == "AvgPool3d" or (kind.name == "LPPool3d" and rank == 3):
            quote = f"{function}: {name} must be {'omitted, ' if omitted else ''}{form}"
        elif name == "dilation":
            quote = f"{function}: {name} must be either {form}"
        else:
            quote = f"{function}: {name} must either be {'omitted, ' if omitted else ''}{form}"
    elif kind.name.startswith("Max") and not truth(arguments, "return_indices"):
        comma = "" if name in ("kernel_size", "dilation") else ","
        quote = f"{function}() {name} must be {'None, ' if name == 'stride' else ''}an int, list of ints{comma} or tuple of ints of size 1 but got size {len(items)}"
    else:
        quote = f"{function}() argument '{name}' should contain one int (got {len(items)})"
    return Refusal(
        "CW204",
        f"{name} is {show(items)}: {len(items)} values where {rank} {'are' if rank > 1 else 'is'} needed",
        received=items,
        hint=f"write one number{f' or {rank}' if rank > 1 else ''}: {name}={items[0] if items else 2}",
        quote=quote,
    )


TOO_SMALL_TO_TELL = frozenset({(0, 1), (-1, 1), (0, 2), (2, -1), (3, -1), (2, -2)})
"""(kernel, dilation) whose effective size, halved towards zero as C++ does, is still 0: PyTorch then goes on to better words."""


def _check_values(kind: Kind, found: dict[str, tuple[int, ...]], arguments: Arguments) -> None:
    rank = kind.rank or 2
    if kind.name == "MaxPool1d" and not truth(arguments, "return_indices"):
        _check_single(found)
        return
    for name in ("kernel_size", "stride", "padding", "dilation"):
        for value in found[name]:
            if not -LARGEST_INT - 1 <= value <= LARGEST_INT:
                quote = "value cannot be converted to type int without overflow"
                raise Refusal(
                    "CW107",
                    f"{name} is {value}, more than PyTorch's pooling can hold (2**31 - 1)",
                    received=value,
                    quote=quote,
                    hint="use a smaller number",
                )
    lead = (1,) if rank == 1 else ()
    letters = LETTERS[rank]
    kernel, stride, dilation = found["kernel_size"], found["stride"], found["dilation"]
    for pad, size, step, gap in zip(found["padding"], kernel, stride, dilation, strict=True):
        if step == 0:
            name = "stride" if arguments["stride"] not in (None, ()) else "kernel_size"
            raise too_small(name, arguments[name], 1, "stride should not be zero")
        if pad < 0:
            raise too_small("padding", pad, 0, f"pad must be non-negative, but got pad: {pad}")
        words = f"pad should be at most half of effective kernel size, but got pad={pad}, kernel_size={size} and dilation={gap}"
        if size < 1 and (pad > 0 or (size, gap) not in TOO_SMALL_TO_TELL):
            raise too_small("kernel_size", alike(kernel), 1, words)
        if size > 0 > gap and (pad > 0 or (size > 1 and (size, gap) not in TOO_SMALL_TO_TELL)):
            raise too_small("dilation", alike(dilation), 1, words)
        if size > 0 and gap > 0 and pad > Window(size, dilation=gap).span // 2:
            raise _half(pad, size, words)
    for name, prefix, values in (
        ("kernel_size", "k", kernel),
        ("stride", "d", stride),
        ("dilation", "dilation", dilation),
    ):
        if min(values) < 1:
            pairs = " ".join(
                f"{prefix}{letter}: {value}" for letter, value in zip(letters, (*lead, *values), strict=True)
            )
            word = {"kernel_size": "kernel size", "stride": "stride", "dilation": "dilation"}[name]
            raise too_small(name, alike(values), 1, f"{word} should be greater than zero, but got {pairs}")
    for pad, size in zip(found["padding"], kernel, strict=True):
        if pad > size // 2:
            raise _half(pad, size, "pad should be smaller than or equal to half of kernel size, but got ")


def _check_single(found: dict[str, tuple[int, ...]]) -> None:
    """MaxPool1d has a path of its own, with words of its own."""
    kernel, stride, padding, dilation = (found[name][0] for name in ("kernel_size", "stride", "padding", "dilation"))
    for name, value in (("kernel_size", kernel), ("stride", stride)):
        if value < 1:
            raise too_small(name, value, 1, f"max_pool1d() {name} must be greater than zero, but got {value}")
    if padding < 0:
        raise too_small("padding", padding, 0, f"max_pool1d() padding must be non-negative, but got {padding}")
    if padding > kernel // 2:
        quote = f"max_pool1d() padding should be at most half of kernel size, but got padding={padding} and kernel_size={kernel}"
        raise _half(padding, kernel, quote)
    if dilation < 1:
        raise too_small("dilation", dilation, 1, f"max_pool1d() dilation must be greater than zero, but got {dilation}")


def _half(pad: int, size: int, quote: str) -> Refusal:
    return Refusal(
        "CW206",
        f"padding={pad} is more than half of kernel_size={size}",
        received=pad,
        detail="a window must not lie in the padding alone",
        hint=f"try padding={size // 2}, or pad with a layer of its own before this one: nn.ConstantPad2d",
        quote=quote,
    )


def run(layer: Layer, shape: Shape) -> LayerFlow:
    """Rank and empty axes as PyTorch sees them, then the windows."""
    op = layer.ops[0]
    assert isinstance(op, Pool)
    rank = op.rank
    if len(shape) not in (rank + 1, rank + 2):
        raise _no_such_rank(layer, shape, rank)
    batch, channels, spatial = split(rank, shape)
    if 0 in (channels, *spatial):
        raise _empty(layer, shape, batch, channels, spatial)
    if layer.kind in ("AvgPool3d", "LPPool3d") and not _infinite(op):
        _check_kernel_fits(op, spatial)
    try:
        return run_ops(layer, shape, layout_of(rank, shape))
    except ShapeError as error:
        if error.code == "CW104" and None not in (channels, *spatial):
            out = [window.over(size).out for window, size in zip(op.windows, spatial, strict=True) if size is not None]
            error.quote = _small_words(layer, channels, spatial, out)
        raise


def _infinite(op: Pool) -> bool:
    return op.power in (inf, -inf)


def _single_path(layer: Layer) -> bool:
    """Whether PyTorch runs MaxPool1d's own code, not that of MaxPool2d."""
    op = layer.ops[0]
    assert isinstance(op, Pool)
    if layer.kind == "LPPool1d":
        return _infinite(op)
    return layer.kind == "MaxPool1d" and not truth(layer.arguments, "return_indices")


def _small_words(layer: Layer, channels: int | None, spatial: Shape, out: list[int]) -> str:
    if _single_path(layer):
        return f"max_pool1d() Invalid computed output size: {out[0]}"
    lead = (1,) if len(spatial) == 1 else ()
    before, after = sizes((channels, *lead, *spatial), "x"), sizes((channels, *lead, *out), "x")
    return f"Given input size: ({before}). Calculated output size: ({after}). Output size is too small"


def _check_kernel_fits(op: Pool, spatial: Shape) -> None:
    """AvgPool3d wants a kernel that fits into the data without its padding, whatever ceil_mode says."""
    for name, window, size in zip(spatial_names(3), op.windows, spatial, strict=True):
        if size is not None and size < window.kernel:
            kernel = tuple(window.kernel for window in op.windows)
            cells = " ".join(f"{letter}: {cell}" for letter, cell in zip("THW", spatial, strict=True))
            taps = " ".join(f"k{letter}: {tap}" for letter, tap in zip("THW", kernel, strict=True))
            raise ShapeError(
                "CW104",
                f"the window spans {window.kernel} but only {size} cells exist",
                axis=name,
                received=size,
                detail="PyTorch's AvgPool3d does not count the padding here",
                hint=f"try kernel_size={size}, or an input at least {window.kernel} there",
                quote=f"input image ({cells}) smaller than kernel size ({taps})" if None not in spatial else "",
            )


def _no_such_rank(layer: Layer, shape: Shape, rank: int) -> ShapeError:
    op = layer.ops[0]
    assert isinstance(op, Pool)
    average = op.kind == "average" or (op.kind == "lp" and not _infinite(op))
    if rank == 1:
        quote = f"max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:{listed(shape)}"
        if not _single_path(layer):
            function = "avg_pool1d" if average else "max_pool1d"
            quote = f"Expected 2 to 3 dimensions, but got {len(shape)}-dimensional tensor for argument #1 'self' (while checking arguments for {function})"
    else:
        quote = f"non-empty {rank + 1}D or {rank + 2}D (batch mode) tensor expected for input"
        if average and rank == 2:
            quote = f"Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{listed(shape)}"
            if len(shape) < 3:
                quote = "Dimension out of range"
    axes = {1: "C, L", 2: "C, H, W", 3: "C, D, H, W"}[rank]
    return wrong_rank(
        f"{len(shape)} axes where {rank + 1} ({axes}) or {rank + 2} (N, {axes}) are needed",
        shape,
        quote,
        f"give the input as {axes} or N, {axes}",
    )


def _empty(layer: Layer, shape: Shape, batch: Shape, channels: int | None, spatial: Shape) -> ShapeError:
    rank = len(spatial)
    lead = (1,) if rank == 1 else ()
    if rank == 3:
        quote = "Expected input's non-batch dimensions to have positive length"
    elif _single_path(layer):
        quote = f"max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:{listed(shape)}"
    else:
        quote = f"Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{listed((*batch, channels, *lead, *spatial))}"
        if rank == 1 and not batch:
            quote = "tensor with optional 0 dim batch size for input, but got:"
    place = "channels" if channels == 0 else spatial_names(rank)[spatial.index(0)]
    code = "CW102" if channels == 0 else "CW103"
    return ShapeError(
        code,
        "the size is 0: there is nothing to pool",
        axis=place,
        received=0,
        quote=quote if None not in shape else "",
        hint="give at least 1 there",
    )


MAX = "kernel_size stride=None padding=0 dilation=1 return_indices=False ceil_mode=False"
AVERAGE = "kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True"
KINDS = (
    *(Kind(f"MaxPool{rank}d", parameters(MAX), resolve, run=run, rank=rank) for rank in (1, 2, 3)),
    *(
        Kind(
            f"AvgPool{rank}d",
            parameters(AVERAGE + (" divisor_override=None" if rank > 1 else "")),
            resolve,
            run=run,
            rank=rank,
        )
        for rank in (1, 2, 3)
    ),
    *(
        Kind(
            f"LPPool{rank}d",
            parameters("norm_type kernel_size stride=None ceil_mode=False"),
            resolve,
            run=run,
            rank=rank,
        )
        for rank in (1, 2, 3)
    ),
)
