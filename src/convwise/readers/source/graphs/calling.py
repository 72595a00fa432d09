"""Calls that wires take part in: functions and methods of both frameworks, and Keras's Model."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from convwise.dialects.base import Unknown
from convwise.dialects.keras.kinds import MERGES
from convwise.errors import CodeError, ConvwiseError
from convwise.ops import Pointwise
from convwise.ops.several import Elementwise, Opaque
from convwise.readers.echo import shown
from convwise.readers.keras_files.operations import BINARY, MOVING, Plan, modelled, planned, snake
from convwise.readers.keras_files.wiring import CallOf, Reference
from convwise.readers.source import making, spoken, training
from convwise.readers.source.arrays import SAME_DATA
from convwise.readers.source.calls import PASSED_ON
from convwise.readers.source.functional import KERAS_ACTIVATIONS
from convwise.readers.source.graphs import asking, keras_functions, members
from convwise.readers.source.graphs.applying import applied, concat, ranked
from convwise.readers.source.graphs.wiring import (
    WiredModel,
    Wiring,
    beside,
    doubt_of,
    doubted,
    entered,
    flat,
    is_size,
    lost,
    touches,
    wired,
)
from convwise.readers.source.names import dialect_of, split
from convwise.readers.source.state import Run
from convwise.readers.source.values import MISSING, Chain, Held, Instance, Made, Method, Ref, Tensor
from convwise.readers.torch_live.values import Tensor as Wire

Keywords = list[tuple[str | None, Any]]

MERGING = {name.lower(): kind for name, kind in MERGES.items()}
CREATING = frozenset(
    [
        "zeros",
        "ones",
        "empty",
        "full",
        "rand",
        "randn",
        "arange",
        "linspace",
        "zeros_like",
        "ones_like",
        "randn_like",
        "rand_like",
    ]
)
MODELS = frozenset({"Model", "Functional"})
COPYING = frozenset(["contiguous", "clone", "to", "cuda", "cpu", "float", "double", "half", "bfloat16", "type"])
"""Methods that give the same array, but may lay its cells out anew."""

MODES = {"sum": "add", "mul": "multiply", "ave": "average", "max": "maximum"}
"""Modes of the `merge` of Keras 1."""

NUMPY = SAME_DATA | {"reshape", "stack", "swapaxes", "moveaxis", "einsum", "where", "broadcast_to", "tile"}
"""Functions of jax.numpy that mean what PyTorch's mean, and take sizes of other arrays."""

SHAPES = frozenset({"keras.backend.int_shape", "tensorflow.shape", "keras.ops.shape", "keras.backend.shape"})
POSITIONS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("concat", "concatenate"), ("", "axis")),
    "split": ("", "indices_or_sections", "axis"),
    **dict.fromkeys(("mean", "sum", "max", "min", "prod", "std", "var"), ("", "axis", "keepdims")),
    **dict.fromkeys(("reduce_mean", "reduce_sum", "reduce_max", "reduce_min"), ("", "axis", "keepdims")),
    "transpose": ("", "axes"),
    "pad": ("", "pad_width", "mode"),
    "reshape": ("", "newshape"),
    "expand_dims": ("", "axis"),
    "squeeze": ("", "axis"),
    "resize": ("", "size", "interpolation"),
}
"""What the arguments of Keras's and TensorFlow's functions are called, in order."""

PREPROCESSING = ".preprocess_input"
"""What every module of keras.applications calls the function that scales images for its networks."""

SPELLINGS = {
    "num_or_size_splits": "indices_or_sections",
    "paddings": "pad_width",
    "perm": "axes",
    "keep_dims": "keepdims",
}


