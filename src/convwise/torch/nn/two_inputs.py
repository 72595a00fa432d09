"""Layers of indices or of two inputs: embeddings, distances, bilinear products, unpooling."""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import numpy as np

from convwise.runtime.randomness import normal
from convwise.torch.errors import ArgumentError
from convwise.torch.nn.norms import cosine_similarity
from convwise.torch.nn.own import OwnModule, drawn, told
from convwise.torch.random import STREAM
from convwise.torch.tensor import Tensor, fresh, plain


def embedding(input: Any, weight: Any, padding_idx: int | None = None, *_: Any, **__: Any) -> Tensor:
    """The rows of the weight that the indices name; `padding_idx` matters in training alone.

    Raises:
        ArgumentError: CW605 for indices that are no whole numbers, or beyond the table.
    """
    table, cells = plain(weight), plain(input)
    if cells.dtype.name not in ("int64", "int32"):
        quote = "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int"
        fact = f"indices are whole numbers, not {cells.dtype}"
        raise ArgumentError("CW605", fact, received=cells.dtype.name, quote=quote, hint="pass x.long()")
    if cells.size and not 0 <= cells.min() <= cells.max() < len(table):
        fact = f"indices run from 0 to {len(table) - 1}, and {cells.min()} to {cells.max()} are given"
        quote, hint = "index out of range in self", "make the embedding larger"
        raise ArgumentError("CW605", fact, received=int(cells.max()), quote=quote, hint=hint)
    return fresh(table[cells])


class Embedding(OwnModule):
    """A row of numbers for each index."""

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(device, dtype)
        if max_norm is not None:
            hint = "clip the rows of the weight once"
            raise ArgumentError("CW208", "convwise runs no max_norm", axis="max_norm", received=max_norm, hint=hint)
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        table = normal(STREAM.generator, (num_embeddings, embedding_dim), 0.0, 1.0, np.float32)
        if padding_idx is not None:
            table[padding_idx] = 0
        self.hold("weight", table)
        self.__dict__["_told"] = f"{num_embeddings}, {embedding_dim}" + told([("padding_idx", padding_idx, None)])

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None) -> Embedding:
        """The module of a table that is given."""
        table = plain(embeddings)
        rows, size = table.shape
        made = cls(rows, size, padding_idx, dtype=table.dtype)
        made.hold("weight", table)
        return made

    def forward(self, input: Any) -> Tensor:
        return embedding(input, self._parameters["weight"])


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis."""
    from convwise.torch.reducing import norm

    return norm(plain(x1) - plain(x2) + plain(x1).dtype.type(eps), p, -1, keepdim)


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Tensor:
    """x1 @ weight[k] @ x2 for each output k."""
    found = np.einsum("...i,kij,...j->...k", plain(input1), plain(weight), plain(input2), optimize=True)
    return fresh(found if bias is None else found + plain(bias))


class Bilinear(OwnModule):
    """The products of each feature of the one input with each of the other, weighted."""

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(device, dtype)
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        bound = 1 / sqrt(in1_features)
        self.hold("weight", drawn((out_features, in1_features, in2_features), bound))
        self.hold("bias", drawn((out_features,), bound) if bias else None)
        sizes = f"in1_features={in1_features}, in2_features={in2_features}, out_features={out_features}"
        self.__dict__["_told"] = f"{sizes}, bias={bias}"

    def forward(self, input1: Any, input2: Any) -> Tensor:
        self.check_features([plain(input1), plain(input2)], [self.in1_features, self.in2_features])
        return bilinear(input1, input2, self._parameters["weight"], self._parameters["bias"])


class CosineSimilarity(OwnModule):
    """`F.cosine_similarity` as a module."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Any, x2: Any) -> Tensor:
        return cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(OwnModule):
    """`F.pairwise_distance` as a module."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Any, x2: Any) -> Tensor:
        return pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


def _each(value: Any, rank: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,) * rank


def unpooled(
    input: Any, indices: Any, rank: int, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    """Zeros, with each number where the pooling had found it.

    Raises:
        ArgumentError: CW605 for places outside of the output.
    """
    array, places = plain(input), plain(indices)
    kernel, pads = _each(kernel_size, rank), _each(padding, rank)
    steps = kernel if stride is None else _each(stride, rank)
    spatial = array.shape[array.ndim - rank :]
    least = [(n - 1) * s - 2 * p + k for n, s, p, k in zip(spatial, steps, pads, kernel, strict=True)]
    sizes = tuple(output_size)[-rank:] if output_size is not None else least
    lead = array.shape[: array.ndim - rank]
    if array.shape != places.shape or (places.size and not 0 <= places.min() <= places.max() < prod(sizes)):
        fact = f"places of {places.shape} up to {places.max(initial=0)} for {array.shape} numbers in a map of {tuple(sizes)}"
        raise ArgumentError(
            "CW605",
            fact,
            layer=f"PyTorch MaxUnpool{rank}d",
            received=places.shape,
            hint="pass the pooling's own indices, and output_size=x.size()",
        )
    found = np.zeros((*lead, prod(sizes)), array.dtype)
    np.put_along_axis(found, places.reshape(*lead, -1), array.reshape(*lead, -1), -1)
    return fresh(found.reshape(*lead, *sizes))


class _MaxUnpool(OwnModule):
    rank = 2

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = _each(kernel_size, self.rank)
        self.stride = self.kernel_size if stride is None else _each(stride, self.rank)
        self.padding = _each(padding, self.rank)
        sizes = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
        self.__dict__["_told"] = sizes

    def forward(self, input: Any, indices: Any, output_size: Any = None) -> Tensor:
        return unpooled(input, indices, self.rank, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool1d(_MaxUnpool):
    """A max pooling of sequences undone, by the indices that it gave."""

    rank = 1


class MaxUnpool2d(_MaxUnpool):
    """A max pooling of images undone, by the indices that it gave."""


class MaxUnpool3d(_MaxUnpool):
    """A max pooling of volumes undone, by the indices that it gave."""

    rank = 3


def max_unpool1d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    return unpooled(input, indices, 1, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    return unpooled(input, indices, 2, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    return unpooled(input, indices, 3, kernel_size, stride, padding, output_size)
