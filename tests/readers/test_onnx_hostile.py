"""Files that attack a reader of .onnx: each ends in an error that says where and what, or is read and harmless."""

from __future__ import annotations

import os
import struct
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from readers import onnx_bytes as write

from convwise.errors import ModelError
from convwise.readers.onnx import OnnxGraph, OnnxValue, limits, read_onnx
from convwise.readers.onnx.opening import FileBytes, opened

RELU = write.node("Relu", "x", "y")


def refusal(data: bytes | str | Path) -> ModelError:
    with pytest.raises(ModelError) as raised:
        read_onnx(data)
    assert raised.value.code.startswith("CW4")
    assert str(raised.value).isprintable() or "\n" in str(raised.value)
    return raised.value


def refused(data: bytes, code: str, *words: str) -> ModelError:
    error = refusal(data)
    assert error.code == code, error
    for word in words:
        assert word in str(error), error
    return error


@contextmanager
def frugal() -> Iterator[None]:
    """At most 200 MB and twenty seconds, on a busy machine with the memory watched; it is one second otherwise."""
    tracemalloc.start()
    started = time.process_time()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200e6, f"{peak / 1e6:.0f} MB"
    assert time.process_time() - started < 20


# files that are no models


def test_an_empty_file() -> None:
    refused(b"", "CW403", "the file is empty")


def test_a_graph_with_nothing_in_it() -> None:
    refused(write.encode(write.model(write.graph([], outputs=""))), "CW403", "no nodes and no outputs")


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"PK\x03\x04\x14\x00", "a zip archive"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x1c\x00\x00\x00TFL3", "TensorFlow Lite"),
        (b"\x1c\x00\x00\x00ORTM", ".ort"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b'{"class_name": "Functional"}', "JSON"),
        (b"<html>", "HTML"),
        (b"\x80\x04\x95", "pickle"),
        (b"import torch\n", "not an ONNX model"),
        (b"\n\n\n", "not an ONNX model"),
        (bytes(100), "not an ONNX model"),
    ],
)
def test_files_of_other_kinds(start: bytes, what: str) -> None:
    refused(start, "CW403", what)


def test_random_bytes() -> None:
    import random

    for seed in range(300):
        refusal(random.Random(seed).randbytes(seed))


def test_something_that_is_no_path() -> None:
    for source in (None, 5, 1.5, [], bytearray(b"")):
        assert refusal(source).code == "CW409"  # type: ignore[arg-type]


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    (tmp_path / "circle.onnx").symlink_to(tmp_path / "circle.onnx")
    for name, reason in {
        "none.onnx": "No such file",
        "": "it is a folder",
        "pipe.onnx": "not a regular file",
        "circle.onnx": "symbolic links",
    }.items():
        error = refusal(tmp_path / name)
        assert error.code == "CW409"
        assert reason in str(error)
    assert "cannot be read" in str(refusal("a\x00b"))
    assert "\\x1b" in str(refusal("a\x1b[31m.onnx"))
    assert refusal("/dev/zero").code == "CW409"


def test_a_file_that_shrinks_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(write.chain(9000))
    with opened(path) as data:
        assert isinstance(data, FileBytes)
        os.truncate(path, 5000)
        with pytest.raises(
            ModelError, match=r"model.onnx' cannot be read: it became shorter while it was read \[CW409\]"
        ):
            data[4000:6000]


# files that are cut off


@pytest.mark.parametrize("name", write.samples())
def test_no_prefix_is_another_network(name: str) -> None:
    data = write.samples()[name]
    whole = read_onnx(data)
    codes = set()
    for size in range(len(data)):
        try:
            part = read_onnx(data[:size])
        except ModelError as error:
            codes.add(error.code)
        else:
            # Behind what a model cannot do without stand only operator sets that it does not use, and functions.
            assert part.graph == whole.graph
            assert size > len(data) - 12 or part.functions == whole.functions[: len(part.functions)] != whole.functions
            assert "" in part.opsets
    assert codes == {"CW403", "CW404"}


def test_a_cut_behind_the_graph() -> None:
    data = write.encode(write.model(write.graph([RELU]), opsets=[]))
    refused(data, "CW404", "the file names no operator set (opset_import)", "cut off")
    others = write.encode(write.model(write.graph([RELU]), opsets=[(8, write.opset("own", 1))]))
    refused(others, "CW404", "the model uses 'Relu', but does not say of which operator set", "cut off")


