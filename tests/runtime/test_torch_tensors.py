"""`convwise.torch`'s tensors: constructors, number types, methods; PyTorch's own answers are in `tests/oracle/test_runtime_torch_tensors.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convwise.torch as torch
from convwise.errors import ArgumentError


def test_a_tensor_is_made_of_data_or_of_a_size() -> None:
    assert repr(torch.Tensor([1, 2, 3])) == "tensor([1., 2., 3.])"
    assert torch.Tensor([[1.0, 0.0], [0.0, 1.0]]).tolist() == [[1, 0], [0, 1]]
    assert torch.Tensor(2, 3).shape == torch.Tensor(torch.Size([2, 3])).shape == (2, 3)
    assert torch.Tensor(np.arange(3)).dtype == torch.float32
    array = np.zeros(2, np.float32)
    torch.Tensor(array)[0] = 1
    assert array.tolist() == [1, 0]
    assert torch.LongTensor([1.7]).tolist() == [1]
    with pytest.raises(ArgumentError, match=r"new\(\): data must be a sequence \(got float\)"):
        torch.Tensor(1.5)


def test_number_types_meet_by_category() -> None:
    x = torch.ones(3)
    for other in (np.sqrt(2), np.float64(1), torch.tensor(2.0, dtype=torch.float64), 1, np.int64(2)):
        assert (x * other).dtype == (other * x).dtype == (x / other).dtype == torch.float32
    assert (x * torch.ones(3).double()).dtype == torch.float64
    assert (torch.arange(3) / 2).dtype == (torch.arange(3) * 0.5).dtype == torch.float32
    assert (torch.arange(3) + torch.ones(3).half()).dtype == torch.half
    assert torch.ones(3, dtype=torch.uint8).sum().dtype == torch.int64
    x *= np.float64(2)
    assert x.dtype == torch.float32


def test_a_single_number_is_a_tensor_that_shares_the_memory() -> None:
    x = torch.tensor([1.0, 2.0])
    assert repr(x[0]) == "tensor(1.)"
    x[1].mul_(3)
    assert x.tolist() == [1, 6]
    assert [one.dim() for one in x] == [0, 0]
    assert f"{x[1]:.1f}" == "6.0"


def test_everyday_methods() -> None:
    x = torch.arange(12.0).view(3, 4)
    assert [piece.shape[1] for piece in x.chunk(3, 1)] == [2, 2]
    assert x.split([1, 3], dim=1)[1].sum() == 54
    assert torch.where(x > 5, x, 0.0).max() == 11
    assert x.topk(2).indices.tolist() == [[3, 2]] * 3
    assert x.flip(0)[0].tolist() == [8, 9, 10, 11]
    assert x.any(dim=1).tolist() == [True] * 3
    assert x.clamp_(2, 3).max() == 3
    assert x.masked_fill_(x > 2, 0).sum() == 6
    assert torch.einsum("ij,kj->ik", x, x).shape == (3, 3)
    assert x.device.type == "cpu"
    assert isinstance(x.device, torch.device)


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lambda: torch.ones(3) + torch.ones(4), r"The size of tensor a \(3\) must match the size of tensor b \(4\)"),
        (lambda: torch.ones(2, 3) @ torch.ones(2, 3), r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 2x3\)"),
        (lambda: torch.arange(3).mul_(0.5), "result type Float can't be cast to the desired output type Long"),
        (lambda: torch.ones(3).split([1, 1]), "pieces of \\[1, 1\\] make 2, the axis has 3"),
        (lambda: torch.ones(3).topk(4), "selected index k out of range"),
        (lambda: torch.cat([torch.ones(2, 3), torch.ones(2, 4)]), "cannot be joined along axis 0"),
        (lambda: torch.einsum("ij,jk", torch.ones(2, 3), torch.ones(2, 3)), "einsum 'ij,jk'"),
        (lambda: torch.ones(3).gather(0, torch.tensor([5])), "whole numbers from 0 to 2"),
        (lambda: torch.nn.init.trunc_normal_(torch.ones(3), a=1, b=0), "no normal numbers"),
    ],
)
def test_wrong_calls_are_told_in_words(do: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        do()


def test_nothing_warns() -> None:
    assert (torch.ones(2) / 0).tolist() == [np.inf, np.inf]
    assert torch.isnan(torch.log(-torch.ones(1))).all()


def test_a_name_that_is_not_there_is_told_what_is() -> None:
    with pytest.raises(AttributeError, match=r"convwise\.torch has no 'einsums'; did you mean 'einsum'"):
        _ = torch.einsums
    with pytest.raises(AttributeError, match=r"dir\(convwise\.torch\) lists what there is"):
        _ = torch.qscheme
    with pytest.raises(AttributeError, match=r"Tensor has no 'geqrf'; dir\(convwise\.torch\.Tensor\)"):
        torch.ones(1).geqrf()
    assert {"chunk", "clamp_"} <= set(dir(torch.Tensor))


def test_a_tensor_is_compared_with_anything_and_kept_in_sets() -> None:
    x = torch.ones(2)
    assert (x == None) is False  # noqa: E711
    assert (x != "a") is True
    assert (x == torch.ones(2)).all()
    assert len({x, x, torch.ones(2)}) == 2


def test_a_number_beside_places_picks_its_cell_first() -> None:
    x = torch.arange(2 * 3 * 9 * 10).view(2, 3, 9, 10)
    places = torch.tensor([2, 0])
    assert x[:, places, :, 0].shape == (2, 2, 9)
    assert x[..., places, 4].shape == (2, 3, 2)
    assert x[0, :, [1, 2]].tolist() == x[0][:, [1, 2]].tolist()
    x[:, places, :, 0] = -1
    assert (x[:, [0, 2]][..., 0] == -1).all()
    assert (x[:, 1] >= 0).all()


def test_ranges_sums_and_lengths() -> None:
    x = torch.arange(90.0).view(9, 10)
    assert torch.arange(0, 5, step=2).tolist() == [0, 2, 4]
    assert torch.arange(start=1, end=4).tolist() == [1, 2, 3]
    assert x.sum(dim=()).tolist() == x.sum(dim=[]).tolist() == 4005
    assert abs(float((torch.nn.functional.normalize(x, dim=(0, 1)) ** 2).sum()) - 1) < 1e-5
    assert x.flip(dims=(1,))[0, 0] == 9
    assert x.type() == "torch.FloatTensor"
    assert x.type("torch.LongTensor").dtype == x.type(torch.LongTensor).dtype == torch.int64
    assert torch.zeros(torch.tensor(3), 2).shape == (3, 2)
    assert torch.arange(3).sigmoid().dtype == torch.float32


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (lambda x: torch.arange(10) // 0, "ZeroDivisionError"),
        (lambda x: 2 ** torch.arange(-2, 3), "Integers to negative integer powers are not allowed."),
        (lambda x: x.unsqueeze(4), "expected to be in range of [-3, 2], but got 4"),
        (lambda x: x.sum(2), "expected to be in range of [-2, 1], but got 2"),
        (lambda x: x.mean((1, -1)), "dim 1 appears multiple times in the list of dims"),
        (lambda x: x.transpose(0, 2), "expected to be in range of [-2, 1], but got 2"),
        (lambda x: x.expand(4, 10), "The expanded size of the tensor (4) must match the existing size (9)"),
        (lambda x: x.item(), "a Tensor with 90 elements cannot be converted to Scalar"),
        (lambda x: bool(x), "Boolean value of Tensor with more than one value is ambiguous"),
        (lambda x: x[:0].max(), "max(): Expected reduction dim"),
        (lambda x: torch.arange(0, 5, -1), "upper bound and lower bound inconsistent with step sign"),
    ],
)
def test_wrong_calls_are_refused_in_pytorchs_words(do: Any, words: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        do(torch.ones(9, 10))
    assert words in refused.value.quote


def test_a_view_asks_for_cells_that_lie_one_after_the_other() -> None:
    x = torch.arange(40).view(2, 4, 5)
    assert x.view(-1).tolist() == list(range(40))
    for scattered, shape in ((x.transpose(1, 2), (2, 20)), (x[:, :2], (20,)), (x[:, :1].expand(2, 4, 5), (8, 5))):
        with pytest.raises(RuntimeError, match="write reshape in place of view"):
            scattered.view(*shape)
        assert scattered.contiguous().view(*shape).shape == shape
    # What is new lies row by row, whatever it was made of.
    turned = x.permute(0, 2, 1)
    for made in (
        torch.cat([turned, turned], 1),
        turned.sum(0),
        x[:, [2, 0]],
        turned.roll(1, 1),
        turned.masked_fill(turned > 3, 0),
    ):
        assert made.view(-1).shape == (made.numel(),)


def test_slices_do_not_walk_backwards() -> None:
    x = torch.arange(4)
    with pytest.raises(RuntimeError, match=r"x\.flip\(0\) turns an axis round"):
        x[::-1]
    with pytest.raises(RuntimeError, match="step must be greater than zero"):
        x[..., ::-2] = 1
    assert x.flip(0).tolist() == [3, 2, 1, 0]


def test_bfloat16_is_refused_with_what_to_use() -> None:
    for ask in (lambda: torch.bfloat16, lambda: torch.ones(2).bfloat16()):
        with pytest.raises(
            (RuntimeError, AttributeError), match=r"NumPy has no numbers of bfloat16[\s\S]*torch\.float32"
        ):
            ask()
    assert not hasattr(torch, "bfloat16")


def test_a_second_number_is_no_second_axis() -> None:
    with pytest.raises(RuntimeError, match=r"x\.sum\(\(1, 2\)\)"):
        torch.ones(2, 4, 5).sum(1, 2)
    assert torch.ones(2, 4, 5).std(False).item() == 0


def test_what_scripts_say_about_the_machine_changes_nothing() -> None:
    torch.backends.cudnn.benchmark = True
    torch.cuda.manual_seed_all(3)
    torch.set_num_threads(2)

    @torch.jit.script
    def twice(x):
        return 2 * x

    with torch.cuda.amp.autocast(enabled=True), torch.autocast("cuda"):
        assert torch.autograd.Variable(twice(torch.ones(2))).tolist() == [2, 2]
    with pytest.raises(RuntimeError, match="enabled=False"):
        torch.autocast("cpu")
    assert torch.utils.checkpoint.checkpoint(twice, torch.ones(1)).item() == 2
