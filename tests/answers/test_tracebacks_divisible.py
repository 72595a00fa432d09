"""Messages about numbers that must divide one another, about single layers, and those of JAX."""

from __future__ import annotations

from contextlib import suppress

import pytest

import convwise as cw

GROUPS = "do not divide the"
NORMED = "RuntimeError: Given normalized_shape={}, expected input with shape {}, but got input of size{}"
EFFECTIVE = (
    "RuntimeError: pad should be at most half of effective kernel size, but got pad={}, kernel_size={} and dilation={}"
)
GROUPED = "RuntimeError: Expected number of channels in input to be divisible by num_groups, but got input of shape {} and num_groups={}"
KERAS_GROUPS = (
    "ValueError: The number of input channels must be evenly divisible by the number of groups. Received groups={}, but the "
    "input has {} channels (full input shape is (1, 8, 8, {}))."
)
FEATURES = (
    "ValueError: conv_general_dilated lhs feature dimension size divided by feature_group_count must equal the rhs input "
    "feature dimension size, but {} // {} != {}."
)
JOINING = (
    "TypeError: Cannot concatenate arrays with shapes that differ in dimensions other than the one being concatenated: "
    "concatenating along dimension {} for shapes {}."
)
FLAX = (
    'flax.errors.ScopeParamShapeError: For parameter "kernel" in "/{}", the given initializer is expected to generate shape {}, '
    "but the existing parameter it received has shape {}. (https://flax.readthedocs.io)"
)
DEPTH = "InvalidArgumentError: {{function_node __wrapped__}} input depth must be evenly divisible by filter depth: "
MESSAGES = [
    ("ValueError: padding='same' is not supported for strided convolutions", "padding='same' keeps the size", "padding=(kernel - 1) // 2"),
    ("ValueError: in_channels must be divisible by groups", f"The groups {GROUPS} channels that reach it.", "groups divides"),
    ("ValueError: out_channels must be divisible by groups", f"The groups {GROUPS} channels it makes.", "groups divides"),
    (
        "RuntimeError: Given groups=2, expected weight to be divisible by 2 at dimension 0, but got weight of size [[15, 2, 3, 3]] instead",
        f"The layer has 2 groups, which {GROUPS} 15 channels it makes.",
        "15 is divided by 1, 3, 5 and 15",
    ),
    (KERAS_GROUPS.format(2, 3, 3), f"The layer has 2 groups, which {GROUPS} 3 channels that reach it.", "3 = 1 x 2 + 1"),
    (KERAS_GROUPS.format(4, 10, 10), f"The layer has 4 groups, which {GROUPS} 10 channels that reach it.", "10 = 2 x 4 + 2"),
    (
        "ValueError: The number of filters must be evenly divisible by the number of groups. Received: groups=2, filters=5.",
        f"The layer has 2 groups, which {GROUPS} 5 channels it makes.",
        "5 = 2 x 2 + 1",
    ),
    (EFFECTIVE.format(2, 2, 1), "A pool's padding is at most half of its window: 2 is more than 2 // 2 = 1.", "padding=1 at most"),
    (EFFECTIVE.format(3, 3, 2), "A pool's padding is at most half of its window: 3 is more than 5 // 2 = 2.", "dilation 2 spans 5"),
    (
        "RuntimeError: max_pool1d() padding should be at most half of kernel size, but got padding=4 and kernel_size=5",
        "A pool's padding is at most half of its window: 4 is more than 5 // 2 = 2.",
        "padding=2 at most",
    ),
    ("RuntimeError: non-empty 3D or 4D (batch mode) tensor expected for input", "The pool takes 3 axes", "print(x.shape)"),
    (
        "RuntimeError: max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:[1, 3, 8, 8]",
        "The pool takes 2 axes (channels and 1 side), or 3 with a batch, and got 4.",
        "1 x 3 x 8 x 8 reach it",
    ),
    (
        "RuntimeError: view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
        "contiguous subspaces). Use .reshape(...) instead.",
        "view cannot join axes",
        "x.contiguous().view(...)",
    ),
    *(
        (
            "RuntimeError: pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={have} is not divisible by {part}",
            f"PixelShuffle makes squares of the channels, and {have} is not divisible by {part}.",
            near,
        )
        for have, part, near in ((6, 4, "4 or 8 channels"), (5, 9, "9 channels"))
    ),
    (
        "RuntimeError: pixel_unshuffle expects height to be divisible by downscale_factor, but input.size(-2)=5 is not divisible by 2",
        "PixelUnshuffle cuts the height into pieces, and 5 is not divisible by 2.",
        "4 or 6 cells",
    ),
    (NORMED.format("[64]", "[*, 64]", "[1, 32, 48]"), "The normalisation is made for 64 on the last axes, and 48 reach it.", "nn.LayerNorm(48)"),
    (NORMED.format("[32, 64]", "[*, 32, 64]", "[2, 32, 48]"), "The normalisation is made for 32 x 64 on", "nn.LayerNorm([32, 48])"),
    (NORMED.format("[96]", "[*, 96]", "[1, 96, 7, 8]"), "The normalisation is made for 96 on the last axes", "x.permute(0, 2, 3, 1)"),
    ("ValueError: num_channels (8) must be divisible by num_groups (3)", f"The normalisation has 3 groups, which {GROUPS} 8 channels.", "1, 2, 4 and 8"),
    (GROUPED.format("[2, 6, 4, 4]", 4), f"The normalisation has 4 groups, which {GROUPS} 6 channels.", "1, 2, 3 and 6"),
    (GROUPED.format("[1, 10, 5]", 3), f"The normalisation has 3 groups, which {GROUPS} 10 channels.", "10 = 3 x 3 + 1"),
    (
        "RuntimeError: Expected weight to be a vector of size equal to the number of channels in input, but got weight of shape [8] "
        "and input of shape [1, 6, 4, 4]",
        "The normalisation is made for 8 channels, and 6 reach it.",
        "num_channels=6",
    ),
    ("ValueError: Number of groups (3) must be a multiple of the number of channels (8).", "The normalisation has 3 groups", "8 = 2 x 3 + 2"),
    (DEPTH + "3 vs 4 [Op:Conv2D] name: ", "The filter takes 4 channels, and 3 reach it.", "or a filter for 3"),
    (DEPTH + "5 vs 2 [Op:Conv2D] name: ", "The filter takes 2 channels, and 5 reach it.", "or a multiple"),
    ("ValueError: Depth of input (3) is not a multiple of input depth of filter (4) for '{{node Conv2D}}'", "The filter takes 4 channels, and 3", "a filter for 3"),
    ("InvalidArgumentError: Input to reshape is a tensor with 42 values, but the requested shape requires a multiple of 20", "42 numbers cannot be laid out as rows of 20.", "42 = 2 x 20 + 2"),
    ("InvalidArgumentError: Input to reshape is a tensor with 42 values, but the requested shape has 40 [Op:Reshape]", "42 numbers cannot be laid out as 40.", "+ 2"),
    (FEATURES.format(3, 1, 5), "The filter takes 5 channels, and 3 reach it.", "a filter for 3"),
    (FEATURES.format(6, 2, 2), "The filter takes 4 channels (2 in each of 2 groups), and 6 reach it.", "a filter for 6"),
    ("ValueError: conv_general_dilated feature_group_count must divide lhs feature dimension size, but 4 does not divide 6.", "The layer has 4 groups", "6 = 1 x 4 + 2"),
    ("ValueError: conv_general_dilated rhs output feature dimension size must be a multiple of feature_group_count, but 5 is not a multiple of 2.", "The layer has 2 groups", "5 = 2 x 2 + 1"),
    ("TypeError: convolution requires lhs and rhs ndim to be equal, got 3 and 4.", "The input has 3 axes and the filter 4", "x[None]"),
    ("TypeError: dot_general requires contracting dimensions to have the same shape, got (300,) and (400,).", "What reaches the dense layer has 300 features; its weights are made for 400.", "300"),
    ("TypeError: dot_general requires contracting dimensions to have the same shape, got (3, 4) and (4, 3).", "A product sums over axes of 3 x 4 and of 4 x 3", ""),
    ("TypeError: add got incompatible shapes for broadcasting: (1, 8, 8, 3), (1, 7, 8, 3).", "Two branches are joined whose maps differ: 8 and 7.", "8 - 7"),
    ("TypeError: mul got incompatible shapes for broadcasting: (4, 10), (3, 10).", "Two tensors are combined whose batches differ: 4 and 3.", ""),
    ("ValueError: Incompatible shapes for broadcasting: shapes=[(4, 10), (4,)]", "Two tensors are combined whose shapes do not fit: 4 x 10 and 4.", "10 against 4"),
    (JOINING.format(3, "(1, 8, 8, 3), (1, 7, 8, 3)"), "Tensors are joined along axis 3, and axis 1 of theirs differs: 8 and 7.", "axis=1"),
    (JOINING.format(0, "(2, 3), (2, 5)"), "Tensors are joined along axis 0, and axis 1 of theirs differs: 3 and 5.", "axis=1 joins them"),
    ("TypeError: Cannot concatenate arrays with different numbers of dimensions: got (2, 3), (2, 5, 1).", "Tensors of different numbers of axes", "x[..., None]"),
    ("TypeError: cannot reshape array of shape (2, 21) (size 42) into shape (2, 20) (size 40)", "2 x 21 cannot be laid out as 2 x 20.", ""),
    (FLAX.format("Conv_0", "(3, 3, 3, 8)", "(3, 3, 4, 8)"), "The parameter 'kernel' is stored as 3 x 3 x 4 x 8, and for this input it is 3 x 3 x 3 x 8.", "axis 2: 4 stored, 3 now"),
    (FLAX.format("", "(300, 10)", "(400, 10)"), "The parameter 'kernel' is stored as 400 x 10", "counts the channels or features"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "headline", "words"), MESSAGES)
