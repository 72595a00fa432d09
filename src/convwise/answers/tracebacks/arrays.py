"""What Keras and TensorFlow say of the arrays that a model is trained on, in the words of Keras 1 and 2 too."""

from __future__ import annotations

import re
from math import prod

from convwise.answers.explanation import Fact, Fix
from convwise.answers.tracebacks import losses, ranks
from convwise.answers.tracebacks.clue import numbers, shape
from convwise.answers.tracebacks.telling import Match, Told, by, entry
from convwise.answers.wording import plural
from convwise.ops import Shape

ROWS = "loss='categorical_crossentropy', which takes rows of 0 and 1, or targets of class numbers: y.argmax(-1)"


def input_axes(match: Match) -> Told:
    """`Error when checking input: expected conv2d_1_input to have 4 dimensions, but got array with shape (60000, 28, 28)`."""
    need, given = int(match.group("need")), shape(match.group("have"))
    wants = f"The input '{match.group('name')}' wants {plural(need, 'axis', 'axes')}, the batch among them, and got {len(given)}"
    if len(given) > need:
        headline = f"{wants}: {len(given) - need} too many."
        sizes = [size for size in given[1:] if size is not None]
        if need != 2 or len(sizes) < len(given) - 1:
            return headline, (Fact("sizes", (f"{by(given)} was fed",)),), ()
        fix = Fix(f"x.reshape(-1, {prod(sizes)})", (given[0], prod(sizes)), "", "each sample as one row of numbers")
        return headline, (Fact("sizes", (f"{by(given)} was fed",)),), (fix,)
    return ranks.too_few(wants, need, given)


def input_shape(match: Match) -> Told:
    """The same for sizes: `expected conv2d_1_input to have shape (28, 28, 1) but got array with shape (28, 28, 3)`."""
    need, have = shape(match.group("need")), shape(match.group("have"))
    if need[:1] == (None,):
        return entry(need, have)
    # Later releases of Keras 2 leave the batch out of both.
    return entry((None, *need), (None, *have))


def target_axes(match: Match) -> Told:
    """The targets against the last layer: one of 4 axes that is to be compared with rows lacks its Flatten."""
    need, given = int(match.group("need")), shape(match.group("have"))
    headline = (
        f"The last layer '{match.group('name')}' gives {plural(need, 'axis', 'axes')}, and the targets are {by(given)}."
    )
    if need > len(given) and need > 2:
        return headline, (Fact("then", (losses.FLAT,)),), ()
    then = "targets with as many axes as the model gives, each sample's of the shape of its output"
    return headline, (Fact("then", (then,)),), ()


def target_shape(match: Match) -> Told:
    need, have = shape(match.group("need")), shape(match.group("have"))
    whole = need[:1] == (None,)
    if need[-1:] == (1,) and have[-1:] not in ((), (1,)) and len(need) == len(have):
        # With sparse_categorical_crossentropy Keras 2 expects one number, be there as many units as there may.
        headline = f"The loss compares targets of {by(have)} with one number a sample."
        lines = (
            f"with a last layer of {have[-1]} units: {ROWS}",
            f"with one unit: targets of one number each, or a last layer of {have[-1]} units",
        )
        return headline, (Fact("then", lines),), ()
    return losses.told(have if whole else (None, *have), need if whole else (None, *need))


def both(match: Match) -> Told:
    """Two shapes that a loss compares: the `target` and the `output`."""
    target, output = shape(match.group("target")), shape(match.group("have"))
    if len(output) > 2 and len(target) < 3:
        headline, facts, fixes = losses.told(target, output)
        return headline, (*(fact for fact in facts if fact.label != "then"), Fact("then", (losses.FLAT,))), fixes
    if len(target) == 1 and len(output) == 2 and output[1] != 1:
        return losses.told((*target, 1), output)
    return losses.told(target, output)


def incompatible(match: Match) -> Told:
    """Keras of TensorFlow 2: `Shapes (None, 1) and (None, 10) are incompatible`, which names neither."""
    headline, facts, fixes = both(match)
    line = "the message of a loss, whose first shape is the targets'; elsewhere two tensors or weights differ so"
    return headline, (Fact("read as", (line,)), *facts), fixes


def label_ranks(match: Match) -> Told:
    """`Rank of labels (received 2) should equal rank of logits minus 1 (received 2)`."""
    target, output = int(match.group("target")), int(match.group("have"))
    headline = f"The loss takes class numbers, with an axis less than the outputs: labels have {plural(target, 'axis', 'axes')} and outputs {output}."
    return headline, (Fact("then", (ROWS if target >= output else losses.FLAT,)),), ()


def first_axes(match: Match) -> Told:
    """TensorFlow, of class numbers: `logits shape [32,10] and labels shape [320]`."""
    output, target = numbers(match.group("have")), numbers(match.group("target"))
    rows, count = prod(output[:-1]), prod(target)
    headline = f"The loss takes one class number for each of {plural(rows, 'row')} of outputs, and got {count}."
    if count == rows * output[-1]:
        line = f"{count} = {rows} x {output[-1]}: the targets are rows of 0 and 1"
        return headline, (Fact("sizes", (line,)), Fact("then", (ROWS,))), ()
    if count and rows % count == 0:
        line = f"{rows} = {count} x {rows // count}: each sample has {rows // count} rows of outputs, as of a map that was not flattened"
        return headline, (Fact("sizes", (line,)), Fact("then", (losses.FLAT,))), ()
    then = "as many targets as samples, and class numbers with sparse_categorical_crossentropy"
    return headline, (Fact("then", (then,)),), ()


