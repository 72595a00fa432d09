"""Live modules whose code asks for its sizes: questions, assertions, pieces of an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from live_shapes import Shape, UNet, ours, outputs
from torch import nn

from convwise.errors import ModelError, ShapeError
from convwise.ops.several import Opaque
from convwise.readers.torch_live import read_live_torch


def test_a_question_about_sizes_needs_an_input_shape() -> None:
    with pytest.raises(ModelError, match=r"cannot be read without an input shape \[CW422\]\n  '.*shape != .*shape'"):
        read_live_torch(UNet("if"))


@pytest.mark.parametrize("shape", [(2, 3, 37, 46), (2, 3, 36, 44)])
def test_an_answered_question_is_told(shape: Shape) -> None:
    module = UNet("if").eval()
    network = read_live_torch(module, shape[1:])
    assert network.sources[0].declared == (1, *shape[1:])
    assert ours(network, shape) == outputs(module, shape)
    assert {note.code for note in network.notes} == {"CW422"}
    assert "1x3x" in network.notes[0].text
    assert "!=" in network.notes[0].text


class Asking(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Any) -> Any:
        while x.shape[2] > 8:
            x = F.max_pool2d(x, 2)
        half = int(x.shape[3] * 0.5)
        rows = [x[:, :, row] for row in range(x.shape[2])]
        if x.dim() == 4 and len(x.shape) == 4 and x.shape[1] == 3:
            x = self.conv(x)
        return x[..., :half], torch.stack(rows, 2)


def test_loops_and_integers_follow_the_given_shape() -> None:
    module = Asking().eval()
    network = read_live_torch(module, (1, 3, 40, 50))
    assert ours(network, (1, 3, 40, 50)) == outputs(module, (1, 3, 40, 50)) == [(1, 4, 3, 3), (1, 3, 5, 6)]
    told = " ".join(note.text for note in network.notes)
    assert "x.shape[2] > 8" in told
    assert "= 3 is what it is for an input of 1x3x40x50" in told
    assert "dim" not in told


def test_questions_with_one_answer_need_no_shape() -> None:
    class Checks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Any, mask: Any = None) -> Any:
            if x.dim() != 4 or x.shape[1] != 3:
                raise ValueError("not an image")
            y = self.conv(x)
            assert y.shape == y.shape
            return y if mask is None else y * mask

    network = read_live_torch(Checks())
    assert network.notes == ()
    assert [node.kind for node in network.nodes] == ["Conv2d"]


class Untraceable(nn.Module):
    """What no proxy can pass: it is run on meta tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, (3, 5), padding=1)
        self.weights = nn.Parameter(torch.ones(4, 1, 1))

    def forward(self, x: Any) -> Any:
        if not isinstance(x, torch.Tensor):
            raise TypeError("no tensor")
        y = F.relu(self.conv(x)) * self.weights
        y[:, 0] = 0
        side = int(torch.empty(y.shape[2:]).numel() ** 0.5)
        return y.reshape(*y.shape[:1], -1)[:, :side], torch.unique_consecutive(y.mean((2, 3)), dim=0) if False else y.T


def test_the_last_way_is_a_run_on_meta_tensors() -> None:
    module = Untraceable().eval()
    network = read_live_torch(module, (2, 3, 11, 14))
    assert ours(network, (2, 3, 11, 14)) == outputs(module, (2, 3, 11, 14))
    assert [node.kind for node in network.nodes][:3] == ["Conv2d", "F.relu", ".mul"]
    assert sum(node.params or 0 for node in network.nodes) == sum(part.numel() for part in module.parameters())
    assert any("run on meta tensors of 2x3x11x14" in note.text and "no tensor" in note.text for note in network.notes)


def test_a_mask_turned_over_keeps_its_shape() -> None:
    class Places(nn.Module):
        """Fourier features of the places: a mask of ones, summed up along each axis."""

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, 2)

        def forward(self, x: Any) -> Any:
            x = self.conv(x)
            mask = ~torch.zeros((x.shape[0], x.shape[2], x.shape[3])).to(torch.bool)
            rows, columns = mask.cumsum(1, dtype=torch.float32), mask.cumsum(2, dtype=torch.float32)
            rows = rows / rows[:, -1:, :]
            return x + rows[:, None] * columns.unsqueeze(1), mask ^ ~mask, torch.bitwise_xor(mask, mask)

    module = Places()
    network = read_live_torch(module)
    assert not any(isinstance(node.work, Opaque) for node in network.nodes)
    for shape in ((2, 3, 9, 10), (1, 3, 12, 7)):
        assert ours(network, shape) == outputs(module, shape)


