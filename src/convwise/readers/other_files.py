"""Files of other kinds that people hand over: told by name, with what can be read instead. Nothing of them is loaded."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import Final, Protocol

from convwise.errors import ModelError
from convwise.readers.echo import shown

ZIP: Final = b"PK\x03\x04"
END: Final = struct.Struct("<4sHHHHIIH")
END64: Final = struct.Struct("<4sQHHIIQQQQ")
ENTRY: Final = struct.Struct("<4sHHHHHHIIIHHHHHII")
LOCATOR: Final = 20
TAIL: Final = 1 << 16
DIRECTORY: Final = 1 << 20
FULL: Final = 0xFFFFFFFF

LIVE: Final = (
    "give the code of the model's class, or read the live model in Python: convwise.read(model)\n"
    "or write it as ONNX: torch.onnx.export(model, x, 'model.onnx')"
)
SAVED: Final = "load it where it was trained, and give what model.save('name.keras') writes, or an .onnx export of it"
ALONE: Final = "it holds weights by name, and not how the layers are wired"


class Bytes(Protocol):
    """What is read of a file: its length, and slices of it."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: slice, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file is, why it is not read, and what to give instead."""

    what: str
    why: str
    hint: str
    code: str = "CW403"


TORCH: Final = Kind(
    "a PyTorch file that torch.save wrote",
    "it is a pickle, which is never opened: reading one runs the code in it; "
    "and a state_dict holds the weights without the network",
    LIVE,
    "CW411",
)
OLD_TORCH: Final = Kind("a PyTorch file that torch.save wrote in its old form", TORCH.why, LIVE)
SCRIPT: Final = Kind(
    "a TorchScript program that torch.jit.save wrote",
    "its network is code, and no code of a file is run",
    LIVE,
    "CW411",
)
PROGRAMS: Final = (b"/models/model.json", b"serialized_exported_program.json")
"""How the member of an archive is named that torch.export.save writes the graph to."""
EXPORTED: Final = Kind(
    "a package of PyTorch (torch.export) without the graph of a model",
    "what it holds is compiled, and no layers any more",
    LIVE,
    "CW411",
)
NPZ: Final = Kind("a NumPy archive (.npz)", ALONE, "give the code of the model, or an .onnx or .keras file", "CW411")
SAFE: Final = Kind("a safetensors file", ALONE, LIVE)
GRAPH: Final = Kind(
    "a TensorFlow graph (.pb, as in a SavedModel)", "TensorFlow's own operators are not read from files", SAVED
)
CORE: Final = Kind("a Core ML model", "Core ML has operators of its own, which are not read", LIVE)
ENGINE: Final = Kind(
    "a TensorRT engine",
    "it holds programs built for one GPU, and no layers any more",
    "give the .onnx file it was built from",
)
CHECKPOINT: Final = Kind("a TensorFlow checkpoint", ALONE, SAVED)

BY_ENDING: Final = {
    ".pb": GRAPH,
    ".pbtxt": GRAPH,
    ".mlmodel": CORE,
    ".mlpackage": CORE,
    ".engine": ENGINE,
    ".trt": ENGINE,
    ".ckpt": CHECKPOINT,
    ".safetensors": SAFE,
    ".npz": NPZ,
    ".pt": TORCH,
    ".pth": TORCH,
    ".pt2": EXPORTED,
    ".torchscript": SCRIPT,
}
"""Endings of other kinds: a word that ends so is a path and no code."""

TORCH_PICKLE: Final = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The number that torch.save wrote first in its old form, as it is pickled."""


def other_kind(data: Bytes, path: str = "") -> ModelError | None:
    r"""What the file is, where its bytes tell that it is of a known other kind.

    >>> print(other_kind(b"ftrt").message)
    this is a TensorRT engine, which is not read
    """
    head = data[0:64]
    kind = None
    if head.startswith(ZIP):
        kind = _of_members(_members(data))
    elif TORCH_PICKLE in head[:16]:
        kind = OLD_TORCH
    elif head.startswith(b"ftrt"):
        kind = ENGINE
    elif head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= len(data) - 8:
        kind = SAFE
    return None if kind is None else _told(kind, path)


def is_tflite(head: bytes) -> bool:
    """Whether a file that starts like this is a TensorFlow Lite model."""
    return head[4:8] == b"TFL3"


def is_exported(data: Bytes) -> bool:
    """Whether a file is a program that torch.export.save wrote, with its graph in it."""
    if not data[0:4].startswith(ZIP):
        return False
    names = _members(data)
    return any(name.endswith(PROGRAMS) for name in names) and b"config.json" not in names


def by_ending(path: str) -> ModelError | None:
    """What a file that could not be read as a model is by its name; told only after its bytes said nothing."""
    kind = BY_ENDING.get(os.path.splitext(path)[1].lower())
    return None if kind is None else _told(kind, path)


def folder(path: str) -> ModelError | None:
    """A SavedModel or a Core ML package, which are folders."""
    if os.path.isfile(os.path.join(path, "saved_model.pb")):
        return _told(GRAPH, path, "a SavedModel of TensorFlow")
    if path.rstrip(os.sep).lower().endswith(".mlpackage"):
        return _told(CORE, path)
    return None


def _told(kind: Kind, path: str, what: str = "") -> ModelError:
    detail = f"{kind.why}\nin {shown(path, 120)}" if path else kind.why
    name = what or kind.what
    return ModelError(kind.code, f"this is {name}, which is not read", received=name, detail=detail, hint=kind.hint)


def _of_members(names: tuple[bytes, ...]) -> Kind | None:
    """The kind of a zip archive; one with a config.json is read as Keras's."""
    if not names or b"config.json" in names:
        return None
    inside = {name.partition(b"/")[2] for name in names}
    if any(one.startswith(b"code/") for one in inside) or b"constants.pkl" in inside:
        return SCRIPT
    if b"archive_format" in inside:
        return EXPORTED
    if b"data.pkl" in inside:
        return TORCH
    return NPZ if all(name.endswith(b".npy") for name in names) else None


def _members(data: Bytes) -> tuple[bytes, ...]:
    """The names in a zip archive's directory, as far as they can be followed; a damaged one has none here."""
    size = len(data)
    tail_at = max(0, size - TAIL)
    tail = data[tail_at:size]
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < END.size:
        return ()
    *_, length, start, _ = END.unpack_from(tail, at)
    record = tail.rfind(b"PK\x06\x06", 0, at)
    # PyTorch writes the end record for large archives into every file.
    if 0 <= record <= at - END64.size - LOCATOR and FULL in (length, start):
        *_, length, start = END64.unpack_from(tail, record)
    if length > DIRECTORY or start + length > size:
        return ()
    return _names(data[start : start + length])


def _names(directory: bytes) -> tuple[bytes, ...]:
    at, names = 0, []
    while directory[at : at + 4] == b"PK\x01\x02" and len(directory) - at >= ENTRY.size:
        row = ENTRY.unpack_from(directory, at)
        names.append(directory[at + ENTRY.size : at + ENTRY.size + row[10]])
        at += ENTRY.size + row[10] + row[11] + row[12]
    return tuple(names)
