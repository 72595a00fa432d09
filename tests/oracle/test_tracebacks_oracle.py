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
        "axis 1 differs: 10 and 3": lambda: zeros(2, 10) + zeros(2, 3),
        "axis 0 differs: 4 and 3": lambda: zeros(4, 10) + zeros(3, 10),
        "joined along axis 0, and another axis of theirs differs: 3 and 5": lambda: torch.cat(
            [zeros(2, 3), zeros(2, 5)]
        ),
        "conv2d takes 3 axes (channels x height x width) or 4": lambda: nn.Conv2d(1, 8, 3)(zeros(28, 28)),
        "conv1d takes 2 axes (channels x length) or 3 with a batch, and got 4: 1 too": lambda: nn.Conv1d(1, 8, 3)(
            zeros(2, 1, 3, 28)
        ),
        "conv_transpose2d takes 3 axes": lambda: nn.ConvTranspose2d(1, 8, 3)(zeros(28, 28)),
        "conv3d takes 4 axes": lambda: nn.Conv3d(1, 8, 3)(zeros(3, 28, 28)),
        "takes 1 channel, and 60 reach it": lambda: nn.Conv2d(1, 8, 3)(zeros(60, 28, 28)),
        "A reflection of 4 cells needs 5 on its axis, and axis 3 (the last) has 4": lambda: nn.ReflectionPad2d(4)(
            zeros(1, 3, 4, 4)
        ),
        "A reflection of 5 cells needs 6 on its axis, and axis 1 (the last but one) has 4": lambda: nn.ReflectionPad2d(
            (1, 1, 5, 2)
        )(zeros(3, 4, 4)),
        "made for 64 channels, and 32 reach it": lambda: nn.BatchNorm2d(64)(zeros(2, 32, 4, 4)),
        "made for 48 channels, and 32 reach it": lambda: nn.BatchNorm2d(48, track_running_stats=False)(
            zeros(2, 32, 4, 4)
        ),
        "normalisation takes 4 axes and got 3": lambda: nn.BatchNorm2d(64)(zeros(64, 4, 4)),
        "normalisation takes 2 or 3 axes and got 4": lambda: nn.BatchNorm1d(64)(zeros(1, 64, 4, 4)),
        "576 numbers cannot be laid out as [-1, 400]": lambda: zeros(1, 16, 6, 6).view(-1, 400),
        "49 features; its weights are made for 1568": lambda: nn.Sequential(nn.Flatten(), nn.Linear(1568, 10))(
            zeros(32, 7, 7)
        ),
    }
    for words, run in cases.items():
        with pytest.raises((RuntimeError, ValueError)) as caught:
            run()
        assert words in cw.explain(f"{type(caught.value).__name__}: {caught.value}").headline


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


def test_what_keras_prints_of_axes_and_channels_is_explained() -> None:
    import keras
    import numpy as np
    from keras import layers

    def zeros(*shape: int) -> object:
        return np.zeros(shape, "float32")

    conv, line = layers.Conv2D(4, 3), layers.Conv1D(4, 3)
    conv(zeros(1, 64, 64, 3))
    line(zeros(1, 64, 3))
    first = layers.Conv2D(4, 3, data_format="channels_first")
    first.build((None, 3, 64, 64))
    image = keras.Input((28, 28, 3))
    cases = {
        "got 3: the batch is there (None), the channels axis is missing": lambda: layers.Conv2D(4, 3)(
            keras.Input((28, 28))
        ),
        "got 2: the batch is there (None), 2 axes are missing": lambda: layers.Conv2D(4, 3)(keras.Input((784,))),
        "wants 3 axes and got 2: the batch is there": lambda: layers.LSTM(4)(keras.Input((28,))),
        "got 3: the channels axis is missing, or the batch": lambda: layers.Conv2D(4, 3)(zeros(32, 28, 28)),
        "got 3: the batch axis is missing": lambda: layers.Conv2D(4, 3)(zeros(28, 28, 3)),
        "built for 3 channels, and 1 reaches it": lambda: conv(keras.Input((64, 64, 1))),
        "built for 3 channels, and 4 reach it": lambda: conv(zeros(2, 64, 64, 4)),
        "built for 3 channels or features, and 5 reach it": lambda: line(zeros(2, 64, 5)),
        "channels, and 2 reach it": lambda: first(keras.Input((2, 64, 64))),
        "maps differ: 28 and 27": lambda: layers.Concatenate()(
            [image, keras.Input((28, 28, 4)), keras.Input((28, 27, 3))]
        ),
        "another axis than the last, on which they differ: 3 and 4": lambda: layers.Concatenate(axis=1)(
            [image, keras.Input((28, 28, 4))]
        ),
        "whose channels differ: 3 and 4": lambda: layers.Add()([image, keras.Input((28, 28, 4))]),
    }
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(4, 3)])
    coloured = keras.Sequential([keras.Input((64, 64, 3)), layers.Conv2D(4, 3)])
    cases["28 x 28 x 1 without its batch"] = lambda: model(zeros(28, 28, 1))
    cases["was given 64 x 64 x 3: the batch axis is missing"] = lambda: coloured(zeros(64, 64, 3))
    for words, run in cases.items():
        with pytest.raises(Exception, match=r"\d") as caught:
            run()
        assert words in cw.explain(f"ValueError: {caught.value}").headline, str(caught.value)


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
