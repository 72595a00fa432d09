"""Convolution, its transpose and pooling, as onnxruntime runs them."""

from __future__ import annotations

from functools import lru_cache

from convwise.axis import SAME_LOWER, SAME_UPPER, Padding, Pads, Window, split_total
from convwise.dialects.onnx import words
from convwise.dialects.onnx.given import FLOATS, Given, Made, Piece, of, opaque
from convwise.ops import Conv, ConvTranspose, GlobalPool, Pool
from convwise.ops.several import Constant, ReshapeTo, Slice
from convwise.ops.shape import LARGEST
from convwise.ops.terms import SizeOf, Term

SAME = {"SAME_UPPER": SAME_UPPER, "SAME_LOWER": SAME_LOWER}
POOLS = {"MaxPool": "max", "AveragePool": "average", "LpPool": "lp"}
DILATED_SINCE = {"MaxPool": 10, "AveragePool": 19, "LpPool": 18}
SMALL_INTS = frozenset({"int8", "uint8"})


def numbers(given: Given, name: str, rank: int, default: int, least: int) -> tuple[int, ...]:
    """A list attribute with an entry for each of `rank` axes.

    Raises:
        Refusal: CW204 for a wrong type, CW201 for a value below `least` or beyond int64, CW101 for another length.
    """
    values = given.ints(name)
    if values is None:
        return (default,) * rank
    if len(values) != rank:
        fact = f"{name} has {len(values)} values where {rank} are needed"
        raise given.refuse("CW101", fact, values, name, quote=words.wrong_length(name))
    if values and (min(values) < least or max(values) > LARGEST):
        wrong = next(one for one in values if not least <= one <= LARGEST)
        quote = words.not_positive(name) if least == 1 and wrong < 1 and name != "kernel_shape" else ""
        raise given.refuse("CW201", f"{name} is {wrong}; at least {least} is needed", wrong, name, quote=quote)
    return values


def floating(given: Given, allowed: frozenset[str] = FLOATS) -> None:
    """Refuse data of a type that the operator is not defined for."""
    data = given.input(0)
    if data is not None and data.dtype is not None and data.dtype not in allowed:
        raise given.refuse(
            "CW204", f"the input is {data.dtype}, and {given.node.op_type} is defined for floats", data.dtype
        )


def padding(given: Given, kernel: tuple[int, ...], strict: bool) -> tuple[Padding, ...]:
    """The padding rule of every axis; with `strict` both `auto_pad` and `pads` are refused together, else `auto_pad` wins."""
    rank = len(kernel)
    rule = given.text("auto_pad", "NOTSET")
    flat = numbers(given, "pads", 2 * rank, 0, 0)
    if rule in ("NOTSET", ""):
        return tuple([_pads(low, high) for low, high in zip(flat[:rank], flat[rank:], strict=True)])
    if strict and given.has("pads"):
        raise given.refuse(
            "CW201",
            f"auto_pad is {rule}, and pads are given as well",
            rule,
            "auto_pad",
            "keep one of them",
            words.BOTH_TRANSPOSED if given.node.op_type == "ConvTranspose" else words.BOTH,
        )
    if rule == "VALID":
        return (Pads(),) * rank
    if rule not in SAME:
        raise given.refuse(
            "CW207", f"auto_pad is {rule!r}", rule, "auto_pad", "NOTSET, VALID, SAME_UPPER or SAME_LOWER", words.NO_WORD
        )
    return (SAME[rule],) * rank


def windows(given: Given, kernel: tuple[int, ...], dilated: bool = True, strict: bool = True) -> tuple[Window, ...]:
    """The window of every axis; sizes that overflow int64 are refused. Nodes that share their attributes share the windows."""
    key = (id(given.node.attributes), (kernel, dilated, strict))
    known: tuple[Window, ...] | None = given.memo.get(key)
    if known is None:
        known = given.memo[key] = _windows(given, kernel, dilated, strict)
    return known


