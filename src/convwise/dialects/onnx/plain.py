"""Operators that work place by place, along axes, or as products: activations, arithmetic, normalisation, dense layers."""

from __future__ import annotations

from dataclasses import replace
from math import inf, prod

from convwise.dialects.base import Value
from convwise.dialects.onnx.given import Given, Made, Piece, of, opaque
from convwise.dialects.onnx.moves import NO_RANK, fixed
from convwise.dialects.onnx.windows import floating
from convwise.ops import Dense, Norm, Permute, Pointwise
from convwise.ops.several import Constant, Einsum, Elementwise, MatMul, Recurrent, Reduce

POINTWISE = frozenset(
    [
        "Abs",
        "Acos",
        "Acosh",
        "Asin",
        "Asinh",
        "Atan",
        "Atanh",
        "Bernoulli",
        "BitwiseNot",
        "Cast",
        "CastLike",
        "Ceil",
        "Celu",
        "Cos",
        "Cosh",
        "CumProd",
        "CumSum",
        "DequantizeLinear",
        "Dropout",
        "Elu",
        "Erf",
        "Exp",
        "EyeLike",
        "Floor",
        "Gelu",
        "HardSigmoid",
        "HardSwish",
        "Hardmax",
        "Identity",
        "ImageScaler",
        "IsInf",
        "IsNaN",
        "LRN",
        "LeakyRelu",
        "Log",
        "LogSoftmax",
        "LpNormalization",
        "MeanVarianceNormalization",
        "Mish",
        "Neg",
        "Not",
        "ParametricSoftplus",
        "QuantizeLinear",
        "RandomNormalLike",
        "RandomUniformLike",
        "Reciprocal",
        "Relu",
        "ReverseSequence",
        "RotaryEmbedding",
        "Round",
        "ScaledTanh",
        "Scatter",
        "ScatterElements",
        "ScatterND",
        "Selu",
        "Shrink",
        "Sigmoid",
        "Sign",
        "Sin",
        "Sinh",
        "Softmax",
        "Softplus",
        "Softsign",
        "Sqrt",
        "Swish",
        "Tan",
        "Tanh",
        "TensorScatter",
        "ThresholdedRelu",
        "Trilu",
    ]
)
"""Operators whose outputs have the shape of their first input."""

ELEMENTWISE = {
    "Add": "add",
    "And": "and",
    "BitShift": "shift",
    "BitwiseAnd": "and",
    "BitwiseOr": "or",
    "BitwiseXor": "xor",
    "Div": "divide",
    "Equal": "equal",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "Max": "maximum",
    "Mean": "mean",
    "Min": "minimum",
    "Mod": "modulo",
    "Mul": "multiply",
    "Or": "or",
    "PRelu": "prelu",
    "Pow": "power",
    "Sub": "subtract",
    "Sum": "add",
    "Where": "where",
    "Xor": "xor",
}
"""Operators that broadcast all their inputs."""

SELU_ALPHA, SELU_SCALE = 1.6732632, 1.0507010
"""The numbers of the operator's definition, in single precision."""

REDUCTIONS = {
    "ReduceL1": 18,
    "ReduceL2": 18,
    "ReduceLogSum": 18,
    "ReduceLogSumExp": 18,
    "ReduceMax": 18,
    "ReduceMean": 18,
    "ReduceMin": 18,
    "ReduceProd": 18,
    "ReduceSum": 13,
    "ReduceSumSquare": 18,
}
"""Reductions, and the version from which their axes are an input."""

SETTINGS = frozenset({"CumSum", "Dropout", "Trilu", "DequantizeLinear", "QuantizeLinear"})
"""Pointwise operators whose further inputs are settings, not parameters."""


