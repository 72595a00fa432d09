"""How the names of files end: what is a path and no code, and which reader a name asks for."""

from __future__ import annotations

from convwise.readers.other_files import BY_ENDING

SOURCE_ENDINGS = (".py", ".ipynb", ".md", ".markdown", ".txt")
KERAS_ENDINGS = (".keras", ".h5", ".hdf5", ".json")
MODEL_ENDINGS = (".onnx", *KERAS_ENDINGS, *BY_ENDING)
"""Those of other kinds too, so that what they are can be told."""


def like_a_path(text: str) -> bool:
    """Whether a text without brackets can only be meant as a path: one word with a separator in it is no layer.

    >>> like_a_path("nets/unet"), like_a_path("nn.Conv2d"), like_a_path("24 / 7")
    (True, False, False)
    """
    return "/" in text and not any(sign.isspace() for sign in text)
