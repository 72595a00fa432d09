"""Attributes and items: each is matched against a closed list of names, never looked up on a real object."""

from __future__ import annotations

import ast
from typing import Any

from convwise.dialects.base import Unknown
from convwise.errors import CodeError
from convwise.readers.source import layer_attributes, options, tensors, training
from convwise.readers.source.held import REGISTERING
from convwise.readers.source.names import canonical, dialect_of
from convwise.readers.source.state import Run
from convwise.readers.source.values import (
    LONGEST_SEQUENCE,
    MISSING,
    Chain,
    Class,
    FromWeights,
    Function,
    Held,
    Instance,
    Made,
    Method,
    Options,
    Parser,
    Partial,
    Tensor,
    Weights,
    iterable,
)

METHODS_OF_LAYERS = frozenset(
    {
        *(
            "add",
            "append",
            "extend",
            "insert",
            "add_module",
            "register_module",
            "pop",
            "build",
            "summary",
            "compile",
            "fit",
            "evaluate",
            "predict",
        ),
        *(
            "predict_on_batch",
            "predict_step",
            "call",
            "forward",
            "compute_output_shape",
            "to",
            "cuda",
            "cpu",
            "float",
            "double",
        ),
        *(
            "half",
            "eval",
            "train",
            "requires_grad_",
            "children",
            "modules",
            "items",
            "values",
            "keys",
            "train_on_batch",
            "apply",
        ),
    }
)


BY_NAME = frozenset({"__getattr__", "__setattr__", "__delattr__"})
"""What `getattr`, `setattr` and `delattr` call, which texts write out too."""


def attribute(run: Run, owner: Any, node: ast.Attribute) -> Any:
    """`owner.attr` for everything but an imported module."""
    name = node.attr
    if run.graph is not None:
        found = run.graph.attribute(run, owner, node)
        if found is not MISSING:
            return found
    if isinstance(owner, Tensor):
        return tensors.attribute(run, owner, node)
    if isinstance(owner, Weights) and (own := layer_attributes.of_weights(owner, name)) is not MISSING:
        return own
    if isinstance(owner, Weights | FromWeights):
        return Method(owner, name)
    if isinstance(owner, Parser):
        return Method(owner, name)
    if isinstance(owner, Options):
        return options.of_options(run, owner, node)
    if isinstance(owner, Held):
        if name == "shape" and owner.shape is not None:
            return owner.shape
        return owner if name == "data" else Method(owner, name)
    if isinstance(owner, Instance):
        return of_instance(run, owner, node.attr, node)
    if isinstance(owner, Class):
        own = owner.methods.get(name)
        return Method(owner, name) if own is None or isinstance(own, Function) else own
    if isinstance(owner, Chain):
        if name == "layers" and owner.nested:
            return run.unknown(node)
        if name == "layers":
            # Keras begins the layers of a Model, not of a Sequential, with its input.
            entry = [training.entry()] if owner.functional else []
            return [*entry, *(member for _, member in owner.listed)]
        named = [member for label, member in owner.members if label == name]
        if named:
            return named[0]
    if (isinstance(owner, Made) and name in METHODS_OF_LAYERS) or isinstance(owner, Chain):
        return Method(owner, name)
    if isinstance(owner, Made) and (own := layer_attributes.of_layer(run, owner, name)) is not MISSING:
        return own
    if isinstance(owner, list | dict):
        return Method(owner, name)
    if isinstance(owner, Partial) and name in ("func", "args", "keywords"):
        return {"func": owner.target, "args": owner.arguments, "keywords": dict(owner.keywords)}[name]
    if isinstance(owner, str) and name in ("lower", "upper", "format", "join", "strip"):
        return Method(owner, name)
    if isinstance(owner, Unknown) and name in ("reshape", "view", "unsqueeze", "astype", "to", "float", "cuda"):
        return Method(owner, name)
    if isinstance(owner, Method) and isinstance(owner.owner, Instance) and owner.name == "super":
        return Method(owner.owner, "super." + name)
    return run.unknown(node)


def of_instance(run: Run, owner: Instance, name: str, node: ast.expr) -> Any:
    """What an object of the text has under a name."""
    if name in owner.attributes:
        return owner.attributes[name]
    method = owner.cls.methods.get(name) if owner.cls else None
    if isinstance(method, Function):
        if method.within is None:  # a staticmethod
            return method
        return Function(method.node, method.scope, name, owner=owner, called=True, within=method.within)
    if method is not None:
        return method
    layer = layer_attributes.own_layer(owner)
    if layer is not None and (own := layer_attributes.of_layer(run, layer, name)) is not MISSING:
        return own
    return Method(owner, name) if name in METHODS_OF_LAYERS or name in REGISTERING else run.unknown(node)


