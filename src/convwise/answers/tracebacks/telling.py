"""What each kind of message means, in sizes, and what to change, as far as the message alone tells it."""

from __future__ import annotations

import re
from dataclasses import replace
from math import isqrt, prod

from convwise.answers.explanation import Fact, Fix
from convwise.answers.tracebacks.clue import numbers, shape, signed
from convwise.answers.wording import plural
from convwise.ops import Shape

Told = tuple[str, tuple[Fact, ...], tuple[Fix, ...]]
Match = re.Match[str]

PICTURES = {
    (1, 3): ("grey pictures", "coloured", "tf.image.grayscale_to_rgb(x)"),
    (3, 1): ("coloured pictures", "grey", "tf.image.rgb_to_grayscale(x)"),
    (4, 3): ("coloured pictures with an alpha channel", "coloured", "x[..., :3]"),
}
"""Channels that reach a layer and those it was built for: what the pictures are, what they should be, and how they become it."""
PICTURE_CHANNELS = (1, 3, 4)
"""Grey, red-green-blue, and with an alpha channel."""
BATCHES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 50, 64, 96, 100, 128, 256, 512)
"""The batches that are thought of where a message counts the numbers of all samples."""
EARLIER = "a larger image, one pooling or stride fewer before it, or padding here"


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
    perhaps, fixes = _flattening(have, need, rows, dialect)
    if perhaps:
        facts.append(Fact("perhaps", (perhaps,)))
    kind = "Linear" if dialect == "torch" else "dense"
    headline = f"What reaches the {kind} layer has {have} features; its weights are made for {need}."
    if dialect == "torch" and out is not None:
        fixes = (
            *fixes,
            Fix(f"nn.Linear({have}, {out})", *_rows_of(rows or 1, out, have)),
        )
    return headline, tuple(facts), fixes


def _rows_of(rows: int, out: int, have: int) -> tuple[Shape, str, str]:
    """(the output, "", why) of a dense layer: PyTorch multiplies all axes but the last, so that 14 rows may be 2 x 7."""
    why = f"takes the {have} that reach it"
    if rows < 4 or all(rows % side for side in range(2, isqrt(rows) + 1)):
        return (rows, out), "", why
    return (), "", f"{why}: {rows} rows of {out}"


def _flattening(have: int, need: int, rows: int | None, dialect: str) -> tuple[str, tuple[Fix, ...]]:
    """What a multiple between the features can come from, and the way out where the rows tell it."""
    if not have or not need or have == need or max(have, need) % min(have, need):
        return "", ()
    high, low = max(have, need), min(have, need)
    times = high // low
    if rows is None or dialect != "torch":
        return f"{high} = {times} x {low}: is a Flatten missing, or the batch flattened too?", ()
    if have > need and rows == 1:
        return f"{high} = {times} x {low}: are {times} samples flattened into one?", ()
    if have < need and rows % times == 0 and (said := _unflattened(have, need, rows)):
        return said
    side = isqrt(times)
    if side * side != times:
        return "", ()
    other = "smaller" if have < need else "larger"
    cause = "more" if have < need else "fewer"
    return (
        f"{high} = {times} x {low}: maps {side} times {other} in height and width than was written: one pooling or stride "
        f"{cause} before it, or {'a smaller' if have < need else 'a larger'} image"
    ), ()


