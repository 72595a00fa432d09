"""Every model of keras.applications against Keras itself: `python tests/oracle/sweep_keras_applications.py [NAME ...]`.

For each, with random weights: the shape that every layer and op gives and every layer's parameters at the model's own size; then without
its top, made for open sizes, the same at two odd sizes. The configuration goes through JSON and, at the end, once through get_config.
"""

from __future__ import annotations

import os
import sys
import time
from math import prod
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from convwise.answers.network.flowing import Run, run
from convwise.errors import ShapeError
from convwise.graph import Network
from convwise.readers.keras_files import read_keras_json, read_live_keras

SIZES = ((203, 310), (331, 257))
"""Odd and even, different per axis, and large enough for the deepest of them."""


def names() -> list[str]:
    import keras

    return sorted(name for name, value in vars(keras.applications).items() if name[0].isupper() and callable(value))


def differences(model: Any, found: Run, shape: tuple[int | None, ...] | None = None) -> list[str]:
    """What our run and Keras say differently of the model on an input of `shape`; None: as it was made."""
    wrong = []
    for name, wanted in keras_shapes(model, shape).items():
        ours = shape_of(found, name)
        if ours != wanted:
            wrong.append(f"{name}: {ours}, Keras {wanted}")
    for layer in model.layers:
        steps = [step for step in found.nodes if step.node.module.partition(".")[0] == layer.name]
        counted = sum(step.params if step.params is not None else -(10**18) for step in steps)
        if counted != layer.count_params():
            wrong.append(f"{layer.name}: {counted} parameters, Keras {layer.count_params()}")
    trained = sum(step.trainable if step.trainable is not None else -(10**18) for step in found.nodes)
    wanted = sum(prod(weight.shape) for weight in model.trainable_weights)
    if trained != wanted:
        wrong.append(f"{trained} trained parameters, Keras {wanted}")
    return wrong


def keras_shapes(model: Any, shape: tuple[int | None, ...] | None) -> dict[str, tuple[int | None, ...]]:
    """What every layer and op of a model with one input gives, by name, without running it."""
    import keras

    tensors = {op.name: op.output for op in model.operations if not isinstance(op.output, list | tuple | dict)}
    if shape is None:
        return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    everything = keras.Model(model.inputs, list(tensors.values()))
    given = keras.KerasTensor(shape)
    return {name: tuple(spec.shape) for name, spec in zip(tensors, everything.compute_output_spec(given), strict=True)}


def shape_of(found: Run, name: str) -> tuple[int | None, ...] | None:
    """The shape that the layer gives; of a nested model, what its last node gives."""
    if name in found.shapes:
        return found.shapes[name]
    inner = [step for step in found.nodes if step.node.module.startswith(f"{name}.")]
    return inner[-1].outputs[0] if inner else None


def check(name: str) -> tuple[list[str], int]:
    """The differences of one model, and how many shapes were compared."""
    import keras

    make = vars(keras.applications)[name]
    model = make(weights=None)
    network = read_keras_json(model.to_json())
    wrong = differences(model, run(network))
    live = read_live_keras(model)
    if live is None or (live.nodes, live.sources, live.outputs) != (network.nodes, network.sources, network.outputs):
        wrong.append("the live model is read in another way than its JSON")
    compared = len(network.nodes)
    model = make(weights=None, include_top=False, input_shape=(None, None, 3))
    network = read_keras_json(model.to_json())
    for height, width in SIZES:
        shape = (None, height, width, 3)
        lines = at_size(model, network, shape)
        if lines is None:
            # NASNet's paddings are right for one size only: both refuse this one, so it is made again for it.
            fixed = make(weights=None, include_top=False, input_shape=shape[1:])
            lines = differences(fixed, run(read_keras_json(fixed.to_json())))
        wrong += [f"{height} x {width}: {line}" for line in lines]
        compared += len(network.nodes)
    return wrong, compared


def at_size(model: Any, network: Network, shape: tuple[int | None, ...]) -> list[str] | None:
    """The differences at another size; None where both refuse it."""
    try:
        found = run(network, shape)
    except ShapeError as error:
        try:
            keras_shapes(model, shape)
        except ValueError:
            return None
        return [f"refused, and Keras takes it: {error}"]
    return differences(model, found, shape)


def main(wanted: list[str]) -> int:
    failed = total = 0
    for name in wanted or names():
        start = time.perf_counter()
        process = os.fork()
        if process == 0:
            wrong, compared = check(name)
            print(
                f"{name:20s} {compared:6d} shapes, {len(wrong)} wrong, {time.perf_counter() - start:5.1f} s", flush=True
            )
            for line in wrong[:10]:
                print(f"    {line}", flush=True)
            os._exit(1 if wrong else 0)
        total += 1
        failed += os.wait()[1] != 0
    print(f"{total} models, {failed} with differences")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
