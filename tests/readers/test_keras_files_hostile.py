"""Files that attack a reader of Keras models: each ends in an error that says where and what, or is read and harmless."""

from __future__ import annotations

import io
import json
import os
import random
import re
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from readers import keras_configs as write

from convwise.errors import ConvwiseError, ModelError
from convwise.graph import Network
from convwise.ops.several import Opaque
from convwise.readers.keras_files import hdf5, read_keras_config, read_keras_file, read_keras_json
from convwise.rules import keras_files as rules
from convwise.rules.base import Written

SMALL = json.dumps(write.small())


def refused(source: Any, code: str, *words: str) -> ModelError:
    with pytest.raises(ModelError) as raised:
        read_keras_file(source) if isinstance(source, bytes | Path | str) else read_keras_config(source)
    error = raised.value
    assert error.code == code, error
    for word in words:
        assert word in str(error), error
    assert all(line.isprintable() for line in str(error).splitlines())
    return error


@contextmanager
def frugal(seconds: float = 3, memory: int = 150_000_000) -> Iterator[None]:
    tracemalloc.start()
    start = time.process_time()
    try:
        yield
        # tracemalloc makes everything about three times slower.
        assert time.process_time() - start < 4 * seconds
        assert tracemalloc.get_traced_memory()[1] < memory
    finally:
        tracemalloc.stop()


# what is no Keras model


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"\x80\x04\x95\x00", "a pickle, which is never opened"),
        (b"\x08\x07\x12\x04onnx", "perhaps an ONNX model"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"import os\nos.system('id')", "its first bytes are 69 6d 70 6f"),
        (b"[]", "the JSON is a list"),
        (b"{}", "no 'class_name'"),
        (b'{"name": "left-pad", "version": "1.0"}', "but keys 'name', 'version'"),
        (b'{"class_name": "Dense", "config": {"units": 3}}', "this is a Dense, whose configuration has no layers"),
        (b'{"class_name": "Mine", "config": {}}', "code, which is never run"),
        (b'"{}"', "no 'class_name'"),
    ],
)
def test_what_is_no_keras_model(data: bytes, words: str) -> None:
    refused(data, "CW411", words)


def test_a_zip_of_pytorch() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("archive/data.pkl", b"\x80\x02}")
    refused(buffer.getvalue(), "CW411", "no config.json", "pickles are never opened")


@pytest.mark.parametrize("what", ["missing", "folder", "fifo", "nul"])
def test_paths_that_cannot_be_read(tmp_path: Path, what: str) -> None:
    path: Any = tmp_path / "x.keras"
    if what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "nul":
        path = f"{tmp_path}/a\0b.keras"
    refused(path, "CW409", "cannot be read")


# zip archives


def archive(*changes: tuple[int, bytes], data: bytes | None = None) -> bytes:
    """A .keras file with bytes changed at places."""
    found = bytearray(write.archive(write.small()) if data is None else data)
    for at, piece in changes:
        found[at : at + len(piece)] = piece
    return bytes(found)


WHOLE = archive()
ROW = WHOLE.rindex(b"config.json") - 46
LOCAL = WHOLE.index(b"config.json") - 30
END = WHOLE.rindex(b"PK\5\6")


def test_a_bomb_is_refused_by_its_numbers_and_by_its_bytes() -> None:
    bomb = write.archive(b'{"a": "' + b" " * 100_000_000 + b'"}')
    assert len(bomb) < 200_000
    with frugal(memory=20_000_000):
        refused(bomb, "CW412", "100,000,009 bytes, and at most 67,108,864")
    smaller = write.archive(b'{"a": "' + b" " * 20_000_000 + b'"}')
    with frugal(memory=20_000_000):
        refused(smaller, "CW412", "more than 200 for one")
    lying = bytearray(bomb)
    at = bytes(lying).rindex(b"config.json") - 46
    lying[at + 24 : at + 28] = struct.pack("<I", 500_000)
    with frugal(memory=20_000_000):
        refused(bytes(lying), "CW412", "more bytes than the 500,000")


