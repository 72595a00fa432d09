"""Reading PyTorch's calls: binding, padding rules, what the text does not give, other frameworks' words."""

from __future__ import annotations

import pytest
from torch_text import parse_call

from convwise.axis import Pads, Window
from convwise.dialects.base import Call, Unknown
from convwise.dialects.torch import DIALECT, KINDS, flow, read
from convwise.errors import ArgumentError, CodeError, ConvwiseError, Refusal
from convwise.ops import AdaptivePool, Conv, ConvTranspose, Dense, Norm, Pad, Pool, Resize


def op(text: str):
    return read(parse_call(text)).ops[0]


def error_of(text: str) -> ConvwiseError:
    with pytest.raises(ConvwiseError) as caught:
        read(parse_call(text))
    return caught.value


def test_every_argument_of_a_convolution():
    layer = read(parse_call("nn.Conv2d(4, 6, (3, 5), (2, 1), (1, 2), (2, 3), 2, False, 'reflect', None, None)"))
    windows = (Window(3, 2, 2, Pads(1, 1)), Window(5, 1, 3, Pads(2, 2)))
    assert layer.ops == (Conv(windows, 4, 6, 2, False, padding_mode="reflect"),)
    assert list(layer.arguments) == [p.name for p in KINDS["Conv2d"].parameters]
    assert (layer.dialect, layer.release, layer.rank, layer.channels_last) == ("torch", "2.13", 2, False)


def test_transposed_arguments_stand_in_another_order():
    assert op("nn.ConvTranspose1d(4, 6, 3, 2, 1, 1, 2, False, 3)") == ConvTranspose(
        (Window(3, 2, 3, Pads(1, 1)),), 4, 6, 2, False, (1,)
    )


def test_same_keeps_the_size_and_puts_the_odd_cell_last():
    found = op("nn.Conv2d(1, 1, (4, 3), padding='same', dilation=(3, 2))")
    assert [window.padding for window in found.windows] == [Pads(4, 5), Pads(2, 2)]
    assert flow(read(parse_call("nn.Conv2d(1, 1, (4, 3), padding='same', dilation=(3, 2))")), (1, 9, 10)).output == (
        1,
        9,
        10,
    )


