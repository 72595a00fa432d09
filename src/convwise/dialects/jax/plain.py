"""flax's dense layers, normalisation, dropout and activations; jnp.pad, reshape and mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from convwise.axis import Pads
from convwise.dialects.base import Layer, Unknown, Value, known
from convwise.dialects.kinds import Arguments, Kind, Resolved, integers, show, truth, wrong_type
from convwise.errors import CodeError, Refusal, ShapeError
from convwise.ops import Dense, Flatten, GlobalPool, Norm, Pad, Permute, Pointwise, Reshape, Shape

ACTIVATIONS: Mapping[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "relu": ("relu", ()),
    "relu6": ("relu6", ()),
    "elu": ("elu", (("alpha", "alpha"),)),
    "celu": ("celu", (("alpha", "alpha"),)),
    "selu": ("selu", ()),
    "gelu": ("gelu", (("approximate", "approximate"),)),
    "silu": ("silu", ()),
    "swish": ("silu", ()),
    "sigmoid": ("sigmoid", ()),
    "tanh": ("tanh", ()),
    "softplus": ("softplus", ()),
    "soft_sign": ("softsign", ()),
    "hard_sigmoid": ("hard_sigmoid", ()),
    "hard_silu": ("hard_silu", ()),
    "hard_swish": ("hard_silu", ()),
    "hard_tanh": ("hard_tanh", ()),
    "log_sigmoid": ("log_sigmoid", ()),
    "leaky_relu": ("leaky_relu", (("negative_slope", "negative_slope"),)),
    "softmax": ("softmax", (("axis", "axis"),)),
    "log_softmax": ("log_softmax", (("axis", "axis"),)),
}
"""Function of flax.linen and jax.nn -> (plain kind, its (argument, option) pairs)."""

SIGNATURES: Mapping[str, str] = {
    "elu": "alpha=1.0",
    "celu": "alpha=1.0",
    "gelu": "approximate=True",
    "leaky_relu": "negative_slope=0.01",
    "softmax": "axis=-1 where=None",
    "log_softmax": "axis=-1 where=None",
}


def resolve_activation(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    plain, pairs = ACTIVATIONS[kind.family]
    options = tuple((option, _shown(arguments[argument])) for argument, option in pairs)
    return Resolved((Pointwise(plain, options),))


def _shown(value: Value) -> Value:
    return value.text if isinstance(value, Unknown) else value


def _count(arguments: Arguments, name: str) -> int | None:
    if name not in arguments:
        return None
    value = known(arguments[name], name)
    if type(value) is not int:
        raise wrong_type(name, value, "an integer")
    if value < 1:
        raise Refusal(
            "CW201", f"{name} is {value}; it must be at least 1", received=value, axis=name, hint=f"try {name}=1"
        )
    return value


def resolve_dense(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """nn.Dense(features) and nnx.Linear(in_features, out_features)."""
    out = _count(arguments, "features") or _count(arguments, "out_features")
    assert out is not None
    return Resolved((Dense(_count(arguments, "in_features"), out, truth(arguments, "use_bias")),))


def check_dense(layer: Layer, shape: Shape) -> None:
    op = layer.ops[0]
    assert isinstance(op, Dense)
    if not shape:
        raise ShapeError("CW101", "a dense layer needs at least one axis", received=shape)
    last = shape[-1]
    if op.in_features is not None and last is not None and last != op.in_features:
        quote = f"dot_general requires contracting dimensions to have the same shape, got ({last},) and ({op.in_features},)."
        fact = f"the layer takes {op.in_features} features, the input has {last}"
        hint = f"make the layer for {last} features"
        raise ShapeError("CW109", fact, axis="features", received=last, quote=quote, hint=hint)


def _epsilon(arguments: Arguments) -> float:
    value = arguments["epsilon"]
    return float(value) if isinstance(value, int | float) else 1e-5


def resolve_norm(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """BatchNorm, LayerNorm, InstanceNorm, RMSNorm of both; the features lie on the last axis."""
    for name in ("axis", "feature_axes", "reduction_axes"):
        if name in arguments and known(arguments[name], name) not in (-1, (-1,)):
            raise CodeError("CW317", f"convwise models {name}=-1 alone", received=show(arguments[name]))
    features = _count(arguments, "num_features")
    scale = truth(arguments, "use_scale")
    center = truth(arguments, "use_bias") if "use_bias" in arguments else False
    axes = "channels" if kind.family in ("batch", "instance") else (-1,)
    op = Norm(kind.family, features, axes, scale, center, kind.family == "batch", epsilon=_epsilon(arguments))
    if kind.family == "layer" and features is not None:
        op = replace(op, shape=(features,))
    return Resolved((op,), None, True)


def resolve_group_norm(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """GroupNorm: a number of groups, or with num_groups=None the channels in each."""
    groups, size = (known(arguments[name], name) for name in ("num_groups", "group_size"))
    features = _count(arguments, "num_features")
    if (groups is None) == (size is None):
        quote = "Either `num_groups` or `group_size` should be specified."
        fact = f"num_groups is {groups} and group_size is {size}"
        raise Refusal("CW201", fact, received=groups, hint="give one of them, and None for the other", quote=quote)
    if groups is None:
        if features is None:
            raise CodeError("CW317", "convwise models num_groups alone, not group_size", received=size)
        groups = features // size if type(size) is int and size > 0 else 0
    if type(groups) is not int or groups < 1 or (features is not None and features % groups):
        quote = f"Number of groups ({groups}) does not divide the number of channels ({features})." if features else ""
        raise Refusal("CW205", f"num_groups is {show(groups)}", received=groups, quote=quote, hint="try 1")
    scale, center = truth(arguments, "use_scale"), truth(arguments, "use_bias")
    op = Norm("group", features, "channels", scale, center, groups=groups, epsilon=_epsilon(arguments))
    return Resolved((op,), None, True)


def check_norm(layer: Layer, shape: Shape) -> None:
    op = layer.ops[0]
    assert isinstance(op, Norm)
    if len(shape) < 2:
        raise ShapeError("CW101", f"{len(shape)} axes where 2 or more are needed", received=shape)
    channels = shape[-1]
    if op.groups and channels is not None and channels % op.groups:
        quote = f"Number of groups ({op.groups}) does not divide the number of channels ({channels})."
        fact = f"{channels} channels do not divide into {op.groups} groups"
        raise ShapeError("CW105", fact, axis="channels", received=channels, quote=quote)


def resolve_dropout(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    rate = arguments["rate"]
    if isinstance(rate, Unknown):
        return Resolved((Pointwise("dropout", (("rate", rate.text),)),))
    if not isinstance(rate, int | float) or isinstance(rate, bool):
        raise wrong_type("rate", rate, "a number")
    return Resolved((Pointwise("dropout", (("rate", float(rate)),)),))


def resolve_identity(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    return Resolved((Pointwise("identity"),))


MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def resolve_pad(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """jnp.pad(x, pad_width, mode, constant_values): a pair for each axis of the data."""
    given = known(arguments["pad_width"], "pad_width")
    items = given if isinstance(given, tuple) else ()
    mode = known(arguments["mode"], "mode")
    if not isinstance(mode, str) or mode not in MODES:
        raise CodeError(
            "CW317",
            f"convwise does not model mode={show(mode)}",
            received=show(mode),
            hint=f"{', '.join(MODES)} are modelled",
        )
    if len(items) < 3 or any(not isinstance(pair, tuple) or len(pair) != 2 for pair in items):
        raise CodeError(
            "CW317",
            "convwise reads a pair for each axis",
            received=show(given),
            hint="((0, 0), (1, 1), (1, 1), (0, 0))",
        )
    pads = [Pads(*integers(pair, "pad_width", least=0, quote="index can't contain negative values")) for pair in items]
    none = Pads(0, 0)
    last = pads[-1] == none
    if pads[0] != none or (not last and pads[1] != none) or len(pads) > 5:
        raise CodeError(
            "CW317",
            "convwise models padding of the sizes alone, not of the batch or the channels",
            received=show(given),
        )
    value = arguments["constant_values"]
    inner = tuple(pads[1:-1] if last else pads[2:])
    return Resolved(
        (Pad(inner, MODES[mode], float(value) if isinstance(value, int | float) else 0.0),), len(inner), last
    )


def check_pad(layer: Layer, shape: Shape) -> None:
    op = layer.ops[0]
    assert isinstance(op, Pad)
    if len(shape) != op.rank + 2:
        raise ShapeError("CW101", f"pad_width has {op.rank + 2} pairs, the input {len(shape)} axes", received=shape)


def resolve_reshape(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """jnp.reshape(x, (x.shape[0], -1)) keeps the batch; other targets are of the whole."""
    value = arguments["shape"]
    if not isinstance(value, tuple) or not value:
        value = (known(value, "shape"),)
    known(value[1:], "shape")
    integers(value[1:], "shape", least=-1)
    if isinstance(value[0], Unknown):
        return Resolved((Flatten() if value[1:] == (-1,) else Reshape(value[1:], True),))
    integers(value[:1], "shape", least=-1)
    if value.count(-1) > 1:
        raise Refusal("CW201", f"shape is {value}: only one size may be -1", received=value)
    return Resolved((Reshape(value, False),))


def resolve_transpose(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    order = known(arguments["axes"], "axes")
    if not isinstance(order, tuple) or sorted(integers(order, "axes")) != list(range(len(order))):
        raise Refusal(
            "CW204", f"axes is {show(order)}", received=show(order), hint="a tuple of all axes, such as (0, 3, 1, 2)"
        )
    return Resolved((Permute(order),))


def resolve_mean(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """jnp.mean and jnp.max over all sizes: global pooling."""
    axes = known(arguments["axis"], "axis")
    axes = axes if isinstance(axes, tuple) else (axes,)
    for rank in (1, 2, 3):
        for start, last in ((1, True), (2, False)):
            if axes == tuple(range(start, start + rank)):
                return Resolved((GlobalPool(kind.family, rank, truth(arguments, "keepdims")),), rank, last)
    fact = f"convwise models the mean or maximum over all sizes alone, not over axis={show(arguments['axis'])}"
    raise CodeError("CW317", fact, hint="axis=(1, 2) of NHWC, (2, 3) of NCHW")