def test_two_members_called_config_json() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("config.json", SMALL)
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("config.json", SMALL.replace("model", "other"))
    refused(buffer.getvalue(), "CW412", "two entries named config.json")


def test_a_local_header_with_another_name() -> None:
    refused(archive((LOCAL + 30, b"conf\x1bg.jsox")), "CW412", r"the header there says 'conf\x1bg.jsox'")


@pytest.mark.parametrize("method", [99, 12, 14, 1])
def test_other_compression_methods(method: int) -> None:
    refused(archive((ROW + 10, struct.pack("<H", method))), "CW412", f"method {method}")


def test_200_000_members_are_refused_from_the_end_record() -> None:
    row = b"PK\1\2" + bytes(24) + struct.pack("<HHH", 8, 0, 0) + bytes(12)
    rows = b"".join(row + b"m%07d" % number for number in range(200_000))
    data = b"PK\3\4" + bytes(26) + rows
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(rows), 30, 0)
    large = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 200_000, 200_000, len(rows), 30)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(data), 1)
    data += large + locator + end
    with frugal(memory=1_000_000):
        refused(data, "CW412", "200,000 entries", "at most 10,000")


def test_names_that_climb_out_are_never_followed(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("../../evil", "x")
        file.writestr("/etc/evil", "x")
        file.writestr("C:\\evil", "x")
        link = zipfile.ZipInfo("assets/link")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
        file.writestr("config.json", SMALL)
    path = tmp_path / "m.keras"
    path.write_bytes(buffer.getvalue())
    before = sorted(tmp_path.rglob("*"))
    assert read_keras_file(path) == read_keras_json(SMALL)
    assert sorted(tmp_path.rglob("*")) == before
    refused(write.archive(write.small(), name="../config.json"), "CW411", "no config.json")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (WHOLE[:-1], "no end record"),
        (WHOLE + b"x", "the end record does not end the file"),
        (WHOLE[:END] + WHOLE[END:].replace(b"PK\5\6", b"PK\5\7"), "no end record"),
        (archive((END + 16, struct.pack("<I", 2**31))), "does not end at byte"),
        (archive((END + 10, struct.pack("<H", 2))), "more than the 2 entries"),
        (archive((END + 10, struct.pack("<H", 4))), "there is no directory entry"),
        (archive((END + 10, struct.pack("<H", 0xFFFF))), "for large archives that is not there"),
        (archive((END + 4, struct.pack("<H", 3))), "several disks"),
        (archive((ROW + 8, b"\1\0")), "encrypted"),
        (archive((ROW + 20, struct.pack("<I", 2**31))), "2,147,483,648 bytes"),
        (archive((ROW + 20, struct.pack("<I", 60_000_000))), "reach past the entries"),
        (archive((ROW + 42, struct.pack("<I", 2**31))), "there is no header of config.json"),
        (archive((ROW + 42, struct.pack("<I", 3))), "there is no header of config.json"),
        (archive((ROW + 16, b"\0\0\0\0")), "checksum is wrong"),
        (archive((ROW + 24, struct.pack("<I", 10))), "more bytes than the 10"),
        (archive((ROW + 24, struct.pack("<I", 10**6))), "fewer bytes than the 1,000,000"),
        (archive((LOCAL + 41, b"\xff\xff\xff")), "cannot be unpacked"),
        (archive((ROW + 28, struct.pack("<H", 60_000))), "ends past the directory"),
    ],
)
def test_damaged_archives(data: bytes, words: str) -> None:
    refused(data, "CW412", words)


def test_no_cut_of_an_archive_or_of_json_is_a_network() -> None:
    for whole in (WHOLE, SMALL.encode()):
        for at in range(0, len(whole), 7):
            with pytest.raises(ModelError):
                read_keras_file(whole[:at])


