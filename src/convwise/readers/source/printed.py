"""Models as frameworks print them: `print(model)` of PyTorch, `model.summary()` of Keras."""

from __future__ import annotations

import re

from convwise.ops import Shape
from convwise.readers.source import printed_keras, printed_torch
from convwise.readers.source.result import Snippet


def read(text: str, dialect: str | None, release: str | None, given: Shape | None = None) -> Snippet | None:
    """The layers of a printed model; None if the text is none. `given` is the input that is asked about.

    Raises:
        CodeError: CW314 something that is needed is not shown, CW315 not a straight line; else as the dialect reads.
    """
    if dialect != "keras" and re.search(r"^[ \t]*\([\w.-]+\): ", text, re.MULTILINE):
        return printed_torch.read(text, release)
    if dialect != "torch" and re.search(r"Layer \(type", text) and re.search(r"Output Shape", text):
        return printed_keras.read(text, release, given)
    return None