def _options(given: Given) -> tuple[tuple[str, object], ...]:
    """What decides the values of the functions that the reference runs; nothing where it has no function with these settings."""
    match given.node.op_type:
        case "LeakyRelu":
            return (("negative_slope", given.number("alpha", 0.01)),)
        case "Elu":
            return (("alpha", given.number("alpha", 1.0)),)
        case "Softmax" | "LogSoftmax" if given.opset >= 13:
            return (("axis", given.integer("axis", -1)),)
        case "Gelu":
            return (("approximate", given.text("approximate", "none")),)
        case "Softplus":
            return (("beta", 1.0),)
        case "HardSigmoid" if abs(given.number("alpha", 0.2) - 1 / 6) < 1e-6 and given.number("beta", 0.5) == 0.5:
            return (("alpha", 1 / 6),)
    return ()


def pointwise(given: Given) -> Made:
    given.needs(0, "data")
    name = given.node.op_type
    settings = tuple(range(1, len(given.inputs))) if name in SETTINGS else ()
    kind = name.lower()
    if name == "Selu" and not _usual_selu(given):
        kind = "selu of other numbers"
    return Made((Piece((Pointwise(kind, _options(given)),)),), (0,) * max(len(given.node.outputs), 1), settings)


def _usual_selu(given: Given) -> bool:
    """Whether the numbers are those of the function, which some releases write with fewer digits."""
    alpha, gamma = given.number("alpha", SELU_ALPHA), given.number("gamma", SELU_SCALE)
    return abs(alpha - SELU_ALPHA) < 1e-4 and abs(gamma - SELU_SCALE) < 1e-4


def clip(given: Given) -> Made:
    """Bounds are attributes before version 11; only numbers that the file stores are settings."""
    ends = [_bound(given, 1, "min", -inf), _bound(given, 2, "max", inf)]
    given.needs(0, "data")
    op = Pointwise("clip") if None in ends else clipped(*ends)
    return Made((Piece((op,)),), (0,), tuple(range(1, len(given.inputs))))


def clipped(low: Value, high: Value) -> Pointwise:
    """Clip between two bounds: ReLU6 where they are its own."""
    if low == 0 and high == 6:
        return Pointwise("relu6")
    return Pointwise("hard_tanh", (("min_val", low), ("max_val", high)))


def _bound(given: Given, number: int, name: str, default: float) -> float | None:
    """None where the number is worked out while the network runs."""
    if given.opset < 11:
        return given.number(name, default)
    if given.input(number) is None:
        return default
    known = given.known(number)
    value = known.items[0] if known is not None and len(known.items) == 1 else None
    return float(value) if isinstance(value, int | float) else None


def elementwise(given: Given) -> Made:
    """Inputs broadcast as NumPy does; before version 7 the second one at `axis`, to the first one's shape."""
    kind = ELEMENTWISE[given.node.op_type]
    given.needs(0, "data")
    old = given.opset < 7 and given.node.op_type in {
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Pow",
        "And",
        "Or",
        "Xor",
        "Equal",
        "Less",
        "Greater",
        "PRelu",
    }
    if old and (given.integer("broadcast") or given.node.op_type == "PRelu"):
        return of((Pointwise(kind),))
    one_way = given.node.op_type == "PRelu" and given.rank(1) is not None and given.rank() is not None
    if one_way and (given.rank(1) or 0) > (given.rank() or 0):
        raise given.refuse("CW101", f"a slope of {given.rank(1)} axes for data of {given.rank()}", given.shape(1))
    return of(Elementwise(kind), *(n for n, one in enumerate(given.inputs) if one is not None))


def reduction(given: Given) -> Made:
    keep = bool(given.integer("keepdims", 1))
    name = given.node.op_type
    kind = name.removeprefix("Reduce").lower()
    if given.opset < REDUCTIONS[name]:
        axes = given.ints("axes")
    elif given.input(1) is None:
        axes = None
    else:
        axes = fixed(given, 1)
        if axes is None:
            return opaque(given, "the axes depend on the data")
    if not axes:
        if given.integer("noop_with_empty_axes"):
            return of((Pointwise(kind),))
        axes = None
    return of(Reduce(kind, _counted(given, axes), keep))


def _counted(given: Given, axes: tuple[int, ...] | None) -> tuple[int, ...] | None:
    rank = given.rank()
    return axes if axes is None or rank is None else tuple(given.axis(axis, rank, "axes") for axis in axes)