def test_the_message_is_known(message: str, headline: str, words: str) -> None:
    told = cw.explain(message)
    assert told.headline.startswith(headline)
    whole = [line for fact in told.facts for line in fact.lines] + [fix.code for fix in told.fixes]
    assert words in "\n".join(whole)
    # Beside code that a model is read from, the same is told.
    assert cw.explain(f"model = nn.Sequential(nn.Conv2d(3, 8, 3))\n\n{message}").headline == told.headline


@pytest.mark.parametrize(
    "message",
    [
        "RuntimeError: input.size(-3)=0 is not divisible by 0",
        "RuntimeError: pixel_unshuffle expects height to be divisible by downscale_factor, but input.size(-2)=5 is not divisible by 0",
        GROUPED.format("[2, ,]", 0),
        GROUPED.format("[2, 0]", 0),
        NORMED.format("[1, 2, 3]", "[*, 1]", "[2]"),
        JOINING.format(9, "(2, 3), (2, 5)"),
        JOINING.format(0, "(,), (,)"),
        FEATURES.format(0, 0, 0),
        EFFECTIVE.format(0, 0, 0),
        "TypeError: add got incompatible shapes for broadcasting: (,), (,).",
        "RuntimeError: size mismatch (got input: [4] , target: [,]",
        "RuntimeError: Given input size: (x). Calculated output size: (5x5). Output size is too small",
        "RuntimeError: Given input size: (5). Calculated output size: (5x1x1). Output size is too small",
    ],
)
def test_numbers_that_no_framework_prints_end_in_an_answer_or_a_refusal(message: str) -> None:
    for text in (message, f"model = nn.Sequential(nn.MaxPool2d(2), nn.AvgPool1d(2))\n\n{message}"):
        with suppress(cw.ConvwiseError):
            assert cw.explain(text).headline
