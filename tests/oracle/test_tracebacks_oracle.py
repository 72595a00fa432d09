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
        "wants 3 axes and got 2: a recurrent layer reads batch x steps x features": lambda: layers.LSTM(4)(
            keras.Input((28,))
        ),
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


def test_what_pytorch_prints_of_single_layers_is_explained() -> None:
    import torch
    from torch import nn

    zeros = torch.zeros
    cases = {
        "padding='same' keeps the size": lambda: nn.Conv2d(3, 16, 3, stride=2, padding="same"),
        "do not divide the channels that reach it": lambda: nn.Conv2d(3, 16, 3, groups=2),
        "do not divide the channels it makes": lambda: nn.ConvTranspose2d(4, 15, 3, groups=2),
        "2 groups, which do not divide the 15 channels": lambda: nn.functional.conv2d(
            zeros(1, 4, 8, 8), zeros(15, 2, 3, 3), groups=2
        ),
        "3 is more than 5 // 2 = 2": lambda: nn.MaxPool2d(3, dilation=2, padding=3)(zeros(1, 3, 8, 8)),
        "2 is more than 3 // 2 = 1": lambda: nn.AvgPool2d(3, padding=2)(zeros(1, 3, 8, 8)),
        "2 is more than 2 // 2 = 1": lambda: nn.MaxPool1d(2, padding=2)(zeros(1, 3, 8)),
        "The pool takes 3 axes": lambda: nn.MaxPool2d(2)(zeros(8, 8)),
        "The pool takes 2 axes (channels and 1 side), or 3 with a batch, and got 4": lambda: nn.MaxPool1d(2)(
            zeros(1, 3, 8, 8)
        ),
        "view cannot join axes": lambda: zeros(2, 16, 5, 6).permute(0, 2, 3, 1).view(2, -1),
        "and 6 is not divisible by 4": lambda: nn.PixelShuffle(2)(zeros(1, 6, 4, 4)),
        "cuts the width into pieces, and 4 is not": lambda: nn.PixelUnshuffle(3)(zeros(1, 6, 6, 4)),
        "made for 32 x 64 on the last axes": lambda: nn.LayerNorm([32, 64])(zeros(1, 32, 48)),
        "3 groups, which do not divide the 8 channels": lambda: nn.GroupNorm(3, 8),
        "4 groups, which do not divide the 6 channels": lambda: nn.functional.group_norm(zeros(2, 6, 4, 4), 4),
        "made for 8 channels, and 6 reach it": lambda: nn.GroupNorm(2, 8)(zeros(1, 6, 4, 4)),
        "made for 64 channels, and 32 reach it": lambda: nn.InstanceNorm2d(64, affine=True)(zeros(2, 32, 5, 5)),
        "The loss compares 4 outputs with 5 targets": lambda: nn.CrossEntropyLoss()(
            zeros(4, 10), torch.zeros(5).long()
        ),
        "targets of 4 x 6 x 6 with outputs of 4 x 10 x 8 x 8": lambda: nn.CrossEntropyLoss()(
            zeros(4, 10, 8, 8), torch.zeros(4, 6, 6).long()
        ),
        "targets of 4 with outputs of 4 x 1": lambda: nn.BCELoss()(zeros(4, 1), zeros(4)),
        "targets of 5 with outputs of 5 x 1": lambda: nn.BCEWithLogitsLoss()(zeros(5, 1), zeros(5)),
    }
    for words, run in cases.items():
        with pytest.raises((RuntimeError, ValueError)) as caught:
            run()
        assert words in cw.explain(f"{type(caught.value).__name__}: {caught.value}").headline, str(caught.value)


