"""From the match of a message to its clue: the numbers by which the layer is known again in a model."""

from __future__ import annotations

import re

from convwise.answers.tracebacks.clue import Clue, numbers, shape
from convwise.answers.tracebacks.joins import differing_pair, every_shape
from convwise.answers.tracebacks.losses import of_loss

Match = re.Match[str]


def _int(match: Match, name: str) -> int | None:
    text = match.group(name)
    return None if text is None else int(text)


def _name(match: Match) -> str:
    return str(match.groupdict().get("name") or "")


def dense(match: Match) -> Clue:
    found = match.groupdict()
    return Clue(
        "dense",
        _name(match),
        have=int(found["have"]),
        need=int(found["need"]),
        out=int(found["out"]) if found.get("out") else None,
        rows=int(found["rows"]) if found.get("rows") else None,
    )


def axis_value(match: Match) -> Clue:
    """Of rows it is a dense layer that says it; of maps any layer that was built for so many channels."""
    told, axis = shape(match.group("shape")), int(match.group("axis"))
    have = told[axis] if -len(told) <= axis < len(told) else None
    return Clue("dense" if len(told) == 2 else "built", _name(match), (told,), have, _int(match, "need"), axis=axis)


def channels(match: Match) -> Clue:
    weight, told = numbers(match.group("weight")), shape(match.group("input"))
    transposed = match.group("groups") is None
    return Clue(
        "conv",
        shapes=(told,),
        have=_int(match, "have"),
        need=_int(match, "need"),
        out=None if transposed else weight[0],
        groups=_int(match, "groups"),
        kernel=weight[2:],
        transposed=transposed,
    )


def channels_onnx(match: Match) -> Clue:
    groups = int(match.group("groups") or 1)
    return Clue("conv", _name(match), have=_int(match, "have"), need=int(match.group("need")) * groups)


def normed(match: Match) -> Clue:
    return Clue("norm", have=_int(match, "have"), need=_int(match, "need"))


def padded(match: Match) -> Clue:
    return Clue("window", span=numbers(match.group("span")), padded=numbers(match.group("padded")))


def reflected(match: Match) -> Clue:
    return Clue("padding", shapes=(shape(match.group("input")),), axis=_int(match, "axis"))


def pooled(match: Match) -> Clue:
    """The last sizes are the windows'; a pool along a line tells a second axis of size 1 before its own."""
    gives = tuple(int(size) for size in re.findall(r"-?\d{1,12}", match.group("output")))
    return Clue("window", shapes=((None, *numbers(match.group("input"))),), gives=gives[1:])


def negative(match: Match) -> Clue:
    """TensorFlow's words name one axis; with a graph they name the node and the shapes too."""
    told = match.groupdict()
    need, have = _int(match, "need"), _int(match, "have")
    shapes = (shape(told["shape"]),) if told.get("shape") else ()
    stride = int(told["stride"]) if told.get("stride") else None
    return Clue("window", _name(match), shapes, have, need, stride=stride)


def negative_keras(match: Match) -> Clue:
    told, kernel = shape(match.group("input")), numbers(match.group("kernel"))
    windows = kernel[: len(told) - 2]
    out = kernel[-1] if len(kernel) > len(windows) else None
    return Clue("window", shapes=(told,), kernel=windows, out=out)


def joined(match: Match) -> Clue:
    """PyTorch's torch.cat: tensor 0 has the expected size, and the tensor of that number the other."""
    found = match.groupdict()
    number = int(found["number"]) if found.get("number") else None
    parts = ((0 if number is not None else None, int(found["one"])), (number, int(found["other"])))
    at, along = (int(found[name]) if found.get(name) else None for name in ("at", "along"))
    return Clue("join", _name(match), parts=parts, axis=at, along=along)


def joined_shapes(match: Match) -> Clue:
    return Clue("join", _name(match), shapes=(shape(match.group("a")), shape(match.group("b"))))


def joined_samples(match: Match) -> Clue:
    """The same where the batch is left out."""
    return Clue("join", _name(match), shapes=tuple((None, *shape(match.group(name))) for name in ("a", "b")))


def joined_node(match: Match) -> Clue:
    """A graph names the node: a product of matrices is a dense layer's, and some are no layer's but the loss's."""
    if of_loss(match):
        return Clue("loss")
    if "MatMul" not in (match.group("op") or ""):
        return joined(match)
    return Clue("dense", _name(match), have=_int(match, "one"), need=_int(match, "other"))


def concatenated(match: Match) -> Clue:
    return Clue("join", _name(match), shapes=differing_pair(every_shape(match)))


def reshaped(match: Match) -> Clue:
    sizes = re.findall(r"-?\d{1,12}", match.group("target"))
    return Clue("reshape", _name(match), have=_int(match, "have"), target=tuple(int(size) for size in sizes))


def reshaped_shape(match: Match) -> Clue:
    told = shape(match.group("input"))
    target = tuple(int(size) for size in re.findall(r"-?\d{1,12}", match.group("target")))
    # Keras prints the shape without the batch.
    whole = told if match.groupdict().get("name") else (None, *told)
    return Clue("reshape", _name(match), shapes=(whole,), target=target)


def entry_axis(match: Match) -> Clue:
    return Clue("entry", _name(match), have=_int(match, "have"), need=_int(match, "need"), axis=_int(match, "index"))


def entry(match: Match) -> Clue:
    return Clue("entry", _name(match), shapes=(shape(match.group("have")),))


def compared(_: Match) -> Clue:
    return Clue("loss")


def named(match: Match) -> Clue:
    return Clue("named", _name(match))
