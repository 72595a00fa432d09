"""Live layers of the real frameworks are read as their source text is."""

from __future__ import annotations

import os
import warnings
from typing import Any

import pytest
from readers.reading import names, texts

from convwise import dialects
from convwise.dialects.keras.kinds import KINDS as KERAS_KINDS
from convwise.dialects.torch import KINDS as TORCH_KINDS
from convwise.errors import CodeError, ConvwiseError, ModelError
from convwise.readers.live import read_live
from convwise.readers.models import read
from convwise.readers.source import read_text

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture(scope="module")
def keras() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras
    return keras


@pytest.fixture(scope="module")
def torch() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
    return torch


KERAS_TEXTS = """
Conv1D(8, 5, strides=2, padding='causal', use_bias=False)
Conv2D(8, (3, 5), strides=(2, 1), padding='same', activation='relu')
Conv2D(8, 3, dilation_rate=(2, 3), groups=2, data_format='channels_first')
Conv3D(4, (1, 2, 3))
Conv1DTranspose(4, 3, strides=2)
Conv2DTranspose(4, (3, 2), strides=(2, 3), padding='same', output_padding=(1, 2))
Conv3DTranspose(4, 2)
DepthwiseConv1D(3, depth_multiplier=2)
DepthwiseConv2D((3, 5), depth_multiplier=2, padding='same')
SeparableConv1D(8, 3)
SeparableConv2D(8, (3, 5), depth_multiplier=2, strides=2)
MaxPooling1D(3, strides=2)
MaxPooling2D((3, 2), padding='same')
MaxPooling3D(2)
AveragePooling1D(2)
AveragePooling2D((3, 2), strides=(1, 2))
AveragePooling3D((1, 2, 3))
GlobalMaxPooling1D()
GlobalMaxPooling2D(keepdims=True)
GlobalMaxPooling3D()
GlobalAveragePooling1D()
GlobalAveragePooling2D()
GlobalAveragePooling3D()
AdaptiveMaxPooling1D(3)
AdaptiveMaxPooling2D((3, 4))
AdaptiveMaxPooling3D(2)
AdaptiveAveragePooling1D(3)
AdaptiveAveragePooling2D((3, 4))
AdaptiveAveragePooling3D(2)
ZeroPadding1D((1, 2))
ZeroPadding2D(((1, 2), (3, 4)))
ZeroPadding3D(1)
Cropping1D((1, 2))
Cropping2D(((1, 2), (3, 4)))
Cropping3D(1)
UpSampling1D(3)
UpSampling2D((2, 3), interpolation='bilinear')
UpSampling3D(2)
Resizing(20, 30, interpolation='nearest')
CenterCrop(5, 6)
Rescaling(0.5, offset=1.0)
RandomFlip('horizontal', seed=3)
RandomRotation(0.2, fill_mode='nearest')
RandomZoom((-0.2, 0.1), width_factor=0.3)
RandomTranslation(0.1, (-0.2, 0.3))
RandomContrast(0.4)
RandomBrightness((-0.1, 0.3), value_range=(0, 1))
Flatten()
Reshape((4, -1))
Permute((2, 1))
RepeatVector(3)
Dense(10, use_bias=False)
Dense(10, activation='softmax')
BatchNormalization(scale=False)
LayerNormalization(axis=-1)
GroupNormalization(4)
UnitNormalization()
RMSNormalization()
Dropout(0.3)
AlphaDropout(0.3)
GaussianDropout(0.3)
GaussianNoise(0.3)
SpatialDropout1D(0.3)
SpatialDropout2D(0.3)
SpatialDropout3D(0.3)
ActivityRegularization(l1=0.1)
Activation('tanh')
ReLU(max_value=6.0)
LeakyReLU(negative_slope=0.2)
PReLU(shared_axes=[1, 2])
ELU(alpha=0.5)
Softmax(axis=-1)
Identity()
Masking()
""".strip().split("\n")

