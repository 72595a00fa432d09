"""What a message says of two tensors that are joined, added or compared, and which axis of theirs differs."""

from __future__ import annotations

import re

from convwise.answers.explanation import Fact
from convwise.answers.tracebacks import losses
from convwise.answers.tracebacks.clue import shape
from convwise.answers.tracebacks.shortcuts import shortcut, stride_between
from convwise.answers.tracebacks.telling import Match, Told, by, features
from convwise.answers.wording import listed
from convwise.ops import Layout, Shape

JOINED = (
    "an input that every halving divides (a multiple of 16 for four of them), or pad or crop by 1 before joining, or "
    "output_padding=1 in the transposed convolution"
)
CHANNELS = (
    "a 1x1 convolution gives one branch the channels of the other; the outputs and the targets of a loss need the same "
    "number of classes"
)
BATCHES = "the same number of samples in both; the last batch of an epoch is smaller where the data does not divide"


def mismatch(match: Match) -> Told:
    """Two sizes, and where the message tells it the axis `at` which they differ, or the one `along` which is joined; channels are axis 1."""
    told = match.groupdict()
    have, need = int(told["one"]), int(told["other"])
    at, along = (int(told[name]) if told.get(name) else None for name in ("at", "along"))
    if at is not None:
        return _at(have, need, at)
    if along is not None and along != 1:
        return _along(have, need, along)
    headline, facts, fixes = differing(have, need)
    if along is not None:
        facts = (
            *facts,
            Fact("axis", ("the message does not say which axis differs: a side of the maps, or axis 0, the batch",)),
        )
    return headline, facts, fixes


def differing(have: int, need: int) -> Told:
    """Two branches with one of their sizes not equal."""
    low, high = sorted((have, need))
    facts = [Fact("sizes", (f"{high} - {low} = {high - low}",))]
    if high - low == 1:
        if high % 2:
            facts.append(Fact("perhaps", (f"{high} is odd: halved and doubled again it comes back as {low}",)))
        facts.append(Fact("then", (f"if one of them was halved and doubled again: {JOINED}",)))
    elif (stride := stride_between((high,), (low,))) is not None:
        facts.append(
            Fact(
                "perhaps",
                (f"{high} became {low} in one branch by a stride of {stride} (or a pool), and the other has none",),
            )
        )
        facts.append(
            Fact(
                "then",
                (f"a 1x1 convolution with stride {stride} in the other, as in the shortcut of a residual block",),
            )
        )
    else:
        then = (
            f"padding that keeps the size in both branches, or crop or pad one of them by {high - low} before they meet"
        )
        facts.append(Fact("then", (then,)))
    return f"Two branches are joined whose maps differ: {have} and {need}.", tuple(facts), ()


def _at(have: int, need: int, at: int) -> Told:
    """Axis `at` differs, of tensors with their channels first and of a rank that is not told."""
    if at > 1:
        return differing(have, need)
    headline = f"Two tensors are combined whose axis {at} differs: {have} and {need}."
    if at:
        line = (
            "axis 1 is the channels of batch x channels x height x width, the features or classes of batch x features, and "
            "the height of a single picture without a batch"
        )
        return headline, (Fact("sizes", (line,)), Fact("then", (CHANNELS,))), ()
    line = "axis 0 is the batch, and the channels of a single picture without a batch"
    return headline, (Fact("sizes", (line,)), Fact("then", (BATCHES,))), ()


def _along(have: int, need: int, along: int) -> Told:
    """torch.cat along another axis than the channels of a batch."""
    headline = f"Two tensors are joined along axis {along}, and another axis of theirs differs: {have} and {need}."
    if along == 0:
        lines = (
            "axis 0 is the batch: torch.cat takes it where no dim is written; of pictures without a batch it is the channels",
        )
        then = "to join the channels of two batches write torch.cat([a, b], dim=1)"
    else:
        lines = (
            f"axis {along} is a side of the maps, so the batch, the channels and the other sides must be the same",
        )
        then = "to join the channels of two batches write torch.cat([a, b], dim=1)"
    return headline, (Fact("sizes", lines), Fact("then", (then,))), ()


def mismatch_shapes(match: Match) -> Told:
    """Two whole shapes, with their channels last, that are combined cell by cell."""
    return combined(shape(match.group("a")), shape(match.group("b")), batched=True)


def mismatch_samples(match: Match) -> Told:
    """The same where the batch is left out, as Keras's merging layers do."""
    one, other = shape(match.group("a")), shape(match.group("b"))
    headline, facts, fixes = combined(one, other, batched=False)
    fix = shortcut("keras", Layout(channels_last=True, batched=False), one, other)
    return headline, facts, fixes if fix is None else (fix,)


def mismatch_along(match: Match) -> Told:
    """TensorFlow's joining: `Dimension 1 in both shapes must be equal`, where the axis joined along may be left out of the shapes."""
    told = match.groupdict()
    at = int(told["at"])
    if told.get("one"):
        have, need = int(told["one"]), int(told["other"])
    else:
        sizes = [one[at] if at < len(one) else None for one in (shape(told["a"]), shape(told["b"]))]
        if None in sizes:
            return combined(shape(told["a"]), shape(told["b"]), batched=True)
        have, need = (int(size) for size in sizes if size is not None)
        if at and at == len(shape(told["a"])) - 1:
            return combined(shape(told["a"]), shape(told["b"]), batched=True)
    return _batches(have, need) if at == 0 else differing(have, need)


