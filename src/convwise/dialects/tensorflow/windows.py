"""Strides, dilations, paddings and data formats as `tf.nn` takes them, and what it says where it does not.

Source: running TensorFlow 2.21 on a CPU, and `tensorflow/python/ops/nn_ops.py`, which sorts the arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convwise.axis import NO_PADS, SAME_UPPER, Padding, Pads, Window
from convwise.dialects.base import Unknown, Value, known
from convwise.dialects.kinds import Arguments, Kind, integers, show, wrong_type
from convwise.errors import Refusal, ShapeError
from convwise.ops import Shape
from convwise.ops.shape import LARGEST

FORMATS = {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}
"""Spatial axes -> (channels last, channels first)."""

LARGEST_INT = 2**31 - 1
"""The largest stride or dilation of the kernels, which keep them in 32 bits."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What the arguments say of every spatial axis."""

    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: tuple[Padding, ...]
    channels_last: bool

    def windows(self, kernel: tuple[int, ...]) -> tuple[Window, ...]:
        found = tuple(
            Window(size, stride, dilation, padding)
            for size, stride, dilation, padding in zip(kernel, self.strides, self.dilations, self.padding, strict=True)
        )
        for window in found:
            if window.span > LARGEST_INT:
                raise Refusal("CW107", f"a window spans {window.span} cells, more than 2**31 - 1", received=window.span)
        return found


def channels_last(kind: Kind, arguments: Arguments, rank: int) -> bool:
    """Where the channels stand.

    Raises:
        Refusal: CW207.
    """
    value = known(arguments.get("data_format"), "data_format")
    last, first = FORMATS[rank]
    if value is None or value == last or (rank == 1 and value == "NHWC" and kind.family == "conv"):
        return True
    if value == first or (rank == 1 and value == "NCHW" and kind.family == "conv"):
        return False
    quote = f'Value for attr \'data_format\' of "{value}" is not in the list of allowed values: "{last}", "{first}"'
    if rank == 1 and kind.family in ("max", "average"):
        fact = f"there is no data_format {show(value)}; TensorFlow takes it for {last!r} here"
        raise ShapeError("CW210", fact, received=show(value), axis="data_format", hint=f"use {last!r} or {first!r}")
    if rank == 1:
        quote = f"`data_format` must be 'NWC' or 'NCW'. Received: data_format={value}" if kind.family == "conv" else ""
    if not isinstance(value, str):
        quote = ""
    hint = f"use {last!r} (channels last) or {first!r}"
    fact = f"there is no data_format {show(value)}"
    raise Refusal("CW207", fact, received=show(value), axis="data_format", hint=hint, quote=quote)


def spread(value: Value, name: str, rank: int, last: bool, *, quote: str = "", plain: bool = True) -> tuple[int, ...]:
    """One number, one for each spatial axis, or one for each axis of the data; at least 1 and at most 2**31 - 1.

    `plain` is False where TensorFlow takes nothing but the full list.

    Raises:
        Refusal: CW204, CW201.  ShapeError: CW210 for True and 1.5, which TensorFlow takes for 1.
    """
    known(value, name)
    items = value if isinstance(value, tuple) else (1,) if value is None else (value,)
    for item in items:
        if isinstance(item, bool) or (isinstance(item, float) and item == item and abs(item) < LARGEST_INT):
            fact = f"{name} is {show(value)}; TensorFlow takes {item} for {int(item)}"
            raise ShapeError(
                "CW210", fact, received=value, axis=name, hint=f"write {name}={int(item)} if that is meant"
            )
        if type(item) is not int:
            raise wrong_type(name, value, "an integer or a list of integers", quote)
    outside = outer(items, rank, last)
    if outside:
        items = items[1:-1] if last else items[2:]
        if any(item != 1 for item in outside):
            plural = name if name.endswith("s") else f"{name}s"
            said = f"Current implementation does not yet support {plural} in the batch and depth dimensions."
            hint = f"write 1 for the batch and the channels: {name}={items}"
            fact = f"{name} of {outside[0]} and {outside[1]} for the batch and the channels"
            raise Refusal("CW201", fact, received=value, axis=name, hint=hint, quote=said)
    elif not plain or len(items) not in (1, rank):
        raise _wrong_length(value, items, name, rank, last, plain)
    items = items * rank if len(items) == 1 else items
    for item in items:
        if not 1 <= item <= LARGEST_INT:
            raise _out_of_range(name, value, item)
    return items


def outer(items: tuple[Value, ...], rank: int, last: bool) -> tuple[Value, ...]:
    """What a full list says of the batch and the channels; nothing where the list has the spatial axes alone."""
    if len(items) != rank + 2:
        return ()
    return items[:1] + items[-1:] if last else items[:2]


def _wrong_length(value: Value, items: tuple[int, ...], name: str, rank: int, last: bool, plain: bool) -> Refusal:
    lengths = f"1, {rank} or {rank + 2}" if plain else f"{rank + 2}"
    quote = f"{name} should be of length {lengths}. Received: {name}={list(items)} of length {len(items)}"
    inner = (items * rank)[:rank] if len(items) in (1, rank) else (items[-1:] or (1,)) * rank
    full = [1, *inner, 1] if last else [1, 1, *inner]
    fact = f"{name} is {show(value)}: {len(items)} values where {lengths} are needed"
    return Refusal("CW204", fact, received=value, axis=name, hint=f"write {name}={full}", quote=quote if plain else "")


