"""Activations by name, and the layers that change values one by one."""

from __future__ import annotations

from collections.abc import Callable

from convwise.dialects.base import Call, Unknown, Value, nearest
from convwise.dialects.keras.reading import Reading, is_number, shown
from convwise.dialects.keras.releases import ACTIVATION_SINCE
from convwise.ops import Norm, Op, Pointwise

Options = tuple[tuple[str, object], ...]

ACTIVATIONS: dict[str, tuple[str, Options]] = {
    **{
        name: (name, ())
        for name in [
            "exponential",
            "gelu",
            "hard_sigmoid",
            "hard_silu",
            "hard_tanh",
            "log_sigmoid",
            "mish",
            "relu",
            "relu6",
            "selu",
            "sigmoid",
            "silu",
            "softplus",
            "softsign",
            "sparse_plus",
            "sparse_sigmoid",
            "sparsemax",
            "tanh",
            "tanh_shrink",
        ]
    },
    "celu": ("celu", (("alpha", 1.0),)),
    "elu": ("elu", (("alpha", 1.0),)),
    "hard_shrink": ("hard_shrink", (("threshold", 0.5),)),
    "hard_swish": ("hard_silu", ()),
    "leaky_relu": ("leaky_relu", (("negative_slope", 0.2),)),
    "linear": ("linear", ()),
    "log_softmax": ("log_softmax", (("axis", -1),)),
    "soft_shrink": ("soft_shrink", (("threshold", 0.5),)),
    "softmax": ("softmax", (("axis", -1),)),
    "squareplus": ("squareplus", (("b", 4),)),
    "swish": ("silu", ()),
}
"""Keras 3.15's activation names (`keras.activations`), as the plain kind of a Pointwise and its settings."""

OPAQUE = "activation"
"""The kind of a function that the text names and convwise does not know."""


def activation_ops(reading: Reading, read: Callable[[Call], tuple[Op, ...]]) -> tuple[Op, ...]:
    """The op that `activation=` adds after the layer's own; none for None and 'linear'. `read` reads a layer given as the value.

    Raises:
        Refusal: CW207, CW208. CodeError: CW317.
    """
    value = reading.arguments["activation"]
    if value is None or value == "linear":
        return ()
    if isinstance(value, Call):
        return _from_call(value, read)
    if isinstance(value, Unknown):
        # `tf.nn.relu` and `keras.activations.relu` are names the text gives, functions of the user's own are not.
        word = value.text.strip().rpartition(".")[2]
        return (
            (Pointwise(*ACTIVATIONS[word]),)
            if word in ACTIVATIONS
            else (Pointwise(OPAQUE, (("function", value.text),)),)
        )
    return (_by_name(reading, value),)


def _from_call(call: Call, read: Callable[[Call], tuple[Op, ...]]) -> tuple[Op, ...]:
    ops = read(call)
    return ops if ops else (Pointwise(OPAQUE, (("function", call.text or call.kind),)),)


def _by_name(reading: Reading, value: Value) -> Pointwise:
    found = ACTIVATIONS.get(value) if isinstance(value, str) else None
    if found is not None and not reading.older_than(ACTIVATION_SINCE.get(value, reading.release)):
        return Pointwise(*found)
    quote = f"Could not interpret activation function identifier: {value}"
    since = ACTIVATION_SINCE.get(value) if isinstance(value, str) else None
    if since and reading.older_than(since):
        raise reading.refusal(
            "CW208",
            f"no activation {shown(value)} before Keras {since}",
            name="activation",
            quote=quote,
            hint=f"use Keras {since}",
        )
    if value == "glu":
        raise reading.opaque(
            "activation='glu' halves the channels", name="activation", hint="convwise does not model it"
        )
    if value == "threshold":
        quote = "threshold() missing 2 required positional arguments: 'threshold' and 'default_value'"
        hint = "ReLU(threshold=...) is a layer that takes one"
        raise reading.refusal(
            "CW207", "activation='threshold' lacks its two arguments", name="activation", quote=quote, hint=hint
        )
    near = nearest(value, ACTIVATIONS) if isinstance(value, str) else None
    hint = f"did you mean {near!r}?" if near else "an activation is a name such as 'relu', or a function"
    raise reading.refusal("CW207", f"no activation {shown(value)}", name="activation", quote=quote, hint=hint)


def activation_layer(reading: Reading, read: Callable[[Call], tuple[Op, ...]]) -> tuple[Op, ...]:
    """`Activation(...)`: what `activation=` means, as a layer of its own."""
    return activation_ops(reading, read) or (Pointwise("linear"),)