def arg(given: Given) -> Made:
    """ArgMax and ArgMin."""
    axes = _counted(given, (given.integer("axis"),))
    return of(Reduce(given.node.op_type.lower(), axes, bool(given.integer("keepdims", 1))))


def _one_axis(given: Given, number: int, what: str) -> int | None:
    shape = given.shape(number)
    if shape is not None and len(shape) != 1:
        raise given.refuse("CW101", f"the {what} has {len(shape)} axes; one is needed", shape, what)
    return None if shape is None else shape[0]


def batch_norm(given: Given) -> Made:
    given.needs(0, "data")
    features = [_one_axis(given, n, what) for n, what in enumerate(("scale", "bias", "mean", "variance"), 1)]
    if given.rank() in (0, 1):
        raise given.refuse("CW101", f"an input of {given.rank()} axes; at least 2 are needed", given.shape())
    op = Norm("batch", features[0], moments=True, epsilon=given.number("epsilon", 1e-5))
    if len(given.node.outputs) > 1 and any(given.node.outputs[1:]):
        pieces = [Piece((op,)), *(Piece((Pointwise("moments"),), (n,)) for n in (3, 4))]
        gives = (0, 1, 2, 1, 2)[: len(given.node.outputs)]
        return Made(tuple(pieces), gives, (3, 4))
    return Made((Piece((op,)),), None, (3, 4))


def instance_norm(given: Given) -> Made:
    op = Norm("instance", _one_axis(given, 1, "scale"), epsilon=given.number("epsilon", 1e-5))
    if _constant(given, 1) == {1.0} and _constant(given, 2) == {0.0}:
        op = replace(op, scale=False, center=False)
    return of((op,))


def _constant(given: Given, number: int) -> set[object] | None:
    """The different numbers of a constant that holds no weights: exporters write ones and zeros for a normalisation without any."""
    one = given.input(number)
    return set(one.known.items) if one is not None and one.known is not None and not one.weights else None


def group_norm(given: Given) -> Made:
    groups = given.integer("num_groups", 1)
    if groups < 1:
        raise given.refuse("CW201", f"num_groups is {groups}", groups, "num_groups")
    shape = given.shape()
    features = shape[1] if shape is not None and len(shape) > 1 else None
    return of((Norm("group", features, groups=groups, epsilon=given.number("epsilon", 1e-5)),))


def layer_norm(given: Given) -> Made:
    """LayerNormalization: the mean and the deviation, where they are asked for, have 1 on the normalised axes."""
    rank, scale = given.rank(), given.shape(1)
    if rank is None:
        return opaque(given, NO_RANK)
    axis = given.axis(given.integer("axis", -1), rank)
    axes = tuple(range(axis, rank))
    sizes = () if scale is None else tuple(size for size in scale if size is not None)
    whole = scale is not None and len(sizes) == len(scale) == len(axes) and 1 not in sizes
    features = prod(sizes) if whole else None
    op = Norm("layer", features, axes, shape=sizes if whole else None, epsilon=given.number("epsilon", 1e-5))
    if len(given.node.outputs) == 1:
        return of((op,))
    return Made((Piece((op,)), Piece(Reduce("mean", axes))), (0, 1, 1)[: len(given.node.outputs)])


def matmul(given: Given) -> Made:
    """MatMul: a dense layer where the second matrix is fixed."""
    left, right = given.needs(0, "left"), given.needs(1, "right")
    for one in (left, right):
        if one.shape == ():
            raise given.refuse("CW101", "a single number has no axis to multiply along", (), "input")
    if right.fixed and right.shape is not None and len(right.shape) == 2 and None not in right.shape:
        rows, columns = right.shape
        return of((Dense(rows, columns or 0, bias=False),))
    return of(MatMul(), 0, 1)


def quantized_matmul(given: Given) -> Made:
    other = 3 if given.node.op_type == "QLinearMatMul" else 1
    return of(MatMul(), 0, other, no_params=tuple(n for n in range(len(given.inputs)) if n not in (0, other)))


