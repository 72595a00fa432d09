"""What `solve` says of a mirrored encoder: every decoder gives the sizes back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convwise as cw

LAYERS = {
    "torch": st.one_of(
        st.builds(
            "nn.Conv2d({{}}, {{}}, ({}, {}), stride=({}, {}), padding={})".format,
            st.integers(1, 4),
            st.integers(1, 5),
            st.integers(1, 3),
            st.integers(1, 2),
            st.integers(0, 2),
        ),
        st.builds(
            "nn.Conv2d({{}}, {{}}, {}, padding='same', dilation={})".format, st.integers(1, 4), st.integers(1, 2)
        ),
        st.builds(
            "nn.MaxPool2d({}, stride={}, ceil_mode={})".format, st.integers(1, 3), st.integers(1, 3), st.booleans()
        ),
        st.just("nn.ReLU()"),
        st.builds("nn.ZeroPad2d(({}, {}, {}, {}))".format, *[st.integers(0, 2)] * 4),
    ),
    "keras": st.one_of(
        st.builds(
            "Conv2D({{}}, ({}, {}), strides=({}, {}), padding={!r})".format,
            st.integers(1, 4),
            st.integers(1, 5),
            st.integers(1, 3),
            st.integers(1, 2),
            st.sampled_from(["valid", "same"]),
        ),
        st.builds("SeparableConv2D({{}}, {}, strides={}, padding='same')".format, st.integers(1, 4), st.integers(1, 2)),
        st.builds(
            "MaxPooling2D({}, strides={}, padding={!r})".format,
            st.integers(1, 3),
            st.integers(1, 3),
            st.sampled_from(["valid", "same"]),
        ),
        st.just("BatchNormalization()"),
        st.builds("ZeroPadding2D((({}, {}), ({}, {})))".format, *[st.integers(0, 2)] * 4),
    ),
}


def chain(parts, dialect):
    """Layer patterns with their channels filled in, as one text."""
    channels, texts = 3, []
    for number, part in enumerate(parts, start=4):
        count = part.count("{}")
        texts.append(part.format(channels, number) if count == 2 else part.format(number) if count else part)
        channels = number if count else channels
    return f"keras.Sequential([{', '.join(texts)}])" if dialect == "keras" else f"nn.Sequential({', '.join(texts)})"


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(["keras", "torch"]).flatmap(
        lambda d: st.tuples(st.just(d), st.lists(LAYERS[d], min_size=1, max_size=4))
    ),
    st.integers(9, 40),
    st.integers(9, 40),
)
def test_a_mirrored_encoder_gives_every_size_back(chosen, height, width):
    dialect, parts = chosen
    encoder = chain(parts, dialect)
    shape = (1, height, width, 3) if dialect == "keras" else (1, 3, height, width)
    try:
        down = cw.explain(encoder, shape, dialect=dialect)
    except cw.ShapeError:
        return
    try:
        (decoder,) = cw.solve((height, width), mirror=encoder, dialect=dialect)
    except cw.ShapeError as error:
        reason = str(error)
    else:
        reason = ""
    # Only what changes nothing has no decoder.
    if all(part.startswith(("nn.ReLU", "BatchNorm")) for part in parts):
        assert "no layer of the encoder" in reason
        return
    assert reason == ""
    up = cw.explain(decoder, down.output, dialect=dialect)
    assert up.output == shape
    on_the_way = [step.output for step in up.steps]
    for step in down.steps:
        sizes = step.input[1:-1] if dialect == "keras" else step.input[2:]
        assert any((one[1:-1] if dialect == "keras" else one[2:]) == sizes for one in [*on_the_way, down.output]), (
            encoder,
            decoder,
        )


def test_a_decoder_for_several_sizes():
    encoder = (
        "nn.Sequential(nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1))"
    )
    (decoder,) = cw.solve([28, 56, 224], mirror=encoder)
    assert decoder == (
        "nn.Sequential(nn.ConvTranspose2d(32, 16, 3, stride=2, padding=1, output_padding=1), "
        "nn.ConvTranspose2d(16, 3, 3, stride=2, padding=1, output_padding=1))"
    )
    for size in (28, 56, 224):
        assert cw.output_shape(decoder, (32, size // 4, size // 4)) == (3, size, size)


@pytest.mark.parametrize(
    ("sizes", "encoder", "told"),
    [
        (
            [28, 27],
            "nn.Conv2d(3, 8, 3, stride=2, padding=1)",
            (
                "height of layer 1 (Conv2d)",
                "14 -> 28: padding 1 + 1, output_padding 1",
                "14 -> 27: padding 1 + 1, output_padding 0",
            ),
        ),
        ([28, 29], "Conv2D(8, 3, strides=2, padding='same')", ("14 -> 28: padding 0 + 1", "15 -> 29: padding 1 + 1")),
        (
            28,
            "nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten())",
            ("layer 2 (Flatten): Flatten has no transposed layer",),
        ),
        (
            28,
            "nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(3))",
            ("layer 2 (AdaptiveAvgPool2d)", "end the encoder before it"),
        ),
        (28, "nn.ReLU()", ("no layer of the encoder has spatial axes",)),
        (2, "nn.Conv2d(3, 8, 3)", ("the window spans 3",)),
        ("28x28x3", "nn.Conv2d(3, 8, 3)", ("sizes of 3 axes for layers of 2",)),
        (28, "hello", ("no layers in the text",)),
    ],
)
def test_where_no_decoder_exists_it_says_why(sizes, encoder, told):
    with pytest.raises(cw.ConvwiseError) as caught:
        cw.solve(sizes, mirror=encoder)
    for part in told:
        assert part in str(caught.value)


def test_nothing_beside_the_encoder_can_be_fixed():
    with pytest.raises(cw.ArgumentError, match="kernel is the encoder's"):
        cw.solve(28, mirror="nn.Conv2d(3, 8, 3)", kernel=3)