TORCH_TEXTS = """
Conv1d(3, 6, 5, stride=2, padding=3, dilation=2, bias=False)
Conv2d(4, 8, (3, 5), stride=(2, 1), padding=(1, 2), groups=2)
Conv2d(4, 8, 3, padding='same', padding_mode='reflect')
Conv3d(3, 4, (1, 2, 3))
ConvTranspose1d(3, 4, 3, stride=2, output_padding=1)
ConvTranspose2d(4, 8, (3, 2), stride=(2, 3), padding=(1, 0), output_padding=(1, 2), groups=2, dilation=2)
ConvTranspose3d(3, 4, 2)
LazyConv1d(6, 3)
LazyConv2d(6, (3, 5), stride=2)
LazyConv3d(6, 3)
LazyConvTranspose1d(6, 3)
LazyConvTranspose2d(6, 3)
LazyConvTranspose3d(6, 3)
LazyLinear(7)
LazyBatchNorm2d(affine=False)
MaxPool1d(3, stride=2)
MaxPool2d((3, 2), stride=(2, 1), padding=1, dilation=(1, 2), ceil_mode=True)
MaxPool3d(2)
AvgPool1d(3, count_include_pad=False, padding=1)
AvgPool2d((3, 2), ceil_mode=True, divisor_override=3)
AvgPool3d(2)
LPPool1d(2, 3)
LPPool2d(2, (3, 2), stride=2)
LPPool3d(2, 2)
AdaptiveMaxPool1d(5)
AdaptiveMaxPool2d((5, None))
AdaptiveMaxPool3d(2)
AdaptiveAvgPool1d(5)
AdaptiveAvgPool2d((5, 7))
AdaptiveAvgPool3d((1, 2, 3))
ZeroPad1d((1, 2))
ZeroPad2d((1, 2, 3, 4))
ZeroPad3d(1)
ConstantPad1d(2, 3.5)
ConstantPad2d((1, 2, 0, 1), 3.5)
ConstantPad3d(1, 0)
ReflectionPad1d(2)
ReflectionPad2d((1, 2, 0, 1))
ReflectionPad3d(1)
ReplicationPad1d(2)
ReplicationPad2d((1, 2, 0, 1))
ReplicationPad3d(1)
CircularPad1d(2)
CircularPad2d((1, 2, 0, 1))
CircularPad3d(1)
Upsample(scale_factor=2)
Upsample(size=(9, 10), mode='bilinear', align_corners=True)
UpsamplingNearest2d(scale_factor=2)
UpsamplingBilinear2d(size=(9, 10))
PixelShuffle(2)
PixelUnshuffle(2)
ChannelShuffle(2)
Unfold((3, 2), dilation=2, padding=1, stride=2)
Fold((8, 9), (3, 2))
Flatten()
Flatten(0, 1)
Unflatten(1, (2, 5))
Linear(20, 10, bias=False)
Identity()
BatchNorm1d(6)
BatchNorm2d(6, affine=False)
BatchNorm3d(6, track_running_stats=False)
SyncBatchNorm(6)
InstanceNorm1d(6)
InstanceNorm2d(6, affine=True)
InstanceNorm3d(6)
GroupNorm(2, 6)
LayerNorm((3, 4), elementwise_affine=False)
LayerNorm(5, bias=False)
RMSNorm(5)
LocalResponseNorm(3)
Dropout(0.3)
Dropout1d(0.3)
Dropout2d(0.3)
Dropout3d(0.3)
AlphaDropout(0.3)
FeatureAlphaDropout(0.3)
ReLU(inplace=True)
ReLU6()
LeakyReLU(0.2)
PReLU(6)
ELU(0.5)
SELU()
CELU(0.5)
GELU(approximate='tanh')
SiLU()
Mish()
Hardswish()
Hardsigmoid()
Hardtanh(-2.0, 2.0)
Hardshrink()
Softshrink()
Softplus()
Softsign()
Tanhshrink()
LogSigmoid()
Threshold(0.1, 20.0)
RReLU()
GLU(dim=1)
Sigmoid()
Tanh()
Softmax(dim=1)
Softmax2d()
LogSoftmax(dim=1)
Softmin(dim=1)
""".strip().split("\n")


