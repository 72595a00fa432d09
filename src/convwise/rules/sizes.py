"""CW1xx: the sizes do not work, whatever the framework."""

from __future__ import annotations

from convwise.rules.base import Asked, Rule, Written

RULES = (
    Rule(
        "CW101",
        "Wrong number of axes",
        "A 2-D layer slides over two axes, height and width, and needs one more axis for the channels: three numbers, or "
        "four when a batch comes first. A shape such as 28x28 has lost its channel axis; a grey image is 28x28x1 in Keras "
        "and 1x28x28 in PyTorch. PyTorch takes a single image without a batch, Keras layers always see a batch (convwise "
        "adds one when you leave it out). A 1-D layer needs one spatial axis, a 3-D layer three.",
        "Write all axes in your framework's order: Keras height x width x channels, PyTorch channels x height x width. "
        "In code, add the missing axis with x[..., None] (Keras) or x[None] (PyTorch).",
        Asked("nn.Conv2d(3, 16, 3)", ("28x28",)),
    ),
    Rule(
        "CW102",
        "The channels do not match",
        "Every filter of a convolution has one weight for each input channel, so the number of channels is fixed when the "
        "weights are made: height and width are free, the channels are not. nn.Conv2d(3, 16, 3) holds 16 filters of "
        "3 x 3 x 3 weights and can read images of 3 channels only. In PyTorch you write that number yourself, as "
        "in_channels; Keras reads it from the first input and then keeps it. In a chain the channels a layer takes must "
        "be the channels the layer before it gives. A common cause is the axis order: 28x28x3 given to PyTorch means "
        "28 channels.",
        "Make the layer for the channels that arrive, or make the layer before it give what is expected. If the number "
        "you see is a height or a width, the axes are in the other framework's order.",
        Asked("nn.Conv2d(3, 16, 3)", ("1x28x28",)),
    ),
    Rule(
        "CW103",
        "A size is zero or negative",
        "Somewhere an axis has no cells at all, so there is nothing to slide over, to average or to enlarge. The mean of "
        "nothing is not a number, and a shape with a negative size does not exist. It usually happens late in a network: "
        "each strided layer divides the size, and a small image is used up. A resize by a small factor can also round "
        "down to nothing. Some frameworks pass such a shape on and fail much later; convwise says it where it happens.",
        "Start from a larger input, or take away one of the layers that shrink it.",
        Asked("nn.Upsample(scale_factor=0.1)", ("1x3x4x4",)),
    ),
    Rule(
        "CW104",
        "The window is longer than its padded input",
        "A window must fit at least once. Its span is dilation x (kernel - 1) + 1 cells from the first to the last, and "
        "the cells it may stand on are the input plus the padding on both sides. If the span is larger, there is no place "
        "for it, and no output. Most often the image is fine and the network is too deep for it: after several strided "
        "layers only a few cells are left. Beware of tools that round the wrong way: the formula with a division that "
        "cuts towards zero gives 1 instead of 0 here. The same code is used when a cropping or a negative padding takes "
        "away all cells there are, and when a cell is asked for that is not there, as in x[:, 9] of 8 channels.",
        "Give a larger input, pad more (padding='same' in Keras, padding=1 for a 3-wide kernel in PyTorch), or use a "
        "smaller kernel or dilation.",
        Asked("nn.Conv2d(3, 16, 7)", ("3x5x5",)),
    ),
    Rule(
        "CW105",
        "It does not divide",
        "Some layers deal out what they get into equal shares, and here a rest remains. A grouped convolution splits the "
        "input channels into groups, a group normalisation does the same, and a pixel shuffle turns groups of "
        "factor x factor channels into one channel of a larger image. Equal shares need a number of channels that the "
        "count divides. A rest cannot be left out silently, because it would be data.",
        "Choose a number of channels that the number divides, or another number: the line below the message shows the rest.",
        Asked("nn.PixelShuffle(2)", ("3x8x8",)),
    ),
    Rule(
        "CW106",
        "The elements do not fit the new shape",
        "Reshaping moves nothing and makes nothing: the same numbers are only counted off in another shape. So the "
        "product of the sizes must stay the same. An image of 8 x 8 x 3 holds 192 numbers and fits (64, 3) or (192,), "
        "but not (5, 5). One size may be written as -1, which means: whatever is left, as long as it comes out even. The batch is not "
        "counted.",
        "Make the product of the new sizes equal to the number of elements, or write -1 for one of them.",
        Asked("Reshape((5, 5))", ("8x8x3",)),
    ),
    Rule(
        "CW107",
        "Too large to exist",
        "A computer counts the elements of an array in 64 bits, so no array can have more than 2**63 - 1 of them: "
        "9,223,372,036,854,775,807. A size, a stride or the product of the output sizes is beyond that. Frameworks treat "
        "such numbers badly: some wrap around and give a small wrong shape, some end the whole process. convwise computes "
        "with exact integers, notices and refuses. A shape that large as an input is still a shape, and only running it is impossible.",
        "Look for a mistyped number or an overflow in the code that computes it.",
        Asked("nn.AdaptiveAvgPool2d(2**40)", ("1x3x8x8",)),
    ),
    Rule(
        "CW108",
        "Reflecting or wrapping padding is too wide",
        "Zero padding can be as wide as you like, because zeros need no source. Reflecting padding takes its cells from "
        "the data, mirrored at the border cell, so an axis of n cells can give at most n - 1 of them on a side. Circular "
        "padding wraps around and can give at most n. A wider padding would have to use the same cell twice, and the "
        "frameworks refuse that.",
        "Pad less, pad in two steps, or use padding mode 'replicate' or zeros, which have no limit.",
        Asked("nn.ReflectionPad2d(9)", ("1x3x8x8",)),
    ),
    Rule(
        "CW109",
        "The features do not match",
        "A dense (fully connected) layer has one weight for each pair of input and output features, so the number of "
        "input features is fixed: it is the first argument of nn.Linear. After a convolution that number is "
        "channels x height x width of what arrives, and Flatten is what multiplies them. When the image size or a padding "
        "changes, the number changes too, and the message 'mat1 and mat2 shapes cannot be multiplied' appears. It names "
        "the dense layer, although the cause lies in the layers before it. convwise shows the size history, so that you "
        "can see where the number comes from.",
        "Write the number that Flatten gives, or let the framework find it: nn.LazyLinear, or Dense in Keras. A global "
        "pooling layer before it makes the number independent of the image size.",
        Asked("nn.Sequential(nn.Flatten(), nn.Linear(1050, 10))", ("1x32x7x7",)),
    ),
    Rule(
        "CW110",
        "The sizes of two tensors do not agree",
        "Where branches of a network meet, their sizes must agree: added or multiplied tensors on every axis (or one of "
        "them has a single cell there), concatenated ones on every axis but the joined one. In a U-Net or a feature "
        "pyramid the sizes come apart by one when a pooling or a stride halves an odd number: 43 becomes 21, and doubled "
        "again it is 42. The message names the node where they meet, but the cause is the input size. "
        "The legal input sizes follow exactly from the network, and convwise gives the nearest ones.",
        "Take the nearest legal input size: pad the input and crop the output. Or change the network: crop the longer "
        "branch, resize to the other branch's size, or set output_padding where an odd size came from.",
        Written(
            "from convwise.ops.several import Concat\nConcat(1).flows(((1, 64, 43, 43), (1, 64, 42, 42)))",
            "concatenating along axis 1, but axis 2 is 43 in one input and 42 in another [CW110]\n...",
        ),
    ),
    Rule(
        "CW111",
        "No layer gives what was asked",
        "`convwise solve` looks for every layer that gives a wanted output from an input, within bounds that it states: which "
        "kernels, strides, dilations and paddings it goes through where they are not fixed. Here there is none. Either the "
        "sizes cannot be had from one layer (a window with little padding does not enlarge; two sizes may ask for two "
        "different strides), or a fixed word stands in the way. Also here: an encoder for which no one decoder gives "
        "every size back, because two sizes become one, and an adaptive pool whose windows are not alike, so that no fixed pool reads the "
        "same cells.",
        "Take one of the answers in the message: the nearest size, or the same sizes with one word left free.",
        Written(
            "import convwise as cw\ncw.solve(28, 14, kernel=3, stride=1)",
            "no convolution of Keras gives 28 x 28 -> 14 x 14 with kernel=3, stride=1 [CW111]\n...",
        ),
    ),
)
