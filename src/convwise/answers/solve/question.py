"""What is asked of the solver: sizes in pairs, the words that are fixed, and where they come from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from convwise import dialects
from convwise.answers.inputs import as_shape, as_want
from convwise.dialects.base import nearest
from convwise.errors import ArgumentError
from convwise.ops import spatial_names
from convwise.ops.shape import whole

OPS = ("conv", "transpose", "max_pool", "avg_pool", "adaptive_max_pool", "adaptive_avg_pool")
WORDS = ("valid", "same", "causal")
CAUSAL = ("keras", "jax")
"""Dialects whose convolutions over one axis may pad before the data alone."""
LARGEST = 1024
"""Fixed words above this are a mistake: no layer comes near it."""

MOST_CHANNELS = 2**31 - 1

MOST_PAIRS = 64
HIGHEST_RANK = 3

Pair = tuple[int, int]
"""The size of one axis and the output wanted of it."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The words that must be as given: one number an axis, `padding` a word or numbers; None is free."""

    kernel: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    padding: str | tuple[int, ...] | None = None
    dilation: tuple[int, ...] | None = None
    output_padding: tuple[int, ...] | None = None

    @property
    def given(self) -> dict[str, str | tuple[int, ...]]:
        """The words that are fixed, in the order of the arguments."""
        values = {
            "kernel": self.kernel,
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "output_padding": self.output_padding,
        }
        return {name: value for name, value in values.items() if value is not None}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.given)

    def without(self, name: str) -> Fixed:
        match name:
            case "kernel":
                return replace(self, kernel=None)
            case "stride":
                return replace(self, stride=None)
            case "padding":
                return replace(self, padding=None)
            case "dilation":
                return replace(self, dilation=None)
        return replace(self, output_padding=None)

    def over(self, axes: Sequence[int]) -> Fixed:
        """The words for some of the axes."""

        def some(value: tuple[int, ...] | None) -> tuple[int, ...] | None:
            return None if value is None else tuple(value[axis] for axis in axes)

        padding = self.padding if isinstance(self.padding, str) else some(self.padding)
        return Fixed(some(self.kernel), some(self.stride), padding, some(self.dilation), some(self.output_padding))

    def told(self, name: str) -> str:
        """`kernel=3`: a fixed word as the caller wrote it."""
        value = self.given[name]
        if isinstance(value, tuple) and len(set(value)) == 1:
            return f"{name}={value[0]}"
        return f"{name}={value!r}"


@lru_cache(maxsize=256)
def _pairs(inputs: tuple[tuple[int, ...], ...], outputs: tuple[tuple[int, ...], ...]) -> tuple[tuple[Pair, ...], ...]:
    both = list(zip(inputs, outputs, strict=True))
    return tuple(
        tuple(sorted({(given[axis], wanted[axis]) for given, wanted in both})) for axis in range(len(inputs[0]))
    )


@dataclass(frozen=True, slots=True)
class Question:
    """Which layers of one op map every one of `inputs` to the output of the same number; sizes are spatial."""

    dialect: str
    op: str
    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[int, ...], ...]
    fixed: Fixed = Fixed()
    in_channels: int = 3
    filters: int = 32

    @property
    def rank(self) -> int:
        return len(self.inputs[0])

    @property
    def axes(self) -> tuple[tuple[Pair, ...], ...]:
        """The pairs that each axis must serve, each pair once, in the order of their sizes."""
        return _pairs(self.inputs, self.outputs)

    @property
    def pooling(self) -> bool:
        return self.op in ("max_pool", "avg_pool")

    @property
    def grows(self) -> bool:
        """Whether some wanted size is larger than what it comes from."""
        return any(wanted > given for pairs in self.axes for given, wanted in pairs)

    def over(self, axes: Sequence[int]) -> Question:
        """The same question about some of the axes."""
        inputs, outputs = (
            tuple(tuple(one[axis] for axis in axes) for one in sizes) for sizes in (self.inputs, self.outputs)
        )
        return replace(self, inputs=inputs, outputs=outputs, fixed=self.fixed.over(axes))


def asked(
    given: Any,
    wanted: Any,
    *,
    dialect: str,
    op: str | None = None,
    in_channels: Any = 3,
    filters: Any = 32,
    **words: Any,
) -> tuple[Question, ...]:
    """The question of every op that may answer: the one named, else convolutions, with transposed ones first for larger outputs.

    Raises:
        ArgumentError: CW601 an input, CW604 an output, CW602 a dialect, CW606 another argument.
    """
    spoken = dialects.get(dialect).name
    inputs, outputs = _sizes(given, wanted)
    fixed = _fixed(words, len(inputs[0]))
    counts = _count("in_channels", in_channels), _count("filters", filters)
    if op is not None and op not in OPS:
        near = nearest(op, OPS) if isinstance(op, str) else None
        hint = f"did you mean {near!r}?" if near else f"the ops are {', '.join(OPS)}"
        raise _wrong("op", op, "no such op", hint)
    if fixed.output_padding is not None and op not in (None, "transpose"):
        raise _wrong("output_padding", words["output_padding"], f"{op} has none", "op='transpose' has it")
    if fixed.padding == "causal" and (spoken not in CAUSAL or op not in (None, "conv") or len(inputs[0]) != 1):
        fact = "causal padding is for convolutions over one axis, in Keras and flax"
        hint = "give sizes of one axis, such as (28,), and dialect='keras'"
        raise _wrong("padding", words["padding"], fact, hint)
    first = Question(spoken, op or "conv", inputs, outputs, fixed, *counts)
    if op is not None:
        return (first,)
    if fixed.output_padding is not None:
        return (replace(first, op="transpose"),)
    return (replace(first, op="transpose"), first) if first.grows and fixed.padding != "causal" else (first,)


