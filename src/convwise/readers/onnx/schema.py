"""The messages of onnx.proto that are read: number -> (name, wire types, at most once, whether it is of use here).

The numbers and names are those of the ONNX specification; fields that are not listed are stepped over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

VARINT, FIXED64, LENGTH, FIXED32 = 1 << 0, 1 << 1, 1 << 2, 1 << 5
"""One bit for each wire type that a field may come in."""

FieldRule: TypeAlias = tuple[str, int, bool, bool]


@dataclass(frozen=True, slots=True)
class Message:
    name: str
    fields: dict[int, FieldRule]


def _one(name: str, wires: int) -> FieldRule:
    return name, wires, True, True


def _many(name: str, wires: int) -> FieldRule:
    return name, wires, False, True


def _over(name: str, wires: int = LENGTH) -> FieldRule:
    return name, wires, False, False


_DOC: Final = _over("doc_string")
_METADATA: Final = _over("metadata_props")

MODEL: Final = Message(
    "ModelProto",
    {
        1: _one("ir_version", VARINT),
        2: _one("producer_name", LENGTH),
        3: _one("producer_version", LENGTH),
        4: _over("domain"),
        5: _over("model_version", VARINT),
        6: _DOC,
        7: _one("graph", LENGTH),
        8: _many("opset_import", LENGTH),
        14: _METADATA,
        20: _over("training_info"),
        25: _many("functions", LENGTH),
        26: _over("configuration"),
    },
)

OPSET: Final = Message("OperatorSetIdProto", {1: _one("domain", LENGTH), 2: _one("version", VARINT)})

GRAPH: Final = Message(
    "GraphProto",
    {
        1: _many("node", LENGTH),
        2: _one("name", LENGTH),
        5: _many("initializer", LENGTH),
        10: _DOC,
        11: _many("input", LENGTH),
        12: _many("output", LENGTH),
        13: _many("value_info", LENGTH),
        14: _over("quantization_annotation"),
        15: _many("sparse_initializer", LENGTH),
        16: _METADATA,
    },
)

FUNCTION: Final = Message(
    "FunctionProto",
    {
        1: _one("name", LENGTH),
        4: _many("input", LENGTH),
        5: _many("output", LENGTH),
        6: _many("attribute", LENGTH),
        7: _many("node", LENGTH),
        8: _DOC,
        9: _many("opset_import", LENGTH),
        10: _one("domain", LENGTH),
        11: _many("attribute_proto", LENGTH),
        12: _many("value_info", LENGTH),
        13: _one("overload", LENGTH),
        14: _METADATA,
    },
)

NODE: Final = Message(
    "NodeProto",
    {
        1: _many("input", LENGTH),
        2: _many("output", LENGTH),
        3: _one("name", LENGTH),
        4: _one("op_type", LENGTH),
        5: _many("attribute", LENGTH),
        6: _DOC,
        7: _one("domain", LENGTH),
        8: _one("overload", LENGTH),
        9: _METADATA,
        10: _over("device_configurations"),
    },
)

ATTRIBUTE: Final = Message(
    "AttributeProto",
    {
        1: _one("name", LENGTH),
        2: _one("f", FIXED32),
        3: _one("i", VARINT),
        4: _one("s", LENGTH),
        5: _one("t", LENGTH),
        6: _one("g", LENGTH),
        7: _many("floats", FIXED32 | LENGTH),
        8: _many("ints", VARINT | LENGTH),
        9: _many("strings", LENGTH),
        10: _many("tensors", LENGTH),
        11: _many("graphs", LENGTH),
        13: _DOC,
        14: _one("tp", LENGTH),
        15: _many("type_protos", LENGTH),
        20: _one("type", VARINT),
        21: _one("ref_attr_name", LENGTH),
        22: _one("sparse_tensor", LENGTH),
        23: _many("sparse_tensors", LENGTH),
    },
)

TENSOR: Final = Message(
    "TensorProto",
    {
        1: _many("dims", VARINT | LENGTH),
        2: _one("data_type", VARINT),
        3: _one("segment", LENGTH),
        4: _many("float_data", FIXED32 | LENGTH),
        5: _many("int32_data", VARINT | LENGTH),
        6: _many("string_data", LENGTH),
        7: _many("int64_data", VARINT | LENGTH),
        8: _one("name", LENGTH),
        9: _one("raw_data", LENGTH),
        10: _many("double_data", FIXED64 | LENGTH),
        11: _many("uint64_data", VARINT | LENGTH),
        12: _DOC,
        13: _many("external_data", LENGTH),
        14: _one("data_location", VARINT),
        16: _METADATA,
    },
)

SPARSE: Final = Message(
    "SparseTensorProto",
    {1: _one("values", LENGTH), 2: _one("indices", LENGTH), 3: _many("dims", VARINT | LENGTH)},
)

VALUE: Final = Message("ValueInfoProto", {1: _one("name", LENGTH), 2: _one("type", LENGTH), 3: _DOC, 4: _METADATA})

TYPE: Final = Message(
    "TypeProto",
    {
        1: _one("tensor_type", LENGTH),
        4: _one("sequence_type", LENGTH),
        5: _one("map_type", LENGTH),
        6: _over("denotation"),
        7: _one("opaque_type", LENGTH),
        8: _one("sparse_tensor_type", LENGTH),
        9: _one("optional_type", LENGTH),
    },
)

TENSOR_TYPE: Final = Message("TypeProto.Tensor", {1: _one("elem_type", VARINT), 2: _one("shape", LENGTH)})

SHAPE: Final = Message("TensorShapeProto", {1: _many("dim", LENGTH)})

DIMENSION: Final = Message(
    "TensorShapeProto.Dimension", {1: _one("dim_value", VARINT), 2: _one("dim_param", LENGTH), 3: _over("denotation")}
)
