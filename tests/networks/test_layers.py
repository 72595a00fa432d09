"""Networks whose nodes are layers of a dialect: the same laws, and what a trained network does not ask."""

from __future__ import annotations

import pytest

from convwise import dialects
from convwise.answers.network.flowing import run
from convwise.answers.network.legal import legal_of, legal_sizes
from convwise.answers.network.symbolic import follow
from convwise.answers.network.trace import trace
from convwise.dialects.base import Call, Layer
from convwise.graph import Network, Node, Source
from convwise.ops import Layout


def layer(dialect: str, kind: str, *args: object, **kwargs: object) -> Layer:
    return dialects.get(dialect).read(Call(kind, args, tuple(kwargs.items())), None)


def chain(dialect: str, *layers: Layer, channels: int = 3, axes: int = 2) -> Network:
    sizes: tuple[None, ...] = (None,) * axes
    last = dialect == "keras"
    declared = (None, *sizes, channels) if last else (None, channels, *sizes)
    nodes = []
    for number, one in enumerate(layers):
        nodes.append(Node(f"{one.kind}{number}", one.kind, one, (f"t{number}",), (f"t{number + 1}",)))
    return Network("chain", dialect, (Source("t0", declared, Layout(last)),), tuple(nodes), (f"t{len(layers)}",))


def t(kind: str, *args: object, **kwargs: object) -> Layer:
    return layer("torch", kind, *args, **kwargs)


def k(kind: str, *args: object, **kwargs: object) -> Layer:
    return layer("keras", kind, *args, **kwargs)


CHAINS = [
    (
        "torch",
        (
            t("Conv2d", 3, 8, 3, stride=2),
            t("ReLU"),
            t("MaxPool2d", 3, ceil_mode=True),
            t("BatchNorm2d", 8),
            t("Conv2d", 8, 4, 2, padding="same"),
        ),
    ),
    (
        "torch",
        (
            t("Conv2d", 3, 4, 5, padding=3, padding_mode="reflect"),
            t("ConvTranspose2d", 4, 4, 3, stride=2, output_padding=1),
            t("AvgPool2d", 2),
        ),
    ),
    (
        "torch",
        (
            t("ZeroPad2d", (1, 0, -1, 2)),
            t("ReflectionPad2d", 2),
            t("Conv2d", 3, 4, (3, 2), dilation=(1, 3)),
            t("PixelShuffle", 2),
        ),
    ),
    (
        "torch",
        (
            t("PixelUnshuffle", 3),
            t("Upsample", scale_factor=2),
            t("Conv2d", 27, 4, 3),
            t("Upsample", scale_factor=(1.5, 0.5)),
        ),
    ),
    ("torch", (t("Conv2d", 3, 16, 3, 2), t("MaxPool2d", 2), t("Flatten"), t("Linear", 64, 10))),
    (
        "torch",
        (
            t("Conv2d", 3, 4, 3, 2),
            t("InstanceNorm2d", 4),
            t("GroupNorm", 2, 4),
            t("AdaptiveAvgPool2d", (None, 3)),
            t("CircularPad2d", 2),
        ),
    ),
    ("torch", (t("Unfold", (3, 2), stride=2), t("Flatten", 1), t("Linear", 18 * 6, 2))),
    (
        "keras",
        (
            k("Conv2D", 4, 3, strides=2, padding="same"),
            k("MaxPooling2D", 2),
            k("Conv2DTranspose", 4, 3, strides=2, padding="same"),
            k("Cropping2D", ((1, 0), (2, 1))),
        ),
    ),
    (
        "keras",
        (
            k("ZeroPadding2D", 2),
            k("SeparableConv2D", 8, 3, strides=2),
            k("UpSampling2D", (2, 3)),
            k("AveragePooling2D", 3, strides=2, padding="same"),
        ),
    ),
    ("keras", (k("Conv2D", 8, 5, strides=3), k("Flatten"), k("Dense", 5))),
    ("keras", (k("DepthwiseConv2D", 3), k("Reshape", (-1, 6)), k("Dense", 5))),
    (
        "keras",
        (k("Conv2D", 4, 3), k("GlobalAveragePooling2D", keepdims=True), k("UpSampling2D", 3), k("Permute", (3, 1, 2))),
    ),
]


@pytest.mark.parametrize(
    ("dialect", "layers"), CHAINS, ids=lambda value: value if isinstance(value, str) else value[0].kind
)
def test_free_sizes_agree_with_the_dialect(dialect: str, layers: tuple[Layer, ...]) -> None:
    network = chain(dialect, *layers)
    symbolic = follow(network)
    legal = legal_of(symbolic)
    assert legal.exact, [str(reason) for reason in legal["height"].reasons]
    count = 0
    for height in range(1, 34):
        for wide in (1, 2, 3, 5, height, 39 - height):
            flowed = run(network, (1, height, wide, 3) if dialect == "keras" else (1, 3, height, wide), strict=False)
            fits = not flowed.errors
            count += fits
            assert legal.takes((height, wide)) == fits, (height, wide, [str(one) for one in flowed.errors], str(legal))
            if fits:
                for name in network.outputs:
                    assert symbolic.at(name, {0: height, 1: wide}) == flowed.shapes[name]
    assert count


def test_a_trained_network_normalises_one_value() -> None:
    network = chain("torch", t("Conv2d", 3, 8, 3), t("BatchNorm2d", 8))
    assert run(network, (1, 3, 3, 3)).shapes["t2"] == (1, 8, 1, 1)
    assert str(legal_sizes(network)["height"]) == "n >= 3"


def test_equal_layers_are_worked_out_once_but_errors_are_their_own() -> None:
    network = chain("torch", t("Conv2d", 3, 3, 3), t("Conv2d", 3, 3, 3), t("Conv2d", 3, 3, 3))
    flowed = run(network, (1, 3, 6, 6), strict=False)
    (error,) = flowed.errors
    assert "'Conv2d2' (Conv2d)" in str(error)
    assert "Kernel size can't be greater than actual input size" in error.quote
    again = run(network, (1, 3, 6, 6), strict=False).errors[0]
    assert str(again) == str(error)


def test_sequences_and_volumes() -> None:
    line = chain("keras", k("Conv1D", 4, 3, padding="causal"), k("MaxPooling1D", 2), channels=2, axes=1)
    assert str(legal_sizes(line)["length"]) == "n >= 2"
    assert trace(line, (1, 9, 2)).rows[-1].receptive_field == (4,)
    volume = chain("torch", t("Conv3d", 1, 4, 3, stride=2), channels=1, axes=3)
    assert list(legal_sizes(volume)) == ["depth", "height", "width"]
    assert trace(volume, (1, 1, 9, 10, 11)).rows[-1].output == (1, 4, 4, 4, 5)
