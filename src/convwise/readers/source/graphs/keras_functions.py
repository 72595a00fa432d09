"""Functions of keras.ops, of Keras's backend and of TensorFlow that are a layer, or a function of PyTorch's, under another name."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from convwise.dialects.base import Call, Unknown
from convwise.errors import ConvwiseError
from convwise.ops import Permute
from convwise.ops.several import Constant
from convwise.readers.source import collecting
from convwise.readers.source.graphs.asking import followed
from convwise.readers.source.graphs.wiring import Wiring, doubted, flat, is_size, lost
from convwise.readers.source.names import split
from convwise.readers.source.state import Run
from convwise.readers.source.values import MISSING, Made
from convwise.readers.torch_live.values import NotFollowed
from convwise.readers.torch_live.values import Tensor as Wire

HOMES = ("keras.ops", "keras.backend", "tensorflow")
"""Where these functions stand, themselves or in a module inside."""

KEEPING = frozenset(
    [
        "l2_normalize",
        "reverse",
        "flip_left_right",
        "flip_up_down",
        "random_flip_left_right",
        "random_flip_up_down",
        "per_image_standardization",
        "adjust_brightness",
        "adjust_contrast",
        "random_brightness",
        "random_contrast",
        "local_response_normalization",
        "lrn",
    ]
)
"""Functions that leave the shape alone."""

REDUCING = {"reduce_std": "std", "reduce_variance": "var", "norm": "sum"}
"""Functions that take axes away, and the function that takes the same ones away."""

RENAMED: dict[str, tuple[str, tuple[str, ...]]] = {
    "stack": ("stack", ("axis",)),
    "unstack": ("unbind", ("num", "axis")),
    "tile": ("tile", ("multiples",)),
    "repeat": ("repeat_interleave", ("repeats", "axis")),
    "repeat_elements": ("repeat_interleave", ("rep", "axis")),
    "moveaxis": ("movedim", ("source", "destination")),
    "swapaxes": ("swapaxes", ("axis1", "axis2")),
    "permute_dimensions": ("permute", ("pattern",)),
    "batch_flatten": ("flatten", ()),
}
"""PyTorch's function of each, and what its arguments behind the array are called."""

LAYERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "max_pool": ("MaxPooling", ("pool_size", "strides", "padding", "data_format")),
    "average_pool": ("AveragePooling", ("pool_size", "strides", "padding", "data_format")),
    "pool2d": ("Pooling2D", ("pool_size", "strides", "padding", "data_format", "pool_mode")),
    "resize_images": ("UpSampling2D", ("height_factor", "width_factor", "data_format", "interpolation")),
    "spatial_2d_padding": ("ZeroPadding2D", ("padding", "data_format")),
}
"""Keras's layer of each, and the function's arguments behind the array."""


def meant(run: Run, graph: Wiring, path: str, arguments: list[Any], words: dict[str, Any], node: ast.AST) -> Any:
    """What such a function gives; MISSING for any other."""
    module, name = split(path)
    if not module.startswith(HOMES) or not arguments:
        return MISSING
    x, rest = arguments[0], {word: value for word, value in words.items() if word != "name"}
    if any(isinstance(part, Unknown) for part in flat([arguments[1:], list(rest.values())])):
        return MISSING
    try:
        if name == "stack" and isinstance(x, list | tuple):
            return _renamed(run, graph, name, arguments, rest, node)
        if not isinstance(x, Wire):
            return MISSING
        if name in KEEPING:
            return _one(graph, run, name, node, lambda place: place.pointwise(x, name))
        if name in ("crop_to_bounding_box", "gather", "take", "one_hot"):
            return _taken(run, graph, name, arguments, rest, node)
        if name in REDUCING and module != "keras.ops":
            axis, kept = rest.get("axis", (*arguments, None)[1]), bool(rest.get("keepdims", rest.get("keep_dims")))
            return _followed(run, graph, REDUCING[name], (x, axis, kept), {}, node)
        if name in RENAMED:
            return _renamed(run, graph, name, arguments, rest, node)
        if name in LAYERS and module in HOMES:
            return _layer(run, graph, name, x, arguments[1:], rest, node)
        if name == "reshape":
            return _reshaped(run, graph, x, arguments[1:], rest, node)
        if name == "matmul" and len(arguments) == 2 and rest.keys() & {"transpose_a", "transpose_b"}:
            return _product(run, graph, arguments, rest, node)
    except NotFollowed as reason:
        return lost(run, node, str(reason))
    return MISSING


def _one(graph: Wiring, run: Run, name: str, node: ast.AST, make: Callable[[Any], Wire]) -> Wire:
    found = make(graph.place(run, name, f"ops.{name}"))
    graph.written(node)
    return found


def _followed(run: Run, graph: Wiring, name: str, args: Any, words: dict[str, Any], node: ast.AST) -> Any:
    return followed(run, graph, graph.place(run, name, f"ops.{name}"), name, args, words, node)