def input_sizes(given: Any) -> tuple[tuple[int, ...], ...]:
    """Several inputs as sizes of one rank: a list is several, a number stands for every axis (two, where nothing says more).

    Raises:
        ArgumentError: CW601.
    """
    return _spread([_read(one, wanted=False) for one in _several(given, "input")], "CW601", "input")


def _sizes(given: Any, wanted: Any) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    first, second = _several(given, "input"), _several(wanted, "output")
    if len(first) != len(second):
        raise _wrong(
            "output",
            wanted,
            f"{len(second)} output{'s' * (len(second) != 1)} for {len(first)} input{'s' * (len(first) != 1)}",
            "give one output an input, in the same order",
        )
    inputs, outputs = [_read(one, wanted=False) for one in first], [_read(one, wanted=True) for one in second]
    spread = _spread([*inputs, *outputs], "CW601", "input or output")
    return spread[: len(inputs)], spread[len(inputs) :]


def _several(given: Any, name: str) -> list[Any]:
    """A list is several sizes; anything else is one."""
    items = list(given) if isinstance(given, list) else [given]
    if not items:
        raise _wrong(name, given, "an empty list", "such as 28, or [28, 56]")
    if len(items) > MOST_PAIRS:
        raise _wrong(name, len(items), f"more than {MOST_PAIRS} sizes", "ask about fewer at once")
    return [tuple(item) if isinstance(item, list) else item for item in items]


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Sizes as given; `bare` is a single number, which stands for every axis."""

    sizes: tuple[int, ...]
    bare: bool


def _read(given: Any, *, wanted: bool) -> _Sizes:
    bare = whole(given) is not None or (isinstance(given, str) and not given.strip().startswith(("(", "[")))
    if wanted:
        found: Sequence[int | None] = as_want(given)
    else:
        found = as_shape((given,) if whole(given) is not None else given)
    sizes = tuple(size for size in found if size is not None)
    if len(sizes) != len(found) or min(sizes) < 1:
        fact = f"{given!r}: every size must be a number of at least 1"
        received = given if isinstance(given, str) or type(given) is int else repr(given)
        raise ArgumentError("CW601", fact, received=received, hint="height x width without channels: 28, or 28x30")
    return _Sizes(sizes, bare and len(sizes) == 1)


def _spread(read: Sequence[_Sizes], code: str, what: str) -> tuple[tuple[int, ...], ...]:
    """Sizes of one rank; bare numbers stand for every axis."""
    ranks = {len(one.sizes) for one in read if not one.bare}
    if len(ranks) > 1 or max(ranks, default=2) > HIGHEST_RANK:
        shown = ", ".join("x".join(map(str, one.sizes)) for one in read)
        fact = f"{what} sizes of {' and '.join(map(str, sorted(ranks)))} axes: {shown}"
        raise ArgumentError(
            code, fact, hint="spatial sizes alone, without batch and channels, one to three, as many everywhere: 28x30"
        )
    rank = ranks.pop() if ranks else 2
    return tuple(one.sizes * rank if one.bare else one.sizes for one in read)


def _fixed(words: dict[str, Any], rank: int) -> Fixed:
    """The fixed words, one value an axis."""
    numbers = {name: _numbers(name, words.get(name), rank) for name in ("kernel", "stride", "dilation")}
    extra = _numbers("output_padding", words.get("output_padding"), rank, least=0)
    padding = words.get("padding")
    if isinstance(padding, str) and padding.strip().lower() in WORDS:
        pads: str | tuple[int, ...] | None = padding.strip().lower()
    elif isinstance(padding, str) and not re.match(r"\s*[(\[]?\d", padding):
        near = nearest(padding, WORDS)
        hint = f"did you mean {near!r}?" if near else "'valid', 'same', 'causal', or a number of cells"
        raise _wrong("padding", padding, "no such padding", hint)
    else:
        pads = _numbers("padding", padding, rank, least=0)
    return Fixed(numbers["kernel"], numbers["stride"], pads, numbers["dilation"], extra)


def _numbers(name: str, value: Any, rank: int, least: int = 1) -> tuple[int, ...] | None:
    """A number for every axis, or one an axis: 3, (3, 5), [3, 5], "3x5"."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip().strip("()[]")
        items: tuple[Any, ...] = tuple(
            int(word) if word.strip().isascii() and word.strip().isdigit() and len(word) < 20 else word
            for word in re.split(r"[x,]", text)
        )
    else:
        items = tuple(map(_whole, value)) if isinstance(value, list | tuple) else (_whole(value),)
    if not items or any(type(item) is not int or not least <= item <= LARGEST for item in items):
        raise _wrong(name, value, f"no integer from {least} to {LARGEST}", f"such as {name}={least + 1}")
    if len(items) not in (1, rank):
        axes = ", ".join(spatial_names(rank))
        raise _wrong(name, value, f"{len(items)} values for {rank} axes ({axes})", "give one for all, or one an axis")
    return items * rank if len(items) == 1 else items


def _whole(value: Any) -> Any:
    """NumPy's integers and the like as Python's; anything else as it is."""
    index = getattr(type(value), "__index__", None)
    return int(index(value)) if index is not None and not isinstance(value, bool) else value


def _count(name: str, value: Any) -> int:
    count = _whole(value)
    if type(count) is not int or not 1 <= count <= MOST_CHANNELS:
        raise _wrong(name, value, f"no integer from 1 to {MOST_CHANNELS}", f"such as {name}=3")
    return count


def _wrong(name: str, value: Any, fact: str, hint: str) -> ArgumentError:
    shown = repr(value)[:60]
    received = value if type(value) is int else value[:60] if isinstance(value, str) else shown
    return ArgumentError("CW606", f"{name}={shown}: {fact}", received=received, hint=hint)
