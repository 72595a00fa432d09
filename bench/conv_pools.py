"""The pools that bench/conv.py measures, and the libraries that run them: each makes a call without arguments from a pool and a
number of threads, as conv_peers.py does for convolutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from conv_peers import aligned

Pool = tuple[str, int, int, int, int, int, int, int]
"""max or average; batch, channels, height, width, kernel, stride, padding."""
Call = Callable[[], Any]
Made = tuple[Call, Callable[[Any], np.ndarray]]

POOLS: tuple[Pool, ...] = (
    ("max", 1, 64, 112, 112, 2, 2, 0),
    ("max", 1, 256, 56, 56, 2, 2, 0),
    ("max", 1, 64, 112, 112, 3, 2, 1),
    ("max", 1, 256, 56, 56, 3, 2, 1),
    ("max", 1, 192, 28, 28, 3, 1, 1),
    ("average", 1, 64, 112, 112, 2, 2, 0),
    ("average", 1, 192, 28, 28, 3, 1, 1),
    ("average", 1, 64, 112, 112, 112, 1, 0),
    ("average", 1, 256, 56, 56, 56, 1, 0),
)


def name_of(pool: Pool) -> str:
    kind, _, c, h, w, size, stride, pad = pool
    what = "global" if size == h == w else f"{size}x{size} s{stride}" + f" p{pad}" * bool(pad)
    return f"{kind} {what}, {c} {h}x{w}"


def bytes_of(pool: Pool) -> int:
    """Of the input and the result, once each."""
    _, n, c, h, w, size, stride, pad = pool
    down, across = ((side + 2 * pad - size) // stride + 1 for side in (h, w))
    return 4 * n * c * (h * w + down * across)


def image(pool: Pool) -> np.ndarray:
    _, n, c, h, w, *_ = pool
    return aligned(np.random.default_rng(0).standard_normal((n, c, h, w), np.float32))


def convwise(layout: str, pool: Pool) -> Made:
    """The threads are those of CONVWISE_THREADS."""
    from convwise import engine

    kind, *_, size, stride, pad = pool
    x = image(pool)
    if layout == "NHWC":
        x = aligned(x.transpose(0, 2, 3, 1))
    form = engine.max_pool2d if kind == "max" else engine.avg_pool2d
    back = (0, 3, 1, 2) if layout == "NHWC" else (0, 1, 2, 3)
    return lambda: form(x, size, stride, pad, layout=layout), lambda y: y.transpose(back)


def torch(last: bool, pool: Pool, threads: int) -> Made:
    import torch as library

    library.set_num_threads(threads)
    kind, _, _, h, w, size, stride, pad = pool
    x = library.from_numpy(image(pool))
    if last:
        x = x.contiguous(memory_format=library.channels_last)
    form = library.nn.functional

    def call() -> Any:
        with library.inference_mode():
            if kind == "max":
                return form.max_pool2d(x, size, stride, pad)
            if size == h == w:
                return form.adaptive_avg_pool2d(x, 1)
            return form.avg_pool2d(x, size, stride, pad, count_include_pad=False)

    return call, lambda y: y.contiguous().numpy()


def onnx_model(pool: Pool) -> bytes:
    from onnx import TensorProto, helper

    kind, n, c, h, w, size, stride, pad = pool
    if kind == "average" and size == h == w:
        node = helper.make_node("GlobalAveragePool", ["x"], ["y"])
    else:
        name = "MaxPool" if kind == "max" else "AveragePool"
        options = {"kernel_shape": [size] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
        node = helper.make_node(name, ["x"], ["y"], **options)
    places = [("x", (n, c, h, w)), ("y", None)]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in places)
    model = helper.make_model(helper.make_graph([node], "pool", [x], [y]), opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    data: bytes = model.SerializeToString()
    return data


def onnxruntime(pool: Pool, threads: int) -> Made:
    import onnxruntime as library

    options = library.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = library.InferenceSession(onnx_model(pool), options, providers=["CPUExecutionProvider"])
    x = image(pool)
    return lambda: session.run(None, {"x": x})[0], lambda y: y


def openvino(pool: Pool, threads: int) -> Made:
    import openvino as library

    core = library.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(core.read_model(model=onnx_model(pool)), "CPU", settings).create_infer_request()
    request.set_input_tensor(library.Tensor(image(pool)))

    def call() -> Any:
        request.infer()
        return request.get_output_tensor().data

    return call, lambda y: np.array(y)


POOL_MAKERS: dict[str, Callable[[Pool, int], Made]] = {
    "convwise-NHWC": lambda pool, threads: convwise("NHWC", pool),
    "convwise-NCHW": lambda pool, threads: convwise("NCHW", pool),
    "torch": lambda pool, threads: torch(False, pool, threads),
    "torch-last": lambda pool, threads: torch(True, pool, threads),
    "onnxruntime": onnxruntime,
    "openvino": openvino,
}