def test_an_unknown_function_is_opaque_and_named() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Any) -> Any:
            return torch.fft.fft2(self.conv(x)).real, self.conv(x)

    network = read_live_torch(Odd())
    opaque = [node for node in network.nodes if isinstance(node.work, Opaque)]
    assert [node.name for node in opaque][:1] == ["fft_fft2"]
    assert any("'fft_fft2'" in note.text or "fft_fft2" in note.text for note in network.notes)
    assert ours(network, (1, 3, 9, 10))[1] == (1, 4, 7, 8)
    shaped = read_live_torch(Odd(), (1, 3, 9, 10))
    assert not any(isinstance(node.work, Opaque) for node in shaped.nodes)
    assert ours(shaped, (1, 3, 9, 10)) == [(1, 4, 7, 8), (1, 4, 7, 8)]
    assert any("as recorded for the given input" in note.text for note in shaped.notes)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_squeeze_leaves_the_axes_that_the_given_input_has(batch: int) -> None:
    class Gram(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            v = self.conv(x).squeeze()
            return v @ v.transpose(-1, -2)

    network = read_live_torch(Gram(), input_shape=(batch, 3, 8, 9))
    wanted = Gram()(torch.zeros(batch, 3, 8, 9)).shape
    assert network.trace().rows[-1].output == tuple(wanted)
    assert {note.code for note in network.notes} == {"CW422"}


@pytest.mark.parametrize(
    ("holds", "sizes"),
    [
        (lambda h: h % 4 == 0, "every multiple of 4"),
        (lambda h: h >= 9, "n >= 9"),
        (lambda h: h > 9, "n >= 10"),
        (lambda h: h // 2 <= 4, "n in {4..9}"),
        (lambda h: h < 9, "n in {4..8}"),
        (lambda h: 2 * h == 16, "n in {8}"),
    ],
)
def test_an_assertion_is_a_condition(holds: Any, sizes: str) -> None:
    class Asking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 4, stride=4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch._assert(holds(x.shape[2]), "not so")
            return self.conv(x)

    network = read_live_torch(Asking())
    assert (network.notes, network.legal_sizes()["height"].text()) == ((), sizes)
    assert network.legal_sizes().exact


def test_an_assertion_that_no_node_asks_for_is_told() -> None:
    class Multiple(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 4, stride=4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch._assert(x.shape[2] != 9, "nine")
            return self.conv(x)

    network = read_live_torch(Multiple())
    assert [(note.code, note.text) for note in network.notes] == [
        ("CW422", "torch._assert is taken to hold; the sizes that it refuses are not left out")
    ]
    assert not network.legal_sizes().exact


class Chunked(nn.Module):
    """`take`: what is made of the pieces."""

    def __init__(self, parts: int, take: Callable[[Any], Any]) -> None:
        super().__init__()
        self.c = nn.Conv2d(3, 8, 1)
        self.parts, self.take = parts, take

    def forward(self, x: torch.Tensor) -> Any:
        return self.take(self.c(x).chunk(self.parts, dim=2))


def _apart(pieces: Any) -> Any:
    one, _, other = pieces
    return torch.cat([one, other], 2)


@pytest.mark.parametrize("parts", [3, 4, 7])
@pytest.mark.parametrize(
    "take",
    [lambda p: p[0], lambda p: p[1], lambda p: p[-1], lambda p: p[-2], lambda p: torch.cat([p[2], p[-3]], 2), _apart],
)
def test_pieces_of_an_open_axis_are_those_that_pytorch_gives(parts: int, take: Callable[[Any], Any]) -> None:
    if take is _apart and parts != 3:
        return
    module = Chunked(parts, take).eval()
    network = read_live_torch(module, input_shape=(1, 3, 40, 5))
    legal = network.legal_sizes()
    assert legal.exact
    for size in range(1, 40):
        shape = (1, 3, size, 5)
        try:
            theirs = outputs(module, shape)
        except (IndexError, ValueError):
            assert size not in legal["height"]
            with pytest.raises(ShapeError, match="asked for"):
                network.trace(shape)
        else:
            assert size in legal["height"]
            assert ours(network, shape) == theirs


def test_pieces_that_are_gone_through_are_not_exact() -> None:
    network = read_live_torch(Chunked(3, lambda p: torch.cat(list(p), 2)).eval(), input_shape=(1, 3, 40, 5))
    assert not network.legal_sizes().exact
    with pytest.raises(ModelError):
        read_live_torch(Chunked(3, lambda p: torch.cat(list(p), 2)).eval())