def call(run: Run, graph: Wiring, target: Any, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """What a call gives that wires take part in; MISSING where none do."""
    if isinstance(target, Made | Chain | Instance):
        return MISSING
    if isinstance(target, WiredModel):
        return applied(run, graph, target, arguments, keywords, node)
    if isinstance(target, Method):
        return _method(run, graph, target, arguments, keywords, node)
    values = [arguments, [value for _, value in keywords]]
    if (
        isinstance(target, Unknown)
        and (target.text in MERGING or target.text == "concatenate")
        and touches(run, values)
    ):
        target = Ref(f"keras.layers.{target.text}")
    if isinstance(target, Unknown) and touches(run, values):
        return doubted(run, not_said(run, node))
    if not isinstance(target, Ref):
        return MISSING
    module, name = split(target.path)
    if name in MODELS and module in making.MODEL_HOMES and (touches(run, values) or keywords):
        return _model(run, graph, arguments, keywords, node)
    if name in ("Input", "InputLayer") and module in making.MODEL_HOMES:
        return _input(run, graph, target.path, arguments, keywords, node)
    if module == "math" and len(arguments) == 1 and is_size(arguments[0]) and name in ("floor", "ceil"):
        return asking.rounded(run, graph, target.path, arguments[0], node)
    if module == "torch" and name == "_assert" and run.within and (touches(run, values) or _asks(values)):
        return asking.followed(run, graph, graph.place(run, name, target.path), name, arguments, _words(keywords), node)
    if module == "torch" and name in CREATING and run.within:
        return asking.followed(run, graph, graph.place(run, name, target.path), name, arguments, _words(keywords), node)
    if name[:1].isupper() or not touches(run, values) or module == "builtins" or target.path in PASSED_ON:
        return MISSING
    own = (module == "tensorflow.nn" and not modelled(name)) or (run.dialect == "jax" and module != "numpy")
    if own and spoken.meant(run, target.path) is not None:
        return MISSING  # a layer of TensorFlow's or JAX's own, read where the text has no branches as well
    return _function(run, graph, target.path, arguments, keywords, node)


def _asks(values: Any) -> bool:
    return any(is_size(part) or isinstance(part, Unknown) for part in flat(values))


def not_said(run: Run, node: ast.Call) -> CodeError:
    """The doubt of an array that comes out of something that the text does not show."""
    return CodeError(
        "CW314",
        f"`{shown(run.source(node.func), 40)}` is applied on the way, and the text does not say what it is",
        detail=run.place(node),
        hint="give its definition too, or leave the call out",
    )


def _input(run: Run, graph: Wiring, path: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """`keras.Input(shape, name="image")`."""
    found = making.made(run, path, arguments, keywords, node)
    title = _words(keywords).get("name")
    if isinstance(title, str):
        graph.names[id(found)] = title
    return found


def _named(arguments: list[Any], keywords: Keywords) -> Any:
    return arguments[0] if arguments else _words(keywords).get("name")


def _words(keywords: Keywords) -> dict[str, Any]:
    return {name: value for name, value in keywords if name is not None}


def _method(run: Run, graph: Wiring, method: Method, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    owner, name = method.owner, method.name
    if isinstance(owner, tuple) and name == "as_list":
        return list(owner)
    if isinstance(owner, WiredModel):
        if name in ("predict", "call", "__call__"):
            return applied(run, graph, owner, arguments, keywords, node)
        if name == "get_layer":
            return members.named(graph, owner, _named(arguments, keywords)) or run.unknown(node)
        return owner if name in ("to", "eval", "train") else run.unknown(node)
    doubt = doubt_of(owner)
    if doubt is not None:
        return doubted(run, doubt)
    if isinstance(owner, Tensor | Held) and run.within:
        owner = wired(run, graph, owner)
    if not isinstance(owner, Wire):
        return MISSING
    if asking.keeps(name) and not (name in COPYING and graph.building.scattered(owner)):
        return owner
    if name == "get_shape":
        return asking.shape(run, graph, owner, node)
    arguments = entered(run, graph, arguments)
    if run.dialect == "jax":
        return _numpy(run, graph, name, [owner, *arguments], entered(run, graph, _words(keywords)), node)
    place = graph.place(run, name, f".{name}")
    return asking.followed(run, graph, place, name, (owner, *arguments), _words(keywords), node)


def _function(run: Run, graph: Wiring, path: str, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """A function of a framework on wires."""
    doubt = next((one for one in map(doubt_of, flat([arguments, [v for _, v in keywords]])) if one is not None), None)
    if doubt is not None:
        return doubted(run, doubt)
    if snake(split(path)[1]) in BINARY:
        arguments = [beside(run, graph, value) for value in arguments]
    arguments, words = entered(run, graph, arguments), entered(run, graph, _words(keywords))
    doubt = next((one for one in map(doubt_of, flat([arguments, list(words.values())])) if one is not None), None)
    if doubt is not None:
        return doubted(run, doubt)
    if not arguments and isinstance(words.get("input"), Wire):
        arguments = [words.pop("input")]
    module, name = split(path)
    dialect = dialect_of(path)
    if path in SHAPES and isinstance(arguments[0] if arguments else None, Wire):
        return asking.shape(run, graph, arguments[0], node)
    if dialect == "torch" and module != "torchvision.transforms.functional":
        prefix = {"torch.nn.functional": "F.", "torch.Tensor": "."}.get(module, "torch.")
        return asking.followed(run, graph, graph.place(run, name, prefix + name), name, arguments, words, node)
    if dialect == "keras":
        return _keras(run, graph, path, arguments, words, node)
    if run.dialect == "jax" and module == "numpy":
        return _numpy(run, graph, name, arguments, words, node)
    return lost(run, node, "the text does not say what it is")


def _numpy(run: Run, graph: Wiring, name: str, arguments: list[Any], words: dict[str, Any], node: ast.Call) -> Any:
    """A function of jax.numpy, or a method of its arrays: what Keras's functions have the names and arguments of."""
    if name in ("reshape", "transpose") and len(arguments) > 2:
        arguments = [arguments[0], tuple(arguments[1:])]
    if name in SAME_DATA:
        return arguments[0]
    if name in NUMPY:
        words = {"dim" if word == "axis" else word: value for word, value in words.items()}
        arguments = [*arguments, *(words.pop(word) for word in ("shape", "newshape") if word in words)]
        return asking.followed(run, graph, graph.place(run, name, f"jnp.{name}"), name, arguments, words, node)
    if not modelled(name):
        return lost(run, node, f"convwise does not model jnp.{shown(name, 40)}")
    return _operation(run, graph, name, arguments, words, node)


# Keras


def _keras(run: Run, graph: Wiring, path: str, arguments: list[Any], words: dict[str, Any], node: ast.Call) -> Any:
    module, name = split(path)
    place = graph.place(run, name, name)
    wires = [part for part in flat([arguments, list(words.values())]) if isinstance(part, Wire)]
    if module in ("keras.layers", "keras.layers.merge", "keras"):
        try:
            work = _merging(name, arguments, words, node)
        except ConvwiseError as error:
            return doubted(run, error)
        if work is None:
            return lost(run, node, f"{name} is no function of Keras that is known")
        out = place.one(work, *ranked(run, graph, work, wires, name))
        graph.written(node)
        return out
    if (name in KERAS_ACTIVATIONS or path.endswith(PREPROCESSING)) and len(wires) == 1:
        out = place.one((Pointwise(name),), wires[0])
        graph.written(node)
        return out
    found = keras_functions.meant(run, graph, path, arguments, words, node)
    if found is not MISSING:
        return found
    if not modelled(name) and not path.startswith("keras."):
        return lost(run, node, f"convwise does not model {shown(run.source(node.func), 40)}")
    return _operation(run, graph, name, arguments, words, node)


def _merging(name: str, arguments: list[Any], words: dict[str, Any], node: ast.Call) -> Any:
    """`add([a, b])`, `concatenate([a, b], axis=3)`, and `merge([a, b], mode="concat", concat_axis=3)` of Keras 1."""
    if name in MERGING:
        return Elementwise(MERGING[name])
    if name == "concatenate":
        return concat(words.get("axis", arguments[1] if len(arguments) > 1 else -1), node.lineno)
    if name == "merge":
        mode = words.get("mode", arguments[1] if len(arguments) > 1 else "sum")
        if mode == "concat":
            return concat(words.get("concat_axis", -1), node.lineno)
        return Elementwise(MODES[mode]) if mode in MODES else None
    return None


def _operation(run: Run, graph: Wiring, name: str, arguments: list[Any], words: dict[str, Any], node: ast.Call) -> Any:
    """A function of keras.ops or of TensorFlow."""
    kind = snake(name)
    named = {SPELLINGS.get(word, word): value for word, value in words.items()}
    positions = POSITIONS.get(kind, ())
    for number, value in enumerate(arguments[1:], 1):
        if number < len(positions):
            named.setdefault(positions[number], value)
        elif not any(isinstance(part, Wire) for part in flat(value)) and kind in MOVING:
            return lost(run, node, f"an argument of {name} is not known by its place")
    wires = [part for part in flat([arguments, list(words.values())]) if isinstance(part, Wire)]
    if any(isinstance(part, Unknown) or is_size(part) for part in flat(list(named.values()))):
        return lost(run, node, "an argument follows from what the text does not give")
    references = tuple(Reference("", wire.number, 0) for wire in wires)
    options = {word: value for word, value in named.items() if not isinstance(value, Wire) and word != "name"}
    plan = planned(kind, options, CallOf(references))
    return _carried_out(run, graph, plan, wires, node, kind)


def _carried_out(run: Run, graph: Wiring, plan: Plan, wires: list[Wire], node: ast.Call, kind: str) -> Any:
    place = graph.place(run, kind, f"jnp.{kind}" if run.dialect == "jax" else plan.kind)
    found = tuple(wires)
    for number, work in enumerate(plan.works):
        if isinstance(work, Opaque):
            return lost(run, node, work.reason)
        last = number == len(plan.works) - 1
        found = place.emit(work, found, plan.outputs if last else 1)
    graph.written(node)
    return found[0] if plan.outputs == 1 else found


def _model(run: Run, graph: Wiring, arguments: list[Any], keywords: Keywords, node: ast.Call) -> Any:
    """`keras.Model(inputs, outputs)`."""
    words = _words(keywords)
    inputs = arguments[0] if arguments else words.get("inputs", words.get("input"))
    outputs = arguments[1] if len(arguments) > 1 else words.get("outputs", words.get("output"))
    wires = tuple(part for part in flat(entered(run, graph, inputs)) if isinstance(part, Wire))
    training.made_with(run, words, node)
    title = words.get("name")
    model = WiredModel(wires, entered(run, graph, outputs), node.lineno, title if isinstance(title, str) else None)
    graph.models.append(model)
    return model
