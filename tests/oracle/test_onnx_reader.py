"""The structure reader against the onnx package: every node, attribute, tensor and declared value of generated models."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx.helper as oh
import pytest
from onnx import AttributeProto, TensorProto

from convwise.readers.onnx import (
    OnnxFunction,
    OnnxGraph,
    OnnxModel,
    OnnxNode,
    OnnxReference,
    OnnxTensor,
    OnnxValue,
    Undecoded,
    read_onnx,
)

NUMPY_NAMES = {"float": "float32", "double": "float64"}
LONG = 4096


def expected_dtype(number: int) -> str:
    name = TensorProto.DataType.Name(number).lower()
    return NUMPY_NAMES.get(name, name)


def expected_tensor(proto: TensorProto, name: str | None = None) -> OnnxTensor:
    dtype = expected_dtype(proto.data_type)
    external = proto.data_location == TensorProto.EXTERNAL
    size = int(np.prod(proto.dims, dtype=object))
    values = None
    numbers = not dtype.startswith(("complex", "float8", "float4", "float6e"))
    if numbers and not external and (size <= 64 or (size <= LONG and dtype in ("int32", "int64"))):
        if dtype == "string":
            values = tuple(part.decode() for part in proto.string_data)
        else:
            array = onnx.numpy_helper.to_array(proto)
            kind = float if dtype == "bfloat16" else int if dtype in ("int4", "uint4", "int2", "uint2") else None
            values = tuple(array.astype(kind).ravel().tolist() if kind else array.ravel().tolist())
    return OnnxTensor(proto.name, tuple(proto.dims), dtype, values, external)


def expected_sparse(proto: onnx.SparseTensorProto) -> OnnxTensor:
    values = onnx.numpy_helper.to_array(proto.values)
    where = onnx.numpy_helper.to_array(proto.indices)
    dense = np.zeros(tuple(proto.dims), values.dtype)
    if where.ndim == 2:
        dense[tuple(where.T)] = values
    else:
        dense.reshape(-1)[where] = values
    decoded = tuple(dense.ravel().tolist()) if dense.size <= 64 else None
    return OnnxTensor(
        proto.values.name, tuple(proto.dims), expected_dtype(proto.values.data_type), decoded, sparse=True
    )


def expected_value(proto: onnx.ValueInfoProto | onnx.TypeProto, name: str) -> OnnxValue:
    kind = (proto.WhichOneof("value") or "").removesuffix("_type")
    if kind not in ("tensor", "sparse_tensor"):
        return OnnxValue(name, None, None, kind)
    inner = proto.tensor_type if kind == "tensor" else proto.sparse_tensor_type
    dims: tuple[int | str | None, ...] | None = None
    if inner.HasField("shape"):
        dims = tuple(
            (each.dim_value if each.HasField("dim_value") else each.dim_param or None) for each in inner.shape.dim
        )
        dims = tuple(None if size == -1 else size for size in dims)
    return OnnxValue(name, expected_dtype(inner.elem_type) if inner.elem_type else None, dims, kind)


def expected_attribute(proto: AttributeProto) -> Any:
    if proto.ref_attr_name:
        return OnnxReference(proto.ref_attr_name)
    kind = AttributeProto.AttributeType.Name(proto.type)
    match kind:
        case "FLOAT":
            return proto.f
        case "INT":
            return proto.i
        case "STRING":
            return proto.s.decode("utf-8", "backslashreplace") if len(proto.s) <= 65536 else Undecoded("s")
        case "TENSOR":
            return expected_tensor(proto.t)
        case "GRAPH":
            return expected_graph(proto.g)
        case "SPARSE_TENSOR":
            return expected_sparse(proto.sparse_tensor)
        case "TYPE_PROTO":
            return expected_value(proto.tp, "")
        case "FLOATS" | "INTS":
            held: Sequence[Any] = proto.floats if kind == "FLOATS" else proto.ints
            return tuple(held) if len(held) <= LONG else Undecoded(kind.lower())
        case "STRINGS":
            return (
                tuple(part.decode() for part in proto.strings) if len(proto.strings) <= LONG else Undecoded("strings")
            )
        case "TENSORS":
            return tuple(expected_tensor(each) for each in proto.tensors)
        case "GRAPHS":
            return tuple(expected_graph(each) for each in proto.graphs)
        case "SPARSE_TENSORS":
            return tuple(expected_sparse(each) for each in proto.sparse_tensors)
        case "TYPE_PROTOS":
            return tuple(expected_value(each, "") for each in proto.type_protos)
    raise AssertionError(kind)


def expected_nodes(protos: Sequence[onnx.NodeProto]) -> tuple[OnnxNode, ...]:
    return tuple(
        OnnxNode(
            proto.op_type,
            "" if proto.domain == "ai.onnx" else proto.domain,
            proto.name,
            tuple(proto.input),
            tuple(proto.output),
            {each.name: expected_attribute(each) for each in proto.attribute},
            index,
            proto.overload,
        )
        for index, proto in enumerate(protos)
    )


def expected_graph(proto: onnx.GraphProto) -> OnnxGraph:
    return OnnxGraph(
        proto.name,
        expected_nodes(proto.node),
        tuple(expected_value(each.type, each.name) for each in proto.input),
        tuple(expected_value(each.type, each.name) for each in proto.output),
        {each.name: expected_value(each.type, each.name) for each in proto.value_info},
        {
            **{each.name: expected_tensor(each) for each in proto.initializer},
            **{each.values.name: expected_sparse(each) for each in proto.sparse_initializer},
        },
    )


def expected_opsets(protos: Sequence[onnx.OperatorSetIdProto]) -> dict[str, int]:
    return {"" if each.domain == "ai.onnx" else each.domain: each.version for each in protos}


def expected_function(proto: onnx.FunctionProto) -> OnnxFunction:
    return OnnxFunction(
        proto.name,
        proto.domain,
        proto.overload,
        tuple(proto.input),
        tuple(proto.output),
        tuple(proto.attribute),
        {each.name: expected_attribute(each) for each in proto.attribute_proto},
        expected_opsets(proto.opset_import),
        expected_nodes(proto.node),
        {each.name: expected_value(each.type, each.name) for each in proto.value_info},
    )


def expected_model(proto: onnx.ModelProto) -> OnnxModel:
    return OnnxModel(
        proto.ir_version,
        expected_opsets(proto.opset_import),
        f"{proto.producer_name} {proto.producer_version}".strip(),
        expected_graph(proto.graph),
        tuple(expected_function(each) for each in proto.functions),
    )


def plain(value: Any) -> Any:
    """Everything as tuples and texts: an int is not a float here, and NaN is itself."""
    if isinstance(value, OnnxModel | OnnxGraph | OnnxNode | OnnxTensor | OnnxValue | OnnxFunction):
        return type(value).__name__, *(plain(getattr(value, name)) for name in value.__dataclass_fields__)
    if isinstance(value, tuple | list):
        return tuple(plain(part) for part in value)
    if hasattr(value, "items"):
        return tuple((key, plain(part)) for key, part in value.items())
    return repr(value)


def agrees(proto: onnx.ModelProto, data: bytes | None = None) -> OnnxModel:
    ours = read_onnx(proto.SerializeToString() if data is None else data)
    assert plain(ours) == plain(expected_model(proto))
    return ours


def model(
    nodes: Sequence[onnx.NodeProto],
    *,
    initializers: Sequence[TensorProto] = (),
    values: Sequence[onnx.ValueInfoProto] = (),
    functions: Sequence[onnx.FunctionProto] = (),
    **options: Any,
) -> onnx.ModelProto:
    graph = oh.make_graph(
        list(nodes),
        "net",
        [oh.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, None, 10])],
        [oh.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        list(initializers),
        value_info=list(values),
        **options,
    )
    imports = [oh.make_opsetid("", 21), oh.make_opsetid("ai.onnx.ml", 3), oh.make_opsetid("own", 1)]
    return oh.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=10, producer_name="tests")


ELEMENTS = [
    number
    for name, number in TensorProto.DataType.items()
    if name not in ("UNDEFINED", "STRING", "FLOAT6E2M3", "FLOAT6E3M2")
]


@pytest.mark.parametrize("raw", [False, True], ids=["lists", "raw"])
@pytest.mark.parametrize("dims", [(), (0,), (1,), (3,), (2, 5), (4, 16), (5, 13), (7, 11, 13)], ids=str)
@pytest.mark.parametrize("number", ELEMENTS, ids=lambda number: TensorProto.DataType.Name(number).lower())
def test_tensors_of_every_type(number: int, dims: tuple[int, ...], raw: bool) -> None:
    rng = np.random.default_rng(number)
    dtype = oh.tensor_dtype_to_np_dtype(number)
    values = rng.integers(-9, 9, dims)
    array = np.abs(values).astype(dtype) if "uint" in str(dtype) or str(dtype) == "bool" else values.astype(dtype)
    proto = (
        onnx.numpy_helper.from_array(array, "w") if raw else oh.make_tensor("w", number, dims, array.ravel().tolist())
    )
    agrees(model([oh.make_node("Relu", ["x"], ["y"])], initializers=[proto]))
    agrees(model([oh.make_node("Constant", [], ["y"], value=proto)]))


@pytest.mark.parametrize("number", [TensorProto.FLOAT6E2M3, TensorProto.FLOAT6E3M2])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 9])
@pytest.mark.parametrize("raw", [False, True])
def test_elements_of_six_bits(number: int, count: int, raw: bool) -> None:
    proto = TensorProto(name="w", dims=[count], data_type=number)
    if raw:
        proto.raw_data = bytes((6 * count + 7) // 8)
    else:
        proto.int32_data.extend([1] * count)
    agrees(model([oh.make_node("Relu", ["x"], ["y"])], initializers=[proto]))


def test_numbers_at_the_borders() -> None:
    floats = [float("nan"), float("inf"), -float("inf"), -0.0, 1e-45, 3.4e38]
    agrees(
        model(
            [
                oh.make_node(
                    "Odd",
                    ["x"],
                    ["y"],
                    domain="own",
                    f=1e-45,
                    i=-(2**63),
                    j=2**63 - 1,
                    fs=floats,
                    ints=[-1, 0, 127, 128, -(2**63)],
                ),
                oh.make_node(
                    "Odd",
                    ["x"],
                    ["z"],
                    domain="own",
                    long=list(range(4096)),
                    longer=list(range(4097)),
                    s="a" * 65537,
                    t="é",
                ),
                oh.make_node(
                    "Odd",
                    ["x"],
                    ["q"],
                    domain="own",
                    strings=["", "a" * 300, "é"],
                    many=["a"] * 4097,
                    floats=[0.5] * 4097,
                ),
            ],
            initializers=[
                oh.make_tensor("a", TensorProto.FLOAT, [6], floats),
                oh.make_tensor("b", TensorProto.INT64, [3], [-(2**63), 2**63 - 1, -1]),
                oh.make_tensor("c", TensorProto.INT32, [2], [-(2**31), 2**31 - 1]),
                oh.make_tensor("d", TensorProto.UINT64, [1], [2**64 - 1]),
                oh.make_tensor("e", TensorProto.INT64, [4096], range(4096)),
                oh.make_tensor("f", TensorProto.INT64, [4097], range(4097)),
                oh.make_tensor("g", TensorProto.STRING, [2, 1], [b"one", b"\xc3\xa9"]),
                oh.make_tensor("h", TensorProto.STRING, [65], [b"s"] * 65),
            ],
        )
    )


def test_tensors_in_other_files_are_not_opened() -> None:
    proto = TensorProto(name="w", dims=[2**20, 2**20], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": "/etc/passwd", "offset": "0", "__class__": "x"}.items():
        entry = proto.external_data.add()
        entry.key, entry.value = key, value
    read = agrees(model([oh.make_node("Relu", ["x"], ["y"])], initializers=[proto]))
    assert read.graph.initializers["w"].external
    assert read.graph.initializers["w"].size == 2**40


@pytest.mark.parametrize("dims", [(5,), (3, 4), (9, 10)])
def test_sparse_tensors(dims: tuple[int, ...]) -> None:
    values = oh.make_tensor("s", TensorProto.FLOAT, [3], [1.5, -2, 3])
    places = np.array([0, 2, 4]) if len(dims) == 1 else np.array([[0, 1], [1, 0], [2, 3]])
    indices = onnx.numpy_helper.from_array(places.astype(np.int64), "where")
    sparse = oh.make_sparse_tensor(values, indices, dims)
    flat = onnx.numpy_helper.from_array(np.array([0, 2, 4]), "where")
    agrees(
        model(
            [oh.make_node("Constant", [], ["y"], sparse_value=oh.make_sparse_tensor(values, flat, dims))],
            sparse_initializer=[sparse],
        )
    )


def test_values_of_every_kind() -> None:
    tensor = oh.make_tensor_type_proto(TensorProto.INT64, ["n", 0, 5, None])
    kinds = [
        tensor,
        oh.make_tensor_type_proto(TensorProto.BFLOAT16, []),
        oh.make_tensor_type_proto(0, None),
        oh.make_sparse_tensor_type_proto(TensorProto.FLOAT, [2, "m"]),
        oh.make_sequence_type_proto(tensor),
        oh.make_optional_type_proto(tensor),
        oh.make_map_type_proto(TensorProto.STRING, tensor),
        onnx.TypeProto(),
    ]
    values = [oh.make_value_info(f"v{index}", kind) for index, kind in enumerate(kinds)]
    values[0].doc_string = "a text"
    node = oh.make_node("Optional", [], ["y"], type=tensor)
    agrees(model([node], values=values))


def branch(name: str, depth: int) -> onnx.GraphProto:
    nodes = [oh.make_node("Constant", [], [f"{name}c"], value=oh.make_tensor("", TensorProto.INT64, [2], [-1, depth]))]
    if depth:
        nodes.append(
            oh.make_node(
                "If",
                ["cond"],
                [f"{name}y"],
                name,
                then_branch=branch(name + "t", depth - 1),
                else_branch=branch(name + "e", 0),
            )
        )
    out = oh.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)
    return oh.make_graph(nodes, name, [], [out], [oh.make_tensor(f"{name}w", TensorProto.FLOAT, [1], [depth])])


def test_graphs_inside_graphs() -> None:
    several = oh.make_node(
        "Switch", ["x"], ["z"], "switch", domain="own", bodies=[branch("p", 2), branch("q", 0), branch("r", 1)]
    )
    agrees(
        model([oh.make_node("If", ["x"], ["y"], "if", then_branch=branch("a", 5), else_branch=branch("b", 1)), several])
    )


def test_functions() -> None:
    inner = oh.make_node("LeakyRelu", ["a"], ["b"])
    inner.attribute.add(name="alpha", type=AttributeProto.FLOAT, ref_attr_name="slope")
    default = oh.make_attribute("extra", [1, 2])
    first = oh.make_function("own", "act", ["a"], ["b"], [inner], [oh.make_opsetid("", 18)], ["slope"], [default])
    call = oh.make_node("act", ["a"], ["b"], domain="own", slope=0.5)
    second = oh.make_function("own", "twice", ["a"], ["b"], [call], [oh.make_opsetid("own", 1)], overload="two")
    node = oh.make_node("twice", ["x"], ["y"], domain="own", overload="two")
    agrees(model([node], functions=[first, second]))


def test_metadata_and_texts_are_stepped_over() -> None:
    nodes = [
        oh.make_node(
            "Conv",
            ["x" if not i else f"t{i}", "w"],
            [f"t{i + 1}"],
            f"conv{i}",
            f"text {i}" * (i % 3),
            kernel_shape=[3, 3],
        )
        for i in range(9)
    ]
    for index, node in enumerate(nodes):
        for key in range(index % 4):
            node.metadata_props.add(key=f"key{key}", value=f"line {index}" * 40 * key)
    nodes.append(oh.make_node("Relu", ["t9"], ["y"], domain="ai.onnx"))
    proto = model(
        nodes, initializers=[oh.make_tensor("w", TensorProto.FLOAT, [3, 3, 3, 3], [0.5] * 81)], doc_string="all of it"
    )
    proto.metadata_props.add(key="a", value="b")
    proto.graph.quantization_annotation.add(tensor_name="x")
    proto.training_info.add()
    agrees(proto)


def random_node(rng: random.Random, index: int) -> onnx.NodeProto:
    attributes: dict[str, Any] = {}
    for name in rng.sample(["strides", "pads", "group", "mode", "alpha", "value", "axes", "names"], rng.randint(0, 5)):
        attributes[name] = rng.choice(
            [
                [rng.randint(-3, 300) for _ in range(rng.randint(1, 6))],
                rng.randint(-(2**40), 2**40),
                rng.uniform(-1, 1),
                "SAME_UPPER",
                ["a", "b" * rng.randint(0, 300)],
                oh.make_tensor("t", TensorProto.INT64, [2], [rng.randint(-5, 5), 7]),
            ]
        )
    inputs = [
        rng.choice(["", "x", f"t{rng.randint(0, index)}" + "n" * rng.choice([0, 0, 130, 700])])
        for _ in range(rng.randint(0, 4))
    ]
    outputs = [f"t{index}" + "n" * rng.choice([0, 0, 130, 700]), *(f"o{index}.{k}" for k in range(rng.randint(0, 2)))]
    name = rng.choice(["", f"node{index}", "/" + "scope/" * 40 + str(index)])
    return oh.make_node(
        rng.choice(["Conv", "Relu", "Concat", "Reshape"]),
        inputs,
        outputs,
        name,
        rng.choice([None, "", "text"]),
        rng.choice(["", "own"]),
        **attributes,
    )


@pytest.mark.parametrize("seed", range(40))
def test_random_models(seed: int) -> None:
    rng = random.Random(seed)
    nodes = [random_node(rng, index) for index in range(rng.randint(1, 60))]
    tensors = [
        onnx.numpy_helper.from_array(
            np.zeros([rng.randint(0, 9) for _ in range(rng.randint(0, 4))], rng.choice([np.float32, np.int64])), f"w{i}"
        )
        for i in range(rng.randint(0, 20))
    ]
    values = [
        oh.make_tensor_value_info(
            f"v{i}",
            rng.randint(1, 16),
            [rng.choice([None, "n", rng.randint(0, 999)]) for _ in range(rng.randint(0, 5))],
        )
        for i in range(rng.randint(0, 30))
    ]
    agrees(model(nodes, initializers=tensors, values=values))


def test_what_onnx_writes_to_disk(tmp_path: Any) -> None:
    big = np.arange(300_000, dtype=np.float32).reshape(300, 10, 10, 10)
    proto = model(
        [oh.make_node("Conv", ["x", f"w{i}"], ["y" if not i else f"y{i}"]) for i in range(12)],
        initializers=[onnx.numpy_helper.from_array(big + i, f"w{i}") for i in range(12)],
    )
    onnx.save(proto, tmp_path / "model.onnx")
    assert plain(read_onnx(tmp_path / "model.onnx")) == plain(expected_model(proto))
    assert plain(read_onnx(str(tmp_path / "model.onnx"))) == plain(read_onnx(proto.SerializeToString()))


def test_the_doubt_about_an_attribute_can_be_seen() -> None:
    proto = model([oh.make_node("Conv", ["x"], ["y"], strides=[2, 2])])
    right = expected_model(proto)
    proto.graph.node[0].attribute[0].ints[0] = 3
    assert plain(right) != plain(expected_model(proto))
