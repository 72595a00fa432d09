"""Messages of Keras 1 and 2, of stored weights and of single operations, as they were printed, alone and beside a model."""

from __future__ import annotations

from contextlib import suppress

import pytest

import convwise as cw

CHECKING = "ValueError: Error when checking {}: expected {} to have {} but got array with shape {}"
MESSAGES = [
    (CHECKING.format("input", "conv2d_1_input", "4 dimensions,", "(600, 28, 30)"), "the channels axis is missing", "x[..., None]"),
    (CHECKING.format("model input", "convolution2d_input_1", "4 dimensions,", "(600, 28, 30)"), "wants 4 axes", "x[..., None]"),
    (CHECKING.format("input", "dense_1_input", "2 dimensions,", "(600, 28, 30)"), "wants 2 axes", "x.reshape(-1, 840)"),
    (CHECKING.format("input", "conv2d_1_input", "shape (28, 30, 1)", "(28, 30, 3)"), "made for ? x 28 x 30 x 1", "tf.image.rgb_to_grayscale(x)"),
    (CHECKING.format("target", "dense_2", "shape (9,)", "(1,)"), "targets of ? x 1 with outputs of ? x 9", None),
    (CHECKING.format("target", "dense_2", "shape (1,)", "(9,)"), "targets of 9 with one number", None),
    (CHECKING.format("target", "dense_2", "shape (None, 9)", "(600, 1)"), "targets of 600 x 1 with outputs of ? x 9", None),
    (CHECKING.format("target", "dense_2", "4 dimensions,", "(600, 9)"), "gives 4 axes, and the targets are 600 x 9", None),
    ("ValueError: logits and labels must have the same shape ((None, 1) vs (None, 9))", "targets of ? x 9 with outputs of ? x 1", None),
    ("ValueError: `logits` and `labels` must have the same shape, received ((None, 1) vs (None, 9)).", "targets of ? x 9 with outputs of ? x 1", None),
    ("InvalidArgumentError: logits and labels must be broadcastable: logits_size=[8,9] labels_size=[8,2]", "targets of 8 x 2 with outputs of 8 x 9", None),
    ("InvalidArgumentError: logits and labels must have the same first dimension, got logits shape [8,9] and labels shape [72]", "8 rows of outputs, and got 72", None),
    ("InvalidArgumentError: logits and labels must have the same first dimension, got logits shape [1352,9] and labels shape [8]", "1,352 rows of outputs, and got 8", None),
    ("ValueError: Shapes (None, 1) and (None, 9) are incompatible", "targets of ? x 1 with outputs of ? x 9", None),
    ("ValueError: Shapes (None, 9) and (None, 7, 8, 9) are incompatible", "outputs of ? x 7 x 8 x 9", None),
    ("ValueError: Data cardinality is ambiguous:\n  x sizes: 60\n  y sizes: 50\nMake sure all arrays", "60 samples and 50 targets", None),
    ("ValueError: Cannot feed value of shape (64, 840) for Tensor 'x:0', which has shape '(?, 28, 30, 1)'", "placeholder 'x:0'", "x.reshape(-1, 28, 30, 1)"),
    ("ValueError: Input 0 is incompatible with layer model: expected shape=(None, 28, 30, 1), found shape=(None, 28, 30)", "the channels axis is missing", "x[..., None]"),
    ("InvalidArgumentError: input must be 4-dimensional[28,30,1] [Op:Conv2D]", "the batch axis is missing", "x[None]"),
    ("RuntimeError: mat1 dim 1 must match mat2 dim 0", "another number of features", None),
    ("RuntimeError: size '[-1 x 400]' is invalid for input of with 179776 elements", "cannot be laid out as [-1, 400]", None),
    ("RuntimeError: Expected object of scalar type Float but got scalar type Double for argument #2 'mat2'", "two types, float and double", "x.float()"),
    ("RuntimeError: expected scalar type Long but found Float", "targets are class numbers", None),
    ("cv2.error: OpenCV(4.7.0) a.cpp:392: error: (-2:Unspecified error) Number of input channels should be multiple of 3 but got 1 in function 'f'", "takes 3 channels, where 1 arrive", None),
    ("onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument: [ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Invalid rank for input: x Got: 3 Expected: 4 Please fix", "has 4 axes, and 3 were fed", None),
]  # fmt: skip


@pytest.mark.parametrize(("message", "said", "fix"), MESSAGES)
def test_a_pasted_message_is_explained(message: str, said: str, fix: str | None) -> None:
    told = cw.explain(message)
    assert said in told.headline
    assert (told.fixes[0].code if told.fixes else None) == fix
    beside = cw.explain(f"model = nn.Sequential(nn.Conv2d(3, 8, 3))\n\n{message}")
    assert beside.headline == told.headline


def test_the_last_layer_that_works_on_maps_is_told_to_lack_a_flatten() -> None:
    for message in (MESSAGES[7][0], MESSAGES[12][0], MESSAGES[14][0]):
        assert "Flatten()" in str(cw.explain(message))
    assert "Flatten()" not in str(cw.explain(MESSAGES[11][0]))


def test_what_the_model_makes_of_its_input_stands_beside_a_message_about_types() -> None:
    code = "net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())\ny = net(torch.zeros(2, 3, 9, 10))"
    told = cw.explain(f"{code}\n\nRuntimeError: Input type (double) and bias type (float) should be the same")
    assert "for input 2 x 3 x 9 x 10 it gives 2 x 8 x 7 x 8" in str(told).replace("\n", " ").replace("  ", "")


def test_what_was_fed_is_not_told_to_be_what_was_declared() -> None:
    code = (
        "model = Sequential([Conv2D(4, 3, input_shape=(9, 10, 3))])\nimg = np.zeros((9, 10, 3))\nmodel.predict(img)\n"
    )
    message = 'ValueError: Input 0 of layer "sequential" is incompatible with the layer: expected shape=(None, 9, 10, 3), found shape=(9, 10, 3)'
    told = cw.explain(f"{code}\n{message}")
    assert "declared" not in str(told)
    assert told.fixes[0].code == "x[None]"


@pytest.mark.parametrize(
    "message",
    [
        "RuntimeError: split_with_sizes expects split_sizes to sum exactly to 0 (input tensor's size at dimension 0), but got split_sizes=[,]",
        "RuntimeError: to be divisible by the product of kernel_size, but got input.size(1)=0 and kernel_size=(0,)",
        "ValueError: Shapes () and [,] are incompatible",
        "ValueError: Error when checking input: expected x to have 9 dimensions, but got array with shape (,)",
        "ValueError: Error when checking target: expected x to have shape (,) but got array with shape (1)",
        "InvalidArgumentError: logits and labels must have the same first dimension, got logits shape [0,] and labels shape [0]",
        "ValueError: Layer weight shape (,) not compatible with provided weight shape (3,)",
        "ValueError: The input must have 3 channels; got `input_shape=(2)`",
        "TypeError: Invalid shape (0) for image data",
        "InvalidArgumentError: input must be 9-dimensional[0]",
        "ValueError: Cannot feed value of shape (,) for Tensor 'x', which has shape '(,)'",
    ],
)
def test_numbers_that_no_framework_prints_end_in_an_answer_or_a_refusal(message: str) -> None:
    for text in (message, f"model = nn.Sequential(nn.Conv2d(3, 4, 3))\n\n{message}"):
        with suppress(cw.ConvwiseError):
            assert str(cw.explain(text))
