"""Live Keras and PyTorch objects, read by their attributes or their config; the frameworks are never imported from here.

An object is recognised by a framework that the caller has imported already, and nothing of it is called but Keras's
own `get_config`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

from convwise import dialects
from convwise.dialects.base import Layer
from convwise.errors import ModelError
from convwise.ops import Shape
from convwise.readers.echo import shown
from convwise.readers.endings import CONTENT
from convwise.readers.live_calls import call_of
from convwise.readers.source.result import Found, Snippet

DEEPEST = 64
MOST_LAYERS = 2_000

SOURCE = "give its source text, where the order of the layers can be read"
FOLLOWED = "convwise.read(model).trace(shape) tells its steps, and .check(shape) what breaks; or give its source text"
"""What to do with what is no straight line of known layers, but a whole model."""


def read_live(obj: object, release: str | None = None) -> Snippet | None:
    """The layers of a live layer or model; None if it is nothing of a framework that has been imported.

    The input is the one that a Keras model was built for, with its batch; PyTorch modules know none.

    convwise's own layers and models tell what they are by their `__convwise__` method.

    Raises:
        ModelError: CW401 an object of a framework that is no layer or model; CW402 a custom or opaque layer, by its name.
        Refusal, ShapeError, CodeError: as the dialect reads the layers.
    """
    told = getattr(type(obj), "__convwise__", None)
    if told is not None:
        dialect, layers, shape = told(obj)
        return Snippet(dialect, (Found(tuple(layers), shape, None, None),))
    torch = sys.modules.get("torch")
    if torch is not None and _is_a(obj, torch, "nn", "Module"):
        return _snippet("torch", _torch_layers(torch, obj), None, obj, release)
    keras = sys.modules.get("keras")
    if keras is not None and _is_a(obj, keras, "layers", "Layer"):
        parts, shape = _keras_layers(keras, obj)
        return _snippet("keras", parts, shape, obj, release)
    home = type(obj).__module__.partition(".")[0]
    if home in ("torch", "keras", "tensorflow", "jax"):
        raise ModelError(
            "CW401",
            f"a {home} {type(obj).__name__} is no layer or model",
            received=type(obj).__name__,
            hint="give a torch.nn.Module of known layers, a keras.layers.Layer or a keras.Sequential",
        )
    return None


def unread_hint(obj: object) -> str:
    """What to do with a path, or a live object of a framework whose objects are not read; empty for anything else."""
    if isinstance(obj, os.PathLike):
        return CONTENT
    home = type(obj).__module__.partition(".")[0]
    if home == "flax":
        return "live flax modules are not read: give the text that makes it, such as nnx.Conv(3, 32, (3, 3), rngs=nnx.Rngs(0))"
    if home in ("onnx", "onnxruntime"):
        return "give the path of the .onnx file, or the text of the nodes: op.Conv(x, W, strides=[2, 2])"
    return ""


def _is_a(obj: object, framework: ModuleType, module: str, name: str) -> bool:
    """Whether `obj` is an instance of `framework.module.name`, as far as the framework is loaded."""
    holder = vars(framework).get(module)
    if holder is None:
        holder = sys.modules.get(f"{framework.__name__}.{module}")
    cls = vars(holder).get(name) if isinstance(holder, ModuleType) else None
    return isinstance(cls, type) and isinstance(obj, cls)


def _snippet(
    dialect: str,
    parts: list[tuple[str | None, type, dict[str, Any]]],
    shape: Shape | None,
    obj: object,
    release: str | None,
) -> Snippet:
    if not parts:
        raise ModelError(
            "CW401", f"this {type(obj).__name__} holds no layers", received=type(obj).__name__, hint="add layers first"
        )
    layers: list[Layer] = []
    met: set[int] = set()
    for name, cls, values in parts:
        layer = dialects.get(dialect).read(call_of(dialect, cls, values), release).named(name)
        # A module of PyTorch that stands in several places has one dict of parameters.
        held = id(values.get("_parameters", values))
        layers.append(replace(layer, shared=True) if held in met else layer)
        met.add(held)
    name = vars(obj).get("name") if dialect == "keras" and len(layers) > 1 else None
    batched = True if dialect == "keras" and shape is not None else None
    found = Found(tuple(layers), shape, name if isinstance(name, str) else None, None, batched=batched)
    return Snippet(dialect, (found,))


def _custom(kind: str, name: str | None, what: str, hint: str = SOURCE) -> ModelError:
    place = "it" if name else "this object"
    return ModelError(
        "CW402",
        f"{place} is a {shown(kind, 60)}: {what}",
        layer=shown(name, 60) if name else None,
        received=shown(kind, 60),
        hint=hint,
    )


Part = tuple[str | None, type, dict[str, Any]]


def _torch_layers(torch: ModuleType, module: Any) -> list[Part]:
    """(name, class, attributes) of a module's layers in the order in which a Sequential runs them."""
    names = vars(torch.nn)
    found: list[Part] = []
    pending: list[tuple[str | None, Any, int]] = [(None, module, 0)]
    while pending:
        name, part, depth = pending.pop()
        if depth > DEEPEST or len(found) > MOST_LAYERS:
            raise ModelError(
                "CW402", f"the model is nested more than {DEEPEST} deep or has more than {MOST_LAYERS:,} layers"
            )
        kind = type(part)
        own = names.get(kind.__name__) is kind
        if kind is names.get("Sequential") or _runs_in_order(kind, names):
            children = list(vars(part)["_modules"].items())
            prefix = f"{name}." if name else ""
            pending += [(f"{prefix}{child}", inner, depth + 1) for child, inner in reversed(children)]
        elif kind is names.get("DataParallel"):
            pending.append((name, vars(part)["_modules"]["module"], depth + 1))
        elif kind is names.get("ModuleList") or kind is names.get("ModuleDict"):
            raise _custom(kind.__name__, name, "it does not say in which order its layers run")
        elif own:
            found.append((name, kind, {**vars(part), **vars(part)["_parameters"]}))
        else:
            raise _custom(kind.__name__, name, "a module of your own, whose forward is not run here", FOLLOWED)
    return found


