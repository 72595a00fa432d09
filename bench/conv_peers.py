"""The libraries that bench/conv.py measures: each makes, from a layer and a number of threads, a call without arguments, and what
turns its result into planes (NCHW)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Layer = tuple[int, int, int, int, int, int, int, int, int, int]


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy that starts at a cache line, as the arrays of torch and the results of convwise do; NumPy's own start 16 bytes behind one."""
    raw = np.empty(array.size + 16, array.dtype)
    start = -raw.ctypes.data % 64 // array.itemsize
    result = raw[start : start + array.size].reshape(array.shape)
    result[:] = array
    return result


def arrays(layer: Layer, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Input NCHW, weights and bias, such that outputs have about unit variance."""
    n, c, h, w, k, size, _, _, _, groups = layer
    rng = np.random.default_rng(seed)
    x = aligned(rng.standard_normal((n, c, h, w), np.float32))
    weights = rng.standard_normal((k, c // groups, size, size), np.float32) / np.float32(
        np.sqrt(c // groups * size * size)
    )
    return x, weights, rng.standard_normal(k, np.float32)


def convwise(layout: str, layer: Layer, threads: int) -> tuple[Callable[[], Any], Callable[[Any], np.ndarray]]:
    import convwise as cw

    x, w, b = arrays(layer)
    *_, stride, pad, dilation, groups = layer
    conv = cw.Conv(w, b, stride=stride, padding=pad, dilation=dilation, groups=groups, layout=layout, threads=threads)
    if layout == "NCHW":
        return lambda: conv(x), lambda y: y
    last = aligned(x.transpose(0, 2, 3, 1))
    return lambda: conv(last), lambda y: y.transpose(0, 3, 1, 2)


def plain(layout: str, layer: Layer, threads: int) -> tuple[Callable[[], Any], Callable[[Any], np.ndarray]]:
    """The function, which is given its weights anew in every call."""
    import convwise as cw

    x, w, b = arrays(layer)
    *_, stride, pad, dilation, groups = layer
    options: Any = {"stride": stride, "padding": pad, "dilation": dilation, "groups": groups, "threads": threads}
    if layout == "NCHW":
        return lambda: cw.conv2d(x, w, b, **options), lambda y: y
    last = aligned(x.transpose(0, 2, 3, 1))
    return lambda: cw.conv2d(last, w, b, layout="NHWC", **options), lambda y: y.transpose(0, 3, 1, 2)


def torch(last: bool, layer: Layer, threads: int) -> tuple[Callable[[], Any], Callable[[Any], np.ndarray]]:
    import torch as library

    library.set_num_threads(threads)
    x, w, b = (library.from_numpy(array) for array in arrays(layer))
    _, c, _, _, k, size, stride, pad, dilation, groups = layer
    conv = library.nn.Conv2d(c, k, size, stride, pad, dilation, groups).eval()
    with library.no_grad():
        conv.weight.copy_(w)
        conv.bias.copy_(b)
    if last:
        conv, x = conv.to(memory_format=library.channels_last), x.contiguous(memory_format=library.channels_last)

    def call() -> Any:
        with library.inference_mode():
            return conv(x)

    return call, lambda y: y.contiguous().numpy()


def torch_packed(layer: Layer, threads: int) -> tuple[Callable[[], Any], Callable[[Any], np.ndarray]]:
    """Channels last, the weights packed ahead as PyTorch's compiler does for frozen models: its eager layers pack them in every call."""
    import torch as library

    library.set_num_threads(threads)
    x, w, b = (library.from_numpy(array) for array in arrays(layer))
    *_, stride, pad, dilation, groups = layer
    x, w = (array.contiguous(memory_format=library.channels_last) for array in (x, w))
    sizes = ([pad] * 2, [stride] * 2, [dilation] * 2, groups)
    packed = library._C._nn.mkldnn_reorder_conv2d_weight(w.to_mkldnn(), *sizes, list(x.shape))

    def call() -> Any:
        with library.inference_mode():
            return library.ops.mkldnn._convolution_pointwise(x, packed, b, *sizes, "none", [], "")

    return call, lambda y: y.contiguous().numpy()


def onnx_model(layer: Layer) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    x, w, b = arrays(layer)
    *_, stride, pad, dilation, groups = layer
    node = helper.make_node(
        "Conv", ["x", "w", "b"], ["y"], strides=[stride] * 2, pads=[pad] * 4, dilations=[dilation] * 2, group=groups
    )
    held = [numpy_helper.from_array(w, "w"), numpy_helper.from_array(b, "b")]
    graph = helper.make_graph(
        [node],
        "conv",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        held,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    data: bytes = model.SerializeToString()
    return data


def onnxruntime(layer: Layer, threads: int) -> tuple[Callable[[], Any], Callable[[Any], np.ndarray]]:
    import onnxruntime as library

    options = library.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = library.InferenceSession(onnx_model(layer), options, providers=["CPUExecutionProvider"])
    x = arrays(layer)[0]
    return lambda: session.run(None, {"x": x})[0], lambda y: y


def openvino(layer: Layer, threads: int) -> tuple[Callable[[], Any], Callable[[Any], np.ndarray]]:
    import openvino as library

    core = library.Core()
    model = core.read_model(model=onnx_model(layer))
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    x = library.Tensor(arrays(layer)[0])
    request.set_input_tensor(x)

    def call() -> Any:
        request.infer()
        return request.get_output_tensor().data

    return call, lambda y: np.array(y)


def ncnn(layer: Layer, threads: int) -> tuple[Callable[[], Any], Callable[[Any], np.ndarray]]:
    import tempfile

    import ncnn as library

    _n, _c, _h, _w, k, size, stride, pad, dilation, groups = layer
    x, w, b = arrays(layer)
    kind = "Convolution" if groups == 1 else "ConvolutionDepthWise"
    extra = f" 7={groups}" if groups > 1 else ""
    text = f"7767517\n2 2\nInput data 0 1 data\n{kind} conv 1 1 data out 0={k} 1={size} 2={dilation} 3={stride} 4={pad} 5=1 6={w.size}{extra}\n"
    net = library.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_bf16_storage = False
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "net.param").write_text(text, encoding="utf-8")
        # A tag of 0 before the weights says float32.
        (Path(folder) / "net.bin").write_bytes(np.uint32(0).tobytes() + w.tobytes() + b.tobytes())
        net.load_param(str(Path(folder) / "net.param"))
        net.load_model(str(Path(folder) / "net.bin"))
    images = [library.Mat(image).clone() for image in x]
    kept = [net]

    def call() -> Any:
        results = []
        for image in images:
            extractor = kept[0].create_extractor()
            extractor.input("data", image)
            results.append(extractor.extract("out")[1])
        return results

    return call, lambda y: np.stack([np.array(one) for one in y])


MAKERS: dict[str, Callable[[Layer, int], tuple[Callable[[], Any], Callable[[Any], np.ndarray]]]] = {
    "convwise-NHWC": lambda layer, threads: convwise("NHWC", layer, threads),
    "convwise-NCHW": lambda layer, threads: convwise("NCHW", layer, threads),
    "conv2d-NHWC": lambda layer, threads: plain("NHWC", layer, threads),
    "conv2d-NCHW": lambda layer, threads: plain("NCHW", layer, threads),
    "torch": lambda layer, threads: torch(False, layer, threads),
    "torch-last": lambda layer, threads: torch(True, layer, threads),
    "torch-packed": torch_packed,
    "onnxruntime": onnxruntime,
    "openvino": openvino,
    "ncnn": ncnn,
}
