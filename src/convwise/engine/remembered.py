"""Convolutions of layers: their weights come anew with every call and are nearly always those of the call before.

Packed weights are kept for weights at the same place with the same steps, and used again if every byte is still the same:
comparing takes a fraction of the time that packing takes, and no change is ever overlooked.
"""

from __future__ import annotations

import ctypes
from collections import OrderedDict
from functools import lru_cache
from typing import Any

import numpy as np

from convwise.engine.arrays import FLOAT, Array, address
from convwise.engine.convolution import Conv
from convwise.engine.locks import lock
from convwise.ops import Conv as ConvOp
from convwise.ops import Layout

MOST_BYTES = 256 * 2**20
MOST = 256


class Shelf:
    """The last convolutions, at most `MOST` of them and `MOST_BYTES` of weights."""

    def __init__(self) -> None:
        self.lock = lock()
        self.kept: OrderedDict[Any, Conv] = OrderedDict()
        self.bytes = 0

    def get(self, key: Any) -> Conv | None:
        with self.lock:
            found = self.kept.get(key)
            if found is not None:
                self.kept.move_to_end(key)
            return found

    def put(self, key: Any, conv: Conv) -> None:
        with self.lock:
            self._drop(key)
            self.kept[key] = conv
            self.bytes += conv.weight.nbytes
            while self.kept and (len(self.kept) > MOST or self.bytes > MOST_BYTES):
                self._drop(next(iter(self.kept)))

    def _drop(self, key: Any) -> None:
        gone = self.kept.pop(key, None)
        if gone is not None:
            self.bytes -= gone.weight.nbytes


_shelf = Shelf()


def conv(
    op: ConvOp, x: Array, weight: Array, bias: Array | None, layout: Layout, activation: str | None
) -> Array | None:
    """A float32 convolution of images by `op`, which pads with zeros and whose channels are settled; None where `Conv` is not made for it."""
    if op.rank != 2 or weight.dtype != FLOAT or not weight.size:
        return None
    if bias is not None and bias.dtype != FLOAT:
        return None
    key = (address(weight), weight.strides, op, layout.channels_last, activation)
    kept = _shelf.get(key)
    if kept is None or not _same(kept.weight, weight) or not _same_bias(kept.bias, bias):
        kept = Conv._by_op(op, weight.copy(order="K"), None if bias is None else bias.copy(), layout, activation)
        _shelf.put(key, kept)
    return kept(x)


@lru_cache(maxsize=1)
def _memcmp() -> Any:
    compare = ctypes.CDLL(None).memcmp
    compare.argtypes, compare.restype = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t), ctypes.c_int
    return compare


def _same(kept: Array, given: Array) -> bool:
    """Whether two arrays of one shape hold the same bytes."""
    if kept.shape != given.shape or kept.strides != given.strides or not _gapless(kept):
        return kept.shape == given.shape and bool(np.array_equal(kept.view(np.uint32), given.view(np.uint32)))
    return bool(_memcmp()(address(kept), address(given), kept.nbytes) == 0)


def _gapless(array: Array) -> bool:
    """Whether the numbers lie without gaps, in some order of the axes, from the first on."""
    step = array.itemsize
    for stride, size in sorted(zip(array.strides, array.shape, strict=True)):
        if size > 1 and stride != step:
            return False
        step *= size
    return True


def _same_bias(kept: Array | None, given: Array | None) -> bool:
    return kept is given is None or (kept is not None and given is not None and _same(kept, given))
