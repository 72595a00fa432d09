"""Operator sets: which version of which domain the nodes speak."""

from __future__ import annotations

from collections.abc import Mapping

from convwise.errors import ModelError
from convwise.readers.onnx.nodes import default_domain
from convwise.readers.onnx.reading import Reading
from convwise.readers.onnx.schema import OPSET
from convwise.readers.onnx.wire import fields, malformed, quoted, signed


def read_opsets(reading: Reading, spans: list[tuple[int, int]]) -> dict[str, int]:
    """The OperatorSetIdProtos in these bytes: domain -> version.

    Raises:
        ModelError: CW406 for a version below 1, CW408 for a domain with two versions.
    """
    opsets: dict[str, int] = {}
    for start, stop in spans:
        reading.budget.spend(start, 1)
        domain, version = "", 0
        for number, _, _, first, end in fields(reading.buffer, start, stop, OPSET, reading.budget):
            if number == 1:
                domain = default_domain(reading.name(first, end))
            else:
                version = signed(first)
        if version < 1:
            raise malformed(start, f"operator set {quoted(domain)} has the version {version}, the first one is 1")
        if opsets.setdefault(domain, version) != version:
            raise ModelError(
                "CW408",
                f"byte {start:,}: operator set {quoted(domain)} is given twice, as {opsets[domain]} and {version}",
            )
    return opsets


def check_default(called: set[tuple[str, str, str]], opsets: Mapping[str, int], who: str) -> None:
    """Refuse operators of the default domain without a version: they mean nothing then, or the file is cut off.

    Other domains may be left out, as onnxruntime allows it for its own: `opsets` then has no version for them.

    Raises:
        ModelError: CW404.
    """
    if "" in opsets:
        return
    for domain, op_type, _ in sorted(called):
        if not domain:
            raise ModelError(
                "CW404",
                f"{who} uses {quoted(op_type)}, but does not say of which operator set (opset_import)",
                hint="the file is cut off behind its graph, or was written wrongly",
            )
