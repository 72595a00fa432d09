"""What a live PyTorch module takes where no shape is given: every set against PyTorch's own run, size by size."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from live_asserts import asserted
from torch import nn

import convwise as cw

pytestmark = pytest.mark.oracle

SIZES = range(1, 14)


class Net(nn.Module):
    """A forward with layers; the text of what it does stands in the test's table."""

    def __init__(self, forward: Any, **layers: nn.Module) -> None:
        super().__init__()
        self.way = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: Any) -> Any:
        return self.way(self, x)


def grid(x: Any) -> Any:
    b, _, h, w = x.shape
    rows = torch.linspace(-1, 1, h).view(1, 1, h, 1).expand(b, 1, h, w)
    columns = torch.linspace(-1, 1, w).view(1, 1, 1, w).expand(b, 1, h, w)
    return torch.cat([x, rows, columns], 1)


def focus(x: Any) -> Any:
    return torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)


def to_depth(x: Any) -> Any:
    n, c, h, w = x.size()
    x = x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4).contiguous()
    return x.view(n, c * 4, h // 2, w // 2)


def padded(x: Any) -> Any:
    y = torch.zeros(x.size(0), 3, 12, 10)
    y[:, :, 1:10, 2:9] = x
    return y


# name: (forward, layers, the input's declared shape)
IMAGES: dict[str, tuple[Any, dict[str, nn.Module], tuple[int | None, ...]]] = {
    "joined with ones": (
        lambda m, x: m.c(torch.cat([x, torch.ones(x.size(0), 1, x.size(2), x.size(3))], 1)),
        {"c": nn.Conv2d(4, 8, 3)},
        (None, 3, None, None),
    ),
    "with its grid": (lambda m, x: m.c(grid(x)), {"c": nn.Conv2d(5, 8, (3, 2))}, (None, 3, None, None)),
    "every second cell": (lambda m, x: m.c(focus(x)), {"c": nn.Conv2d(12, 8, (2, 3))}, (None, 3, None, None)),
    "repeated": (lambda m, x: m.c(x.repeat(1, 3, 1, 1)), {"c": nn.Conv2d(3, 8, (2, 3))}, (None, 1, None, None)),
    "joined three times": (
        lambda m, x: m.c(torch.cat([x] * 3, 1)),
        {"c": nn.Conv2d(6, 8, (2, 3))},
        (None, 2, None, None),
    ),
    "a channel twice": (
        lambda m, x: m.f(m.c(torch.cat([x, x[:, :1]], 1)).flatten(1)),
        {"c": nn.Conv2d(3, 2, (3, 2)), "f": nn.Linear(48, 5)},
        (None, 2, None, None),
    ),
    "space to depth": (lambda m, x: m.c(to_depth(x)), {"c": nn.Conv2d(12, 8, (2, 1))}, (None, 3, None, None)),
    "written into a frame": (lambda m, x: m.c(padded(x)), {"c": nn.Conv2d(3, 8, 3)}, (None, 3, None, None)),
    "asserted": (lambda m, x: m.c(asserted(x)), {"c": nn.Conv2d(3, 8, (2, 3))}, (None, 3, None, None)),
    "layers made on the way": (
        lambda m, x: nn.MaxPool2d((2, 3))(nn.ReLU()(m.c(x))),
        {"c": nn.Conv2d(3, 8, (2, 3))},
        (None, 3, None, None),
    ),
    "on a GPU otherwise": (
        lambda m, x: m.c(m.p(x)) if x.is_cuda else m.c(x),
        {"c": nn.Conv2d(3, 8, (2, 3)), "p": nn.MaxPool2d(2)},
        (None, 3, None, None),
    ),
    "channels last": (
        lambda m, x: m.c(x.permute(0, 3, 1, 2)),
        {"c": nn.Conv2d(3, 8, (2, 3))},
        (None, None, None, 3),
    ),
    "flattened and made maps again": (
        lambda m, x: m.c(m.u(m.f(x))),
        {"f": nn.Flatten(), "u": nn.Unflatten(1, (3, 6, 4)), "c": nn.Conv2d(3, 8, 3)},
        (None, None, None, None),
    ),
}


def runs(module: nn.Module, shape: tuple[int, ...]) -> bool:
    try:
        with torch.no_grad():
            module(torch.zeros(shape))
    except (RuntimeError, AssertionError):
        return False
    return True


@pytest.mark.parametrize("name", IMAGES)
def test_the_sizes_of_images_are_those_that_pytorch_runs(name: str) -> None:
    forward, layers, declared = IMAGES[name]
    module = Net(forward, **layers)
    network = cw.read(module)
    assert network.sources[0].declared == declared
    legal = network.legal_sizes()
    last = declared[-1] is not None
    wrong = []
    for h in SIZES:
        for w in SIZES:
            shape = (1, h, w, 3) if last else (1, declared[1] or 3, h, w)
            taken, errors = legal.takes((h, w)), [one for one in network.check(shape) if one.level == "error"]
            if (legal.exact and taken is not runs(module, shape)) or bool(errors) is runs(module, shape):
                wrong.append((h, w))
    assert wrong == []
    assert legal.exact is (declared[1] is not None or last)


OTHERS: dict[str, tuple[Any, dict[str, nn.Module], tuple[int, ...], tuple[int, ...]]] = {
    "a map without channels": (
        lambda m, x: m.f(m.c(x.unsqueeze(1)).mean((2, 3))),
        {"c": nn.Conv2d(1, 8, 3), "f": nn.Linear(8, 4)},
        (2, 9, 10),
        (2, 4),
    ),
    "a new axis by None": (lambda m, x: m.c(x[:, None]), {"c": nn.Conv2d(1, 8, 3)}, (2, 9, 10), (2, 8, 7, 8)),
    "sound": (lambda m, x: m.c(x.unsqueeze(1)), {"c": nn.Conv1d(1, 8, 5, 2)}, (2, 90), (2, 8, 43)),
    "a volume": (lambda m, x: m.c(x[:, None]), {"c": nn.Conv3d(1, 8, 3)}, (2, 9, 10, 11), (2, 8, 7, 8, 9)),
    "words": (
        lambda m, x: m.c(m.e(x.long()).transpose(1, 2)),
        {"e": nn.Embedding(9, 16), "c": nn.Conv1d(16, 8, 3)},
        (2, 9),
        (2, 8, 7),
    ),
    "frames": (
        lambda m, x: m.c(x.view(x.shape[0] * x.shape[1], x.shape[2], x.shape[3], x.shape[4])),
        {"c": nn.Conv2d(3, 8, 3)},
        (2, 5, 3, 9, 10),
        (10, 8, 7, 8),
    ),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("told", [True, False])
def test_an_input_has_the_axes_that_the_forward_takes(name: str, told: bool) -> None:
    forward, layers, shape, output = OTHERS[name]
    module = Net(forward, **layers)
    assert tuple(module(torch.zeros(shape)).shape) == output
    network = cw.read(module, input_shape=shape) if told else cw.read(module)
    assert network.trace(shape).rows[-1].output == output
    assert not [one for one in network.check(shape) if one.level == "error"]


def test_a_number_a_sample_beside_an_image() -> None:
    class Timed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c, self.t, self.d = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(16, 8), nn.Conv2d(8, 3, 2, 2)

        def forward(self, x: Any, t: Any) -> Any:
            waves = t[:, None].float() * torch.arange(8)[None]
            steps = self.t(torch.cat([waves.sin(), waves.cos()], -1))
            return x + torch.nn.functional.interpolate(self.d(self.c(x) + steps[:, :, None, None]), scale_factor=2)

    network = cw.read(Timed())
    assert [source.declared for source in network.sources] == [(None, 3, None, None), (None,)]
    legal = network.legal_sizes()
    assert legal.exact
    assert legal["height"].text() == legal["width"].text() == "every even n"


def test_two_inputs_share_the_channels_of_the_first_layer() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c = nn.Conv2d(6, 8, 4, 2, 1)

        def forward(self, a: Any, b: Any) -> Any:
            return self.c(torch.cat((a, b), 1))

    network = cw.read(Pair())
    assert [source.declared for source in network.sources] == [(None,) * 4] * 2
    assert network.legal_sizes()["height"].text() == "n >= 2"
    assert network.trace({"a": (1, 5, 9, 10), "b": (1, 1, 9, 10)}).rows[-1].output == (1, 8, 4, 5)


def test_a_network_that_no_shape_suits_is_read_with_the_first_layers() -> None:
    network = cw.read(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(9, 8, 3)))
    assert network.sources[0].declared == (None, 3, None, None)
    assert not network.legal_sizes()["height"]
