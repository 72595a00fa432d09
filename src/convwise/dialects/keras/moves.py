"""Layers that move cells: padding, cropping, resizing, flattening, reshaping; and Dense."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from convwise.axis import Pads
from convwise.dialects.base import Call, Unknown, Value, nearest
from convwise.dialects.keras.activations import activation_ops
from convwise.dialects.keras.reading import Reading, is_int, lower_quote, near_integer, shown, type_name, whole
from convwise.dialects.keras.releases import AREA
from convwise.dialects.keras.words import channels_last, check_trimmings
from convwise.errors import ShapeError
from convwise.ops import Crop, Dense, Flatten, Op, Pad, Permute, Reshape, Resize
from convwise.ops.shape import LARGEST

Ops = tuple[Op, ...]

INTERPOLATIONS = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic", "area")
MODES = {"bilinear": "linear", "bicubic": "cubic"}
ORDINALS = ("1st", "2nd", "3rd")


def sides(reading: Reading, name: str) -> tuple[Pads, ...]:
    """`padding` and `cropping`: one number, one for each axis, or (before, after) for each axis.

    Raises:
        Refusal: CW201, CW204. ShapeError: CW210, CW107. CodeError: CW314.
    """
    rank, value = reading.axes, reading[name]
    if rank == 1:
        return (Pads(*whole(reading, name, 2, zero=True)),)
    if is_int(value) and 0 <= value <= LARGEST:
        return (Pads(value, value),) * rank
    if isinstance(value, int):
        raise _bad_side(reading, name, value)
    if not isinstance(value, tuple | str):
        quote = f"`{name}` should be either an int, a tuple of {rank} ints"
        fact = f"{name}={shown(value)} is neither an integer nor a tuple of {rank}"
        hint = f"write an integer, {rank} integers, or {rank} pairs (before, after)"
        raise reading.refusal("CW204", fact, name=name, quote=quote, hint=hint)
    if len(value) != rank:
        received = f"{name}={value}" if rank == 2 else value
        quote = f"`{name}` should have {'two' if rank == 2 else '3'} elements. Received: {received}."
        raise reading.refusal(
            "CW204",
            f"{name}={shown(value)} has {len(value)} entries where {rank} are needed",
            name=name,
            quote=quote,
            hint=_four(value, rank),
        )
    return tuple(
        Pads(*whole(reading, name, 2, zero=True, words=f"{ORDINALS[i]} entry of {name}", value=part))
        for i, part in enumerate(value)
    )


def _four(value: Value, rank: int) -> str:
    """What a PyTorch user means by four numbers."""
    if rank == 2 and isinstance(value, tuple) and len(value) == 4 and all(is_int(one) for one in value):
        left, right, top, bottom = value
        return f"PyTorch's (left, right, top, bottom) is (({top}, {bottom}), ({left}, {right})) here"
    return f"write an integer, {rank} integers, or {rank} pairs (before, after)"


def _bad_side(reading: Reading, name: str, value: int) -> ShapeError:
    if isinstance(value, bool):
        return reading.ours(
            f"{name}={value} is a bool, which Keras reads as {int(value)}", name=name, hint=f"write {int(value)}"
        )
    if value > LARGEST:
        return reading.ours(
            f"{name}={value} is more than 2**63 - 1", name=name, hint="no size comes near it", code="CW107"
        )
    quote = (
        f"`cropping` cannot be negative. Received: cropping={value}."
        if name == "cropping"
        else "Paddings must be non-negative"
    )
    other = f"Cropping{reading.rank}D({-value})" if name == "padding" else f"ZeroPadding{reading.rank}D({-value})"
    return reading.refusal("CW201", f"{name}={value} is negative", name=name, quote=quote, hint=f"{other} does that")


def zero_padding(reading: Reading) -> Ops:
    channels_last(reading)
    return (Pad(sides(reading, "padding")),)


def cropping(reading: Reading) -> Ops:
    channels_last(reading)
    return (Crop(sides(reading, "cropping")),)


def one_integer(reading: Reading, name: str) -> int:
    """`n` and `size` of the layers that look at the type first."""
    value = reading[name]
    if type(value) is not int:
        quote = f"Expected an integer value for `{name}`, got {type_name(value)}."
        hint = (
            f"write {int(value)}, not {value}"
            if isinstance(value, float) and value.is_integer()
            else "write an integer"
        )
        if isinstance(value, bool) and reading.older_than("3.15"):
            raise reading.ours(
                f"{name}={value} is a bool, which Keras reads as {int(value)}", name=name, hint=f"write {int(value)}"
            )
        raise reading.refusal("CW204", f"{name}={shown(value)} is no integer", name=name, quote=quote, hint=hint)
    if value <= 0:
        quote = f"Argument `{name}` should be a positive integer. Received: {name}={value}"
        raise reading.refusal(
            "CW201", f"{name}={value}: at least 1 is needed", name=name, quote=quote, hint=f"{name} is 1 or more"
        )
    if value > LARGEST:
        raise reading.ours(
            f"{name}={value} is more than 2**63 - 1", name=name, hint="no size comes near it", code="CW107"
        )
    return value


def up_sampling(reading: Reading) -> Ops:
    """UpSampling repeats cells, or interpolates between them in two dimensions."""
    if reading.rank == 1:
        return (Resize(scales=(Fraction(one_integer(reading, "size")),)),)
    channels_last(reading)
    scales = tuple(Fraction(factor) for factor in whole(reading, "size", reading.axes))
    mode = interpolation(reading, lower=True) if reading.rank == 2 else "nearest"
    return (Resize(scales=scales, mode=mode),)


def interpolation(reading: Reading, *, lower: bool = False) -> str:
    """The mode of a resize.

    Raises:
        Refusal: CW207, CW204.
    """
    value = reading["interpolation"]
    if not isinstance(value, str) and lower:
        raise reading.refusal(
            "CW204",
            f"interpolation={shown(value)} is no text",
            name="interpolation",
            quote=lower_quote(value),
            hint="write 'nearest'",
        )
    word = str(value).lower() if lower else value
    known = tuple(name for name in INTERPOLATIONS if name != "area" or not reading.older_than(AREA))
    if isinstance(word, str) and word in known:
        return MODES.get(word, word)
    near = nearest(word, known) if isinstance(word, str) else None
    raise reading.refusal(
        "CW207",
        f"no interpolation {shown(value)}",
        name="interpolation",
        quote=f"Invalid value for argument `interpolation`. Expected of one {known}. Received: interpolation={word}",
        hint=f"did you mean {near!r}?" if near else f"one of {', '.join(known)}",
    )


def resizing(reading: Reading) -> Ops:
    """Resizing to a fixed size. What keeps the aspect ratio or smooths is told apart in the mode: the values differ, the sizes do not."""
    channels_last(reading)
    height, width = reading["height"], reading["width"]
    mode = interpolation(reading)
    if reading.arguments.get("fill_mode", "constant") != "constant":
        quote = f"Invalid value for argument `fill_mode`. Only `'constant'` is supported. Received: fill_mode={reading['fill_mode']}"
        raise reading.refusal(
            "CW207",
            f"no fill_mode {shown(reading['fill_mode'])}",
            name="fill_mode",
            quote=quote,
            hint="only 'constant' is taken",
        )
    crop, pad = bool(reading["crop_to_aspect_ratio"]), bool(reading.arguments.get("pad_to_aspect_ratio"))
    if crop and pad:
        quote = "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`."
        raise reading.refusal(
            "CW201",
            "crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other",
            name="pad_to_aspect_ratio",
            quote=quote,
            hint="keep one of the two",
        )
    sizes = tuple(_target(reading, name, value) for name, value in (("height", height), ("width", width)))
    extra = "+crop" * crop + "+pad" * pad + "+antialias" * bool(reading.arguments.get("antialias"))
    return (Resize(sizes=sizes, mode=mode + extra),)


def _target(reading: Reading, name: str, value: Value) -> int:
    if isinstance(value, bool):
        raise reading.ours(
            f"{name}={value} is a bool, which Keras reads as {int(value)}", name=name, hint=f"write {int(value)}"
        )
    if not is_int(value):
        hint = (
            f"write {int(value)}, not {value}"
            if isinstance(value, float) and value.is_integer()
            else "write an integer"
        )
        plain = (
            reading.family == "resizing"
            and not reading.arguments.get("pad_to_aspect_ratio")
            and not reading.arguments["crop_to_aspect_ratio"]
        )
        quote = "'size' must be a 1-D int32 Tensor" if plain else ""
        raise reading.refusal("CW204", f"{name}={shown(value)} is no integer", name=name, quote=quote, hint=hint)
    if value < 1 and reading.family == "resizing":
        quote = "output dimensions must be positive" if value == 0 else ""
        raise reading.refusal(
            "CW201", f"{name}={value}: at least 1 is needed", name=name, quote=quote, hint="sizes are 1 or more"
        )
    if value < 1:
        raise reading.ours(f"{name}={value} leaves nothing of the image", name=name, hint="sizes are 1 or more")
    if value > LARGEST:
        raise reading.ours(
            f"{name}={value} is more than 2**63 - 1", name=name, hint="no size comes near it", code="CW107"
        )
    return value  # type: ignore[no-any-return]


def center_crop(reading: Reading) -> Ops:
    """CenterCrop cuts the middle out, and enlarges an image that is too small for that; the size is the same."""
    channels_last(reading)
    sizes = tuple(_target(reading, name, reading[name]) for name in ("height", "width"))
    return (Resize(sizes=sizes, mode="center_crop"),)


def flatten(reading: Reading) -> Ops:
    return (Flatten(channels_to_last=not channels_last(reading)),)


def reshape(reading: Reading) -> Ops:
    target = reading["target_shape"]
    if not isinstance(target, tuple):
        quote = "" if isinstance(target, str) else f"'{type(target).__name__}' object is not iterable"
        hint = f"write Reshape(({target},))" if is_int(target) else "write a tuple of sizes"
        raise reading.refusal(
            "CW204", f"target_shape={shown(target)} is no tuple", name="target_shape", quote=quote, hint=hint
        )
    for size in target:
        if isinstance(size, Unknown):
            raise reading.unknown("target_shape", size)
    if any(is_int(size) and size < -1 for size in target):
        quote = f"Each dimension in `target_shape` must be a non-negative integer, or `-1` for a single unknown dimension. Received: target_shape={target}."
        quote = quote if not reading.older_than("3.15") else "The total size of the tensor must be unchanged"
        raise reading.refusal(
            "CW201",
            f"target_shape={target}: a size is 0 or more, or -1",
            name="target_shape",
            quote=quote,
            hint="write one -1 for what is left",
        )
    if target.count(-1) > 1:
        quote = f"There must be at most one unknown dimension (-1) in `target_shape`. Received: target_shape={target}."
        quote = quote if not reading.older_than("3.15") else ""
        raise reading.refusal(
            "CW201",
            f"target_shape={target} has more than one -1",
            name="target_shape",
            quote=quote,
            hint="only one size can be left open",
        )
    odd = next((size for size in target if not is_int(size)), 0)
    if odd != 0 or any(not is_int(size) for size in target):
        hint = "write -1 for the size that is left" if odd is None else "write integers"
        raise reading.ours(f"target_shape={target}: {shown(odd)} is no integer", name="target_shape", hint=hint)
    if any(size > LARGEST for size in target):
        raise reading.ours(
            f"target_shape={target} is more than 2**63 - 1",
            name="target_shape",
            hint="no size comes near it",
            code="CW107",
        )
    return (Reshape(target),)


def permute(reading: Reading) -> Ops:
    dims = reading["dims"]
    if not isinstance(dims, tuple | str):
        quote = f"'{type(dims).__name__}' object is not iterable"
        raise reading.refusal(
            "CW204", f"dims={shown(dims)} is no tuple", name="dims", quote=quote, hint="write a tuple such as (2, 1)"
        )
    for one in dims:
        if isinstance(one, Unknown):
            raise reading.unknown("dims", one)
    numbers = [one for one in dims if isinstance(one, int | float)]
    if len(numbers) != len(dims) or sorted(numbers) != list(range(1, len(dims) + 1)):
        quote = f"The set of indices in `dims` must be consecutive and start from 1. Received dims={dims}"
        hint = "axes are numbered from 1, the batch apart"
        if len(numbers) == len(dims) and sorted(numbers) == list(range(len(dims))):
            shifted = tuple(one + 1 for one in numbers) if len(numbers) < 4 else tuple(numbers[1:])
            hint = f"the batch is not counted: did you mean Permute({shifted})?"
        raise reading.refusal(
            "CW201", f"dims={shown(dims)} is not an order of 1 to {len(dims)}", name="dims", quote=quote, hint=hint
        )
    if any(isinstance(one, bool) for one in numbers):
        raise reading.ours(f"dims={dims} holds a bool", name="dims", hint="write integers")
    if any(isinstance(one, float) for one in numbers):
        quote = "'float' object cannot be interpreted as an integer"
        raise reading.refusal(
            "CW204", f"dims={dims} holds a float", name="dims", quote=quote, hint=f"write {tuple(map(int, numbers))}"
        )
    return (Permute((0, *map(int, numbers))),)


def repeat_vector(reading: Reading) -> Ops:
    """(batch, features) -> (batch, n, features): a new axis, then every cell of it n times."""
    return (Reshape((1, -1)), Resize(scales=(Fraction(one_integer(reading, "n")),)))


def dense(reading: Reading, read: Callable[[Call], Ops]) -> Ops:
    units = reading["units"]
    if isinstance(units, bool) and units:
        raise reading.ours("units=True is a bool, which Keras reads as 1", name="units", hint="write 1")
    if not isinstance(units, int) or units <= 0:
        code = "CW201" if is_int(units) else "CW204"
        quote = f"Received an invalid value for `units`, expected a positive integer. Received: units={units}"
        hint = (
            f"write {near_integer(units)}, not {units}"
            if isinstance(units, float) and units > 0.5
            else "units is a positive integer"
        )
        raise reading.refusal(
            code, f"units={shown(units)} is not a positive integer", name="units", quote=quote, hint=hint
        )
    if units > LARGEST:
        raise reading.ours(
            f"units={units} is more than 2**63 - 1", name="units", hint="no layer comes near it", code="CW107"
        )
    after = activation_ops(reading, read)
    bias = bool(reading["use_bias"])
    check_trimmings(reading)
    for name in ("lora_rank", "quantization_config"):
        if reading.arguments.get(name):
            raise reading.opaque(f"{name} changes the weights", name=name, hint="convwise models the plain Dense layer")
    return (Dense(None, units, bias), *after)
