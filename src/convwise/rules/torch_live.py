"""The codes of live PyTorch modules read as networks."""

from __future__ import annotations

from convwise.rules.base import Rule, Written

RULES = (
    Rule(
        "CW421",
        "A live model that is not read, or not all of it",
        "A live PyTorch module is read by running its forward on symbols in place of data: sizes stay open, and no tensor is ever "
        "computed. (Text and files are never executed.) That ends where the code asks for the values of a tensor, and where it gives no tensor. As a note "
        "the same code says what the network does not show: steps that convwise does not know, hooks, which it never "
        "runs, and parameters that this forward does not use, such as an auxiliary head in evaluation mode.",
        "Read the part of the model that takes and gives tensors, or export it to ONNX and read the file.",
        Written(
            "import convwise as cw\n"
            "from torch import nn\n"
            "class Score(nn.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.conv = nn.Conv2d(3, 8, 3)\n"
            "    def forward(self, x):\n"
            "        return float(self.conv(x).mean())\n"
            "cw.read(Score(), input_shape=(3, 64, 64))",
            "the forward of Score cannot be read [CW421]\n"
            "  the forward asks for the value of 'conv.mean()'\n"
            "  give a part of it that takes and gives tensors, or export it to ONNX and read the file",
            needs="torch",
        ),
    ),
    Rule(
        "CW422",
        "A forward whose code asks for sizes",
        "The forward looks at a size in a way that only a number answers: a condition such as `if x.shape != y.shape`, "
        "a loop over a size, a size turned into an integer. Without an input shape the question has no answer. With "
        "one, the network is that of this shape: every answer is told as a note, because another size may take "
        "another way. An `assert` or a `raise` on sizes is such a question too, unless it asks for one number. "
        "Sizes that are only handed on, as in `F.interpolate(x, size=y.shape[2:])`, stay open and need nothing.",
        "Give `input_shape=` with the size that you mean.",
        Written(
            "import convwise as cw\n"
            "from torch import nn\n"
            "class Halving(nn.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.pool = nn.MaxPool2d(2)\n"
            "        self.conv = nn.Conv2d(3, 8, 3)\n"
            "    def forward(self, x):\n"
            "        while x.shape[2] > 16:\n"
            "            x = self.pool(x)\n"
            "        return self.conv(x)\n"
            "cw.read(Halving())",
            "the forward of Halving cannot be read without an input shape [CW422]\n"
            "  'x.shape[2] > 16' decides which way the forward goes\n"
            "  give input_shape=, such as (1, 3, 224, 224)",
            needs="torch",
        ),
    ),
)