def _windows(given: Given, kernel: tuple[int, ...], dilated: bool, strict: bool) -> tuple[Window, ...]:
    rank = len(kernel)
    strides = numbers(given, "strides", rank, 1, 1)
    dilations = numbers(given, "dilations", rank, 1, 1) if dilated else (1,) * rank
    pads = padding(given, kernel, strict)
    found = tuple([_window(*one) for one in zip(kernel, strides, dilations, pads, strict=True)])
    for window, reach in found:
        if reach > LARGEST // 2:
            total = window.padding.total if isinstance(window.padding, Pads) else 0
            raise given.refuse(
                "CW107", f"a window that spans {window.span} over {total} cells of padding overflows int64"
            )
    return tuple([window for window, _ in found])


@lru_cache(maxsize=512)
def _pads(low: int, high: int) -> Pads:
    return Pads(low, high)


@lru_cache(maxsize=512)
def _window(kernel: int, stride: int, dilation: int, padding: Padding) -> tuple[Window, int]:
    """A window, which repeats through a network, and the larger of its span and its pads."""
    window = Window(kernel, stride, dilation, padding)
    return window, max(window.span, padding.total if isinstance(padding, Pads) else 0)


def kernel_of(given: Given, weight: tuple[int | None, ...], what: str) -> tuple[int, ...] | None:
    """The spatial sizes of a weight, which `kernel_shape` may repeat but not contradict."""
    sizes = weight[2:]
    if None in sizes:
        sizes = given.ints("kernel_shape") or ()
        if not sizes:
            return None
    kernel = tuple([size for size in sizes if size is not None])
    if not kernel:
        raise given.refuse("CW101", f"{what} has {len(weight)} axes; at least 3 are needed", weight, what)
    if min(kernel) < 1:
        raise given.refuse("CW201", f"the kernel is {_by(kernel)}; at least 1 is needed", kernel, "kernel_shape")
    told = given.ints("kernel_shape")
    if told is not None and told != kernel:
        quote = f"kernel_shape is not compatible with W shape. kernel_shape: {words.braces(told)}"
        fact = f"kernel_shape is {_by(told)}, {what} is {_by(kernel)}"
        raise given.refuse("CW201", fact, told, "kernel_shape", quote=quote)
    return kernel


def _by(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes))


def _weight(given: Given, number: int) -> tuple[tuple[int | None, ...], tuple[int, ...]] | None:
    """(shape, kernel) of the weight; None where its shape is not known."""
    weight = given.needs(number, "weight")
    rank = given.rank()
    if weight.shape is None:
        return None
    kernel = kernel_of(given, weight.shape, "the weight")
    if kernel is not None and rank is not None and len(kernel) + 2 != rank:
        raise given.refuse(
            "CW101",
            f"the weight has {len(kernel)} spatial axes, the input has {max(rank - 2, 0)}",
            weight.shape,
            "weight",
        )
    return None if kernel is None else (weight.shape, kernel)


def _bias(given: Given, number: int, channels: int | None) -> bool:
    shape = given.shape(number)
    if shape is not None and (len(shape) != 1 or (channels is not None and shape[0] not in (channels, None))):
        raise given.refuse(
            "CW102",
            f"the bias is {shape}, not one number for each of {channels} channels",
            shape,
            "bias",
            quote=f"bias must be a 1D tensor of size output_channels ({channels})"
            if given.node.op_type == "Conv"
            else f"Bias: {words.braces(shape)} num_output_channels: {channels}",
        )
    return given.input(number) is not None


def _group(given: Given) -> int:
    group = given.integer("group", 1)
    if group < 1:
        raise given.refuse("CW201", f"group is {group}; at least 1 is needed", group, "group")
    return group


SCALES = {"QLinearConv": (1, 2, 4, 5, 6, 7), "ConvInteger": (2, 3)}
"""Inputs that are scales and zero points."""


