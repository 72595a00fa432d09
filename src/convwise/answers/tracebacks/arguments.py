"""What is said of a layer's own arguments, and of modes that want another number of axes."""

from __future__ import annotations

import re

from convwise.answers.explanation import Fact, Fix
from convwise.answers.tracebacks.clue import numbers, shape, signed
from convwise.answers.tracebacks.telling import Match, Told, by
from convwise.answers.wording import plural

MODES = {3: "linear", 4: "bilinear", 5: "trilinear"}
"""What upsampling between cells is called, by the axes of its input, batch and channels among them."""


def stride_and_dilation(match: Match) -> Told:
    strides, rates = numbers(match.group("strides")), numbers(match.group("rates"))
    headline = f"Keras takes a stride over 1 or a dilation over 1, not both: strides={_one(strides)} and dilation_rate={_one(rates)}."
    lines = (
        f"the dilation alone, and behind it a pool of stride {_one(strides)} or x[:, ::{strides[0]}, ::{strides[-1]}]",
        "or the stride alone, with a larger kernel",
    )
    return headline, (Fact("then", lines),), ()


def _one(sizes: tuple[int, ...]) -> str:
    return str(sizes[0]) if len(set(sizes)) == 1 else str(sizes)


def output_padding(match: Match) -> Told:
    """Keras: `output_padding` must be less than `strides`."""
    have, stride, at = (int(match.group(name)) for name in ("have", "stride", "at"))
    headline = f"output_padding chooses among the sizes that a stride of {stride} can give, and is less than it: {have} is not."
    then = f"{'0 to ' if stride > 1 else ''}{stride - 1} on axis {at}; each adds one cell at the end"
    return headline, (Fact("then", (then,)),), ()


def output_padding_torch(match: Match) -> Told:
    """PyTorch tells height and width, depth too; of one axis it tells a height of 1 before it."""
    told = {name: int(number) for name, number in re.findall(r"(\w+): (\d{1,9})", match.group("all"))}
    axes = [name.removeprefix("output_padding_") for name in told if name.startswith("output_padding_")]
    for axis in axes:
        have, stride, dilation = (told.get(f"{name}_{axis}", 0) for name in ("output_padding", "stride", "dilation"))
        if have >= max(stride, dilation):
            headline = f"output_padding must be less than the stride or the dilation: {have} is not, with stride {stride} and dilation {dilation} ({axis})."
            most = max(stride, dilation) - 1
            then = f"{'0 to ' if most else ''}{most}: it chooses among the sizes that the stride can give; larger maps need a larger stride or kernel"
            return headline, (Fact("then", (then,)),), ()
    return "output_padding must be less than the stride or the dilation.", (), ()


def output_size(match: Match) -> Told:
    """PyTorch's transposed convolution with an output_size that its stride cannot give."""
    wanted, least, most, given = (numbers(match.group(name)) for name in ("wanted", "least", "most", "given"))
    headline = f"output_size asks for {by(wanted)}, and of {by(given)} this layer makes {by(least)} to {by(most)}."
    lines = ("output_size chooses among the sizes that the stride can give",)
    fixes = (Fix(f"output_size={most}", (), "", "the largest"),)
    return headline, (Fact("then", lines),), fixes


def nothing_made(match: Match) -> Told:
    """PyTorch's transposed convolutions: `Given input size per channel: (1 x 1). Calculated output size per channel: (-2 x -2)`."""
    had, gives = signed(match.group("input")), signed(match.group("output"))
    headline = (
        f"Of {by(had)} cells the transposed convolution makes {by(gives)}: its padding cuts off more than there is."
    )
    lines = ("padding cuts so many cells off each side of the output: less of it, or a larger kernel or stride",)
    return headline, (Fact("then", lines),), ()


def mode_rank(match: Match) -> Told:
    """PyTorch's interpolate: `Got 3D input, but bilinear mode needs 4D input`."""
    have, need, mode = int(match.group("have")), int(match.group("need")), match.group("mode")
    headline = f"mode='{mode}' takes {need} axes, batch and channels among them, and got {have}."
    lines, fixes = [], []
    if have in MODES:
        lines.append(f"mode='{MODES[have]}' is the one for {have} axes")
    if have == need - 1:
        fixes.append(Fix("x[None]", (), "", "a batch of 1, if this is one sample; [0] takes it off again"))
    return headline, (Fact("then", tuple(lines)),) if lines else (), tuple(fixes)


def grouped_filter(match: Match) -> Told:
    """TensorFlow reads an input that is a multiple of the filter's depth in groups, which must divide what the filter makes."""
    count, parts = int(match.group("count")), int(match.group("groups"))
    headline = f"The filter is read in {plural(parts, 'group')}, which do not divide the {count} channels it makes."
    lines = (
        f"the input has {parts} times as many channels as axis 2 of the filter: TensorFlow then takes groups",
        "a filter of height x width x channels of the input x out, if no groups were meant",
    )
    return (
        headline,
        (Fact("sizes", (f"{count} = {count // parts} x {parts} + {count % parts}",)), Fact("then", lines))
        if parts
        else (),
        (),
    )


def cropped(match: Match) -> Told:
    given, crops = shape(match.group("input")), numbers(match.group("crops"))
    pairs = ["{} + {}".format(*pair) for pair in zip(crops[::2], crops[1::2], strict=False)]
    headline = f"{' and '.join(dict.fromkeys(pairs))} cells are cut off an axis of {by(given)}, and none is left."
    return headline, (Fact("then", ("cut off less than the size, so that a cell is left",)),), ()


def dotted(match: Match) -> Told:
    headline = f"Dot sums over axes that differ: {match.group('one')} (axis {match.group('at')}) and {match.group('other')} (axis {match.group('to')})."
    lines = ("axes=(i, j) chooses an axis of each; both must have the same size",)
    return (
        headline,
        (Fact("shapes", (f"{by(shape(match.group('a')))} and {by(shape(match.group('b')))}",)), Fact("then", lines)),
        (),
    )