def mismatch_node(match: Match) -> Told:
    """`Dimensions must be equal`, of which node and shapes are told by a graph: a product of matrices says it too."""
    told = match.groupdict()
    have, need = int(told["one"]), int(told["other"])
    if losses.of_loss(match):
        return losses.compared_node(match)
    if "MatMul" in (told.get("op") or ""):
        return features(have, need, None, None, "keras")
    if told.get("a"):
        return combined(shape(told["a"]), shape(told["b"]), batched=True)
    return differing(have, need)


def combined(one: Shape, other: Shape, *, batched: bool) -> Told:
    """Two shapes that are combined cell by cell, their axes compared from the last one; `batched` says that axis 0 is the batch."""
    whole = Fact("shapes", (f"{by(one)} and {by(other)}",))
    rank = min(len(one), len(other))
    differ = [
        (place, a, b)
        for place, (a, b) in enumerate(zip(one[len(one) - rank :], other[len(other) - rank :], strict=True))
        if a is not None and b is not None and a != b and 1 not in (a, b)
    ]
    if not differ:
        return f"Two branches are joined whose shapes do not fit: {by(one)} and {by(other)}.", (), ()
    if len(one) != len(other):
        _, a, b = differ[-1]
        line = f"axes are compared from the last one: {a} against {b}"
        then = "one of the two lacks an axis: x[:, None] or x[..., None] adds one of size 1"
        headline = f"Two tensors are combined whose shapes do not fit: {by(one)} and {by(other)}."
        return headline, (Fact("sizes", (line,)), Fact("then", (then,))), ()
    maps = [(a, b) for place, a, b in differ if place != rank - 1 and (place or not batched)]
    if maps:
        headline, facts, fixes = differing(*maps[0])
        place, a, b = differ[-1]
        more = (Fact("channels", (f"they differ too: {a} and {b}",)),) if place == rank - 1 else ()
        return headline, (*facts, whole, *more), fixes
    place, a, b = differ[-1]
    if place == rank - 1:
        what = "channels" if rank + (not batched) > 2 else "features or classes"
        headline = f"Two tensors are combined whose {what} differ: {a} and {b}."
        return headline, (Fact("sizes", whole.lines), Fact("then", (CHANNELS,))), ()
    return _batches(a, b)


def _batches(have: int, need: int) -> Told:
    headline = f"Two tensors are combined whose batches differ: {have} and {need}."
    return headline, (Fact("then", (BATCHES,)),), ()


def concatenated_jax(match: Match) -> Told:
    """JAX: two or more shapes and the axis they are joined along, or shapes of different numbers of axes."""
    shapes, along = every_shape(match), match.groupdict().get("along")
    words = listed([by(one) for one in shapes])
    if along is None or len({len(one) for one in shapes}) > 1 or int(along) >= len(shapes[0]):
        headline = f"Tensors of different numbers of axes are concatenated: {words}."
        return headline, (Fact("then", ("reshape or x[..., None] gives all of them as many axes",)),), ()
    at = int(along)
    differ = [
        (place, shapes[0][place], other[place])
        for other in shapes[1:]
        for place in range(len(other))
        if place != at and other[place] != shapes[0][place]
    ]
    if not differ:
        return f"Tensors are concatenated whose shapes do not fit: {words}.", (), ()
    place, a, b = differ[0]
    headline = f"Tensors are joined along axis {at}, and axis {place} of theirs differs: {a} and {b}."
    line = f"{words}: every axis but {at} must be the same"
    then = (
        f"axis={place} joins them"
        if len({one for one, _, _ in differ}) == 1 and shapes[0][at] == shapes[1][at]
        else "pad or crop, or resize one of them"
    )
    return headline, (Fact("sizes", (line,)), Fact("then", (then,))), ()


def concatenated(match: Match) -> Told:
    """Keras' Concatenate: two or more shapes, joined along an axis that is not told."""
    shapes = every_shape(match)
    words = listed([by(one) for one in shapes])
    if len({len(one) for one in shapes}) > 1:
        headline = f"Tensors of different numbers of axes are concatenated: {words}."
        then = "Flatten, GlobalAveragePooling2D or Reshape gives all of them as many axes"
        return headline, (Fact("then", (then,)),), ()
    one, other = differing_pair(shapes)
    last = len(one) - 1
    differ = [
        (place, a, b)
        for place, (a, b) in enumerate(zip(one, other, strict=True))
        if a is not None and b is not None and a != b
    ]
    whole = Fact("shapes", (words,))
    if maps := [(a, b) for place, a, b in differ if 0 < place < last]:
        headline, facts, fixes = differing(*maps[0])
        return headline, (*facts, whole), fixes
    if not differ:
        return f"Branches are concatenated whose shapes do not fit: {words}.", (), ()
    place, a, b = differ[-1]
    if place == 0:
        return _batches(a, b)
    headline = f"Two branches are concatenated along another axis than the last, on which they differ: {a} and {b}."
    then = "Concatenate() without axis joins along the last axis, the channels: these shapes then fit"
    return headline, (Fact("sizes", (words,)), Fact("then", (then,))), ()


def every_shape(match: Match) -> tuple[Shape, ...]:
    """All shapes of a printed list of them."""
    return tuple(shape(text) for text in re.findall(r"[\[(][\d, Nonex?]{1,200}[\])]", match.group("shapes")))


def differing_pair(shapes: tuple[Shape, ...]) -> tuple[Shape, Shape]:
    """The first shape and the first of the others that differs from it before the last axis, or at all.

    >>> differing_pair(((None, 28, 28, 3), (None, 28, 28, 4), (None, 28, 27, 3)))
    ((None, 28, 28, 3), (None, 28, 27, 3))
    """
    first = shapes[0]
    for other in shapes[1:]:
        if other[:-1] != first[:-1]:
            return first, other
    return first, next((other for other in shapes[1:] if other != first), shapes[-1])
