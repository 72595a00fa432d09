"""What `solve` says where no layer does it: the reason, and the nearest that there is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solving import WORDS, out_of

import convwise as cw

ERRORS = [
    (
        ((28, 14), {"kernel": 3, "stride": 1}),
        cw.ShapeError,
        (
            "no convolution of Keras gives 28 x 28 -> 14 x 14 with kernel=3, stride=1",
            "without stride=1: Conv2D(32, 3, strides=2, padding='same')",
            "nearest: 28 x 28 -> 26 x 26",
        ),
    ),
    (
        ((28, 40), {"op": "conv"}),
        cw.ShapeError,
        ("gives at most one more than the size", "nearest: 28 x 28 -> 29 x 29"),
    ),
    (
        (([28, 57], [14, 30]), {}),
        cw.ShapeError,
        ("28 x 28 -> 14 x 14 alone: Conv2D(32, 3, strides=2, padding='same')", "57 x 57 -> 30 x 30 alone:"),
    ),
    (
        (([14, 7], [28, 20]), {"op": "transpose", "stride": 2}),
        cw.ShapeError,
        ("14 x 14 -> 28 x 28 alone: Conv2DTranspose(32, 3, strides=2, padding='same')", "7 x 7 -> 20 x 20 alone:"),
    ),
    (((28, 14), {"kernel": 1025}), cw.ArgumentError, ("no integer from 1 to 1024",)),
    (((28, 14), {"kernel": "9" * 5000}), cw.ArgumentError, ("no integer from 1 to 1024",)),
    ((([28, 29], [14, 13]), {}), cw.ShapeError, ("outputs of one layer never fall as the size grows",)),
    (
        ((28, 14), {"dialect": "torch", "padding": "same"}),
        cw.Refusal,
        (
            "PyTorch refuses every convolution that would give 28 x 28 -> 14 x 14 with padding='same'",
            "padding='same' is not supported for strided",
            "without padding='same': nn.Conv2d(3, 32, 3, stride=2, padding=1)",
        ),
    ),
    (
        ((14, 28), {"dialect": "torch", "padding": "same"}),
        cw.Refusal,
        ("a transposed convolution takes no padding='same'",),
    ),
    (((10, 7), {"op": "adaptive_avg_pool"}), cw.ShapeError, ("0-1, 1-2, 2-4", "10 mod 7 = 3", "exact at 7 and 14")),
    (((3, 7), {"op": "adaptive_avg_pool"}), cw.ShapeError, ("repeats cells where it enlarges",)),
    ((([28, 56], [7, 7]), {"op": "adaptive_max_pool"}), cw.ShapeError, ("at several sizes", "windows of 8, 8 apart")),
    (((28, 14), {"kernel": 0}), cw.ArgumentError, ("kernel=0: no integer from 1",)),
    (((28, 14), {"kernel": True}), cw.ArgumentError, ("kernel=True: no integer from 1",)),
    (((28, 14), {"stride": (1, 2, 3)}), cw.ArgumentError, ("3 values for 2 axes (height, width)",)),
    (((28, 14), {"padding": "sam"}), cw.ArgumentError, ("padding='sam': no such padding", "did you mean 'same'?")),
    (((28, 14), {"op": "max_pol"}), cw.ArgumentError, ("did you mean 'max_pool'?",)),
    (((28, 14), {"op": "conv", "output_padding": 1}), cw.ArgumentError, ("conv has none", "op='transpose' has it")),
    (((28, 14), {"filters": 0}), cw.ArgumentError, ("filters=0: no integer from 1",)),
    (((28, 14), {"dialect": "caffe"}), cw.ArgumentError, ("no dialect 'caffe'",)),
    ((([28], [14, 7]), {}), cw.ArgumentError, ("2 outputs for 1 input",)),
    ((([], []), {}), cw.ArgumentError, ("an empty list",)),
    (((0, 14), {}), cw.ArgumentError, ("every size must be a number of at least 1",)),
    ((((28, None), 14), {}), cw.ArgumentError, ("every size must be a number of at least 1",)),
    (((28, 0), {}), cw.ArgumentError, ("a wanted size",)),
    ((("28xx", 14), {}), cw.ArgumentError, ("is not a shape",)),
    ((((28, 30), (1, 14, 15)), {}), cw.ArgumentError, ("sizes of 2 and 3 axes",)),
    (((2.5, 14), {}), cw.ArgumentError, ("2.5",)),
]


@pytest.mark.parametrize(("asked", "kind", "told"), ERRORS)
def test_what_cannot_be_answered_says_why(asked, kind, told):
    args, options = asked
    with pytest.raises(cw.ConvwiseError) as caught:
        cw.solve(*args, **options)
    assert type(caught.value) is kind
    for part in told:
        assert part in str(caught.value)
    assert caught.value.hint


def nearest_of(error, dialect, size, out):
    """The size that a reason calls the nearest; what it says of it, and of other words, is held against the layers it names."""
    found = None
    for line in str(error).splitlines():
        label, _, text = line.strip().partition(": ")
        if label.startswith("without"):
            assert out_of(text, dialect, (size, size)) == (out, out), line
        elif label == "nearest":
            sizes, _, text = text.partition(": ")
            found = tuple(int(one) for one in sizes.split(" -> ")[1].split(" x "))
            assert out_of(text, dialect, (size, size)) == found, line
    return found


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["keras", "torch"]), st.integers(1, 40), st.integers(1, 60), st.fixed_dictionaries(WORDS))
def test_the_nearest_that_a_reason_names_is_true(dialect, size, out, words):
    try:
        cw.solve(size, out, dialect=dialect, **words)
    except cw.ShapeError as error:
        nearest_of(error, dialect, size, out)


@pytest.mark.parametrize(
    ("dialect", "layer"), [("keras", "Conv2D(32, 3, strides=3)"), ("torch", "nn.MaxPool2d(4, 3, 2)")]
)
@pytest.mark.parametrize(("size", "out"), [(28, 14), (9, 5), (30, 17), (40, 3), (12, 9)])
def test_where_all_words_are_fixed_the_one_layer_that_there_is_is_the_nearest(dialect, layer, size, out):
    words = {"op": "conv", "kernel": 3, "stride": 3, "padding": "valid", "dilation": 1}
    if dialect == "torch":
        words = {"op": "max_pool", "kernel": 4, "stride": 3, "padding": 2, "dilation": 1}
    with pytest.raises(cw.ShapeError) as caught:
        cw.solve(size, out, dialect=dialect, **words)
    near, fixed = nearest_of(caught.value, dialect, size, out), out_of(layer, dialect, (size, size))
    assert near is not None
    # ceil_mode is no word of the question, and adds a window at most.
    assert near in (fixed, (fixed[0] + 1,) * 2) if dialect == "torch" else near == fixed