def test_a_domain_without_a_version() -> None:
    foreign = read_onnx(write.whole([write.node("Gemm", "x", "y", "", "com.other")]))
    assert (foreign.graph.nodes[0].domain, "com.other" in foreign.opsets) == ("com.other", False)


def test_a_cut_inside_the_graph_says_how_much_is_there() -> None:
    data = write.chain(100)
    refused(data[:5000], "CW404", "ModelProto.graph is cut off", "the file has 5,000")


def test_a_length_beyond_the_file() -> None:
    refused(
        b"\x08\x08\x3a" + write.varint(10**9),
        "CW404",
        "ModelProto.graph is cut off",
        "it would end at byte 1,000,000,008",
    )


# the wire format


def test_a_number_longer_than_needed_is_legal() -> None:
    assert read_onnx(write.whole([RELU]).replace(b"\x08\x08", b"\x08\x88\x80\x80\x00", 1)).ir_version == 8


def test_a_number_of_more_than_64_bits() -> None:
    refused(write.whole([RELU]) + b"\x28" + b"\xff" * 9 + b"\x02", "CW406", "more than 64 bits")
    refused(write.whole([RELU]) + b"\x28" + b"\xff" * 11, "CW406", "more than 64 bits")


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (b"\x00\x00", "the number 0, which no field can have"),
        (b"\x80\x80\x80\x80\x10\x00", "which no field can have"),
        (b"\xa3\x06", "starts a group"),
        (b"\xa4\x06", "ends a group"),
        (b"\xa3\x06" * 200, "starts a group"),
        (b"\xa6\x06", "wire type 6"),
        (b"\xa7\x06", "wire type 7"),
        (b"\x3d\x00\x00\x00\x00", "ModelProto.graph has the wrong wire type 5"),
    ],
)
def test_what_no_writer_writes(extra: bytes, words: str) -> None:
    data = write.whole([RELU])
    refused(data + extra, "CW406", f"byte {len(data):,}: ", words)


def test_a_message_that_ends_beyond_its_message() -> None:
    body = write.encode(write.graph([RELU]))
    node = b"\x0a" + write.varint(len(body) + 50)
    refused(
        write.encode(write.model([])).replace(b"\x3a\x00", b"\x3a" + write.varint(len(node + body)) + node + body)
        + write.encode([(99, bytes(90))]),
        "CW406",
        "GraphProto.node ends at byte",
        "beyond its message",
    )


def test_unknown_fields_are_stepped_over() -> None:
    data = write.whole([RELU], more=[(999, bytes(10**6)), (998, 5)])
    data += write.encode([(999, bytes(10**6))])
    with frugal():
        assert read_onnx(data) == read_onnx(write.whole([RELU]))


def test_many_unknown_fields_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FIELDS", 1000)
    data = write.whole([RELU])
    assert read_onnx(data + b"\x98\x3e\x01" * 900)
    refused(data + b"\x98\x3e\x01" * 1001, "CW405", "more than 1,000 fields")
    refused(write.whole([[*RELU, *[(9, b"")] * 1001]]), "CW405", "more than 1,000 fields")


@pytest.mark.parametrize("message", ["graph", "ir_version", "name", "op_type", "type"])
def test_what_can_be_there_once_only(message: str) -> None:
    twice = {
        "graph": write.encode(write.model(write.graph([RELU]))) + write.encode([(7, write.graph([RELU]))]),
        "ir_version": write.whole([RELU]) + b"\x08\x08",
        "name": write.whole([[(3, "a"), *RELU, (3, "b")]]),
        "op_type": write.whole([[*RELU, (4, "Conv")]]),
        "type": write.whole([write.node("Conv", "x", "y", group=("fields", (20, 2), (3, 1), (20, 2)))]),
    }
    refused(twice[message], "CW406", f".{message} is given twice")
    refused(write.whole([[(1, "x"), (3, "a"), (3, "b"), (4, "Relu")]]), "CW406", "NodeProto.name is given twice")


# limits


def test_ten_megabytes_of_empty_nodes() -> None:
    data = write.encode(write.model([(1, b"")])).replace(
        b"\x3a\x02\x0a\x00", b"\x3a" + write.varint(10**7) + b"\x0a\x00" * (5 * 10**6)
    )
    with frugal():
        refused(data, "CW405", "more than 250,000 nodes")


def test_a_few_empty_nodes() -> None:
    error = refused(write.whole([RELU, []]), "CW406", "node 1: byte", "a node without an op_type")
    assert error.layer == "node 1"


