"""What a message says of the targets and the outputs that a loss compares."""

from __future__ import annotations

import re

from convwise.answers.explanation import Fact
from convwise.answers.tracebacks.clue import shape
from convwise.answers.tracebacks.telling import Match, Told, by
from convwise.ops import Shape

SAME = "the last layer makes the channels, padding that keeps the size or a resize at the end the sides; or make the targets so"
CLASSES = "as many channels or units in the last layer as the targets have"
FLAT = "layers.Flatten() or layers.GlobalAveragePooling2D() before the last Dense, which works on the last axis alone"
EACH = "as many targets as samples"
ONE_NUMBER = "targets that are class numbers go with sparse_categorical_crossentropy, rows of 0 and 1 with categorical_crossentropy"


IN_LOSS = re.compile(r"\bin (?:\w{1,40}_loss|(?:binary_)?cross_entropy\w{0,20}|kl_div)\b|nn/modules/loss\.py")
"""Where a traceback of PyTorch stands inside a loss."""


def compared_sizes(match: Match) -> Told:
    """A message that any operation says of two tensors, said by a loss: PyTorch's losses read the output first and the target last."""
    said = match.groupdict()
    output, target, at = int(said["one"]), int(said["other"]), int(said["at"])
    headline = f"The loss compares outputs and targets whose axis {at} differs: {output} and {target}."
    return headline, (Fact("then", (SAME if at > 1 else CLASSES if at else EACH,)),), ()


def of_loss(match: Match) -> bool:
    """Whether a node that Keras names is a part of its loss: `compile_loss/mse/sub`."""
    return (match.groupdict().get("name") or "").split("/")[0].startswith(("compile_loss", "loss"))


def compared_node(match: Match) -> Told:
    """The node that compares both; what Keras calls `data_1` are the targets, which some losses read first and some last."""
    said = match.groupdict()
    if not said.get("a"):
        headline = f"The loss compares outputs and targets whose sizes differ: {said['one']} and {said['other']}."
        return headline, (Fact("then", ("targets of the shape that the model gives",)),), ()
    one, other = shape(said["a"]), shape(said["b"])
    if re.search(r", data(?:_\d{1,3})?\)", match.group(0)):
        return told(other, one)
    return told(one, other, known=re.search(r"\(data(?:_\d{1,3})?, ", match.group(0)) is not None)


def compared(match: Match) -> Told:
    """Keras: `target.shape=(None, 3), output.shape=(None, 10)`; `until` the last axis where targets are class numbers."""
    target, output = shape(match.group("target")), shape(match.group("have"))
    if not match.groupdict().get("until"):
        return told(target, output)
    return told(target, output, numbers=True)


def target_rank(match: Match) -> Told:
    """Keras, of class numbers: `Argument `output` must have rank (ndim) `target.ndim - 1``."""
    target, output = shape(match.group("target")), shape(match.group("have"))
    headline = f"The loss takes one class number a sample, and the targets are {by(target)}, where the model gives {by(output)}."
    return headline, (Fact("then", (FLAT if len(output) > max(len(target) + 1, 2) else ONE_NUMBER,)),), ()


def compared_torch(match: Match) -> Told:
    target, output = shape(match.group("target")), shape(match.group("have"))
    headline, facts, fixes = told(target, output)
    if len(output) == 2 and output[1] not in (1, None) and (len(target) == 1 or target[1] == 1):
        flat = "y" if len(target) == 1 else "y.squeeze(1)"
        line = f"targets that are class numbers: nn.CrossEntropyLoss()(output, {flat}), with y of dtype long"
        return headline, (*(fact for fact in facts if fact.label != "then"), Fact("then", (line,))), fixes
    return headline, facts, fixes


def compared_maps(match: Match) -> Told:
    """PyTorch's cross entropy of maps: the targets are class numbers, without the axis of the classes."""
    return told(shape(match.group("target")), shape(match.group("have")), numbers=True, classes=1)


def compared_batches(match: Match) -> Told:
    have, target = int(match.group("have")), int(match.group("target"))
    headline = f"The loss compares {have} outputs with {target} targets: there must be one target for each."
    line = "a view or reshape with a number written where the batch stands makes other rows of the samples: x.flatten(1) keeps each apart"
    return headline, (Fact("then", (line,)),), ()


def told(target: Shape, output: Shape, *, known: bool = True, numbers: bool = False, classes: int = -1) -> Told:
    """Of class `numbers` the output has an axis more, the one of the `classes`; `known` says which of the two is which."""
    headline = (
        f"The loss compares targets of {by(target)} with outputs of {by(output)}."
        if known
        else f"The loss compares outputs and targets whose shapes differ: {by(target)} and {by(output)}."
    )
    given = list(output)
    if numbers and len(given) > 1:
        del given[classes]
    if len(given) != len(target):
        lines = [f"{len(target)} against {len(given)} axes: both need the same"]
        if abs(len(given) - len(target)) == 1 and 1 in (given[-1:] + list(target[-1:])):
            lines.append("an axis of size 1 is too many or missing: x.squeeze(-1) takes it away, x[..., None] adds it")
        return headline, (Fact("then", tuple(lines)),), ()
    differ = [place for place, (a, b) in enumerate(zip(target, given, strict=True)) if None not in (a, b) and a != b]
    if not differ:
        return headline, (), ()
    place = differ[0]
    if known and not numbers and place == len(target) - 1 and target[place] == 1:
        return headline, (Fact("sizes", (f"axis {place}: 1 against {given[place]}",)), _class_numbers(given[place])), ()
    lines = [f"axis {at}: {target[at]} against {given[at]}" for at in differ]
    if place == 0:
        then = EACH
    elif len(target) == 2:
        then = (
            f"a last layer of {target[place]} units, or targets of {given[place]} columns"
            if known
            else "as many units in the last layer as the targets have columns"
        )
    else:
        then = SAME
    return headline, (Fact("sizes", tuple(lines)), Fact("then", (then,))), ()


def _class_numbers(classes: int | None) -> Fact:
    """One number a sample, where the model gives one for each class."""
    lines = (
        f"targets that are class numbers: loss='sparse_categorical_crossentropy', or rows of {classes} by keras.utils.to_categorical(y, {classes})",
        "targets that are one number each, such as 0 or 1: a last layer of 1 unit",
    )
    return Fact("then", lines)
