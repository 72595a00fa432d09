"""In the child process: nodes made by onnx.helper, run by onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

VERSION = 10
"""Of the file format: the newest that all onnxruntimes of the last years read."""
NAMED = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}


def run_onnx(layers: Sequence[Mapping[str, Any]], x: Any, held: list[Any]) -> tuple[Any, str]:
    """One model of all nodes, its weights stored in it, run on the processor."""
    onnx, runtime = import_module("onnx"), import_module("onnxruntime")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    opset = int(layers[0]["release"])
    nodes: list[Any] = []
    stored: list[Any] = []
    name = "x"
    for number, layer in enumerate(layers):
        schema = onnx.defs.get_schema(layer["kind"], opset)
        words = {key: value for key, value in layer["arguments"].items() if value is not None}
        inputs = [name]
        for taken in schema.inputs[1:]:
            value = words.pop(taken.name, None)
            if value is None:
                inputs.append("")
                continue
            inputs.append(f"c{len(stored)}")
            stored.append(numpy_helper.from_array(_array(value, taken, schema.inputs[0], held), inputs[-1]))
        while not inputs[-1]:
            inputs.pop()
        name = f"y{number}"
        nodes.append(helper.make_node(layer["kind"], inputs, [name], **words))
    ends = [helper.make_tensor_value_info(end, onnx.TensorProto.FLOAT, None) for end in ("x", name)]
    graph = helper.make_graph(nodes, "layers", ends[:1], ends[1:], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=VERSION)
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {"x": x})
    return output, f"onnxruntime {runtime.__version__}, onnx {onnx.__version__} (operator set {opset})"


def _array(value: Any, taken: Any, data: Any, held: Sequence[Any]) -> Any:
    """An input as its schema wants it: of a named type, of the data's own, or whole numbers."""
    if isinstance(value, dict):
        return held[value["weight"]].reshape(value["shape"])
    if taken.type_str in NAMED:
        return np.array(value, NAMED[taken.type_str])
    like_data = taken.type_str == data.type_str
    whole = np.array(value).dtype.kind == "i" and not like_data
    return np.array(value, np.int64 if whole else np.float32)