def test_many_names_at_one_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OBJECTS", 10_000)
    refused(write.whole([[(1, "x")] * 10_000 + [(4, "Concat")]]), "CW405", "more than 10,000 names, attributes")
    refused(write.whole([[(1, "x")] * 60_000 + [(4, "Concat")]]), "CW405", "more than 10,000 names, attributes")
    refused(write.whole([RELU], values=[write.value(f"v{i}") for i in range(10_000)]), "CW405", "more than 10,000")
    refused(
        write.whole([RELU], tensors=[write.tensor(f"v{i}", (0,), b"") for i in range(10_000)]),
        "CW405",
        "more than 10,000",
    )
    refused(
        write.whole([RELU], values=[write.value(f"v{i}", (f"d{i}",) * 60) for i in range(200)]),
        "CW405",
        "more than 10,000",
    )


def test_long_names() -> None:
    for place in ([(1, "n" * 4097), *RELU], [*RELU, (3, "n" * 4097)], [(2, "y"), (4, "O" * 4097)]):
        refused(write.whole([place]), "CW405", "a name of 4,097 bytes, the limit is 4,096")
    refused(write.whole([RELU], values=[write.value("v" * 5000)]), "CW405", "a name of 5,000 bytes")


def nested(depth: int, both: bool = False) -> bytes:
    body = write.graph([write.node("Relu", "x", "y")])
    for _ in range(depth):
        other = body if both else write.graph([write.node("Relu", "x", "y")])
        body = write.graph([write.node("If", "c", "y", then_branch=("graph", body), else_branch=("graph", other))])
    return write.encode(write.model(body))


def test_graphs_inside_graphs() -> None:
    graph = read_onnx(nested(limits.DEPTH - 1)).graph
    depth = 1
    while (body := graph.nodes[0].attributes.get("then_branch")) is not None:
        assert isinstance(body, OnnxGraph)
        graph, depth = body, depth + 1
    assert depth == limits.DEPTH
    refused(nested(limits.DEPTH), "CW405", "more than 32 deep")
    deep = nested(250)
    with frugal():
        refused(deep, "CW405", "more than 32 deep")


def test_a_tree_of_branches() -> None:
    tree = nested(12, both=True)
    with frugal():
        assert read_onnx(tree).graph.nodes[0].op_type == "If"


def test_many_axes() -> None:
    assert (
        len(
            read_onnx(write.whole([RELU], tensors=[write.tensor("w", (1,) * 64, bytes(4))]))
            .graph.initializers["w"]
            .dims
        )
        == 64
    )
    for dims in ((1,) * 65, (1,) * 70_000):
        refused(write.whole([RELU], tensors=[write.tensor("w", dims, bytes(4))]), "CW405", "more than 64 axes")
        refused(write.whole([RELU], values=[write.value("w", dims)]), "CW405", "more than 64 axes")
    refused(write.whole([RELU], tensors=[[(1, (1,) * 70_000), *write.tensor("w", ())]]), "CW405", "more than 64 axes")


# names


@pytest.mark.parametrize(
    "name", ["a\x00b", "a\u202eb", "\x1b[31mred", "<img src=x onerror=alert(1)>", "С", "a\nb", '"); import os #']
)
def test_names_are_data(name: str) -> None:
    read = read_onnx(write.whole([[(1, "x"), (2, "y"), (3, name), (4, name)]])).graph.nodes[0]
    assert (read.name, read.op_type) == (name, name)
    broken = refusal(write.whole([[(1, "x"), (2, "y"), (3, name), (4, name), (5, [])]]))
    assert not set("\x00\u202e\x1b") & set(str(broken))


def test_names_that_are_not_utf8() -> None:
    read = read_onnx(
        write.whole([write.node(b"Conv\xff\xfe", "x", "y"), [(1, b"\xed\xa0\x80"), (2, "z"), (4, "Relu")]])
    ).graph.nodes
    assert read[0].op_type == "Conv\\xff\\xfe"
    assert read[1].inputs == ("\\xed\\xa0\\x80",)
    refused(
        write.whole([[(1, b"\xff"), (1, b"\\xff"), (2, "y"), (4, "Add")]]), "CW406", "two names differ only in bytes"
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            write.whole([RELU, write.node("Relu", "x", "y", "again")]),
            ["node 1 (Relu 'again')", "it writes 'y'", "written by node 0 (Relu) already"],
        ),
        (write.whole([write.node("Split", "x", "y y")]), ["node 0 (Split)", "it writes 'y'"]),
        (write.whole([write.node("Relu", "y", "x")]), ["it writes 'x', which is an input of the graph"]),
        (write.whole([RELU], tensors=[write.tensor("y", (0,), b"")]), ["it writes 'y', which is a tensor of the file"]),
        (write.whole([RELU], tensors=[write.tensor("w", (0,), b"")] * 2), ["two tensors of the graph are called 'w'"]),
        (write.whole([RELU], inputs="x x"), ["two inputs of the graph are called 'x'"]),
    ],
)
def test_a_name_is_made_once(data: bytes, words: list[str]) -> None:
    refused(data, "CW408", *words)


