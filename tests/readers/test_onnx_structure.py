"""What the structure reader gives for files that were written byte by byte, in every legal form."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from readers import onnx_bytes as write

from convwise.readers.onnx import OnnxNode, OnnxReference, OnnxTensor, OnnxValue, Undecoded, constant, read_onnx
from convwise.readers.onnx.opening import WHOLE, opened

RELU = write.node("Relu", "x", "y")
INT64 = write.INT64


def one_tensor(message: write.Message) -> OnnxTensor:
    (found,) = read_onnx(write.whole([RELU], tensors=[message])).graph.initializers.values()
    return found


def one_node(message: write.Message) -> OnnxNode:
    return read_onnx(write.whole([message])).graph.nodes[0]


def test_a_small_model() -> None:
    model = read_onnx(write.samples()["plain"])
    assert (model.ir_version, dict(model.opsets), model.producer) == (8, {"": 17, "own": 1}, "tests 1.0")
    conv, relu = model.graph.nodes
    assert conv == OnnxNode(
        "Conv", "", "/conv1/Conv", ("x", "w"), ("h",), {"kernel_shape": (3, 3), "group": 1, "auto_pad": "SAME_UPPER"}, 0
    )
    assert relu == OnnxNode("Relu", "", "", ("h",), ("y",), {}, 1)
    assert model.graph.inputs == (OnnxValue("x", "float32", ("batch", 3, None, 10)),)
    assert model.graph.outputs == (OnnxValue("y", "float32", None),)
    assert dict(model.graph.value_info) == {
        "h": OnnxValue("h", "float32", (1, 4, "height", None)),
        "rest": OnnxValue("rest", "float32", None),
    }
    assert dict(model.graph.initializers) == {
        "w": OnnxTensor("w", (4, 3, 3, 3), "float32"),
        "shape": OnnxTensor("shape", (3,), "int64", (1, -1, 5)),
        "scales": OnnxTensor("scales", (2,), "float32", (1.0, 2.0)),
        "listed": OnnxTensor("listed", (3,), "int64", (1, -1, 300)),
        "texts": OnnxTensor("texts", (1,), "string", ("one",)),
        "far": OnnxTensor("far", (100, 100), "float32", None, external=True),
        "sparse": OnnxTensor("sparse", (4,), "float32", (1.0, 0.0, 0.0, 2.0), sparse=True),
    }


def test_bodies_and_functions() -> None:
    model = read_onnx(write.samples()["bodies"])
    body = model.graph.nodes[0].attributes["body"]
    then, other = (body.nodes[0].attributes[key] for key in ("then_branch", "else_branch"))
    assert then == other
    assert constant(then.nodes[0]) == OnnxTensor("c", (2,), "int64", (0, 0))
    (act,) = read_onnx(write.samples()["calls"]).functions
    assert (act.name, act.domain, act.inputs, act.outputs, act.attributes) == ("act", "own", ("a",), ("b",), ("slope",))
    assert act.nodes[0].attributes["alpha"] == OnnxReference("slope")


def test_several_graphs_in_one_attribute_stay_in_order() -> None:
    def body(name: str) -> write.Message:
        inner = write.graph([write.node("Relu", "x", f"{name}.inner")])
        return write.graph([write.node("If", "x", name, then_branch=("graph", inner), else_branch=("graph", inner))])

    fields = ("fields", *((11, body(name)) for name in "abc"), (20, 10))
    switch = one_node(write.node("Switch", "x", "y", "", "own", bodies=fields, other=("graph", body("d"))))
    assert [body.nodes[0].outputs for body in switch.attributes["bodies"]] == [("a",), ("b",), ("c",)]
    inner = switch.attributes["bodies"][1].nodes[0].attributes["then_branch"]
    assert inner.nodes[0].outputs == ("b.inner",)
    assert switch.attributes["other"].nodes[0].outputs == ("d",)


@pytest.mark.parametrize("name", write.samples())
@pytest.mark.parametrize("seed", range(60))
def test_every_legal_form_says_the_same(name: str, seed: int) -> None:
    plain = parsed(write.samples()[name])
    other = write.encode(plain, random.Random(seed))
    assert repr(in_order(read_onnx(other))) == repr(in_order(read_onnx(write.samples()[name])))


def in_order(thing: object) -> object:
    """Attributes, tensors and values sorted by name: their order in the file means nothing."""
    if hasattr(thing, "items"):
        return sorted((key, in_order(part)) for key, part in thing.items())
    if hasattr(thing, "__dataclass_fields__"):
        return [in_order(getattr(thing, name)) for name in thing.__dataclass_fields__]
    return [in_order(part) for part in thing] if isinstance(thing, tuple) else thing


INSIDE = {
    "model": {7: "graph", 8: "opset", 25: "function"},
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value", 15: "sparse"},
    "function": {7: "node", 9: "opset"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph"},
    "sparse": {1: "tensor", 2: "tensor"},
    "value": {2: "type"},
    "type": {1: "tensor type"},
    "tensor type": {2: "shape"},
    "shape": {1: "dimension"},
}


def parsed(data: bytes, kind: str = "model") -> write.Message:
    """The fields of a file that was written in the shortest form, by another few lines than those under test."""
    message: write.Message = []
    at = 0

    def number() -> int:
        nonlocal at
        found = shift = 0
        while True:
            byte = data[at]
            at += 1
            found |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return found

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            message.append((tag >> 3, number()))
        elif tag & 7 == 5:
            message.append((tag >> 3, struct.unpack("<f", data[at : at + 4])[0]))
            at += 4
        else:
            size = number()
            below = INSIDE.get(kind, {}).get(tag >> 3)
            payload = data[at : at + size]
            message.append((tag >> 3, parsed(payload, below) if below else payload))
            at += size
    return message


def test_the_parser_of_this_test_is_right() -> None:
    for data in write.samples().values():
        assert write.encode(parsed(data)) == data


def test_nodes_that_differ_in_one_attribute_do_not_share_it() -> None:
    nodes = [write.node("Conv", f"t{i} w", f"t{i + 1}", strides=[1 + i % 3, 1]) for i in range(30)]
    read = read_onnx(write.whole(nodes)).graph.nodes
    assert [node.attributes["strides"] for node in read] == [(1 + i % 3, 1) for i in range(30)]
    assert [node.index for node in read] == list(range(30))


def test_metadata_behind_a_node_changes_nothing() -> None:
    nodes = [
        [*write.node("Relu", f"t{i}", f"t{i + 1}"), *[(9, [(1, "k"), (2, f"{i}" * 90)])] * (i % 3)] for i in range(9)
    ]
    nodes.append([*write.node("Relu", "t9", "y"), (9, b""), (7, "own")])
    read = read_onnx(write.whole(nodes)).graph.nodes
    assert [node.domain for node in read] == [""] * 9 + ["own"]
    assert [node.inputs for node in read] == [(f"t{i}",) for i in range(10)]


@pytest.mark.parametrize("length", [0, 1, 127, 128, 129, 255, 300, 4095, 4096])
def test_names_of_every_length(length: int) -> None:
    name = "n" * length
    message = [(1, "x"), (1, name), (2, "y"), (3, name), (4, "Add")]
    read = read_onnx(write.whole([message, write.node("Relu", "y", "z")])).graph.nodes[0]
    assert (read.inputs, read.name) == (("x", name), name)


@pytest.mark.parametrize(
    ("code", "letter", "values"),
    [
        (1, "f", (0.5, -2.0)),
        (11, "d", (0.1, -2.0)),
        (7, "q", (-(2**63), 5)),
        (6, "i", (-7, 5)),
        (3, "b", (-128, 127)),
        (10, "e", (0.5, 65504.0)),
    ],
)
def test_small_tensors_are_decoded(code: int, letter: str, values: tuple[float, ...]) -> None:
    assert one_tensor(write.tensor("t", (2, 1), struct.pack(f"<2{letter}", *values), code)).values == values


def test_values_of_other_types() -> None:
    assert one_tensor(write.tensor("t", (3,), b"\x21\x0f", 22)).values == (1, 2, -1)
    assert one_tensor(write.tensor("t", (3,), b"\x21\x0f", 21)).values == (1, 2, 15)
    assert one_tensor(write.tensor("t", (5,), b"\xe4\x03", 26)).values == (0, 1, -2, -1, -1)
    assert one_tensor(write.tensor("t", (2,), b"\x80\x3f\x00\xc0", 16)).values == (1.0, -2.0)
    assert one_tensor(write.tensor("t", (2,), b"\x01\x00", 9)).values == (True, False)
    assert one_tensor(write.tensor("t", (2,), None, 10, (5, (0x3800, 0xBC00)))).values == (0.5, -1.0)
    assert one_tensor(write.tensor("t", (3,), b"\x00\x00\x00", 27)).values is None
    nothing = one_tensor(write.tensor("t", (0,), b""))
    assert (nothing.values, nothing.size) == ((), 0)


@pytest.mark.parametrize(("code", "width", "limit"), [(1, 4, 64), (2, 1, 64), (7, 8, 4096), (6, 4, 4096)])
def test_only_small_tensors_are_decoded(code: int, width: int, limit: int) -> None:
    assert one_tensor(write.tensor("t", (limit,), bytes(width * limit), code)).values == (0,) * limit
    assert one_tensor(write.tensor("t", (limit + 1,), bytes(width * (limit + 1)), code)).values is None


@pytest.mark.parametrize("count", [3, 64, 65, 5000])
def test_lists_in_one_piece_or_many(count: int) -> None:
    whole = one_tensor(write.tensor("t", (count,), None, INT64, (7, (300,) * count)))
    pieces = one_tensor(write.tensor("t", (count,), None, INT64, *[(7, 300)] * count))
    both = one_tensor(write.tensor("t", (count,), None, INT64, (7, 300), (7, (300,) * (count - 1))))
    assert whole == pieces == both
    assert whole.values == ((300,) * count if count <= 4096 else None)
    floats = [
        one_tensor(write.tensor("t", (count,), None, 1, *form))
        for form in ([(4, bytes(4 * count))], [(4, 0.0)] * count)
    ]
    assert floats[0] == floats[1]


def test_a_nan_stays_one() -> None:
    (value,) = one_tensor(write.tensor("t", (), struct.pack("<f", math.nan))).values
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"value": ("tensor", write.tensor("", (2,), bytes(8)))}, OnnxTensor("c", (2,), "float32", (0.0, 0.0))),
        ({"value_int": 5}, OnnxTensor("c", (), "int64", (5,))),
        ({"value_ints": [5, -1]}, OnnxTensor("c", (2,), "int64", (5, -1))),
        ({"value_float": 0.5}, OnnxTensor("c", (), "float32", (0.5,))),
        ({"value_floats": [0.5, 1.0]}, OnnxTensor("c", (2,), "float32", (0.5, 1.0))),
        ({"value_string": "a"}, OnnxTensor("c", (), "string", ("a",))),
        ({"value_strings": ["a", "b"]}, OnnxTensor("c", (2,), "string", ("a", "b"))),
        ({"odd": 5}, None),
    ],
)
def test_constants_in_every_form(given: dict[str, object], expected: OnnxTensor | None) -> None:
    assert constant(one_node(write.node("Constant", "", "c", **given))) == expected


def test_a_constant_of_another_domain_is_none() -> None:
    assert constant(one_node(write.node("Constant", "", "c", "", "own", value_int=5))) is None
    assert constant(one_node(write.node("Relu", "x", "c"))) is None


def test_what_is_left_out_is_the_default() -> None:
    absent = {f"a{kind}": ("fields", (20, kind)) for kind in (1, 2, 3, 6, 7, 8)}
    assert one_node(write.node("Odd", "x", "y", **absent)).attributes == {
        "a1": 0.0,
        "a2": 0,
        "a3": "",
        "a6": (),
        "a7": (),
        "a8": (),
    }


def test_an_attribute_of_the_first_files_has_no_type() -> None:
    assert one_node(write.node("Conv", "x", "y", group=("fields", (3, 4)))).attributes == {"group": 4}


def test_long_attributes_stay_undecoded() -> None:
    lists = {
        "a": [1] * 4096,
        "b": [1] * 4097,
        "c": ("fields", (8, (1,) * 4097), (20, 7)),
        "d": "s" * 65536,
        "e": "s" * 65537,
    }
    found = one_node(write.node("Tree", "x", "y", **lists)).attributes
    assert found == {
        "a": (1,) * 4096,
        "b": Undecoded("ints"),
        "c": Undecoded("ints"),
        "d": "s" * 65536,
        "e": Undecoded("s"),
    }


@pytest.mark.parametrize("longer", [1, 2, 3, 9])
def test_numbers_longer_than_needed(longer: int) -> None:
    data = write.whole([RELU])
    assert data[1] == 8
    assert read_onnx(data[:1] + write.varint(8, longer) + data[2:]) == read_onnx(data)


def test_minus_one_and_no_name_are_unknown_sizes() -> None:
    model = read_onnx(write.whole([RELU], values=[write.value("h", (-1, "", 0))]))
    assert model.graph.value_info["h"].dims == (None, None, 0)


def test_the_oldest_files_name_no_operator_set() -> None:
    old = write.encode(write.model(write.graph([RELU]), opsets=[], ir_version=2))
    assert dict(read_onnx(old).opsets) == {"": 1}


def test_the_default_domain_has_two_names() -> None:
    node = write.node("Relu", "x", "y", "", "ai.onnx")
    model = read_onnx(write.encode(write.model(write.graph([node]), opsets=[(8, write.opset("ai.onnx", 17))])))
    assert (dict(model.opsets), model.graph.nodes[0].domain) == ({"": 17}, "")


def test_an_answer_cannot_be_changed() -> None:
    graph = read_onnx(write.samples()["plain"]).graph
    for mapping in (graph.initializers, graph.value_info, graph.nodes[0].attributes):
        with pytest.raises(TypeError):
            mapping["new"] = 1  # type: ignore[index]


def large(padding: int) -> bytes:
    """A model above the size that is read at once, with long and short tensors by turns."""
    tensors = [
        write.tensor(f"w{i}", (padding if i % 2 else i,), bytes(4 * (padding if i % 2 else i))) for i in range(40)
    ]
    branch = write.graph(
        [write.node("Constant", "", "c", value=("tensor", write.tensor("", (padding,), bytes(4 * padding))))],
        outputs="c",
    )
    nodes = [write.node("Conv", f"t{i}", f"t{i + 1}", f"node{i}", strides=[i, 1]) for i in range(3000)]
    nodes.append(write.node("If", "x", "y", then_branch=("graph", branch), else_branch=("graph", branch)))
    values = [write.value(f"t{i}", (i, "n" * (i % 200), None)) for i in range(3000)]
    return write.whole(nodes, tensors=tensors, values=values)


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("padding", [10, 4000, 100_000])
def test_a_file_says_what_its_bytes_say(tmp_path: Path, kind: Callable[[Path], str | Path], padding: int) -> None:
    data = large(padding)
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    assert read_onnx(kind(path)) == read_onnx(data)


def test_a_file_in_an_unusual_form_too(tmp_path: Path) -> None:
    data = large(2000)
    assert len(data) > WHOLE
    path = tmp_path / "model.onnx"
    path.write_bytes(write.encode(parsed(data), random.Random(1)))
    assert repr(in_order(read_onnx(path))) == repr(in_order(read_onnx(data)))


def test_a_file_is_given_in_slices(tmp_path: Path) -> None:
    data = random.Random(1).randbytes(WHOLE + 5000)
    path = tmp_path / "bytes"
    path.write_bytes(data)
    with opened(path) as held:
        rng = random.Random(2)
        for _ in range(500):
            start = rng.randrange(len(data))
            stop = start + rng.choice([1, 10, 1000, 100_000])
            assert held[start:stop] == data[start:stop]


@pytest.mark.parametrize("gigabytes", [3])
def test_a_file_of_any_size_in_the_same_time(tmp_path: Path, gigabytes: int) -> None:
    count = gigabytes * 2**28
    head = write.encode(write.tensor("w", (count,)))
    inner = write.encode(write.graph([write.node("Conv", "x w", "y")]))
    whole_tensor = head + b"\x4a" + write.varint(4 * count)
    graph_size = len(inner) + 1 + len(write.varint(len(whole_tensor) + 4 * count)) + len(whole_tensor) + 4 * count
    start = (
        b"\x08\x08\x42\x02\x10\x11\x3a"
        + write.varint(graph_size)
        + inner
        + b"\x2a"
        + write.varint(len(whole_tensor) + 4 * count)
        + whole_tensor
    )
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.write(start)
        file.truncate(len(start) + 4 * count)
    assert read_onnx(path).graph.initializers["w"] == OnnxTensor("w", (count,), "float32")
    with path.open("r+b") as file:
        file.truncate(len(start) + 4 * count - 1)
    with pytest.raises(ValueError, match=r"ModelProto.graph is cut off \[CW404\]"):
        read_onnx(path)