def _unflattened(have: int, need: int, rows: int) -> tuple[str, tuple[Fix, ...]] | None:
    """Rows that are pieces of samples: lines of maps, where they are not wider than all their lines together, or the maps of one sample."""
    samples, lines = rows * have // need, need // have
    flat = Fix("x.flatten(1)", (samples, need), "", "before it, if no Flatten stands there")
    said = f"{plural(rows, 'row')} of {have} are {plural(samples, 'sample')} of {need}"
    missing = (flat,) if have <= lines else ()
    if samples > 1:
        return (f"{said}: a Flatten is missing", missing) if missing else None
    single = Fix("x[None]", (), "", "before the model, if the sample has no batch axis")
    either = ", or a Flatten is missing" if missing else ""
    return f"{said}: it has no batch axis, so that Flatten keeps its first axis apart{either}", (single, *missing)


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
    takes = plural(need, "channel")
    order = "in x out / groups x kernel" if transposed else "out x in / groups x kernel"
    facts = (Fact("channels", (f"the weights {by(weight)} are {order}: {takes}{count}",)),)
    rank = len(weight) - 2
    headline = f"The layer takes {takes}, and {have} {'reaches' if have == 1 else 'reach'} it."
    fixes = _remade(weight, have, need, None if transposed else int(match.group("groups")))
    if len(told) == rank + 2 and told[-1] == need:
        return _channels_last(told, have, headline, facts, fixes)
    if need == 1 and len(told) == rank + 2 and told[0] == 1:
        line = (
            f"a batch of {have} samples without channels: PyTorch reads {by(told[1:])} as one sample of {have} channels"
        )
        apart = Fix("x[:, None]", (have, 1, *told[2:]), "", f"{have} samples of one channel")
        return headline, (*facts, Fact("perhaps", (line,))), (apart, *fixes)
    return headline, facts, fixes