def gemm(given: Given) -> Made:
    """Gemm: alpha A B + beta C with either matrix transposed; always two axes."""
    floating(given, frozenset({"float16", "float32", "float64", "bfloat16", "int32", "int64", "uint32", "uint64"}))
    left, right = given.needs(0, "A"), given.needs(1, "B")
    for one, name in ((left, "A"), (right, "B")):
        if one.shape is not None and len(one.shape) != 2:
            raise given.refuse("CW101", f"{name} has {len(one.shape)} axes; Gemm takes matrices", one.shape, name)
    turned = (Permute((1, 0)),)
    first = turned if given.integer("transA") else ()
    pieces: list[Piece] = []
    bias = given.input(2) is not None
    # A factor changes the values alone.
    scaled = given.number("alpha", 1.0) != 1 or (bias and given.number("beta", 1.0) != 1)
    scaling = (Pointwise("scaled product"),) if scaled else ()
    if right.fixed and right.shape is not None and None not in right.shape:
        rows, columns = reversed(right.shape) if given.integer("transB") else right.shape
        whole = given.shape(2) in (None, (columns,), (1, columns), (1,), ())
        pieces.append(Piece((*first, Dense(rows, columns or 0, bias=bias), *scaling)))
        bias = bias and not whole
    else:
        a, b = 0, 1
        if first:
            pieces.append(Piece(first))
            a = -1
        if given.integer("transB"):
            pieces.append(Piece(turned, (1,)))
            b = -len(pieces)
        pieces.append(Piece(MatMul(), (a, b)))
        if scaling:
            pieces.append(Piece(scaling, (-len(pieces),)))
    if bias:
        pieces.append(Piece(Elementwise("add"), (-len(pieces), 2)))
    return Made(tuple(pieces))


def einsum(given: Given) -> Made:
    """Einsum with its output written out; sizes that meet are equal or 1, as onnxruntime takes them."""
    text = given.text("equation").replace(" ", "")
    left, arrow, out = text.partition("->")
    terms = tuple(left.split(","))
    if not arrow or "." in text or len(terms) != len(given.inputs):
        return opaque(given, f"the equation {text[:60]!r} is not followed")
    if any(given.rank(number) != len(letters) for number, letters in enumerate(terms)):
        return opaque(given, NO_RANK)
    if any(letter not in left for letter in out):
        raise given.refuse("CW201", f"the equation {text[:60]!r} gives an axis that it does not read", text[:60])
    if len(set(out)) < len(out):
        raise given.refuse("CW201", f"the equation {text[:60]!r} gives one axis twice", text[:60])
    return of(Einsum(terms, out), *range(len(terms)))


def recurrent(given: Given) -> Made:
    """LSTM, GRU and RNN: the whole sequence, then the last states; the weights say how many features a step has."""
    weights, again = given.shape(1), given.shape(2)
    if given.rank() != 3 or weights is None or again is None or not len(weights) == len(again) == 3:
        return opaque(given, "the shape of its weights is not known")
    directions, gates, features, hidden = (size or 0 for size in (*weights, again[2]))
    if 0 in (directions, gates, features, hidden):
        return opaque(given, "the shape of its weights is not known")
    rows = f"{directions},{gates}"
    words = f"Input W must have shape {{{{{rows},{{seen}}}}}}. Actual:{{{{{rows},{features}}}}}"
    states = (hidden,) * (len(given.node.outputs) - 1)
    count = directions * gates * (features + hidden)
    return of(Recurrent(features, hidden, states, directions, bool(given.integer("layout")), True, count, words))


def dynamic_quantize(given: Given) -> Made:
    pieces = (Piece((Pointwise("quantize"),)), Piece(Constant(())))
    return Made(pieces, (0, 1, 1)[: len(given.node.outputs)])


def with_shape(given: Given) -> Made:
    """Operators with a shape of their own that is written as an attribute: RandomNormal and its kin."""
    sizes = given.ints("shape")
    return of(Constant(sizes)) if sizes is not None else opaque(given, "it has no shape")
