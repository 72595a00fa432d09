"""A child process that builds layers of an installed framework from their names and arguments, runs them once, and ends.

`python -m convwise.proofs.child FOLDER` reads plan.json and in.npz there and writes out.npy; the versions go to standard output.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np


def main(folder: str) -> None:
    """Run the plan of the folder."""
    plan = json.loads((Path(folder) / "plan.json").read_text(encoding="utf-8"))
    with np.load(Path(folder) / "in.npz", allow_pickle=False) as arrays:
        x = arrays["x"]
        held = [arrays[f"w{number}"] for number in range(len(arrays.files) - 1)]
    runner = _torch if plan["dialect"] == "torch" else _keras
    output, versions = runner(plan, x, held)
    np.save(Path(folder) / "out.npy", output)
    print(versions)


def _torch(plan: dict[str, Any], x: Any, held: list[Any]) -> tuple[Any, str]:
    torch = import_module("torch")
    names = vars(torch.nn)
    layers = [names[kind](**_tuples(arguments)) for kind, arguments in plan["plan"]]
    model = torch.nn.Sequential(*layers)
    model.train(False)
    value = torch.from_numpy(x)
    with torch.no_grad():
        model(value)  # lazy layers make their weights
        rest = iter(held)
        for name, own in model.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                own.copy_(torch.from_numpy(next(rest)))
        return model(value).numpy(), f"torch {torch.__version__}"


def _keras(plan: dict[str, Any], x: Any, held: list[Any]) -> tuple[Any, str]:
    keras = import_module("keras")
    names = vars(keras.layers)
    layers = [names[kind](**_known(arguments)) for kind, arguments in plan["plan"]]
    model = keras.Sequential([keras.Input(x.shape[1:]), *layers])
    weights = [one for one in model.weights if "seed_generator" not in one.path]
    for variable, value in zip(weights, held, strict=True):
        variable.assign(value)
    backend = import_module("tensorflow").__version__
    return np.asarray(model(x, training=False)), f"keras {keras.__version__} on tensorflow {backend}"


def _tuples(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in arguments.items()}


def _known(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments that are set; an old release's None for what it never had is left out."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in arguments.items()
        if value is not None
    }


if __name__ == "__main__":
    main(sys.argv[1])