def conv(given: Given) -> Made:
    """Conv; also QLinearConv and ConvInteger, whose weights stand at another place."""
    quantized = given.node.op_type == "QLinearConv"
    given.needs(0, "data")
    number = 3 if quantized else 1
    bias = {"QLinearConv": 8, "ConvInteger": -1}.get(given.node.op_type, 2)
    if bias == 2:
        floating(given)
    found = _weight(given, number)
    if found is None:
        return opaque(given, "the shape of the weight is not known")
    shape, kernel = found
    group, out, inner = _group(given), shape[0], shape[1]
    slides = windows(given, kernel)
    if any([not isinstance(one.padding, Pads) and one.dilation > 1 for one in slides]):  # noqa: C419
        raise given.refuse(
            "CW201",
            "auto_pad SAME with dilation",
            hint="give pads instead",
            axis="auto_pad",
            quote=words.DILATED_SAME,
        )
    if out is not None and (out < 1 or out % group):
        quote = f"Output channels M is not divisible by group. M: {out} group: {group}" if out > 0 else ""
        fact = f"{out} output channels do not divide into {group} groups"
        raise given.refuse("CW105" if out else "CW102", fact, out, quote=quote)
    if inner == 0:
        raise given.refuse("CW102", "the weight is made for 0 channels", shape, "weight")
    has_bias = bias > 0 and _bias(given, bias, out)
    op = Conv(slides, None if inner is None else inner * group, out, group, has_bias)
    return of((op,), no_params=SCALES.get(given.node.op_type, ()))


def conv_transpose(given: Given) -> Made:
    """ConvTranspose: explicit pads, `auto_pad`, or an `output_shape` that is cropped to."""
    given.needs(0, "data")
    floating(given)
    found = _weight(given, 1)
    if found is None:
        return opaque(given, "the shape of the weight is not known")
    shape, kernel = found
    rank, group, inner = len(kernel), _group(given), shape[0]
    out = None if shape[1] is None else shape[1] * group
    if inner is not None and (inner < 1 or inner % group):
        raise given.refuse("CW105" if inner else "CW102", f"{inner} channels do not divide into {group} groups", inner)
    extra = numbers(given, "output_padding", rank, 0, 0)
    slides = windows(given, kernel)
    for axis, (window, more) in enumerate(zip(slides, extra, strict=True)):
        if more and more >= window.stride:
            raise given.refuse(
                "CW201",
                f"output_padding is {more}; it must be less than the stride {window.stride}",
                more,
                "output_padding",
                quote=words.wide_extra(axis, more, window) if more >= window.dilation else "",
            )
    wanted = given.ints("output_shape")
    if wanted:
        return _to_shape(given, slides, wanted, (inner, out, group))
    fixed = tuple(_settled(window, more) for window, more in zip(slides, extra, strict=True))
    op = ConvTranspose(fixed, inner, out, group, _bias(given, 2, out), extra)
    return of((op,))


def _settled(window: Window, more: int) -> Window:
    """SAME as onnxruntime computes it: size x stride, but no less than without padding where the window is shorter than a step."""
    if isinstance(window.padding, Pads):
        return window
    total = max(window.span + more - window.stride, 0)
    return Window(window.kernel, window.stride, window.dilation, split_total(total, window.padding))


def _to_shape(
    given: Given, slides: tuple[Window, ...], wanted: tuple[int, ...], channels: tuple[int | None, int | None, int]
) -> Made:
    """All that the windows reach, and up to a step more, cut to the wanted sizes; the last piece refuses a size that cannot be reached."""
    inner, out, group = channels
    rank = len(slides)
    wanted = numbers(given, "output_shape", rank, 0, 1)
    bare = tuple(Window(one.kernel, one.stride, one.dilation) for one in slides)
    shape = given.shape() or ()
    for axis, (window, want) in enumerate(zip(bare, wanted, strict=True), 2):
        size: int | str | None = shape[axis] if axis < len(shape) else None
        size = given.declared[axis] if size is None and axis < len(given.declared) else size
        if isinstance(size, int) and want < window.transposed(size) - 2 * (window.span - 1):
            raise given.refuse(
                "CW103",
                f"output_shape {want} would cut off whole windows: {size} cells give {window.transposed(size)}",
                want,
                "output_shape",
            )
    op = ConvTranspose(bare, inner, out, group, _bias(given, 2, out), tuple(one.stride - 1 for one in bare))
    pieces = [Piece((op,))]
    for axis, want in enumerate(wanted, 2):
        pieces.append(Piece(Slice(axis, 0, want), (-len(pieces),)))
    data = given.inputs[0]
    assert data is not None
    many: Term = out if out is not None else -1
    pieces.append(Piece(ReshapeTo((SizeOf(data.number, 0), many, *wanted)), (-len(pieces), 0)))
    return Made(tuple(pieces))


