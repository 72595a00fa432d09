"""CW3xx: text that cannot be read as layers; CW4xx: live objects."""

from __future__ import annotations

from convwise.rules.base import Asked, Rule, Written

RULES = (
    Rule(
        "CW301",
        "A syntax error",
        "The text is not Python, so no layers can be read from it. The message gives the line, and a caret points to the "
        "place where Python gave up, which is often just after the real mistake: an open bracket or a quote that was "
        "never closed. Text is only parsed, never executed. Prompts (>>>), Markdown fences and line numbers are taken off "
        "first, so pasted sessions are fine.",
        "Look at the caret and just before it. On the command line, put the code in double quotes and use single quotes inside.",
        Asked("Conv2D(32, 3", ("64x64x3",)),
    ),
    Rule(
        "CW302",
        "An unknown layer",
        "No framework that convwise knows has a layer of this name. Upper and lower case count: Keras says Conv2D, PyTorch "
        "says Conv2d. A class of your own is unknown too, because text is read, not executed; but an nn.Module whose "
        "forward is a straight line over known layers is read whole.",
        "Check the spelling; the nearest known name is in the message. For a class of your own, ask about the layers inside it.",
        Asked("Conv2F(32, 3)", ("64x64x3",)),
    ),
    Rule(
        "CW303",
        "An argument is missing",
        "The layer cannot be made without this argument, because it has no default. A PyTorch convolution needs "
        "in_channels, out_channels and kernel_size; a Keras one needs filters and kernel_size, and finds the input "
        "channels by itself. Someone who knows one framework easily gives one number too few in the other.",
        "Add the argument that the message names.",
        Asked("nn.Conv2d(3, 16)", ("3x28x28",)),
    ),
    Rule(
        "CW304",
        "Too many positional arguments",
        "More values were given by position than the layer takes that way. The framework would stop with a TypeError that "
        "counts arguments, but does not say which are meant. Some arguments can be given by name only.",
        "Give the later arguments by name. The line below the message lists them in order.",
        Asked("nn.Flatten(1, 2, 3)", ("3x28x28",)),
    ),
    Rule(
        "CW305",
        "An unknown argument",
        "The layer has no argument of this name in this framework. Usually it is a slip of the keys, and the nearest name "
        "is in the message. A word that another framework uses for the same thing has a code of its own, CW311.",
        "Use the name in the message.",
        Asked("Conv2D(32, kernal_size=3)", ("64x64x3",)),
    ),
    Rule(
        "CW306",
        "An argument is given twice",
        "One argument has two values: by name twice, or once by position and once by name. Python refuses such a call, "
        "and there is no telling which of the two is meant. It easily happens when an argument is added to a call that already gives it by position.",
        "Keep one of the two.",
        Asked("Conv2D(8, 3, kernel_size=5)", ("64x64x3",)),
    ),
    Rule(
        "CW307",
        "No layers in the text",
        "The text was read, but no layer call was found in it. convwise looks for calls such as Conv2D(...), "
        "keras.layers.Conv2D(...), nn.Conv2d(...), for Sequential models, model.add lines and nn.Module classes, and for "
        "pasted print(model) and model.summary() texts. Prose, data loading and training code are passed over. Tables of "
        "torchinfo and torchsummary are named, but not read: they show no kernels, strides and padding.",
        "Give a layer call, or a file or snippet that holds one.",
        Asked("x = 1"),
    ),
    Rule(
        "CW308",
        "Too long, too deep or too complex",
        "Text from anywhere must not be able to hurt: it may come from a web page or a stranger. So there are limits on "
        "its length (128 KiB), on how deep brackets and blocks are nested, on how many steps reading takes, and on how "
        "many layers it makes. No real layer code comes near them; generated or damaged text does.",
        "Give only the part that holds the layers.",
        Asked("[" * 130 + "]" * 130),
    ),
    Rule(
        "CW309",
        "Several layers with inputs of their own",
        "The text holds more than one pair of a layer and its input, as tutorials do that show one variant after the "
        "other. `cw.explain` gives one explanation, so it asks which is meant. `cw.explain_all` and the command line "
        "explain all of them, one after the other.",
        "Call cw.explain_all(text), or pass only the layer you mean.",
        Written(
            "import convwise as cw\n"
            "text = 'Conv2D(32, 3)(Input((64, 64, 3)))\\nConv2D(32, 5)(Input((32, 32, 1)))'\n"
            "cw.explain(text)",
            "2 layer-input pairs, where one is explained at a time [CW309]\n...\n  use explain_all, or give one of them",
        ),
    ),
    Rule(
        "CW310",
        "The input shape is not known",
        "What a layer gives depends on what it gets, and neither the call nor the text around it says what that is. In a "
        "snippet convwise finds the input by itself: input_shape=..., Input(...), torch.randn(...), tf.zeros(...) and the like.",
        "Write the input after the code: 64x64x3 for Keras (height, width, channels), 3x64x64 for PyTorch (channels first).",
        Asked("nn.Flatten()"),
    ),
    Rule(
        "CW311",
        "Another framework's word, or two frameworks mixed",
        "Keras and PyTorch have different words for the same thing: strides and stride, filters and out_channels, "
        "dilation_rate and dilation. The call uses a word of the framework that it is not written in. Python would "
        "refuse it with a TypeError. The same code is given when one chain mixes layers of both.",
        "Use the word in the message; or, if the other framework is meant, write the layer with its name (Conv2D is "
        "Keras, nn.Conv2d is PyTorch).",
        Asked("Conv2D(32, 3, stride=2)", ("64x64x3",)),
    ),
    Rule(
        "CW312",
        "Not text",
        "What was given is not text that can be read: it holds NUL characters or lone surrogates, or the file is not "
        "UTF-8. Usually that is a binary file (a saved model, an archive, an image) or a file in an older encoding. "
        "convwise always decodes as UTF-8 and ignores coding cookies, because a cookie can turn a comment into code.",
        "Save the file as UTF-8, or give the source code instead of the binary file.",
        Written(
            "import convwise as cw\ncw.explain('Conv2D(32, 3)\\0', (64, 64, 3))",
            "the text holds NUL bytes, so it is not source code [CW312]\n  line 1: Conv2D(32, 3)\\x00\n                       ^",
        ),
    ),
    Rule(
        "CW313",
        "A number that is too large or not finite",
        "A number in the text is infinite, not a number, has thousands of digits, or is the result of a computation that "
        "would take longer than the universe lasts, such as 9**9**9. Arithmetic in the text is worked out with limits that are checked before computing. Infinity and nan are refused where a size is meant, because no window has such a size.",
        "Write the number that you mean.",
        Asked("Conv2D(9**9**9, 3)", ("64x64x3",)),
    ),
    Rule(
        "CW314",
        "A value that the text does not give is needed",
        "The layer is written with a name or a computation whose value stands elsewhere: a function's argument, a "
        "configuration, a random number. convwise reads text and never runs it, so it knows only what is written: "
        "literals, names assigned literals, and simple arithmetic of both. Many questions can still be answered with an "
        "unknown (the number of filters does not change the height), but not this one. As a note of a network the code "
        "names what was taken for a number and may be an array, which would have a shape of its own.",
        "Replace the name by its value, or add a line such as `size = 3` to the text.",
        Asked("Conv2D(32, size)", ("64x64x3",)),
    ),
    Rule(
        "CW315",
        "Control flow that is not a straight line",
        "The path through the layers depends on a condition, a loop whose length is not written, or several inputs, so "
        "there is no one chain to explain. convwise follows Sequential models, runs of x = layer(x), and forward methods "
        "that call one layer after the other. Branches, skips and what is no layer are answered by the network, for which `why` needs an "
        "input; what neither can follow ends here. "
        "As a note of a network the code names what could not be followed; what that asks of the input is left out.",
        "Give an input, or ask `convwise inspect`; else ask about the layers one by one, or about the part that is a straight line.",
        Asked(
            "class Net(nn.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.conv = nn.Conv2d(3, 8, 3)\n"
            "    def forward(self, x):\n"
            "        if self.training:\n"
            "            x = self.conv(x)\n"
            "        return x\n",
            ("3x32x32",),
        ),
    ),
    Rule(
        "CW316",
        "An error message instead of code",
        "The text is a traceback: it tells where a program stopped, but not which layers it was made of. Messages about "
        "shapes that do not fit are explained by themselves; for any other convwise needs the layers, and answers those that stand beside it (CW525). If the traceback "
        "quotes a layer's line, that line is worth trying.",
        "Paste the model's code, or what print(model) or model.summary() shows.",
        Asked(
            "Traceback (most recent call last):\n"
            '  File "train.py", line 12, in <module>\n'
            "    y = model(x)\n"
            "KeyError: 'conv1.weight'\n"
        ),
    ),
    Rule(
        "CW317",
        "A layer of the framework that convwise does not know",
        "The framework has this layer, but convwise cannot say what it does to a shape. It knows the layers that "
        "convolutional networks are made of: convolutions, pooling, padding, resizing, reshaping, dense and normalising "
        "layers, activations. Guessing would be worse than saying so.",
        "Ask about the layers before and after it; for the rest of the chain give its output as a new input.",
        Asked("nn.LSTM(10, 20)", ("5x10",)),
    ),
    Rule(
        "CW318",
        "A layer that is made of data instead of being applied to it",
        "A layer's class takes options and gives a layer; the layer takes the data. `nn.ReLU(x)` takes x for the option `inplace` and gives "
        "back a layer, no array, so what follows fails with a message about something else: an argument that must be Tensor, not ReLU, "
        "a tensor that has no boolean value, or an object without `view`. In Keras it is the same with `Flatten(x)`, where `Flatten()(x)` is meant.",
        "Write two pairs of brackets, `nn.MaxPool2d(2)(x)`; where a layer has weights, or drops out, make it once in `__init__` and call "
        "it in `forward`. PyTorch's functions take the data at once: `F.relu(x)`, `F.max_pool2d(x, 2)`.",
        Asked(
            "class Net(nn.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.conv = nn.Conv2d(1, 8, 3)\n"
            "    def forward(self, x):\n"
            "        return nn.ReLU(self.conv(x))\n",
            ("1x9x10",),
        ),
    ),
    Rule(
        "CW401",
        "A live object that is no layer or model",
        "`cw.explain` takes source text, a live Keras or PyTorch layer or model, or a layer of convwise. The object given "
        "is none of these. A class is not a layer yet: it has to be called with its arguments first.",
        "Pass the layer itself, or its source text.",
        Written(
            "import convwise as cw\nimport torch\ncw.explain(torch.zeros(3, 64, 64))",
            "a torch Tensor is no layer or model [CW401]\n  give a torch.nn.Module of known layers, a keras.layers.Layer or a keras.Sequential",
            needs="torch",
        ),
    ),
    Rule(
        "CW402",
        "A live layer of somebody's own making",
        "The object is a layer or a model of a class that convwise does not know, or a model with branches. `explain`, `port` "
        "and `diff` take straight lines of known layers, and run no forward or call to find out what it does. Whole models are "
        "what `convwise.read` is for: it runs the forward of a live PyTorch module, on symbols in place of data, and reads "
        "the config of a live Keras model, branches included.",
        "Read the model: convwise.read(model).trace(shape) tells its layers step by step, .check(shape) what breaks, "
        ".legal_sizes() which sizes work. Or ask about the known layers inside it, or about its source text.",
        Written(
            "import convwise as cw\n"
            "from torch import nn\n"
            "class Odd(nn.Module):\n"
            "    def forward(self, x):\n"
            "        return x[..., ::2]\n"
            "cw.explain(Odd(), (3, 64, 64))",
            "this object is a Odd: a module of your own, whose forward is not run here [CW402]\n"
            "  convwise.read(model).trace(shape) tells its steps, and .check(shape) what breaks; or give its source text",
            needs="torch",
        ),
    ),
)
