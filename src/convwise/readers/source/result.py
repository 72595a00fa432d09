"""What a reader hands on: the layers that a text or an object holds, each chain with its input."""

from __future__ import annotations

from dataclasses import dataclass

from convwise.dialects.base import Layer, Note
from convwise.errors import ConvwiseError
from convwise.ops import Shape


@dataclass(frozen=True)
class Found:
    """One layer, or one straight chain of layers, with one input.

    `input_shape` is in the framework's own order, None if the text names no input; `name` is the variable that holds the
    layer or model, `line` where it is applied (or else written), counted from 1. A chain that cannot be read while
    others of the same text can be has no `layers` but the `error`. `batched` says for Keras whether the shape begins with
    the batch, as an array's does and `input_shape=` does not; None where the text does not tell or PyTorch tells by the rank.
    `unordered` is the class of a printed module whose forward is not shown: its layers are taken to run once each as printed. `title` is the class of the text that the layers are an object of.
    `declared` is the input, with its batch, for which a Keras model was made that an array is fed to; `functional` says that
    the model is a `Model(inputs, outputs)`. `altered` says what stands between the layers, leaves shapes alone and changes values, so that
    the layers do not give what the text gives.
    """

    layers: tuple[Layer, ...]
    input_shape: Shape | None
    name: str | None
    line: int | None
    notes: tuple[Note, ...] = ()
    error: ConvwiseError | None = None
    batched: bool | None = None
    unordered: str = ""
    title: str = ""
    declared: Shape | None = None
    functional: bool = False
    altered: ConvwiseError | None = None


@dataclass(frozen=True)
class Snippet:
    """Everything found in one text, in the order of its lines; `dialect` is the one that most of its layers speak.

    `branches`: something in the text is no straight line, so that the chains found are not all of it.
    """

    dialect: str
    found: tuple[Found, ...]
    notes: tuple[Note, ...] = ()
    branches: bool = False
