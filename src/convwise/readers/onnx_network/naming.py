"""Names of nodes and of the modules that they belong to."""

from __future__ import annotations

from convwise.dialects.onnx.given import Written


def title(node: Written) -> str:
    """The node's name in the file, else its kind with the tensor that it gives."""
    return node.name or f"{node.op_type}_{next(iter(node.outputs), '')}"


def module(name: str) -> str:
    """The dotted path that PyTorch's exporter writes into names.

    >>> module("/layer1/layer1.0/conv1/Conv")
    'layer1.0.conv1'
    """
    if "/" not in name:
        return ""
    path: list[str] = []
    last = "/"
    for part in name.strip("/").split("/")[:-1]:
        if part.startswith(last):
            path[-1] = part
        else:
            path.append(part)
        last = part + "."
    return ".".join(path)
