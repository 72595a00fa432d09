"""`convwise.torch` against PyTorch: recurrent layers, attention, embeddings, distances, unpooling, weights that are computed, losses, and grids."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from torch_tensors import alike

import convwise.torch as ours

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(5)
Make = Callable[[Any], Any]
Call = Callable[..., Any]


def data(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return RNG.normal(size=shape).astype(dtype)


def agree(make: Make, arrays: list[np.ndarray], call: Call = lambda module, m, *inputs: module(*inputs)) -> None:
    """The same keys, the same printed form, and the same outputs from the same state."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        real, own = make(torch).eval(), make(ours).eval()
        assert list(own.state_dict()) == list(real.state_dict())
        own.load_state_dict({name: value.numpy() for name, value in real.state_dict().items()})
        wanted = call(real, torch, *(torch.from_numpy(array.copy()) for array in arrays))
    found = call(own, ours, *(ours.from_numpy(array.copy()) for array in arrays))
    if wanted is None or isinstance(wanted, tuple):
        for mine, theirs in zip(found, wanted, strict=True):
            assert (mine is None) if theirs is None else alike(mine, theirs) is None
    else:
        alike(found, wanted)
    assert repr(own) == repr(real)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_recurrent_layers(kind: str) -> None:
    for layers, first, both, bias in product((1, 2), (False, True), (False, True), (True, False)):
        options = {"num_layers": layers, "batch_first": first, "bidirectional": both, "bias": bias}
        agree(lambda m, o=options: getattr(m.nn, kind)(5, 3, **o), [data(4, 6, 5)])
        agree(lambda m, o=options: getattr(m.nn, kind)(5, 3, **o), [data(6, 5)])
    states = [data(4, 6, 3) for _ in range(1 + (kind == "LSTM"))]
    agree(
        lambda m: getattr(m.nn, kind)(5, 3, 2, bidirectional=True),
        [data(4, 6, 5), *states],
        lambda module, m, x, *h: module(x, h if len(h) > 1 else h[0]),
    )
    agree(lambda m: getattr(m.nn, kind)(5, 3).double(), [data(4, 6, 5, dtype=np.float64)])
    agree(lambda m: getattr(m.nn, kind + "Cell")(5, 3), [data(6, 5)])
    agree(
        lambda m: getattr(m.nn, kind + "Cell")(5, 3, bias=False),
        [data(6, 5), *(state[0] for state in states)],
        lambda module, m, x, *h: module(x, h if len(h) > 1 else h[0]),
    )


def test_relu_may_take_the_place_of_tanh() -> None:
    agree(lambda m: m.nn.RNN(5, 3, 2, "relu", False), [data(4, 6, 5)])
    agree(lambda m: m.nn.RNNCell(5, 3, nonlinearity="relu"), [data(6, 5)])


@pytest.mark.parametrize(
    ("first", "size", "more", "zero"), list(product((False, True), (8, 7), (False, True), (False, True)))
)
def test_attention(first: bool, size: int, more: bool, zero: bool) -> None:
    def make(m: Any) -> Any:
        options = {"kdim": size, "vdim": size, "add_bias_kv": more, "add_zero_attn": zero, "batch_first": first}
        return m.nn.MultiheadAttention(8, 2, bias=not zero, **options)

    q, k, v = data(4, 3, 8), data(6, 3, size), data(6, 3, size)
    if first:
        q, k, v = (np.ascontiguousarray(one.swapaxes(0, 1)) for one in (q, k, v))
    agree(make, [q, k, v])
    agree(make, [q, k, v], lambda module, m, *x: module(*x, need_weights=False))
    agree(make, [q, k, v, data(4, 6) > 0.6], lambda module, m, *x: module(*x[:3], attn_mask=x[3]))
    each = {"average_attn_weights": False}
    agree(make, [q, k, v, data(6, 4, 6)], lambda module, m, *x: module(*x[:3], attn_mask=x[3], **each))
    agree(make, [q, k, v, data(3, 6) > 0.9], lambda module, m, *x: module(*x[:3], key_padding_mask=x[3]))
    agree(make, [one[0] if first else one[:, 0] for one in (q, k, v)])


IMAGE = data(2, 4, 9, 10)


def test_layers_of_indices_and_of_two_inputs() -> None:
    indices = np.array([[1, 2], [9, 0]])
    agree(lambda m: m.nn.Embedding(10, 3), [indices])
    agree(lambda m: m.nn.Embedding(10, 3, padding_idx=1), [indices])
    agree(lambda m: m.nn.Bilinear(3, 4, 5), [data(2, 6, 3), data(2, 6, 4)])
    agree(lambda m: m.nn.Bilinear(3, 4, 5, bias=False), [data(2, 3), data(2, 4)])
    agree(lambda m: m.nn.CosineSimilarity(dim=-1), [data(2, 3), data(2, 3)])
    agree(lambda m: m.nn.PairwiseDistance(p=1, keepdim=True), [data(2, 3), data(2, 3)])
    for rank, shape in ((1, (2, 3, 11)), (2, (2, 3, 9, 10)), (3, (1, 2, 5, 6, 7))):
        agree(
            lambda m, n=rank: getattr(m.nn, f"MaxUnpool{n}d")(2, 2),
            [data(*shape)],
            lambda module, m, x, n=rank: module(
                *getattr(m.nn, f"MaxPool{n}d")(2, 2, return_indices=True)(x), output_size=x.size()
            ),
        )


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
def test_weights_that_are_computed(name: str) -> None:
    image = 0.01 * IMAGE
    for make in (
        lambda m: m.nn.Conv2d(4, 6, 3),
        lambda m: m.nn.ConvTranspose2d(4, 6, 3),
        lambda m: m.nn.Linear(10, 6),
    ):
        agree(lambda m, make=make: getattr(m.nn.utils, name)(make(m)), [image])
    agree(lambda m: m.nn.Sequential(getattr(m.nn.utils, name)(m.nn.Conv2d(4, 6, 3, bias=False)), m.nn.ReLU()), [image])
    agree(lambda m: getattr(m.nn.utils, f"remove_{name}")(getattr(m.nn.utils, name)(m.nn.Conv2d(4, 6, 3))), [image])
    real, own = (getattr(m.nn.utils.parametrizations, name)(m.nn.Conv2d(4, 6, 3)) for m in (torch, ours))
    assert list(own.state_dict()) == list(real.state_dict())
    own.load_state_dict({key: value.numpy() for key, value in real.state_dict().items()})
    alike(own(ours.from_numpy(image)), real.eval()(torch.from_numpy(image)))


