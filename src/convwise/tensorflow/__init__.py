"""The few names of TensorFlow that snippets around Keras use, on NumPy arrays.

import convwise.tensorflow as tf

tf.keras.layers.Conv2D(32, 3)(tf.random.normal((1, 64, 64, 3))).shape
"""

from __future__ import annotations

import numpy as np

from convwise.keras.symbolic import KerasTensor
from convwise.keras.tensor import Tensor, TensorShape
from convwise.keras.variables import Variable
from convwise.tensorflow import keras, math, nn, random
from convwise.tensorflow.functions import (
    argmax,
    cast,
    concat,
    constant,
    convert_to_tensor,
    expand_dims,
    eye,
    fill,
    ones,
    ones_like,
    pad,
    range,
    reshape,
    shape,
    squeeze,
    stack,
    transpose,
    zeros,
    zeros_like,
)
from convwise.tensorflow.math import (
    abs,
    add,
    multiply,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_sum,
    sqrt,
    square,
    subtract,
)

float16, float32, float64 = np.float16, np.float32, np.float64
int8, int16, int32, int64, uint8 = np.int8, np.int16, np.int32, np.int64, np.uint8
bool = np.bool_

__all__ = [
    "KerasTensor",
    "Tensor",
    "TensorShape",
    "Variable",
    "abs",
    "add",
    "argmax",
    "bool",
    "cast",
    "concat",
    "constant",
    "convert_to_tensor",
    "expand_dims",
    "eye",
    "fill",
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "keras",
    "math",
    "multiply",
    "nn",
    "ones",
    "ones_like",
    "pad",
    "random",
    "range",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_sum",
    "reshape",
    "shape",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "subtract",
    "transpose",
    "uint8",
    "zeros",
    "zeros_like",
]
