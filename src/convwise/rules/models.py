"""CW403 to CW410: .onnx and .tflite files that cannot be read."""

from __future__ import annotations

from convwise.rules.base import Rule, Written

RULES = (
    Rule(
        "CW403",
        "Not an ONNX or TensorFlow Lite model",
        "The bytes are not those of a model: the file is empty, of another kind, or has no graph. The kind is found by "
        "content, not by the name's ending. An empty file would be a valid message of the format underneath, but a network "
        "without nodes and outputs is never what was meant.",
        "Give the path of the .onnx or .tflite file itself. Where Git LFS keeps it, fetch it with git lfs pull.",
        Written(
            'from convwise.readers.onnx import read_onnx\nread_onnx(b"PK\\x03\\x04")',
            "this is a zip archive (.keras, .pt, .pt2 and .npz files are), not an ONNX model [CW403]",
        ),
    ),
    Rule(
        "CW404",
        "A model file that is cut off",
        "A field says that it is longer than what is left of the file, or the operator sets that follow the graph are missing. "
        "The message gives the byte where the field starts, where it would end, and the size of the file. Half a file is never "
        "read as a smaller network.",
        "Download or export the model again, and compare the sizes.",
        Written(
            "from convwise.readers.onnx import read_onnx\nread_onnx(b'\\x08\\x08:\\x18\\n\\x0c\\n\\x01x\\x12\\x01y\"\\x04ReluZ\\x03')",
            "byte 2: ModelProto.graph is cut off [CW404]\n  it would end at byte 28, the file has 20\n  fetch or write the file again",
        ),
    ),
    Rule(
        "CW405",
        "A model file beyond a limit",
        "The file holds more than convwise reads: nodes, names, graphs inside graphs, axes, or elements of one tensor. A few megabytes "
        "can be made to fill all memory, so every limit stands in front of the work that it bounds. Real networks stay far "
        "below each of them; the size of the weights has no limit.",
        "If the model is a real one, please report it with the message.",
        Written(
            "from convwise.readers.onnx import read_onnx\nread_onnx(b'\\x08\\x08:-\\n\\x0c\\n\\x01x\\x12\\x01y\"\\x04Relu*\\x13\\x08\\x80\\x80\\x80\\x80\\x80\\x80\\x80\\x80@\\x08\\x04\\x10\\x01B\\x01wp\\x01Z\\x03\\n\\x01xb\\x03\\n\\x01yB\\x02\\x10\\x11')",
            "tensor 0 of the file: byte 20: tensor 'w' has 4611686018427387904 x 4 elements, more than 2**63 - 1 [CW405]\n  real networks stay far below this limit; the file was made to be hard to read",
        ),
    ),
    Rule(
        "CW406",
        "A malformed model file",
        "The file breaks the rules of its own format at the byte in the message: a field of the wrong type or given twice, an attribute "
        "that holds something else than its type says, a tensor with more or less data than its dims ask for. Other readers may "
        "take such a file, and two of them may see two different networks. So it is refused, with the node or tensor named.",
        "Export the model again; if the exporter writes it so, report it there.",
        Written(
            "from convwise.readers.onnx import read_onnx\nread_onnx(b'\\x08\\x08:&\\n\\x0c\\n\\x01x\\x12\\x01y\"\\x04Relu*\\x0c\\x08\\x04\\x10\\x01B\\x01wJ\\x03abcZ\\x03\\n\\x01xb\\x03\\n\\x01yB\\x02\\x10\\x11')",
            "tensor 0 of the file: byte 20: tensor 'w' (4) needs 16 bytes of raw_data, the file holds 3 [CW406]",
        ),
    ),
    Rule(
        "CW407",
        "Something in a model file that convwise does not know",
        "The file uses a part of the format that is newer than this release, such as an element type that it has no size for, or one that "
        "no runtime reads. Without its meaning the sizes of the data cannot be checked. Unknown operators are another matter: they "
        "are read.",
        "Install a newer convwise, or export for an older operator set.",
        Written(
            "from convwise.readers.onnx import read_onnx\nread_onnx(b'\\x08\\x08:\\'\\n\\x0c\\n\\x01x\\x12\\x01y\"\\x04Relu*\\r\\x08\\x04\\x10cB\\x01wJ\\x04abcdZ\\x03\\n\\x01xb\\x03\\n\\x01yB\\x02\\x10\\x11')",
            "tensor 0 of the file: byte 22: 99 is not an element type of ONNX [CW407]\n  the newest known one is 28",
        ),
    ),
    Rule(
        "CW408",
        "Names in a model file that do not belong together",
        "In ONNX every name is made once: by an input, a stored tensor, or one node. The file makes one twice, gives an attribute or an "
        "operator set twice, or has a function that calls itself. Readers differ in which of two they take. "
        "An input and a stored tensor of the same name are no conflict: the tensor is the input's default.",
        "Export the model again, or rename one of the two.",
        Written(
            "from convwise.readers.onnx import read_onnx\nread_onnx(b'\\x08\\x08:&\\n\\x0c\\n\\x01x\\x12\\x01y\"\\x04Relu\\n\\x0c\\n\\x01x\\x12\\x01y\"\\x04TanhZ\\x03\\n\\x01xb\\x03\\n\\x01yB\\x02\\x10\\x11')",
            "node 1 (Tanh): byte 20: it writes 'y', which is written by node 0 (Relu) already [CW408]\n  in ONNX every name is made once",
        ),
    ),
    Rule(
        "CW409",
        "A model file that cannot be opened",
        "The path is not there, may not be read, or is no regular file. Folders, pipes and devices are not opened as models; "
        "a pipe could block for ever. A file that another program shortens while it is read ends in this error too.",
        "Check the path and its permissions.",
        Written(
            'from convwise.readers.onnx import read_onnx\nread_onnx("no-such-model.onnx")',
            "'no-such-model.onnx' cannot be read: No such file or directory [CW409]\n  give the path of a model file",
        ),
    ),
    Rule(
        "CW410",
        "An input that does not say how many axes it has",
        "A model file may leave the shape of an input open altogether, even the number of its axes. Without it nobody can tell which axis "
        "is the height, and nothing behind the input can be followed. A shape that is given by hand takes the place of the missing one.",
        "Give the shape of the input, with None for the sizes that stay free.",
        Written(
            "from convwise.readers.onnx import read_onnx\nfrom convwise.readers.onnx_network import onnx_network\nonnx_network(read_onnx(b'\\x08\\x08:\\x18\\n\\x0c\\n\\x01x\\x12\\x01y\"\\x04ReluZ\\x03\\n\\x01xb\\x03\\n\\x01yB\\x02\\x10\\x11'))",
            "input 'x' does not say how many axes it has [CW410]\n  give its shape as input_shape",
        ),
    ),
)
