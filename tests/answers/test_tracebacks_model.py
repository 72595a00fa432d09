"""A pasted shape error and the model it came from: the layer that says it, the input that makes it say so, and the fix."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import convwise as cw
from convwise.answers.explanation import Explanation

LENET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        return self.fc2(F.relu(self.fc1(x)))
"""
LINEAR = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (4x2704 and 400x120)"
TRACEBACK = f"""Traceback (most recent call last):
  File "train.py", line 43, in <module>
    outputs = net(inputs)
  File "/usr/lib/python3/site-packages/torch/nn/modules/module.py", line 1102, in _call_impl
    return forward_call(*input, **kwargs)
  File "train.py", line 22, in forward
    return self.fc2(F.relu(self.fc1(x)))
{LINEAR}
"""
UNET = (Path(__file__).parents[2] / "examples" / "unet.py").read_text(encoding="utf-8")
KERAS = """
from keras import layers
model = keras.Sequential([
    keras.Input((None, None, 3)), layers.Conv2D(4, 3), layers.Conv2D(8, 3), layers.MaxPooling2D(2),
    layers.Conv2D(8, 3, name='last'),
])
"""
SKIP = """
i = keras.Input((None, None, 3))
down = keras.layers.MaxPooling2D()(i)
up = keras.layers.UpSampling2D()(down)
model = keras.Model(i, keras.layers.{join}(name='skip')([i, up]))
"""


def lines(told: Explanation, label: str) -> str:
    return "\n".join(line for fact in told.facts if fact.label == label for line in fact.lines)


def fixes(told: Explanation) -> list[tuple[str, tuple[int | None, ...]]]:
    return [(fix.code, fix.output) for fix in told.fixes]


@pytest.mark.parametrize(
    "text",
    [
        f"{LENET}\n{TRACEBACK}",
        f"{TRACEBACK}\n{LENET}",
        f"{LENET}\n{LINEAR}",
        f"This is my model:\n```python\n{LENET}```\nand it says\n```\n{TRACEBACK}```\nWhy?",
        f"My model\n{LENET}\ngives me\n{TRACEBACK}",
        f"{LENET}\n---------------------------------------\nRuntimeError      Traceback (most recent call last)\n"
        f"<ipython-input-7> in forward(self, x)\n----> 22     x = self.fc1(x)\n\n{LINEAR}\n",
    ],
    ids=["code first", "traceback first", "message alone", "markdown", "prose", "notebook"],
)
def test_code_and_traceback_in_one_text(text: str) -> None:
    told = cw.explain(text)
    assert told.name == "fc1"
    assert "'fc1' (Linear) at line" in lines(told, "in the model")
    assert "both 64..67; or one 16..19, the other 688..691" in lines(told, "its input")
    assert lines(told, "on the way").endswith("-> 4x16x13x13 (pool) -> 4x2704 (flatten_6) -> here")
    assert "both 32..35" in lines(told, "would work")
    assert fixes(told) == [("nn.Linear(2704, 120)", (4, 120)), ("an input of 4 x 3 x 35 x 35", (4, 84))]
    assert [one.name for one in cw.explain_all(text)] == ["fc1"]


def test_the_given_input_is_run() -> None:
    told = cw.explain(LINEAR, (3, 66, 65), model=LENET)
    assert (told.name, told.input) == ("fc1", (1, 3, 66, 65))
    assert lines(told, "its input") == "input 1 x 3 x 66 x 65"
    assert fixes(told)[1:] == [("an input of 1 x 3 x 35 x 35", (1, 84))]