def private(run: Run, owner: Any, node: ast.Attribute) -> Any:
    """Names that begin with an underscore: only what the text itself put there is given, nothing of Python's own."""
    if isinstance(owner, Instance) and (not node.attr.startswith("__") or node.attr in owner.attributes):
        if node.attr == layer_attributes.FORWARD and layer_attributes.own_layer(owner) is not None:
            return Method(owner, node.attr)
        return of_instance(run, owner, node.attr, node)
    if isinstance(owner, Instance) and (kept := mangled(run, node.attr)) != node.attr:
        return of_instance(run, owner, kept if kept in owner.attributes else node.attr, node)
    if node.attr in BY_NAME and isinstance(owner, Instance):
        return Method(owner, node.attr)
    if node.attr == "__call__" and isinstance(owner, Made | Chain | Instance):
        return owner
    if node.attr in ("__setitem__", "__delitem__", "__iadd__") and isinstance(owner, list | dict | Chain):
        return Method(owner, node.attr)
    return run.unknown(node)


def mangled(run: Run, name: str) -> str:
    """`__padding` as Python keeps it within a class, where each class of a hierarchy has its own: `_Causal__padding`."""
    level = run.frames[-1].within if run.frames else None
    private = name.startswith("__") and not name.endswith("__")
    return f"_{level.name.lstrip('_')}{name}" if private and isinstance(level, Class) else name


def item(run: Run, owner: Any, key: Any, node: ast.expr) -> Any:
    """`owner[key]`."""
    if isinstance(owner, dict) and isinstance(key, str | int | float):
        return owner.get(key, run.unknown(node))
    if isinstance(owner, Chain) and owner.doubt is not None:
        return owner.doubt
    if isinstance(owner, Chain) and isinstance(key, str):
        return next((member for label, member in owner.members if label == key), run.unknown(node))
    items = iterable(owner)
    if items is not None and isinstance(key, int) and -len(items) <= key < len(items):
        return items[key]
    return run.unknown(node)


def sliced(run: Run, owner: Any, part: slice, node: ast.Subscript) -> Any:
    """`owner[start:stop:step]`."""
    if part.step == 0:
        return run.unknown(node)
    if isinstance(owner, tuple | list | str):
        return owner[part]
    if isinstance(owner, Chain):
        return Chain(owner.kind, owner.dialect, owner.members[part], node.lineno, doubt=owner.doubt, part=True)
    return run.unknown(node)


def christen(value: Any, name: str, *, local: bool = False) -> None:
    """A layer or model without a name takes the first name that it is assigned to."""
    if local and isinstance(value, Made) and value.name is None:
        value.local = True
    if isinstance(value, Held) and not local:
        value.name = value.name or name
    if isinstance(value, Made | Chain | Instance) and value.name is None and not name.startswith("_"):
        value.name = name
        if isinstance(value, Chain) and value.kind != "Sequential":
            for place, (label, member) in enumerate(value.members):
                christen(member, f"{name}.{label or place}")


def set_attribute(owner: Instance, name: str, value: Any) -> None:
    """`self.name = value`; names that begin with two underscores are Python's own, or mangled before."""
    if not name.startswith("__"):
        christen(value, name)
        before = owner.attributes.get(name)
        if before is not value:
            use(before)
        owner.attributes[name] = value
        if isinstance(value, Made | Chain | Instance):
            value.held = True


def use(value: Any) -> None:
    """Mark what has become part of something else; it is no answer by itself any more."""
    if isinstance(value, Made | Chain | Instance | Tensor):
        value.used = True


def extend(run: Run, owner: list[Any] | Chain, more: Any, node: ast.AST) -> None:
    """`owner += more` and `owner.extend(more)`."""
    items = iterable(more)
    run.spend(len(items or ()))
    if isinstance(owner, Chain):
        if items is None or len(owner.members) + len(items) > LONGEST_SEQUENCE:
            owner.doubt = owner.doubt or unknown_number(run, node)
            return
        for member in items:
            use(member)
            owner.members.append((None, member))
    elif items is not None and len(owner) + len(items) <= LONGEST_SEQUENCE:
        owner += items
    else:
        owner.append(unknown_number(run, node))


def unknown_number(run: Run, node: ast.AST) -> CodeError:
    """The doubt of a chain that has a part of unknown length."""
    return CodeError(
        "CW314",
        "unknown number of layers: the text does not say how often the loop goes round or what the list holds",
        detail=run.place(node),
        hint="assign a number to the name, or write the layers out",
    )


def nameless(line: int) -> Instance:
    """What `self` stands for in lines pasted from a method without its class."""
    return Instance(None, {}, line, used=True)


def heard(run: Run, module: str) -> None:
    """An import tells which framework the text speaks to."""
    dialect = dialect_of(canonical(module))
    if dialect:
        run.evidence[dialect] = run.evidence.get(dialect, 0) + 1
