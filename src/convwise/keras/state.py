"""What Keras keeps for the whole process: the stream that seeds set, and the counters behind automatic layer names."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from convwise.runtime.randomness import Stream

STREAM = Stream()
_NAMES: Counter[str] = Counter()


def generator(seed: int | None) -> np.random.Generator:
    """The stream that `set_random_seed` seeds, or one of its own for a seed."""
    return STREAM.generator if seed is None else np.random.default_rng(abs(int(seed)))


def unique_name(prefix: str) -> str:
    """`conv2d`, then `conv2d_1`, `conv2d_2` ... as Keras numbers its layers."""
    count = _NAMES[prefix]
    _NAMES[prefix] += 1
    return f"{prefix}_{count}" if count else prefix


def snake_case(kind: str) -> str:
    """The name that Keras derives from a class.

    >>> snake_case("MaxPooling2D"), snake_case("PReLU"), snake_case("Conv2DTranspose")
    ('max_pooling2d', 'p_re_lu', 'conv2d_transpose')
    """
    name = re.sub(r"\W+", "", kind)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def clear_session() -> None:
    """Automatic names start again from the beginning."""
    _NAMES.clear()