def test_a_network_and_a_path_are_models_too(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(LENET, encoding="utf-8")
    assert cw.explain(TRACEBACK, model=cw.read(LENET)).name == cw.explain(TRACEBACK, model=path).name == "fc1"


def test_a_skip_that_does_not_fit() -> None:
    message = "Sizes of tensors must match except in dimension 1. Expected size 86 but got size 87 for tensor number 1"
    told = cw.explain(f"RuntimeError: {message} in the list.", model=UNET)
    assert told.name == "up3.cat"
    assert "height 348..351" in lines(told, "its input")
    assert "where 1x64x86x86 and 1x64x87x87 meet" in lines(told, "on the way")
    assert [code for code, _ in fixes(told)] == ["an input of 1 x 3 x 352 x 352", "an input of 1 x 3 x 344 x 344"]


def test_the_tensor_that_is_numbered_decides() -> None:
    """86 expected by the first tensor, which is the way up: the other way round no size says it."""
    message = "Sizes of tensors must match except in dimension 1. Expected size 87 but got size 86 for tensor number 1"
    told = cw.explain(f"RuntimeError: {message} in the list.", model=UNET)
    assert told.name is None
    assert "no layer of it can say this" in lines(told, "in the model")


@pytest.mark.parametrize(
    ("message", "name", "where"),
    [
        (
            "Calculated padded input size per channel: (3 x 4). Kernel size: (5 x 5). Kernel size can't be greater than "
            "actual input size",
            "conv2",
            "height 10, 11 and width 12, 13",
        ),
        (
            "Given input size: (6x1x9). Calculated output size: (6x0x4). Output size is too small",
            "pool",
            "height 5 and",
        ),
        (
            "Given groups=1, weight of size [16, 6, 5, 5], expected input[2, 8, 12, 12] to have 6 channels, but got 8 "
            "channels instead",
            None,
            "",
        ),
        (
            "Given groups=1, weight of size [6, 3, 5, 5], expected input[2, 1, 32, 33] to have 3 channels, but got 1 "
            "channels instead",
            "conv1",
            "input 2 x 1 x 32 x 33",
        ),
        (
            "Given groups=1, weight of size [6, 3, 5, 5], expected input[1, 32, 32, 3] to have 3 channels, but got 32 "
            "channels instead",
            "conv1",
            "input 1 x 32 x 32 x 3",
        ),
    ],
)
def test_pytorch(message: str, name: str | None, where: str) -> None:
    told = cw.explain(f"RuntimeError: {message}", model=LENET)
    assert told.name == name
    assert where in lines(told, "its input")


def test_channels_that_were_fed_wrongly_are_put_right() -> None:
    message = (
        "RuntimeError: Given groups=1, weight of size [6, 3, 5, 5], expected input[1, 1, 32, 32] to have 3 channels, "
        "but got 1 channels instead"
    )
    told = cw.explain(message, model=LENET)
    assert fixes(told) == [("nn.Conv2d(1, 6, 5)", ()), ("an input of 1 x 3 x 32 x 32", (1, 84))]


def test_batch_normalisation_of_another_width() -> None:
    text = "nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(16), nn.ReLU())"
    told = cw.explain("RuntimeError: running_mean should contain 8 elements not 16", model=text)
    assert (told.name, fixes(told)[0][0]) == ("1", "nn.BatchNorm2d(8)")


def test_a_view_that_does_not_fit() -> None:
    text = LENET.replace("torch.flatten(x, 1)", "x.view(-1, 16 * 5 * 5)")
    told = cw.explain("RuntimeError: shape '[-1, 400]' is invalid for input of size 2704", model=text)
    assert told.name is not None
    assert told.name.startswith("view")
    assert "both 64..67" in lines(told, "its input")
    # No other layer gives 2704 features here: the view would have refused them.
    lost = cw.explain(LINEAR, model=text)
    assert lost.name is None
    assert "'fc1' (Linear) at line 8 has these weights" in lines(lost, "in the model")


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (
            "Negative dimension size caused by subtracting 3 from 1 for '{{node functional_1_1/last_1/convolution}} = "
            'Conv2D[T=DT_FLOAT, data_format="NHWC"](a, b)\' with input shapes: [1,1,1,8], [3,3,8,8].',
            "last",
        ),
        (
            "Computed output size would be negative: -1 [input_size: 1, effective_filter_size: 3, stride: 1] "
            "[Op:Conv2D]\x1b[0m\n\nArguments received by Conv2D.call():\n  • inputs=tf.Tensor(shape=(1, 1, 1, 8), dtype=float32)",
            "last",
        ),
        (
            "Computed output size would be zero or negative. Received `inputs shape=(None, 1, 1, 8)`, `kernel "
            "shape=(3, 3, 8, 8)`, `dilation_rate=[1 1]`, `strides=(1, 1)`, `padding=valid`.",
            "last",
        ),
        (
            "Computed output size would be zero or negative. Received: `inputs.shape=[None 1 1 8]`, `pool_size=[2 2]`, "
            "`strides=(2, 2)`, `padding=valid`.",
            "maxpooling2d_2",
        ),
    ],
)
def test_keras_windows(message: str, name: str) -> None:
    told = cw.explain(f"ValueError: {message}", model=KERAS)
    assert told.name == name
    assert "the legal sizes are n >= 10" in lines(told, "would work")
    assert fixes(told)[-1] == ("an input of 1 x 10 x 10 x 3", (1, 1, 1, 8))