def test_what_may_be_there_twice() -> None:
    nodes = [write.node("Dropout", "x", "y"), write.node("Relu", "y", "z")]
    nodes[0].insert(2, (2, ""))
    nodes[1].insert(2, (2, ""))
    data = write.whole(nodes, inputs="x w", tensors=[write.tensor("w", (0,), b"")], values=[write.value("h", (1,))] * 2)
    assert len(read_onnx(data).graph.nodes) == 2


def test_two_declarations_that_differ_declare_nothing() -> None:
    values = [write.value("h", (1,)), write.value("h", (2,)), write.value("h", (1,)), write.value("g", (3,))]
    declared = read_onnx(write.whole([RELU], values=values)).graph.value_info
    assert declared == {"h": OnnxValue("h", None, None, ""), "g": OnnxValue("g", "float32", (3,))}


def test_parts_without_a_name() -> None:
    refused(write.whole([RELU], tensors=[write.tensor("", (0,), b"")]), "CW406", "tensor 0 of the graph has no name")
    unnamed = write.graph([RELU], more=[(11, [])])
    refused(write.encode(write.model(unnamed)), "CW406", "input 1 of the graph has no name")
    refused(
        write.whole([[*RELU, (5, [(3, 1), (20, 2)])]]), "CW406", "node 0 (Relu): byte", "an attribute without a name"
    )


# attributes


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([(20, 99)], "has the type 99"),
        ([(20, 2**40)], "has the type 1099511627776"),
        ([(20, 2), (4, "2")], "'a' is of type i, but holds s"),
        ([(20, 7), (8, 1), (7, 1.0)], "is of type ints, but holds floats"),
        ([(3, 1), (2, 1.0)], "has no type, but holds f"),
        ([], "has no type, but holds nothing"),
        ([(20, 4)], "of type t holds nothing"),
        ([(20, 5)], "of type g holds nothing"),
        ([(20, 6), (7, b"\x00\x00\x00")], "a list of floats has 3 bytes"),
        ([(20, 2), (3, 1), (21, "other")], "has a value, and refers to 'other'"),
        ([(20, 4), (5, [(1, 2)])], "has no data_type"),
        ([(20, 13), (14, [(1, [(1, 1)]), (4, [])])], "a type that is tensor and sequence at once"),
    ],
)
def test_attributes_that_contradict_themselves(fields: write.Message, words: str) -> None:
    error = refused(write.whole([RELU, write.node("Conv", "y", "z", "conv", a=("fields", *fields))]), "CW406", words)
    assert error.layer == "node 1 (Conv 'conv')"


def test_an_attribute_twice() -> None:
    node = [*write.node("Conv", "x", "y", group=1), (5, write.attribute("group", 2))]
    refused(write.whole([node]), "CW408", "attribute 'group' is given twice")


# tensors


