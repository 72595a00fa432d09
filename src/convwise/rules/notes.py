"""CW5xx: no errors, but things that an answer tells beside the shape."""

from __future__ import annotations

from convwise.rules.base import Asked, Rule, Written

RULES = (
    Rule(
        "CW501",
        "The stride steps over cells",
        "Between one window and the next there are cells that no window reads. That happens when the stride is larger "
        "than the kernel: stride 4 with a 3-wide window leaves out every fourth row and column, and then only 56 % of the "
        "pixels have any effect on the output. It also happens when a dilation and a stride share a divisor: then all "
        "windows read the same every second cell. The layer is legal and runs, but it throws data away without saying so.",
        "Use a kernel at least as long as the stride, or pool first and then stride less.",
        Asked("nn.Conv2d(3, 8, 3, stride=4)", ("3x128x128",)),
    ),
    Rule(
        "CW503",
        "Windows that see only padding",
        "Some windows at the border stand wholly in the padding and read not one cell of the data. A convolution gives "
        "its bias there, an average pooling zero, and for a max pooling the frameworks differ. Such outputs carry no "
        "information about the image.",
        "Pad less: a padding smaller than the window's span never does this.",
        Asked("nn.Conv2d(3, 8, 1, padding=2)", ("3x8x8",)),
    ),
    Rule(
        "CW507",
        "Too large to run",
        "The shape is defined and the answer about it is right, but the arrays do not fit into the memory of a machine. "
        "convwise says so before it allocates anything. Nothing was computed, and no memory was taken.",
        "Ask about the shape alone, or run a smaller input.",
        Written(
            "import convwise as cw\nimport numpy as np\ncw.conv2d(np.zeros((1, 1, 8, 8)), np.zeros((1, 1, 3, 3)), padding=2**40)",
            "the output would take 38,685,626,227,879,239,823,130,912 bytes [CW507]\n...\n  use a smaller input, batch or padding",
        ),
    ),
    Rule(
        "CW508",
        "Which framework is meant",
        "The text fits both frameworks, or looks like the other one's: Conv2D(3, 16, 3) is legal Keras with 3 filters of "
        "16 x 16 and a stride of 3, but it was probably meant as PyTorch's in_channels, out_channels, kernel_size. "
        "convwise answers in the framework whose name is written and tells how it decided.",
        "Write the prefix (keras.layers. or nn.), import the framework in the text, or pass --dialect.",
        Asked("Conv2D(3, 16, 3)", ("28x28x3",)),
    ),
    Rule(
        "CW509",
        "How the batch was decided",
        "A shape may be written with the batch or without it, and for some layers both are possible: three numbers may be "
        "one image with channels or, for a 1-D layer, a batch of sequences. convwise follows the framework's own rule and "
        "says what it took.",
        "Write all axes, with the batch first, to leave no doubt.",
        Asked("nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten())", ("3x8x8",)),
    ),
    Rule(
        "CW510",
        "Wrappings were taken off the text",
        "The text held things that are not Python: prompts (>>> and ...), Markdown fences, or line numbers in front of "
        "the lines. convwise takes these three off before reading and says so, so that you can check that nothing else "
        "was lost.",
        "Nothing to do.",
        Asked(">>> Conv2D(32, 3)", ("64x64x3",)),
    ),
    Rule(
        "CW511",
        "Suspicious characters",
        "The text holds characters that change how it looks, such as the marks that reverse the direction of writing. "
        "What you see may then not be what Python reads. Wherever convwise repeats such text it writes the characters "
        "out as escapes.",
        "Look at the escaped text in the answer, and delete the characters if you did not put them there.",
        Asked("Conv2D(32, 3)  # \u202eabc", ("64x64x3",)),
    ),
    Rule(
        "CW512",
        "Worked out from a printed model",
        "What print(model) and model.summary() show is not all that a model is. PyTorch prints the layers in the order in which they "
        "were made, not in which they run, and nothing of what forward does between them. Keras prints sizes and numbers of parameters, but no kernels, "
        "strides or paddings. convwise works out what can be worked out and says what it took for granted.",
        "Check the assumption in the note; where it is wrong, paste the model's code instead.",
        Asked(
            "Net(\n  (conv): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))\n  (fc): Linear(in_features=288, out_features=10, bias=True)\n)",
            ("1x3x8x8",),
        ),
    ),
)