# JSON


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"class_name": ', "line 1, column 16: this is no JSON"),
        ("{'class_name': 'Sequential'}", "line 1, column 2"),
        ('{"a": 1,\n "b": tru}', "line 2, column 7"),
        ('{"a": ' + "1" * 5000 + "}", "5,000 digits, and at most 30"),
        ('{"a": 1, "class_name": "x", "a": 2}', "the key 'a' twice"),
        ('{"\x1b[31m": 1, "\\u202e": 1, "\\u202e": 2}', "line 1, column 3"),
        ('{"\\u202e": 1, "\\u202e": 2}', r"the key '\u202e' twice"),
        ("[" * 100_000, "nested more than 400"),
        ("[" * 401 + "]" * 401, "nested more than 400"),
        ('{"a":' * 100_000, "nested more than 400"),
        ('{"a": "' + '\\"' * 100, "this is no JSON"),
        ('{"a": "\\', "this is no JSON"),
    ],
)
def test_json_that_cannot_be_read(text: str, words: str) -> None:
    refused(text.encode(), "CW413", words)


def test_json_that_is_not_utf_8() -> None:
    refused(b'{"class_name": "\xff"}', "CW413", "byte 16 is 0xff")


def test_many_small_values_are_refused_before_they_are_made() -> None:
    with frugal(memory=100_000_000):
        refused(b"[" + b"[]," * 3_500_000 + b"[]]", "CW413", "7,000,002 values, and at most 2,000,000")


def test_json_longer_than_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    with path.open("wb") as file:
        file.write(b"{")
        file.truncate(64 * 1024 * 1024 + 1)
    with frugal(memory=1_000_000):
        refused(path, "CW413", "67,108,865 bytes")


@pytest.mark.parametrize(
    "text",
    [
        '"' + '\\"' * 3_000_000,
        '{"a": "' + "\\" * 6_000_001,
        '"a' * 2_000_000,
        "[{" * 200 + "1, " * 1_900_000,
        '""' * 3_000_000,
    ],
)
def test_the_scan_before_the_parser_is_linear(text: str) -> None:
    with frugal(seconds=4, memory=300_000_000), pytest.raises(ModelError):
        read_keras_json(text)


def test_brackets_in_strings_do_not_count() -> None:
    config = write.sequential([write.image(), write.conv("[{" * 1000 + '\\"')])
    assert read_keras_json(json.dumps(config)).nodes[0].name == "[{" * 1000 + '\\"'


# configurations


@pytest.mark.parametrize(
    "name", ["\ud800", "a\x1b[31mred", "\u202eevil", "<script>alert(1)</script>", "a\0b", "'); import os #"]
)
def test_names_are_data(name: str) -> None:
    config = write.functional([write.image(), write.conv(name, "image")], "image", name)
    text = json.dumps(config)
    network = read_keras_json(text)
    assert network.nodes[0].name == name
    twice = write.functional([write.image(), write.conv(name, "image"), write.conv(name, "image")], "image", name)
    refused(json.dumps(twice).encode(), "CW415", "two layers have the name '")
    missing = write.functional([write.image(), write.conv("c", name)], "image", "c")
    refused(json.dumps(missing).encode(), "CW415", "there is none of that name")


def test_strings_in_a_configuration_are_never_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    os.mkfifo(secret)
    for vocabulary in (str(secret), "/etc/passwd", "http://localhost:1/x", "file:///etc/passwd"):
        lookup = write.layer("StringLookup", "lookup", vocabulary=vocabulary)
        network = read_keras_config(write.sequential([write.image(), lookup]))
        assert isinstance(network.nodes[0].work, Opaque)
        assert "passwd" not in network.nodes[0].work.reason