def cardinality(match: Match) -> Told:
    x, y = numbers(match.group("x")), numbers(match.group("y"))
    headline = f"The arrays have {by(x)} samples and {by(y)} targets: there must be one target for each."
    then = "the first axis is the samples in both: x[:n], y[:n], and train_test_split gives x_train, x_test, y_train, y_test in this order"
    return headline, (Fact("then", (then,)),), ()


def label(match: Match) -> Told:
    """A class number that no unit stands for: `Received a label value of 10 which is outside the valid range of [0, 10)`."""
    told = match.groupdict()
    have, least, most = int(told["have"]), int(told.get("least") or 0), told.get("most")
    headline = f"The targets hold the class number {have}, and the last layer has no unit for it."
    lines = ["class numbers count from 0: of n classes they are 0 to n - 1"]
    if most is not None:
        lines.insert(0, f"its {int(most) - least} units are classes {least} to {int(most) - 1}")
        if have == int(most):
            lines.append(f"y - 1 if the classes are counted from 1, or a last layer of {have + 1} units")
    elif have > 0:
        lines.append(f"a last layer of more than {have} units, or y - 1 if the classes are counted from 1")
    return headline, (Fact("then", tuple(lines)),), ()


def fed(match: Match) -> Told:
    """TensorFlow 1: `Cannot feed value of shape (64, 784) for Tensor 'x:0', which has shape '(?, 28, 28, 1)'`."""
    need, have = shape(match.group("need")), shape(match.group("have"))
    headline, facts, fixes = entry(need, have)
    return headline.replace("The model", f"The placeholder '{match.group('name')}'"), facts, fixes


def ranked(match: Match) -> Told:
    """TensorFlow: `input must be 4-dimensional[28,28,1]`, or `Shape must be rank 4 but is rank 3 ... with input shapes: [28,28,1]`."""
    need, given = int(match.group("need")), shape(match.group("size"))
    wants = f"The operation wants {plural(need, 'axis', 'axes')} and got {len(given)}"
    if need not in (3, 4, 5) or len(given) >= need or None in given[:1]:
        return f"{wants}.", (Fact("sizes", (f"{by(given)} reach it",)),), ()
    return ranks.too_few(wants, need, given)


def shrunk(match: Match) -> Told:
    """Keras 2: `One of the dimensions in the output is <= 0 due to downsampling in conv2d_3 ... Received input shape [None, 2, 2, 64]`."""
    name, given = match.group("name"), shape(match.group("size"))
    headline = f"The layers before '{name}' have used the image up: {by(given)} reach it, less than its window spans."
    then = "padding='same' there, a larger image, or one pooling fewer before it"
    return headline, (Fact("then", (then,)),), ()


def open_last(match: Match) -> Told:
    what = "features" if "last" in match.group(0) else "channels"
    headline = f"The layer makes weights for a number of {what} that is open (None)."
    lines = ["Input with numbers for the axes whose sizes become features: behind a Flatten these are height and width"]
    if what == "channels":
        lines = ["Input((None, None, 3)) leaves height and width open, and writes the channels"]
    else:
        lines.append("or GlobalAveragePooling2D instead of Flatten, which gives one number a channel for any size")
    return headline, (Fact("then", tuple(lines)),), ()


def weights(match: Match) -> Told:
    """Stored weights and those of the layer: `Layer weight shape (3, 3, 3, 64) not compatible with provided weight shape (3, 3, 1, 64)`."""
    need, have = shape(match.group("need")), shape(match.group("have"))
    return stored(need, have, "that are given")


def checkpoint(match: Match) -> Told:
    """PyTorch: `size mismatch for fc.weight: copying a param with shape [1000, 512] from checkpoint, the shape in current model is [10, 512]`."""
    name, have, need = match.group("name"), numbers(match.group("have")), numbers(match.group("need"))
    headline, facts, _ = stored(need, have, f"of '{name}' in the checkpoint")
    layer = re.sub(r"\.(?:weight|bias|running_\w+)$", "", name)
    lines = [
        f"make the model with the sizes of the checkpoint, load it, and put a new '{layer}' in afterwards",
        "or leave the keys of other sizes out of the dictionary and load with strict=False, which forgives missing keys and no sizes",
    ]
    return headline, (*facts, Fact("then", tuple(lines))), ()


def stored(need: Shape, have: Shape, where: str) -> Told:
    """Weights of one shape for a layer of another: which of its sizes differ."""
    headline = f"The weights {where} are {by(have)}, and the layer's are {by(need)}."
    if len(need) != len(have):
        line = f"{len(have)} against {plural(len(need), 'axis', 'axes')}: they are another kind of layer's"
        return headline, (Fact("sizes", (line,)),), ()
    lines = [
        f"axis {place}: {old} stored, {new} in the layer"
        for place, (new, old) in enumerate(zip(need, have, strict=True))
        if new != old
    ]
    return headline, (Fact("sizes", tuple(lines)),) if lines else (), ()


def colours(match: Match) -> Told:
    """keras.applications with weights: `The input must have 3 channels; Received `input_shape=(224, 224, 1)``."""
    have = shape(match.group("have"))
    headline = f"The stored weights are made for pictures of 3 channels, and input_shape is {by(have)}."
    lines = [
        f"input_shape={(*have[:2], 3)}, and grey pictures made coloured: tf.image.grayscale_to_rgb(x), or layers.Concatenate()([x, x, x]) before it"
    ]
    lines.append("or weights=None, which takes any channels and is not trained")
    return headline, (Fact("then", tuple(lines)),), ()


def included_top(match: Match) -> Told:
    need, have = shape(match.group("need")), shape(match.group("have"))
    headline = f"With include_top=True the stored dense layers take {by(need)} alone, and input_shape is {by(have)}."
    then = "include_top=False and a GlobalAveragePooling2D and Dense of your own, or pictures resized to what the top takes"
    return headline, (Fact("then", (then,)),), ()
