"""How the names of files end, and what is a path and no code: asked here for every reader."""

from __future__ import annotations

import os

from convwise.readers.other_files import BY_ENDING

SOURCE_ENDINGS = (".py", ".ipynb", ".md", ".markdown", ".txt")
KERAS_ENDINGS = (".keras", ".h5", ".hdf5", ".json")
MODEL_ENDINGS = (".onnx", ".tflite", *KERAS_ENDINGS, *BY_ENDING)
"""Those of other kinds too, so that what they are can be told."""

LONGEST_PATH = 4096

CONTENT = "give what is in the file: open(path).read(); convwise.read(path) opens source and model files itself"
"""What to do with a path where text is wanted."""


def ending(path: str | bytes) -> str:
    """The end of a file's name from its last dot on, in small letters.

    >>> ending("nets/UNET.ONNX"), ending("nets.d/unet")
    ('.onnx', '')
    """
    return os.path.splitext(os.fsdecode(path))[1].lower()


def is_path(text: str) -> bool:
    """Whether a text names a file rather than being code: an ending, a separator, or a file of that name.

    A text with a bracket is one only where such a file exists: browsers save a second copy as `net (1).onnx`, and code
    may end in anything, but is not the name of a file.

    >>> is_path("unet.onnx"), is_path("Conv2D(32, 3)  # as in unet.py")
    (True, False)
    """
    if not text or len(text) > LONGEST_PATH or "\n" in text or "\0" in text:
        return False
    return like_a_path(text) or os.path.exists(text)


def like_a_path(text: str) -> bool:
    """Whether a text can only be meant as a path, whatever files there are: no bracket, and an ending, or one word with a separator.

    >>> like_a_path("nets/unet"), like_a_path("my net.py"), like_a_path("nn.Conv2d"), like_a_path("24 / 7")
    (True, True, False, False)
    """
    if "(" in text or "\n" in text:
        return False
    separated = "/" in text and not any(sign.isspace() for sign in text)
    return separated or ending(text) in (*SOURCE_ENDINGS, *MODEL_ENDINGS)
