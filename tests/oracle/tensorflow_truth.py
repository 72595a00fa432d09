"""What TensorFlow answers: its shape inference, and where that takes the call, a run on zeros.

Either may refuse what the other takes: shape inference lets wrong channels of a gradient pass, and a run gives back its
input where a window does not fit (or kills the process), so that only a call that both take is taken.
"""

from __future__ import annotations

import tensorflow as tf
from dialect_cases import Case, Truth, Value

from convwise.dialects.base import Array

FUNCTIONS = {
    "tf.pad": tf.pad,
    "tf.reshape": tf.reshape,
    "tf.transpose": tf.transpose,
    "tf.identity": tf.identity,
    "tf.reduce_mean": tf.reduce_mean,
    "tf.reduce_max": tf.reduce_max,
    "tf.matmul": tf.matmul,
}


def function(kind: str):
    return FUNCTIONS.get(kind) or vars(tf.nn)[kind.removeprefix("tf.nn.")]


def real(value: Value) -> Value:
    if isinstance(value, Array):
        return tf.zeros(value.shape)
    return [real(item) for item in value] if isinstance(value, tuple) else value


def _said_at_once(case: Case, words: str) -> str:
    """What the run says that shape inference refuses in other words; some such runs kill the process."""
    if 0 in case.shape or words.startswith(("Negative dimension", "Shape must", "Dimension must")):
        return ""
    try:
        arguments = {name: real(value) for name, value in case.kwargs}
        function(case.kind)(tf.zeros(case.shape), *map(real, case.args), **arguments)
    except Exception as error:
        return str(error)
    return ""


def run(case: Case) -> Truth:
    call = function(case.kind)
    try:
        with tf.Graph().as_default():
            data = tf.compat.v1.placeholder(tf.float32, case.shape)
            output = call(data, *map(real, case.args), **{name: real(value) for name, value in case.kwargs})
            static = tuple(output.shape)
    except Exception as error:
        return Truth(None, f"{error}\n{_said_at_once(case, str(error))}")
    if 0 in case.shape:
        return Truth(static)  # a run on no data gives back its input
    try:
        output = call(tf.zeros(case.shape), *map(real, case.args), **{name: real(value) for name, value in case.kwargs})
    except Exception as error:
        return Truth(None, str(error))
    return Truth(tuple(output.shape))