@pytest.mark.parametrize(
    ("join", "message"),
    [
        (
            "Concatenate",
            "ConcatOp : Dimension 1 in both shapes must be equal: shape[0] = [1,35,40,3] vs. shape[1] = [1,34,40,3]",
        ),
        (
            "Concatenate",
            "Dimension 1 in both shapes must be equal, but are 35 and 34. Shapes are [1,35,40] and [1,34,40]. for "
            "'{{node functional_2_1/skip_1/concat}} = ConcatV2[N=2](data)' with input shapes: [1,35,40,3]",
        ),
        (
            "Concatenate",
            "A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis. Received: "
            "input_shape=[(None, 35, 40, 3), (None, 34, 40, 3)]",
        ),
        ("Add", "Incompatible shapes: [1,35,40,3] vs. [1,34,40,3] [Op:AddV2] name: "),
        (
            "Add",
            "Dimensions must be equal, but are 35 and 34 for '{{node functional_3_1/skip_1/Add}} = AddV2[T=DT_FLOAT]",
        ),
        ("Add", "Inputs have incompatible shapes. Received shapes (35, 40, 3) and (34, 40, 3)"),
    ],
)
def test_keras_branches(join: str, message: str) -> None:
    told = cw.explain(f"ValueError: {message}", model=SKIP.format(join=join))
    assert told.name == "skip"
    assert "height 35" in lines(told, "its input")
    assert "every even n; nearest to 35: 34 and 36" in lines(told, "would work")


def test_keras_dense_of_a_model_that_is_built() -> None:
    def layer(kind: str, name: str, before: str, **config: object) -> dict[str, object]:
        history = {"class_name": "__keras_tensor__", "config": {"keras_history": [before, 0, 0]}}
        return {
            "module": "keras.layers",
            "class_name": kind,
            "name": name,
            "config": {"name": name, **config},
            "registered_name": None,
            "inbound_nodes": [{"args": [history], "kwargs": {}}],
        }

    first = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "name": "i",
        "config": {"name": "i", "batch_shape": [None, 28, 28, 3]},
        "registered_name": None,
        "inbound_nodes": [],
    }
    dense = layer("Dense", "out", "flat", units=10)
    dense["build_config"] = {"input_shape": [None, 588]}
    parts = [first, layer("MaxPooling2D", "pool", "i", pool_size=[2, 2]), layer("Flatten", "flat", "pool"), dense]
    config = {"name": "m", "layers": parts, "input_layers": [["i", 0, 0]], "output_layers": [["out", 0, 0]]}
    model = json.dumps({"module": "keras", "class_name": "Functional", "config": config}).encode()
    # The weights are stored for 588 features: that, and not the declared input, is what the layers ask.
    assert str(cw.read(model).legal_sizes().joint).startswith("height x width in {2, 3} x {392, 393}")
    told = cw.explain(
        'ValueError: Input 0 of layer "out" is incompatible with the layer: expected axis -1 of input shape to have '
        "value 588, but received input with shape (None, 768)",
        model=model,
    )
    assert told.name == "out"
    assert "both 32, 33" in lines(told, "its input")
    assert fixes(told) == [("out made for 768 features", ()), ("an input of 1 x 29 x 29 x 3", (1, 10))]
    entry = cw.explain(
        "ValueError: Input 0 with name 'i' of layer 'functional' is incompatible with the layer: expected "
        "shape=(None, 28, 28, 3), found shape=(1, 29, 28, 3)",
        model=model,
    )
    assert entry.name == "i"
    assert "its layers take 1 x 29 x 28 x 3 all the same" in lines(entry, "in the model")


