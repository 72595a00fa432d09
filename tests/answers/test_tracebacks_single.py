"""Messages of losses, single layers and tensors beside a model, as they were printed; and messages whose model cannot be read."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

import convwise as cw

MESSAGES = [
    (
        "ValueError: Expected more than 1 value per channel when training, got input size torch.Size([1, 64])",
        "In training the normalisation needs more than one value a channel, and 1 x 64 has one.",
        "model.eval() before",
        None,
    ),
    (
        "ValueError: Expected more than 1 spatial element when training, got input size torch.Size([2, 8, 1, 1])",
        "In training the normalisation needs more than one cell a sample, and 2 x 8 x 1 x 1 has one.",
        "one pooling fewer before it",
        None,
    ),
    (
        "RuntimeError: 0D or 1D target tensor expected, multi-target not supported",
        "The loss takes one class number for each sample, and the targets have another axis.",
        "one class number a sample",
        "y.squeeze(1)",
    ),
    (
        "RuntimeError: only batches of spatial targets supported (3D tensors) but got targets of dimension: 4",
        "The loss of maps takes targets of 3 axes (batch x height x width) and got 4.",
        "one class number a sample",
        "y.squeeze(1)",
    ),
    (
        "RuntimeError: Expected target size [9, 7], got [9, 5]",
        "The loss reads axis 1 of the outputs as the classes, so that it wants targets of 9 x 7, and they are 9 x 5.",
        "the outputs are 9 x classes x 7",
        "output.permute(0, 2, 1)",
    ),
    (
        "RuntimeError: Expected target size [9, 7], got [9]",
        "The loss reads axis 1 of the outputs as the classes, so that it wants targets of 9 x 7, and they are 9.",
        "takes the axis between away",
        None,
    ),
    (
        "RuntimeError: stack expects each tensor to be equal size, but got [3, 9, 10] at entry 0 and [1, 9, 11] at entry 1",
        "Samples of different sizes are made one batch: 3 x 9 x 10 and 1 x 9 x 11.",
        'transforms.Resize((9, 10)), with both numbers, as one keeps the proportions\nthe same channels for all: Image.open(path).convert("RGB")',
        None,
    ),
    (
        "RuntimeError: output with shape [1, 28, 30] doesn't match the broadcast shape [3, 28, 30]",
        "An operation that writes into a tensor of 1 x 28 x 30 would make 3 x 28 x 30 of it.",
        "transforms.Normalize with 3 means for pictures of 1 channel",
        None,
    ),
    (
        "RuntimeError: Tensors must have same number of dimensions: got 3 and 2",
        "Tensors of 3 and of 2 axes are joined: all need as many.",
        "x[None] adds an axis in front",
        None,
    ),
    (
        "ValueError: requested an output size of (20, 21), but valid sizes range from [11, 13] to [12, 14] (for an input of torch.Size([5, 6]))",
        "output_size asks for 20 x 21, and of 5 x 6 this layer makes 11 x 13 to 12 x 14.",
        "among the sizes that the stride can give",
        "output_size=(12, 14)",
    ),
    (
        "RuntimeError: output padding must be smaller than either stride or dilation, but got output_padding_height: 2 "
        "output_padding_width: 2 stride_height: 3 stride_width: 2 dilation_height: 1 dilation_width: 1",
        "output_padding must be less than the stride or the dilation: 2 is not, with stride 2 and dilation 1 (width).",
        "0 to 1: it chooses",
        None,
    ),
    (
        "RuntimeError: Given input size per channel: (1 x 2). Calculated output size per channel: (-2 x -1). Output size is too small",
        "Of 1 x 2 cells the transposed convolution makes -2 x -1: its padding cuts off more than there is.",
        "less of it, or a larger kernel or stride",
        None,
    ),
    (
        "NotImplementedError: Got 3D input, but bilinear mode needs 4D input",
        "mode='bilinear' takes 4 axes, batch and channels among them, and got 3.",
        "mode='linear' is the one for 3 axes",
        "x[None]",
    ),
    (
        "ValueError: `strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: strides=(2, 2) and dilation_rate=(2, 3)",
        "Keras takes a stride over 1 or a dilation over 1, not both: strides=2 and dilation_rate=(2, 3).",
        "a pool of stride 2",
        None,
    ),
    (
        "ValueError: `output_padding` must be strictly less than `strides` for all dimensions. At dimension 1, `output_padding` is 3 but `strides` is 2.",
        "output_padding chooses among the sizes that a stride of 2 can give, and is less than it: 3 is not.",
        "0 to 1 on axis 1",
        None,
    ),
    (
        "ValueError: Cannot reshape a tensor with 440 elements to shape [10,40] (400 elements) for '{{node Reshape}} = Reshape[T=DT_FLOAT]",
        "440 numbers cannot be laid out as 10 x 40.",
        "440 = 1 x 400 + 40",
        "x.reshape(-1, 40)",
    ),
    (
        "ValueError: cannot reshape array of size 450 into shape (10,40)",
        "450 numbers cannot be laid out as 10 x 40.",
        "450 = 1 x 400 + 50",
        None,
    ),
    (
        "ValueError: The total size of the tensor must be unchanged, however, the input size cannot by divided by the specified "
        "dimensions in target_shape. Received: input_shape=(11, 40), target_shape=(-1, 30)",
        "11 x 40 cannot be laid out as rows of 30.",
        "440 = 14 x 30 + 20",
        None,
    ),
    (
        "ValueError: Shapes used to initialize variables must be fully-defined (no `None` dimensions). Received: shape=(None, 10) for "
        "variable path='sequential_15/dense_9/kernel'",
        "The layer 'dense_9' would have weights of ? x 10: it is made for a number of features that is open.",
        "GlobalAveragePooling2D instead of Flatten",
        None,
    ),
    (
        "tensorflow.python.framework.errors_impl.InvalidArgumentError: {{function_node __wrapped__Conv2D}} output depth must be evenly "
        "divisible by number of groups: 16 vs 3 [Op:Conv2D] name: ",
        "The filter is read in 3 groups, which do not divide the 16 channels it makes.",
        "the input has 3 times as many channels as axis 2 of the filter",
        None,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("message", "headline", "words", "fix"), MESSAGES)
def test_a_message_of_a_single_layer_is_explained(message: str, headline: str, words: str, fix: str | None) -> None:
    for text in (
        message,
        f"Traceback (most recent call last):\n  File 'a.py', line 3, in <module>\n    y = f(x)\n{message}\n",
    ):
        told = cw.explain(text)
        assert told.headline == headline
        assert words in "\n".join(line for fact in told.facts for line in fact.lines)
        assert (told.fixes[0].code if told.fixes else None) == fix


@pytest.mark.parametrize(
    "message",
    [
        "RuntimeError: Given input size: (5x1). Calculated output size: (x). Output size is too small",
        "RuntimeError: Given input size: (5x1). Calculated output size: (5x-). Output size is too small",
        "ValueError: cannot reshape array of size 450 into shape (-, ,)",
        "ValueError: cannot reshape array of size 0 into shape (0,0)",
        "ValueError: the input size cannot by divided by the specified dimensions in target_shape. Received: input_shape=(None,), target_shape=(, 0)",
        "ValueError: Expected more than 1 value per channel when training, got input size torch.Size([])",
        "RuntimeError: Expected target size [3], got [3]",
        "RuntimeError: Expected target size [], got []",
        "ValueError: requested an output size of (20), but valid sizes range from [11, 13] to [12] (for an input of torch.Size([5])",
        "RuntimeError: output padding must be smaller than either stride or dilation, but got output_padding_x: 2",
        "RuntimeError: unflatten: Provided sizes [8, 0] don't multiply up to the size of dim 1 (0)",
        "ValueError: `strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: strides=(,) and dilation_rate=1",
        "ValueError: Received: input_shape=(None, 28), cropping=(14)",
        "InvalidArgumentError: output depth must be evenly divisible by number of groups: 16 vs 0",
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (0x0 and 0x0)",
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (0x4 and 8x0)",
        "RuntimeError: The size of tensor a (0) must match the size of tensor b (4) at non-singleton dimension 2",
        "ValueError: Inputs have incompatible shapes. Received shapes (0, 4, 1) and (8, 8, 1)",
        "ValueError: with name 'a'. Expected shape (None, 0), but input has incompatible shape (1, 0, 3)",
        'ValueError: Input 0 of layer "lstm" is incompatible with the layer: expected ndim=3, found ndim=2',
    ],
)
def test_numbers_that_no_framework_prints_end_in_an_answer_or_a_refusal(message: str) -> None:
    for text in (
        message,
        f"model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(8, 2))\nmodel(torch.zeros(0, 1, 5, 5))\n\n{message}",
    ):
        with suppress(cw.ConvwiseError):
            assert cw.explain(text).headline


UNREAD = """
model = Sequential([Input((18, 32)), Lambda(f), Conv1D(64, 20)])
"""
SAID = (
    "ValueError: Computed output size would be zero or negative. Received `inputs shape=(None, 16, 32)`, `kernel "
    "shape=(20, 32, 64)`, `dilation_rate=[1]`, `strides=(1,)`, `padding=valid`."
)


def test_a_message_is_explained_where_its_model_cannot_be_read(tmp_path: Path) -> None:
    alone = cw.explain(SAID)
    path = tmp_path / "net.py"
    path.write_text(UNREAD, encoding="utf-8")
    for told in (
        cw.explain(SAID, model=UNREAD),
        cw.explain(SAID, model=str(path)),
        cw.explain(f"```\n{UNREAD}```\nsays\n```\n{SAID}\n```"),
    ):
        assert told.headline == alone.headline
        (line,) = next(fact.lines for fact in told.facts if fact.label == "in the model")
        assert line.startswith("it is not followed: `f` is applied on the way, and the text does not say what it is")
    with pytest.raises(cw.CodeError, match="`f` is applied on the way"):
        cw.explain("ValueError: something else", model=UNREAD)


def test_a_message_behind_an_embedding_is_found() -> None:
    told = cw.explain(SAID, model="m = Sequential([Input((16,)), Embedding(1000, 32), Conv1D(64, 20), Flatten()])")
    (line,) = next(fact.lines for fact in told.facts if fact.label == "in the model")
    assert line.startswith("'conv1d' (Conv1D)")


def test_the_written_input_tells_where_a_message_without_numbers_comes_from() -> None:
    text = (
        "model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.LayerNorm([8, 30, 30]))\nx = torch.randn(2, 3, 32, 34)\nmodel(x)"
    )
    message = "RuntimeError: Given normalized_shape=[8, 30, 30], expected input with shape [*, 8, 30, 30], but got input of size[2, 8, 30, 32]"
    told = cw.explain(message, model=text)
    (line,) = next(fact.lines for fact in told.facts if fact.label == "in the model")
    assert line.startswith("with input 2 x 3 x 32 x 34 it breaks at '1' (LayerNorm) at line 1")


def test_an_unknown_message_of_tensorflow_is_a_message_and_no_syntax_error() -> None:
    message = (
        "tensorflow.python.framework.errors_impl.AbortedError: {{function_node x}} Operation received an exception"
    )
    with pytest.raises(cw.CodeError, match="this is a traceback, not code") as caught:
        cw.explain(message)
    assert caught.value.code == "CW316"
