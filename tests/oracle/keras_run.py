"""The truth about a case: the layer is made and called, eagerly and on a CPU, by Keras itself.

    python keras_run.py COUNT SEED BAD START    one line of JSON for each case from START on

A process of its own, because some layers kill it: AdaptiveMaxPooling1D((1,)) on (1, 11, 2) divides by zero in TensorFlow.
"""

from __future__ import annotations

import json
import os
import re
import sys
import warnings
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
from keras_cases import Case, cases
from keras_compare import Outcome

from convwise.dialects.base import Call

ANSI = re.compile(r"\x1b\[[0-9;]*m")
PREFIX = re.compile(r"^Exception encountered when calling \w+\(?\)?\.call\(\)\.$")
NODE = re.compile(r"\{\{function_node [^}]*\}\} ?")


def live(value: Any) -> Any:
    """A value of a case as Keras takes it: calls become layers."""
    if isinstance(value, Call):
        return getattr(keras.layers, value.kind)(*value.args, **dict(value.kwargs))
    return value


def words_of(error: BaseException) -> str:
    lines = [NODE.sub("", ANSI.sub("", line)).strip() for line in str(error).splitlines()]
    return f"{type(error).__name__}: " + " ".join(line for line in lines if line and not PREFIX.match(line))


def run(case: Case) -> Outcome:
    """Keras's answer; where it refuses, its words, those of a symbolic call included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            layer = getattr(keras.layers, case.kind)(
                *map(live, case.args), **{name: live(value) for name, value in case.kwargs}
            )
        except Exception as error:  # whatever Keras raises is the answer
            return Outcome(None, words=words_of(error), first=words_of(error))
        try:
            output = tuple(int(size) for size in layer(np.zeros(case.input, "float32")).shape)
        except Exception as error:
            first = words_of(error)
            return Outcome(None, words=f"{first} || {_symbolic(case, layer)}", first=first)
        if 0 in output and 0 not in case.input:
            return Outcome(None, words=_symbolic(case, layer), first=f"an output without cells: {output}")
        return Outcome(output, layer.count_params())


def _symbolic(case: Case, layer: Any) -> str:
    found = []
    try:
        layer.compute_output_shape(case.input)
    except Exception as error:
        found.append(words_of(error))
    try:
        layer(keras.KerasTensor(case.input))
    except Exception as error:
        found.append(words_of(error))
    return " || ".join(found)


def main(count: str, seed: str, bad: str, start: str) -> None:
    # TensorFlow writes to the same stream; only our lines go out.
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for case in cases(int(count), int(seed), float(bad))[int(start) :]:
        found = run(case)
        print(json.dumps([found.output, found.params, found.words, found.first]), file=lines, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
