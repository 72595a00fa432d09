"""The same layer in Keras's and PyTorch's words: equal shapes, windows shifted by one cell, and the line that makes them equal.

    python examples/shifted_by_one.py

Both frameworks' names run on NumPy here; with the imports changed to `keras` and `torch` the numbers are the same.
"""

from __future__ import annotations

import numpy as np

import convwise.keras as keras
import convwise.torch as torch
import convwise.torch.nn as nn


def main() -> None:
    row = np.arange(1, 9, dtype=np.float32)
    kernel = np.array([1, 10, 100], np.float32)
    print(f"row     {row.astype(int).tolist()}")
    print(
        f"kernel  {kernel.astype(int).tolist()}, stride 2: each number below shows which three cells its window saw\n"
    )

    conv = keras.layers.Conv1D(1, 3, strides=2, padding="same", use_bias=False)
    conv.build((None, 8, 1))
    conv.set_weights([kernel.reshape(3, 1, 1)])
    ours = conv(row.reshape(1, 8, 1)).ravel()

    module = nn.Conv1d(1, 1, 3, stride=2, padding=1, bias=False)
    module.load_state_dict({"weight": kernel.reshape(1, 1, 3)})
    theirs = module(torch.from_numpy(row.reshape(1, 1, 8))).ravel()

    exact = nn.Sequential(nn.ZeroPad1d((0, 1)), nn.Conv1d(1, 1, 3, stride=2, bias=False))
    exact.load_state_dict({"1.weight": kernel.reshape(1, 1, 3)})
    same = exact(torch.from_numpy(row.reshape(1, 1, 8))).ravel()

    print(f"Keras   padding='same'          {as_text(ours)}   pads (0, 1): the first window starts on the first cell")
    print(f"PyTorch padding=1               {as_text(theirs)}   pads (1, 1): the first window starts one cell earlier")
    print(f"PyTorch ZeroPad1d((0, 1)) first {as_text(same)}   the same as Keras: {np.array_equal(ours, same)}")


def as_text(values: np.ndarray) -> str:
    """Each number with its three digits: 321 saw 1, 2 and 3."""
    return " ".join(f"{int(value):3d}" for value in values)


if __name__ == "__main__":
    main()