def agrees(text: str, live: Any, dialect: str) -> None:
    read = read_live(live)
    assert read is not None
    assert read.dialect == dialect
    (of_object,) = read.found[0].layers
    (of_text,) = read_text(text, dialect=dialect).found[0].layers
    assert of_object.ops == of_text.ops
    assert of_object.channels_last == of_text.channels_last
    (again,) = read_text(of_object.call.text).found[0].layers
    assert again.ops == of_text.ops


@pytest.mark.parametrize("text", KERAS_TEXTS)
def test_every_keras_layer(keras: Any, text: str) -> None:
    agrees(text, eval(text, vars(keras.layers).copy()), "keras")


@pytest.mark.parametrize("text", TORCH_TEXTS)
def test_every_torch_layer(torch: Any, text: str) -> None:
    agrees(text, eval(text, vars(torch.nn).copy()), "torch")


def test_every_kind_is_among_them() -> None:
    assert set(KERAS_KINDS) - {text.partition("(")[0] for text in KERAS_TEXTS} == set()
    lazy = {kind for kind in TORCH_KINDS if kind.startswith("Lazy")}
    assert set(TORCH_KINDS) - {text.partition("(")[0] for text in TORCH_TEXTS} - lazy == set()


def test_keras_models(keras: Any) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((28, 27, 1)), layers.Conv2D(8, 3, name="stem"), layers.MaxPooling2D(2), layers.Flatten()],
        name="net",
    )
    (found,) = read_live(model).found  # type: ignore[union-attr]
    assert found.input_shape == (None, 28, 27, 1)
    assert found.batched is True
    assert found.name == "net"
    assert names(found)[0] == "stem"
    assert texts(found)[:2] == ["keras.layers.Conv2D(8, 3)", "keras.layers.MaxPooling2D()"]
    spoken = dialects.get("keras")
    shape = found.input_shape
    for layer in found.layers:
        shape = spoken.flow(layer, shape).output
    assert shape == model.output_shape

    inputs = keras.Input((9, 10, 3))
    outputs = layers.Dense(3)(
        layers.Flatten()(keras.Sequential([layers.Conv2D(4, 3), layers.ReLU()], name="in")(inputs))
    )
    (found,) = read_live(keras.Model(inputs, outputs)).found  # type: ignore[union-attr]
    assert [layer.kind for layer in found.layers] == ["Conv2D", "ReLU", "Flatten", "Dense"]
    assert found.input_shape == (None, 9, 10, 3)

    unbuilt = keras.Sequential([layers.Conv2D(4, 3)])
    assert read_live(unbuilt).found[0].input_shape is None  # type: ignore[union-attr]
    unbuilt.build((None, 9, 10, 3))
    assert read_live(unbuilt).found[0].input_shape == (None, 9, 10, 3)  # type: ignore[union-attr]

    built = layers.Conv2D(4, 3)
    built(keras.ops.zeros((2, 9, 10, 3)))
    assert read_live(built).found[0].input_shape == (2, 9, 10, 3)  # type: ignore[union-attr]