def test_a_layer_that_could_say_it_too_is_named() -> None:
    text = "nn.Sequential(nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3))"
    message = (
        "RuntimeError: Calculated padded input size per channel: (2 x 2). Kernel size: (3 x 3). Kernel size can't be "
        "greater than actual input size"
    )
    told = cw.explain(message, model=text)
    assert told.name == "1"
    assert "'0' (Conv2d) at line 1 and '2' (Conv2d) at line 1 can say the same" in lines(told, "in the model")
    # A traceback's own lines decide between equals.
    named = text.replace("nn.Sequential(", "net = nn.Sequential(")
    assert cw.explain(f"  File 'a.py', line 3\n    x = self.net(x)\n{message}", model=named).name == "1"


def test_a_text_without_a_known_message_is_said() -> None:
    with pytest.raises(cw.CodeError, match="no shape error that is known stands in the text") as caught:
        cw.explain("KeyError: 'x'", model=LENET)
    assert caught.value.code == "CW316"
    assert "convwise check MODEL" in caught.value.hint


def test_a_message_in_a_comment_leaves_the_code_alone() -> None:
    told = cw.explain(f"conv = nn.Conv2d(3, 8, 3)\n# {LINEAR}\nx = torch.randn(1, 3, 9, 10)\ny = conv(x)")
    assert told.output == (1, 8, 7, 8)


@pytest.mark.parametrize(
    "first", ["keras.Input((64, 64, 3)), layers.Conv2D(4, 3)", "layers.Conv2D(4, 3, input_shape=(64, 64, 3))"]
)
def test_grey_pictures_are_found_at_the_layer_that_was_built_for_coloured_ones(first: str) -> None:
    text = f"keras.Sequential([{first}, layers.Conv2D(8, 3, name='second'), layers.Flatten(), layers.Dense(2)])"
    message = (
        'ValueError: Input 0 of layer "conv2d_7" is incompatible with the layer: expected axis -1 of input shape to have '
        "value 3, but received input with shape (None, 64, 64, 1)"
    )
    told = cw.explain(message, model=text)
    assert told.name == "conv2d_0"
    assert "'conv2d_0' (Conv2D) at line 1 says this" in lines(told, "in the model")
    assert fixes(told) == [("tf.image.grayscale_to_rgb(x)", (None, 64, 64, 3))]
    assert "grey pictures" in lines(told, "perhaps")


def test_padding_that_reflects_too_much_is_found() -> None:
    text = (
        "nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, stride=2), nn.Conv2d(4, 8, 9, padding=4, padding_mode='reflect'))"
    )
    message = (
        "RuntimeError: Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
        "(4, 4) at dimension 3 of input [1, 4, 4, 4]"
    )
    told = cw.explain(message, model=text)
    assert told.name == "1"
    assert "height and width 7, 8" in lines(told, "its input")
    assert fixes(told) == [("an input of 1 x 3 x 9 x 9", (1, 8, 5, 5))]


@pytest.mark.parametrize(("shape", "such"), [(None, "such as 3 x 32 x 32"), ((3, 33, 34), "3 x 33 x 34")])
def test_a_sample_without_a_batch_is_found_at_its_linear(shape: tuple[int, ...] | None, such: str) -> None:
    message = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (16x25 and 400x120)"
    told = cw.explain(message, shape, model=LENET)
    assert told.name == "fc1"
    assert f"says this of a sample without a batch, {such}: Flatten then keeps" in lines(told, "in the model")
    whole = shape or (3, 32, 32)
    assert fixes(told) == [(f"an input of 1 x {' x '.join(map(str, whole))}", (1, 84))]
    other = cw.explain(message.replace("16x25", "17x25"), model=LENET)
    assert "no layer of it can say this" in lines(other, "in the model")


def test_a_sample_without_a_batch_whose_linear_would_not_take_a_batch_either() -> None:
    """PyTorch: Flatten keeps the 32 maps of 3 x 50 x 50 apart, and a batch of 1 gives 32 x 25 x 25 features."""
    text = (
        "nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(1050, 10))"
    )
    told = cw.explain("RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x625 and 1050x10)", model=text)
    assert "'4' (Linear) at line 1 says this of a sample without a batch, such as 3 x 50 x 50" in lines(
        told, "in the model"
    )
    assert fixes(told) == [("x[None]", (1, 3, 50, 50)), ("nn.Linear(20000, 10)", (1, 10))]


FED = """
net = Net()
x = torch.randn({shape})
net(x)
"""


