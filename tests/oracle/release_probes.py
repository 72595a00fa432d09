"""For every row of the release table a few lines that show it: they print a shape, or `refused`. Run alone, as a program.

python release_probes.py KEY
"""

from __future__ import annotations

import sys

SHAPE = "print(tuple(y.shape))"
KERAS = (
    "import keras, numpy as np\nx = np.zeros((1, {size}, {size}, 2), 'float32')\ny = keras.layers.{layer}(x)\n" + SHAPE
)
LAX = "import jax.numpy as jnp\nfrom jax import lax\n"


def node(op: str, opset: int, shape: tuple[int, ...], *inputs: str, **attributes: object) -> str:
    """One ONNX node, run by onnxruntime on zeros; `inputs` are NumPy expressions, `` for one that is left out."""
    names = ["x", *(f"w{place}" if text else "" for place, text in enumerate(inputs))]
    stored = ", ".join(f"numpy_helper.from_array({text}, 'w{place}')" for place, text in enumerate(inputs) if text)
    return f"""
import numpy as np, onnxruntime
from onnx import TensorProto, helper, numpy_helper
node = helper.make_node({op!r}, {names!r}, ['y'], **{attributes!r})
x = helper.make_tensor_value_info('x', TensorProto.FLOAT, {list(shape)!r})
y = helper.make_tensor_value_info('y', TensorProto.FLOAT, None)
graph = helper.make_graph([node], 'one', [x], [y], [{stored}])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', {opset})], ir_version=8)
options = onnxruntime.SessionOptions()
options.log_severity_level = 4
session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=['CPUExecutionProvider'])
(y,) = session.run(None, {{'x': np.zeros({shape!r}, np.float32)}})
{SHAPE}
"""


def inferred(op: str, opset: int, shape: tuple[int, ...], **attributes: object) -> str:
    return f"""
from onnx import TensorProto, helper, shape_inference
node = helper.make_node({op!r}, ['x'], ['y'], **{attributes!r})
x = helper.make_tensor_value_info('x', TensorProto.FLOAT, {list(shape)!r})
y = helper.make_tensor_value_info('y', TensorProto.FLOAT, None)
model = helper.make_model(helper.make_graph([node], 'one', [x], [y]), opset_imports=[helper.make_opsetid('', {opset})])
found = shape_inference.infer_shapes(model).graph.output[0].type.tensor_type.shape
print(tuple(size.dim_value for size in found.dim))
"""


SIZES = (1, 2, 9, 10)
CEIL = {"kernel_shape": [4], "strides": [4], "pads": [2, 2], "ceil_mode": 1}
NODES = {
    "onnx-maxpool-ceil": lambda opset: node("MaxPool", opset, SIZES, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    "onnx-averagepool-ceil": lambda opset: node(
        "AveragePool", opset, SIZES, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1
    ),
    "onnx-lppool-dilations": lambda opset: node("LpPool", opset, SIZES, kernel_shape=[3, 3], dilations=[2, 2]),
    "onnx-averagepool-dilations": lambda opset: node(
        "AveragePool", opset, SIZES, kernel_shape=[3, 3], dilations=[2, 2]
    ),
    "onnx-averagepool-same-negative": lambda opset: node(
        "AveragePool", opset, (1, 2, 9), kernel_shape=[1], strides=[3], auto_pad="SAME_UPPER"
    ),
    "onnx-gemm-bias": lambda opset: node("Gemm", opset, (2, 4), "np.zeros((4, 3), np.float32)"),
    "onnx-resize-roi": lambda opset: node("Resize", opset, SIZES, "", "np.array([1, 1, 2, 2], np.float32)"),
    "onnx-inference-ceil-starts-in-padding": lambda opset: inferred("MaxPool", opset, (1, 2, 9), **CEIL),
}

PROBES = {
    "keras-depthwise-stride-dilation": KERAS.format(size=9, layer="DepthwiseConv2D(3, strides=2, dilation_rate=2)"),
    "keras-output-padding-zero": KERAS.format(size=4, layer="Conv2DTranspose(2, 3, strides=2, output_padding=0)"),
    "keras-adaptive-pooling": KERAS.format(size=8, layer="AdaptiveAveragePooling2D(3)"),
    "torch-same": f"import torch\ny = torch.nn.Conv2d(2, 2, 3, padding='same')(torch.zeros(1, 2, 8, 9))\n{SHAPE}",
    "torch-nearest-exact": f"import torch\ny = torch.nn.Upsample(scale_factor=2, mode='nearest-exact')(torch.zeros(1, 2, 8, 9))\n{SHAPE}",
    "torch-zero-pad": f"import torch\ny = torch.nn.ZeroPad1d(1)(torch.zeros(1, 2, 9))\n{SHAPE}",
    "onnxruntime-ceil-starts-in-padding": node("AveragePool", 19, (1, 2, 9), **CEIL),
    "jax-consistent-padding": f"{LAX}y = lax.conv_transpose(jnp.zeros((1, 5, 3)), jnp.zeros((3, 3, 2)), (2,), ((1, 1),), use_consistent_padding=True)\n{SHAPE}",
    "flax-count-include-pad": f"{LAX}from flax import linen\ny = linen.avg_pool(jnp.zeros((1, 9, 2)), (3,), (2,), 'SAME', count_include_pad=False)\n{SHAPE}",
}


def probe(key: str, opset: int | None = None) -> str:
    return NODES[key](opset) if key in NODES else PROBES[key]


if __name__ == "__main__":
    try:
        exec(probe(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None))
    except Exception as error:
        print("refused", type(error).__name__, str(error)[:200])
