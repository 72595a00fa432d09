"""Ports: the code that is emitted, what is said about it, the ways of the weights, and the errors."""

from __future__ import annotations

import ast
import sys
from itertools import product
from random import Random
from typing import Any

import numpy as np
import pytest
from source_code import ROOT

import convwise as cw
from convwise.answers.porting.port import Port
from convwise.axis import Axis, Pads, Window

sys.path.append(str(ROOT / "tests" / "oracle"))
from porting_cases import CHAINS, TRANSPOSED, keras_conv, layer_case, made

KERAS_SAME = "Conv2D(64, 7, strides=2, padding='same')"


def body(port: Port) -> str:
    return port.code.partition("layer = ")[2]


@pytest.mark.parametrize(
    ("code", "to", "shape", "expected"),
    [
        ("Conv2D(32, 3, padding='same')", "torch", (9, 10, 3), "nn.Conv2d(3, 32, 3, padding=1)\n"),
        (
            "Conv2D(32, 3, strides=2, padding='same')",
            "torch",
            (65, 65, 3),
            "nn.Conv2d(3, 32, 3, stride=2, padding=1)\n",
        ),
        ("MaxPooling2D(2, padding='same')", "torch", (9, 10, 3), "nn.MaxPool2d(2, ceil_mode=True)\n"),
        (
            "AveragePooling2D(3, strides=2, padding='same')",
            "torch",
            (9, 10, 3),
            "nn.AvgPool2d(3, stride=2, padding=(1, 0), ceil_mode=True, count_include_pad=False)\n",
        ),
        ("DepthwiseConv2D(3, depth_multiplier=2)", "torch", (9, 10, 3), "nn.Conv2d(3, 6, 3, groups=3)\n"),
        ("Dense(7)", "torch", (5,), "nn.Linear(5, 7)\n"),
        ("Conv2D(8, 4, padding='same')", "torch", (9, 10, 3), "nn.Conv2d(3, 8, 4, padding='same')\n"),
        (
            "nn.Conv2d(3, 32, 3, padding=1)",
            "keras",
            (3, 9, 10),
            "layers.Conv2D(32, 3, padding='same')\nlayer.build((None, 9, 10, 3))  # makes the weights\n",
        ),
    ],
)
def test_one_layer_is_enough_where_one_is(code: str, to: str, shape: tuple[int, ...], expected: str) -> None:
    port = cw.port(code, to=to, input_shape=shape)
    assert body(port) == expected
    assert port.proof.equal


def test_a_dense_layer_on_a_map_is_a_convolution_of_one_cell() -> None:
    port = cw.port("Sequential([Conv2D(5, 3), Dense(7)])", to="torch", input_shape=(6, 7, 3))
    assert "nn.Conv2d(5, 7, 1),  # Dense on the channels of a map" in port.code
    assert port.proof.equal


def test_the_stem_of_a_resnet_gets_its_uneven_padding() -> None:
    port = cw.port(KERAS_SAME, to="torch", input_shape=(224, 224, 3))
    assert "nn.ZeroPad2d((2, 3, 2, 3)),  # padding: 2 before and 3 after at size 224" in port.code
    assert "nn.Conv2d(3, 64, 7, stride=2)," in port.code
    assert any("not for every size" in warning for warning in port.warnings)
    assert port.proof.equal
    assert port.proof.proved_by == "reference"
    assert port.proof.max_abs_difference is not None
    assert port.proof.max_abs_difference < 1e-12


def test_the_back_way_needs_no_warning_because_its_padding_is_a_number() -> None:
    port = cw.port("nn.Conv2d(3, 64, 7, stride=2, padding=3)", to="keras", input_shape=(3, 224, 224))
    assert "layers.ZeroPadding2D(3)," in port.code
    assert port.warnings == ()
    assert port.proof.equal


def test_emitted_code_is_code() -> None:
    rng = Random(5)
    for number in range(120):
        dialect = ("keras", "torch")[number % 2]
        case = layer_case(dialect, rng)
        ast.parse(
            cw.port(
                case.text, to="torch" if dialect == "keras" else "keras", input_shape=case.input, dialect=dialect
            ).code
        )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dialect", ["keras", "torch"])
def test_random_layers_are_proved_equal(dialect: str, seed: int) -> None:
    rng = Random(seed)
    for _ in range(60):
        case = layer_case(dialect, rng)
        port = cw.port(
            case.text, to="torch" if dialect == "keras" else "keras", input_shape=case.input, dialect=dialect
        )
        assert port.proof.equal, (case, port.code, port.proof.numbers)


