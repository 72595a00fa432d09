"""A child process that builds layers of an installed framework from their names and arguments, runs them once, and ends.

`python -P -m convwise.proofs.child FOLDER` reads plan.json and in.npz there and writes out.npy; the versions go to standard output.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from convwise.proofs.child_functions import run_jax, run_tensorflow
from convwise.proofs.child_nodes import run_onnx


def main(folder: str) -> None:
    """Run the plan of the folder."""
    plan = json.loads((Path(folder) / "plan.json").read_text(encoding="utf-8"))
    with np.load(Path(folder) / "in.npz", allow_pickle=False) as arrays:
        x = arrays["x"]
        held = [arrays[f"w{number}"] for number in range(len(arrays.files) - 1)]
    output, versions = RUNNERS[plan["dialect"]](plan["layers"], x, held)
    np.save(Path(folder) / "out.npy", output)
    print(versions)


def run_torch(layers: Sequence[Mapping[str, Any]], x: Any, held: list[Any]) -> tuple[Any, str]:
    """Modules of torch.nn, one after the other, in inference."""
    torch = import_module("torch")
    names = vars(torch.nn)
    model = torch.nn.Sequential(*(names[layer["kind"]](**_tuples(layer["arguments"])) for layer in layers))
    model.train(False)
    value = torch.from_numpy(x)
    with torch.no_grad():
        model(value)  # lazy layers make their weights
        rest = iter(held)
        for name, own in model.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                own.copy_(torch.from_numpy(next(rest)))
        return model(value).numpy(), f"torch {torch.__version__}"


BACKENDS = ("tensorflow", "jax", "torch")
"""What Keras can run on; the first that is installed, unless KERAS_BACKEND names one."""


def run_keras(layers: Sequence[Mapping[str, Any]], x: Any, held: list[Any]) -> tuple[Any, str]:
    """Layers of keras.layers, one after the other, in inference."""
    backend = os.environ.get("KERAS_BACKEND") or next((name for name in BACKENDS if find_spec(name)), "tensorflow")
    os.environ["KERAS_BACKEND"] = backend
    keras = import_module("keras")
    model = keras.Sequential([keras.Input(x.shape[1:]), *(_keras_layer(keras, layer) for layer in layers)])
    weights = [one for one in model.weights if "seed_generator" not in one.path]
    for variable, value in zip(weights, held, strict=True):
        variable.assign(value)
    output = keras.ops.convert_to_numpy(model(x, training=False))
    return output, f"keras {keras.__version__} on {backend} {sys.modules[backend].__version__}"


def _keras_layer(keras: Any, layer: Mapping[str, Any]) -> Any:
    """The layer; an argument may be a layer too, such as an activation. An old release's None for what it never had is left out."""
    made = {}
    for name, value in layer["arguments"].items():
        if isinstance(value, dict) and "kind" in value:
            made[name] = _keras_layer(keras, value)
        elif value is not None:
            made[name] = tuple(value) if isinstance(value, list) else value
    return vars(keras.layers)[layer["kind"]](**made)


def _tuples(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in arguments.items()}


RUNNERS = {"torch": run_torch, "keras": run_keras, "tensorflow": run_tensorflow, "jax": run_jax, "onnx": run_onnx}

if __name__ == "__main__":
    main(sys.argv[1])
