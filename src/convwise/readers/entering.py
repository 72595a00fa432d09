"""What goes into a chain: a given shape as its first layer sees it, and one whose sizes are all open where none is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from convwise.dialects.base import Dialect, Entered, Layer, channels_of, run_ops
from convwise.errors import ConvwiseError
from convwise.ops import Dense, Flatten, Layout, Norm, Op, Permute, Pointwise, Pool, Shape

if TYPE_CHECKING:
    from convwise.readers.source import Found


def enter(spoken: Dialect, found: Found, shape: Shape) -> Entered:
    """`shape` as the first layer sees it; whether it has a batch is told by the input that the text declares, if it does.

    A shape that is given with the text is told by the layers first: the input in the text may be another one.

    >>> from convwise import dialects
    >>> from convwise.readers.source import read_text
    >>> keras = dialects.get("keras")
    >>> (found,) = read_text("Flatten(input_shape=(9, 2))").found
    >>> enter(keras, found, (9, 2)).shape, enter(keras, found, (4, 9, 2)).shape
    ((None, 9, 2), (4, 9, 2))
    """
    guessed = spoken.enter(found.layers, shape)
    unsure = any(note.code == "CW509" for note in guessed.notes)
    if found.batched is None or found.input_shape is None:
        # PyTorch adds no batch: a note of it is no guess.
        unsure = unsure and found.layers[0].dialect == "keras"
        fitting = [full for full in (shape, (None, *shape)) if unsure and surplus(found.layers, full) == 0]
        return _settled(spoken, found, shape, fitting[0]) if len(fitting) == 1 else guessed
    if shape != found.input_shape and not unsure:
        return guessed
    axes = len(found.input_shape) + (not found.batched)
    if len(shape) not in (axes - 1, axes):
        return guessed
    return _settled(spoken, found, shape, (None, *shape) if len(shape) < axes else shape)


def _settled(spoken: Dialect, found: Found, shape: Shape, full: Shape) -> Entered:
    """What is left to say about the order of the sizes is said of the full shape; nothing is guessed any more."""
    notes = tuple(note for note in spoken.enter(found.layers, full).notes if note.code != "CW509")
    return Entered(full, full is not shape, notes)


def surplus(layers: Sequence[Layer], shape: Shape) -> int | None:
    """The axes that the first layer with windows sees beside those of a batch of maps: -1 for maps without a batch.

    None where no layer has windows, or those before it do not take the shape.
    """
    for layer in layers:
        if layer.rank is not None:
            return len(shape) - layer.rank - 2
        try:
            shape = run_ops(layer, shape, Layout(layer.channels_last)).output
        except ConvwiseError:
            return None
    return None


def open_shape(layers: Sequence[Layer]) -> Shape | None:
    """An input with a batch whose sizes are open but for the channels or features that the first layers take.

    None where nothing tells how many axes it has.

    >>> from convwise.readers.source import read_layer
    >>> open_shape(read_layer("nn.Sequential(nn.ReLU(), nn.Conv2d(3, 8, 3))"))
    (None, 3, None, None)
    >>> open_shape(read_layer("nn.Sequential(nn.Linear(5, 18), nn.Unflatten(1, (2, 3, 3)), nn.Conv2d(2, 8, 3))"))
    (None, 5)
    """
    tried = list(_likely(layers))
    return next((shape for shape in tried if surplus(layers, shape) == 0), tried[-1] if tried else None)


def _likely(layers: Sequence[Layer]) -> Iterator[Shape]:
    """Shapes that such layers are usually made for; the last one is right where none before the windows tells otherwise."""
    window, before = _split(layers)
    if window is None or window.rank is None:
        return
    first = next((op for op in before if not isinstance(op, Pointwise)), None)
    if isinstance(first, Dense):
        yield (None, first.in_features)
    axes = 4 if any(isinstance(op, Flatten) for op in before) else window.rank + 2
    for count in dict.fromkeys((axes, window.rank + 2)):
        place = _channels(window, before, count)
        shape: Shape = (None,) * count
        yield shape if place is None else (*shape[:place], channels_of(window), *shape[place + 1 :])


def channels_last(layers: Sequence[Layer], axes: int) -> bool:
    """Whether the channels stand last in an input of so many axes, as far as the layers before the first windows permute them."""
    window, before = _split(layers)
    if window is None:
        return layers[-1].channels_last
    place = _channels(window, before, axes)
    return window.channels_last if place is None else place == axes - 1 > 1


def _split(layers: Sequence[Layer]) -> tuple[Layer | None, list[Op]]:
    """The first layer with windows, and the ops before it."""
    place = next((number for number, layer in enumerate(layers) if layer.rank), None)
    return None if place is None else layers[place], [op for layer in layers[:place] for op in layer.ops]


def _channels(window: Layer, before: Sequence[Op], axes: int) -> int | None:
    """The axis of the input from which the channels come to the first windows; None where an op on the way hides it."""
    axis = axes - 1 if window.channels_last else 1
    for op in reversed(before):
        if isinstance(op, Permute) and len(op.order) == axes:
            axis = op.order[axis]
        elif (isinstance(op, Dense) and axis == axes - 1) or (
            not isinstance(op, Pointwise | Norm | Pool | Dense) and not (isinstance(op, Flatten) and op.start > 1)
        ):
            return None
    return axis