def test_models_inside_models() -> None:
    def deep(levels: int) -> dict[str, Any]:
        model = write.sequential([write.image(), write.conv("c", filters=3)], "m0")
        for level in range(1, levels):
            model = write.sequential([write.image(), write.nested(model)], f"m{level}")
        return model

    assert len(read_keras_json(json.dumps(deep(65))).nodes) == 1
    refused(json.dumps(deep(66)).encode(), "CW416", "nested more than 64 deep")
    refused(json.dumps(deep(100)).encode(), "CW416", "nested more than 64 deep")
    # 200 deep is more brackets than are read at all.
    refused(json.dumps(deep(200)).encode(), "CW413", "nested more than 400 deep")
    refused(deep(200), "CW416", "nested more than 64 deep")


@pytest.mark.parametrize("with_layers", [True, False])
def test_models_that_double_at_every_level_end_soon(with_layers: bool) -> None:
    inner = [write.conv("c", "image", filters=3)] if with_layers else []
    model = write.functional([write.image(), *inner], "image", "c" if with_layers else "image", "m0")
    for level in range(1, 50):
        twice = write.nested(model, "image", (f"m{level - 1}", 0))
        model = write.functional([write.image(), twice], "image", (f"m{level - 1}", 2, 0), f"m{level}")
    with frugal(seconds=5, memory=400_000_000):
        refused(model, "CW416", "more than 100,000 layers")


def broken(change: Any) -> dict[str, Any]:
    config = write.functional(
        [write.image(), write.conv("one", "image"), write.layer("Add", "two", ["one", "image"])], "image", "two"
    )
    change(config["config"])
    return config


def setting(*path: Any) -> Any:
    """A change of one value, the last of `path`, at the place that the others name; `...` takes it away."""

    def change(config: Any) -> None:
        *way, last, value = path
        for key in way:
            config = config[key]
        if value is ...:
            del config[last]
        else:
            config[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (setting("layers", 3), "CW414", "config: 'layers' is a number where a list is needed"),
        (setting("layers", []), "CW415", "there is none of that name"),
        (setting("layers", 1, None), "CW414", "config.layers[1]: a layer is no object"),
        (setting("layers", 1, "class_name", ...), "CW414", "'class_name' is missing"),
        (setting("layers", 1, "class_name", 7), "CW414", "'class_name' is a number where a text is needed"),
        (setting("layers", 1, "config", ...), "CW414", "'config' is missing"),
        (setting("layers", 1, "config", []), "CW414", "'config' is a list"),
        (setting("layers", 1, "name", ""), "CW414", "'name' is empty"),
        (setting("layers", 1, "config", "filters", ...), "CW414", "argument 'filters' is missing"),
        (setting("layers", 1, "inbound_nodes", {}), "CW414", "'inbound_nodes' is an object"),
        (setting("layers", 1, "inbound_nodes", [3]), "CW414", "config.layers[1].inbound_nodes[0]: a call is a number"),
        (setting("layers", 1, "inbound_nodes", [{"args": 3}]), "CW414", "a call needs 'args' and 'kwargs'"),
        (setting("layers", 1, "inbound_nodes", [[3]]), "CW414", "[layer, call, place] is needed"),
        (setting("layers", 1, "inbound_nodes", [[["image", -1, 0, {}]]]), "CW414", "the numbers -1 and 0"),
        (setting("layers", 1, "inbound_nodes", [[["image", 0, 10**9, {}]]]), "CW414", "the numbers 0 and 1000000000"),
        (setting("layers", 1, "inbound_nodes", [[["image", True, 0, {}]]]), "CW414", "a tensor is"),
        (setting("layers", 1, "inbound_nodes", [[["image", 3, 0, {}]]]), "CW415", "call 3 of layer 'image', which is called 1 time"),
        (setting("layers", 1, "inbound_nodes", [[["image", 0, 2, {}]]]), "CW415", "gives 1 tensor, and the one numbered 2"),
        (setting("layers", 1, "inbound_nodes", [[["nobody", 0, 0, {}]]]), "CW415", "layer 'nobody', and there is none"),
        (setting("layers", 1, "inbound_nodes", [[["two", 0, 0, {}]]]), "CW415", "'one': config.layers[1]: the layer waits for itself"),
        (setting("layers", 1, "inbound_nodes", [[["one", 0, 0, {}]]]), "CW415", "the model has a circle"),
        (setting("layers", 1, "inbound_nodes", []), "CW415", "call 0 of layer 'one', which is called 0 times"),
        (setting("layers", 1, "name", "two"), "CW415", "two layers have the name 'two'"),
        (setting("input_layers", ["one", 0, 0]), "CW415", "the model's input 'one' is no InputLayer"),
        (setting("input_layers", 3), "CW414", "a tensor is a number"),
        (setting("output_layers", ["three", 0, 0]), "CW415", "layer 'three'"),
        (setting("output_layers", ["two", 1, 0]), "CW415", "call 1 of layer 'two'"),
        (setting("output_layers", ...), "CW414", "'output_layers'"),
        (setting("layers", 0, "config", "batch_shape", ...), "CW414", "where a shape is needed"),
        (setting("layers", 0, "config", "batch_shape", [None, -3, 3, 3]), "CW414", "holds the size -3"),
        (setting("layers", 0, "config", "batch_shape", [None, 2**64, 3, 3]), "CW414", "holds the size 18446744073709551616"),
        (setting("layers", 0, "config", "batch_shape", [None, True, 3, 3]), "CW414", "holds a bool"),
        (setting("layers", 0, "config", "batch_shape", [None, 3.5, 3, 3]), "CW414", "holds a number where a size"),
        (setting("layers", 0, "config", "batch_shape", [1] * 1000), "CW414", "1,000 axes"),
    ],
)  # fmt: skip
def test_configurations_that_keras_would_not_write(change: Any, code: str, words: str) -> None:
    config = broken(change)
    refused(config, code, words)
    refused(json.dumps(config).encode(), code, words)