@pytest.mark.parametrize("dialect", ["keras", "torch"])
@pytest.mark.parametrize("makers", [CHAINS, TRANSPOSED])
def test_random_chains_and_transposes_are_proved_equal(dialect: str, makers: dict[str, Any]) -> None:
    rng = Random(11)
    for _ in range(25):
        case = made(dialect, makers[dialect], rng)
        port = cw.port(
            case.text, to="torch" if dialect == "keras" else "keras", input_shape=case.input, dialect=dialect
        )
        assert port.proof.equal, (case, port.code, port.proof.numbers)


def test_a_wrong_port_is_found_out() -> None:
    """The proof must be able to fail: a padding on the other side, and a dense layer whose rows were left as they are."""
    from dataclasses import replace

    port = cw.port("Conv2D(4, 3, strides=2, padding='same')", to="torch", input_shape=(8, 8, 3))
    pad, conv = port.stages
    assert port.proof.equal
    other = cw.port(
        "nn.Sequential(nn.ZeroPad2d((1, 0, 1, 0)), nn.Conv2d(3, 4, 3, stride=2))", "torch", (3, 8, 8)
    ).stages[0]
    wrong = Port(**{**_fields(port), "stages": (replace(other, feeds=pad.feeds), conv)})
    assert not wrong.proof.equal

    chain = cw.port("Sequential([Conv2D(4, 3), Flatten(), Dense(5)])", to="torch", input_shape=(5, 6, 3))
    *rest, dense = chain.stages
    unmoved = tuple(tuple((role, replace(fetch, moves=())) for role, fetch in feeds) for feeds in dense.feeds)
    assert chain.proof.equal
    assert not Port(**{**_fields(chain), "stages": (*rest, replace(dense, feeds=unmoved))}).proof.equal


def _fields(port: Port) -> dict[str, Any]:
    from dataclasses import fields

    return {field.name: getattr(port, field.name) for field in fields(port)}


def test_weights_go_over_in_their_layouts() -> None:
    port = cw.port("DepthwiseConv2D((2, 3), depth_multiplier=2)", to="torch", input_shape=(9, 10, 3))
    kernel, bias = np.arange(2 * 3 * 3 * 2.0).reshape(2, 3, 3, 2), np.arange(6.0)
    state = port.convert_weights([kernel, bias])
    assert set(state) == {"weight", "bias"}
    assert state["weight"].shape == (6, 1, 2, 3)
    for channel, multiple in product(range(3), range(2)):
        np.testing.assert_array_equal(state["weight"][channel * 2 + multiple, 0], kernel[:, :, channel, multiple])
    back = cw.port("nn.Conv2d(3, 6, (2, 3), groups=3)", to="keras", input_shape=(3, 9, 10)).convert_weights(state)
    np.testing.assert_array_equal(back[0], kernel)


def test_a_dict_of_weights_is_taken_by_name_and_the_counter_of_batches_is_left_out() -> None:
    port = cw.port("nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))", to="keras", input_shape=(3, 9, 10))
    state = {
        "0.weight": np.ones((4, 3, 3, 3)),
        "0.bias": np.zeros(4),
        "1.weight": np.full(4, 2.0),
        "1.bias": np.zeros(4),
        "1.running_mean": np.zeros(4),
        "1.running_var": np.ones(4),
        "1.num_batches_tracked": np.array(7),
    }
    kernel, _, gamma, *_ = port.convert_weights(state)
    assert kernel.shape == (3, 3, 3, 4)
    np.testing.assert_array_equal(gamma, np.full(4, 2.0))
    assert [array.shape for array in port.convert_weights(list(state.values()))] == [
        array.shape for array in port.convert_weights(state)
    ]


