"""What each kind of message means, in sizes, and what to change, as far as the message alone tells it."""

from __future__ import annotations

import re
from math import isqrt

from convwise.answers.explanation import Fact, Fix
from convwise.answers.tracebacks.clue import numbers, shape
from convwise.answers.wording import plural
from convwise.ops import Shape

Told = tuple[str, tuple[Fact, ...], tuple[Fix, ...]]
Match = re.Match[str]

EARLIER = "a larger image, one pooling or stride fewer before it, or padding here"
JOINED = (
    "an input that every halving divides (a multiple of 16 for four of them), or pad or crop by 1 before joining, or "
    "output_padding=1 in the transposed convolution"
)


def factored(features: int) -> tuple[str, ...]:
    """Maps that flatten to so many features: channels x side x side, the usual channel counts first.

    >>> factored(1568)
    ('32 x 7 x 7', '8 x 14 x 14', '2 x 28 x 28')
    """
    sides = [side for side in range(2, min(isqrt(features), 512) + 1) if features % (side * side) == 0]
    maps = [(features // (side * side), side) for side in sides]
    usual = sorted(maps, key=lambda one: (one[0] & (one[0] - 1) != 0, abs(one[1] - 7)))
    return tuple(f"{channels} x {side} x {side}" for channels, side in usual[:3])


def features(have: int, need: int, out: int | None, rows: int | None, dialect: str) -> Told:
    """A dense layer, made for `need` features, that `have` reach."""
    written = f": Linear({need}, {out})" if dialect == "torch" and out is not None else ""
    reach = f"{have} reach it" + (f" ({plural(rows, 'row')})" if rows is not None else "")
    facts = [Fact("features", (f"{reach}, {need} were written{written}",))]
    maps = factored(have)
    if maps:
        order = "channels x height x width" if dialect != "keras" else "channels and the two sides"
        facts.append(Fact("comes from", (f"a map flattened: {have} = {' or '.join(maps)} ({order})",)))
    if have and need and max(have, need) % min(have, need) == 0:
        high, low = max(have, need), min(have, need)
        facts.append(
            Fact("perhaps", (f"{high} = {high // low} x {low}: is a Flatten missing, or the batch flattened too?",))
        )
    kind = "Linear" if dialect == "torch" else "dense"
    headline = f"What reaches the {kind} layer has {have} features; its weights are made for {need}."
    fixes: tuple[Fix, ...] = ()
    if dialect == "torch" and out is not None:
        fixes = (Fix(f"nn.Linear({have}, {out})", (rows or 1, out), "", f"takes the {have} that reach it"),)
    return headline, tuple(facts), fixes


def matmul(match: Match) -> Told:
    rows, have, need, out = (int(part) for part in match.group("rows", "have", "need", "out"))
    return features(have, need, out, rows, "torch")


def matmul_tf(match: Match) -> Told:
    return features(int(match.group("have")), int(match.group("need")), None, None, "keras")


def gemm(match: Match) -> Told:
    return features(int(match.group("have")), int(match.group("need")), None, None, "onnx")


def channels(match: Match) -> Told:
    weight, told = numbers(match.group("weight")), numbers(match.group("input"))
    need, have = int(match.group("need")), int(match.group("have"))
    transposed = match.group("groups") is None
    count = "" if transposed else f" in {plural(int(match.group('groups')), 'group')}"
    order = "in x out / groups x kernel" if transposed else "out x in / groups x kernel"
    facts = (Fact("channels", (f"the weights {by(weight)} are {order}: {need} channels{count}",)),)
    kernel = weight[2:]
    size = kernel[0] if len(set(kernel)) == 1 else kernel
    rank = len(kernel)
    if len(told) == rank + 2 and told[-1] == need:
        moved = (told[0], told[-1], *told[1:-1])
        order_ = (0, rank + 1, *range(1, rank + 1))
        headline = f"The image is channels last; PyTorch reads {by(told)} as {have} channels."
        return headline, facts, (Fix(f"x.permute{order_}", moved, "", "channels first, as PyTorch reads them"),)
    kind, out = ("ConvTranspose", weight[1]) if transposed else ("Conv", weight[0])
    fix = Fix(f"nn.{kind}{rank}d({have}, {out}, {size})", (), "", f"made for {have} channels")
    return f"The layer takes {need} channels, and {have} reach it.", facts, (fix,)


def channels_onnx(match: Match) -> Told:
    need, have = int(match.group("need")) * int(match.group("groups") or 1), int(match.group("have"))
    fact = Fact("then", ("feed an image with the channels of the export, in the order N, C, H, W",))
    return f"The layer takes {need} channels, and {have} reach it.", (fact,), ()


def normed(match: Match) -> Told:
    need, have = int(match.group("need")), int(match.group("have"))
    fix = (Fix(f"nn.BatchNorm2d({have})", (), "", f"normalises the {have} that reach it"),)
    return f"The normalisation is made for {need} channels, and {have} reach it.", (), fix


def too_small(match: Match) -> Told:
    padded, spans = numbers(match.group("padded")), numbers(match.group("span"))
    short = [(have, need) for have, need in zip(padded, spans, strict=False) if have < need]
    have, need = short[0] if short else (padded[0], spans[0])
    lines = (
        f"with padding {by(padded)} cells are left, the kernel with its dilation spans {by(spans)}",
        f"so the input of this layer needs {need - have} more, or its padding that many",
    )
    headline = f"The layers before have used the image up: {have} cells are left where the kernel needs {need}."
    return headline, (Fact("sizes", lines), Fact("then", (EARLIER,))), ()


def nothing_left(match: Match) -> Told:
    """PyTorch's pools: `Given input size: (512x1x1). Calculated output size: (512x0x0)`."""
    had, gives = numbers(match.group("input")), numbers(match.group("output"))
    headline = f"The layers before have used the image up: of {by(had[1:])} cells the pooling makes {by(gives[1:])}."
    return headline, (Fact("then", (EARLIER,)),), ()


def negative(match: Match) -> Told:
    need, have = int(match.group("need")), int(match.group("have"))
    headline = f"A window {need} wide meets {plural(have, 'cell')}: the layers before have used the image up."
    facts = (
        Fact("sizes", (f"{have} - {need} < 0: without padding a window needs at least {need} cells",)),
        Fact("then", ("padding='same' there, a larger image, or one pooling fewer before it",)),
    )
    return headline, facts, ()


def negative_keras(match: Match) -> Told:
    told, kernel = shape(match.group("input")), numbers(match.group("kernel"))
    windows = kernel[: len(told) - 2]
    sizes = told[1:-1]
    short = [(n, k) for n, k in zip(sizes, windows, strict=False) if n is not None and n < k]
    size, window = short[0] if short else (sizes[0] if sizes else None, windows[0] if windows else 0)
    cells = "too few cells" if size is None else plural(size, "cell")
    headline = f"A window {window} wide meets {cells}: the layers before have used the image up."
    facts = (
        Fact("sizes", (f"{by(told)} reach it; without padding a window needs at least {window} cells",)),
        Fact("then", ("padding='same' there, a larger image, or one pooling fewer before it",)),
    )
    return headline, facts, ()


def mismatch(match: Match) -> Told:
    return differing(int(match.group("one")), int(match.group("other")))


def differing(have: int, need: int) -> Told:
    """Two branches with one of their sizes not equal."""
    low, high = sorted((have, need))
    facts = [Fact("sizes", (f"{high} - {low} = {high - low}",))]
    if high - low == 1:
        if high % 2:
            facts.append(Fact("because", (f"{high} is odd: halved and doubled again it comes back as {low}",)))
        facts.append(Fact("then", (JOINED,)))
    return f"Two branches are joined whose maps differ: {have} and {need}.", tuple(facts), ()


def mismatch_shapes(match: Match) -> Told:
    one, other = shape(match.group("a")), shape(match.group("b"))
    pairs = [(a, b) for a, b in zip(one, other, strict=False) if a is not None and b is not None and a != b]
    if not pairs:
        return f"Two branches are joined whose shapes do not fit: {by(one)} and {by(other)}.", (), ()
    return differing(*pairs[0])


def dense_axis(match: Match) -> Told:
    need, told = int(match.group("need")), numbers(match.group("shape"))
    have = told[-1] if told else 0
    headline = f"The layer '{match.group('name')}' was built for {need} on its last axis, and {have} reach it."
    maps = factored(have)
    facts = [
        Fact(
            "sizes",
            (f"built for {need}, now {have}: the input has another size than the one the model was built with",),
        )
    ]
    if maps:
        facts.append(Fact("comes from", (f"{have} = {' or '.join(maps)}",)))
    then = "the input size of the first time, or GlobalAveragePooling2D instead of Flatten, which takes any size"
    return headline, (*facts, Fact("then", (then,))), ()


def min_ndim(match: Match) -> Told:
    need, have = int(match.group("need")), int(match.group("have"))
    what = "the batch axis is missing" if need - have == 1 else f"{plural(need - have, 'axis', 'axes')} are missing"
    fact = Fact("then", ("x[None] adds the batch; the channels are an axis of their own, also where there is one",))
    return f"The layer wants {need} axes and got {have}: {what}.", (fact,), ()


def reshaped(match: Match) -> Told:
    have, target = int(match.group("have")), match.group("target")
    fixed = 1
    for size in re.findall(r"(?<!-)\b\d{1,12}", target):
        fixed *= int(size)
    left = have % fixed if fixed else 0
    sizes = f"{have} = {have // fixed} x {fixed} + {left}" if fixed else f"{have} cells"
    headline = f"{have} numbers cannot be laid out as [{target}]."
    facts = [Fact("sizes", (sizes,))]
    if maps := factored(have):
        facts.append(Fact("comes from", (f"one sample: {have} = {' or '.join(maps)} (channels x height x width)",)))
    then = "x.flatten(1) instead of a number of your own keeps every sample apart and shows how many features there are"
    return headline, (*facts, Fact("then", (then,))), ()


def reshaped_shape(match: Match) -> Told:
    given, target = shape(match.group("input")), shape(match.group("target"))
    headline = f"{by(given)} cannot be laid out as {by(target)}."
    fact = Fact("then", ("make the target from the sizes that reach it, or choose the input size it was made for",))
    return headline, (fact,), ()


def onnx_dims(match: Match) -> Told:
    index, have, need = (int(match.group(name)) for name in ("index", "have", "need"))
    headline = f"The file was exported for {need} on axis {index} of its input, and {have} was fed."
    then = f"feed {need}, or export again with that axis dynamic; `convwise sizes MODEL` tells which sizes the layers can take"
    return headline, (Fact("then", (then,)),), ()


def keras_entry(match: Match) -> Told:
    need, have = shape(match.group("need")), shape(match.group("have"))
    headline = f"The model was made for {by(need)} and was given {by(have)}."
    then = (
        "feed what it was made for, or make it again with Input((None, None, channels)) if its layers take other sizes"
    )
    return headline, (Fact("then", (then,)),), ()


def onnx_named(match: Match) -> Told:
    what = match.group("op")
    return f"The {what} node '{match.group('name')}' does not take what reaches it.", (), ()


def by(sizes: Shape) -> str:
    """`16 x 3 x 3`, an unknown size as `?`."""
    return " x ".join("?" if size is None else str(size) for size in sizes)
