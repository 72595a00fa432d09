"""keras.applications through tf2onnx: every tensor's shape against onnxruntime's, and the legal sizes against those of the Keras model.

    PYTHONPATH=src python tests/oracle/sweep_tf2onnx.py DIR [--record] [NAME ...]

Needs keras on tensorflow, onnxruntime and tf2onnx. Each model is exported with its top at its own size, and without it for open sizes, which is then
run at two odd sizes. Exports that are in DIR already are used again. --record writes the table into docs/long-runs.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

SIZES = ((1, 96, 128, 3), (1, 203, 310, 3))
FREE_TOP = {"MobileNetV3Small": 224, "MobileNetV3Large": 224}
"""Models whose own input is open; they are made for this size."""
PLACE = Path(__file__).parents[2] / "docs" / "long-runs.md"
HEADING = "## keras.applications through tf2onnx"


def converted(model: Any, path: Path) -> str | None:
    """Write the model as .onnx by way of a SavedModel, whose constants are stored; what tf2onnx says where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, verbose=False)
        words = [
            sys.executable,
            "-m",
            "tf2onnx.convert",
            "--saved-model",
            folder,
            "--output",
            str(path),
            "--opset",
            "17",
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    lines = done.stderr.splitlines()
    unsupported = next((line for line in lines if line.startswith("Unsupported ops")), None)
    if done.returncode or unsupported or not path.exists():
        return unsupported or f"exit {done.returncode}: {lines[-1] if lines else 'no file'}"
    return None


def export(name: str, kind: str, folder: Path) -> dict[str, Any]:
    """{"shape", "legal", "params"} of the Keras model, or {"failed"}; in the file beside the export too."""
    told = folder / f"{name}_{kind}.json"
    if told.exists():
        return dict(json.loads(told.read_text()))
    import keras

    import convwise as cw

    make = vars(keras.applications)[name]
    if kind == "fixed":
        size = FREE_TOP.get(name)
        model = make(weights=None, **({"input_shape": (size, size, 3)} if size else {}))
    else:
        model = make(weights=None, include_top=False, input_shape=(None, None, 3))
    failed = converted(model, folder / f"{name}_{kind}.onnx")
    legal = cw.read(model).legal_sizes()
    found = {
        "shape": [1, *model.inputs[0].shape[1:]],
        "legal": [str(legal["height"]), str(legal["width"]), str(legal.joint)],
        "params": model.count_params(),
        "failed": failed,
    }
    told.write_text(json.dumps(found))
    return found


def one(name: str, kind: str, folder: Path) -> dict[str, Any]:
    """One export, compared."""
    import sweep_onnx

    import convwise as cw

    started = time.time()
    told = export(name, kind, folder)
    path = folder / f"{name}_{kind}.onnx"
    row: dict[str, Any] = {"name": name, "kind": kind, "cells": [], "wrong": []}
    if told["failed"]:
        row["cells"].append(f"tf2onnx: {told['failed']}")
        return row
    for shape in (tuple(told["shape"]),) if kind == "fixed" else SIZES:
        found = sweep_onnx.compare(path, shape)
        row["cells"].append(f"{'x'.join(map(str, shape[1:3]))}: {found}")
        row["wrong"] += [*found.wrong[:3], *(f"{one}: not known" for one in found.unknown[:3])]
    legal = cw.read(path).legal_sizes()
    ours = [str(legal["height"]), str(legal["width"]), str(legal.joint)]
    # tf2onnx bakes the padding of one size into an export of that size, so that its legal sizes are its own.
    if (kind == "open" and ours != told["legal"]) or not legal.exact:
        row["wrong"].append(f"legal sizes {ours}, exact {legal.exact}, of the Keras model {told['legal']}")
    row["cells"].append(f"{ours[0]}{'' if legal.joint is None else ' together'}")
    row["seconds"] = time.time() - started
    return row


def in_process(name: str, kind: str, folder: Path) -> dict[str, Any]:
    """A process for each: the largest need gigabytes."""
    words = [sys.executable, __file__, str(folder), "--one", name, kind]
    done = subprocess.run(words, capture_output=True, text=True, timeout=1800, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        return {"name": name, "kind": kind, "cells": [], "wrong": [f"exit {done.returncode}: {done.stderr[-300:]}"]}
    return dict(json.loads(lines[-1]))


def said(row: dict[str, Any]) -> str:
    exported = not (row["cells"] and row["cells"][0].startswith("tf2onnx"))
    return "; ".join(row["wrong"]) or ("agrees" if exported else "not exported")


def record(rows: list[dict[str, Any]]) -> None:
    packages = ("convwise", "tf2onnx", "keras", "tensorflow-cpu", "onnxruntime")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    good = sum(not row["wrong"] and not row["cells"][0].startswith("tf2onnx") for row in rows)
    lines = [
        f"| {row['name']} | {row['kind']} | {'; '.join(row['cells'])} | {said(row)} |".replace("\n", " ")
        for row in rows
    ]
    section = "\n".join(
        [
            HEADING,
            "",
            f"Written by `python tests/oracle/sweep_tf2onnx.py DIR --record`, {datetime.now(UTC):%Y-%m-%d}; {versions}.",
            f"{good} of {len(rows)} exports agree (the rows may come from several runs): the number of tensors whose shapes equal onnxruntime's, at each size, and legal sizes",
            "(heights) that, for open sizes, equal those of the Keras model. `fixed`: with its top, at its own size, whose padding tf2onnx bakes in;",
            "`open`: without its top, for open sizes.",
            "",
            "| network | export | size: tensors; legal | result |",
            "|---|---|---|---|",
            *lines,
        ]
    )
    text = PLACE.read_text(encoding="utf-8")
    before, _, rest = text.partition(HEADING)
    _, mark, after = rest.partition("\n## ")
    PLACE.write_text(f"{before.rstrip()}\n\n{section}\n{mark}{after}", encoding="utf-8")


def main(words: list[str]) -> int:
    from sweep_networks import APPLICATIONS

    folder, *rest = words
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    if rest[:1] == ["--one"]:
        print(json.dumps(one(rest[1], rest[2], place)))
        return 0
    wanted = [name for name in rest if not name.startswith("--")] or list(APPLICATIONS)
    rows = []
    for name in wanted:
        for kind in ("fixed", "open"):
            row = in_process(name, kind, place)
            rows.append(row)
            print(name, kind, *row["cells"], *(row["wrong"] or ["agrees"]), sep=" | ", flush=True)
    if "--record" in rest:
        record(rows)
    return 1 if any(row["wrong"] for row in rows) else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