def test_inputs_and_outputs_change_their_order_with_or_without_the_batch() -> None:
    port = cw.port("Conv2D(4, 3)", to="torch", input_shape=(9, 10, 3))
    x = np.arange(2 * 9 * 10 * 3.0).reshape(2, 9, 10, 3)
    np.testing.assert_array_equal(port.convert_input(x), x.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(port.convert_input(x[0]), x[0].transpose(2, 0, 1))
    np.testing.assert_array_equal(port.convert_output(port.convert_input(x)), x)


def test_a_flatten_at_the_end_says_in_which_order_its_cells_come() -> None:
    port = cw.port("Sequential([Conv2D(2, 2), Flatten()])", to="torch", input_shape=(4, 5, 4))
    told = {fact.label: fact.lines for fact in port.facts}
    assert told["output"] == (
        "? x 24, its cells in another order: channels, height, width, where Keras has height, width, channels",
        "convert_output puts it into Keras's order, ? x 24",
    )
    assert told["dense after"] == (
        "of its weights W (in, out) the rows must follow: W.reshape(3, 4, 2, -1).transpose(2, 0, 1, 3).reshape(24, -1); ported "
        "with the chain, they do",
    )
    line = cw.port("nn.Sequential(nn.Conv1d(4, 2, 2), nn.Flatten())", to="keras", input_shape=(4, 5))
    assert "length, channels, where PyTorch has channels, length" in "".join(line.facts[1].lines)


def test_a_flatten_at_the_end_comes_back_in_the_source_order() -> None:
    port = cw.port("Flatten()", to="torch", input_shape=(4, 5, 3))
    x = np.arange(2 * 60.0).reshape(2, 4, 5, 3)
    flattened = port.convert_input(x).reshape(2, -1)
    np.testing.assert_array_equal(port.convert_output(flattened), x.reshape(2, -1))


def test_momentum_and_epsilon_go_over() -> None:
    port = cw.port("BatchNormalization(momentum=0.95, epsilon=0.01)", to="torch", input_shape=(9, 10, 3))
    assert "nn.BatchNorm2d(3, eps=0.01, momentum=0.05)" in port.code
    back = cw.port("nn.BatchNorm2d(3, eps=0.01, momentum=0.05)", to="keras", input_shape=(3, 9, 10))
    assert "momentum=0.95" in back.code
    assert "epsilon=0.01" in back.code


def test_without_a_size_what_does_not_depend_on_it_is_ported() -> None:
    port = cw.port("Conv2D(8, 3, padding='same')", to="torch")
    assert "padding=1" in port.code
    assert port.proof.equal


def test_a_padding_that_depends_on_the_size_is_computed_where_no_size_is_given() -> None:
    port = cw.port("Conv2D(8, 3, strides=2, padding='same')", to="torch")
    assert "same(x, " in port.code
    assert port.proof.equal


@pytest.mark.parametrize("to", ["torch", "keras"])
def test_no_padding_of_one_layer_does_what_a_written_crop_does(to: str) -> None:
    """Where a transposed layer needs a layer beside it, a search over the target's own paddings finds none that would do."""
    rng = Random(17)
    dialect = "keras" if to == "torch" else "torch"
    looked_at = 0
    while looked_at < 40:
        case = made(dialect, TRANSPOSED[dialect], rng)
        port = cw.port(case.text, to=to, input_shape=case.input, dialect=dialect)
        if (
            not any(text in port.code for text in ("ZeroPad", "Cropping"))
            or "dilation" in case.text
            or "groups" in case.text
        ):
            continue
        looked_at += 1
        piece = next(piece for piece in port.source.pieces())
        sizes = piece.input[1:-1] if dialect == "keras" else piece.input[2:]
        outs = piece.output[1:-1] if dialect == "keras" else piece.output[2:]
        axes = list(zip(piece.op.windows, sizes, outs, strict=True))
        extras = (None, 0, 1, 2)
        if to == "torch":
            found = all(
                any(_transposes_alike(*axis, pad, more, to) for pad, more in product(range(6), extras)) for axis in axes
            )
        else:
            # Keras takes None for all axes, or a number for each.
            found = any(
                all(any(_transposes_alike(*axis, word, more, to) for more in some) for axis in axes)
                for word, some in product((0, 1), ((None,), extras[1:]))
            )
        assert not found, (case, port.code)


def test_no_padding_of_one_layer_does_what_a_written_pad_does() -> None:
    """The same for convolutions: PyTorch's padding is equal on both sides, so no number stands the windows alike."""
    rng = Random(19)
    looked_at = 0
    while looked_at < 40:
        case = made("keras", keras_conv, rng)
        port = cw.port(case.text, to="torch", input_shape=case.input, dialect="keras")
        if "Pad" not in port.code:
            continue
        looked_at += 1
        piece = next(piece for piece in port.source.pieces())
        axes = [window.over(size) for window, size in zip(piece.op.windows, piece.input[1:-1], strict=True)]
        assert not all(any(_stands_alike(axis, pad) for pad in range(12)) for axis in axes), (case, port.code)


def _stands_alike(axis: Axis, pad: int) -> bool:
    other = Window(axis.kernel, axis.stride, axis.dilation, Pads(pad, pad)).over(axis.size)
    return (other.pad_low, other.out) == (axis.pad_low, axis.out)


def _transposes_alike(window: Window, size: int, out: int, pad: int, extra: int | None, to: str) -> bool:
    """Whether the target's own layer with this padding and output_padding has the same first window and size."""
    assert isinstance(window.padding, Pads)
    if to == "torch":
        if extra is None or extra >= max(window.stride, window.dilation):
            return False
        theirs = Window(window.kernel, window.stride, window.dilation, Pads(pad, pad))
        return window.padding.low == pad and theirs.transposed(size, extra) == out
    from convwise.dialects.keras.windows import scatter

    if pad > 1 or (extra is not None and extra >= window.stride):
        return False
    found = scatter(window.kernel, window.stride, window.dilation, ("valid", "same")[pad], extra)
    return (
        found is not None and found[0].padding.low == window.padding.low and found[0].transposed(size, found[1]) == out
    )


# what is refused, and what is wrong


def test_what_has_no_equal_is_refused_with_the_nearest_and_its_error() -> None:
    with pytest.raises(cw.Refusal, match=r"no exact equivalent in Keras is known here.*\[CW211\]") as raised:
        cw.port("nn.Upsample(scale_factor=2, mode='bicubic')", to="keras", input_shape=(1, 3, 9, 10))
    nearest = raised.value.nearest
    assert nearest is not None
    assert "interpolation='bicubic'" in nearest.code
    assert not nearest.exact
    assert not nearest.proof.equal
    assert nearest.proof.max_abs_difference is not None
    assert 0.001 < nearest.proof.max_abs_difference < 2


def test_a_refusal_without_a_relative_has_no_nearest() -> None:
    with pytest.raises(cw.Refusal, match="CW211") as raised:
        cw.port("op.GlobalLpPool(x)", to="keras", input_shape=(1, 3, 9, 10))
    assert raised.value.nearest is None
    assert "by hand" in raised.value.hint


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([np.ones((3, 3, 3, 5)), np.ones(4)], r"kernel has shape \(3, 3, 3, 5\) where \(3, 3, 3, 4\) is needed"),
        ([np.ones((3, 3, 3, 4))], r"1 weights where 2 are needed.*the weights are: kernel, bias"),
        ({"kernel": np.ones((3, 3, 3, 4)), "gamma": np.ones(4)}, r"a weight is called 'gamma' where 'bias' is needed"),
        ("kernel.npy", r"weights are a list or a dict of arrays, not str"),
        ([np.ones((3, 3, 3, 4)), "bias"], r"weight 1 has dtype <U4, not numbers"),
    ],
)
def test_weights_of_another_layer_are_refused(weights: Any, words: str) -> None:
    port = cw.port("Conv2D(4, 3)", to="torch", input_shape=(9, 10, 3))
    with pytest.raises(cw.ArgumentError, match=rf"(?s){words}.*") as raised:
        port.convert_weights(weights)
    assert raised.value.code == "CW605"


