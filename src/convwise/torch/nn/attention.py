"""Attention: `F.scaled_dot_product_attention` and `nn.MultiheadAttention`."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.torch.errors import ArgumentError
from convwise.torch.nn.layer import DialectModule
from convwise.torch.nn.own import OwnModule, drawn
from convwise.torch.tensor import Tensor, fresh, plain

Array = NDArray[Any]


def _weights(scores: Array, empty: float) -> Array:
    """The softmax of the last axis; a row that attends to nothing holds `empty`."""
    top = scores.max(axis=-1, keepdims=True)
    nothing = ~np.isfinite(top) & (top < 0)
    powers = np.exp(scores - np.where(nothing, scores.dtype.type(0), top))
    total = powers.sum(axis=-1, keepdims=True)
    found = powers / np.where(nothing, scores.dtype.type(1), total)
    return np.asarray(np.where(nothing, scores.dtype.type(empty), found))


def _masked(scores: Array, mask: Array | None, keeps: bool) -> Array:
    """The scores with a mask: one of truth values keeps (or with `keeps` false, bars) cells, any other is added."""
    if mask is None:
        return scores
    if mask.dtype == np.bool_:
        return np.where(mask if keeps else ~mask, scores, scores.dtype.type(-np.inf))
    return np.asarray(scores + mask.astype(scores.dtype))


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query @ key.T * scale + mask) @ value, over the last two axes.

    Raises:
        ArgumentError: CW606 for dropout, CW605 for a mask beside `is_causal`.
    """
    if dropout_p:
        fact, hint = "convwise runs layers, it does not train them", "pass dropout_p=0.0"
        raise ArgumentError("CW606", fact, axis="dropout_p", received=dropout_p, hint=hint)
    if is_causal and attn_mask is not None:
        quote = "Explicit attn_mask should not be set when is_causal=True"
        raise ArgumentError("CW605", "a mask and is_causal", received=True, quote=quote, hint="give one of the two")
    q, k, v = plain(query), plain(key), plain(value)
    if enable_gqa and q.ndim > 2:
        k, v = (np.repeat(one, q.shape[-3] // one.shape[-3], axis=-3) for one in (k, v))
    scores = q @ k.swapaxes(-1, -2) * q.dtype.type(1 / sqrt(q.shape[-1]) if scale is None else scale)
    mask = np.tri(*scores.shape[-2:]) > 0 if is_causal else None if attn_mask is None else plain(attn_mask)
    return fresh(_weights(_masked(scores, mask, True), 0.0) @ v)


class NonDynamicallyQuantizableLinear(DialectModule):
    """PyTorch's name for the linear layer behind the heads."""

    kind = "Linear"


class MultiheadAttention(OwnModule):
    """Attention of several heads, between a projection of its inputs and one of its output."""

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(device, dtype)
        if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
            quote = "embed_dim must be divisible by num_heads" if min(embed_dim, num_heads) > 0 else ""
            hint = "choose a number of heads that divides embed_dim"
            fact = f"{embed_dim} features are not shared by {num_heads} heads"
            raise ArgumentError("CW605", fact, received=num_heads, quote=quote, hint=hint)
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.batch_first, self.add_zero_attn = batch_first, add_zero_attn
        names = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
        sizes = [None, embed_dim, self.kdim, self.vdim]
        if self.kdim == self.vdim == embed_dim:
            sizes = [embed_dim, None, None, None]
        for name, size in zip(names, sizes, strict=True):
            rows = 3 * embed_dim if name == "in_proj_weight" else embed_dim
            self.hold(name, None if size is None else drawn((rows, size), sqrt(6 / (rows + size))))
        self.hold("in_proj_bias", np.zeros(3 * embed_dim) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, dtype=dtype)
        if bias:
            self.out_proj._parameters["bias"].zero_()
        for name in ("bias_k", "bias_v"):
            self.hold(name, drawn((1, 1, embed_dim), 1 / sqrt(embed_dim)) if add_bias_kv else None)

    def _projected(self, query: Array, key: Array, value: Array) -> list[Array]:
        own, size = self._parameters, self.embed_dim
        packed, bias = own["in_proj_weight"], own["in_proj_bias"]
        found = []
        for number, (one, name) in enumerate(zip((query, key, value), "qkv", strict=True)):
            part = slice(number * size, (number + 1) * size)
            weight = plain(own[f"{name}_proj_weight"]) if packed is None else plain(packed)[part]
            found.append(one @ weight.T if bias is None else one @ weight.T + plain(bias)[part])
        return found

    def _heads(self, array: Array) -> Array:
        """(length, batch, features) as (batch, heads, length, features of a head)."""
        length, batch, _ = array.shape
        return array.reshape(length, batch, self.num_heads, -1).transpose(1, 2, 0, 3)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> Any:
        """(output, weights of the attention): the weights are None without `need_weights`.

        Raises:
            ArgumentError: CW605 for inputs of another number of features, or a mask of another shape.
        """
        arrays = [plain(one) for one in (query, key, value)]
        batched = arrays[0].ndim == 3
        self.check_features(arrays, (self.embed_dim, self.kdim, self.vdim))
        if not batched:
            arrays = [one[:, None] for one in arrays]
        elif self.batch_first:
            arrays = [one.swapaxes(0, 1) for one in arrays]
        q, k, v = self._projected(*arrays)
        barred = None if key_padding_mask is None else plain(key_padding_mask).reshape(-1, k.shape[0])
        mask = None if attn_mask is None else plain(attn_mask)
        k, v, extra = self._lengthened(k, v)
        scores = self._heads(q) @ self._heads(k).swapaxes(-1, -2) * q.dtype.type(1 / sqrt(self.head_dim))
        if mask is not None:
            mask = mask.reshape(-1, self.num_heads, *mask.shape[1:]) if mask.ndim == 3 else mask
            scores = _masked(scores, _wider(mask, extra), False)
        if barred is not None:
            scores = _masked(scores, _wider(barred, extra)[:, None, None], False)
        # A row that attends to nothing is NaN where the weights are asked for, and 0 in PyTorch's quicker way without.
        weights = _weights(scores, np.nan if need_weights else 0.0)
        found = (weights @ self._heads(v)).transpose(2, 0, 1, 3).reshape(*q.shape)
        out = plain(self.out_proj(fresh(found)))
        out = out[:, 0] if not batched else out.swapaxes(0, 1) if self.batch_first else out
        if not need_weights:
            return fresh(out), None
        weights = weights.mean(axis=1) if average_attn_weights else weights
        return fresh(out), fresh(weights if batched else weights[0])

    def _lengthened(self, k: Array, v: Array) -> tuple[Array, Array, int]:
        """Keys and values with what `add_bias_kv` and `add_zero_attn` put behind them, and how much that is."""
        length, batch = k.shape[0], k.shape[1]
        if self._parameters["bias_k"] is not None:
            rows = [np.repeat(plain(self._parameters[name]), batch, axis=1) for name in ("bias_k", "bias_v")]
            k, v = np.concatenate([k, rows[0]]), np.concatenate([v, rows[1]])
        if self.add_zero_attn:
            k, v = (np.concatenate([one, np.zeros((1, *one.shape[1:]), one.dtype)]) for one in (k, v))
        return k, v, k.shape[0] - length


def _wider(mask: Array, extra: int) -> Array:
    """The mask, which leaves what was put behind the keys alone."""
    return np.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(0, extra)])