def pool(given: Given) -> Made:
    """MaxPool, AveragePool and LpPool."""
    name = given.node.op_type
    given.needs(0, "data")
    floating(given, FLOATS | SMALL_INTS if name == "MaxPool" else FLOATS)
    kernel = given.ints("kernel_shape")
    if kernel is None:
        raise given.refuse("CW303", "kernel_shape is missing", axis="kernel_shape")
    rank = given.rank()
    kernel = numbers(given, "kernel_shape", len(kernel) if rank is None else max(rank - 2, 0), 1, 1)
    if not kernel:
        raise given.refuse("CW101", f"an input of {rank} axes; at least 3 are needed", rank)
    ceil = given.integer("ceil_mode")
    if ceil not in (0, 1):
        raise given.refuse("CW201", f"ceil_mode is {ceil}; it is 0 or 1", ceil, "ceil_mode")
    slides = windows(given, kernel, given.opset >= DILATED_SINCE[name], strict=False)
    for one in slides:
        if isinstance(one.padding, Pads) and max(one.padding.low, one.padding.high) >= one.kernel:
            wide = max(one.padding.low, one.padding.high)
            raise given.refuse("CW206", f"pads of {wide} must be smaller than the kernel {one.kernel}", wide, "pads")
    settled: list[Window] = []
    for one in slides:
        rule = one.padding
        if not isinstance(rule, Pads) and one.dilation > 1:
            if one.stride > 1:
                return opaque(given, "SAME padding with stride and dilation is not followed")
            # onnxruntime pads for the kernel without its dilation, so that the size shrinks.
            rule = split_total(Window(one.kernel).span - 1, rule)
        settled.append(Window(one.kernel, one.stride, one.dilation, rule, bool(ceil)))
    power = _power(given) if name == "LpPool" else None
    counted = bool(given.integer("count_include_pad"))
    op = Pool(POOLS[name], tuple(settled), counted, power=power)
    notes: tuple[str, ...] = ()
    if any(not isinstance(one.padding, Pads) and one.stride > one.kernel for one in settled):
        notes = ("onnxruntime refuses SAME padding in pools where a stride beyond the kernel would make it negative",)
    return Made((Piece((op,)),), (0,) * max(len(given.node.outputs), 1), notes=notes)


def _power(given: Given) -> float:
    power = given.number("p", 2.0)
    if power <= 0:
        raise given.refuse("CW201", f"p is {power:g}; it must be more than 0", power, "p")
    return power


def global_pool(given: Given) -> Made:
    """GlobalAveragePool, GlobalMaxPool, GlobalLpPool."""
    kind = {"GlobalAveragePool": "average", "GlobalMaxPool": "max"}.get(given.node.op_type, "lp")
    given.needs(0, "data")
    rank = given.rank()
    if rank is None:
        return opaque(given, "the number of axes is not known")
    if rank < 3:
        raise given.refuse("CW101", f"an input of {rank} axes; at least 3 are needed", rank)
    return of((GlobalPool(kind, rank - 2, keep_dims=True),))


def roi_pool(given: Given) -> Made:
    """RoiAlign and MaxRoiPool: one map of a fixed size for each region."""
    if given.node.op_type == "RoiAlign":
        out = (given.integer("output_height", 1), given.integer("output_width", 1))
    else:
        out = tuple(given.ints("pooled_shape") or ())  # type: ignore[assignment]
    if given.shape(0) is None or given.shape(1) is None:
        return opaque(given, "the regions depend on the data")
    return of(Constant((given.size(1, 0), given.size(0, 1), *out)), 0, 1)
