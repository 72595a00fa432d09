"""What is said of tensors that are stacked, multiplied, laid out or written into, beside the layers of a model."""

from __future__ import annotations

from math import prod

from convwise.answers.explanation import Fact, Fix
from convwise.answers.tracebacks.clue import numbers, shape, signed
from convwise.answers.tracebacks.telling import Match, Told, by, features
from convwise.answers.wording import plural


def stacked(match: Match) -> Told:
    """PyTorch: `stack expects each tensor to be equal size, but got [3, 224, 224] at entry 0 and [3, 224, 225] at entry 1`."""
    one, other = numbers(match.group("a")), numbers(match.group("b"))
    headline = f"Samples of different sizes are made one batch: {by(one)} and {by(other)}."
    if len(one) != len(other):
        return headline, (Fact("then", ("all samples with as many axes",)),), ()
    differ = [place for place, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    facts = [Fact("sizes", tuple(f"axis {place}: {one[place]} and {other[place]}" for place in differ))]
    pictures = match.group("who") == "stack" and len(one) == 3
    then = []
    if pictures and any(differ) and differ != [0]:
        then.append(
            f"one size for all pictures in the Dataset: transforms.Resize(({one[1]}, {one[2]})), with both numbers, as one keeps the proportions"
        )
    if pictures and 0 in differ:
        then.append('the same channels for all: Image.open(path).convert("RGB"), or .convert("L") for grey')
    if not then:
        then.append("pad or crop them to one size, or a collate_fn that does")
    return headline, (*facts, Fact("then", tuple(then))), ()


def in_place(match: Match) -> Told:
    """PyTorch: `output with shape [1, 28, 28] doesn't match the broadcast shape [3, 28, 28]`."""
    have, made = numbers(match.group("have")), numbers(match.group("made"))
    headline = f"An operation that writes into a tensor of {by(have)} would make {by(made)} of it."
    lines = ["x = x + y makes a new tensor, where x += y and add_ write into the old one"]
    if len(have) == 3 and have[0] == 1 and have[1:] == made[1:]:
        lines.insert(
            0, f"transforms.Normalize with {made[0]} means for pictures of 1 channel: Normalize((0.5,), (0.5,)) has one"
        )
    return headline, (Fact("then", tuple(lines)),), ()


def ranks_joined(match: Match) -> Told:
    """torch.cat and tf.concat of different numbers of axes."""
    told = match.groupdict()
    shapes = [shape(told[name]) for name in ("a", "b") if told.get(name)]
    one, other = (len(shapes[0]), len(shapes[1])) if shapes else (int(told["one"]), int(told["other"]))
    headline = f"Tensors of {one} and of {plural(other, 'axis', 'axes')} are joined: all need as many."
    lines = [
        "x[None] adds an axis in front, x[:, None] behind the first, x[..., None] at the end; x.flatten(1) makes rows of maps"
    ]
    return (
        headline,
        (*((Fact("shapes", (" and ".join(map(by, shapes)),)),) if shapes else ()), Fact("then", tuple(lines))),
        (),
    )


def multiplied(match: Match) -> Told:
    """torch.bmm: `Expected size for first two dimensions of batch2 tensor to be: [2, 32] but got: [2, 48]`."""
    need, have = numbers(match.group("need")), numbers(match.group("have"))
    if need[0] != have[0]:
        headline = f"Two batches of matrices are multiplied that differ: {need[0]} and {have[0]} of them."
        return headline, (), ()
    headline = f"Matrices are multiplied whose inner sizes differ: {need[1]} columns of the first, {have[1]} rows of the second."
    return headline, (Fact("then", (f"b.transpose(1, 2) if the {need[1]} stand last in the second",)),), ()


def reshaped_open(match: Match) -> Told:
    """Keras: `the input size cannot by divided by the specified dimensions in target_shape`."""
    given, target = shape(match.group("input")), signed(match.group("target"))
    whole, rows = prod(size for size in given if size is not None), prod(size for size in target if size > 0)
    headline = f"{by(given)} cannot be laid out as rows of {rows}."
    left = f"{whole} = {whole // rows} x {rows} + {whole % rows}" if rows else f"{whole} numbers"
    then = "make the target from the sizes that reach it, or choose the input size it was made for"
    return headline, (Fact("sizes", (left,)), Fact("then", (then,))), ()


def reshaped_count(match: Match) -> Told:
    """NumPy and TensorFlow: so many numbers and the shape they should have."""
    have = int(match.group("have"))
    target = signed(match.group("target").replace("?", "-1"))
    words = " x ".join("?" if size < 0 else str(size) for size in target)
    headline = f"{have} numbers cannot be laid out as {words}."
    fixed = prod(size for size in target if size > 0)
    lines = [f"{have} = {have // fixed} x {fixed} + {have % fixed}"] if fixed else []
    sample = prod(size for size in target[1:] if size > 0)
    fixes: tuple[Fix, ...] = ()
    if len(target) > 1 and min(target) > 0 and sample and have % sample == 0:
        shape_ = ", ".join(map(str, (-1, *target[1:])))
        count = have // sample
        fixes = (
            Fix(
                f"x.reshape({shape_})",
                (count, *target[1:]),
                "",
                f"{plural(count, 'sample')} of {sample}, and {target[0]} written",
            ),
        )
    then = "make the target from the sizes that are there, or choose the input size it was made for"
    return headline, (Fact("sizes", tuple(lines)), Fact("then", (then,))), fixes


def unflattened(match: Match) -> Told:
    sizes, have = numbers(match.group("sizes")), int(match.group("have"))
    headline = f"{have} numbers cannot be laid out as {by(sizes)}, which are {prod(sizes)}."
    first, rest = sizes[0], prod(sizes[1:])
    lines = [f"axis {match.group('axis')} has {have}, and {by(sizes)} = {prod(sizes)}"]
    fixes: tuple[Fix, ...] = ()
    if rest and have % rest == 0:
        made = (have // rest, *sizes[1:])
        fixes = (Fix(f"nn.Unflatten({match.group('axis')}, {made})", (), "", f"{have // rest} instead of {first}"),)
    then = f"or a layer before it that makes {prod(sizes)}"
    return headline, (Fact("sizes", tuple(lines)), Fact("then", (then,))), fixes


def expanded(match: Match) -> Told:
    need, have, at = (int(match.group(name)) for name in ("need", "have", "at"))
    headline = f"Axis {at} is repeated to {need} cells, and it has {have}: only an axis of 1 can be."
    lines = (f"{by(numbers(match.group('b')))} to {by(numbers(match.group('a')))}",)
    return headline, (Fact("sizes", lines),), ()


def recurrent(match: Match) -> Told:
    need, have = int(match.group("need")), int(match.group("have"))
    return (
        features(have, need, None, None, "torch")[0].replace("the Linear layer", "the recurrent layer"),
        (
            Fact(
                "then",
                (
                    f"nn.LSTM({have}, ...) and so on takes them; the features stand last, behind the steps",
                    f"or x.permute(0, 2, 1) before it, if the {need} features stand on axis 1, as a convolution leaves them",
                ),
            ),
        ),
        (),
    )


def open_weights(match: Match) -> Told:
    """Keras: weights that would have a size of the open image."""
    made = shape(match.group("shape"))
    layer = match.group("path").split("/")[-2] if "/" in match.group("path") else match.group("path")
    headline = (
        f"The layer '{layer}' would have weights of {by(made)}: it is made for a number of features that is open."
    )
    lines = (
        "behind a Flatten that number is channels x height x width: Input with numbers for height and width, not None",
        "or GlobalAveragePooling2D instead of Flatten, which gives one number a channel for any size",
    )
    return headline, (Fact("then", lines),), ()


def too_small_input(match: Match) -> Told:
    """keras.applications: `Input size must be at least 32x32; Received: input_shape=(28, 28, 3)`."""
    least, given = numbers(match.group("least")), shape(match.group("have"))
    headline = f"The network needs pictures of at least {by(least)}, and input_shape is {by(given)}."
    then = (
        f"input_shape=({least[0]}, {least[-1]}, {given[-1]}), and pictures resized to it: layers.Resizing({least[0]}, {least[-1]}) before the network",
    )
    return headline, (Fact("then", then),), ()
