"""ONNX operators as layers: a call such as `op.Conv(x, W, strides=[2, 2])`, read by the same rules as the nodes of a file.

The inputs after the data come first (kernels as arrays, whose shapes count), the attributes by name. The release is the
version of the operator set; what onnxruntime 1.31 runs is 7 to 26.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf, prod
from typing import Any

from convwise.axis import SAME_UPPER, Pads
from convwise.dialects.base import Array, Layer, Note, Value, known
from convwise.dialects.kinds import Arguments, Kind, Resolved, array, integers, parameters, show
from convwise.dialects.onnx import moving_layers, words
from convwise.dialects.onnx.given import Given, Made, Tensor
from convwise.dialects.onnx.operators import made
from convwise.dialects.onnx.plain import clipped
from convwise.errors import CodeError, Refusal, ShapeError
from convwise.ops import Conv, ConvTranspose, Dense, GlobalPool, Layout, Norm, Op, Pointwise, Pool, Shape, spatial_names

OPSETS = tuple(str(version) for version in range(7, 27))
"""The operator sets that onnxruntime 1.31 runs."""

CURRENT = OPSETS[-1]

SINCE: Mapping[tuple[str, str], int] = {
    ("MaxPool", "storage_order"): 8,
    ("MaxPool", "ceil_mode"): 10,
    ("MaxPool", "dilations"): 10,
    ("AveragePool", "ceil_mode"): 10,
    ("AveragePool", "dilations"): 19,
    ("LpPool", "ceil_mode"): 18,
    ("LpPool", "dilations"): 18,
    ("DepthToSpace", "mode"): 11,
    ("Reshape", "allowzero"): 14,
    ("BatchNormalization", "training_mode"): 14,
    ("Resize", "axes"): 18,
    ("Resize", "antialias"): 18,
    ("Resize", "keep_aspect_ratio_policy"): 18,
}
"""Attributes that came later than operator set 7 (`onnx.defs`)."""

OPERATOR_SINCE: Mapping[str, int] = {
    "Resize": 11,
    "HardSwish": 14,
    "LayerNormalization": 17,
    "GroupNormalization": 18,
    "Mish": 18,
    "Gelu": 20,
}
"""Operators that came later than operator set 7."""

ATTRIBUTES = {
    "Conv": "auto_pad dilations group kernel_shape pads strides",
    "ConvTranspose": "auto_pad dilations group kernel_shape output_padding output_shape pads strides",
    "MaxPool": "auto_pad ceil_mode dilations kernel_shape pads storage_order strides",
    "AveragePool": "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides",
    "LpPool": "auto_pad ceil_mode dilations kernel_shape p pads strides",
    "GlobalAveragePool": "",
    "GlobalMaxPool": "",
    "GlobalLpPool": "p",
    "Gemm": "alpha beta transA transB",
    "BatchNormalization": "epsilon momentum training_mode",
    "InstanceNormalization": "epsilon",
    "GroupNormalization": "epsilon num_groups stash_type",
    "LayerNormalization": "axis epsilon stash_type",
}
"""Operator -> its attributes, of all operator sets."""

INPUTS = {
    "Conv": "W=None B=None",
    "ConvTranspose": "W=None B=None",
    "Gemm": "B C=None",
    "BatchNormalization": "scale B input_mean input_var",
    "InstanceNormalization": "scale B",
    "GroupNormalization": "scale bias",
    "LayerNormalization": "Scale B=None",
}
"""Operator -> its inputs after the data."""


@dataclass(frozen=True, slots=True)
class Node:
    """What the rules of the file reader ask of a node."""

    op_type: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    outputs: tuple[str, ...] = ("y",)
    name: str = ""
    domain: str = ""


def _attributes(kind: Kind, arguments: Arguments, release: str) -> dict[str, Value]:
    """The attributes that are given, as a file would hold them.

    Raises:
        Refusal: CW208.  CodeError: CW314.
    """
    found: dict[str, Value] = {}
    for parameter in kind.parameters:
        name = parameter.name
        if not parameter.keyword_only or arguments[name] is None:
            continue
        value = known(arguments[name], name)
        since = SINCE.get((kind.name, name), 0)
        if int(release) < since:
            quote = f"Unrecognized attribute: {name} for operator {kind.name}"
            fact = f"{name} came with operator set {since}; this is {release}"
            raise Refusal(
                "CW208", fact, received=show(value), axis=name, hint=f"use operator set {since} or later", quote=quote
            )
        if isinstance(value, str | float | tuple) or type(value) is int:
            found[name] = value
        else:
            fact = f"{name} is {show(value)}, which is no attribute"
            raise Refusal(
                "CW204", fact, received=show(value), axis=name, hint="numbers, lists of integers and text are"
            )
    return found


LISTS = ("kernel_shape", "strides", "dilations", "pads", "output_padding", "output_shape")


def _check_lists(attributes: Mapping[str, Value], rank: int) -> None:
    """A single number where ONNX wants a list of them is another framework's way.

    Raises:
        Refusal: CW204.
    """
    for name in LISTS:
        value = attributes.get(name)
        if value is None or isinstance(value, tuple):
            continue
        count = 2 * rank if name == "pads" else rank
        hint = f"write {name}={[value] * count}" if type(value) is int else "write a list of integers"
        fact, quote = f"{name} is {show(value)}, not a list of integers", words.wrong_type(name, "INTS", value)
        raise Refusal("CW204", fact, received=value, axis=name, hint=hint, quote=quote)


def _given(
    kind: Kind, release: str, attributes: Mapping[str, Value], data: Shape | None, *shapes: Shape | None
) -> Given:
    tensors = [Tensor("x", 0, data, dtype="float32")]
    for number, shape in enumerate(shapes, 1):
        tensors.append(Tensor(f"w{number}", number, shape, fixed=True, dtype="float32"))
    given = tuple(
        None if shape is None and place else tensor
        for place, (tensor, shape) in enumerate(zip(tensors, (data, *shapes), strict=True))
    )
    node = Node(kind.name, tuple("" if tensor is None else tensor.name for tensor in given), attributes)
    return Given(node, int(release), given)


def _ops(found: Made) -> tuple[Op, ...]:
    """The ops of an operator that is one piece.

    Raises:
        CodeError: CW317.
    """
    works = [piece.work for piece in found.pieces]
    if len(works) != 1 or not isinstance(works[0], tuple):
        reason = getattr(works[0], "reason", "") if works else ""
        raise CodeError("CW317", f"convwise does not model this as one layer{': ' + reason if reason else ''}")
    return works[0]


def resolve_conv(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """Conv and ConvTranspose: the kernel's shape counts; without one, kernel_shape, and the channels stay open."""
    attributes = _attributes(kind, arguments, release)
    weight = arguments["W"]
    hint = "write its shape: np.zeros((16, 3, 3, 3)) is (out, in / group, height, width)"
    if isinstance(weight, Array) and weight.shape is not None:
        shape: Shape = array(weight, "W", range(9), hint)
    else:
        kernel = attributes.get("kernel_shape")
        if isinstance(kernel, tuple) and kernel:
            shape = (None, None, *integers(kernel, "kernel_shape"))
        elif weight is None:
            raise CodeError("CW303", "input 'W' is missing", axis="W", hint=hint)
        else:
            shape = array(weight, "W", (3, 4, 5), f"{hint}, or give kernel_shape")
    rank = len(shape) - 2
    _check_lists(attributes, max(rank, 1))
    bias = arguments["B"]
    extra: tuple[Shape | None, ...] = ()
    if bias is not None:
        extra = (array(bias, "B", range(9)) if isinstance(bias, Array) and bias.shape is not None else (None,),)
    if kind.name == "ConvTranspose" and attributes.get("output_shape"):
        return moving_layers.to_shape(attributes, shape, bool(extra))
    ops = _ops(made(_given(kind, release, attributes, (None,) * len(shape), shape, *extra)))
    return Resolved(ops, rank)


