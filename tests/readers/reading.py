"""Short forms for what a text was read as."""

from __future__ import annotations

import pytest

from convwise.errors import ConvwiseError
from convwise.readers.source import Found, read_text


def texts(found: Found) -> list[str]:
    return [layer.call.text for layer in found.layers]


def names(found: Found) -> list[str | None]:
    return [layer.name for layer in found.layers]


def only(text: str, **options: str) -> Found:
    """The one Found of a text."""
    found = read_text(text, **options).found
    assert len(found) == 1, found
    return found[0]


def refused(text: str, **options: str) -> ConvwiseError:
    """The error that a text gives."""
    with pytest.raises(ConvwiseError) as caught:
        read_text(text, **options)
    assert "\n" not in caught.value.fact
    return caught.value