def test_a_normalisation_is_folded_into_a_convolution() -> None:
    def make(m: Any) -> Any:
        return m.nn.Sequential(m.nn.Conv2d(4, 6, 3, bias=False), m.nn.BatchNorm2d(6))

    def call(module: Any, m: Any, x: Any) -> Any:
        module[1].running_mean.fill_(0.3)
        module[1].running_var.fill_(1.7)
        return m.nn.utils.fusion.fuse_conv_bn_eval(module[0], module[1])(x)

    agree(make, [IMAGE], call)


def test_losses() -> None:
    x, classes = data(3, 4), np.array([0, 3, 2])
    for name, way in product(
        ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "BCEWithLogitsLoss"), ("mean", "sum", "none")
    ):
        agree(lambda m, n=name, w=way: getattr(m.nn, n)(reduction=w), [2 * x, np.abs(data(3, 4))])
    agree(lambda m: m.nn.BCELoss(), [np.array([0, 1, 0.3], np.float32), np.array([0, 1, 1], np.float32)])
    agree(lambda m: m.nn.CrossEntropyLoss(), [x, classes])
    agree(lambda m: m.nn.CrossEntropyLoss(weight=m.tensor([1.0, 2.0, 3.0, 4.0])), [x, classes])
    options = {"ignore_index": 1, "reduction": "sum"}
    agree(lambda m: m.nn.CrossEntropyLoss(**options), [data(3, 4, 5, 6), RNG.integers(0, 4, (3, 5, 6))])
    agree(lambda m: m.nn.KLDivLoss(reduction="batchmean"), [x, np.abs(data(3, 4))])


GRIDS = list(product(("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (True, False)))


@pytest.mark.parametrize(("mode", "padding", "corners"), GRIDS)
def test_maps_read_at_places(mode: str, padding: str, corners: bool) -> None:
    options = {"mode": mode, "padding_mode": padding, "align_corners": corners}
    for far in (0.5, 1.1, 3.0):
        maps = [(IMAGE, far * data(2, 3, 5, 2))]
        if mode != "bicubic":
            maps.append((data(2, 3, 4, 5, 6), far * data(2, 2, 3, 4, 3)))
        for array, grid in maps:
            array, grid = array.astype(np.float64), grid.astype(np.float64)
            real = torch.nn.functional.grid_sample(torch.from_numpy(array), torch.from_numpy(grid), **options)
            alike(ours.nn.functional.grid_sample(ours.from_numpy(array), ours.from_numpy(grid), **options), real)


@pytest.mark.parametrize("corners", [True, False])
def test_grids_of_matrices(corners: bool) -> None:
    for matrix, size in (
        (data(2, 2, 3), (2, 4, 9, 10)),
        (data(2, 2, 3), (2, 4, 1, 10)),
        (data(2, 3, 4), (2, 1, 5, 6, 7)),
    ):
        own = ours.nn.functional.affine_grid(ours.from_numpy(matrix), size, align_corners=corners)
        alike(own, torch.nn.functional.affine_grid(torch.from_numpy(matrix), list(size), align_corners=corners))


SIZES: list[dict[str, Any]] = [
    {"size": (5, 4)},
    {"size": (15, 24)},
    {"size": (5, 14), "align_corners": True},
    {"size": (1, 1), "align_corners": True},
    {"scale_factor": 0.4},
    {"scale_factor": (0.33, 1.7)},
    {"scale_factor": 0.4, "recompute_scale_factor": True},
]


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("given", SIZES)
def test_images_are_resized_without_alias(given: dict[str, Any], mode: str) -> None:
    options = {"mode": mode, "antialias": True, **given}
    image = IMAGE.astype(np.float64)
    real = torch.nn.functional.interpolate(torch.from_numpy(image), **options)
    alike(ours.nn.functional.interpolate(ours.from_numpy(image), **options), real)


@pytest.mark.parametrize(
    "do",
    [
        lambda F, x: F.scaled_dot_product_attention(x, x, x),
        lambda F, x: F.scaled_dot_product_attention(x, x[:, :, :2], x[:, :, :2], is_causal=True),
        lambda F, x: F.scaled_dot_product_attention(x, x, x, attn_mask=x[0, 0] @ x[0, 0].T, scale=0.3),
        lambda F, x: F.scaled_dot_product_attention(x, x, x, attn_mask=x[0, 0] @ x[0, 0].T > 99),
        lambda F, x: F.scaled_dot_product_attention(x, x[:, :2], x[:, :2], enable_gqa=True),
    ],
)
def test_attention_as_a_function(do: Call) -> None:
    alike(do(ours.nn.functional, ours.from_numpy(IMAGE)), do(torch.nn.functional, torch.from_numpy(IMAGE)))