@pytest.mark.parametrize(
    ("tensor", "code", "words"),
    [
        (write.tensor("w", (4, -3, -3, 3), bytes(432)), "CW406", "axis 1 of tensor 'w' has the size -3"),
        (write.tensor("w", (0, -3), b""), "CW406", "axis 1 of tensor 'w' has the size -3"),
        (
            write.tensor("w", (4, 3, 3, 3), bytes(10)),
            "CW406",
            "'w' (4 x 3 x 3 x 3) needs 432 bytes of raw_data, the file holds 10",
        ),
        (write.tensor("w", (4,), bytes(17)), "CW406", "needs 16 bytes of raw_data, the file holds 17"),
        (write.tensor("w", (), b""), "CW406", "(a single element) needs 4 bytes"),
        (write.tensor("w", (4,)), "CW406", "needs 4 entries of float_data, the file holds 0"),
        (write.tensor("w", (4,), None, 1, (4, bytes(15))), "CW406", "15 bytes of entries of float_data"),
        (write.tensor("w", (4,), None, 1, (4, bytes(12))), "CW406", "needs 4 entries of float_data, the file holds 3"),
        (write.tensor("w", (4,), None, 7, (7, (1, 2, 3))), "CW406", "needs 4 entries of int64_data, the file holds 3"),
        (
            write.tensor("w", (9000,), None, 7, (7, (1,) * 800)),
            "CW406",
            "needs 9,000 entries of int64_data, the file holds 800",
        ),
        (
            write.tensor("w", (2,), None, 7, (7, (1,) * 50_000)),
            "CW406",
            "needs 2 entries of int64_data, the file holds many more",
        ),
        (
            write.tensor("w", (4,), None, 7, (4, bytes(16))),
            "CW406",
            "of int64 has its data in float_data instead of int64_data",
        ),
        (write.tensor("w", (4,), bytes(16), 1, (4, bytes(16))), "CW406", "in raw_data and in float_data"),
        (write.tensor("w", (1,), b"abcd", 8), "CW406", "although its type is string"),
        (write.tensor("w", (2,), None, 8, (6, "one")), "CW406", "needs 2 strings, the file holds 1"),
        (
            write.tensor("w", (2**32, 2**32, 1, 1), b""),
            "CW405",
            "4294967296 x 4294967296 x 1 x 1 elements, more than 2**63 - 1",
        ),
        (write.tensor("w", (2**62, 2**62), None, 1, (14, 1)), "CW405", "more than 2**63 - 1"),
        (write.tensor("w", (4,), bytes(16), 99), "CW407", "99 is not an element type"),
        (write.tensor("w", (4,), bytes(16), 0), "CW407", "0 is not an element type"),
        (write.tensor("w", (4,), bytes(16), 1, (3, b"")), "CW407", "one segment of a tensor"),
        (write.tensor("w", (4,), bytes(16), 1, (14, 1)), "CW406", "has data here and in another file"),
        (write.tensor("w", (4,), bytes(16), 1, (14, 2)), "CW406", "data_location is 2"),
    ],
)
def test_tensors_that_contradict_themselves(tensor: write.Message, code: str, words: str) -> None:
    refused(write.whole([RELU], tensors=[tensor]), code, "tensor 0 of the file: byte", words)
    refused(
        write.whole([write.node("Constant", "", "y", value=("tensor", tensor))]), code, "node 0 (Constant): byte", words
    )


@pytest.mark.parametrize(
    ("values", "indices", "dims", "words"),
    [
        ((2,), (1, 9), 4, "index 1 of sparse tensor 's' lies outside 4"),
        ((2,), (1, -1), 4, "index 1 of sparse tensor 's' lies outside 4"),
        ((2,), (1, 2, 3), 4, "has values (2,) and indices (3,) for 1 axes"),
    ],
)
def test_sparse_tensors_that_contradict_themselves(
    values: tuple[int], indices: tuple[int, ...], dims: int, words: str
) -> None:
    held = write.tensor("s", values, bytes(8))
    places = write.tensor("", (len(indices),), struct.pack(f"<{len(indices)}q", *indices), write.INT64)
    refused(write.whole([RELU], more=[(15, [(1, held), (2, places), (3, dims)])]), "CW406", words)
    refused(write.whole([RELU], more=[(15, [(2, places), (3, dims)])]), "CW406", "without values")
    floats = write.tensor("", (2,), struct.pack("<2f", float("nan"), 1))
    refused(write.whole([RELU], more=[(15, [(1, held), (2, floats), (3, dims)])]), "CW406", "indices of float32")


def test_data_in_other_files_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    entries = [
        (13, [(1, key), (2, text)]) for key, text in {"location": "pipe", "offset": "-1", "__class__": "x"}.items()
    ]
    data = write.whole([RELU], tensors=[write.tensor("w", (10, 10), None, 1, *entries, (14, 1))])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.onnx").write_bytes(data)
    assert read_onnx(tmp_path / "model.onnx").graph.initializers["w"].external


def test_sizes_of_values() -> None:
    refused(write.whole([RELU], values=[write.value("h", (4, -3))]), "CW406", "axis 1 has the size -3")
    both = [(1, "h"), (2, [(1, [(1, 1), (2, [(1, [(1, 5), (2, "n")])])])])]
    refused(write.whole([RELU], values=[both]), "CW406", "axis 0 has a number and a name")
    refused(write.whole([RELU], values=[write.value("h", (1,), 99)]), "CW407", "99 is not an element type")
    assert read_onnx(write.whole([RELU], values=[write.value("h", (2**62, 2**62))])).graph.value_info["h"].dims == (
        2**62,
        2**62,
    )


