"""Messages about numbers that must divide one another, or that one layer's own arguments do not allow together."""

from __future__ import annotations

from convwise.answers.explanation import Fact, Fix
from convwise.answers.tracebacks.clue import numbers, shape
from convwise.answers.tracebacks.telling import Match, Told, by, features
from convwise.answers.wording import listed, plural
from convwise.axis import Window

MOST_DIVISORS = 8
BOTH = "groups divides the channels that reach the layer and those that it makes"


def same_with_stride(match: Match) -> Told:
    headline = "padding='same' keeps the size, and with a stride over 1 PyTorch does not take it."
    lines = (
        "padding=(kernel - 1) // 2 for an odd kernel, or dilation * (kernel - 1) // 2: the output is the size / stride, rounded up",
        "or padding='same' with stride=1, and a pooling behind it",
    )
    return headline, (Fact("then", lines),), ()


def groups(match: Match) -> Told:
    """Channels that the groups do not divide; `what` are those that the layer makes or those that reach it."""
    told = match.groupdict()
    made = told["what"] in ("out", "filters", "weight", "output")
    what = "channels it makes" if made else "channels that reach it"
    if told.get("count") is None:
        return f"The groups do not divide the {what}.", (Fact("then", (BOTH,)),), ()
    count, parts = int(told["count"]), int(told["groups"])
    headline = f"The layer has {plural(parts, 'group')}, which do not divide the {count} {what}."
    return headline, (Fact("sizes", (_left(count, parts),)), Fact("then", (BOTH, _divisors(count)))), ()


def normed_groups(match: Match) -> Told:
    """GroupNorm: the channels are told alone, or as axis 1 of a shape."""
    told = match.groupdict()
    count = int(told["count"]) if told.get("count") else numbers(told["input"])[1]
    parts = int(told["groups"])
    headline = f"The normalisation has {plural(parts, 'group')}, which do not divide the {plural(count, 'channel')}."
    return headline, (Fact("sizes", (_left(count, parts),)), Fact("then", (_divisors(count),))), ()


def normed_weight(match: Match) -> Told:
    """GroupNorm, of channels that it was not made for."""
    need, given = int(match.group("need")), numbers(match.group("input"))
    have = given[1]
    headline = (
        f"The normalisation is made for {plural(need, 'channel')}, and {have} {'reaches' if have == 1 else 'reach'} it."
    )
    line = f"num_channels={have}, with a num_groups that divides it"
    return headline, (Fact("sizes", (f"{by(given)} reach it",)), Fact("then", (line,))), ()


def normed_shape(match: Match) -> Told:
    """LayerNorm: the last sizes must be those it was made for."""
    need, given = numbers(match.group("need")), numbers(match.group("input"))
    last = given[-len(need) :]
    headline = f"The normalisation is made for {by(need)} on the last axes, and {by(last)} {'reach' if last[-1] > 1 else 'reaches'} it."
    facts = [
        Fact(
            "sizes",
            (f"{by(given)} reach it: its last {'axis' if len(need) == 1 else f'{len(need)} axes'} must be {by(need)}",),
        )
    ]
    size = str(last[0]) if len(last) == 1 else str(list(last))
    fixes = [Fix(f"nn.LayerNorm({size})", given, "", "normalises what reaches it")] if len(last) == len(need) else []
    if len(need) == 1 and len(given) > 2 and given[1] == need[0]:
        rank = len(given)
        turned = (given[0], *given[2:], given[1])
        order = (0, *range(2, rank), 1)
        facts.append(Fact("perhaps", (f"the channels, {need[0]}, stand on axis 1, and LayerNorm takes them last",)))
        fixes.insert(0, Fix(f"x.permute{order}", turned, "", "channels last, before the norm"))
    return headline, tuple(facts), tuple(fixes)


def pool_padding(match: Match) -> Told:
    """Padding of a pool: at most half of the window, rounded down, so that no window lies in the padding alone."""
    pad, kernel = int(match.group("pad")), int(match.group("kernel"))
    dilation = int(match.groupdict().get("dilation") or 1)
    if not kernel or not dilation:
        return f"A pool's padding is at most half of its window, and {pad} is more.", (), ()
    span = Window(kernel, dilation=dilation).span
    reach = f"a window of {kernel}" + (f" with dilation {dilation} spans {span}" if dilation > 1 else "")
    headline = f"A pool's padding is at most half of its window: {pad} is more than {span} // 2 = {span // 2}."
    then = f"padding={span // 2} at most, a larger window, or nn.ZeroPad2d before it, which takes any number, and whose zeros are cells like others"
    return headline, (Fact("sizes", (reach,)), Fact("then", (then,))), ()


def pool_rank(match: Match) -> Told:
    told = match.groupdict()
    need = int(told["need"])
    sides = need - 1
    headline = f"The pool takes {need} axes (channels and {plural(sides, 'side')}), or {need + 1} with a batch"
    if not told.get("size"):
        then = "print(x.shape) before it: x[None] adds an axis in front, x.flatten(0, 1) makes one of two"
        return f"{headline}; it got another number, or an axis of size 0.", (Fact("then", (then,)),), ()
    given = numbers(told["size"])
    return f"{headline}, and got {len(given)}.", (Fact("sizes", (f"{by(given)} reach it",)),), ()