def _number(reading: Reading, name: str, quote: str, *, none: bool = False) -> float | int | None:
    """A number of at least 0; `none` allows None."""
    value = reading[name]
    if value is None and none:
        return None
    if isinstance(value, str | tuple):
        raise reading.refusal(
            "CW204", f"{name}={shown(value)} is not a number", name=name, quote=_compared(value), hint="write a number"
        )
    if not is_number(value) or value < 0:
        raise reading.refusal(
            "CW201", f"{name}={shown(value)}: 0 or more is needed", name=name, quote=quote, hint=f"{name} is 0 or more"
        )
    return value  # type: ignore[no-any-return]


def _compared(value: Value) -> str:
    return f"'<' not supported between instances of '{type(value).__name__}' and"


def relu_layer(reading: Reading) -> tuple[Op, ...]:
    arguments = reading.arguments
    most = _number(
        reading,
        "max_value",
        f"max_value of a ReLU layer cannot be a negative value. Received: max_value={arguments['max_value']}",
        none=True,
    )
    given = f"Received: negative_slope={arguments['negative_slope']}"
    slope = _number(
        reading, "negative_slope", f"negative_slope of a ReLU layer cannot be None or a negative value. {given}"
    )
    given = f"Received: threshold={arguments['threshold']}"
    threshold = _number(reading, "threshold", f"threshold of a ReLU layer cannot be None or a negative value. {given}")
    if most == 6 and not slope and not threshold:
        return (Pointwise("relu6"),)
    if most is None and slope and not threshold:
        return (Pointwise("leaky_relu", (("negative_slope", slope),)),)
    options = (("max_value", most, None), ("negative_slope", slope, 0), ("threshold", threshold, 0))
    return (Pointwise("relu", tuple((name, value) for name, value, default in options if value != default)),)


def leaky_relu_layer(reading: Reading) -> tuple[Op, ...]:
    name = "negative_slope" if reading.arguments["alpha"] is None else "alpha"
    quote = "The negative_slope value of a Leaky ReLU layer cannot be None or negative value. Expected a float."
    slope = _number(reading, name, f"{quote} Received: negative_slope={reading.arguments[name]}")
    return (Pointwise("leaky_relu", (("negative_slope", slope),)),)


def elu_layer(reading: Reading) -> tuple[Op, ...]:
    alpha = reading["alpha"]
    if not is_number(alpha):
        raise reading.refusal(
            "CW204", f"alpha={shown(alpha)} is not a number", name="alpha", hint="write a number, such as 1.0"
        )
    return (Pointwise("elu", (("alpha", alpha),)),)


def softmax_layer(reading: Reading) -> tuple[Op, ...]:
    axis = reading["axis"]
    axes = axis if isinstance(axis, tuple) else (axis,)
    if not axes:
        raise reading.refusal(
            "CW204", "axis=() names no axis", name="axis", quote="tuple index out of range", hint="write axis=-1"
        )
    for one in axes:
        if isinstance(one, Unknown):
            raise reading.unknown("axis", one)
        if isinstance(one, bool):
            raise reading.ours(
                f"axis={shown(axis)} is a bool, which Keras reads as {int(one)}", name="axis", hint=f"write {int(one)}"
            )
        if one is None and axes == (None,):
            raise reading.ours(
                "axis=None names no axis; TensorFlow takes the last one", name="axis", hint="write axis=-1"
            )
        if type(one) is not int:
            raise reading.refusal("CW204", f"axis={shown(axis)} is no integer", name="axis", hint="write axis=-1")
    return (Pointwise("softmax", (("axis", axis),)),)


def prelu_layer(reading: Reading) -> tuple[Op, ...]:
    """Its numbers depend on the input's size, so they are counted when a shape comes."""
    shared = reading["shared_axes"]
    axes = shared if isinstance(shared, tuple) else () if shared is None else (shared,)
    for one in axes:
        if isinstance(one, Unknown):
            raise reading.unknown("shared_axes", one)
        if isinstance(one, bool):
            raise reading.ours(
                f"shared_axes={shown(shared)} holds a bool", name="shared_axes", hint=f"write {int(one)}"
            )
        if type(one) is not int:
            fact = f"shared_axes={shown(shared)}: {shown(one)} is no integer"
            raise reading.refusal(
                "CW204", fact, name="shared_axes", hint="shared axes are numbered from 1, the batch apart"
            )
    return (Pointwise("prelu", (("shared_axes", tuple(sorted(set(axes)))),) if axes else (), params=None),)


