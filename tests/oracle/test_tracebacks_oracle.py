"""The messages that the installed frameworks really print are known."""

from __future__ import annotations

import pytest

import convwise as cw

pytestmark = pytest.mark.oracle


def test_what_pytorch_prints_is_explained() -> None:
    import torch
    from torch import nn

    zeros = torch.zeros
    cases = {
        "1568 features": lambda: nn.Linear(1050, 10)(zeros(2, 1568)),
        "channels last": lambda: nn.Conv2d(3, 16, 3)(zeros(1, 28, 20, 3)),
        "takes 3 channels, and 4 reach it": lambda: nn.Conv2d(3, 16, 3)(zeros(1, 4, 28, 28)),
        "5 cells are left where the kernel needs 7": lambda: nn.Conv2d(3, 16, 7)(zeros(3, 9, 5)),
        "differ: 43 and 42": lambda: torch.cat([zeros(1, 3, 43, 43), zeros(1, 3, 42, 43)], 1),
        "differ: 20 and 17": lambda: zeros(1, 3, 5, 20) + zeros(1, 3, 5, 17),
    }
    for words, run in cases.items():
        with pytest.raises(RuntimeError) as caught:
            run()
        assert words in cw.explain(f"RuntimeError: {caught.value}").headline


def test_what_keras_prints_is_explained() -> None:
    import keras
    import numpy as np

    dense = keras.layers.Dense(10)
    dense(np.zeros((2, 1568), "float32"))
    with pytest.raises(ValueError, match="incompatible") as caught:
        dense(np.zeros((2, 2048), "float32"))
    assert "built for 1568 on its last axis, and 2048 reach it" in cw.explain(f"ValueError: {caught.value}").headline
    with pytest.raises(ValueError, match="ndim") as caught:
        keras.layers.Conv2D(4, 3)(np.zeros((28, 28, 3), "float32"))
    assert "wants 4 axes and got 3: the batch axis is missing" in cw.explain(f"ValueError: {caught.value}").headline


def blamed(module: object, run: object) -> tuple[str, str]:
    """(the traceback, the module that was running) of a run that fails."""
    import traceback

    running: list[str] = []
    hooks = []
    for name, part in module.named_modules():  # type: ignore[attr-defined]
        hooks.append(part.register_forward_pre_hook(lambda *_, name=name: running.append(name)))
        hooks.append(part.register_forward_hook(lambda *_: running.pop() and None))
    try:
        run()  # type: ignore[operator]
    except (RuntimeError, ValueError):
        return traceback.format_exc(), running[-1]
    finally:
        for hook in hooks:
            hook.remove()
    raise AssertionError("it works")


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("lenet", (2, 1, 40, 41), "features"),
        ("lenet", (2, 1, 11, 30), "used the image up"),
        ("vgg", (1, 3, 20, 224), "used the image up"),
        ("vgg flattened for 96", (1, 3, 64, 65), "features"),
        ("alexnet", (1, 3, 40, 64), "used the image up"),
        ("u-net", (1, 3, 70, 64), "Two branches"),
        ("u-net", (1, 3, 64, 104), "Two branches"),
        ("fpn, doubled", (1, 3, 70, 64), "Two branches"),
        ("inception", (1, 3, 10, 64), "used the image up"),
    ],
)
def test_the_layer_that_pytorch_stops_at_is_found(name: str, shape: tuple[int, ...], words: str) -> None:
    """The module that was running, known by hooks, and the same found from the printed traceback and the model alone."""
    import torch
    import zoo_torch

    module = zoo_torch.NETWORKS[name]().eval()
    shape = (shape[0], next(iter(module.parameters())).shape[1], *shape[2:])
    text, running = blamed(module, lambda: module(torch.zeros(shape)))
    told = cw.explain(text, model=module)
    assert words in told.headline
    found = (told.name or "").split(".cat")[0].split(".add")[0]
    where = "\n".join(line for fact in told.facts if fact.label == "in the model" for line in fact.lines)
    assert found == running or running == "" or f"'{running}'" in where, (running, where)
    assert told.fixes[-1].code.startswith("an input of ")
    wanted = tuple(int(size) for size in told.fixes[-1].code.removeprefix("an input of ").split(" x "))
    output = module(torch.zeros(wanted))
    output = output[0] if isinstance(output, tuple | list) else output
    assert tuple(output.shape) == told.fixes[-1].output
    given = cw.explain(text, shape, model=module)
    assert given.input == shape
    assert (given.name or "").split(".cat")[0].split(".add")[0] == running or running == ""


