"""The garbage collector rests while many small objects are made that all stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def resting() -> Iterator[None]:
    """No collection inside, where one would look through a growing network, or all of PyTorch's objects, again and again.

    It is as it was afterwards. What other threads leave behind meanwhile is collected then.

    >>> with resting():
    ...     gc.isenabled()
    False
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