def _remade(weight: tuple[int, ...], have: int, need: int, groups: int | None) -> tuple[Fix, ...]:
    """The layer for `have` channels; a transposed convolution's message tells no groups, so None."""
    kernel, rank = weight[2:], len(weight) - 2
    size = kernel[0] if len(set(kernel)) == 1 else kernel
    made = f"made for {plural(have, 'channel')}"
    if groups is None:
        why = f"{made}, if it has no groups: of g groups it makes g x {weight[1]} channels, and needs groups=g too"
        return (Fix(f"nn.ConvTranspose{rank}d({have}, {weight[1]}, {size})", (), "", why),)
    out = weight[0]
    if groups == need > 1 and out % need == 0:
        # One group a channel: the layer stays such a one.
        groups, out = have, have * (out // need)
    if have % groups or out % groups:
        return ()
    grouped = f", groups={groups}" if groups > 1 else ""
    return (Fix(f"nn.Conv{rank}d({have}, {out}, {size}{grouped})", (), "", made),)


def _channels_last(
    told: tuple[int, ...], have: int, headline: str, facts: tuple[Fact, ...], fixes: tuple[Fix, ...]
) -> Told:
    """The last size is the wanted number of channels: so they stand last, or it is chance, as the shape makes likely."""
    last, rank = told[-1], len(told) - 2
    order = (0, rank + 1, *range(1, rank + 1))
    turned = Fix(f"x.permute{order}", (told[0], last, *told[1:-1]), "", "channels first, as PyTorch reads them")
    small = last in PICTURE_CHANNELS and min(told[1:-1]) > last
    square_last, square_first = (rank > 1 and len(set(sides)) == 1 for sides in (told[1:-1], told[2:]))
    if small or (square_last and not square_first):
        headline = f"The image is channels last; PyTorch reads {by(told)} as {plural(have, 'channel')}."
        return headline, facts, (turned,)
    line = f"the last axis of {by(told)} has {last} too: the channels stand last, or it is a side of maps of {plural(have, 'channel')}"
    either = replace(turned, why=f"if the {last} of the last axis are the channels")
    likelier = (*fixes, either) if square_first else (either, *fixes)
    return headline, (*facts, Fact("perhaps", (line,))), likelier


def channels_onnx(match: Match) -> Told:
    need, have = int(match.group("need")) * int(match.group("groups") or 1), int(match.group("have"))
    fact = Fact("then", ("feed an image with the channels of the export, in the order N, C, H, W",))
    reach = "reaches" if have == 1 else "reach"
    return f"The layer takes {plural(need, 'channel')}, and {have} {reach} it.", (fact,), ()


def normed(match: Match) -> Told:
    need, have = int(match.group("need")), int(match.group("have"))
    why = f"normalises the {have} that reach it"
    fix = (
        Fix(f"nn.BatchNorm2d({have})", (), "", f"{why}, if they are maps"),
        Fix(f"nn.BatchNorm1d({have})", (), "", f"{why}, if they are rows or lines"),
    )
    reach = "reaches" if have == 1 else "reach"
    return f"The normalisation is made for {plural(need, 'channel')}, and {have} {reach} it.", (), fix


def normed_instance(match: Match) -> Told:
    headline, facts, _ = normed(match)
    have = int(match.group("have"))
    why = f"normalises the {have} that reach it; 1d and 3d for lines and volumes"
    return headline, facts, (Fix(f"nn.InstanceNorm2d({have}, affine=True)", (), "", why),)


def padding_too_large(match: Match) -> Told:
    """PyTorch: `padding (4, 4) at dimension 3 of input [1, 3, 4, 4]`, of padding that reflects."""
    pads, axis, given = numbers(match.group("pads")), int(match.group("axis")), numbers(match.group("input"))
    have, most = given[axis] if axis < len(given) else 0, max(pads)
    name = {1: "the last", 2: "the last but one"}.get(len(given) - axis, "counted from 0")
    headline = (
        f"A reflection of {plural(most, 'cell')} needs {most + 1} on its axis, and axis {axis} ({name}) has {have}."
    )
    lines = (
        f"{by(given)} reaches it, padded by {pads[0]} before and {pads[-1]} after",
        "the cell at the border is not repeated, so the padding must be less than the size",
    )
    then = f"an input of at least {most + 1} there, a padding of at most {max(have - 1, 0)}, or zeros or replicate, which take any size"
    return headline, (Fact("sizes", lines), Fact("then", (then,))), ()


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
    had, gives = numbers(match.group("input")), signed(match.group("output").replace("x", " "))
    headline = f"The layers before have used the image up: of {by(had[1:])} cells the pooling makes {by(gives[1:])}."
    return headline, (Fact("then", (EARLIER,)),), ()


def _no_batch(told: Shape, window: int, have: int | None) -> Told | None:
    """A grey picture without a batch: Keras takes its rows for samples, and puts the channels axis that is then missing behind it."""
    if len(told) != 4 or have != 1 or told[2:] != (1, 1) or told[0] is None or told[1] is None or told[1] < window:
        return None
    picture = (told[0], told[1], 1)
    headline = (
        f"A window {window} wide meets 1 cell: {by(told)} looks like one picture of {by(picture)} without its batch."
    )
    line = (
        "its rows are taken for samples, and a model that wants one channel puts an axis for it behind what it is given"
    )
    return headline, (Fact("sizes", (line,)),), (Fix("x[None]", (1, *picture), "", "adds the batch"),)


def _channels_first(told: Shape, window: int, have: int | None) -> Told | None:
    """Pictures with their channels first, whose channels a layer takes for the height: `(None, 1, 28, 28)`."""
    if len(told) != 4 or told[1] != have or have not in (1, 3) or None in told[2:]:
        return None
    if any(size is None or size < window for size in told[2:]):
        return None
    headline = (
        f"A window {window} wide meets {plural(have, 'cell')}: of {by(told)} it takes axis 1 for the height, where the "
        f"channels seem to stand."
    )
    fact = Fact("sizes", (f"a layer that reads its channels last reads {by(told)} as a picture of {by(told[1:3])}",))
    turned = (told[0], *told[2:], told[1])
    return headline, (fact,), (Fix("np.moveaxis(x, 1, -1)", turned, "", "channels last"),)


def negative(match: Match) -> Told:
    need, have = int(match.group("need")), int(match.group("have"))
    given = shape(match.group("shape") or "")
    if turned := _no_batch(given, need, have) or _channels_first(given, need, have):
        return turned
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
    if turned := _no_batch(told, window, size) or _channels_first(told, window, size):
        return turned
    cells = "too few cells" if size is None else plural(size, "cell")
    headline = f"A window {window} wide meets {cells}: the layers before have used the image up."
    facts = (
        Fact("sizes", (f"{by(told)} reach it; without padding a window needs at least {window} cells",)),
        Fact("then", ("padding='same' there, a larger image, or one pooling fewer before it",)),
    )
    return headline, facts, ()


def axis_value(match: Match) -> Told:
    """Keras: `expected axis -1 of input shape to have value 3, but received input with shape (None, 64, 64, 1)`."""
    axis, need, told = int(match.group("axis")), int(match.group("need")), shape(match.group("shape"))
    have = told[axis] if -len(told) <= axis < len(told) else None
    if have is None:
        headline = f"The layer '{match.group('name')}' was built for {need} on axis {axis}; {by(told)} reaches it."
        return headline, (), ()
    if len(told) > 2:
        return _channels_built(match.group("name"), axis, need, have, told)
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


def _channels_built(name: str, axis: int, need: int, have: int, told: Shape) -> Told:
    """A layer on maps or steps: the axis holds the channels, or the features of every step."""
    what = "channels" if need > 1 else "channel"
    what = what if len(told) > 3 else "channels or features"
    reach = "reaches" if have == 1 else "reach"
    headline = f"The layer '{name}' was built for {need:,} {what}, and {have} {reach} it."
    facts = [Fact("channels", (f"of {by(told)} axis {axis} counts: {have} instead of {need}",))]
    fixes: tuple[Fix, ...] = ()
    other = 1 if axis != 1 else -1
    swapped = told[other] == need and len(told) > 3
    rest = [size for place, size in enumerate(told) if place and place != axis % len(told)]
    whole = have * prod(size for size in rest if size is not None) if None not in rest else None
    if swapped:
        turned = (told[0], *told[2:], told[1]) if other == 1 else (told[0], told[-1], *told[1:-1])
        now, wanted = ("first", "last") if other == 1 else ("last", "first")
        code = "np.moveaxis(x, 1, -1)" if other == 1 else "np.moveaxis(x, -1, 1)"
        facts.append(Fact("perhaps", (f"the channels stand {now}, and the layer reads them {wanted}",)))
        fixes = (Fix(code, turned, "", f"channels {wanted}"),)
    elif whole == need:
        facts.append(Fact("perhaps", (f"{need} = {by((*rest, have))}: a Flatten is missing before it",)))
    elif len(told) == 4 and (have, need) in PICTURES:
        now, wanted, code = PICTURES[have, need]
        changed = tuple(need if place == axis % len(told) else size for place, size in enumerate(told))
        facts.append(Fact("perhaps", (f"{now}, where the model was built for {wanted} ones",)))
        if axis == -1:
            fixes = (Fix(code, changed, "", f"makes {wanted} pictures of them"),)
    then = f"feed what it was built with, or make the model again for {have}"
    return headline, (*facts, Fact("then", (then,))), fixes


def reshaped(match: Match) -> Told:
    # Earlier releases print the target as `-1 x 400`.
    have, target = int(match.group("have")), match.group("target").replace(" x ", ", ")
    sizes = [int(size) for size in re.findall(r"-?\d{1,12}", target)]
    fixed = prod(size for size in sizes if size >= 0)
    left = have % fixed if fixed else 0
    facts = [Fact("sizes", (f"{have} = {have // fixed} x {fixed} + {left}" if fixed else f"{have} cells",))]
    headline = f"{have} numbers cannot be laid out as [{target}]."
    sample = prod(sizes[1:])
    if len(sizes) > 1 and sizes[0] > 0 and sample > 0 and have % sample == 0:
        line = f"{have} = {have // sample} x {sample}: {plural(have // sample, 'sample')} of {sample}, and {sizes[0]} written"
        fix = Fix(f"x.view(-1, {', '.join(map(str, sizes[1:]))})", (have // sample, *sizes[1:]), "", "takes any batch")
        return headline, (Fact("sizes", (line,)),), (fix,)
    # A batch that is written divides the numbers among its samples; else they may be one sample or many.
    rows = len(sizes) == 2
    samples = sizes[0] if rows and sizes[0] > 1 and have % sizes[0] == 0 else 1
    made = factored(sizes[-1]) if rows and sizes[-1] > 0 else ()
    if (maps := factored(have // samples)) and len(sizes) < 3:
        each = f"each of {samples} samples: " if samples > 1 else "if it is one sample: "
        lines = [f"{each}{have // samples} = {' or '.join(maps)} (channels x height x width)"]
        if made and sizes[0] == -1 and (batches := _batches(have, made[0])):
            lines = [f"with the channels of {made[0]}, as {sizes[-1]} is written: {' or '.join(batches)}"]
        elif made:
            lines.append(f"written for {sizes[-1]} = {' or '.join(made)}")
        facts.append(Fact("comes from", tuple(lines)))
    if len(sizes) < 3:
        then = "x.flatten(1) instead of a number of your own keeps every sample apart and shows how many features there are"
    else:
        then = (
            f"each sample as written has {abs(sample)} numbers: feed samples of that size, or write the size they have"
        )
    return headline, (*facts, Fact("then", (then,))), ()


def _batches(have: int, made: str) -> tuple[str, ...]:
    """The batches of square maps that have so many numbers, with the channels of the map that was written: `4 samples of 16 x 53 x 53`."""
    channels, written = (int(size) for size in made.split(" x ")[:2])
    found = []
    for samples in BATCHES:
        side = isqrt(have // (samples * channels))
        if side > 1 and side != written and side * side * samples * channels == have:
            found.append(f"{plural(samples, 'sample')} of {channels} x {side} x {side}")
    return tuple(found[:3])


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
    return entry(shape(match.group("need")), shape(match.group("have")))


def entry(need: Shape, have: Shape) -> Told:
    """A model that was made for one shape and given another."""
    headline = f"The model was made for {by(need)} and was given {by(have)}."
    if missing := _axis_missing(need, have):
        what, fix = missing
        return f"{headline[:-1]}: {what} is missing.", (), (fix,)
    if (laid := _laid_out(need, have)) is not None:
        return headline, (Fact("sizes", laid[0]),), (laid[1],)
    facts: tuple[Fact, ...] = (Fact("then", ("feed what it was made for",)),)
    if len(need) == len(have) > 2 and need[-1] == have[-1]:
        free = ", ".join("None" for _ in need[1:-1])
        then = f"feed what it was made for, or make it again with Input(({free}, {need[-1]})) if its layers take other sizes"
        facts = (Fact("then", (then,)),)
    elif len(need) == len(have) == 4 and need[1:-1] == have[1:-1] and (have[-1], need[-1]) in PICTURES:
        now, wanted, code = PICTURES[have[-1], need[-1]]  # type: ignore[index]
        fix = Fix(code, (*have[:-1], need[-1]), "", f"makes {wanted} pictures of {now}")
        return headline, facts, (fix,)
    return headline, facts, ()


def _laid_out(need: Shape, have: Shape) -> tuple[tuple[str, ...], Fix] | None:
    """The same numbers a sample in other axes: `5 x 28 x 28` where `? x 784` is wanted."""
    sample = [size for size in need[1:] if size is not None]
    cells = [size for size in have[1:] if size is not None]
    if len(sample) != len(need) - 1 or len(cells) != len(have) - 1 or len(need) == len(have) or not cells:
        return None
    if prod(sample) != prod(cells):
        return None
    lines = (f"{by(tuple(cells))} = {by(tuple(sample))} numbers a sample, in other axes",)
    fix = Fix(f"x.reshape({', '.join(map(str, (-1, *sample)))})", (have[0], *sample), "", "the same numbers")
    return lines, fix


def _axis_missing(need: Shape, have: Shape) -> tuple[str, Fix] | None:
    """Which axis of one too few is missing, where all others are as they should be."""

    def like(one: Shape, other: Shape) -> bool:
        return len(one) == len(other) and all(
            None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True)
        )

    if need[:1] == (None,) and like(need, (*have, 1)):
        return "the channels axis", Fix("x[..., None]", (*have, 1), "", "adds the channels axis")
    # predict and fit cut the first axis into batches: what was given of it may be a part.
    if need[:1] == (None,) and len(have) > 1 and like(need[2:], have[1:]):
        return "the batch axis", Fix("x[None]", (1, *have), "", "adds the batch")
    return None


def onnx_named(match: Match) -> Told:
    what = match.group("op")
    return f"The {what} node '{match.group('name')}' does not take what reaches it.", (), ()


def by(sizes: Shape) -> str:
    """`16 x 3 x 3`, an unknown size as `?`."""
    return " x ".join("?" if size is None else str(size) for size in sizes)