def _out_of_range(name: str, value: Value, item: int) -> Refusal:
    if item > LARGEST_INT:
        return Refusal("CW107", f"{name} is {item}, more than 2**31 - 1", received=value, axis=name)
    quote = f"Stride must be > 0, but got {item}" if "stride" in name else "Dilated rates should be larger than 0."
    fact = f"{name} is {show(value)}; it must be at least 1"
    return Refusal("CW201", fact, received=value, axis=name, hint=f"try {name}=1", quote=quote)


def padding(value: Value, rank: int, last: bool, *, explicit: bool = True) -> tuple[Padding, ...]:
    """'SAME', 'VALID', or with `explicit` a pair for each axis of the data.

    Raises:
        Refusal: CW207 another word, CW209 another framework's way, CW204 a wrong form, CW201 negative pads.
    """
    known(value, "padding")
    if value == "SAME":
        return (SAME_UPPER,) * rank
    if value == "VALID":
        return (NO_PADS,) * rank
    if isinstance(value, str):
        raise _unknown_word(value)
    if not isinstance(value, tuple) or not explicit:
        raise _no_word(value, rank, last, explicit)
    for place, pair in enumerate(value):
        if isinstance(pair, tuple) and len(pair) == 2:
            continue
        quote = "When `padding` is a list, each element of `padding` must be a list/tuple of size 2."
        fact = f"padding[{place}] is {show(pair)}, not a pair"
        hint = f"write a pair for each axis: padding={_full((1,) * rank, last)}"
        raise Refusal("CW204", fact, received=value, axis="padding", hint=hint, quote=quote)
    if len(value) != rank + 2:
        quote = f"When padding is a list, it must be of size {rank + 2}."
        fact = f"padding has {len(value)} pairs where {rank + 2} are needed"
        hint = "a pair for each axis, batch and channels included"
        raise Refusal("CW204", fact, received=value, axis="padding", hint=hint, quote=quote)
    for pair in value:
        integers(pair, "padding", least=0)
    outside = (value[0], value[-1]) if last else value[:2]
    if any(pair != (0, 0) for pair in outside):
        order = "NHWC" if last else "NCHW"
        fact = f"padding of {outside[0]} for the batch and {outside[1]} for the channels"
        hint = f"the pairs stand in the order of {order if rank == 2 else FORMATS[rank][not last]}"
        raise Refusal("CW201", fact, received=value, axis="padding", hint=hint)
    return tuple(Pads(*pair) for pair in (value[1:-1] if last else value[2:]))


def _full(amounts: tuple[int, ...], last: bool) -> list[list[int]]:
    pairs = [[amount, amount] for amount in amounts]
    return [[0, 0], *pairs, [0, 0]] if last else [[0, 0], [0, 0], *pairs]


def _unknown_word(value: str) -> Refusal:
    quote = f'Value for attr \'padding\' of "{value}" is not in the list of allowed values: "SAME", "VALID"'
    if value == "EXPLICIT":
        quote = "'EXPLICIT' is not a valid value for `padding`. To use explicit padding, `padding` must be a list."
    upper = value.upper()
    if upper in ("SAME", "VALID"):
        fact = f"padding={value!r} is Keras's way; tf.nn writes it in capitals"
        return Refusal("CW209", fact, received=value, axis="padding", hint=f"write padding={upper!r}", quote=quote)
    hint = "use 'SAME', 'VALID', or a pair for each axis"
    if upper == "CAUSAL":
        hint = "tf.pad(x, ...) the past alone, and padding='VALID'"
    return Refusal("CW207", f"there is no padding {value!r}", received=value, axis="padding", hint=hint, quote=quote)


def _no_word(value: Value, rank: int, last: bool, explicit: bool) -> Refusal:
    quote = f"Expected string for argument 'padding' not {list(value) if isinstance(value, tuple) else value}."
    if isinstance(value, int) and not isinstance(value, bool) and explicit and value >= 0:
        fact = f"padding={value} is PyTorch's way"
        hint = f"tf.nn writes a pair for each axis: padding={_full((value,) * rank, last)}"
        return Refusal("CW209", fact, received=value, axis="padding", hint=hint, quote=quote)
    if isinstance(value, tuple):
        hint = "use 'SAME' or 'VALID', or tf.pad(x, ...) before it"
        fact = "this function takes no explicit padding"
        return Refusal("CW204", fact, received=value, axis="padding", hint=hint)
    received = value.text if isinstance(value, Unknown) else value
    hint = "use 'SAME' or 'VALID'"
    return Refusal(
        "CW204", f"padding is {show(value)}, not a word", received=received, axis="padding", hint=hint, quote=quote
    )


def tell_negative(error: ShapeError, windows: Sequence[Window], spatial: Shape) -> None:
    """Put into an error of ours what shape inference says where nothing is left, and that a run may say nothing."""
    pairs = zip(windows, spatial, strict=True)
    window, size = next(((one, size) for one, size in pairs if size is not None and not one.over(size).fits), (None, 0))
    if window is None or not size:
        return
    padded = size + window.pads(size).total
    error.quote = f"Negative dimension size caused by subtracting {window.span} from {padded}"
    # A run divides by the stride towards zero, and finds no size below 0.
    if window.span < padded + 2 * window.stride:
        error.detail += (
            "\nTensorFlow says so in a tf.function; run on an array it may say nothing, and gives one without meaning"
        )


def too_large(values: tuple[int, ...]) -> bool:
    return any(value > LARGEST for value in values)