def _renamed(run: Run, graph: Wiring, name: str, arguments: list[Any], words: dict[str, Any], node: ast.AST) -> Any:
    other, places = RENAMED[name]
    given = dict(zip(places, arguments[1:], strict=False)) | words
    if len(arguments) - 1 > len(places) or not given.keys() <= {*places, "reps", "repeats"}:
        return MISSING
    if name == "batch_flatten":
        return _followed(run, graph, other, (arguments[0], 1), {}, node)
    given.pop("num", None)
    if "axis" in given:
        given["dim"] = given.pop("axis")
    elif name in ("repeat", "repeat_elements"):
        return lost(run, node, "without an axis it lays all cells in a row")
    plain = tuple(value for word, value in given.items() if word != "dim")
    return _followed(run, graph, other, (arguments[0], *plain), {"dim": given["dim"]} if "dim" in given else {}, node)


def _taken(run: Run, graph: Wiring, name: str, arguments: list[Any], words: dict[str, Any], node: ast.AST) -> Any:
    """Cells taken out of an array by their numbers, or numbers made into columns."""
    x, rest = arguments[0], arguments[1:]
    if name == "one_hot":
        depth = rest[0] if rest else words.get("depth", words.get("num_classes"))
        if type(depth) is not int or words.get("axis", -1) != -1 or len(rest) > 1:
            return MISSING
        shape = (*graph.building.sizes(x), depth)
        return _one(graph, run, name, node, lambda place: place.one(Constant(shape), x))
    if name == "crop_to_bounding_box":
        if len(rest) != 4 or words or not all(type(one) is int for one in rest):
            return MISSING
        top, left, height, width = rest
        key: Any = (Ellipsis, slice(top, top + height), slice(left, left + width), slice(None))
        return _followed(run, graph, "getitem", (x, key), {}, node)
    axis, index = words.get("axis"), rest[0] if rest else words.get("indices")
    plain = isinstance(index, list | tuple) and all(type(one) is int for one in index)
    if type(axis) is not int or len(rest) > 1 or not (plain or type(index) is int):
        return MISSING
    where = axis % len(graph.building.shape(x))
    key = (*(slice(None),) * where, list(index) if isinstance(index, list | tuple) else index)
    return _followed(run, graph, "getitem", (x, key), {}, node)


def _layer(
    run: Run, graph: Wiring, name: str, x: Wire, arguments: list[Any], words: dict[str, Any], node: ast.AST
) -> Any:
    kind, places = LAYERS[name]
    given = dict(zip(places, arguments, strict=False)) | words
    if len(arguments) > len(places) or not given.keys() <= set(places):
        return MISSING
    if any(is_size(part) or isinstance(part, Wire) for part in flat(list(given.values()))):
        return MISSING
    if name == "pool2d":
        kind = {"avg": "Average", "max": "Max"}.get(given.pop("pool_mode", "max"), "") + kind
        given.setdefault("strides", (1, 1))
    elif name == "resize_images":
        given["size"] = (given.pop("height_factor", None), given.pop("width_factor", None))
    elif name.endswith("_pool"):
        kind += f"{len(graph.building.shape(x)) - 2}D"
    made = Made(kind, Call(kind, (), tuple(given.items()), run.source(node), getattr(node, "lineno", 0)), "keras")
    try:
        layer = collecting.read_made(run, "keras", None, made, {})
    except ConvwiseError as error:
        return doubted(run, error)
    return _one(graph, run, name, node, lambda place: place.one(layer.named(place.name), x))


def _reshaped(run: Run, graph: Wiring, x: Wire, arguments: list[Any], words: dict[str, Any], node: ast.AST) -> Any:
    """`tf.reshape(x, (tf.shape(x)[0], -1))`: as many rows as before, which the text does not give as a number."""
    shape = arguments[0] if arguments else words.get("shape", words.get("newshape"))
    if not isinstance(shape, list | tuple) or tuple(shape[:1]) != (None,) or shape.count(-1) != 1:
        return MISSING
    if not all(type(size) is int for size in shape[1:]):
        return MISSING
    return _followed(run, graph, "reshape", (x, (graph.building.size(x, 0), *shape[1:])), {}, node)


def _product(run: Run, graph: Wiring, arguments: list[Any], words: dict[str, Any], node: ast.AST) -> Any:
    """`tf.matmul(a, b, transpose_b=True)`: the last two axes change places first."""
    sides = []
    for side, word in zip(arguments, ("transpose_a", "transpose_b"), strict=True):
        said = words.get(word, False)
        if not isinstance(side, Wire) or not isinstance(said, bool):
            return lost(run, node, "which of the two is transposed is not known")
        rank = len(graph.building.shape(side))
        order = (*range(1, rank - 2), rank - 1, rank - 2)
        turned = graph.place(run, "transpose", "ops.transpose")
        sides.append(turned.one((Permute((0, *order)),), side) if said and rank > 2 else side)
        if said and rank < 3:
            return lost(run, node, "a matrix whose rows are the batch is transposed")
    return _followed(run, graph, "matmul", tuple(sides), {}, node)