@pytest.mark.parametrize(
    ("shape", "numbers", "ran"),
    [
        ("4, 3, 64, 66", "4x2704", "4 x 3 x 64 x 66"),
        # The last batch of an epoch: the image is the code's, the number of rows the message's.
        ("64, 3, 66, 64", "5x2704", "5 x 3 x 66 x 64"),
        # Another run than the code's: its sizes are found from the numbers.
        ("4, 3, 60, 64", "7x2704", "such as input 7 x 3 x 64 x 64"),
    ],
)
def test_the_input_that_the_code_writes_comes_first(shape: str, numbers: str, ran: str) -> None:
    message = f"RuntimeError: mat1 and mat2 shapes cannot be multiplied ({numbers} and 400x120)"
    told = cw.explain(message, model=LENET + FED.format(shape=shape))
    assert lines(told, "its input").removeprefix("input ").startswith(ran)
    batch = int(numbers.split("x")[0])
    assert fixes(told)[1:] == [(f"an input of {batch} x 3 x 35 x 35", (batch, 84))]


def test_the_layer_is_the_one_at_which_the_written_input_breaks() -> None:
    """Both convolutions have these weights; with 28 x 30 it is the last that is reached by 1 x 1."""
    text = (
        "Sequential([Conv2D(32, 3, input_shape=(28, 30, 1)), MaxPooling2D(2), Conv2D(64, 3), MaxPooling2D(2), "
        "Conv2D(64, 3), MaxPooling2D(2), Conv2D(64, 3), Flatten(), Dense(10)])"
    )
    message = (
        "ValueError: Computed output size would be zero or negative. Received `inputs shape=(None, 1, 2, 64)`, `kernel "
        "shape=(3, 3, 64, 64)`, `dilation_rate=[1 1]`, `strides=(1, 1)`, `padding=valid`."
    )
    told = cw.explain(message, model=text.replace("30", "32"))
    assert (told.name, lines(told, "its input")) == ("conv2d_6", "input 1 x 28 x 32 x 1")
    assert "can say the same" not in lines(told, "in the model")


def test_the_batch_of_the_message_is_that_of_the_input() -> None:
    text = "nn.Sequential(nn.Conv2d(1, 32, 3), nn.Conv2d(32, 8, 5, stride=2), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 10))"
    told = cw.explain("RuntimeError: mat1 and mat2 shapes cannot be multiplied (4x288 and 32x10)", model=text)
    assert lines(told, "its input").startswith(
        "such as input 4 x 1 x 29 x 29: the message comes of height and width both 29..32"
    )
    assert fixes(told) == [("nn.Linear(288, 10)", (4, 10)), ("an input of 4 x 1 x 16 x 16", (4, 10))]


def test_a_view_of_several_samples_regroups_none_of_them() -> None:
    """5 x 16 x 18 x 18 numbers are laid out as -1 x 400 too where the height is 76, as 81 rows of 4 samples each no more."""
    text = LENET.replace("torch.flatten(x, 1)", "x.view(-1, 16 * 5 * 5)") + FED.format(shape="4, 3, 64, 65")
    told = cw.explain("RuntimeError: shape '[-1, 400]' is invalid for input of size 10816", model=text)
    assert lines(told, "its input") == "input 4 x 3 x 64 x 65"
    assert "both 32..35; or one 16..19, the other 112..115" in lines(told, "would work")
    assert fixes(told) == [
        ("x.flatten(1)", (4, 2704)),
        ("nn.Linear(2704, 120)", (4, 84)),
        ("an input of 4 x 3 x 35 x 35", (4, 84)),
    ]
    text = text.replace("4, 3, 64, 65", "4, 3, 120, 100")
    told = cw.explain("RuntimeError: shape '[-1, 400]' is invalid for input of size 38016", model=text)
    # 115 x 19 is nearer and no image of these proportions.
    assert [fix for fix, _ in fixes(told)][2:] == ["an input of 4 x 3 x 35 x 35"]