def _runs_in_order(kind: type, names: dict[str, Any]) -> bool:
    """A subclass of Sequential that keeps its forward is one."""
    sequential = names.get("Sequential")
    if not isinstance(sequential, type) or not issubclass(kind, sequential):
        return False
    mine = next((vars(cls)["forward"] for cls in kind.__mro__ if "forward" in vars(cls)), None)
    return mine is vars(sequential)["forward"]


def _keras_layers(keras: ModuleType, layer: Any) -> tuple[list[Part], Shape | None]:
    """(name, class, config) of a Keras layer's or model's layers, and the shape that it was built for."""
    kind = type(layer).__name__
    if type(layer) is vars(keras).get("Sequential") or (
        kind == "Functional" and type(layer).__module__.startswith("keras.")
    ):
        return _of_config(keras, _config(layer, vars(layer).get("name")), 0)
    if _is_a(layer, keras, "models", "Model"):
        raise _custom(kind, vars(layer).get("name"), "a subclass of Model, whose call a live object does not show")
    if vars(keras.layers).get(kind) is not type(layer):
        raise _custom(kind, vars(layer).get("name"), "a layer of your own")
    if kind == "InputLayer":
        raise ModelError("CW401", "an InputLayer alone is no layer to explain", received=kind, hint="give the model")
    name = vars(layer).get("name")
    config = _config(layer, name)
    _check_known(kind, name, config)
    return [(name, type(layer), config)], _built_shape(layer)


def _config(layer: Any, name: str | None) -> dict[str, Any]:
    try:
        config = layer.get_config()
    except Exception as error:  # the code of any layer may run here and raise anything
        raise _custom(type(layer).__name__, name, f"its get_config fails: {shown(str(error), 120)}") from None
    if not isinstance(config, dict):
        raise _custom(type(layer).__name__, name, "its get_config gives no dict")
    return config


def _built_shape(layer: Any) -> Shape | None:
    """The input shape that a single layer's weights were made for."""
    shapes = vars(layer).get("_build_shapes_dict")
    shape = next(iter(shapes.values()), None) if isinstance(shapes, dict) else None
    return _shape(shape)


def _shape(shape: Any) -> Shape | None:
    if isinstance(shape, list | tuple) and shape and all(size is None or type(size) is int for size in shape):
        return tuple(shape)
    return None


