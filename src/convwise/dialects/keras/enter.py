"""The user's input shape as Keras's layers see it: always with a batch."""

from __future__ import annotations

from collections.abc import Sequence

from convwise.dialects.base import Entered, Layer, Note
from convwise.dialects.keras.flow import negative_size
from convwise.dialects.keras.reading import shown
from convwise.errors import Refusal
from convwise.ops import Dense, Norm, Pointwise, Pool, Shape, Size

KEEPING_RANK = (Pointwise, Norm, Dense)
"""Ops that leave the number of axes alone, so that a later layer tells how many there were."""

COLOURS = (1, 3)
FEW = (1, 2, 3, 4)
LARGE = 16


def enter(layers: Sequence[Layer], shape: Shape) -> Entered:
    """`shape` with a batch of unknown size before it where it has none.

    The first layer that wants a certain number of axes decides; without one, 4 and 5 sizes have a batch and 1 to 3 have none.

    Raises:
        ShapeError: CW103 where a size is negative.
    """
    if any(size is not None and size < 0 for size in shape):
        raise negative_size(shape)
    deciding = _deciding(layers)
    notes: tuple[Note, ...] = ()
    if deciding is not None and deciding.rank is not None:
        added = len(shape) == deciding.rank + 1
    else:
        added = len(shape) < 4
        notes = (_guessed(shape, added),)
    full = (None, *shape) if added else tuple(shape)
    if deciding is not None:
        notes += _other_order(deciding, full)
    return Entered(full, added, notes)


def _deciding(layers: Sequence[Layer]) -> Layer | None:
    """The first layer of a certain rank, past those that keep the rank whatever it is."""
    for layer in layers:
        if layer.rank is not None:
            return layer
        if not all(isinstance(op, KEEPING_RANK) for op in layer.ops):
            return None
    return None


def _guessed(shape: Shape, added: bool) -> Note:
    sizes = " x ".join("?" if size is None else str(size) for size in shape)
    if added:
        return Note("CW509", f"{sizes} is read as one sample: a batch of unknown size is put before it.")
    first = "unknown" if shape[0] is None else shape[0]
    return Note("CW509", f"{sizes} is read with the batch: {first} samples.")


def _other_order(layer: Layer, full: Shape) -> tuple[Note, ...]:
    """A note where (3, 224, 224) was most likely meant as channels, height, width."""
    if layer.rank != 2 or len(full) != 4:
        return ()
    first, middle, last = full[1:]
    if not layer.channels_last:
        return _meant_last(first, middle, last)
    if first not in COLOURS or middle is None or last is None or middle < LARGE or last < LARGE or last in FEW:
        return ()
    given = f"{first} x {middle} x {last}"
    return (
        Note(
            "CW508",
            f"Keras reads {given} as height, width, channels: {first} high, {middle} wide, {last} channels. "
            f"Did you mean {middle} x {last} x {first}, or data_format='channels_first'?",
        ),
    )


def _meant_last(first: Size, middle: Size, last: Size) -> tuple[Note, ...]:
    """The same where (224, 224, 3) was most likely meant as height, width, channels."""
    if last not in COLOURS or first is None or middle is None or first < LARGE or middle < LARGE:
        return ()
    text = (
        f"data_format='channels_first' reads {first} x {middle} x {last} as channels, height, width: {first} channels, "
        f"{middle} high, {last} wide. Did you mean {last} x {first} x {middle}, or data_format='channels_last'?"
    )
    return (Note("CW508", text),)


def pools_in_model(layers: Sequence[Layer]) -> None:
    """A pool's `padding='SAME'` is taken on an array and refused in a model.

    Raises:
        Refusal: CW207.
    """
    for layer in layers:
        word = layer.arguments.get("padding")
        if isinstance(layer.window_op, Pool) and isinstance(word, str) and word != word.lower():
            error = Refusal(
                "CW207",
                f"no padding {shown(word)} in a model",
                layer=f"Keras {layer.kind}",
                received=word,
                quote=f"Argument `padding` must be either 'valid' or 'same'. Received: padding={word}",
                hint=f"write {word.lower()!r}",
            )
            error.dialect, error.call = "keras", layer.call
            raise error
