"""What an .onnx file says: graphs, nodes, tensors without their weights, and declared values, as frozen data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeAlias

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(slots=True, unsafe_hash=True)
class OnnxTensor:
    """A tensor of the file: an initializer, or the value of an attribute; nobody changes it.

    `dtype` is NumPy's name where it has one ("float32", "int64"), else ONNX's in lower case ("float8e4m3fn").
    `values` are the elements in row-major order where there are few of them, else None; they are also None for
    data in another file (`external`), which is never opened, and for types that Python has no numbers for.
    A `sparse` tensor's dims are those of the dense one that it stands for.
    """

    name: str
    dims: tuple[int, ...]
    dtype: str
    values: tuple[int | float | bool | str, ...] | None = None
    external: bool = False
    sparse: bool = False

    @property
    def size(self) -> int:
        """The number of elements: an exact integer."""
        return math.prod(self.dims)


@dataclass(slots=True, unsafe_hash=True)
class OnnxValue:
    """A declared value, which nobody changes. `dims` are numbers, names ("batch") or None (unknown); None as a whole if the rank is unknown.

    `kind` is "tensor", "sparse_tensor", "sequence", "map", "optional", "opaque", or "" where no type is given, or two that differ;
    only the first two have a `dtype` and `dims`.
    """

    name: str
    dtype: str | None = None
    dims: tuple[int | str | None, ...] | None = None
    kind: str = "tensor"


@dataclass(frozen=True, slots=True)
class OnnxReference:
    """An attribute inside a function that takes the value of the function's own attribute `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Undecoded:
    """An attribute that is too long to have a say in a shape; `kind` is what it holds: "ints", "string" ..."""

    kind: str


@dataclass(slots=True)
class OnnxNode:
    """One node, which nobody changes; `index` is its place among the nodes of its graph. The default domain is "", an absent input too."""

    op_type: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    index: int
    overload: str = ""


@dataclass(frozen=True, slots=True)
class OnnxGraph:
    """A graph, or the body of an If, Loop or Scan. A name that is nowhere in a body comes from the graph around it."""

    name: str
    nodes: tuple[OnnxNode, ...]
    inputs: tuple[OnnxValue, ...]
    outputs: tuple[OnnxValue, ...]
    value_info: Mapping[str, OnnxValue] = field(default_factory=lambda: NOTHING)
    initializers: Mapping[str, OnnxTensor] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class OnnxFunction:
    """A function of the model itself: nodes with the op_type `name` of `domain` stand for its body."""

    name: str
    domain: str
    overload: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: tuple[str, ...]
    defaults: Mapping[str, Attribute]
    opsets: Mapping[str, int]
    nodes: tuple[OnnxNode, ...]
    value_info: Mapping[str, OnnxValue] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A whole file. `opsets`: domain -> version, the default domain as ""; `producer`: the program that wrote it."""

    ir_version: int
    opsets: Mapping[str, int]
    producer: str
    graph: OnnxGraph
    functions: tuple[OnnxFunction, ...] = ()


Attribute: TypeAlias = (
    int
    | float
    | str
    | OnnxTensor
    | OnnxGraph
    | OnnxValue
    | OnnxReference
    | Undecoded
    | tuple[int, ...]
    | tuple[float, ...]
    | tuple[str, ...]
    | tuple[OnnxTensor, ...]
    | tuple[OnnxGraph, ...]
    | tuple[OnnxValue, ...]
)
"""The value of an attribute. A type (TYPE_PROTO) is an OnnxValue without a name."""


def constant(node: OnnxNode) -> OnnxTensor | None:
    """The tensor that a Constant node gives, in whichever of its forms it is written; None for other nodes.

    >>> constant(OnnxNode("Constant", "", "", (), ("c",), {"value_ints": (1, -1)}, 0))
    OnnxTensor(name='c', dims=(2,), dtype='int64', values=(1, -1), external=False, sparse=False)
    """
    if node.op_type != "Constant" or node.domain:
        return None
    name = node.outputs[0] if node.outputs else ""
    for key, value in node.attributes.items():
        if isinstance(value, OnnxTensor):
            return OnnxTensor(name, value.dims, value.dtype, value.values, value.external, value.sparse)
        dtype = _WRITTEN.get(key)
        if dtype is None:
            continue
        if isinstance(value, tuple):
            numbers = tuple(part for part in value if isinstance(part, int | float | str))
            return OnnxTensor(name, (len(numbers),), dtype, numbers)
        if isinstance(value, int | float | str):
            return OnnxTensor(name, (), dtype, (value,))
    return None


_WRITTEN: Final = {
    "value_int": "int64",
    "value_ints": "int64",
    "value_float": "float32",
    "value_floats": "float32",
    "value_string": "string",
    "value_strings": "string",
}