def test_the_layer_that_keras_stops_at_is_found() -> None:
    import traceback

    import keras
    import numpy as np
    from keras import layers

    def line(*parts: object) -> object:
        x = image = keras.Input((None, None, 3))
        for part in parts:
            x = part(x)  # type: ignore[operator]
        return keras.Model(image, x)

    windows = line(layers.Conv2D(4, 3), layers.Conv2D(8, 3), layers.MaxPooling2D(2), layers.Conv2D(8, 3, name="last"))
    pools = line(layers.Conv2D(4, 3), layers.MaxPooling2D(2), layers.AveragePooling2D(3, name="last"))
    image = keras.Input((None, None, 3))
    up = layers.UpSampling2D()(layers.MaxPooling2D()(image))
    joined = keras.Model(image, layers.Concatenate(name="last")([image, up]))
    added = keras.Model(image, layers.Add(name="last")([image, up]))
    small, odd = np.zeros((2, 6, 7, 3), "float32"), np.zeros((1, 35, 40, 3), "float32")
    cases = [
        *((windows, run) for run in (lambda: windows(small), lambda: windows.predict(small, verbose=0))),
        (windows, lambda: windows(keras.Input((6, 7, 3)))),
        (pools, lambda: pools(keras.Input((6, 7, 3)))),
        *((joined, run) for run in (lambda: joined(odd), lambda: joined.predict(odd, verbose=0))),
        *((added, run) for run in (lambda: added(odd), lambda: added.predict(odd, verbose=0))),
    ]
    for model, run in cases:
        try:
            run()
        except Exception:
            text = traceback.format_exc()
        else:
            raise AssertionError("it works")
        told = cw.explain(text, model=model)
        assert told.name == "last", text[-600:]
        assert told.fixes


def test_the_node_that_onnxruntime_stops_at_is_found(tmp_path: object) -> None:
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    onnxruntime.set_default_logger_severity(4)

    def model(*nodes: object, **weights: tuple[int, ...]) -> bytes:
        image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "c", "h", "w"])
        stored = [
            helper.make_tensor(name, TensorProto.FLOAT, shape, np.zeros(shape, "f").ravel())
            for name, shape in weights.items()
        ]
        graph = helper.make_graph(list(nodes), "g", [image], [helper.make_empty_tensor_value_info("y")], stored)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return bytes(made.SerializeToString())

    make = helper.make_node
    pool = make("MaxPool", ["x"], ["p"], name="pool", kernel_shape=[2, 2], strides=[2, 2])
    up = make("ConvTranspose", ["p", "t"], ["u"], name="up", strides=[2, 2])
    flat = make("Flatten", ["p"], ["f"], name="flat")
    cases = [
        (model(pool, up, make("Concat", ["x", "u"], ["y"], name="last", axis=1), t=(3, 3, 2, 2)), (1, 3, 35, 40)),
        (model(pool, up, make("Add", ["x", "u"], ["y"], name="last"), t=(3, 3, 2, 2)), (1, 3, 35, 40)),
        (model(pool, flat, make("Gemm", ["f", "w"], ["y"], name="last", transB=1), w=(10, 48)), (1, 3, 10, 8)),
        (model(pool, flat, make("MatMul", ["f", "w"], ["y"], name="last"), w=(48, 10)), (1, 3, 10, 8)),
        (model(pool, make("Conv", ["p", "w"], ["y"], name="last"), w=(4, 5, 3, 3)), (1, 3, 10, 8)),
    ]
    for made, shape in cases:
        session = onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])
        with pytest.raises(Exception, match="ONNXRuntimeError") as caught:
            session.run(None, {"x": np.zeros(shape, "f")})
        told = cw.explain(str(caught.value), model=made)
        assert told.name == "last" or "nchwc" in str(caught.value), str(caught.value)
        assert cw.explain(str(caught.value), shape, model=made).name is not None
    assert onnx.checker is not None
