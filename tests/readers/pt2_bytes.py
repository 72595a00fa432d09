"""Writes files as torch.export.save does, as far as they are read: a zip archive with the graph's JSON."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any


def tensor(name: str) -> dict[str, Any]:
    return {"as_tensor": {"name": name}}


def sizes(*shape: int | str) -> dict[str, Any]:
    """A word is a size that was left open, 13 in the export."""
    told = [
        {"as_int": size}
        if isinstance(size, int)
        else {"as_expr": {"expr_str": f"Symbol('{size}', positive=True)", "hint": {"as_int": 13}}}
        for size in shape
    ]
    return {"dtype": 7, "sizes": told}


def given(name: str, arg: dict[str, Any], kind: int = 1) -> dict[str, Any]:
    return {"name": name, "arg": arg, "kind": kind}


def call(target: str, outputs: list[Any], *inputs: dict[str, Any], module: str = "") -> dict[str, Any]:
    stack = "L__self__,,__main__.Net" + (f";L__self__{module},{module},torch.nn.Module" if module else "")
    return {"target": target, "inputs": list(inputs), "outputs": outputs, "metadata": {"nn_module_stack": stack}}


def program(
    shape: tuple[int | str, ...], stored: dict[str, tuple[int, ...]], nodes: list[Any], outputs: list[str], **more: Any
) -> dict[str, Any]:
    """`stored` are parameters by their names; `recorded` in `more` are sizes of other tensors."""
    values = {"x": sizes(*shape), **{name: sizes(*one) for name, one in stored.items()}}
    values |= {name: sizes(*one) for name, one in more.get("recorded", {}).items()}
    inputs: list[Any] = [
        {"parameter": {"arg": {"name": one}, "parameter_name": one[2:].replace("_", ".")}} for one in stored
    ]
    inputs.append({"user_input": {"arg": tensor("x")}})
    signature = {"input_specs": inputs, "output_specs": [{"user_output": {"arg": tensor(one)}} for one in outputs]}
    graph = {"nodes": nodes, "tensor_values": values}
    told = {"graph_module": {"graph": graph, "signature": signature}, "range_constraints": more.get("ranges", {})}
    return told | ({"guards_code": more["guards"]} if "guards" in more else {})


def archive(told: Any, name: str = "net/models/model.json") -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as file:
        file.writestr("net/archive_format", "pt2")
        file.writestr(name, told if isinstance(told, str | bytes) else json.dumps(told))
    return found.getvalue()