def test_arguments_nested_too_deep_and_too_many_tensors() -> None:
    deep: Any = write.tensor("image")
    for _ in range(100):
        deep = [deep]
    many = [write.tensor("image")] * 5000
    for args, words in ((deep, "arguments are nested more than 16 deep"), (many, "5,000 tensors")):
        call = {"args": [args], "kwargs": {}}
        refused(write.functional([write.image(), write.layer("Add", "x", call)], "image", "x"), "CW414", words)


def test_a_nested_model_called_with_the_wrong_number_of_tensors() -> None:
    inner = write.functional([write.image("p"), write.conv("c", "p")], "p", "c", "inner")
    layers = [write.image(), write.nested(inner, ["image", "image"])]
    refused(write.functional(layers, "image", ("inner", 1, 0)), "CW415", "takes 1 tensor and is called with 2")


def test_an_error_says_in_which_file(tmp_path: Path) -> None:
    path = tmp_path / "bro\x1bken.json"
    path.write_text(json.dumps(broken(setting("layers", 3))), encoding="utf-8")
    assert r"bro\x1bken.json" in str(refused(path, "CW414", "in "))


# HDF5: what the parent makes of its child; the child itself is tested where h5py is installed

H5 = hdf5.MAGIC + bytes(100)


def child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    """Take `code` for the process that would read the file."""
    script = tmp_path / "child.py"
    script.write_text(f"import os, sys, time\n{code}\n", encoding="utf-8")
    monkeypatch.setattr(hdf5, "CHILD", script)
    monkeypatch.setattr(hdf5.importlib.util, "find_spec", lambda name: object())


def test_h5_without_h5py_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5.importlib.util, "find_spec", lambda name: None)
    for data in (H5, bytes(512) + H5, b"#!/bin/sh" + bytes(1015) + H5):
        refused(data, "CW418", "takes h5py, which is not installed", "pip install 'convwise[h5]'")