def test_same_with_a_stride_offers_what_was_meant():
    error = error_of("nn.Conv2d(3, 16, 3, stride=2, padding='same')")
    assert isinstance(error, Refusal)
    assert error.code == "CW202"
    assert error.quote == "padding='same' is not supported for strided convolutions"
    assert "padding=1 gives ceil(size / stride)" in error.hint
    assert "nn.ZeroPad2d((0, 1, 0, 1)) before padding=0" in error.hint
    other = error_of("nn.Conv2d(3, 16, (3, 6), stride=(1, 2), padding='same')")
    assert "gives ceil" not in other.hint
    assert "nn.ZeroPad2d((2, 2, 1, 1)) before padding=0" in other.hint
    ceil = error_of("nn.Conv1d(3, 16, 5, stride=3, padding='same', dilation=2)")
    assert "padding=4 gives" in ceil.hint
    for size in range(9, 40):
        assert flow(read(parse_call("nn.Conv1d(3, 16, 5, stride=3, padding=4, dilation=2)")), (3, size)).output == (
            16,
            -(-size // 3),
        )


def test_pools_stride_by_their_kernel_and_a_tuple_of_one_serves_all_axes():
    assert op("nn.MaxPool2d((3, 2))") == Pool("max", (Window(3, 3), Window(2, 2)))
    assert op("nn.MaxPool2d((3,), ())") == Pool("max", (Window(3, 3), Window(3, 3)))
    padded = Pool("average", (Window(3, 2, 1, Pads(1, 1), True),) * 2, count_padding=True, divisor=5)
    assert op("nn.AvgPool2d(3, 2, 1, True, True, 5)") == padded
    assert op("nn.AvgPool2d(3, 2)") == op("nn.AvgPool2d(3, 2, count_include_pad=False)")
    assert op("nn.LPPool1d(2, 3, ceil_mode=True)") == Pool("lp", (Window(3, 3, ceil=True),), power=2.0)
    assert op("nn.AdaptiveMaxPool3d((None, 4, 5))") == AdaptivePool("max", (None, 4, 5))


def test_pads_count_from_the_last_axis():
    assert op("nn.ZeroPad2d((1, 2, 3, 4))") == Pad((Pads(3, 4), Pads(1, 2)))
    assert op("nn.ConstantPad1d((1, -2), 3.5)") == Pad((Pads(1, -2),), "constant", 3.5)
    assert op("nn.CircularPad3d(2)") == Pad((Pads(2, 2),) * 3, "circular")
    error = error_of("nn.ZeroPad2d(((1, 2), (3, 4)))")
    assert error.code == "CW209"
    assert "(3, 4, 1, 2)" in error.hint


def test_resizing():
    assert op("nn.Upsample(scale_factor=2)") == op("nn.UpsamplingNearest2d(scale_factor=2)")
    assert op("nn.Upsample((5, 6), mode='bilinear')") == Resize(sizes=(5, 6), mode="linear")
    assert op("nn.UpsamplingBilinear2d(3)") == Resize(sizes=(3, 3), mode="linear", align_corners=True)
    assert flow(read(parse_call("nn.Upsample(scale_factor=0.7)")), (1, 1, 90, 170, 10)).output == (1, 1, 62, 118, 7)


def test_lazy_layers_learn_their_channels():
    assert flow(read(parse_call("nn.LazyConv2d(6, 3, groups=2)")), (2, 4, 9, 10)).params == 6 * 2 * 9 + 6
    assert op("nn.LazyLinear(5)") == Dense(None, 5)
    assert op("nn.LazyBatchNorm2d()") == Norm("batch", None, moments=True)


def test_a_value_the_text_does_not_give():
    """Input channels follow from the input; what sizes or parameters depend on must be known."""
    layer = read(Call("Conv2d", (Unknown("in_ch"), 16, 3)))
    assert flow(layer, (5, 9, 10)).output == (16, 7, 8)
    assert layer.arguments["in_channels"] == Unknown("in_ch")
    assert read(Call("BatchNorm2d", (Unknown("c"),))).ops[0].features is None
    assert read(Call("Linear", (Unknown("n"), 10))).ops == (Dense(None, 10),)
    assert read(Call("Dropout", (Unknown("rate"),))).ops[0].kind == "dropout"
    assert read(Call("ReLU", (Unknown("inplace"),))).ops[0].kind == "relu"
    for call, name in (
        (Call("Conv2d", (3, Unknown("out_ch"), 3)), "out_channels"),
        (Call("Conv2d", (3, 8, Unknown("k"))), "kernel_size"),
        (Call("Conv2d", (3, 8, (3, Unknown("k")))), "kernel_size"),
        (Call("Conv2d", (3, 8, 3), (("padding", Unknown("p")),)), "padding"),
        (Call("MaxPool2d", (Unknown("k"),)), "kernel_size"),
        (Call("Linear", (8, Unknown("n"))), "out_features"),
        (Call("Upsample", (), (("scale_factor", Unknown("s")),)), "scale_factor"),
        (Call("AdaptiveAvgPool2d", (Unknown("s"),)), "output_size"),
        (Call("Unflatten", (1, (2, Unknown("s")))), "unflattened_size"),
        (Call("Conv2d", (3, 8, 3), (("bias", Unknown("b")),)), "bias"),
        (Call("Linear", (8, 4, Unknown("b"))), "bias"),
        (Call("InstanceNorm2d", (3,), (("affine", Unknown("a")),)), "affine"),
        (Call("LayerNorm", (3,), (("elementwise_affine", Unknown("a")),)), "elementwise_affine"),
        (Call("MaxPool2d", (2,), (("return_indices", Unknown("r")),)), "return_indices"),
    ):
        with pytest.raises(CodeError) as caught:
            read(call)
        assert caught.value.code == "CW314"
        assert name in caught.value.fact


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("nn.Conv2d(3, 16, 3, strides=2)", "CW311", "here it is called 'stride'"),
        ("nn.Conv2d(3, filters=16, kernel_size=3)", "CW311", "here it is called 'out_channels'"),
        ("nn.Conv2d(3, 16, 3, kernel_regularizer='l2')", "CW311", "weight_decay"),
        ("nn.Conv2d(3, 16, 3, data_format='channels_last')", "CW311", "channels first"),
        ("nn.Conv2d(3, 16, 3, activation='relu')", "CW311", "nn.ReLU()"),
        ("nn.Conv2d(3, 16, 3, input_shape=(28, 28, 1))", "CW311", "no input shape"),
        ("nn.MaxPool2d(pool_size=2)", "CW311", "here it is called 'kernel_size'"),
        ("nn.MaxPool2d(2, filters=3)", "CW311", "leave it out"),
        ("nn.Linear(8, units=3)", "CW311", "here it is called 'out_features'"),
        ("nn.Softmax(axis=-1)", "CW311", "here it is called 'dim'"),
        ("nn.BatchNorm2d(3, epsilon=1e-3)", "CW311", "here it is called 'eps'"),
        ("nn.Conv2d(3, 16, 3, kernal_size=3)", "CW305", "did you mean 'kernel_size'?"),
        ("nn.Conv2d(3, 16, 3, in_channels=3)", "CW306", "given twice"),
        ("nn.Conv2d(3, 16)", "CW303", "nn.LazyConv2d(3, 16) finds them out"),
        ("nn.Conv2d(32, (3, 3), padding='same')", "CW303", "PyTorch takes the input's channels first"),
        ("nn.MaxPool2d(1, 2, 3, 4, 5, 6, 7)", "CW304", "at most 6"),
        ("nn.Sigmoid(1)", "CW304", "at most 0"),
        ("nn.Conv2D(3, 16, 3)", "CW302", "did you mean nn.Conv2d?"),
        ("nn.Dense(10)", "CW302", "here it is nn.Linear"),
        ("nn.MaxPooling2D(2)", "CW302", "here it is nn.MaxPool2d"),
        ("nn.LSTM(3, 4)", "CW317", "does not model nn.LSTM: it is recurrent"),
        ("nn.MaxUnpool2d(2)", "CW317", "does not model nn.MaxUnpool2d"),
        ("nn.Sequential()", "CW317", "holds layers"),
    ],
)
def test_calls_that_cannot_be_read(text, code, says):
    error = error_of(text)
    assert isinstance(error, CodeError)
    assert error.code == code
    assert says in str(error)