def test_types_that_contradict_themselves() -> None:
    twice = [*write.value("h", (1, 2)), write.value("h", (1, 3))[1]]
    refused(write.whole([RELU], values=[twice]), "CW406", "ValueInfoProto.type is given twice")
    behind_its_shape = b"\x0a\x08\x08\x01\x12\x02\x0a\x00\x0a\x00"
    refused(
        write.whole([RELU], values=[[(1, "h"), (2, behind_its_shape)]]),
        "CW406",
        "TypeProto.Tensor.elem_type has the wrong wire type 2",
    )


# operator sets and functions


@pytest.mark.parametrize("version", [0, -1, -(2**63)])
def test_operator_sets_below_the_first(version: int) -> None:
    data = write.encode(write.model(write.graph([RELU]), opsets=[(8, write.opset("", version))]))
    refused(data, "CW406", f"operator set '' has the version {version}, the first one is 1")


def test_operator_sets_above_the_newest_are_for_others_to_judge() -> None:
    data = write.encode(write.model(write.graph([RELU]), opsets=[(8, write.opset("", 9999))]))
    assert read_onnx(data).opsets[""] == 9999


def test_two_versions_of_one_operator_set() -> None:
    two = [(8, write.opset("", 17)), (8, write.opset("ai.onnx", 18))]
    refused(
        write.encode(write.model(write.graph([RELU]), opsets=two)),
        "CW408",
        "operator set '' is given twice, as 17 and 18",
    )


def calls(**bodies: list[write.Message]) -> bytes:
    functions = [write.function(name, nodes) for name, nodes in bodies.items()]
    return write.encode(write.model(write.graph([write.node("f0", "x", "y", "", "own")]), functions=functions))


def call(name: str, to: str = "b") -> write.Message:
    return write.node(name, "a", to, "", "own")


def test_functions_that_call_themselves() -> None:
    refused(calls(f0=[call("f0")]), "CW408", "function 'f0' calls itself", "'f0' -> 'f0'")
    refused(
        calls(f0=[call("f1")], f1=[call("f2")], f2=[call("f1")]),
        "CW408",
        "function 'f1' calls itself",
        "'f1' -> 'f2' -> 'f1'",
    )
    inside = write.node(
        "If", "a", "b", then_branch=("graph", write.graph([call("f0")])), else_branch=("graph", write.graph([RELU]))
    )
    refused(calls(f0=[inside]), "CW408", "function 'f0' calls itself")


def test_functions_that_call_functions() -> None:
    def row(length: int) -> bytes:
        return calls(
            **{
                f"f{i}": [call(f"f{i + 1}")] if i < length - 1 else [write.node("Relu", "a", "b")]
                for i in range(length)
            }
        )

    assert len(read_onnx(row(limits.CALLS)).functions) == limits.CALLS
    refused(row(limits.CALLS + 1), "CW405", "functions that call functions, more than 100 deep")
    refused(row(3000), "CW405", "more than 100 deep")
    many = {f"f{i}": [call(f"f{i + 1}"), call(f"f{i + 1}", "c")] for i in range(90)}
    assert read_onnx(calls(**many, f90=[write.node("Relu", "a", "b")]))


def test_functions_that_are_wrong() -> None:
    def one(*functions: write.Message) -> bytes:
        return write.encode(write.model(write.graph([RELU]), functions=list(functions)))

    body = [write.node("Relu", "a", "b")]
    refused(one(write.function("f", body), write.function("f", body)), "CW408", "function 'f' is there twice")
    refused(one(write.function("", body)), "CW406", "a function without a name")
    refused(one(write.function("f", body * 2)), "CW408", "node 1 (Relu) of function 'f'", "it writes 'b'")
    refused(one(write.function("f", [write.node("Relu", "b", "a")])), "CW408", "an input of the function")
    refused(one(write.function("f", body, "own", (4, "a"))), "CW408", "two inputs have one name")
    lost = [part for part in write.function("f", body) if part != (9, write.opset("", 17))]
    refused(one(lost), "CW404", "function 'f' uses 'Relu', but does not say of which operator set")


def test_messages_stay_on_their_lines() -> None:
    name = "line\nline\r" + "n" * 3000
    error = refusal(write.whole([[(1, "x"), (2, "y"), (3, name), (4, "Conv"), (5, [(1, name)])]]))
    assert len(str(error).splitlines()) <= 3
    assert len(error.message) < 400
