"""Append one long sweep to docs/long-runs.md: what was run, with which versions, and how it ended."""

import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PLACE = Path("docs/long-runs.md")
TITLE = "# Long runs\n"
HEAD = """
Random layers answered by convwise and by the real framework: the same shape, or both refuse. Written by `.ci/long`.

| date | framework | cases | result | time | versions | pytest said |
|---|---|---|---|---|---|---|
"""
TOGETHER = {
    "torch": ("torch",),
    "keras": ("keras", "tensorflow-cpu"),
    "tensorflow": ("tensorflow-cpu",),
    "jax": ("jax", "flax"),
    "onnx": ("onnx", "onnxruntime"),
    "properties": ("hypothesis",),
    "porting": ("torch", "keras", "tensorflow-cpu", "jax", "flax", "onnx", "onnxruntime"),
}
"""What ran in the sweep of each name; `porting` is emitted code against its source, `properties` all property tests so many times."""


def main() -> None:
    """Words: framework, cases, result, seconds, pytest's last line."""
    framework, cases, result, seconds, said = sys.argv[1:]
    versions = [f"{name} {metadata.version(name)}" for name in ("convwise", *TOGETHER[framework], "numpy")]
    versions.append(f"Python {platform.python_version()}")
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    row = f"| {day} | {framework} | {int(cases):,} | {result} | {int(seconds):,} s | {', '.join(versions)} | {said.strip('= ')} |\n"
    text = PLACE.read_text(encoding="utf-8") if PLACE.exists() else TITLE
    layers, heading, networks = text.partition("\n## ")  # the table of whole networks comes after this one
    layers = layers if HEAD in layers else f"{layers.rstrip()}\n{HEAD}"
    PLACE.write_text(layers + row + heading + networks, encoding="utf-8")


if __name__ == "__main__":
    main()
