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
        "CW502",
        "A tail is cut off by the floor",
        "The last window ends before the data does, and the cells behind it are too few for another step, so no window "
        "reads them. A 2 x 2 pooling of 27 rows gives 13 and never looks at row 26. Only data counts here: where padding is "
        "left over nothing is lost. Over several layers the tails add up, and a strip of the image at the bottom and the right has "
        "no effect on the result.",
        "Take an input size for which the divisions come out even, pad, or set ceil_mode where the layer has it.",
        Asked("nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2))", ("1x3x27x28",), command="check"),
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
        "CW505",
        "The runtime does something else than the text says",
        "The layer or the model says one thing, and the framework or runtime that runs it does another: it refuses sizes that its own "
        "specification allows, or rounds where the text does not. convwise answers with what really happens where that is one answer for all sizes, and "
        "tells it in this note where it is not.",
        "Write it in a way that leaves no doubt, such as explicit pads instead of SAME.",
        Asked("MaxPooling2D(2, padding='SAME')", ("8x8x3",)),
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
        "says what it took. `check` follows a network with a batch of 1 where its input has a batch and the shape that was given has none; "
        "the framework itself may refuse the shape as it was given.",
        "Write all axes, with the batch first, to leave no doubt.",
        Asked("nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten())", ("3x8x8",)),
    ),
    Rule(
        "CW510",
        "Wrappings were taken off the text",
        "The text held things that are not Python: prompts (>>> and ...), Markdown fences, backticks, marks of a quotation (>), frames, tags of a web page, "
        "error messages, or line numbers in front of the lines. convwise takes these off before reading and says so, so that you can check that nothing else "
        "was lost. A notebook's cell that is no Python is left out, and told with its number and line; typographic quotes and signs are read as plain ones, and arrows between layers as a chain.",
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
        "strides or paddings. convwise works out what can be worked out and says what it took for granted. Where PyTorch's layers do not "
        "fit each other in the printed order, that is no proof that the model is broken, as forward may run one of them twice: no answer is given then (CW314).",
        "Check the assumption in the note; where it is wrong, paste the model's code instead.",
        Asked(
            "Net(\n  (conv): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))\n  (fc): Linear(in_features=288, out_features=10, bias=True)\n)",
            ("1x3x8x8",),
        ),
    ),
    Rule(
        "CW513",
        "A node that is not followed",
        "The network holds an operator that convwise does not know, or one whose output depends on values and not on sizes. "
        "The shape behind it is not known, and neither is what follows from it. Everything around it is traced as usual. "
        "Where legal input sizes depend on such a node they are marked as not exact.",
        "Read the rows before it; what stands behind it must be checked by running the model.",
        Written(
            "import convwise as cw\n"
            "\n"
            "file = bytes.fromhex(  # an .onnx file: Relu, then Sort of a domain of its own\n"
            '    "08083a520a120a01781201721a0472656c75220452656c750a170a01721201791a04736f7274"\n'
            '    "2204536f72743a036f776e1201675a1b0a017812160a14080112100a0208010a0208030a0208"\n'
            '    "080a02080962030a017942040a00101142070a036f776e1001")\n'
            "for found in cw.read(file).check():\n"
            '    print(found.level, found.code, found.node or "", found.text)\n',
            "note CW513 sort Sort is not followed: the operator 'own.Sort' is not known",
            raises=False,
        ),
    ),
    Rule(
        "CW514",
        "The receptive field is larger than the input",
        "From this node on one output cell can see more cells than the input has, so every output depends on padding at "
        "the border. That is so in most deep networks and no error. The field that matters in practice is smaller than this "
        "hull, because cells in its middle are reached by many more paths than cells at its edge.",
        "Nothing to do; for pixel-exact tasks use a larger input or fewer strides.",
        Asked(
            "nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1))", ("1x3x4x9",), command="check"
        ),
    ),
    Rule(
        "CW515",
        "Branches that do not line up",
        "Two branches meet, and their cells at the same place look at different places of the input, or step over it at "
        "different rates. The shapes agree, so nothing fails. Nearest upsampling by two shifts by half a cell, a strided "
        "`same` layer by up to half a stride, an even kernel by half a cell. A network learns around a small shift; in exact ports and "
        "in measuring tasks it shows.",
        "Pad or crop one branch on one side, or resample with linear interpolation and half-pixel centres.",
        Asked(
            "x = keras.Input((9, 9, 3))\n"
            "a = layers.Conv2D(8, 3)(x)\n"
            "b = layers.Cropping2D(((2, 0), (2, 0)))(x)\n"
            "y = layers.Concatenate()([a, b])\n"
            "model = keras.Model(x, y)",
            ("1x9x9x3",),
            command="check",
        ),
    ),
    Rule(
        "CW516",
        "An even kernel cannot pad evenly",
        "A window that spans an even number of cells and keeps the size needs an odd number of padding cells, so one side "
        "gets one more than the other. The output is shifted by half a cell against the input. Frameworks agree on where the extra "
        "cell goes only by convention: TensorFlow, Keras and PyTorch's 'same' put it at the end, ONNX's SAME_LOWER at the start.",
        "Use an odd kernel.",
        Asked('keras.Sequential([layers.Conv2D(8, 4, padding="same")])', ("1x28x28x3",), command="check"),
    ),
    Rule(
        "CW517",
        "Padding that was stored for another size",
        "The padding is TensorFlow's `same` worked out once, for the size that the network was built for, and stored as "
        "numbers. On another input size the rule would give other pads, because they depend on whether the stride divides the size. "
        "The shapes may still agree, but every window is shifted by a cell against what the weights were trained with, and accuracy falls "
        "without a message. EfficientNet ports are known for it.",
        "Build the network for the size it is fed, or compute the padding from the size at run time.",
        Asked(
            "class Net(nn.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.conv1 = nn.Conv2d(3, 8, 3, stride=2)\n"
            "        self.conv2 = nn.Conv2d(8, 8, 3, stride=2)\n"
            "\n"
            "    def forward(self, x):\n"
            "        x = self.conv1(F.pad(x, (0, 1, 0, 1)))\n"
            "        return self.conv2(F.pad(x, (0, 1, 0, 1)))",
            ("1x3x225x225",),
            command="check",
        ),
    ),
    Rule(
        "CW518",
        "No input size gives these features",
        "A dense layer stands behind a Flatten, and the number of features it was made for is not channels x height x width for any "
        "height and width that the layers before it can give. So no input size makes the network run, and looking for one is in vain. "
        "The number in the layer is wrong, or a layer before it was changed. `convwise why` says it of a chain without an input, "
        "also where other layers leave no size.",
        "Make the dense layer for the number that arrives, which the finding gives.",
        Asked(
            "nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(33, 10))",
            ("1x3x9x9",),
            command="check",
        ),
    ),
    Rule(
        "CW519",
        "A branch that leads nowhere",
        "No output of the network depends on this node. It may be left over from training, such as an auxiliary head, or an output "
        "was forgotten. It costs time and memory where the runtime does not remove it, and its layers are trained by nothing.",
        "Take the branch out, or make its end an output.",
        Asked(
            "class Net(nn.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.one = nn.Conv2d(3, 8, 3)\n"
            "        self.two = nn.Conv2d(3, 8, 3)\n"
            "\n"
            "    def forward(self, x):\n"
            "        y = self.one(x)\n"
            "        z = self.two(x)\n"
            "        return torch.cat([y, y], dim=1)",
            ("1x3x9x9",),
            command="check",
        ),
    ),
    Rule(
        "CW520",
        "An operator set that is newer than this release",
        "The model file is written for a version of ONNX's operators that came out after this release of convwise. Operators change "
        "rarely, and the file is read as if it were of the newest version that is known here. What has changed since is not seen. "
        "Operators given as text are answered for fewer sets, those that onnxruntime runs: an unknown `--release` names them.",
        "Install a newer convwise, or export for an older operator set.",
        Written(
            "import convwise as cw\n"
            "\n"
            "file = bytes.fromhex(  # an .onnx file: Relu, of operator set 40\n"
            '    "08083a330a0c0a0178120179220452656c751201675a1b0a017812160a14080112100a020801"\n'
            '    "0a0208030a0208080a02080962030a017942040a001028")\n'
            "for found in cw.read(file).check():\n"
            '    print(found.level, found.code, found.node or "", found.text)\n',
            "note CW520  operator set 40 is newer than any that is known (28); its nodes are read like those of 28",
            raises=False,
        ),
    ),
    Rule(
        "CW521",
        "The file declares another input",
        "An ONNX file may declare its input with numbers, and onnxruntime then takes no other: a model that was exported for one image of "
        "64 x 64 refuses two of them, and one of 65 x 65. The layers may well take these sizes, which is what the rest of the check is about. "
        "Axes that are declared with a name or with nothing are open. The same holds for a program that torch.export.save wrote, "
        "whose guards refuse other sizes than those that the export fixed, sizes outside the bounds that it was given, and some that it "
        "ruled out itself, such as those that leave one cell somewhere. The legal sizes are those that the layers take: guards are no part of them.",
        "Export the file with open axes (`dynamic_shapes` in PyTorch's export, `None` in Keras's Input), or with the sizes that it is run with.",
        Written(
            "import convwise as cw\n"
            "\n"
            "file = bytes.fromhex(  # an .onnx file: Relu, with an input of 1 x 3 x 8 x 8\n"
            '    "08083a380a0c0a0178120179220452656c7512005a1b0a017812160a14080112100a0208010a"\n'
            '    "0208030a0208080a02080862090a017912040a02080142040a001011")\n'
            "for found in cw.read(file).check((2, 3, 8, 9)):\n"
            '    print(found.level, found.code, found.node or "", found.text)\n',
            "warning CW521 x the file declares 1x3x8x8, and onnxruntime refuses another input: axis 0 is 2 and not 1, axis 3 is 9 and not 8",
            raises=False,
        ),
    ),
    Rule(
        "CW522",
        "A batch of one that runs in evaluation alone",
        "PyTorch normalises with the moments of the batch in training and with stored ones in evaluation. A batch of 1 without spatial "
        "extent has one value a channel, which has no spread: in training PyTorch refuses it, in evaluation it runs. Sizes and "
        "parameters are those of evaluation. It is met behind a global pool, and with the last batch of an epoch.",
        "Train with batches of at least 2 (`drop_last=True` in the DataLoader), and call `model.eval()` before a single image is run.",
        Asked("nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3))", ("1x3x9x9",), command="check"),
    ),
    Rule(
        "CW523",
        "Rows that are no samples",
        "`x.view(-1, 400)` asks for rows of 400 numbers and leaves open how many. Where a sample has 1,600 numbers it becomes four rows, "
        "and the network gives four answers for each image; where it has 256, a batch of 100 images becomes 64 rows, each of parts of two or "
        "three images. Nothing is refused until the loss compares the rows with the labels, if then. It is told where a dense layer reads "
        "the rows and the network's output has as many; where sizes are open it is a note.",
        "Write `x.flatten(1)` or `x.view(x.size(0), -1)`: they keep the batch, and the dense layer then refuses maps of another size.",
        Asked(
            "class Net(nn.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.conv = nn.Conv2d(1, 16, 5)\n"
            "        self.fc = nn.Linear(400, 10)\n"
            "    def forward(self, x):\n"
            "        x = self.conv(x).view(-1, 400)\n"
            "        return self.fc(x)\n",
            ("1x1x14x14",),
            command="check",
        ),
    ),
    Rule(
        "CW524",
        "Options of the command line at their defaults",
        "The text takes numbers from the command line, through `argparse`. Nobody is there to give one, so each option is what "
        "its `default` says, and the answer is that of the program started without options. An option without a default is unknown. "
        "The note names the options that the text reads, also those that no shape depends on.",
        "Write the numbers of your own command line in the place of the defaults, if they are others.",
        Asked(
            "import argparse\n"
            "import torch.nn as nn\n"
            "parser = argparse.ArgumentParser()\n"
            "parser.add_argument('--kernel-size', type=int, default=5)\n"
            "args = parser.parse_args()\n"
            "layer = nn.Conv2d(3, 8, args.kernel_size)",
            ("1x3x32x32",),
        ),
    ),
    Rule(
        "CW525",
        "An error message that is not known",
        "Below the code stands an error message that is none of those that convwise explains. It was taken off the text, and the answer "
        "is what the code alone tells: its layers, their sizes, and where they break. The message may be about something else, such as "
        "the type of the numbers or the targets of the loss.",
        "Read the message beside the sizes of the answer; where it speaks of a shape that the answer does not have, the code is not the "
        "whole of what ran.",
        Asked("conv = nn.Conv2d(3, 8, 3)\ny = conv(torch.zeros(1, 3, 9, 10))\nOSError: no space left on device"),
    ),
)
