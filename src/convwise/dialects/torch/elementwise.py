"""Activations and dropout: layers that leave the shape alone (GLU halves an axis).

Source of the rules: `torch/nn/modules/{activation,dropout}.py`, run with torch 2.13.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isnan

from convwise.dialects.base import Layer, LayerFlow, Unknown, Value, known, run_ops
from convwise.dialects.kinds import Arguments, parameters, show
from convwise.dialects.torch.kind import FIRST, Kind, wrong_rank
from convwise.dialects.torch.values import Words, number, too_small, weight_words, whole, wrong_type
from convwise.errors import Refusal, ShapeError
from convwise.ops import Gate, Op, Pointwise, Shape
from convwise.ops.shape import LARGEST

PLAIN: Mapping[str, tuple[str, str, tuple[tuple[str, str], ...]]] = {
    # name: (plain kind, signature, ((argument, option), ...))
    "ReLU": ("relu", "inplace=False", ()),
    "ReLU6": ("relu6", "inplace=False", ()),
    "SELU": ("selu", "inplace=False", ()),
    "SiLU": ("silu", "inplace=False", ()),
    "Mish": ("mish", "inplace=False", ()),
    "Hardswish": ("hard_silu", "inplace=False", ()),
    "Hardsigmoid": ("hard_sigmoid", "inplace=False", ()),
    "Sigmoid": ("sigmoid", "", ()),
    "Tanh": ("tanh", "", ()),
    "LogSigmoid": ("log_sigmoid", "", ()),
    "Softsign": ("softsign", "", ()),
    "Tanhshrink": ("tanh_shrink", "", ()),
    "LeakyReLU": ("leaky_relu", "negative_slope=0.01 inplace=False", (("negative_slope", "negative_slope"),)),
    "ELU": ("elu", "alpha=1.0 inplace=False", (("alpha", "alpha"),)),
    "CELU": ("celu", "alpha=1.0 inplace=False", (("alpha", "alpha"),)),
    "Hardshrink": ("hard_shrink", "lambd=0.5", (("lambd", "threshold"),)),
    "Softshrink": ("soft_shrink", "lambd=0.5", (("lambd", "threshold"),)),
    "Softplus": ("softplus", "beta=1.0 threshold=20.0", (("beta", "beta"), ("threshold", "threshold"))),
    "Threshold": ("threshold", "threshold value inplace=False", (("threshold", "threshold"), ("value", "value"))),
    "RReLU": ("rrelu", f"lower=0.125 upper={1 / 3} inplace=False", (("lower", "lower"), ("upper", "upper"))),
}
"""Activations whose arguments are numbers or `inplace`."""

FUNCTION = {"LeakyReLU": "leaky_relu", "Hardshrink": "hardshrink", "Softshrink": "softshrink"}


def _option(value: float | int | Unknown) -> object:
    return value.text if isinstance(value, Unknown) else float(value)


def resolve_plain(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    plain, _, names = PLAIN[kind.name]
    options = []
    inplace = arguments.get("inplace", False)
    ending = "_" if inplace and not isinstance(inplace, Unknown) else ""
    function = FUNCTION.get(kind.name, kind.name.lower()) + ending
    for place, (name, option) in enumerate(names, start=2):
        words = Words(function, {name: place}).scalar(name, arguments[name], "Number")
        options.append((option, _option(number(arguments[name], name, words))))
    _check_plain(kind, arguments)
    return (Pointwise(plain, tuple(options)),)


def _check_plain(kind: Kind, arguments: Arguments) -> None:
    if kind.name == "CELU" and arguments["alpha"] == 0:
        raise Refusal(
            "CW201",
            "alpha is 0",
            received=0,
            hint="try alpha=1.0",
            quote="ZeroDivisionError: alpha cannot be 0 for CELU",
        )
    if (
        kind.name == "Softshrink"
        and isinstance(arguments["lambd"], int | float)
        and not 0 <= arguments["lambd"] < 3.4e38
    ):
        quote = "lambda must be in range [0, 3.40282e+38] for input dtype Float"
        raise Refusal(
            "CW201",
            f"lambd is {arguments['lambd']}; it must be at least 0",
            received=arguments["lambd"],
            hint="try lambd=0.5",
            quote=quote,
        )
    if kind.name == "RReLU":
        lower, upper = arguments["lower"], arguments["upper"]
        for name, value in (("lower", lower), ("upper", upper)):
            if isinstance(value, float) and (isnan(value) or abs(value) == float("inf")):
                raise Refusal(
                    "CW201",
                    f"{name} is {value}",
                    received=str(value),
                    hint=f"use a finite {name}",
                    quote=f"rrelu: {name} bound must be finite, got {value}",
                )
        if isinstance(lower, int | float) and isinstance(upper, int | float) and lower > upper:
            quote = "Lower bound should be less than or equal to the upper bound"
            raise Refusal(
                "CW201",
                f"lower={lower} is more than upper={upper}",
                received=lower,
                hint=f"try lower={upper}, upper={lower}",
                quote=quote,
            )


def resolve_hardtanh(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    low = arguments["min_val"] if arguments["min_value"] is None else arguments["min_value"]
    high = arguments["max_val"] if arguments["max_value"] is None else arguments["max_value"]
    low, high = number(low, "min_val"), number(high, "max_val")
    if not isinstance(low, Unknown) and not isinstance(high, Unknown) and high <= low:
        quote = f"max_val ({high}) must be greater than min_val ({low})"
        raise Refusal(
            "CW201",
            f"max_val={high} is not greater than min_val={low}",
            received=high,
            hint="try min_val=-1.0, max_val=1.0",
            quote=quote,
        )
    return (Pointwise("hard_tanh", (("min_val", _option(low)), ("max_val", _option(high)))),)


def resolve_gelu(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    value = arguments["approximate"]
    if isinstance(value, Unknown):
        return (Pointwise("gelu"),)
    if not isinstance(value, str):
        raise wrong_type(
            "approximate",
            value,
            "'none' or 'tanh'",
            f"gelu(): argument 'approximate' must be str, not {'NoneType' if value is None else type(value).__name__}",
        )
    if value not in ("none", "tanh"):
        raise Refusal(
            "CW207",
            f"there is no approximate={value!r}",
            received=value,
            hint="use 'none' or 'tanh'",
            quote="approximate argument must be either none or tanh.",
        )
    return (Pointwise("gelu", (("approximate", "tanh"),) if value == "tanh" else ()),)


def resolve_prelu(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    value = known(arguments["num_parameters"], "num_parameters")
    if isinstance(value, tuple):
        raise ShapeError(
            "CW210",
            f"num_parameters is {show(value)}, not one number",
            received=value,
            hint=f"write num_parameters={value[0] if value else 1}",
        )
    count = whole(value, "num_parameters", least=-LARGEST, quote=weight_words(1, value, only=True))
    if count < 0:
        raise too_small("num_parameters", count, 1)
    if count == 0:
        raise ShapeError(
            "CW210",
            "num_parameters is 0: it fits inputs without channels alone",
            received=0,
            hint="try num_parameters=1",
        )
    initial = number(arguments["init"], "init", "fill_() received an invalid combination of arguments")
    return (Pointwise("prelu", (("num_parameters", count), ("init", _option(initial))), params=count),)


def check_prelu(layer: Layer, shape: Shape) -> None:
    count = layer.arguments["num_parameters"]
    if count == 1:
        return
    if not shape:
        raise wrong_rank("a single number has no channels", shape, "Not allow zero-dim input tensor.")
    channels = shape[1] if len(shape) > 1 else 1
    if channels is not None and channels != count:
        quote = f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {count} and channel size = {channels}."
        fact = f"the layer has {count} slopes, the input {channels} channels"
        hint = f"write num_parameters={channels}" if len(shape) > 1 else "add the batch axis"
        raise ShapeError("CW102", fact, axis="channels", received=channels, hint=hint, quote=quote)


SOFTMAX = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Softmin": "softmin"}


def resolve_softmax(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    if kind.name == "Softmax2d":
        return (Pointwise("softmax", (("axis", -3),)),)
    value = arguments["dim"]
    plain = SOFTMAX[kind.name]
    if value is None or isinstance(value, Unknown):
        return (Pointwise(plain, (("axis", None),)),)
    function = "softmax" if plain == "softmin" else plain
    dim = whole(value, "dim", least=-LARGEST, quote=Words(function, {"dim": 1}).scalar("dim", value, "int"))
    return (Pointwise(plain, (("axis", dim),)),)


def run_softmax(layer: Layer, shape: Shape) -> LayerFlow:
    """Without `dim` PyTorch chooses: the first axis of 0, 1 or 3 axes, else the second."""
    op = layer.ops[0]
    assert isinstance(op, Pointwise)
    dim = op.options[0][1]
    rank = len(shape)
    if layer.kind == "Softmax2d" and rank not in (3, 4):
        raise wrong_rank(
            f"{rank} axes where 3 or 4 are needed",
            shape,
            f"Softmax2d: expected input to be 3D or 4D, got {rank}D instead",
        )
    if dim is None:
        dim = 0 if rank in (0, 1, 3) else 1
        layer = replace(layer, ops=(replace(op, options=(("axis", dim),)),))
    assert isinstance(dim, int)
    check_dim(dim, shape)
    return run_ops(layer, shape, FIRST)


def check_dim(dim: int, shape: Shape) -> None:
    """An axis by number, counted from either end.

    Raises:
        ShapeError: CW101.
    """
    rank = max(len(shape), 1)
    if not -rank <= dim < rank:
        quote = f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})"
        hint = f"axes are numbered {-rank} to {rank - 1}"
        raise ShapeError(
            "CW101", f"there is no axis {dim} in a shape of {len(shape)} axes", received=dim, hint=hint, quote=quote
        )


def resolve_glu(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    value = known(arguments["dim"], "dim")
    return (Gate(whole(value, "dim", least=-LARGEST, quote=Words("glu", {"dim": 2}).scalar("dim", value, "int"))),)


def check_glu(layer: Layer, shape: Shape) -> None:
    dim = layer.arguments["dim"]
    if not shape:
        raise wrong_rank(
            "a single number has no axis to halve",
            shape,
            "glu does not support scalars because halving size must be even",
        )
    check_dim(dim, shape)
    size = shape[dim]
    if size is not None and size % 2:
        place = dim % len(shape)
        quote = f"Halving dimension must be even, but dimension {place} is size {size}"
        raise ShapeError(
            "CW105",
            f"axis {place} has {size} cells, which do not halve",
            received=size,
            hint="make it even",
            quote=quote,
        )


DROPOUTS = {
    "Dropout": "dropout",
    "Dropout1d": "spatial_dropout",
    "Dropout2d": "spatial_dropout",
    "Dropout3d": "spatial_dropout",
    "AlphaDropout": "alpha_dropout",
    "FeatureAlphaDropout": "feature_alpha_dropout",
}


def resolve_dropout(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    value: Value = arguments["p"]
    if isinstance(value, Unknown):
        return (Pointwise(DROPOUTS[kind.name], (("rate", value.text),)),)
    quote = (
        f"'<' not supported between instances of '{'NoneType' if value is None else type(value).__name__}' and 'int'"
    )
    p = number(value, "p", quote)
    assert not isinstance(p, Unknown)
    if not 0 <= p <= 1:
        quote = f"dropout probability has to be between 0 and 1, but got {p}"
        hint = f"try p={p / 100:g}" if 1 < p <= 100 else "try p=0.5"
        raise Refusal("CW201", f"p is {p}; it must lie between 0 and 1", received=p, hint=hint, quote=quote)
    return (Pointwise(DROPOUTS[kind.name], (("rate", float(p)),)),)


def check_dropout(layer: Layer, shape: Shape) -> None:
    rank = len(shape)
    if layer.kind == "Dropout1d" and rank not in (2, 3):
        quote = f"dropout1d: Expected 2D or 3D input, but received a {rank}D input."
        raise wrong_rank(f"{rank} axes where 2 or 3 are needed", shape, quote)
    p = layer.arguments["p"]
    if p in (0, 1) or 0 in shape:
        return
    least = {"Dropout2d": 2, "Dropout3d": 1, "FeatureAlphaDropout": 2}.get(layer.kind, 0)
    if rank < least:
        raise wrong_rank(
            f"{rank} axes where at least {least} are needed",
            shape,
            "Feature dropout requires at least 2 dimensions in the input",
        )


def resolve_identity(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    return (Pointwise("identity"),)


KINDS = (
    *(Kind(name, parameters(signature), resolve_plain) for name, (_, signature, _) in PLAIN.items()),
    Kind(
        "Hardtanh", parameters("min_val=-1.0 max_val=1.0 inplace=False min_value=None max_value=None"), resolve_hardtanh
    ),
    Kind("GELU", parameters("approximate='none'"), resolve_gelu),
    Kind("PReLU", parameters("num_parameters=1 init=0.25 device=None dtype=None"), resolve_prelu, check=check_prelu),
    *(Kind(name, parameters("dim=None"), resolve_softmax, run=run_softmax) for name in SOFTMAX),
    Kind("Softmax2d", (), resolve_softmax, run=run_softmax),
    Kind("GLU", parameters("dim=-1"), resolve_glu, check=check_glu),
    *(Kind(name, parameters("p=0.5 inplace=False"), resolve_dropout, check=check_dropout) for name in DROPOUTS),
    Kind("Identity", (), resolve_identity, any_arguments=True),
)
