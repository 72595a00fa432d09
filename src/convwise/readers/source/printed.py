"""Models as frameworks print them: `print(model)` of PyTorch, `model.summary()` of Keras."""

from __future__ import annotations

import re

from convwise.errors import CodeError
from convwise.ops import Shape
from convwise.readers.echo import shown
from convwise.readers.source import printed_keras, printed_torch
from convwise.readers.source.result import Snippet

TABLES = (
    ("torchinfo", r"Layer \(type( \(var_name\)(:depth-idx)?|:depth-idx)\)"),
    ("torchsummary", r"^[ \t]*Layer \(type\)[ \t]+Output Shape[^│┃|]{0,2000}?^[ \t]*\w{1,80}-\d+[ \t]+\[{1,2}-?\d+,"),
)
"""The tables that PyTorch models are summarised in, and how each is known from Keras's."""


def read(text: str, dialect: str | None, release: str | None, given: Shape | None = None) -> Snippet | None:
    """The layers of a printed model; None if the text is none. `given` is the input that is asked about.

    Raises:
        CodeError: CW307 a table of torchinfo or torchsummary, CW314 something that is needed is not shown, CW315 not a straight line; else as the dialect reads.
    """
    _check_tables(text)
    if dialect != "keras" and re.search(r"^[ \t]*\([\w.-]+\): ", text, re.MULTILINE):
        return printed_torch.read(text, release)
    if dialect != "torch" and re.search(r"Layer \(type", text) and re.search(r"Output Shape", text):
        return printed_keras.read(text, release, given)
    return None


def _check_tables(text: str) -> None:
    for name, header in TABLES:
        found = re.search(header, text, re.MULTILINE)
        if found:
            raise CodeError(
                "CW307",
                f"this is a table of {name}, which shows no kernels, strides and padding of the PyTorch layers",
                detail=f"line {text.count(chr(10), 0, found.start()) + 1}: {shown(found.group().strip().splitlines()[0])}",
                received=name,
                hint="paste what print(model) shows, which has them, or the code of the class, whose forward has the order of the layers too",
            )
