"""CW6xx: arguments of convwise's own functions and options; CW901: a bug of ours."""

from __future__ import annotations

from convwise.rules.base import Asked, Rule, Written

RULES = (
    Rule(
        "CW610",
        "An installed framework is needed for this",
        "`convwise diff --real` runs the frameworks themselves, each in a process of its own, with the same weights and the same "
        "input: Keras (on the backend that KERAS_BACKEND names, else on the first that is installed), PyTorch, TensorFlow, JAX with flax, and "
        "ONNX by onnxruntime. That needs them installed where convwise is, and it needs layers that are built from plain arguments: the text "
        "itself is never executed. This framework is missing, failed, or did not answer in time; its own last words are in the message. "
        "Everything else in convwise, the proof by the reference too, needs no framework.",
        "Install the framework, or leave --real out: the reference computes the same layers.",
        Written(
            "import convwise as cw\n"
            "net = cw.read('nn.Conv2d(3, 4, 3)')\n"
            "cw.diff(net, net, (1, 3, 9, 9), real=True).equal",
            "whole networks are not run by the frameworks themselves [CW610]\n"
            "  leave --real out: the reference runs both; or give single layers, or chains",
        ),
    ),
    Rule(
        "CW601",
        "A shape that cannot be read",
        "A shape is written as whole numbers with an x between them: 64x64x3. Commas and brackets, as Python prints "
        "shapes, are read too; an axis whose size is open is None or ?. The text given fits none of these. The order is that "
        "of the framework: height x width x channels in Keras, channels x height x width in PyTorch, with the batch first where you "
        "give one.",
        "Write it like 64x64x3.",
        Asked("Conv2D(32, 3)", ("64xx3",)),
    ),
    Rule(
        "CW602",
        "An unknown dialect",
        "A dialect is how one framework spells and reads layers. convwise has five: keras (which is TensorFlow's tf.keras "
        "too), torch, tensorflow (the functions of tf.nn), jax (jax.lax and flax) and onnx. Normally it is found from the text, and nothing needs to be said. It matters for names that both frameworks have, such as Dropout.",
        "Use --dialect with one of these names, or leave it out.",
        Asked("Conv2D(32, 3)", ("64x64x3",), dialect="caffe"),
    ),
    Rule(
        "CW603",
        "An unknown release",
        "What a framework accepts changes from release to release, and convwise speaks only of releases that were tested. "
        "The release given is not among them. One between two that are known is not answered like either, for nobody looked at which of "
        "the two it takes after; a further number (3.15.1 of 3.15) is taken where the releases of that line are alike.",
        "Use one of the releases in the message, or leave it out: then the newest one holds.",
        Asked("Conv2D(32, 3)", ("64x64x3",), release="1.0"),
    ),
    Rule(
        "CW604",
        "A wanted size that cannot be read",
        "What is wanted is the size of the output without channels and batch: one number for each spatial axis, such as "
        "32x32, or a single number for all of them. The text given is not of that form, has the wrong number of axes, or "
        "asks for a size below 1. The wish never changes the answer, only the suggestions after it.",
        "Write it like --want 32x32.",
        Asked("Conv2D(32, 3)", ("64x64x3",), want="32by32"),
    ),
    Rule(
        "CW605",
        "An array of the wrong kind",
        "A function that runs a layer got an array it cannot take: the wrong number of axes, a shape that does not fit "
        "the weights, or a type of number that convolutions are not computed in. Masked arrays and arrays of objects are "
        "refused, because their meaning would be lost silently.",
        "Convert it with np.asarray(x, dtype=np.float32), and check x.shape against the layout (NCHW or NHWC).",
        Written(
            "import convwise as cw\nimport numpy as np\ncw.conv2d(np.zeros((8, 8)), np.zeros((4, 3, 3, 3)))",
            "x has 2 axes where 3 or 4 are needed [CW605]\n  NCHW, or CHW for one image",
        ),
    ),
    Rule(
        "CW606",
        "An option with a wrong value",
        "An option or an argument of convwise itself was given a value it does not have, or there is no option of that "
        "name. Nothing was computed. On the command line the usage is shown, and --help tells more; in a program, `ask` answers with this code when a request is not of its documented form.",
        "Use one of the values in the message; `convwise --help` shows all.",
        Written(
            "from convwise.ask import answer\nanswer({'command': 'explode'})",
            "no command 'explode' [CW606]\n  there is why, inspect, sizes, check, solve, ...",
        ),
    ),
    Rule(
        "CW607",
        "An unknown algorithm",
        "A convolution can be computed in several ways that give the same numbers, and algorithm= forces one of them by "
        "name. There is none of the name given, or it does not compute this layer here, and the message says why. Without "
        "it the fastest one that fits is taken.",
        "Use one of the names in the message, or leave it out; `convwise plan` shows what runs a layer and why not the others.",
        Written(
            "import convwise as cw\nimport numpy as np\n"
            "cw.conv2d(np.zeros((1, 3, 8, 8)), np.zeros((4, 3, 3, 3)), algorithm='magic')",
            "no algorithm 'magic' [CW607]\n  the algorithms are reference, windows, direct, ..., or None to choose",
        ),
    ),
    Rule(
        "CW608",
        "A file that cannot be read",
        "CODE ends in .py, .ipynb, .md, .markdown or .txt, so it was taken for a file, but the file is not there, may not be read, is not a regular "
        "file, or is too large. Only files of source text are opened, and never more than 128 KiB of them. Text with a bracket in it is always taken for code.",
        "Check the path, or pass the code itself, or - to read it from standard input.",
        Asked("no-such-model.py"),
    ),
    Rule(
        "CW901",
        "A bug of ours",
        "convwise itself failed. That is never your fault: every mistake in the input has a code of its own, and this "
        "is the one for mistakes of ours. No answer was given, so no wrong one was.",
        "Please report it with the command and the code that you gave. CONVWISE_DEBUG=1 shows the traceback, which helps.",
    ),
)
