"""Files of other kinds: each is called what it is, with the reason why it is not read and what to give instead."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from convwise.errors import ModelError
from convwise.readers.models import read
from convwise.readers.other_files import TORCH_PICKLE

LIVE = "convwise.read(model)"


def zipped(*names: str, zip64: bool = False) -> bytes:
    """An archive of small members; with `zip64`, with the end record for large archives that PyTorch always writes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"data")
    data = buffer.getvalue()
    if not zip64:
        return data
    at = data.rfind(b"PK\5\6")
    count, size, start = struct.unpack_from("<HII", data, at + 10)
    large = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
    return data[:at] + large + struct.pack("<4sIQI", b"PK\6\7", 0, at, 1) + data[at:]


def saved(name: str) -> bytes:
    match name:
        case "weights.pt" | "model.keras" | "last.ckpt":
            return zipped("weights/data.pkl", "weights/byteorder", "weights/data/0", "weights/version", zip64=True)
        case "script.pt":
            return zipped("script/data/0", "script/data.pkl", "script/code/__torch__/m.py", zip64=True)
        case "exported.pt2":
            return zipped("e/data/weights/weight_0", "e/data/aotinductor/model/net.so", "e/archive_format", zip64=True)
        case "old.pth":
            return b"\x80\x02" + TORCH_PICKLE + b"\x80\x02M\xe9\x03."
        case "arrays.npz":
            return zipped("x.npy", "y.npy")
        case "model.safetensors":
            header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
            return struct.pack("<Q", len(header)) + header + bytes(4)
        case "frozen.pb" | "net.mlmodel":
            return b"\x08\x01\x12\x10abc"
        case _:
            return b"\x7f\0\0\0{}"


@pytest.mark.parametrize(
    ("name", "what", "reason", "hint"),
    [
        ("weights.pt", "a PyTorch file", "a pickle, which is never opened: reading one runs the code in it", LIVE),
        ("model.keras", "a PyTorch file", "holds the weights without the network", "torch.onnx.export"),
        ("last.ckpt", "a PyTorch file", "pickle", LIVE),
        ("script.pt", "a TorchScript program", "no code of a file is run", "torch.onnx.export"),
        ("exported.pt2", "a package of PyTorch (torch.export) without the graph", "compiled", "torch.onnx.export"),
        ("old.pth", "a PyTorch file that torch.save wrote in its old form", "pickle", LIVE),
        ("arrays.npz", "a NumPy archive (.npz)", "not how the layers are wired", "the code of the model"),
        ("model.safetensors", "a safetensors file", "not how the layers are wired", LIVE),
        ("frozen.pb", "a TensorFlow graph", "TensorFlow's own operators", "model.save('name.keras')"),
        ("net.mlmodel", "a Core ML model", "operators of its own", "torch.onnx.export"),
        ("net.engine", "a TensorRT engine", "one GPU", "the .onnx file it was built from"),
    ],
)
def test_a_file_of_another_kind(tmp_path: Path, name: str, what: str, reason: str, hint: str) -> None:
    path = tmp_path / name
    path.write_bytes(saved(name))
    with pytest.raises(ModelError) as raised:
        read(str(path))
    error = raised.value
    assert f"this is {what}" in error.message
    assert "which is not read" in error.message
    assert reason in error.detail
    assert name in error.detail
    assert hint in error.hint
    assert "damaged" not in str(error)
    assert "directory" not in str(error)


def test_the_same_from_bytes() -> None:
    with pytest.raises(ModelError, match="this is a PyTorch file"):
        read(saved("weights.pt"))


def test_a_cut_file_is_still_called_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "cut.pt"
    path.write_bytes(saved("weights.pt")[:60])
    with pytest.raises(ModelError, match="this is a PyTorch file"):
        read(str(path))


def test_a_saved_model_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(saved("frozen.pb"))
    with pytest.raises(ModelError, match="this is a SavedModel of TensorFlow"):
        read(str(tmp_path))


def test_a_missing_file_of_another_kind_is_a_path() -> None:
    with pytest.raises(ModelError, match=r"'nowhere\.pt' cannot be read: No such file"):
        read("nowhere.pt")


@pytest.mark.parametrize(
    ("name", "code", "hint"),
    [("empty.keras", "CW411", "model.save"), ("empty.h5", "CW411", "model.save"), ("empty.onnx", "CW403", "again")],
)
def test_an_empty_file_is_called_empty(tmp_path: Path, name: str, code: str, hint: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"")
    with pytest.raises(ModelError, match="the file is empty") as raised:
        read(str(path))
    assert raised.value.code == code
    assert hint in raised.value.hint
    assert "ONNX" not in str(raised.value)
