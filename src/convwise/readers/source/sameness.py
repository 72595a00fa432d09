"""What kind of thing a value of the text is, and whether two are the same one: `norm_layer == nn.BatchNorm2d`, `isinstance`, `hasattr`."""

from __future__ import annotations

import ast
from typing import Any

from convwise.dialects.base import Unknown
from convwise.readers.source.attributes import METHODS_OF_LAYERS
from convwise.readers.source.held import REGISTERING
from convwise.readers.source.names import split
from convwise.readers.source.values import Chain, Class, Function, Held, Instance, Made, Partial, Ref, Tensor, Weights

HOMES = {"torch": "torch.nn", "keras": "keras.layers"}
"""Where the layers of a dialect are classes."""

BASES = frozenset({"torch.nn.Module", "keras.layers.Layer", "keras.Layer", "keras.Model", "keras.models.Model"})
"""The classes that every layer or model of a text may be an object of."""

_TYPES: dict[str, type | tuple[type, ...]] = {
    "builtins.int": int,
    "builtins.float": float,
    "builtins.str": str,
    "builtins.bool": bool,
    "builtins.list": (list, Chain),
    "builtins.tuple": tuple,
    "builtins.dict": dict,
    "functools.partial": Partial,
}

TYPE = "builtins.type"
"""What a class is an object of."""

_EQUAL = {ast.Eq: True, ast.Is: True, ast.NotEq: False, ast.IsNot: False}


def compared(kind: type[ast.cmpop], left: Any, right: Any) -> bool | None:
    """Whether a comparison of things that are no literals holds; None where the text does not say."""
    if kind in (ast.In, ast.NotIn) and isinstance(right, list | tuple):
        found = [same(left, part) for part in right]
        inside = True if True in found else None if None in found else False
        return inside if inside is None else inside is (kind is ast.In)
    known = same(left, right) if kind in _EQUAL else None
    return None if known is None else known is _EQUAL[kind]


def same(left: Any, right: Any) -> bool | None:
    """Whether two values are the same class, function, object or literal."""
    if any(isinstance(side, Weights) for side in (left, right)) and None in (left, right):
        return False
    if any(isinstance(side, Unknown) for side in (left, right)):
        return None
    if any(isinstance(side, Tensor | Held) for side in (left, right)):
        return False if None in (left, right) else None
    if isinstance(left, Ref) and isinstance(right, Ref):
        # Two paths may lead to the same thing, but not those of two layers.
        return True if left == right else False if _is_class(left) and _is_class(right) else None
    if any(isinstance(side, Ref | Class | Function | Partial | Made | Chain | Instance) for side in (left, right)):
        return left is right
    return bool(left == right)


def _is_class(value: Ref) -> bool:
    return value.path in _TYPES or value.path == TYPE or split(value.path)[0] in HOMES.values()


def type_of(value: Any) -> Any:
    """`type(value)`; Unknown where it is not followed."""
    if isinstance(value, Instance) and value.cls is not None:
        return value.cls
    if isinstance(value, Made) and value.dialect in HOMES:
        return Ref(f"{HOMES[value.dialect]}.{value.kind}")
    if isinstance(value, Chain) and value.dialect == "torch":
        return Ref(f"torch.nn.{value.kind}")
    if isinstance(value, Ref | Class):
        return Ref(TYPE)
    return next((Ref(path) for path, kind in _TYPES.items() if type(value) is kind), Unknown("type(...)"))


def is_instance(value: Any, kinds: Any) -> bool | None:
    """`isinstance(value, kinds)`; None where the text does not say."""
    found = [_is_one(value, kind) for kind in (kinds if isinstance(kinds, tuple) else (kinds,))]
    return True if True in found else None if None in found or not found else False


def _is_one(value: Any, kind: Any) -> bool | None:
    if isinstance(value, Unknown | Tensor | Held | Ref):
        return None
    if isinstance(kind, Ref) and kind.path in _TYPES:
        return isinstance(value, _TYPES[kind.path])
    if isinstance(value, Instance) and value.cls is not None:
        ancestors = _ancestors(value.cls)
        return True if any(kind is part or kind == part for part in ancestors) else _other(kind, ancestors)
    own = type_of(value)
    if not isinstance(own, Ref) or not isinstance(kind, Ref | Class):
        return None
    if isinstance(value, Made | Chain) and isinstance(kind, Ref) and kind.path in BASES:
        return True
    return same(own, kind)


def _ancestors(cls: Class) -> list[Any]:
    found: list[Any] = [cls]
    for base in cls.bases:
        found += _ancestors(base) if isinstance(base, Class) else [base]
    return found


def _other(kind: Any, ancestors: list[Any]) -> bool | None:
    """False where an object certainly is none of another kind: its bases outside the text are the plain modules."""
    outside = [part for part in ancestors if not isinstance(part, Class)]
    plain = all(isinstance(part, Ref) and part.path in BASES for part in outside)
    return False if plain and isinstance(kind, Ref | Class) and kind not in outside else None


OWN_NAMES = METHODS_OF_LAYERS | REGISTERING | {"training", "name", "trainable", "built", "dtype"}
"""Attributes that a model has whatever the text puts into it."""


def has(owner: Any, name: str) -> bool | None:
    """`hasattr(owner, name)`: whether the text put it there; None where something else may have."""
    if not isinstance(owner, Instance) or owner.cls is None or name.startswith("_") or name in OWN_NAMES:
        return None
    if name in owner.attributes:
        return None if isinstance(owner.attributes[name], Unknown) else True
    if any(name in part.methods for part in _ancestors(owner.cls) if isinstance(part, Class)):
        return True
    return None if _other(Ref("?"), _ancestors(owner.cls)) is None else False