def rate_layer(reading: Reading) -> tuple[Op, ...]:
    """The dropouts and the noise: a rate between 0 and 1."""
    name = "stddev" if reading.family == "gaussian_noise" else "rate"
    value = reading[name]
    if not is_number(value):
        quote = f"'<=' not supported between instances of 'int' and '{type(value).__name__}'"
        raise reading.refusal(
            "CW204", f"{name}={shown(value)} is not a number", name=name, quote=quote, hint="write a number from 0 to 1"
        )
    if not 0 <= value <= 1:
        quote = f"Invalid value received for argument `{name}`. Expected a float value between 0 and 1. Received: {name}={value}"
        percent = f"write {value / 100:g}" if 1 < value <= 100 else "it is a share, from 0 to 1"
        raise reading.refusal("CW201", f"{name}={value} is not between 0 and 1", name=name, quote=quote, hint=percent)
    if reading.family == "dropout":
        _check_noise_shape(reading)
    _check_seed(reading)
    options: Options = ((name, value),)
    if reading.family == "spatial_dropout":
        options = (*options, ("rank", reading.axes))
    noise = reading.arguments.get("noise_shape")
    return (Pointwise(reading.family, options if noise is None else (*options, ("noise_shape", noise))),)


def _check_noise_shape(reading: Reading) -> None:
    value = reading.arguments["noise_shape"]
    if value is None or isinstance(value, Unknown):
        return
    quote = "Invalid value received for argument `noise_shape`."
    sizes = value if isinstance(value, tuple) else ()
    wrong = next(
        (
            size
            for size in sizes
            if size is not None and (not isinstance(size, int | Unknown) or (isinstance(size, int) and size <= 0))
        ),
        0,
    )
    if not isinstance(value, tuple) or wrong != 0 or 0 in sizes:
        hint = "noise_shape is a tuple of sizes of at least 1, or None where the input's own size holds"
        raise reading.refusal(
            "CW204", f"noise_shape={shown(value)} is no shape", name="noise_shape", quote=quote, hint=hint
        )


def _check_seed(reading: Reading) -> None:
    seed = reading.arguments.get("seed")
    rate = reading.arguments.get("rate", reading.arguments.get("stddev"))
    # A rate of 0 makes no random numbers, so that Keras never looks at the seed.
    if seed is None or isinstance(seed, int | Unknown | Call) or not rate:
        return
    quote = f"Argument `seed` must be an integer. Received: seed={seed}"
    raise reading.refusal(
        "CW204", f"seed={shown(seed)} is no integer", name="seed", quote=quote, hint="write an integer"
    )


def rescaling_layer(reading: Reading) -> tuple[Op, ...]:
    scale, offset = reading["scale"], reading["offset"]
    for name, value in (("scale", scale), ("offset", offset)):
        numbers = value if isinstance(value, tuple) else (value,)
        if any(isinstance(number, tuple) for number in numbers):
            raise reading.opaque(
                f"{name}={shown(value)} is a table of numbers",
                name=name,
                hint="convwise reads one number, or one a channel",
            )
        if not numbers or not all(is_number(number) for number in numbers):
            raise reading.refusal(
                "CW204", f"{name}={shown(value)} is not a number", name=name, hint="write a number, such as 1 / 255"
            )
    return (Pointwise("rescaling", (("scale", scale), ("offset", offset))),)


def plain_layer(reading: Reading) -> tuple[Op, ...]:
    """Identity, Masking and ActivityRegularization: nothing that changes a value by itself when a model runs."""
    if reading.family == "masking":
        return (Pointwise("masking", (("mask_value", reading["mask_value"]),)),)
    if reading.family == "activity_regularization":
        return (Pointwise("linear", (("l1", reading["l1"]), ("l2", reading["l2"]))),)
    return (Pointwise("identity"),)


def axis_tuple(reading: Reading) -> tuple[int, ...]:
    """`axis` of a normalisation as a tuple.

    Raises:
        Refusal: CW204. ShapeError: CW210 for a bool. CodeError: CW314.
    """
    value = reading["axis"]
    axes = value if isinstance(value, tuple) else (value,)
    for one in axes:
        if isinstance(one, Unknown):
            raise reading.unknown("axis", one)
        if isinstance(one, bool):
            raise reading.ours(
                f"axis={shown(value)} is a bool, which Keras reads as {int(one)}", name="axis", hint=f"write {int(one)}"
            )
        if type(one) is not int:
            raise reading.refusal(
                "CW204",
                f"axis={shown(value)} is no integer",
                name="axis",
                quote=_axis_quote(reading, value),
                hint="write axis=-1",
            )
    return axes


