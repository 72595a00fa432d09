"""`x[:, ::2, None]`, and the members of tuples and dicts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from convwise.ops import Shape
from convwise.ops.several import Constant, Expand, Gather, Slice, Unsqueeze
from convwise.readers.torch_live.pieces import Pieces
from convwise.readers.torch_live.place import Place
from convwise.readers.torch_live.values import NotFollowed, NotKnown, Tensor, is_term


def getitem(place: Place, value: Any, index: Any) -> Any:
    """`value[index]` of a tensor, a tuple or a dict."""
    if isinstance(value, Tensor):
        return of_tensor(place, value, index if isinstance(index, tuple) else (index,))
    if isinstance(value, NotKnown):
        return value
    if isinstance(value, Pieces) and isinstance(index, int):
        return value.piece(index)
    if isinstance(index, int) or (isinstance(index, slice) and _plain(index)) or isinstance(value, dict):
        try:
            return value[index]
        except (KeyError, IndexError, TypeError):
            raise NotFollowed(f"there is no [{index!r}] in what is indexed") from None
    return NotKnown("an item")


def setitem(place: Place, value: Any, index: Any, new: Any) -> None:
    """`value[index] = new`: a tensor keeps its shape, and what is written must fill the cells."""
    if not isinstance(value, Tensor):
        return
    if not isinstance(new, Tensor):
        place.building.replaced(value, place.pointwise(value, "written"))
        return
    try:
        cells = place.building.sizes(getitem(replace(place, name=f"{place.name}.cells"), value, index))
        new = place.one(Expand(cells), new)
    except NotFollowed:
        place.building.note("CW422", f"what '{place.name}' writes is taken to fill its cells")
    # What reads the tensor from now on depends on what was written too.
    whole = replace(place, name=f"{place.name}.whole")
    place.building.replaced(value, whole.one(Constant(place.building.sizes(value)), value, new))


def _plain(index: slice) -> bool:
    return all(part is None or isinstance(part, int) for part in (index.start, index.stop, index.step))


def of_tensor(place: Place, tensor: Tensor, index: tuple[Any, ...]) -> Tensor:
    """One node for each part of the index that does something."""
    axis = taken = 0
    parts = _spread(index, place.rank(tensor))
    if sum(isinstance(part, Tensor | list | tuple) for part in parts) > 1:
        return _many(place, tensor, parts)
    for part in parts:
        if part is None:
            tensor = place.one(Unsqueeze((axis,)), tensor)
            axis += 1
        elif isinstance(part, slice):
            tensor = sliced(place, tensor, axis, part)
            axis += 1
        elif isinstance(part, Tensor | list | tuple):
            shape = _index_shape(place, part)
            if isinstance(part, Tensor):
                unknown_cells(place, tensor, axis)
            cells = () if isinstance(part, Tensor) else tuple(part)
            tensor = place.one(Gather(axis, shape, cells), tensor, *((part,) if isinstance(part, Tensor) else ()))
            axis += len(shape)
        elif is_term(part) or isinstance(part, NotKnown):
            words = f"index {part} is out of bounds for dimension {axis + taken} with size {{size}}"
            # Behind an ellipsis PyTorch counts the dimensions that are written, not those that there are.
            words = "" if any(one is Ellipsis for one in index) else words
            tensor = place.one(Gather(axis, (), one_cell(part), words), tensor)
            taken += 1
        else:
            raise NotFollowed(f"an index of {type(part).__name__} is not followed")
    return tensor


def one_cell(index: Any) -> tuple[int, ...]:
    """The number of a chosen cell; none where it follows from a size or is not known."""
    return (index,) if isinstance(index, int) and not isinstance(index, bool) else ()


def _spread(index: tuple[Any, ...], rank: int) -> tuple[Any, ...]:
    """The index with its `...` written out."""
    places = [number for number, part in enumerate(index) if part is Ellipsis]
    if not places:
        return index
    taken = sum(part is not None and part is not Ellipsis for part in index)
    at = places[0]
    return (*index[:at], *(slice(None),) * max(rank - taken, 0), *index[at + 1 :])


def sliced(place: Place, tensor: Tensor, axis: int, part: slice) -> Tensor:
    """`x[..., start:stop:step]`; nothing where all is kept."""
    if any(not (end is None or is_term(end)) for end in (part.start, part.stop)):
        raise NotFollowed("a slice whose ends are not known from the sizes")
    step = 1 if part.step is None else part.step
    if not isinstance(step, int) or step < 1:
        raise NotFollowed("a slice whose step is not a number")
    if part.start in (None, 0) and part.stop is None and step == 1:
        return tensor
    return place.one(Slice(axis, part.start, part.stop, step), tensor)


def _index_shape(place: Place, part: Any) -> Shape:
    """The shape of what chooses the cells; a mask's count follows from its values."""
    if isinstance(part, list | tuple):
        if all(isinstance(item, int) and not isinstance(item, bool) for item in part):
            return (len(part),)
        raise NotFollowed("a mask chooses cells by their values")
    shape = place.building.shape(part)
    if None in shape:
        raise NotFollowed("an index of open size")
    return shape


def _many(place: Place, tensor: Tensor, parts: tuple[Any, ...]) -> Tensor:
    """Several index tensors at once, on the first axes only, and of one shape: `table[rows, columns]`."""
    chosen = [part for part in parts if isinstance(part, Tensor | list | tuple)]
    shapes = {_index_shape(place, part) for part in chosen}
    if len(shapes) != 1 or len(chosen) != len(parts):
        raise NotFollowed("several index tensors")
    rest = place.building.sizes(tensor)[len(parts) :]
    shape = next(iter(shapes))
    return place.one(Constant((*(size for size in shape if size is not None), *rest)), tensor)


def unknown_cells(place: Place, tensor: Tensor, axis: int) -> None:
    """A note where a tensor chooses cells of an axis of open size: its numbers may lie behind the last one."""
    if axis and place.building.shape(tensor)[axis] is None:
        place.building.note("CW422", f"the cells of axis {axis} that a tensor chooses are taken to be there")


def chosen(place: Place, tensor: Tensor, axis: int, index: Tensor) -> Tensor:
    """`index_select` and `embedding`: whole cells chosen by an index tensor of one axis or more."""
    unknown_cells(place, tensor, axis)
    sizes = list(place.building.sizes(tensor))
    sizes[axis : axis + 1] = place.building.sizes(index)
    return place.one(Constant(tuple(sizes)), tensor, index)