@pytest.mark.parametrize(
    ("text", "message", "first"),
    [
        (
            "nn.Sequential(nn.Linear(784, 128), nn.Linear(128, 10))\nx = torch.randn(64, 1, 28, 28)\nout = model(x)",
            "RuntimeError: mat1 and mat2 shapes cannot be multiplied (1792x28 and 784x128)",
            ("x.flatten(1)", (64, 784)),
        ),
        (
            "Sequential([Conv2D(32, 3, input_shape=(1, 27, 28)), MaxPooling2D(), Flatten(), Dense(10)])",
            "ValueError: Computed output size would be zero or negative. Received `inputs shape=(None, 1, 27, 28)`, `kernel "
            "shape=(3, 3, 28, 32)`, `dilation_rate=[1 1]`, `strides=(1, 1)`, `padding=valid`.",
            ("np.moveaxis(x, 1, -1)", (None, 27, 28, 1)),
        ),
        (
            "nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, 10))\nx = torch.randn(30, 32, 3)\nout = model(x)",
            "RuntimeError: Given groups=1, weight of size [8, 3, 3, 3], expected input[1, 30, 32, 3] to have 3 channels, but "
            "got 30 channels instead",
            ("x.permute(2, 0, 1)[None]", (1, 3, 30, 32)),
        ),
    ],
)
def test_no_size_is_at_fault_where_the_axes_are(
    text: str, message: str, first: tuple[str, tuple[int | None, ...]]
) -> None:
    told = cw.explain(message, model=f"model = {text}")
    assert fixes(told)[0] == first
    assert not any(code.startswith("an input of") for code, _ in fixes(told))
    assert not lines(told, "would work")


def test_a_shortcut_gets_the_stride_and_the_channels_of_the_other_branch() -> None:
    text = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 3, padding=1)
        self.half = nn.Conv2d(64, 128, 3, stride=2, padding=1)
    def forward(self, x):
        x = self.stem(x)
        return self.half(x) + x
net = Net()
net(torch.randn(2, 3, 56, 112))
"""
    message = (
        "RuntimeError: The size of tensor a (56) must match the size of tensor b (112) at non-singleton dimension 3"
    )
    told = cw.explain(message, model=text)
    assert fixes(told) == [("nn.Conv2d(64, 128, 1, stride=2)", (2, 128, 28, 56))]
    assert not lines(told, "would work")


def test_a_message_of_a_loss_is_no_layers() -> None:
    text = """
model = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.ConvTranspose2d(4, 1, 3, stride=2))
x = torch.randn(8, 1, 28, 30)
loss = F.mse_loss(model(x), x)
"""
    message = (
        "RuntimeError: The size of tensor a (29) must match the size of tensor b (30) at non-singleton dimension 3"
    )
    frames = 'Traceback (most recent call last):\n  File "torch/nn/functional.py", line 3365, in mse_loss\n'
    told = cw.explain(frames + message, model=text)
    assert told.headline == "The loss compares outputs and targets whose axis 3 differs: 29 and 30."
    gives = "for input 8 x 1 x 28 x 30 it gives 8 x 1 x 27 x 29"
    assert lines(told, "in the model") == f"no layer of it says this: the loss does; {gives}"
    # Without the frames the model tells as much: it runs through.
    assert lines(cw.explain(message, model=text), "in the model") == f"no layer of it can say this; {gives}"


def test_a_message_in_a_sentence_above_a_fenced_body_of_a_class() -> None:
    text = """I'm getting: mat1 and mat2 shapes cannot be multiplied (32x2304 and 1152x256). My model is:

```python
self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
self.pool = nn.MaxPool2d(2, 2)
self.fc1 = nn.Linear(1152, 256)

def forward(self, x):
    x = self.pool(F.relu(self.conv1(x)))
    x = x.view(x.size(0), -1)
    return self.fc1(x)
```
What is wrong?
"""
    (told,) = cw.explain_all(text)
    assert told.name == "fc1"
    assert "'fc1' (Linear) at line 6 says this" in lines(told, "in the model")
    assert fixes(told)[0] == ("nn.Linear(2304, 256)", (32, 256))


def test_nothing_is_promised_of_sizes_that_may_go_another_way() -> None:
    text = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, 8, 3)
    def forward(self, x):
        return self.c(x) if x.shape[3] > 8 else self.c(F.pad(x, (0, 0, 2, 2)))

RuntimeError: Calculated padded input size per channel: (2 x 16). Kernel size: (3 x 3). Kernel size can't be greater than actual input size
"""
    told = cw.explain(text, (1, 3, 2, 16))
    assert "'c' (Conv2d) at line 7 says this" in lines(told, "in the model")
    assert "height: the legal sizes are n >= 3 on the branch that was read" in lines(told, "would work")
    assert not told.fixes