def view_strides(match: Match) -> Told:
    headline = (
        "view cannot join axes whose cells do not lie one behind the other in memory, as after permute or transpose."
    )
    fixes = (
        Fix("x.reshape(...)", (), "", "copies where it must, and takes the same sizes"),
        Fix("x.contiguous().view(...)", (), "", "the same in two steps"),
    )
    return headline, (), fixes


def shuffled(match: Match) -> Told:
    """PixelShuffle: the channels are made of blocks; PixelUnshuffle: a side is cut into blocks."""
    told = match.groupdict()
    have, part = int(told["have"]), int(told["part"])
    what = "channels" if told["what"] == "'channel'" else told["what"]
    verb = (
        "PixelShuffle makes squares of the channels"
        if what == "channels"
        else f"PixelUnshuffle cuts the {what} into pieces"
    )
    headline = f"{verb}, and {have} is not divisible by {part}."
    if not part:
        return headline, (), ()
    near = f"{have - have % part} or {have - have % part + part}" if have > part else str(part)
    then = f"{near} {'channels' if what == 'channels' else 'cells'} there, or another factor"
    return headline, (Fact("sizes", (_left(have, part),)), Fact("then", (then,))), ()


def depth(match: Match) -> Told:
    """TensorFlow and JAX: the channels of the input against those of the filter."""
    told = match.groupdict()
    have, need, parts = int(told["have"]), int(told["need"]), int(told.get("groups") or 1)
    if told.get("back"):
        return _depth_made(have, need)
    takes = need * parts
    multiple = ", or a multiple, which is read in groups" if told.get("groups") is None else ""
    many = f" ({need} in each of {parts} groups)" if parts > 1 else ""
    headline = (
        f"The filter takes {plural(takes, 'channel')}{many}, and {have} {'reaches' if have == 1 else 'reach'} it."
    )
    lines = (
        f"an input of {plural(takes, 'channel')}{multiple}, or a filter for {have}",
        "if an axis of the image holds that number, it is in another order than the layer reads",
    )
    return headline, (Fact("then", lines),), ()


def _depth_made(wanted: int, made: int) -> Told:
    """TensorFlow's conv2d_transpose: what it makes is the input of the convolution that it turns round."""
    headline = f"The transposed filter makes {plural(made, 'channel')}, and output_shape asks for {wanted}."
    lines = (
        "the filter is height x width x out x in: axis 2 holds the channels that it makes, the last those that reach it",
        f"output_shape with {plural(made, 'channel')}, or if out and in are the other way round tf.transpose(w, (0, 1, 3, 2))",
    )
    return headline, (Fact("then", lines),), ()


def conv_ranks(match: Match) -> Told:
    have, need = int(match.group("have")), int(match.group("need"))
    headline = f"The input has {have} axes and the filter {need}: both need as many."
    then = (
        "x[None] adds the batch"
        if have == need - 1
        else "batch, channels and the sides of the input; in, out and the sides of the filter"
    )
    return headline, (Fact("then", (then,)),), ()


def contracted(match: Match) -> Told:
    """JAX: a product of matrices whose inner sizes differ."""
    have, need = numbers(match.group("a")), numbers(match.group("b"))
    if len(have) == len(need) == 1:
        return features(have[0], need[0], None, None, "keras")
    return f"A product sums over axes of {by(have)} and of {by(need)}, which must be equal.", (), ()


def parameter(match: Match) -> Told:
    """Flax: a stored parameter of another shape than the input of now makes."""
    made, stored = shape(match.group("made")), shape(match.group("stored"))
    headline = f"The parameter '{match.group('name')}' is stored as {by(stored)}, and for this input it is {by(made)}."
    if len(made) != len(stored):
        return headline, (), ()
    lines = [
        f"axis {place}: {a} stored, {b} now" for place, (a, b) in enumerate(zip(stored, made, strict=True)) if a != b
    ]
    if lines and made[:-2] == stored[:-2] and made[-1] == stored[-1]:
        lines.append("the last axis but one counts the channels or features that reach the layer")
    then = "the input of the first time, or init again with this one"
    return headline, (Fact("sizes", tuple(lines)), Fact("then", (then,))), ()


def tensor_reshape(match: Match) -> Told:
    have, need = int(match.group("have")), int(match.group("need"))
    open_ = match.group("how") != "has"
    headline = f"{have} numbers cannot be laid out as " + (f"rows of {need}." if open_ else f"{need}.")
    line = f"{_left(have, need)}" if have >= need > 0 else f"{have} < {need}"
    then = "make the target from the sizes that reach it, or choose the input size it was made for"
    return headline, (Fact("sizes", (line,)), Fact("then", (then,))), ()


def _left(count: int, parts: int) -> str:
    return f"{count} = {count // parts} x {parts} + {count % parts}" if parts else f"{count} cannot be cut into 0 parts"


def _divisors(count: int) -> str:
    found = [str(part) for part in range(1, min(count, 512) + 1) if count % part == 0]
    if len(found) > MOST_DIVISORS:
        found = [*found[:MOST_DIVISORS], "others"]
    return f"{count} is divided by {listed(found)}" if found else "there are no channels"