def test_what_tensorflow_and_keras_print_of_channels_and_losses_is_explained() -> None:
    import keras
    import numpy as np
    import tensorflow as tf
    from keras import layers

    def zeros(*shape: int) -> object:
        return np.zeros(shape, "float32")

    def trained(loss: str, target: tuple[int, ...], output: tuple[int, ...]) -> None:
        model = keras.Sequential([keras.Input(output), layers.Activation("relu")])
        model.compile(loss=loss)
        model.fit(zeros(2, *output), zeros(2, *target), verbose=0)

    cases = {
        "2 groups, which do not divide the 3": lambda: layers.Conv2D(4, 3, groups=2)(zeros(1, 8, 8, 3)),
        "4 groups, which do not divide the 6": lambda: layers.Conv1D(6, 3, groups=4)(zeros(1, 8, 4)),
        "3 groups, which do not divide the 8": lambda: layers.GroupNormalization(3)(zeros(1, 8, 8, 8)),
        "takes 4 channels, and 3 reach": lambda: tf.nn.conv2d(zeros(1, 8, 8, 3), zeros(3, 3, 4, 8), 1, "SAME"),
        "takes 4 channels, and 6 reach": lambda: tf.function(tf.nn.conv2d)(
            zeros(1, 8, 8, 6), zeros(3, 3, 4, 8), 1, "SAME"
        ),
        "laid out as rows of 20": lambda: tf.reshape(zeros(2, 21), (-1, 20)),
        "targets of ? x 8 x 8 x 1 with outputs of ? x 6 x 6 x 1": lambda: trained("mse", (8, 8, 1), (6, 6, 1)),
        "targets of ? x 3 with outputs of ? x 10": lambda: trained("huber", (3,), (10,)),
        "targets of ? x 4 with outputs of ? x 7": lambda: trained("binary_crossentropy", (4,), (7,)),
    }
    for words, run in cases.items():
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError)) as caught:
            run()
        assert words in cw.explain(f"{type(caught.value).__name__}: {caught.value}").headline, str(caught.value)


def test_what_jax_prints_is_explained() -> None:
    import jax.numpy as jnp
    from flax import linen
    from jax import lax

    zeros = jnp.zeros
    cases = {
        "takes 5 channels, and 3 reach": lambda: lax.conv(zeros((1, 3, 8, 8)), zeros((4, 5, 3, 3)), (1, 1), "SAME"),
        "(2 in each of 2 groups), and 6 reach": lambda: lax.conv_general_dilated(
            zeros((1, 6, 8, 8)), zeros((4, 2, 3, 3)), (1, 1), "SAME", feature_group_count=2
        ),
        "4 groups, which do not divide the 6": lambda: lax.conv_general_dilated(
            zeros((1, 6, 8, 8)), zeros((4, 3, 3, 3)), (1, 1), "SAME", feature_group_count=4
        ),
        "2 groups, which do not divide the 5": lambda: lax.conv_general_dilated(
            zeros((1, 6, 8, 8)), zeros((5, 3, 3, 3)), (1, 1), "SAME", feature_group_count=2
        ),
        "input has 3 axes and the filter 4": lambda: lax.conv(zeros((3, 8, 8)), zeros((4, 3, 3, 3)), (1, 1), "SAME"),
        "has 300 features; its weights are made for 400": lambda: zeros((2, 5, 300)) @ zeros((400, 10)),
        "maps differ: 8 and 7": lambda: zeros((1, 8, 8, 3)) + zeros((1, 7, 8, 3)),
        "batches differ: 4 and 3": lambda: zeros((4, 10)) * zeros((3, 10)),
        "do not fit: 4 x 10 and 4": lambda: zeros((4, 10)) - zeros((4,)),
        "along axis 0, and axis 1 of theirs differs: 3 and 5": lambda: jnp.concatenate([zeros((2, 3)), zeros((2, 5))]),
        "different numbers of axes": lambda: jnp.concatenate([zeros((2, 3)), zeros((2, 5, 1))]),
        "2 x 21 cannot be laid out as 2 x 20": lambda: zeros((2, 21)).reshape(2, 20),
        "stored as 400 x 10, and for this input it is 300 x 10": lambda: linen.Dense(10).apply(
            {"params": {"kernel": zeros((400, 10)), "bias": zeros(10)}}, zeros((1, 300))
        ),
    }
    for words, run in cases.items():
        with pytest.raises(Exception, match=r"\d") as caught:
            run()
        assert words in cw.explain(f"{type(caught.value).__name__}: {caught.value}").headline, str(caught.value)