def test_keras_models_that_cannot_be_read(keras: Any) -> None:
    layers = keras.layers

    class Mine(layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    class Net(keras.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    inputs = keras.Input((9, 9, 3))
    side = layers.Conv2D(3, 3, padding="same")(inputs)
    branched = keras.Model(inputs, layers.Add(name="joined")([inputs, side]))
    for model, says in (
        (Mine(name="odd"), "odd"),
        (keras.Sequential([layers.Conv2D(3, 3), Mine(name="odd")]), "odd"),
        (layers.Lambda(lambda x: x, name="trick"), "trick"),
        (layers.Conv2D(3, 3, activation=lambda x: x, name="trick"), "trick"),
        (Net(name="net"), "net"),
        (branched, "joined"),
        (keras.Sequential([keras.Input((9, 9, 3)), layers.Lambda(lambda x: x, name="trick")]), "trick"),
    ):
        with pytest.raises(ModelError) as caught:
            read_live(model)
        assert caught.value.code == "CW402"
        assert says in str(caught.value)
        # The advice is given exactly where it can be followed.
        followed = "convwise.read(model).trace(shape)" in caught.value.hint
        if followed:
            assert read(model).trace((1, 9, 9, 3)).rows
        else:
            with pytest.raises(ConvwiseError):
                read(model)
    for other in (keras.optimizers.Adam(), keras.Sequential()):
        with pytest.raises(ModelError) as caught:
            read_live(other)
        assert caught.value.code == "CW401"
    with pytest.raises(CodeError) as unmodelled:
        read_live(layers.LSTM(3))
    assert unmodelled.value.code == "CW317"


def test_torch_models(torch: Any) -> None:
    nn = torch.nn
    net = nn.Sequential()
    net.add_module("stem", nn.Sequential(nn.Conv2d(3, 8, (3, 5), stride=2), nn.ReLU(inplace=True)))
    net.append(nn.MaxPool2d(2))
    (found,) = read_live(nn.DataParallel(net)).found  # type: ignore[union-attr]
    assert names(found) == ["stem.0", "stem.1", "1"]
    assert texts(found) == ["nn.Conv2d(3, 8, (3, 5), stride=2)", "nn.ReLU()", "nn.MaxPool2d(2)"]
    assert found.input_shape is None

    class Block(nn.Sequential):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(nn.Conv2d(3, 8, 3), nn.ReLU())

    assert len(read_live(Block()).found[0].layers) == 2  # type: ignore[union-attr]


def test_torch_models_that_cannot_be_read(torch: Any) -> None:
    nn = torch.nn

    class Net(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)

        def forward(self, x: Any) -> Any:
            raise AssertionError("nothing of the object is called")

    class Wide(nn.Conv2d):  # type: ignore[misc]
        pass

    class Twisted(nn.Sequential):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return x

    for model, says in (
        (Net(), "Net"),
        (nn.Sequential(nn.ReLU(), Net()), "Net"),
        (Wide(3, 4, 3), "Wide"),
        (Twisted(nn.ReLU()), "Twisted"),
        (nn.ModuleList([nn.ReLU()]), "ModuleList"),
    ):
        with pytest.raises(ModelError) as caught:
            read_live(model)
        assert caught.value.code == "CW402"
        assert says in caught.value.fact
        followed = "convwise.read(model).trace(shape)" in caught.value.hint
        assert followed == (says != "ModuleList")
    for other in (torch.zeros(3), nn.Sequential()):
        with pytest.raises(ModelError) as caught:
            read_live(other)
        assert caught.value.code == "CW401"


def test_printed_models_are_read_as_the_live_ones(torch: Any, keras: Any) -> None:
    nn = torch.nn
    net = nn.Sequential(
        nn.Conv2d(3, 8, (3, 5), stride=(2, 1), padding="valid"),
        nn.BatchNorm2d(8),
        nn.Dropout(0.2),
        nn.AvgPool2d(2),
        nn.Flatten(),
    )
    printed, live = read_text(str(net)).found[0], read_live(net).found[0]  # type: ignore[union-attr]
    assert [layer.ops for layer in printed.layers] == [layer.ops for layer in live.layers]
    layers = keras.layers
    parts = [
        layers.Conv2D(8, 3, strides=2),
        layers.DepthwiseConv2D(3, padding="same"),
        layers.SeparableConv2D(6, 5),
        layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
        layers.AveragePooling2D(2),
        layers.BatchNormalization(),
        layers.UpSampling2D(3),
        layers.ZeroPadding2D(1),
        layers.GlobalAveragePooling2D(),
        layers.Dense(5),
    ]
    inputs = outputs = keras.Input((33, 29, 3))
    for part in parts:
        outputs = part(outputs)
    model = keras.Model(inputs, outputs)
    lines: list[str] = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    printed, live = read_text("\n".join(lines)).found[0], read_live(model).found[0]  # type: ignore[union-attr]
    spoken = dialects.get("keras")
    shape: tuple[int | None, ...] = (None, 33, 29, 3)
    assert printed.input_shape == shape
    for one, other in zip(printed.layers, live.layers, strict=True):
        assert (one.kind, one.name) == (other.kind, other.name)
        of_print, of_live = spoken.flow(one, shape), spoken.flow(other, shape)
        assert (of_print.output, of_print.params, of_print.macs) == (of_live.output, of_live.params, of_live.macs)
        shape = of_live.output