def test_h5_through_the_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(H5)
    child(monkeypatch, tmp_path, f"assert sys.stdin.buffer.read() == {H5!r}; print({SMALL!r})")
    for source in (path, H5):
        assert read_keras_file(source) == read_keras_json(SMALL)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("sys.exit(3)", "this .h5 file is damaged"),
        ("print('odd \\x1b[31m'); sys.exit(3)", r"damaged: odd \x1b[31m"),
        ("sys.exit(4)", "no attribute model_config"),
        ("sys.exit(5)", "longer than the 67,108,864 bytes"),
        ("os.kill(os.getpid(), 11)", "ended by signal 11"),
        ("os._exit(77)", "ended with code 77"),
        ("sys.stdout.buffer.write(bytes(70_000_000))", "longer than the 67,108,864 bytes"),
        ("time.sleep(60)", "was stopped after 1 seconds"),
    ],
)
def test_h5_children_that_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, words: str) -> None:
    monkeypatch.setattr(hdf5, "SECONDS", 1 if "sleep" in code else 20)
    child(monkeypatch, tmp_path, code)
    refused(H5, "CW419", words)


def test_h5_children_without_the_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    child(monkeypatch, tmp_path, "sys.exit(6)")
    refused(H5, "CW418", "not installed")


# a fuzzer

MUTANTS = int(os.environ.get("CONVWISE_FUZZ_MUTANTS", "2000"))
SEED = int(os.environ.get("CONVWISE_FUZZ_SEED", "0"))
VALUES = (
    None,
    True,
    -1,
    0,
    1,
    2**63,
    2**31,
    1.5,
    "",
    "image",
    "left",
    [],
    {},
    [["image", 0, 0]],
    "Functional",
    "Lambda",
    [None] * 70,
)


def outcome(data: bytes | Any) -> str | Network:
    try:
        return read_keras_file(data) if isinstance(data, bytes) else read_keras_config(data)
    except ConvwiseError as error:
        return str(error)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in range(len(value)) if isinstance(value, list) else list(value):
        yield value, key
        if isinstance(value[key], list | dict):
            yield from places(value[key])


def test_changed_values_end_in_a_network_or_an_error() -> None:
    rng = random.Random(SEED)
    for _ in range(MUTANTS):
        config = json.loads(SMALL)
        for _ in range(rng.choice([1, 1, 2, 5])):
            everything = list(places(config))
            if not everything:  # an earlier change may have emptied it
                break
            (holder, key), (other, its) = rng.choice(everything), rng.choice(everything)
            change = rng.randrange(4)
            if change == 0:
                holder[key] = json.loads(json.dumps(rng.choice(VALUES)))
            elif change == 1:
                holder[key] = json.loads(json.dumps(other[its]))
            elif change == 2:
                del holder[key]
            elif isinstance(holder, list):
                holder.insert(key, json.loads(json.dumps(other[its])))
        text = json.dumps(config).encode()
        start = time.process_time()
        assert outcome(text) == outcome(text) == outcome(config)
        assert time.process_time() - start < 5


def test_changed_bytes_of_archives_end_in_a_network_or_an_error() -> None:
    rng = random.Random(SEED + 1)
    same = read_keras_json(SMALL)
    for _ in range(MUTANTS):
        data = bytearray(WHOLE)
        for _ in range(rng.choice([1, 1, 2, 8])):
            data[rng.randrange(len(data))] = rng.choice([0, 1, 0x50, 0x7F, 0xFF, rng.randrange(256)])
        found = outcome(bytes(data))
        # The checksum holds whatever is left of the configuration to what was written.
        assert found == same or isinstance(found, str)


def test_this_fuzzer_can_fail() -> None:
    assert zlib.crc32(SMALL.encode()) != zlib.crc32(SMALL.encode()[:-1])
    assert outcome(b"") != outcome(SMALL.encode())


# the pages of the codes


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.code)
def test_the_page_of_a_code_is_true(rule: Any) -> None:
    assert isinstance(rule.example, Written)
    if rule.example.needs:
        pytest.importorskip(rule.example.needs)
    with pytest.raises(ModelError) as raised:
        exec(rule.example.source, {})
    assert raised.value.code == rule.code
    pattern = re.escape(rule.example.message).replace(re.escape("..."), ".*")
    assert re.fullmatch(pattern, str(raised.value))