TOO_SMALL = "RuntimeError: Given input size: ({}). Calculated output size: ({}). Output size is too small"


@pytest.mark.parametrize(
    ("model", "had", "gives", "where", "its_input"),
    [
        # A convolution takes 1 x 23 for too small as well, but it is a pool that says this.
        ("nn.Conv2d(3, 3, 3), nn.AvgPool2d(3)", "3x1x23", "3x0x7", "'1' (AvgPool2d)", "such as input 1 x 3 x 3 x 25"),
        # The first pool meets the model's channels, and the last one those of the convolution.
        ("nn.MaxPool2d(3), nn.Conv2d(4, 8, 3), nn.MaxPool2d(3)", "8x2x1", "8x0x0", "'2'", "such as input 1 x 4 x 12 x 9"),
        ("nn.MaxPool2d(3), nn.Conv2d(4, 8, 3), nn.MaxPool2d(3)", "4x2x1", "4x0x0", "'0'", "input 1 x 4 x 2 x 1"),
        # What it makes tells a window of 5 from one of 3.
        ("nn.Conv2d(2, 2, 1), nn.MaxPool2d(3, 2), nn.MaxPool2d(5, 2)", "2x2x9", "2x-1x3", "'2'", "such as input 1 x 2 x 5 x 19"),
        ("nn.Conv2d(2, 2, 1), nn.MaxPool2d(3, 2), nn.MaxPool2d(5, 2)", "2x2x9", "2x0x4", "'1'", "such as input 1 x 2 x 2 x 9"),
        # A pool along a line tells an axis more.
        ("nn.Conv1d(5, 6, 3), nn.AvgPool1d(4)", "6x1x3", "6x1x0", "'1' (AvgPool1d)", "such as input 1 x 5 x 5"),
        # Channels that no layer tells are those of the message.
        ("nn.MaxPool2d(2), nn.ReLU(), nn.MaxPool2d(3)", "8x2x1", "8x0x0", "'2'", "such as input 1 x 8 x 4 x 2"),
    ],
)  # fmt: skip
def test_a_pool_is_known_by_its_kind_its_channels_and_what_it_makes(
    model: str, had: str, gives: str, where: str, its_input: str
) -> None:
    told = cw.explain(f"model = nn.Sequential({model})\n\n{TOO_SMALL.format(had, gives)}")
    assert lines(told, "in the model").startswith(where)
    assert "can say the same" not in lines(told, "in the model")
    assert lines(told, "its input").startswith(its_input)


def test_every_pool_that_can_say_it_is_named() -> None:
    model = "nn.Sequential(nn.Conv2d(5, 6, 3), nn.AvgPool2d(3), nn.AvgPool2d(4, 2))"
    told = cw.explain(f"model = {model}\n\n{TOO_SMALL.format('6x2x2', '6x0x0')}")
    assert lines(told, "in the model").split("\n") == [
        "'1' (AvgPool2d) at line 1 says this",
        "'2' (AvgPool2d) at line 1 can say the same",
    ]


def test_the_model_tells_the_axes_of_a_linear_layers_rows() -> None:
    message = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (48x12 and 10x5)"
    told = cw.explain(f"model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(10, 5))\n\n{message}")
    assert fixes(told)[0] == ("nn.Linear(12, 5)", (1, 4, 12, 5))


def test_only_a_model_that_makes_maps_larger_halved_and_doubled_them() -> None:
    message = "RuntimeError: The size of tensor a (5) must match the size of tensor b (4) at non-singleton dimension 2"
    code = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 4, {a}, padding=1)
        self.b = nn.Conv2d(3, 4, {b}, padding=1)
    def forward(self, x):
        return self.a(x) + self.b(x)
"""
    assert lines(cw.explain(code.format(a=3, b=4) + message), "because") == ""
    unet = code.replace(
        "self.b = ", "self.b = nn.MaxPool2d(2)\n        self.up = nn.Upsample(scale_factor=2) #"
    ).format(a=3, b=3)
    unet = unet.replace("self.b(x)", "self.up(self.b(x))").replace(
        "4, 3, padding=1)\n        self.b", "3, 3, padding=1)\n        self.b"
    )
    assert lines(cw.explain(unet + message), "because") == "5 is odd: halved and doubled again it comes back as 4"