def test_an_array_of_another_rank_is_refused() -> None:
    port = cw.port("Conv2D(4, 3)", to="torch", input_shape=(9, 10, 3))
    with pytest.raises(cw.ArgumentError, match="x has 2 axes where 4 are needed"):
        port.convert_input(np.ones((9, 10)))


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        (lambda: cw.port("Conv2D(4, 3)", to="pytorch", input_shape=(9, 9, 3)), "CW602", "no port to 'pytorch'"),
        (lambda: cw.port("Conv2D(4, 3)", to="tf", input_shape=(9, 9, 3)), "CW602", "did you mean 'tensorflow'"),
        (lambda: cw.port("Conv2D(4, 3)", to=3, input_shape=(9, 9, 3)), "CW602", "no port to 3"),
        (lambda: cw.port("Conv2D(4, 3)", "torch", (9, 9, 3), release="2.1"), "CW603", "no release '2.1' of Keras"),
        (lambda: cw.port(3, to="torch"), "CW606", "the layer is source text or a live layer or model, not int"),
        (lambda: cw.port("Conv2D(n, 3)", "torch", (9, 9, 3)), "CW314", "filters"),
        (lambda: cw.port("Conv2D(4, 3)\nDense(3)", "torch", (9, 9, 3)), "CW309", "layers or chains"),
        (lambda: cw.port("LSTM(4)", "torch", (9, 3)), "CW317", "LSTM"),
        (lambda: cw.port("Conv2D(4, 3)", "torch", (2, 2, 3)), "CW104", "the window spans 3"),
        (lambda: cw.port("Flatten()", "torch"), "CW310", "no input shape"),
        (lambda: cw.port("Activation(my_function)", "torch", (9, 9, 3)), "CW211", "my_function is a function"),
    ],
)
def test_what_cannot_be_ported_says_what_to_do(call: Any, code: str, words: str) -> None:
    with pytest.raises(cw.ConvwiseError) as raised:
        call()
    assert raised.value.code == code, str(raised.value)
    assert words in str(raised.value)
    assert raised.value.hint or raised.value.quote


