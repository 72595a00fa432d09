"""Pasted error messages: what they mean in sizes, and what to change."""

from __future__ import annotations

import pytest

import convwise as cw

KERAS_AXES = 'ValueError: Input 0 of layer "conv2d" is incompatible with the layer: expected {}, found ndim={}. Full shape received: {}'
KERAS_VALUE = (
    'ValueError: Input 0 of layer "{}" is incompatible with the layer: expected axis {} of input shape to have value {}, '
    "but received input with shape {}"
)
CONCATENATE = (
    "ValueError: A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis. Received: "
    "input_shape=[{}]"
)
OLD_RANK = "RuntimeError: Expected 4-dimensional input for 4-dimensional weight {}, but got {}-dimensional input of size {} instead"
MESSAGES = [
    (
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x1568 and 1050x10)",
        "What reaches the Linear layer has 1568 features; its weights are made for 1050.",
        "32 x 7 x 7",
        "nn.Linear(1568, 10)",
    ),
    (
        "RuntimeError: Given groups=1, weight of size [16, 3, 3, 5], expected input[1, 28, 20, 3] to have 3 channels, "
        "but got 28 channels instead",
        "The image is channels last; PyTorch reads 1 x 28 x 20 x 3 as 28 channels.",
        "3 channels in 1 group",
        "x.permute(0, 3, 1, 2)",
    ),
    (
        "RuntimeError: Given groups=1, weight of size [16, 3, 3, 3], expected input[1, 4, 28, 28] to have 3 channels, "
        "but got 4 channels instead",
        "The layer takes 3 channels, and 4 reach it.",
        "3 channels in 1 group",
        "nn.Conv2d(4, 16, 3)",
    ),
    (
        "RuntimeError: Calculated padded input size per channel: (9 x 5). Kernel size: (3 x 7). Kernel size can't be "
        "greater than actual input size",
        "The layers before have used the image up: 5 cells are left where the kernel needs 7.",
        "the input of this layer needs 2 more",
        None,
    ),
    (
        "RuntimeError: Sizes of tensors must match except in dimension 1. Expected size 43 but got size 42 for tensor "
        "number 1 in the list.",
        "Two branches are joined whose maps differ: 43 and 42.",
        "43 is odd: halved and doubled again it comes back as 42",
        None,
    ),
    (
        "RuntimeError: The size of tensor a (20) must match the size of tensor b (17) at non-singleton dimension 3",
        "Two branches are joined whose maps differ: 20 and 17.",
        "20 - 17 = 3",
        None,
    ),
    (
        "ValueError: Negative dimension size caused by subtracting 3 from 1 for '{{node conv2d_4/Conv2D}}'",
        "A window 3 wide meets 1 cell: the layers before have used the image up.",
        "1 - 3 < 0",
        None,
    ),
    (
        'ValueError: Input 0 of layer "dense" is incompatible with the layer: expected axis -1 of input shape to have '
        "value 1568, but received input with shape (None, 2048)",
        "The layer 'dense' was built for 1568 on its last axis, and 2048 reach it.",
        "2048 = 32 x 8 x 8",
        None,
    ),
    (
        'ValueError: Input 0 of layer "conv2d" is incompatible with the layer: expected min_ndim=4, found ndim=3. Full '
        "shape received: (28, 28, 3)",
        "The layer wants 4 axes and got 3: the batch axis is missing.",
        "x[None] adds the batch",
        "x[None]",
    ),
    # An axis too few: which is missing, and what its numbers cannot tell.
    (
        KERAS_AXES.format("min_ndim=4", 3, "(None, 28, 28)"),
        "The layer wants 4 axes and got 3: the batch is there (None), the channels axis is missing.",
        "? x 28 x 28 is batch x height x width",
        "x[..., None]",
    ),
    (
        KERAS_AXES.format("ndim=4", 3, "(None, 100, 3)"),
        "The layer wants 4 axes and got 3: the batch is there (None), another axis is missing.",
        "if the last axis is 3 channels, a side of the picture is missing, and Conv1D is the layer for it",
        "x[..., None]",
    ),
    (
        KERAS_AXES.format("min_ndim=4", 2, "(None, 784)"),
        "The layer wants 4 axes and got 2: the batch is there (None), 2 axes are missing.",
        "where batch x height x width x channels are wanted",
        "layers.Reshape((28, 28, 1))",
    ),
    (
        KERAS_AXES.format("min_ndim=3", 2, "(None, 100)"),
        "The layer wants 3 axes and got 2: the batch is there (None), the channels axis is missing.",
        "? x 100 is batch x length",
        "x[..., None]",
    ),
    *(
        (
            KERAS_AXES.format("min_ndim=4", 3, f"({samples}, 28, 28)"),
            "The layer wants 4 axes and got 3: the channels axis is missing, or the batch.",
            f"looks like {samples:,} pictures of 28 x 28 without channels; the numbers cannot tell it from one picture of "
            f"{samples} x 28 with 28 channels",
            "x[..., None]",
        )
        for samples in (60000, 32, 28)
    ),
    (
        KERAS_AXES.format("min_ndim=4", 3, "(32, 64, 3)"),
        "The layer wants 4 axes and got 3: the batch axis is missing.",
        "fit and predict cut the first axis into pieces of 32",
        "x[None]",
    ),
    (
        KERAS_AXES.format("min_ndim=4", 3, "(3, 28, 28)"),
        "The layer wants 4 axes and got 3: the batch or the channels axis is missing.",
        "one picture with its channels first, which Keras wants last, or 3 pictures without channels",
        "np.moveaxis(x, 0, -1)[None]",
    ),
    (
        KERAS_AXES.format("min_ndim=4", 2, "(28, 28)"),
        "The layer wants 4 axes and got 2: 2 axes are missing.",
        "the sides of one picture: the batch and the channels are missing",
        "x[None, ..., None]",
    ),
    (
        KERAS_AXES.format("min_ndim=4", 2, "(64, 784)"),
        "The layer wants 4 axes and got 2: 2 axes are missing.",
        "64 flattened pictures: 784 = 28 x 28 x 1",
        "x.reshape(-1, 28, 28, 1)",
    ),
    (
        KERAS_AXES.format("min_ndim=2", 1, "(60,)"),
        "The layer wants 2 axes and got 1: the batch or the features are missing.",
        "the features of one sample, or one feature of 60 samples",
        "x[None]",
    ),
    (
        KERAS_AXES.format("ndim=3", 4, "(None, 28, 28, 1)"),
        "The layer wants 3 axes and got 4: 1 too many.",
        "axis 3 has size 1: without it they are ? x 28 x 28",
        None,
    ),
    (
        "ValueError: Input 0 is incompatible with layer conv2d: expected ndim=4, found ndim=3",
        "The layer wants 4 axes and got 3: 1 axis is missing.",
        "which one the message does not say",
        None,
    ),
    (
        KERAS_AXES.format("min_ndim=4", 0, "()"),
        "The layer wants 4 axes and got 0: 4 axes are missing.",
        "which one the message does not say",
        None,
    ),
    (
        'ValueError: Input 0 of layer "sequential" is incompatible with the layer: expected shape=(None, 28, 28, 1), found '
        "shape=(32, 28, 28)",
        "The model was made for ? x 28 x 28 x 1 and was given 32 x 28 x 28: the channels axis is missing.",
        "",
        "x[..., None]",
    ),
    (
        'ValueError: Invalid input shape for input Tensor("data:0", shape=(32, 64, 3), dtype=float32) with name '
        "'keras_tensor_17' and path ''. Expected shape (None, 64, 64, 3), but input has incompatible shape (32, 64, 3)",
        "The model was made for ? x 64 x 64 x 3 and was given 32 x 64 x 3: the batch axis is missing.",
        "",
        "x[None]",
    ),
    (
        'ValueError: Invalid input shape for input Tensor("data:0", shape=(2, 60, 64, 1), dtype=float32) with name '
        "'keras_tensor_17' and path ''. Expected shape (None, 64, 64, 3), but input has incompatible shape (2, 60, 64, 1)",
        "The model was made for ? x 64 x 64 x 3 and was given 2 x 60 x 64 x 1.",
        "feed what it was made for",
        None,
    ),
    # Another number of channels than a layer on maps was built for.
    (
        KERAS_VALUE.format("conv2d", -1, 3, "(None, 64, 64, 1)"),
        "The layer 'conv2d' was built for 3 channels, and 1 reaches it.",
        "grey pictures, where the model was built for coloured ones",
        "tf.image.grayscale_to_rgb(x)",
    ),
    (
        KERAS_VALUE.format("conv2d", -1, 3, "(2, 64, 64, 4)"),
        "The layer 'conv2d' was built for 3 channels, and 4 reach it.",
        "coloured pictures with an alpha channel",
        "x[..., :3]",
    ),
    (
        KERAS_VALUE.format("conv2d", -1, 3, "(2, 3, 64, 64)"),
        "The layer 'conv2d' was built for 3 channels, and 64 reach it.",
        "the channels stand first, and the layer reads them last",
        "np.moveaxis(x, 1, -1)",
    ),
    (
        KERAS_VALUE.format("conv2d", 1, 3, "(None, 1, 64, 64)"),
        "The layer 'conv2d' was built for 3 channels, and 1 reaches it.",
        "of ? x 1 x 64 x 64 axis 1 counts",
        None,
    ),
    (
        KERAS_VALUE.format("batch_normalization", -1, 32, "(None, 28, 28, 64)"),
        "The layer 'batch_normalization' was built for 32 channels, and 64 reach it.",
        "64 instead of 32",
        None,
    ),
    (
        KERAS_VALUE.format("dense", -1, 588, "(None, 14, 42)"),
        "The layer 'dense' was built for 588 channels or features, and 42 reach it.",
        "588 = 14 x 42: a Flatten is missing before it",
        None,
    ),
    # Two tensors that are combined: which axis differs says what it holds.
    (
        "RuntimeError: The size of tensor a (10) must match the size of tensor b (3) at non-singleton dimension 1",
        "Two tensors are combined whose axis 1 differs: 10 and 3.",
        "axis 1 is the channels of batch x channels x height x width, the features or classes of batch x features",
        None,
    ),
    (
        "RuntimeError: The size of tensor a (4) must match the size of tensor b (3) at non-singleton dimension 0",
        "Two tensors are combined whose axis 0 differs: 4 and 3.",
        "axis 0 is the batch",
        None,
    ),
    (
        "RuntimeError: The size of tensor a (28) must match the size of tensor b (27) at non-singleton dimension 2",
        "Two branches are joined whose maps differ: 28 and 27.",
        "pad or crop by 1 before joining",
        None,
    ),
    (
        "RuntimeError: Sizes of tensors must match except in dimension 0. Expected size 3 but got size 5 for tensor number 1",
        "Two tensors are joined along axis 0, and another axis of theirs differs: 3 and 5.",
        "torch.cat([a, b], dim=1)",
        None,
    ),
    (
        "RuntimeError: Sizes of tensors must match except in dimension 1. Expected size 4 but got size 2 for tensor number 1",
        "Two branches are joined whose maps differ: 4 and 2.",
        "the message does not say which axis differs: a side of the maps, or axis 0, the batch",
        None,
    ),
    (
        "RuntimeError: Sizes of tensors must match except in dimension 1. Got 4 and 2 in dimension 0 (The offending index is 1)",
        "Two tensors are combined whose axis 0 differs: 4 and 2.",
        "axis 0 is the batch",
        None,
    ),
    (
        CONCATENATE.format("(None, 28, 28, 3), (None, 28, 28, 4), (None, 28, 27, 3)"),
        "Two branches are joined whose maps differ: 28 and 27.",
        "? x 28 x 28 x 3, ? x 28 x 28 x 4 and ? x 28 x 27 x 3",
        None,
    ),
    (
        CONCATENATE.format("(None, 28, 28, 3), (None, 28, 28, 4)"),
        "Two branches are concatenated along another axis than the last, on which they differ: 3 and 4.",
        "Concatenate() without axis joins along the last axis",
        None,
    ),
    (
        "ValueError: A `Concatenate` layer requires inputs with matching shapes except for the concat axis. Got inputs "
        "shapes: [(None, 28, 28, 3), (None, 27, 28, 3)]",
        "Two branches are joined whose maps differ: 28 and 27.",
        "28 - 27 = 1",
        None,
    ),
    (
        CONCATENATE.format("(None, 28, 28, 3), (None, 4)"),
        "Tensors of different numbers of axes are concatenated: ? x 28 x 28 x 3 and ? x 4.",
        "Flatten, GlobalAveragePooling2D or Reshape",
        None,
    ),
    (
        "ValueError: Inputs have incompatible shapes. Received shapes (28, 28, 3) and (28, 28, 4)",
        "Two tensors are combined whose channels differ: 3 and 4.",
        "a 1x1 convolution gives one branch the channels of the other",
        None,
    ),
    (
        "InvalidArgumentError: Incompatible shapes: [32,10] vs. [32]",
        "Two tensors are combined whose shapes do not fit: 32 x 10 and 32.",
        "axes are compared from the last one: 10 against 32",
        None,
    ),
    (
        "ValueError: Dimensions must be equal, but are 5 and 6 for '{{node MatMul}} = MatMul[T=DT_FLOAT, grad_a=false]"
        "(a, b)' with input shapes: [2,5], [6,4].",
        "What reaches the dense layer has 5 features; its weights are made for 6.",
        "5 reach it, 6 were written",
        None,
    ),
    # Tensors of another rank than PyTorch's layers take.
    (
        "RuntimeError: Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [28, 28]",
        "conv2d takes 3 axes (channels x height x width) or 4 with a batch, and got 2: the channels axis is missing.",
        "28 x 28 looks like the height x width of one picture",
        "x[None, None]",
    ),
    (
        "RuntimeError: Expected 3D (unbatched) or 4D (batched) input to conv_transpose2d, but got input of size: [2, 5, 3, 28, 28]",
        "conv_transpose2d takes 3 axes (channels x height x width) or 4 with a batch, and got 5: 1 too many.",
        "2 x 5 x 3 x 28 x 28 reach it",
        "x.flatten(0, 1)",
    ),
    (
        "RuntimeError: Expected 4D (unbatched) or 5D (batched) input to conv3d, but got input of size: [3, 28, 28]",
        "conv3d takes 4 axes (channels x depth x height x width) or 5 with a batch, and got 3: the channels axis is missing.",
        "conv2d takes it",
        "x[None, None]",
    ),
    (
        OLD_RANK.format("[64, 3, 7, 7]", 3, "[3, 224, 224]"),
        "The layer takes 4 axes (batch x channels x height x width) and got 3: the batch axis is missing.",
        "3 channels",
        "x[None]",
    ),
    (
        OLD_RANK.format("64 3 7 7", 3, "[224, 224, 3]"),
        "The layer takes 4 axes (batch x channels x height x width) and got 3: the batch axis is missing, and the channels "
        "stand last.",
        "3 channels",
        "x.permute(2, 0, 1)[None]",
    ),
    (
        OLD_RANK.format("[64, 1, 7, 7]", 3, "[32, 28, 28]"),
        "The layer takes 4 axes (batch x channels x height x width) and got 3: the channels axis is missing.",
        "1 channel",
        "x[:, None]",
    ),
    (
        "ValueError: expected 4D input (got 3D input)",
        "The normalisation takes 4 axes and got 3.",
        "convolutions take a sample without a batch, this layer does not",
        "x[None]",
    ),
    (
        "ValueError: expected 2D or 3D input (got 4D input)",
        "The normalisation takes 2 or 3 axes and got 4.",
        "BatchNorm2d",
        None,
    ),
    (
        "RuntimeError: Given groups=1, weight of size [8, 1, 3, 3], expected input[1, 60, 28, 28] to have 1 channels, but got "
        "60 channels instead",
        "The layer takes 1 channel, and 60 reach it.",
        "PyTorch reads 60 x 28 x 28 as one sample of 60 channels",
        "x[:, None]",
    ),
    (
        "RuntimeError: Given groups=2, weight of size [8, 2, 3, 3], expected input[1, 6, 8, 8] to have 4 channels, but got "
        "6 channels instead",
        "The layer takes 4 channels, and 6 reach it.",
        "4 channels in 2 groups",
        "nn.Conv2d(6, 8, 3, groups=2)",
    ),
    # The rest.
    (
        "RuntimeError: size mismatch, m1: [4 x 186624], m2: [179776 x 512] at /pytorch/aten/src/TH/generic/THTensorMath.cpp:41",
        "What reaches the Linear layer has 186624 features; its weights are made for 179776.",
        "256 x 27 x 27",
        "nn.Linear(186624, 512)",
    ),
    (
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x49 and 1568x10)",
        "What reaches the Linear layer has 49 features; its weights are made for 1568.",
        "32 rows of 49 are 1 sample of 1568: it has no batch axis",
        "x[None]",
    ),
    (
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (1x1600 and 400x10)",
        "What reaches the Linear layer has 1600 features; its weights are made for 400.",
        "1600 = 4 x 400: are 4 samples flattened into one?",
        "nn.Linear(1600, 10)",
    ),
    (
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x3136 and 12544x128)",
        "What reaches the Linear layer has 3136 features; its weights are made for 12544.",
        "12544 = 4 x 3136: maps 2 times smaller in height and width than was written: one pooling or stride more before it",
        "nn.Linear(3136, 128)",
    ),
    (
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (6x900 and 100x7)",
        "What reaches the Linear layer has 900 features; its weights are made for 100.",
        "900 = 9 x 100: maps 3 times larger in height and width than was written: one pooling or stride fewer before it",
        "nn.Linear(900, 7)",
    ),
    (
        "RuntimeError: Given input size: (1024x1x2). Calculated output size: (1024x-6x-5). Output size is too small",
        "The layers before have used the image up: of 1 x 2 cells the pooling makes -6 x -5.",
        "a larger image, one pooling or stride fewer before it, or padding here",
        None,
    ),
    (
        'ValueError: Input 0 of layer "lstm_1" is incompatible with the layer: expected ndim=3, found ndim=2. Full shape '
        "received: (None, 32)",
        "The layer wants 3 axes and got 2: a recurrent layer reads batch x steps x features, and the steps are missing.",
        "? x 32 reach it: one row of 32 a sample",
        "return_sequences=True",
    ),
    (
        "ValueError: Invalid input shape for input [[0. 0.]] with name 'x' and path ''. Expected shape (None, 90), but input has "
        "incompatible shape (5, 9, 10)",
        "The model was made for ? x 90 and was given 5 x 9 x 10.",
        "9 x 10 = 90 numbers a sample, in other axes",
        "x.reshape(-1, 90)",
    ),
    (
        "RuntimeError: Expected 3D (unbatched) or 4D (batched) input to conv_transpose2d, but got input of size: [16, 100]",
        "conv_transpose2d takes 3 axes (channels x height x width) or 4 with a batch, and got 2: the sides are missing.",
        "16 x 100 can be 16 samples of 100 channels, each of one cell",
        "x[:, :, None, None]",
    ),
    (
        "InvalidArgumentError: input depth must be evenly divisible by filter depth: 4 vs 8 [Op:Conv2DBackpropInput]",
        "The transposed filter makes 8 channels, and output_shape asks for 4.",
        "tf.transpose(w, (0, 1, 3, 2))",
        None,
    ),
    (
        "RuntimeError: The size of tensor a (56) must match the size of tensor b (111) at non-singleton dimension 3",
        "Two branches are joined whose maps differ: 56 and 111.",
        "a 1x1 convolution with stride 2 in the other, as in the shortcut of a residual block",
        None,
    ),
    (
        "RuntimeError: The size of tensor a (56) must match the size of tensor b (64) at non-singleton dimension 3",
        "Two branches are joined whose maps differ: 56 and 64.",
        "padding that keeps the size in both branches, or crop or pad one of them by 8 before they meet",
        None,
    ),
    (
        "ValueError: Inputs have incompatible shapes. Received shapes (15, 16, 128) and (29, 32, 64)",
        "Two branches are joined whose maps differ: 15 and 29.",
        "they differ too: 128 and 64",
        "layers.Conv2D(128, 1, strides=2)",
    ),
    (
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (896x7 and 1568x10)",
        "What reaches the Linear layer has 7 features; its weights are made for 1568.",
        "896 rows of 7 are 4 samples of 1568: a Flatten is missing",
        "x.flatten(1)",
    ),
    (
        "RuntimeError: Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
        "(5, 2) at dimension 1 of input [3, 4, 9]",
        "A reflection of 5 cells needs 6 on its axis, and axis 1 (the last but one) has 4.",
        "3 x 4 x 9 reaches it, padded by 5 before and 2 after",
        None,
    ),
    (
        "RuntimeError: weight should contain 32 elements not 64",
        "The normalisation is made for 64 channels, and 32 reach it.",
        "",
        "nn.BatchNorm2d(32)",
    ),
    (
        "ValueError: Negative dimension size caused by subtracting 3 from 1 for 'conv2d_2/convolution' (op: 'Conv2D') with "
        "input shapes: [?,1,28,28], [3,3,28,32].",
        "A window 3 wide meets 1 cell: of ? x 1 x 28 x 28 it takes axis 1 for the height, where the channels seem to stand.",
        "as a picture of 1 x 28",
        "np.moveaxis(x, 1, -1)",
    ),
    (
        "ValueError: Computed output size would be negative: -1 [input_size: 1, effective_filter_size: 3, stride: 1] "
        "[Op:Conv2D]\n\nArguments received by Conv2D.call():\n  • inputs=tf.Tensor(shape=(28, 28, 1, 1), dtype=float32)",
        "A window 3 wide meets 1 cell: 28 x 28 x 1 x 1 looks like one picture of 28 x 28 x 1 without its batch.",
        "its rows are taken for samples",
        "x[None]",
    ),
    (
        "RuntimeError: shape '[-1, 400]' is invalid for input of size 576",
        "576 numbers cannot be laid out as [-1, 400].",
        "with the channels of 16 x 5 x 5, as 400 is written: 1 sample of 16 x 6 x 6 or 4 samples of 16 x 3 x 3",
        None,
    ),
    (
        "RuntimeError: shape '[-1, 400]' is invalid for input of size 179776",
        "179776 numbers cannot be laid out as [-1, 400].",
        "1 sample of 16 x 106 x 106 or 4 samples of 16 x 53 x 53",
        None,
    ),
    (
        "RuntimeError: shape '[-1, 400]' is invalid for input of size 38016",
        "38016 numbers cannot be laid out as [-1, 400].",
        "if it is one sample: 38016 = 1056 x 6 x 6",
        None,
    ),
    (
        "RuntimeError: shape '[4, 400]' is invalid for input of size 2304",
        "2304 numbers cannot be laid out as [4, 400].",
        "each of 4 samples: 576 = 16 x 6 x 6",
        None,
    ),
    (
        "RuntimeError: shape '[3, 400]' is invalid for input of size 1600",
        "1600 numbers cannot be laid out as [3, 400].",
        "1600 = 4 x 400: 4 samples of 400, and 3 written",
        "x.view(-1, 400)",
    ),
    (
        "RuntimeError: shape '[-1, 1, 28, 28]' is invalid for input of size 3072",
        "3072 numbers cannot be laid out as [-1, 1, 28, 28].",
        "each sample as written has 784 numbers",
        None,
    ),
    (
        "INVALID_ARGUMENT : Got invalid dimensions for input: input for the following indices\n index: 2 Got: 350 Expected: 224",
        "The file was exported for 224 on axis 2 of its input, and 350 was fed.",
        "export again with that axis dynamic",
        None,
    ),
]


