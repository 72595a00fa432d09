"""`convwise.torch`'s tensors against PyTorch's: functions, methods, in-place forms, number types, constructors, refusals."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from torch_tensors import Do, alike, both

import convwise as cw
import convwise.torch as ours

torch = pytest.importorskip("torch")

METHODS: list[Do] = [
    lambda m, x: x.chunk(3, 1),
    lambda m, x: x.chunk(2, dim=-1),
    lambda m, x: [m.arange(0, 5, step=2), m.arange(start=1, end=4), m.arange(end=3), m.arange(1, end=9, step=4)],
    lambda m, x: [m.arange(5, 0, -2), m.arange(0, 1, 0.25), m.arange(0), m.arange(3, dtype=m.float32)],
    lambda m, x: [x.sum(dim=()), x.sum(dim=[]), x.mean(()), x.std(()), x.amax(()), x.sum((0, -1), keepdim=True)],
    lambda m, x: [m.nn.functional.normalize(x, p, dim=(1, 2)) for p in (1, 2, 3.0, float("inf"))],
    lambda m, x: [x.flip(dims=(1,)), m.flip(x, dims=[0, 2]), m.flip(x, (0,))],
    lambda m, x: [x.long().sigmoid(), m.tanh(x.int()), m.nn.Sigmoid()(x.long()), x.type(m.LongTensor)],
    lambda m, x: [x.type("torch.DoubleTensor"), m.zeros(m.tensor(3), 2)],
    lambda m, x: (x.type(), x.long().type(), round(x.sum().item(), 3), bool(x[0, 0, 0] < 99)),
    lambda m, x: m.chunk(x, 7),
    lambda m, x: x.split(2, dim=1),
    lambda m, x: x.split([1, 3, 1], 2),
    lambda m, x: m.split(x, 3, -1),
    lambda m, x: x.unbind(1),
    lambda m, x: m.unbind(x),
    lambda m, x: x.chunk(2, 1)[0].mul_(2),
    lambda m, x: x.flip(1),
    lambda m, x: x.flip((0, -1)),
    lambda m, x: m.flip(x, [2]),
    lambda m, x: m.roll(x, 2, 1),
    lambda m, x: m.roll(x, (1, -2), (0, 2)),
    lambda m, x: m.roll(x, 3),
    lambda m, x: x.repeat_interleave(2, dim=1),
    lambda m, x: m.repeat_interleave(x, m.tensor([1, 0, 2, 1]), 1),
    lambda m, x: x.amax(1),
    lambda m, x: x.amax((0, 2), keepdim=True),
    lambda m, x: m.amin(x, dim=-1),
    lambda m, x: x.any(dim=1),
    lambda m, x: (x > 0).all(1, keepdim=True),
    lambda m, x: (x > 9).any(),
    lambda m, x: x.prod(dim=1),
    lambda m, x: x.prod(),
    lambda m, x: x.std(dim=1, correction=0),
    lambda m, x: x.std((1, 2), keepdim=True),
    lambda m, x: m.var(x, 1, unbiased=False),
    lambda m, x: x.var(),
    lambda m, x: x.cumsum(1),
    lambda m, x: x.norm(),
    lambda m, x: x.norm(1, dim=2),
    lambda m, x: m.norm(x, p=float("inf"), dim=(1, 2)),
    lambda m, x: m.norm(x, 3, 1, True),
    lambda m, x: x.norm(0, 1),
    lambda m, x: x.topk(3),
    lambda m, x: m.topk(x, 2, dim=1, largest=False),
    lambda m, x: x.sort(),
    lambda m, x: m.sort(x, dim=1, descending=True),
    lambda m, x: x.argsort(dim=1),
    lambda m, x: x.logsumexp(2),
    lambda m, x: m.logsumexp(x, (0, 1), True),
    lambda m, x: m.where(x > 0, x, 0.0),
    lambda m, x: m.where(x > 0, 1, m.zeros(())),
    lambda m, x: m.where(x > 0),
    lambda m, x: x.where(x > 0, -x),
    lambda m, x: x.masked_fill(x > 0, float("-inf")),
    lambda m, x: x[0].masked_fill(m.arange(5) > 2, 7),
    lambda m, x: x.masked_fill_(x > 0, 0.5),
    lambda m, x: x[:, :1].expand_as(x),
    lambda m, x: x.view_as(m.zeros(4, 10)),
    lambda m, x: x.gather(1, m.tensor([[[0, 1], [3, 2]]])),
    lambda m, x: x.index_select(2, m.tensor([4, 0])),
    lambda m, x: x.narrow(1, 1, 2),
    lambda m, x: x.tile(2, 1),
    lambda m, x: m.movedim(x, 0, 2),
    lambda m, x: x.type_as(m.zeros(1).double()),
    lambda m, x: x.new_zeros(2, 3),
    lambda m, x: x.double().new_full((2,), 3),
    lambda m, x: (x.is_contiguous(), x.transpose(1, 2).is_contiguous(), x.device.type, str(x.device)),
    lambda m, x: x.round(),
    lambda m, x: m.round(x * 10, decimals=1),
    lambda m, x: m.round(m.tensor([0.5, 1.5, -2.5])),
    lambda m, x: x.abs().log(),
    lambda m, x: m.log(x),
    lambda m, x: x.pow(2),
    lambda m, x: m.pow(x, 0.5),
    lambda m, x: 2**x,
    lambda m, x: x.abs().rsqrt(),
    lambda m, x: x.clamp(min=0.1),
    lambda m, x: x.clamp(-0.5, 0.5),
    lambda m, x: m.clamp(x, max=m.tensor(0.2)),
    lambda m, x: x.clamp_(0, 1),
    lambda m, x: x.add(1),
    lambda m, x: x.add(m.ones(5), alpha=2),
    lambda m, x: x.add_(1),
    lambda m, x: x.sub_(m.ones(5), alpha=0.5),
    lambda m, x: x.mul_(3),
    lambda m, x: x.div_(2),
    lambda m, x: x.div(0.3, rounding_mode="floor"),
    lambda m, x: m.div(x, 0.3, rounding_mode="trunc"),
    lambda m, x: x / 0,
    lambda m, x: m.sub(x, 1),
    lambda m, x: m.mul(x, x),
    lambda m, x: x.exp_().sqrt_(),
    lambda m, x: x.relu_(),
    lambda m, x: x.sigmoid_(),
    lambda m, x: x[:, 1].zero_(),
    lambda m, x: x[0, 0, 0].fill_(5),
    lambda m, x: x[0, 0, 0],
    lambda m, x: [one * 2 for one in x[0, 0]],
    lambda m, x: x.max(dim=1),
    lambda m, x: m.max(x, m.zeros(5)),
    lambda m, x: m.minimum(x, m.zeros(5)),
    lambda m, x: x.eq(x),
    lambda m, x: x.gt(0),
    lambda m, x: m.bmm(x, x.transpose(1, 2)),
    lambda m, x: m.mm(x[0], x[1].t()),
    lambda m, x: x @ x[0].t(),
    lambda m, x: m.einsum("bij,bkj->bik", x, x),
    lambda m, x: m.einsum("ij->ji", x[0]),
    lambda m, x: m.outer(x[0, 0], x[1, 1]),
    lambda m, x: x[0, 0].dot(x[1, 1]),
    lambda m, x: m.meshgrid(m.arange(3), m.arange(2), indexing="ij"),
    lambda m, x: m.meshgrid(m.arange(3), m.arange(2), indexing="xy"),
    lambda m, x: m.cat([x, m.ones(2, 1, 5).long()], 1),
    lambda m, x: m.cat([m.zeros(0), x]),
    lambda m, x: m.stack([x, x], dim=-1),
    lambda m, x: x.tril(),
    lambda m, x: x.triu(1),
    lambda m, x: m.count_nonzero(x),
    lambda m, x: (m.finfo(m.float32).eps == np.finfo("f").eps, m.pi),
    lambda m, x: m.Tensor([1, 2, 3]),
    lambda m, x: m.Tensor([[1.0, 0.0], [0.0, 1.0]]),
    lambda m, x: (m.Tensor(2, 3).shape, m.Tensor(4).shape, m.Tensor(m.Size([2, 1])).shape, m.Tensor().shape),
    lambda m, x: m.Tensor(np.arange(3)),
    lambda m, x: m.Tensor(x),
    lambda m, x: m.FloatTensor([1, 2]),
    lambda m, x: m.LongTensor([1.7, 2]),
    lambda m, x: m.BoolTensor([1, 0]),
    lambda m, x: m.LongTensor(2, 1).shape,
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(METHODS)))
def test_functions_and_methods(number: int) -> None:
    both(METHODS[number])


TYPES = ("float16", "float32", "float64", "int64", "int32", "uint8", "bool")
OTHERS: list[Callable[[Any], Any]] = [
    lambda m: 2,
    lambda m: 2.5,
    lambda m: True,
    lambda m: np.float64(1.5),
    lambda m: np.sqrt(2),
    lambda m: np.int64(3),
    lambda m: m.tensor(2.0, dtype=m.float64),
    lambda m: m.tensor(2, dtype=m.int64),
    *(lambda m, t=t: m.ones(5).to(getattr(m, t)) for t in TYPES),
]
MEETINGS: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x + y,
    lambda x, y: x * y,
    lambda x, y: x / y,
    lambda x, y: x > y,
    lambda x, y: y * x,
]


@pytest.mark.parametrize("dtype", TYPES)
def test_number_types_meet_as_in_pytorch(dtype: str) -> None:
    array = np.array([[0, 1, 2, 3, 1]]).astype(dtype)
    own, real = ours.from_numpy(array), torch.from_numpy(array)
    for (number, other), (which, do) in product(enumerate(OTHERS), enumerate(MEETINGS)):
        if which == 4 and isinstance(other(torch), np.generic):
            continue  # NumPy takes PyTorch's tensor for an array there, and gives an array
        alike(do(own, other(ours)), do(real, other(torch)), f"{dtype}, other {number}, operation {which}")
    for do in (
        lambda x: x.sum(),
        lambda x: x.sum(1),
        lambda x: x.prod(),
        lambda x: x.cumsum(1),
        lambda x: x.float().mean(),
        lambda x: x.max(),
    ):
        alike(do(own), do(real), dtype)


def test_a_layer_runs_after_numpy_numbers() -> None:
    x = ours.randn(1, 4, 8, 8)
    assert ours.nn.Conv2d(4, 2, 3)(x * np.sqrt(2)).dtype == ours.float32
    assert ours.nn.Linear(8, 2)(x / np.sqrt(8)).dtype == ours.float32
    x *= np.sqrt(2)
    assert x.dtype == ours.float32


REFUSED: list[Do] = [
    lambda m, x: x + m.ones(4),
    lambda m, x: x.long().add_(0.5),
    lambda m, x: x[0] @ x[1],
    lambda m, x: m.mm(x[0], x[1]),
    lambda m, x: x.split([1, 1], 1),
    lambda m, x: x.topk(9),
    lambda m, x: x.chunk(0),
    lambda m, x: x.long().mean(),
    lambda m, x: x.narrow(1, 3, 2),
    lambda m, x: x.clamp(),
    lambda m, x: x.div(2, rounding_mode="up"),
    lambda m, x: m.cat([]),
    lambda m, x: x.long() // 0,
    lambda m, x: x.long().remainder(0),
    lambda m, x: x.long() ** -2,
    lambda m, x: x.unsqueeze(5),
    lambda m, x: x.sum(-4),
    lambda m, x: x.mean((1, -2)),
    lambda m, x: x.transpose(0, 3),
    lambda m, x: x.expand(2, 9, 5),
    lambda m, x: x.expand(4, 5),
    lambda m, x: x.item(),
    lambda m, x: bool(x),
    lambda m, x: bool(x[:0]),
    lambda m, x: x[:0].max(),
    lambda m, x: m.arange(0, 5, -1),
    lambda m, x: m.arange(0, 5, 0),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_refusals_have_pytorchs_words(number: int) -> None:
    array = np.ones((2, 4, 5), np.float32)
    with pytest.raises((RuntimeError, ValueError, IndexError)) as real:
        REFUSED[number](torch, torch.from_numpy(array))
    with pytest.raises(RuntimeError) as own:
        REFUSED[number](ours, ours.from_numpy(array))
    assert isinstance(own.value, cw.ArgumentError)
    assert own.value.quote
    assert own.value.quote in str(real.value)


INITS: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("trunc_normal_", {"std": 0.02}, (60, 80)),
    ("trunc_normal_", {"mean": 1.0, "std": 2.0, "a": -1.0, "b": 1.5}, (60, 80)),
    ("trunc_normal_", {"std": 0.1, "a": 0.5, "b": 2.0}, (60, 80)),
    ("orthogonal_", {}, (60, 80)),
    ("orthogonal_", {"gain": 2.0}, (20, 3, 3, 3)),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "relu"}, (60, 80)),
    ("xavier_uniform_", {}, (60, 80)),
]


@pytest.mark.parametrize(("name", "given", "shape"), INITS)
def test_initial_numbers_have_pytorchs_distribution(name: str, given: dict[str, Any], shape: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    ours.manual_seed(1)
    real, own = torch.zeros(shape), ours.zeros(shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        getattr(torch.nn.init, name)(real, **given)
    assert getattr(ours.nn.init, name)(own, **given) is own
    theirs, mine = real.numpy(), np.asarray(own)
    assert mine.mean() == pytest.approx(theirs.mean(), abs=0.1 * float(theirs.std()))
    assert mine.std() == pytest.approx(theirs.std(), rel=0.1)
    assert np.abs(mine).max() == pytest.approx(np.abs(theirs).max(), rel=0.2)
    if name == "orthogonal_":
        rows = mine.reshape(shape[0], -1)
        square = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
        np.testing.assert_allclose(square, np.eye(len(square)) * given.get("gain", 1) ** 2, atol=1e-5)


def test_functions_of_norms_and_angles() -> None:
    both(lambda m, x: m.nn.functional.rms_norm(x, (5,)))
    both(lambda m, x: m.nn.functional.rms_norm(x.double(), (4, 5), m.ones(4, 5).double() * 2, 0.1))
    both(lambda m, x: m.nn.functional.cosine_similarity(x, x.flip(0), dim=1))
    both(lambda m, x: m.nn.functional.cosine_similarity(x, x[0]))
    both(lambda m, x: m.nn.functional.normalize(x, dim=-1))