def test_what_is_too_large_to_run_is_ported_without_a_proof() -> None:
    port = cw.port("AveragePooling2D(3, strides=2, padding='same')", to="torch", input_shape=(10**6, 10**6, 3))
    assert "nn.AvgPool2d" in port.code
    assert not port.proof.equal
    assert "too many to run here" in port.proof.numbers.note
    assert not cw.diff("Conv2D(4, 3)", "nn.Conv2d(3, 4, 3)", (10**9, 10**9, 3)).equal


def test_a_port_shows_itself() -> None:
    port = cw.port("Conv2D(4, 3, strides=2, padding='same')", to="torch", input_shape=(8, 8, 3))
    text = str(port)
    assert port.code.rstrip() in text
    assert "goes in as ? x 3 x 8 x 8" in text
    assert "proof           equal" in text
    assert "nn.ZeroPad2d" in port._repr_html_()
    told = port.to_dict()
    assert told["proof"]["equal"] is True
    assert told["code"] == port.code


def test_an_input_of_other_channels_is_no_input_of_the_source() -> None:
    port = cw.port("Conv2D(4, 3)", to="torch", input_shape=(9, 10, 3))
    with pytest.raises(cw.ArgumentError, match="x has 4 channels where the port takes 3"):
        port.convert_input(np.zeros((2, 9, 10, 4)))
    back = cw.port("nn.Conv2d(3, 4, 3)", to="keras", input_shape=(3, 9, 10))
    with pytest.raises(cw.ArgumentError, match="x has 9 channels where the port takes 3"):
        back.convert_input(np.zeros((9, 10, 3)))
    assert back.convert_input(np.zeros((3, 11, 12))).shape == (11, 12, 3)


@pytest.mark.parametrize("path", ["/home/me/net.py", "net.py", "model.onnx", "book.ipynb"])
def test_a_path_is_not_read_as_code(path: str) -> None:
    with pytest.raises(cw.ArgumentError, match=r"is the path of a file, .*; it is not opened here") as raised:
        cw.port(path, to="keras")
    assert raised.value.code == "CW606"
    assert "open(path).read()" in raised.value.hint


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("self.c(x).squeeze(-1)", "Reshape((4, 7))"),
        ("self.c(x)[:, :, -3:]", "Cropping2D(((4, 0), (0, 0)))"),
        ("self.c(x)[:, :, 1:-2]", "Cropping2D(((1, 2), (0, 0)))"),
        ("self.c(x[:, :, 2:, :])", "Cropping2D(((2, 0), (0, 0)))"),
        ("self.c(x).transpose(2, 3).flatten(1)", "Flatten()"),
    ],
)
def test_steps_between_layers_are_ported_for_a_size(step: str, expected: str) -> None:
    text = (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.c = nn.Conv2d(3, 4, (3, 4))\n"
        f"    def forward(self, x):\n        return {step}\n"
    )
    port = cw.port(text, to="keras", input_shape=(1, 3, 9, 4))
    assert expected in port.code
    assert port.proof.equal
    with pytest.raises(cw.CodeError, match="give the input too"):
        cw.port(text, to="keras")


def test_what_acts_in_training_only_is_left_out_with_a_word() -> None:
    port = cw.port("RandomFlip()", "torch", (9, 10, 3))
    assert "nn.Identity()" in port.code
    assert "RandomFlip does something in training only: it is left out" in " ".join(str(port).split())
