"""Multiply-accumulates of products of matrices, einsum, attention and recurrences, against PyTorch's own counter of operations."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import warnings
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import convwise as cw

pytestmark = pytest.mark.oracle


class Net(nn.Module):
    def __init__(self, forward: Any, **layers: nn.Module) -> None:
        super().__init__()
        self.way = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: Any) -> Any:
        return self.way(self, x)


def non_local(m: Any, x: Any) -> Any:
    y = m.c(x)
    b, c, h, w = y.shape
    q = y.view(b, c, h * w)
    return torch.bmm(q, torch.softmax(torch.bmm(q.transpose(1, 2), q), -1)).view(b, c, h, w)


def heads(m: Any, x: Any) -> Any:
    y = m.c(x).flatten(2).transpose(1, 2)
    q = y.view(y.shape[0], -1, 2, 4).transpose(1, 2)
    return F.scaled_dot_product_attention(q, q, q)


NETS: dict[str, tuple[Any, dict[str, nn.Module]]] = {
    "matrices": (non_local, {"c": nn.Conv2d(3, 8, 3)}),
    "attention": (heads, {"c": nn.Conv2d(3, 8, 3)}),
    "einsum": (
        lambda m, x: torch.einsum("bchw,bdhw->bcd", m.c(x), x),
        {"c": nn.Conv2d(3, 8, 3, padding=1)},
    ),
    "three in einsum": (
        lambda m, x: torch.einsum("bchw,bdhw,be->cde", m.c(x), x, x.mean((2, 3))),
        {"c": nn.Conv2d(3, 8, 3, padding=1)},
    ),
    "attention to itself": (
        lambda m, x: m.a(*[m.c(x).flatten(2).transpose(1, 2)] * 3, need_weights=False)[0],
        {"c": nn.Conv2d(3, 8, 3), "a": nn.MultiheadAttention(8, 2, batch_first=True)},
    ),
    "attention, steps first": (
        lambda m, x: m.a(*[m.c(x).flatten(2).permute(2, 0, 1)] * 3, need_weights=False)[0],
        {"c": nn.Conv2d(3, 8, 3), "a": nn.MultiheadAttention(8, 2)},
    ),
    "attention to another": (
        lambda m, x: m.a(x.flatten(2)[:, :, :8], *[m.c(x).flatten(2).transpose(1, 2)] * 2, need_weights=False)[0],
        {"c": nn.Conv2d(3, 8, 3), "a": nn.MultiheadAttention(8, 2, batch_first=True)},
    ),
}


def counted(module: nn.Module, shape: tuple[int, ...]) -> int:
    module.train()
    math = sdpa_kernel(SDPBackend.MATH)  # the counter passes over the one of processors
    with warnings.catch_warnings(), math, FlopCounterMode(display=False) as counter:
        warnings.simplefilter("ignore")
        module(torch.zeros(shape))
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("way", ["live", "exported"])
def test_products_are_counted_as_pytorch_counts_them(name: str, way: str) -> None:
    forward, layers = NETS[name]
    module, shape = Net(forward, **layers), (2, 3, 9, 10)
    source = exported(module, shape) if way == "exported" else module
    assert cw.read(source, input_shape=shape).trace().totals.macs == counted(module, shape)


def exported(module: nn.Module, shape: tuple[int, ...]) -> bytes:
    with warnings.catch_warnings(), io.BytesIO() as file:
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), (torch.zeros(shape),), file, dynamo=False)
        return file.getvalue()


@pytest.mark.parametrize(
    "line",
    [
        "torch.bmm(y.flatten(2).transpose(1, 2), y.flatten(2))",
        "y.flatten(2).mT @ y.flatten(2)",
        "torch.einsum('bchw,bdhw->bcd', y, x)",
        "torch.einsum('bchw,bd->bcd', y, x.mean((2, 3)))",
        "F.scaled_dot_product_attention(y.flatten(2), x.flatten(2), x.flatten(2))",
        "torch.baddbmm(y.flatten(2), y.flatten(2) @ y.flatten(2).mT, y.flatten(2))",
    ],
)
def test_text_is_counted_as_it_runs(line: str) -> None:
    text = (
        "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.c = nn.Conv2d(3, 8, 3, padding=1)\n"
        f"    def forward(self, x):\n        y = self.c(x)\n        return {line}\n"
    )
    names: dict[str, Any] = {}
    exec(text, names)
    assert cw.read(text, input_shape=(2, 3, 9, 10)).trace().totals.macs == counted(names["Net"](), (2, 3, 9, 10))


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize(
    "words", [{}, {"batch_first": True}, {"bidirectional": True, "num_layers": 2}, {"proj_size": 3}]
)
def test_every_step_of_a_recurrence_multiplies_with_all_weights(kind: Any, words: dict[str, Any]) -> None:
    if "proj_size" in words and kind is not nn.LSTM:
        pytest.skip("only an LSTM projects")
    module = kind(7, 5, **words)
    with torch.backends.mkldnn.flags(enabled=False):  # the counter passes over the library's LSTM
        wanted = counted(module, (2, 11, 7))
    assert cw.read(module, input_shape=(2, 11, 7)).trace().totals.macs == wanted
    if "proj_size" not in words:  # ONNX has none
        assert cw.read(exported(module, (2, 11, 7))).trace().totals.macs == wanted


def test_keras_layers_are_counted_as_pytorch_runs_them() -> None:
    """In a process of its own, where Keras runs on PyTorch."""
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", KERAS], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("macs ")]
    assert len(rows) == 13
    for _, name, counted_, read, live in rows:
        assert (name, counted_, counted_) == (name, read, live)


KERAS = """
import os, tempfile, torch, keras
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
import convwise as cw
L = keras.layers
x, image = L.Input((9, 6)), L.Input((5, 9, 6))
y, z, wide = L.Conv1D(7, 3)(x), L.Conv1D(5, 3)(x), L.Conv1D(6, 3)(x)
outputs = {
    "heads": L.MultiHeadAttention(3, 4)(x, x),
    "deep": L.MultiHeadAttention(3, 4, value_dim=7, output_shape=11)(x, x),
    "gate": L.MultiHeadAttention(3, 4, use_gate=True)(x, x),
    "cross": L.MultiHeadAttention(3, 4)(x, y),
    "keys": L.MultiHeadAttention(3, 4, 5)(x, y, z),
    "grouped": L.GroupQueryAttention(4, 6, 3)(x, x),
    "image": L.MultiHeadAttention(3, 4)(image, image),
    "rows": L.MultiHeadAttention(3, 4, attention_axes=(2,))(image, image),
    "dot": L.Attention()([x, wide]),
    "additive": L.AdditiveAttention()([x, wide]),
    "concat": L.Attention(score_mode="concat")([x, wide]),
    "matmul": keras.ops.matmul(x, keras.ops.transpose(x, (0, 2, 1))),
    "both": L.Bidirectional(L.GRU(5))(x),
}
for name, out in outputs.items():
    source = image if name in ("image", "rows") else x
    model = keras.Model(source, out)
    shape = (2, *source.shape[1:])
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(torch.zeros(shape))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.keras")
        model.save(path)
        told = [cw.read(one).trace(shape).totals.macs for one in (path, model)]
    print("macs", name, counter.get_total_flops() // 2, *told)
"""