def resolve_pool(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """MaxPool, AveragePool, LpPool."""
    attributes = _attributes(kind, arguments, release)
    kernel = attributes.get("kernel_shape")
    if kernel is None:
        raise Refusal("CW303", "kernel_shape is missing", axis="kernel_shape", hint="write kernel_shape=[2, 2]")
    _check_lists(attributes, 2)
    ceil = attributes.get("ceil_mode", 0)
    if type(ceil) is int and ceil not in (0, 1):
        fact = f"ceil_mode is {ceil}; onnxruntime takes it for {'0' if ceil < 0 else '1'}"
        raise ShapeError("CW210", fact, received=ceil, axis="ceil_mode", hint="write 0 or 1")
    power = attributes.get("p", 2)
    if type(power) is not int:
        raise Refusal(
            "CW204",
            f"p is {show(power)}, not an integer",
            received=power,
            axis="p",
            hint=f"write p={round(power) if isinstance(power, float) else 2}",
        )
    rank = len(integers(kernel, "kernel_shape"))
    if not 1 <= rank <= 3:
        raise Refusal("CW101", f"kernel_shape has {rank} sizes; onnxruntime pools over 1 to 3 axes", received=kernel)
    _check_pads(attributes, integers(kernel, "kernel_shape"))
    ops = _ops(made(_given(kind, release, attributes, (None,) * (rank + 2))))
    notes: tuple[Note, ...] = ()
    if kind.name == "LpPool" and power % 2:
        # ONNX takes the absolute values first, which only an odd power tells from the op's plain powers.
        ops = (Pointwise("abs"), *ops)
    if kind.name != "MaxPool" and any(_skips(op) for op in ops):
        text = "with SAME_UPPER and a stride past the kernel, onnxruntime starts its windows inside the data, not at its first cell"
        notes = (Note("CW505", text),)
    if kind.name == "LpPool" and ceil:
        text = (
            "a window that ceil_mode lets reach past the end is summed as it is; PyTorch scales it up to a whole window"
        )
        notes += (Note("CW505", text),)
    return Resolved(ops, rank, notes=notes)


def _check_pads(attributes: Mapping[str, Value], kernel: tuple[int, ...]) -> None:
    """Pads must be below the kernel, also where auto_pad then ignores them.

    Raises:
        Refusal: CW206.
    """
    pads = attributes.get("pads")
    rank = len(kernel)
    if not isinstance(pads, tuple) or len(pads) != 2 * rank or any(type(pad) is not int for pad in pads):
        return
    wide = max((pad for pad, size in zip(pads, kernel * 2, strict=True) if pad >= size > 0), default=None)
    if wide is not None:
        fact = f"pads of {wide} must be smaller than the kernel {kernel}"
        hint = "use smaller pads, or a Pad before it"
        raise Refusal("CW206", fact, received=pads, axis="pads", hint=hint, quote="Pad should be smaller than kernel.")


def _skips(op: Op) -> bool:
    return isinstance(op, Pool) and any(
        window.padding is SAME_UPPER and window.stride > window.kernel for window in op.windows
    )


def resolve_global(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """GlobalAveragePool, GlobalMaxPool, GlobalLpPool: as many axes as the input has, two until it is seen."""
    attributes = _attributes(kind, arguments, release)
    return Resolved(_ops(made(_given(kind, release, attributes, (None,) * 4))), None)


def settle_global(layer: Layer, shape: Shape) -> Layer:
    if len(shape) < 3:
        fact = f"an input of {len(shape)} axes; at least 3 are needed"
        raise ShapeError("CW101", fact, received=shape)
    ops = tuple(replace(op, rank=len(shape) - 2) if isinstance(op, GlobalPool) else op for op in layer.ops)
    return replace(layer, ops=ops, rank=len(shape) - 2)


def resolve_gemm(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """Gemm with a stored matrix: a dense layer on two axes."""
    attributes = _attributes(kind, arguments, release)
    for name in ("alpha", "beta"):
        if attributes.get(name, 1.0) != 1.0:
            raise CodeError("CW317", f"convwise models {name}=1 alone", received=attributes[name])
    if attributes.get("transA"):
        raise CodeError("CW317", "convwise does not model transA", received=attributes["transA"])
    if arguments["C"] is None and int(release) < 11:
        quote = f"Node with schema(::Gemm:{9 if int(release) > 8 else 7}) has input size 2 not in range [min=3, max=3]."
        fact = f"Gemm has a bias C in operator set {release}"
        raise Refusal("CW208", fact, axis="C", hint="give C, or use operator set 11 or later", quote=quote)
    shape = array(arguments["B"], "B", 2, "write its shape: np.zeros((1568, 10))", "")
    rows, columns = reversed(shape) if attributes.get("transB") else shape
    bias = arguments["C"]
    sizes = bias.shape if isinstance(bias, Array) else None
    if columns is None or rows is None or min(rows, columns) < 1:
        raise Refusal("CW201", f"B has the shape {shape}", received=show(arguments["B"]), axis="B")
    if sizes not in (None, (columns,), (1, columns)):
        raise CodeError("CW317", f"convwise models a bias of {columns} numbers alone", received=show(bias))
    return Resolved((Dense(rows, columns, bias is not None),))


def check_gemm(layer: Layer, shape: Shape) -> None:
    op = layer.ops[0]
    assert isinstance(op, Dense)
    if len(shape) != 2:
        raise ShapeError(
            "CW101", f"an input of {len(shape)} axes; Gemm takes 2", received=shape, hint="put a Flatten before it"
        )
    if shape[1] is not None and op.in_features != shape[1]:
        quote = "Dimension mismatch"
        fact = f"B takes {op.in_features} features, the input has {shape[1]}"
        hint = f"make B for {shape[1]} features"
        raise ShapeError("CW109", fact, axis="features", received=shape[1], quote=quote, hint=hint)


def resolve_norm(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """BatchNormalization, InstanceNormalization, GroupNormalization, LayerNormalization over the last axis."""
    attributes = _attributes(kind, arguments, release)
    first = next(parameter.name for parameter in kind.parameters)
    shape = array(arguments[first], first, range(9), "write its shape: np.zeros((16,))")
    features = prod(size or 0 for size in shape) if shape else None
    epsilon = attributes.get("epsilon", 1e-5)
    number = float(epsilon) if isinstance(epsilon, int | float) else 1e-5
    if kind.name == "LayerNormalization":
        axis = attributes.get("axis", -1)
        if axis != -1 or len(shape) != 1:
            raise CodeError("CW317", "convwise models axis=-1 alone", received=show(axis))
        center = arguments["B"] is not None
        return Resolved((Norm("layer", features, (-1,), True, center, epsilon=number, shape=(features or 0,)),))
    if len(shape) != 1:
        raise Refusal(
            "CW101", f"{first} has {len(shape)} axes where 1 is needed", received=show(arguments[first]), axis=first
        )
    for parameter in kind.parameters:
        value = arguments[parameter.name]
        if not parameter.keyword_only and isinstance(value, Array) and value.shape not in (None, shape):
            fact = f"{parameter.name} has the shape {value.shape}, {first} {shape}"
            raise Refusal("CW102", fact, received=show(value), axis=parameter.name, hint=f"make it {shape}")
    groups = attributes.get("num_groups")
    if kind.name == "GroupNormalization":
        if type(groups) is not int or groups < 1 or (features is not None and int(release) > 20 and features % groups):
            raise Refusal(
                "CW205", f"num_groups is {show(groups)}", received=show(groups), axis="num_groups", hint="try 1"
            )
        count = features if int(release) > 20 else None
        return Resolved((Norm("group", count, groups=groups, epsilon=number),))
    word = {"BatchNormalization": "batch"}.get(kind.name, "instance")
    if attributes.get("training_mode"):
        raise CodeError("CW317", "convwise models training_mode=0 alone", received=1)
    return Resolved((Norm(word, features, moments=word == "batch", epsilon=number),))


def resolve_pointwise(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """Activations, Dropout, Identity ... with the options that change their values."""
    attributes = _attributes(kind, arguments, release)
    plain, pairs = ELEMENTWISE[kind.name]
    options = tuple((option, attributes.get(name, default)) for name, option, default in pairs)
    if kind.name in ("Softmax", "LogSoftmax"):
        # Before operator set 13 the axes from `axis` on were one; with axis=-1 both mean the same.
        default = -1 if int(release) >= 13 else 1
        options = (("axis", attributes.get("axis", default)),)
    if kind.name == "Clip":
        ends = ((arguments["min"], -inf), (arguments["max"], inf))
        least, most = (
            float(one) if isinstance(one, int | float) else end if one is None else show(one) for one, end in ends
        )
        return Resolved((clipped(least, most),))
    return Resolved((Pointwise(plain, options),))


ELEMENTWISE: Mapping[str, tuple[str, tuple[tuple[str, str, Value], ...]]] = {
    "Relu": ("relu", ()),
    "LeakyRelu": ("leaky_relu", (("alpha", "negative_slope", 0.01),)),
    "Elu": ("elu", (("alpha", "alpha", 1.0),)),
    "Selu": ("selu", ()),
    "Sigmoid": ("sigmoid", ()),
    "Tanh": ("tanh", ()),
    "Softplus": ("softplus", ()),
    "Softsign": ("softsign", ()),
    "Softmax": ("softmax", (("axis", "axis", -1),)),
    "LogSoftmax": ("log_softmax", (("axis", "axis", -1),)),
    "HardSwish": ("hard_silu", ()),
    "Mish": ("mish", ()),
    "Gelu": ("gelu", (("approximate", "approximate", "none"),)),
    "Clip": ("hard_tanh", ()),
    "Identity": ("identity", ()),
}
"""Operator -> (plain kind, its (attribute, option, default) triples)."""


def resolve_dropout(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    ratio = arguments["ratio"]
    return Resolved((Pointwise("dropout", (("rate", float(ratio) if isinstance(ratio, int | float) else 0.5),)),))


def check(layer: Layer, shape: Shape) -> None:
    """Onnxruntime's words where axes or channels do not match.

    Raises:
        ShapeError: CW101, CW102.
    """
    rank = layer.rank or 2
    op = layer.window_op
    if len(shape) != rank + 2:
        fact = f"{len(shape)} axes where {rank + 2} are needed: batch, channels and {rank} sizes"
        raise ShapeError("CW101", fact, received=shape)
    _, channels, spatial = Layout().split(shape)
    # Both attributes together take onnxruntime to its newer kernel, as operator set 19 does.
    newer = layer.arguments.get("ceil_mode") == layer.arguments.get("count_include_pad") == 1
    old = layer.kind == "AveragePool" and int(layer.release) < 19 and not newer
    if isinstance(op, Pool) and (old or layer.kind == "MaxPool") and all(window.dilation == 1 for window in op.windows):
        _check_same(op, spatial)
    if not isinstance(op, Conv | ConvTranspose):
        return
    if channels is not None and op.in_channels is not None and channels != op.in_channels:
        group = op.groups or 1
        fact = f"W takes {op.in_channels} channels{f' ({op.in_channels // group} x {group} groups)' if group > 1 else ''}, the input has {channels}"
        hint = (
            f"make W for {channels} channels: W is (out, in / group, ...)"
            if isinstance(op, Conv)
            else "W is (in, out / group, ...)"
        )
        quote = (
            f"Input channels C is not equal to kernel channels * group. C: {channels} kernel channels: {op.in_channels // group} group: {group}"
            if isinstance(op, Conv)
            else f"filter number not equal to input channel number. filter_number: {op.in_channels} num_input_channels: {channels}"
        )
        raise ShapeError("CW102", fact, axis="channels", received=channels, quote=quote, hint=hint)


def _check_same(op: Pool, spatial: Shape) -> None:
    """Onnxruntime computes SAME's padding without a lower bound, and refuses what comes out below 0 (AveragePool: until operator set 18).

    Raises:
        Refusal: CW201.
    """
    for name, window, size in zip(spatial_names(op.rank), op.windows, spatial, strict=True):
        if size is None or isinstance(window.padding, Pads) or size < 1:
            continue
        axis = window.over(size)
        if axis.leftover:
            quote = "padding values must be non-negative"
            fact = f"a stride of {window.stride} steps past the kernel of {window.kernel}, so that SAME's padding would be {-axis.leftover}"
            raise Refusal("CW201", fact, axis=name, received=size, hint="give pads instead of auto_pad", quote=quote)


def _kinds() -> dict[str, Kind]:
    resolvers = {
        **dict.fromkeys(("Conv", "ConvTranspose"), (resolve_conv, moving_layers.settle_conv, check)),
        **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), (resolve_pool, None, check)),
        **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"), (resolve_global, settle_global, None)),
        "Gemm": (resolve_gemm, None, check_gemm),
        **dict.fromkeys(
            ("BatchNormalization", "InstanceNormalization", "GroupNormalization", "LayerNormalization"),
            (resolve_norm, None, None),
        ),
    }
    found = {}
    for name, (resolve, settle, checked) in resolvers.items():
        attributes = " ".join(f"{attribute}=None" for attribute in ATTRIBUTES[name].split())
        signature = parameters(f"{INPUTS.get(name, '')} * {attributes}")
        found[name] = Kind(name, signature, resolve, None, settle, checked)
    for name, (_, pairs) in ELEMENTWISE.items():
        inputs = "min=None max=None" if name == "Clip" else ""
        attributes = " ".join(f"{attribute}=None" for attribute, _, _ in pairs)
        found[name] = Kind(name, parameters(f"{inputs} * {attributes}"), resolve_pointwise)
    found["Dropout"] = Kind("Dropout", parameters("ratio=0.5 training_mode=None * seed=None"), resolve_dropout)
    return {**found, **moving_layers.KINDS}


KINDS: Mapping[str, Kind] = _kinds()
"""Every operator that is read as a layer."""