def _of_config(keras: ModuleType, config: dict[str, Any], depth: int) -> tuple[list[Part], Shape | None]:
    """The layers of a Sequential's or a Functional's config, nested models opened."""
    name = config.get("name")
    if depth > DEEPEST:
        raise _custom("model", name, f"nested more than {DEEPEST} deep")
    entries = [entry for entry in config.get("layers", ()) if isinstance(entry, dict)]
    if "input_layers" in config:
        entries = _straight(entries, config)
    found: list[Part] = []
    shape = _shape(config.get("build_input_shape"))
    for entry in entries:
        inner = entry.get("config")
        kind = str(entry.get("class_name"))
        if not isinstance(inner, dict):
            raise _custom(kind, name, "its config is not to be read")
        if kind == "InputLayer":
            shape = shape or _shape(inner.get("batch_shape"))
        elif kind in ("Sequential", "Functional"):
            parts, inner_shape = _of_config(keras, inner, depth + 1)
            shape = shape if found or shape else inner_shape
            found += [(f"{inner.get('name')}/{label}" if label else None, cls, values) for label, cls, values in parts]
        else:
            found.append(_one(keras, entry, kind, inner))
        if len(found) > MOST_LAYERS:
            raise _custom("model", name, f"it has more than {MOST_LAYERS:,} layers")
    return found, shape


def _one(keras: ModuleType, entry: dict[str, Any], kind: str, config: dict[str, Any]) -> Part:
    name = config.get("name")
    cls = vars(keras.layers).get(kind)
    if (
        entry.get("registered_name")
        or not str(entry.get("module", "")).startswith("keras")
        or not isinstance(cls, type)
    ):
        raise _custom(kind, name, "a layer of your own", FOLLOWED)
    _check_known(kind, name, config, FOLLOWED)
    return name, cls, config


def _check_known(kind: str, name: str | None, config: dict[str, Any], hint: str = SOURCE) -> None:
    if kind == "Lambda":
        raise _custom(kind, name, "a function that cannot be read from outside", hint)
    activation = config.get("activation")
    if isinstance(activation, dict) and activation.get("module") != "keras.layers":
        what = f"its activation {shown(str(activation.get('config')), 40)} is a function of your own"
        raise _custom(kind, name, what, hint)


def _straight(entries: list[dict[str, Any]], config: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers of a Functional's config from its input to its output, if they are one straight line."""
    by_name = {entry.get("name"): entry for entry in entries}
    outputs = _ends(config.get("output_layers"))
    name = config.get("name")
    if len(outputs) != 1 or len(_ends(config.get("input_layers"))) != 1:
        what = "it has several inputs or outputs, so it is not a straight line of layers"
        raise _custom("Functional", name, what, FOLLOWED)
    line: list[dict[str, Any]] = []
    current: Any = outputs[0]
    while current in by_name and len(line) <= len(entries):
        entry = by_name[current]
        line.append(entry)
        if entry.get("class_name") == "InputLayer":
            break
        nodes = entry.get("inbound_nodes", [])
        sources = _histories(nodes[0]) if len(nodes) == 1 else []
        if len(sources) != 1:
            kind = str(entry.get("class_name"))
            what = "several arrays go in, or it is used twice, so the model is not a straight line of layers"
            raise _custom(kind, current, what, FOLLOWED)
        current = sources[0]
    return line[::-1]


def _ends(value: Any) -> list[Any]:
    """The layer names in `["dense", 0, 0]` or `[["a", 0, 0], ["b", 0, 0]]`."""
    if isinstance(value, list | tuple) and value and isinstance(value[0], str):
        return [value[0]]
    return [end[0] for end in value or () if isinstance(end, list | tuple) and end]


def _histories(node: Any) -> list[Any]:
    """The names of the layers whose arrays go into a node."""
    found: list[Any] = []
    pending = [node]
    steps = 0
    while pending and steps < 10_000:
        steps += 1
        value = pending.pop()
        if isinstance(value, dict):
            history = value["config"].get("keras_history") if isinstance(value.get("config"), dict) else None
            if isinstance(history, list | tuple) and history:
                found.append(history[0])
            else:
                pending += value.values()
        elif isinstance(value, list | tuple):
            pending += value
    return found