def _axis_quote(reading: Reading, value: Value) -> str:
    if isinstance(value, tuple):
        return ""
    return {
        "layer_norm": f"Expected an int or a list/tuple of ints for the argument 'axis', but received: {value!r}",
        "unit_norm": f"Invalid value for `axis` argument: expected an int or a list/tuple of ints. Received: axis={value}",
    }.get(reading.family, "")


def batch_norm(reading: Reading) -> tuple[Op, ...]:
    axis, momentum, epsilon = reading["axis"], reading["momentum"], reading["epsilon"]
    if isinstance(axis, tuple | None):
        quote = f"int() argument must be a string, a bytes-like object or a real number, not '{type(axis).__name__}'"
        raise reading.refusal(
            "CW204", f"axis={shown(axis)} is no integer", name="axis", quote=quote, hint="write axis=-1"
        )
    if not isinstance(axis, bool) and type(axis) is not int:
        raise reading.ours(
            f"axis={shown(axis)} is no integer; Keras takes int(axis)", name="axis", hint="write axis=-1"
        )
    for name, value in (("momentum", momentum), ("epsilon", epsilon)):
        if not is_number(value):
            raise reading.refusal("CW204", f"{name}={shown(value)} is not a number", name=name, hint="write a number")
    if reading.arguments.get("renorm"):
        raise reading.opaque(
            "renorm=True keeps three more rows of numbers",
            name="renorm",
            hint="convwise models the plain batch normalisation",
        )
    axes = axis_tuple(reading)
    return (
        Norm(
            "batch",
            axes=axes,
            scale=bool(reading["scale"]),
            center=bool(reading["center"]),
            moments=True,
            epsilon=float(epsilon),
        ),
    )


def other_norm(reading: Reading) -> tuple[Op, ...]:
    """Layer, group, unit and RMS normalisation."""
    family = reading.family
    if family == "unit_norm":
        return (Norm("unit", axes=axis_tuple(reading), scale=False, center=False, epsilon=1e-12),)
    epsilon = reading["epsilon"]
    if family == "group_norm":
        groups = reading["groups"]
        if isinstance(groups, bool):
            raise reading.ours(
                f"groups={groups} is a bool, which Keras reads as {int(groups)}",
                name="groups",
                hint=f"write {int(groups)}",
            )
        if type(groups) is not int or (groups <= 0 and groups != -1):
            quote = "Received an invalid value for argument `groups`, expected a positive integer (or `-1` for instance normalization)."
            code = "CW201" if type(groups) is int else "CW204"
            fact, hint = (
                f"groups={shown(groups)}: at least 1 is needed, or -1",
                "-1 makes every channel a group of its own",
            )
            raise reading.refusal(code, fact, name="groups", quote=f"{quote} Received: groups={groups}", hint=hint)
    if epsilon is None:
        raise reading.ours("epsilon=None is not a number", name="epsilon", hint="leave it out, or write a small number")
    if not is_number(epsilon):
        raise reading.refusal(
            "CW204", f"epsilon={shown(epsilon)} is not a number", name="epsilon", hint="write a number"
        )
    axes = axis_tuple(reading)
    if family == "rms_norm":
        return (Norm("rms", axes=axes, center=False, epsilon=float(epsilon)),)
    scale, center = bool(reading["scale"]), bool(reading["center"])
    if family == "layer_norm":
        if reading.arguments["rms_scaling"]:
            raise reading.opaque(
                "rms_scaling=True is deprecated", name="rms_scaling", hint="RMSNormalization is the layer for it"
            )
        return (Norm("layer", axes=axes, scale=scale, center=center, epsilon=float(epsilon)),)
    if isinstance(reading["axis"], tuple):
        quote = "tuple indices must be integers or slices, not tuple"
        raise reading.refusal(
            "CW204", f"axis={shown(reading['axis'])} is no integer", name="axis", quote=quote, hint="write axis=-1"
        )
    if groups == -1:
        return (Norm("instance", axes=axes, scale=scale, center=center, epsilon=float(epsilon)),)
    return (Norm("group", axes=axes, scale=scale, center=center, groups=groups, epsilon=float(epsilon)),)
