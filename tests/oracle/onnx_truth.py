"""What onnxruntime answers: a model of one node, in the case's operator set, run on zeros."""

from __future__ import annotations

import numpy as np
import onnxruntime
from dialect_cases import Case, Truth
from onnx import TensorProto, helper, numpy_helper
from onnx_cases import opset

from convwise.dialects import get
from convwise.dialects.base import Array

QUIET = onnxruntime.SessionOptions()
QUIET.log_severity_level = 4
QUIET.intra_op_num_threads = 1
QUIET.inter_op_num_threads = 1

TYPES = {("Resize", 1): np.float32, ("Resize", 0): np.float32, ("Dropout", 0): np.float32}


def model(case: Case) -> bytes:
    names, stored = ["x"], []
    for place, value in enumerate(case.args):
        if value is None:
            names.append("")
            continue
        whole = np.float32 if TYPES.get((case.kind, place)) else np.int64
        data = np.zeros(value.shape, np.float32) if isinstance(value, Array) else np.array(value, whole)
        stored.append(numpy_helper.from_array(data, f"w{place}"))
        names.append(f"w{place}")
    words = {name: list(value) if isinstance(value, tuple) else value for name, value in case.kwargs}
    node = helper.make_node(case.kind, names, ["y"], **words)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, case.shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node], "one", inputs, outputs, stored)
    version = [helper.make_opsetid("", int(opset(case)))]
    return helper.make_model(graph, opset_imports=version, ir_version=10).SerializeToString()


def run(case: Case) -> Truth:
    try:
        session = onnxruntime.InferenceSession(model(case), QUIET, providers=["CPUExecutionProvider"])
        (output,) = session.run(None, {"x": np.zeros(case.shape, np.float32)})
    except Exception as error:
        return Truth(None, str(error))
    return Truth(tuple(output.shape))


__all__ = ["get", "model", "run"]
