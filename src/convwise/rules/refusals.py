"""CW2xx: the framework refuses the layer, whatever the size."""

from __future__ import annotations

from convwise.rules.base import Asked, Rule, Written

RULES = (
    Rule(
        "CW201",
        "A value that the framework refuses",
        "The value has the right type but is out of range. Kernels, strides, dilations, filters and groups count "
        "something, so they start at 1: a stride of 0 would never move the window, and a kernel of 0 reads nothing. "
        "Padding starts at 0. An output padding must be smaller than the stride (or the dilation, in PyTorch). PyTorch "
        "often builds such a layer and complains only when it runs, Keras when it is built; the quoted words are those "
        "of the framework.",
        "Use a value in the range that the message names. To leave a size alone, stride 1 and dilation 1 are the neutral values.",
        Asked("Conv2D(32, 3, strides=0)", ("64x64x3",)),
    ),
    Rule(
        "CW202",
        "'same' together with a stride, in PyTorch",
        "In PyTorch padding='same' means: the output has exactly the size of the input. With a stride above 1 that cannot "
        "hold, because the stride leaves out places, so PyTorch refuses the pair. In Keras the same word means something "
        "else: pad so that the output is ceil(size / stride), which works for every stride. The Keras rule depends on the "
        "image size and may pad one side more than the other; that is why PyTorch never adopted it. For an odd kernel, "
        "padding=(kernel - 1) // 2 gives the same sizes at stride 2, although it may pad the other side.",
        "For a 3-wide kernel and stride 2 write padding=1. For the very same numbers as Keras, put nn.ZeroPad2d((0, 1, 0, 1)) "
        "in front of the layer on an even image and use padding=0.",
        Asked("nn.Conv2d(3, 16, 3, stride=2, padding='same')", ("3x28x28",)),
    ),
    Rule(
        "CW203",
        "A stride together with a dilation, in Keras",
        "Stride thins out where the window stands, dilation thins out what it reads; mathematically the two get along. "
        "Keras nevertheless refuses layers where both are above 1, because the TensorFlow operations beneath it did not "
        "support the pair. It is being lifted release by release, and PyTorch has never refused it. convwise follows the "
        "release that the dialect stands for.",
        "Use one of the two at a time: a dilated layer with stride 1 followed by a strided pooling, or a stride without dilation.",
        Asked("Conv2D(32, 3, strides=2, dilation_rate=2)", ("64x64x3",)),
    ),
    Rule(
        "CW204",
        "A value of the wrong type",
        "Sizes are whole numbers: integers, or tuples with one integer for each axis. A float is refused even when it is "
        "whole, because 6 / 2 is 3.0 in Python; so is a text such as '3', or a tuple with the wrong number of entries. "
        "None and True are no sizes either. The frameworks notice some of these only deep inside, with a message about "
        "something else.",
        "Write an integer (// divides to an integer), or a tuple with one integer for each spatial axis.",
        Asked("Conv2D(4.5, 3)", ("64x64x3",)),
    ),
    Rule(
        "CW205",
        "The groups do not divide the filters",
        "A grouped convolution is several small convolutions side by side: each group reads its share of the input "
        "channels and makes its share of the output channels. The shares must be equal, so groups has to divide both "
        "numbers. With groups equal to the input channels every channel is filtered alone: the depthwise convolution.",
        "Choose groups as a common divisor of the input and the output channels.",
        Asked("nn.Conv2d(4, 3, 3, groups=2)", ("4x8x8",)),
    ),
    Rule(
        "CW206",
        "Pooling padding wider than half the window",
        "PyTorch's pooling layers take at most half the window as padding on a side. With more, a window could stand "
        "wholly in the padding, and the maximum of nothing is minus infinity. For a dilated max pooling the span counts, "
        "not the kernel. Convolutions have no such limit, because a sum over zeros is a proper number.",
        "Use a padding of at most kernel_size // 2, or pad with a layer of its own before the pooling.",
        Asked("nn.MaxPool2d(3, padding=2)", ("3x28x28",)),
    ),
    Rule(
        "CW207",
        "An unknown mode or name",
        "Some arguments are words from a short list: padding ('valid', 'same'), padding_mode ('zeros', 'reflect', "
        "'replicate', 'circular'), data_format ('channels_last', 'channels_first'), interpolation. The word given is not "
        "on the list. Often it is the right idea in another library's word: 'edge' is NumPy's name for 'replicate', and "
        "'NHWC' is TensorFlow's for 'channels_last'.",
        "Use one of the words in the message.",
        Asked("nn.Conv2d(3, 4, 3, padding_mode='edge')", ("3x8x8",)),
    ),
    Rule(
        "CW208",
        "Not in this release",
        "Frameworks change: arguments are added and removed, and refusals are lifted. The layer as written needs another release "
        "than the one convwise was asked about. Without --release it speaks of the newest release it was "
        "tested with, which `convwise doctor` names. The packages that run layers use the same code for what they do not offer.",
        "Leave the argument out, or ask about the release that you have with --release.",
        Asked("AdaptiveAveragePooling2D(7)", ("64x64x3",), release="3.9"),
    ),
    Rule(
        "CW209",
        "A value said in the other framework's way",
        "The argument exists here, but the value is how the other framework says it. In PyTorch padding is a number of "
        "cells, in Keras it is one of two words, and a number fails deep inside with a message about strings. The words do not "
        "even mean the same: Keras's 'same' depends on the image size, PyTorch's padding=1 does not. "
        "convwise translates where an exact translation exists.",
        "Write what the message offers. For padding=1 with a 3-wide kernel and stride 1 that is padding='same'; in general "
        "put a ZeroPadding2D layer before it.",
        Asked("Conv2D(32, 3, padding=1)", ("64x64x3",)),
    ),
    Rule(
        "CW210",
        "Refused by convwise, although the framework runs it",
        "The framework runs this call, but what it computes is hardly what was meant, so convwise says no. A kernel of "
        "True counts as 1, because Python's booleans are numbers. A dilation so large that a product overflows wraps "
        "around to something small, and the layer silently turns into another one. Nobody writes these on purpose; a "
        "right-looking shape would only hide the mistake.",
        "Write the number that you mean.",
        Asked("nn.Conv2d(3, 4, True)", ("3x8x8",)),
    ),
    Rule(
        "CW211",
        "No exact equivalent in the other framework",
        "A port is exact or it is refused. Where two frameworks compute something in different ways, such as bicubic resizing with "
        "another kernel, no layer, padding or crop makes their values equal, and a port that looks right would be wrong by a little "
        "everywhere. The error then says which step it is. Its `nearest` holds the nearest port there is, and `nearest.proof` how "
        "far its values are from the source's. `convwise diff` ends with this code's exit status where two layers are not equal.",
        "Write that step by hand, replace it in the source by something both frameworks have, or take `error.nearest` if its error is small enough.",
        Written(
            "import convwise as cw\n"
            'cw.port("nn.Upsample(scale_factor=2, mode=\'bicubic\')", to="keras", input_shape=(1, 3, 9, 10))',
            "0 (Upsample): no exact equivalent in Keras is known here: Keras has no layer for this: Resize(cubic) [CW211]\n"
            "  on 1 x 3 x 9 x 10: .nearest.proof measures how far it is\n"
            "  the nearest: resizing by the other cubic kernel instead of cubic; error.nearest holds it",
        ),
    ),
)