@pytest.mark.parametrize(("message", "headline", "words", "fix"), MESSAGES)
def test_a_pasted_message_is_explained(message: str, headline: str, words: str, fix: str | None) -> None:
    for text in (
        message,
        f"Traceback (most recent call last):\n  File 'a.py', line 3, in <module>\n    y = f(x)\n{message}\n",
    ):
        told = cw.explain(text)
        assert told.headline == headline
        assert words in "\n".join(line for fact in told.facts for line in fact.lines)
        assert (told.fixes[0].code if told.fixes else None) == fix
        assert [one.headline for one in cw.explain_all(text)] == [headline]


def test_the_last_of_several_messages_counts() -> None:
    told = cw.explain(
        "\n".join(["Traceback (most recent call last):", MESSAGES[0][0], "During handling:", MESSAGES[3][0]])
    )
    assert told.headline == MESSAGES[3][1]


def test_a_traceback_that_is_not_about_sizes_stays_an_error() -> None:
    with pytest.raises(cw.CodeError, match="this is a traceback, not code") as caught:
        cw.explain("Traceback (most recent call last):\n  File 'a.py', line 3\nKeyError: 'x'\n")
    assert caught.value.code == "CW316"


def test_two_fixes_stand_where_the_numbers_cannot_tell() -> None:
    told = cw.explain(KERAS_AXES.format("min_ndim=4", 3, "(60000, 28, 28)"))
    assert [(fix.code, fix.output) for fix in told.fixes] == [
        ("x[..., None]", (60000, 28, 28, 1)),
        ("x[None]", (1, 60000, 28, 28)),
    ]


def test_a_target_without_sizes_is_no_message() -> None:
    with pytest.raises(cw.CodeError, match="traceback, not code"):
        cw.explain("RuntimeError: shape '[ ]' is invalid for input of size 2304")


def test_a_million_characters_of_almost_a_message_end_at_once() -> None:
    with pytest.raises(cw.ConvwiseError):
        cw.explain("Traceback (most recent call last):\n" + "mat1 and mat2 shapes cannot be multiplied (2x" * 2500)