def test_keras_values():
    error = error_of("nn.Conv2d(3, 16, 3, padding='SAME')")
    assert (error.code, error.quote) == ("CW209", "Invalid padding string 'SAME', should be one of {'valid', 'same'}")
    assert "padding='same'" in error.hint
    assert "nn.ConstantPad1d" in error_of("nn.Conv1d(3, 16, 3, padding='causal')").hint


def test_releases():
    assert (
        read(parse_call("nn.ReLU()"), "2.13").release
        == read(parse_call("nn.ReLU()"), "2.13.0").release
        == DIALECT.release
    )
    with pytest.raises(ArgumentError) as caught:
        read(parse_call("nn.ReLU()"), "1.4")
    assert caught.value.code == "CW603"
    assert "2.13" in caught.value.hint


def test_identity_takes_anything():
    assert read(parse_call("nn.Identity(54, unused=0.1)")).ops[0].kind == "identity"


def test_the_dialect_names_its_layers():
    assert DIALECT.name == "torch"
    assert {
        "Conv2d",
        "LazyConvTranspose3d",
        "Fold",
        "RMSNorm",
        "GLU",
        "CircularPad3d",
        "FeatureAlphaDropout",
    } <= DIALECT.kinds
    assert not {"view", "LSTM", "Sequential"} & DIALECT.kinds
    assert len(DIALECT.kinds) == 106


def test_an_area_scale_of_zero_is_ours_to_refuse():
    error = error_of("nn.Upsample(scale_factor=(2, 0), mode='area')")
    assert (error.code, error.fact) == ("CW210", "scale_factor is 0: nothing would be left")
