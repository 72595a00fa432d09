"""From a configuration to a network against Keras: `python bench/keras_files.py [NAME ...]`. Medians of one run, side by side.

For each model of keras.applications: Keras's `model_from_json`, our `read_keras_json`, and with a trace of all shapes at the model's own
size; then the same from a .keras file against `keras.saving.load_model`; and how reading grows with the number of layers. Random weights.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

from convwise.answers.network.flowing import run
from convwise.readers.keras_files import read_keras_file, read_keras_json

NAMES = ("VGG16", "ResNet50", "MobileNetV2", "EfficientNetB0", "DenseNet121", "ConvNeXtTiny", "NASNetMobile")


def median(work: Callable[[], object], repeat: int) -> float:
    """Milliseconds of one call, after one that does not count."""
    work()
    rounds = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        rounds.append((time.perf_counter() - start) * 1e3)
    return statistics.median(rounds)


def chain(length: int) -> str:
    """A functional model of `length` convolutions one after the other, as JSON."""
    image = {"name": "x", "batch_shape": [None, 64, 48, 3]}
    layers: list[dict[str, Any]] = [{"class_name": "InputLayer", "config": image, "name": "x", "inbound_nodes": []}]
    for number in range(length):
        tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": [layers[-1]["name"], 0, 0]}}
        config = {"name": f"c{number}", "filters": 3, "kernel_size": [3, 3], "padding": "same"}
        node = {"args": [tensor], "kwargs": {}}
        layers.append({"class_name": "Conv2D", "config": config, "name": config["name"], "inbound_nodes": [node]})
    ends = {"input_layers": ["x", 0, 0], "output_layers": [f"c{length - 1}", 0, 0]}
    return json.dumps({"class_name": "Functional", "config": {"name": "chain", "layers": layers, **ends}})


def models(names: tuple[str, ...]) -> None:
    import keras

    print(f"{'milliseconds':20s} {'Keras JSON':>11s} {'convwise':>9s} {'+ shapes':>9s} {'faster':>7s}", end="")
    print(f" {'Keras .keras':>13s} {'convwise':>9s} {'faster':>7s} {'us/node':>8s}")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            keras.backend.clear_session()
            model = vars(keras.applications)[name](weights=None)
            text, path = model.to_json(), Path(folder) / f"{name}.keras"
            model.save(path)
            theirs = median(lambda text=text: keras.models.model_from_json(text), 3)
            ours = median(lambda text=text: read_keras_json(text), 15)
            shaped = median(lambda text=text: run(read_keras_json(text)), 15)
            loaded = median(lambda path=path: keras.saving.load_model(path), 3)
            filed = median(lambda path=path: read_keras_file(path), 15)
            path.unlink()
            nodes = len(read_keras_json(text).nodes)
            print(f"{name:20s} {theirs:11.1f} {ours:9.1f} {shaped:9.1f} {theirs / shaped:6.1f}x", end="")
            print(f" {loaded:13.1f} {filed:9.1f} {loaded / filed:6.1f}x {ours / nodes * 1e3:8.1f}", flush=True)


def growth() -> None:
    print("\nlayers      read, ms   us a layer")
    for length in (100, 1_000, 10_000, 90_000):
        text = chain(length)
        taken = median(lambda text=text: read_keras_json(text), 3)
        print(f"{length:7,d} {taken:12.1f} {taken / length * 1e3:12.1f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="models of keras.applications")
    models(tuple(parser.parse_args().names) or NAMES)
    growth()
