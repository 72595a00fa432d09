"""What PyTorch's losses and normalisations say in training: targets in other axes than the loss reads, and too few values to average."""

from __future__ import annotations

from convwise.answers.explanation import Fact, Fix
from convwise.answers.tracebacks.clue import numbers
from convwise.answers.tracebacks.telling import Match, Told, by

DIGITS = "nn.CrossEntropyLoss and nn.NLLLoss take one class number a sample: an axis for the classes in the output, and none in the targets"


def class_numbers(_: Match) -> Told:
    """PyTorch: `0D or 1D target tensor expected, multi-target not supported`."""
    fixes = (
        Fix("y.squeeze(1)", (), "", "of targets N x 1, which are then N"),
        Fix("y.argmax(1)", (), "", "of targets that are rows of 0 and 1, one column a class"),
    )
    return (
        "The loss takes one class number for each sample, and the targets have another axis.",
        (Fact("then", (DIGITS,)),),
        fixes,
    )


def maps_of_classes(match: Match) -> Told:
    """PyTorch: `only batches of spatial targets supported (3D tensors) but got targets of dimension: 4`."""
    have = int(match.group("have"))
    headline = f"The loss of maps takes targets of 3 axes (batch x height x width) and got {have}."
    if have != 4:
        return headline, (Fact("then", (DIGITS,)),), ()
    fixes = (
        Fix("y.squeeze(1)", (), "", "of targets N x 1 x H x W"),
        Fix("y.argmax(1)", (), "", "of targets with one map of 0 and 1 a class"),
    )
    return headline, (Fact("then", (DIGITS,)),), fixes


def target_size(match: Match) -> Told:
    """PyTorch: `Expected target size [32, 10], got [32]`, of outputs that have an axis behind the classes."""
    need, have = numbers(match.group("need")), numbers(match.group("have"))
    headline = f"The loss reads axis 1 of the outputs as the classes, so that it wants targets of {by(need)}, and they are {by(have)}."
    lines = [f"the outputs are {need[0]} x classes x {by(need[1:])}" if len(need) > 1 else DIGITS]
    fixes: tuple[Fix, ...] = ()
    if len(have) == len(need) and len(need) == 2:
        last = f"if the outputs are {have[0]} x {have[1]} x {need[1]} and the {need[1]} are the classes, which PyTorch reads on axis 1"
        fixes = (Fix("output.permute(0, 2, 1)", (have[0], need[1], have[1]), "", last),)
    elif len(have) == 1 and len(need) == 2:
        lines.append(
            "one class number a sample goes with outputs of batch x classes: a Flatten, a mean or the last step takes the axis between away"
        )
    return headline, (Fact("sizes", tuple(lines)),), fixes


def few_values(match: Match) -> Told:
    """PyTorch's norms in training: `Expected more than 1 value per channel when training, got input size torch.Size([1, 64])`."""
    given = numbers(match.group("size"))
    what = "cell a sample" if match.group("what").startswith("spatial") else "value a channel"
    headline = f"In training the normalisation needs more than one {what}, and {by(given)} has one."
    if what == "cell a sample":
        then = ["a larger image or one pooling fewer before it: of maps of one cell there is nothing to average"]
    elif given[0] == 1:
        then = [
            "to predict: model.eval() before, which uses the stored mean and variance",
            "to train: more than one sample, and drop_last=True in the DataLoader where the last batch has one",
        ]
    else:
        then = ["more values in each group: larger maps, or fewer groups"]
    return headline, (Fact("then", tuple(then)),), ()
