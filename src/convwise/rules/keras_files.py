"""CW41x: Keras files (.keras, model.to_json(), .h5) that cannot be read."""

from __future__ import annotations

from convwise.rules.base import Rule, Written

READ = "from convwise.readers.keras_files import read_keras_config, read_keras_file\n"
CHANGED = "the file was changed or cut; save the model again"

RULES = (
    Rule(
        "CW411",
        "A file that is no Keras model",
        "What a file is, is told by its content and not by its name: a zip archive with a config.json (.keras), an HDF5 file (.h5), or the "
        "JSON text that model.to_json() returns. This one is none of them, or holds something that is no model, such as a single layer. "
        "Pickles are never opened, and the code of a model of your own class is never run.",
        "Give a file that model.save wrote, or the text of model.to_json().",
        Written(
            f"{READ}read_keras_file(b'')",
            "the file is empty [CW411]\n  give a .keras or .h5 file that model.save wrote, or what model.to_json() returned",
        ),
    ),
    Rule(
        "CW412",
        "A damaged .keras archive",
        "A .keras file is a zip archive, of which only config.json is read. Here the archive contradicts itself: it is cut off, "
        "names a member twice, has a wrong checksum, or is packed so that a small file would fill the memory. Such an archive may show "
        "one model to one reader and another to the next, so it is refused as a whole. Nothing was unpacked to the disk.",
        "Copy the file again, or save the model again with model.save('name.keras').",
        Written(
            f"{READ}read_keras_file(b'PK' + bytes([3, 4]) + bytes(40))",
            "the archive has no end record: the file is cut off [CW412]\n  save the model again with model.save('name.keras')",
        ),
    ),
    Rule(
        "CW413",
        "JSON that cannot be read",
        "A model's configuration is JSON text. This one is no JSON, or it is beyond a limit that no real model comes near: 64 MiB, two million "
        "values, 400 brackets inside each other, integers of 30 digits. An object that has a key twice is refused too, because readers differ on "
        "which of them holds. The message tells the line and column where there is one.",
        "Write the file with model.to_json(), without editing it.",
        Written(
            READ + """read_keras_file(b'{"class_name": "Sequential", ')""",
            "line 1, column 30: this is no JSON (Expecting property name enclosed in double quotes) [CW413]\n"
            "  give what model.to_json() returned, or a file that model.save wrote",
        ),
    ),
    Rule(
        "CW414",
        "A configuration that is not of Keras's form",
        "Keras writes a model as objects with a class_name, a config and the calls of each layer. At the place in the message something of that is "
        "missing or of another type, or a layer lacks an argument that it cannot do without. The place is written as a path: "
        "config.layers[3] is the fourth layer.",
        "Save the model again with the Keras that made it, and do not edit the file.",
        Written(
            READ + "read_keras_config({'class_name': 'Sequential', 'config': {'layers': 3}})",
            "config: 'layers' is a number where a list is needed [CW414]\n  save the model again with the Keras that made it",
        ),
    ),
    Rule(
        "CW415",
        "Layers that do not fit together",
        "Each layer of a functional model names the layers whose output it reads. Here a name is not there or there twice, a call or an output is "
        "asked for that does not exist, or layers wait for each other in a circle. Keras writes no such file; "
        "it was changed, cut, or put together by hand.",
        "Save the model again, or mend the place that the message names.",
        Written(
            READ
            + "image = {'class_name': 'InputLayer', 'config': {'name': 'x', 'batch_shape': [None, 8, 8, 3]}, 'name': 'x'}\n"
            "ends = {'input_layers': ['x', 0, 0], 'output_layers': ['y', 0, 0]}\n"
            "read_keras_config({'class_name': 'Functional', 'config': {'layers': [image], **ends}})",
            f"config: a tensor comes from layer 'y', and there is none of that name [CW415]\n  {CHANGED}",
        ),
    ),
    Rule(
        "CW416",
        "A model that is too large or too deep",
        "Models may hold models, and one that is used twice counts twice. At most 64 of them may stand inside each other, with at most "
        "100,000 layer calls together; the largest published networks have about 1,000. The limits keep a small hostile file "
        "from taking all time and memory.",
        "Give a part of the model.",
        Written(
            READ + "model = {'class_name': 'Sequential', 'config': {'name': 'm', 'layers': []}}\n"
            "shape = {'build_input_shape': [None, 8, 8, 3]}\n"
            "for _ in range(65):\n"
            "    model = {'class_name': 'Sequential', 'config': {'name': 'm', 'layers': [model], **shape}}\n"
            "read_keras_config(model)",
            f"config{'.layers[0].config' * 64}: models are nested more than 64 deep [CW416]\n  give a part of the model",
        ),
    ),
    Rule(
        "CW417",
        "A model without an input shape",
        "A Sequential model that was saved before it was built or called does not know its input's shape. Where its first layer takes a "
        "certain number of axes, all of them are left open; here it does not, so that not even their number is known.",
        "Save the model after building it, or say the shape with input_shape=(None, 28, 28, 1), the batch included.",
        Written(
            READ + "flat = {'class_name': 'Flatten', 'config': {'name': 'flat'}}\n"
            "read_keras_config({'class_name': 'Sequential', 'config': {'layers': [flat]}})",
            "config: the model was saved before it was built, so its input's shape is not in the file [CW417]\n"
            "  give input_shape=, with the batch, or save the model after building it",
        ),
    ),
    Rule(
        "CW418",
        "A legacy .h5 file without h5py",
        "Files of HDF5, in which Keras saved models before the .keras format, are read with the h5py package. It is not installed. "
        "Everything else works without it, and only the configuration of the model would be read with it.",
        "pip install 'convwise[h5]', or save the model as .keras.",
        Written(
            # What reading any .h5 file ends in where h5py is missing.
            "from convwise.readers.keras_files.hdf5 import no_library\nraise no_library()",
            "reading a legacy .h5 file takes h5py, which is not installed [CW418]\n"
            "  pip install 'convwise[h5]', or save the model as .keras or its model.to_json() as a .json file",
        ),
    ),
    Rule(
        "CW419",
        "A legacy .h5 file that cannot be read",
        "The HDF5 library can crash or hang on a damaged file, so it runs in a process of its own, with limits of time and memory. That process found "
        "the file damaged, did not end well, or found no attribute model_config. The last is so for files of weights alone.",
        "Save the whole model with model.save, as .keras if you can.",
        Written(
            f"{READ}read_keras_file(b'\\x89HDF\\r\\n\\x1a\\n' + bytes(100))",
            "this .h5 file is damaged: ... [CW419]\n  save the model again, as .keras or its model.to_json() as a .json file",
            needs="h5py",
        ),
    ),
)
