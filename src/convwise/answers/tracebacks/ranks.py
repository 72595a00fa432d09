"""What a message says of a tensor with too few axes or too many: which is missing, as far as its numbers can tell."""

from __future__ import annotations

import re
from math import isqrt

from convwise.answers.explanation import Fact, Fix
from convwise.answers.tracebacks.clue import numbers, shape
from convwise.answers.tracebacks.telling import Match, Told, by
from convwise.answers.wording import plural
from convwise.ops import Shape

USUAL = (1, 3, 4)
"""Channels that pictures have: grey, red-green-blue, and with an alpha channel."""
SMALLEST_SIDE = 8
"""Features are thought of as a flattened picture of at least so many cells a side."""
SAMPLE = {1: "line", 2: "picture", 3: "volume"}
SIDES = {1: "length", 2: "height x width", 3: "depth x height x width"}
BATCH_OF_FIT = 32
RECURRENT = re.compile(r"lstm|gru|simple_rnn|rnn|bidirectional")
"""How Keras names recurrent layers by itself."""


def flattened(features: int | None) -> tuple[int, int] | None:
    """(side, channels) of the square picture that has so many numbers.

    >>> flattened(784), flattened(3072), flattened(1000)
    ((28, 1), (32, 3), None)
    """
    for channels in (1, 3):
        if features and features % channels == 0:
            side = isqrt(features // channels)
            if side * side * channels == features and side >= SMALLEST_SIDE:
                return side, channels
    return None


def min_ndim(match: Match) -> Told:
    """Keras: `expected min_ndim=4, found ndim=3. Full shape received: (None, 28, 28)`."""
    need, have = int(match.group("need")), int(match.group("have"))
    wants = f"The layer wants {need} axes and got {have}"
    given = shape(match.group("shape")) if match.group("shape") else ()
    if need == 3 and have == 2 and RECURRENT.match(match.group("name") or ""):
        return _steps_missing(wants, given)
    if have > need:
        return _too_many(f"{wants}: {have - need} too many.", given)
    if not given or len(given) != have or need not in (2, 3, 4, 5):
        headline = f"{wants}: {plural(need - have, 'axis is', 'axes are')} missing."
        line = "which one the message does not say: x[None] adds a batch of 1 in front, x[..., None] one channel at the end"
        return headline, (Fact("then", (line,)),), ()
    return too_few(wants, need, given)


def too_few(wants: str, need: int, given: Shape) -> Told:
    """A tensor of fewer axes than 2 to 5 that are wanted, its channels last."""
    if given[:1] in ((), (None,)):
        return _batch_there(wants, need, given) if given else (f"{wants}.", (), ())
    if need - len(given) == 1:
        return _one_missing(wants, need, given)
    return _several_missing(wants, need, given)


def _steps_missing(wants: str, given: Shape) -> Told:
    """A recurrent layer that is reached by one row a sample, as the last step of another one is."""
    units = given[-1] if given else None
    headline = f"{wants}: a recurrent layer reads batch x steps x features, and the steps are missing."
    fact = Fact("sizes", (f"{by(given)} reach it: one row of {units} a sample",)) if given else None
    fixes = [Fix("return_sequences=True", (), "", "in the recurrent layer before it, which then gives every step")]
    if units is not None:
        add = f"if these are {units} steps of one feature; the model then begins with Input(({units}, 1))"
        fixes.append(Fix("x[..., None]", (*given, 1), "", add))
    return headline, (fact,) if fact else (), tuple(fixes)


def _batch_there(wants: str, need: int, given: Shape) -> Told:
    """The first size is None: the batch of a model."""
    whole = f"batch x {SIDES.get(need - 2, 'features')}"
    if need - len(given) > 1 or need == 2:
        packed = flattened(given[-1]) if need == 4 and len(given) == 2 else None
        headline = f"{wants}: the batch is there (None), {plural(need - len(given), 'axis is', 'axes are')} missing."
        fact = Fact("sizes", (f"{by(given)} reach it, where {whole} x channels are wanted",))
        if packed is None:
            return headline, (fact,), ()
        side, channels = packed
        fix = Fix(
            f"layers.Reshape(({side}, {side}, {channels}))",
            (None, side, side, channels),
            "",
            f"if the {given[-1]} features are flattened pictures",
        )
        return headline, (fact,), (fix,)
    one = (*given, 1)
    model = ", ".join("None" if size is None else str(size) for size in one[1:])
    add = Fix("x[..., None]", one, "", f"adds the channels axis; the model then begins with Input(({model}))")
    if need > 3 and given[-1] in USUAL:
        headline = f"{wants}: the batch is there (None), another axis is missing."
        lines = (
            f"{by(given)}: if the last axis is {plural(given[-1] or 0, 'channel')}, a side of the {SAMPLE[need - 2]} is missing, "
            f"and Conv{need - 3}D is the layer for it",
            "if it is a side, the channels are missing",
        )
        return headline, (Fact("sizes", lines),), (add,)
    headline = f"{wants}: the batch is there (None), the channels axis is missing."
    line = f"{by(given)} is {whole}; the channels are an axis of their own, also where there is one"
    return headline, (Fact("sizes", (line,)),), (add,)


def _one_missing(wants: str, need: int, given: Shape) -> Told:
    """An array of one axis too few: a sample without a batch, or samples without channels."""
    batched: Shape = (1, *given)
    single: Shape = (*given, 1)
    if need == 2:
        either = (
            Fix("x[None]", batched, "", f"one sample of {given[0]} features"),
            Fix("x[:, None]", single, "", f"{given[0]} samples of one feature"),
        )
        line = f"the {given[0]} numbers can be the features of one sample, or one feature of {given[0]} samples"
        return f"{wants}: the batch or the features are missing.", (Fact("sizes", (line,)),), either
    sample, sides = SAMPLE[need - 2], SIDES[need - 2]
    first, last = given[0], given[-1]
    one_sample = Fix("x[None]", batched, "", f"adds the batch, if this is one {sample}")
    no_channels = Fix("x[..., None]", single, "", f"adds the channels axis, if these are {plural(first or 0, sample)}")
    if last in USUAL and first not in USUAL:
        lines = [f"{by(given)} looks like one {sample}: {sides} x channels; x[None] adds the batch"]
        if first == BATCH_OF_FIT:
            lines.append(f"fit and predict cut the first axis into pieces of {first}: it may be longer before")
        return f"{wants}: the batch axis is missing.", (Fact("sizes", tuple(lines)),), (one_sample,)
    if first in USUAL and last not in USUAL and first != 1:
        turned = (1, *given[1:], first)
        line = f"{by(given)} can be one {sample} with its channels first, which Keras wants last, or {first} {sample}s without channels"
        turned_or = (Fix("np.moveaxis(x, 0, -1)[None]", turned, "", f"one {sample}, channels last"), no_channels)
        return f"{wants}: the batch or the channels axis is missing.", (Fact("sizes", (line,)),), turned_or
    lines = [
        f"{by(given)} looks like {plural(first or 0, sample)} of {by(given[1:])} without channels; the numbers cannot tell it "
        f"from one {sample} of {by(given[:-1])} with {plural(last or 0, 'channel')}, whose batch is missing"
    ]
    headline = f"{wants}: the channels axis is missing, or the batch."
    return headline, (Fact("sizes", tuple(lines)),), (no_channels, one_sample)


def _several_missing(wants: str, need: int, given: Shape) -> Told:
    """An array of two axes too few: a sample that is only its sides, or flattened samples."""
    missing = plural(need - len(given), "axis is", "axes are")
    if need - len(given) != 2 or need == 3:
        headline = f"{wants}: {missing} missing."
        fact = Fact("sizes", (f"{by(given)} reach it, where batch x {SIDES[need - 2]} x channels are wanted",))
        return headline, (fact,), ()
    fixes = [
        Fix("x[None, ..., None]", (1, *given, 1), "", f"one grey {SAMPLE[need - 2]}: adds the batch and the channels")
    ]
    lines = [f"{by(given)} looks like the sides of one {SAMPLE[need - 2]}: the batch and the channels are missing"]
    packed = flattened(given[-1]) if need == 4 and given[0] != given[-1] else None
    if packed is not None:
        side, channels = packed
        lines = [f"{by(given)} looks like {given[0]} flattened pictures: {given[-1]} = {by((side, side, channels))}"]
        target = f"x.reshape(-1, {side}, {side}, {channels})"
        fixes.insert(0, Fix(target, (given[0], side, side, channels), "", f"{given[0]} pictures"))
    return f"{wants}: {missing} missing.", (Fact("sizes", tuple(lines)),), tuple(fixes)


def _too_many(headline: str, given: Shape) -> Told:
    ones = [place for place, size in enumerate(given) if size == 1]
    lines = [f"{by(given)} reach it"] if given else []
    for place in ones[:1]:
        lines.append(f"axis {place} has size 1: without it they are {by((*given[:place], *given[place + 1 :]))}")
    return headline, (Fact("sizes", tuple(lines)),) if lines else (), ()


def unbatched_or_batched(match: Match) -> Told:
    """PyTorch: `Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [28, 28]`."""
    need, given = int(match.group("need")), numbers(match.group("size"))
    sides = need - 1
    wanted = f"channels x {SIDES.get(sides, 'sides')}"
    takes = f"{match.group('op')} takes {need} axes ({wanted}) or {need + 1} with a batch, and got {len(given)}"
    if len(given) > need + 1:
        return _torch_too_many(takes, need + 1, given)
    if match.group("op").startswith("conv_transpose") and len(given) == 2:
        return _noise(takes, sides, given)
    return _torch_sides(f"{takes}:", sides, given)


def _noise(takes: str, sides: int, given: tuple[int, ...]) -> Told:
    """Rows that a generator begins with: their numbers are the channels of maps of one cell."""
    ones = (1,) * sides
    lines = (f"{by(given)} can be {plural(given[0], 'sample')} of {plural(given[1], 'channel')}, each of one cell",)
    fix = Fix(
        f"x[:, :{', None' * sides}]",
        (*given, *ones),
        "",
        f"{given[1]} channels of one cell each",
    )
    return f"{takes}: the sides are missing.", (Fact("sizes", lines),), (fix,)


def for_weight(match: Match) -> Told:
    """Earlier PyTorch, which took batches only: `Expected 4-dimensional input for 4-dimensional weight [64, 3, 7, 7], but got ...`."""
    weight, given = numbers(match.group("weight")), numbers(match.group("size"))
    need, sides = len(weight), len(weight) - 2
    takes = f"The layer takes {need} axes (batch x channels x {SIDES.get(sides, 'sides')}) and got {len(given)}"
    if len(given) > need:
        return _torch_too_many(takes, need, given)
    if len(given) < need - 1 or not 1 <= sides <= 3:
        return _torch_sides(f"{takes}:", sides, given)
    channels = weight[1]
    fact = Fact(
        "channels", (f"the weights {by(weight)} are out x in / groups x kernel: {plural(channels, 'channel')}",)
    )
    sample = SAMPLE[sides]
    if given[0] == channels:
        fix = Fix("x[None]", (1, *given), "", f"one {sample} in a batch of 1")
        return f"{takes}: the batch axis is missing.", (fact,), (fix,)
    if given[-1] == channels:
        order = ", ".join(str(place) for place in (sides, *range(sides)))
        turned = (1, given[-1], *given[:-1])
        fix = Fix(f"x.permute({order})[None]", turned, "", f"one {sample}, channels first, in a batch of 1")
        return f"{takes}: the batch axis is missing, and the channels stand last.", (fact,), (fix,)
    if channels == 1:
        fix = Fix("x[:, None]", (given[0], 1, *given[1:]), "", f"{given[0]} grey {sample}s, one channel each")
        return f"{takes}: the channels axis is missing.", (fact,), (fix,)
    line = f"{by(given)} has {channels} channels neither first nor last: with groups the layer takes a multiple of them"
    fix = Fix("x[None]", (1, *given), "", f"if it is one {sample} of {given[0]} channels")
    return f"{takes}: the batch axis is missing.", (fact, Fact("sizes", (line,))), (fix,)


def _torch_sides(takes: str, sides: int, given: tuple[int, ...]) -> Told:
    """No channels axis, so no batch either: the sides of one sample, or flattened samples."""
    if len(given) != sides:
        packed = flattened(given[-1]) if sides == 2 and given else None
        fixes: tuple[Fix, ...] = ()
        if packed is not None:
            fixes = (_unflattened(packed, 1, "if it is one flattened picture"),)
        return f"{takes} {plural(sides + 1 - len(given), 'axis is', 'axes are')} missing.", (), fixes
    sample = SAMPLE[sides]
    fixes = (Fix("x[None, None]", (1, 1, *given), "", f"one grey {sample}: one channel, in a batch of 1"),)
    packed = flattened(given[-1]) if sides == 2 and given[0] != given[-1] else None
    if packed is not None:
        fixes = (_unflattened(packed, given[0], f"if they are {given[0]} flattened pictures"), *fixes)
        lines: tuple[str, ...] = (f"{given[-1]} = {by((packed[1], packed[0], packed[0]))}: flattened pictures?",)
    elif sides == 3 and given[0] in USUAL:
        lines = (f"{by(given)} looks like one picture, channels x height x width: conv2d takes it",)
    else:
        lines = (f"{by(given)} looks like the {SIDES[sides]} of one {sample}",)
    return f"{takes} the channels axis is missing.", (Fact("sizes", lines),), fixes


def _unflattened(packed: tuple[int, int], samples: int, why: str) -> Fix:
    side, channels = packed
    return Fix(f"x.view(-1, {channels}, {side}, {side})", (samples, channels, side, side), "", why)


def _torch_too_many(takes: str, most: int, given: tuple[int, ...]) -> Told:
    headline = f"{takes}: {len(given) - most} too many."
    fixes: list[Fix] = []
    if len(given) - most == 1:
        place = next((place for place, size in enumerate(given) if size == 1), None)
        if place is not None:
            without = (*given[:place], *given[place + 1 :])
            fixes.append(Fix(f"x.squeeze({place})", without, "", f"axis {place} has size 1"))
        if place != 0:
            merged = (given[0] * given[1], *given[2:])
            fixes.append(Fix("x.flatten(0, 1)", merged, "", f"{given[0]} x {given[1]} samples in one batch"))
    return headline, (Fact("sizes", (f"{by(given)} reach it",)),), tuple(fixes)


def normed_rank(match: Match) -> Told:
    """PyTorch's norms take batches only: `expected 4D input (got 3D input)`."""
    need, have = int(match.group("need")), int(match.group("have"))
    most = int(match.group("most") or need)
    wanted = f"{need} axes" if most == need else f"{need} or {most} axes"
    headline = f"The normalisation takes {wanted} and got {have}."
    name = {2: "BatchNorm1d", 3: "BatchNorm1d", 4: "BatchNorm2d", 5: "BatchNorm3d"}.get(have)
    other = f"the norm of {have} axes, batch and channels among them, is {name}" if name else ""
    if most == need == have + 1:
        line = "convolutions take a sample without a batch, this layer does not: x[None] (x.unsqueeze(0)) adds it before the model"
        fix = Fix("x[None]", (), "", "a batch of 1, before the first layer")
        return headline, (Fact("then", (line, f"if the batch is there: {other}")),), (fix,)
    return headline, (Fact("then", (other,)),) if other else (), ()
