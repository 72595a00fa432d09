"""Methods and functions of tensors in a forward, read from its source; what they give is what torch 2.13 gave (see tests/oracle)."""

from __future__ import annotations

import pytest

from convwise.errors import ConvwiseError
from convwise.ops.memory import WORDS
from convwise.readers.models import read

SHAPE = (2, 3, 9, 11)
"""The input of every forward here: `self.conv`, of 8 filters of 3 x 3, makes a map of 2 x 8 x 7 x 9 of it."""

GIVEN: dict[str, tuple[int, ...]] = {
    "self.conv(x).unfold(2, 3, 2)": (2, 8, 3, 9, 3),
    "self.conv(x).unfold(-1, 4, 3).unfold(dimension=2, size=3, step=2)": (2, 8, 3, 2, 4, 3),
    "torch.Tensor.unfold(self.conv(x), 3, 2, 4)": (2, 8, 7, 2, 2),
    "F.unfold(self.conv(x), (3, 2))": (2, 48, 40),
    "self.conv(x).mean(-1)": (2, 8, 7),
    "self.conv(x).mean(-1).mean(-1)": (2, 8),
    "self.conv(x).mean(3).mean(2)": (2, 8),
    "self.conv(x).mean(2).mean(2)": (2, 8),
    "self.conv(x).mean(2, keepdim=True).mean(3, keepdim=True)": (2, 8, 1, 1),
    "self.conv(x).mean((2, 3), keepdim=True).mean(1)": (2, 1, 1),
    "self.conv(x).mean((2, -1))": (2, 8),
    "self.conv(x).mean((-2, -1), True)": (2, 8, 1, 1),
    "self.conv(x).flatten(2).mean(-1)": (2, 8),
    "F.relu(self.conv(x)).amax(-1)": (2, 8, 7),
    "self.conv(x).mean()": (),
    "self.conv(x).mean(dim=1, keepdims=True)": (2, 1, 7, 9),
    "torch.mean(self.conv(x), axis=(2, 3))": (2, 8),
    "self.conv(x).max(axis=-1, keepdims=True)[0]": (2, 8, 7, 1),
    "self.conv(x).softmax(axis=1)": (2, 8, 7, 9),
    "x = self.conv(x).permute(0, 2, 3, 1); x.view(2, 63, 8)": (2, 63, 8),
    "x = self.conv(x).permute(0, 2, 3, 1); x.view(2, 7, 3, 3, 2, 4)": (2, 7, 3, 3, 2, 4),
    "x = self.conv(x).permute(0, 2, 3, 1); x.reshape(x.size(0), -1)": (2, 504),
    "x = self.conv(x).permute(0, 2, 3, 1).contiguous(); x.view(x.size(0), -1)": (2, 504),
    "x = self.conv(x)[:, :, 1:]; x.clone().view(2, -1)": (2, 432),
    "x = self.conv(x)[:, 1:]; x.view(2, -1)": (2, 441),
    "x = self.conv(x)[:, 0]; x.view(2, -1)": (2, 63),
    "x = self.conv(x).chunk(2, 1)[0]; x.view(2, -1)": (2, 252),
    "x = self.conv(x).flatten(2).transpose(1, 2); torch.softmax(x, -1).view(2, -1)": (2, 504),
    "x = self.conv(x).permute(0, 2, 3, 1).unsqueeze(1); x.view(2, 63, 8)": (2, 63, 8),
    "x = self.conv(x).permute(1, 0, 2, 3)[:, :1]; x.view(-1)": (504,),
    "self.conv(x)[:, -8]": (2, 7, 9),
    "self.conv(x)[:, [0, -8, 7]]": (2, 3, 7, 9),
    "self.conv(x).narrow(2, 3, 4)": (2, 8, 4, 9),
    "self.conv(x).narrow(2, -3, 2)": (2, 8, 2, 9),
    "self.conv(x)[:, :, 3:50]": (2, 8, 4, 9),
    "self.conv(x)[0].T": (9, 7, 8),
    "self.conv(x).T": (9, 7, 8, 2),
    "self.conv(x)[0].mT": (8, 9, 7),
    "self.conv(x)[0, 0].t()": (9, 7),
    "torch.sort(self.conv(x), 1)[0]": (2, 8, 7, 9),
    "self.conv(x).view(torch.Size([2, -1]))": (2, 504),
    "x = self.conv(x); x.resize_(2, 4, 4); F.relu(x)": (2, 4, 4),
    "x = self.conv(x); x.unsqueeze_(1); F.relu(x)": (2, 1, 8, 7, 9),
    "self.conv(x).transpose_(1, 2)": (2, 7, 8, 9),
    "self.conv(x).sort(dim=1)[1]": (2, 8, 7, 9),
}
"""Forwards that run, and the shape that torch 2.13 gives."""

REFUSED: dict[str, tuple[str, str]] = {
    "self.conv(x).unfold(2, 9, 2)": ("CW104", "maximum size for tensor at dimension 2 is 7 but size is 9"),
    "self.conv(x)[:, 9]": ("CW104", "index 9 is out of bounds for dimension 1 with size 8"),
    "self.conv(x)[:, -9]": ("CW104", "index -9 is out of bounds for dimension 1 with size 8"),
    "self.conv(x)[:, :, 40]": ("CW104", "index 40 is out of bounds for dimension 2 with size 7"),
    "self.conv(x)[0, :, 40]": ("CW104", "index 40 is out of bounds for dimension 2 with size 7"),
    "self.conv(x)[5]": ("CW104", "index 5 is out of bounds for dimension 0 with size 2"),
    "self.conv(x)[..., 9]": ("CW104", ""),
    "self.conv(x)[:, [0, 9]]": ("CW104", ""),
    "self.conv(x).select(2, 40)": (
        "CW104",
        "select(): index 40 out of range for tensor of size [2, 8, 7, 9] at dimension 2",
    ),
    "self.conv(x).narrow(2, 3, 50)": ("CW104", "start (3) + length (50) exceeds dimension size (7)."),
    "self.conv(x).t()": ("CW101", "t() expects a tensor with <= 2 dimensions, but self is 4D"),
    "F.max_pool2d(self.conv(x), 2, padding=2)": (
        "CW206",
        "pad should be at most half of effective kernel size, but got pad=2, kernel_size=2 and dilation=1",
    ),
    "F.interpolate(self.conv(x), size=4, scale_factor=2)": (
        "CW201",
        "only one of size or scale_factor should be defined",
    ),
    "F.avg_pool2d(self.conv(x), 2, stride=0)": ("CW201", "stride should not be zero"),
    "F.avg_pool2d(self.conv(x), 2, divisor_override=0)": ("CW201", "divisor must be not zero"),
}
"""Forwards that break, our code, and the words with which torch 2.13 refuses them."""

REFUSED |= dict.fromkeys(
    (
        "x = self.conv(x).permute(0, 2, 3, 1); x.view(x.size(0), -1)",
        "x = F.relu(self.conv(x).permute(0, 2, 3, 1)); x.view(2, -1)",
        "x = self.conv(x).permute(0, 2, 3, 1); x.clone().view(2, -1)",
        "x = self.conv(x).transpose(1, 2); x.view(2, -1)",
        "y = self.conv(x); y.transpose(2, 3).view_as(y)",
        "x = self.conv(x)[:, :, 1:]; x.view(2, -1)",
        "x = self.conv(x)[:, 1:]; x.view(14, -1)",
        "x = self.conv(x)[:, 0]; x.view(-1)",
        "x = self.conv(x).chunk(2, 1)[0]; x.view(8, -1)",
        "x = self.conv(x).flatten(2); (x @ x.transpose(1, 2) @ x).transpose(1, 2).view(2, -1)",
    ),
    ("CW106", WORDS),
)


def net(forward: str) -> str:
    """A module with this forward; its last line is what is given back."""
    *lines, last = forward.split("; ")
    body = "\n".join(f"        {line}" for line in (*lines, f"return {last}"))
    return (
        "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"        self.conv = nn.Conv2d(3, 8, 3)\n    def forward(self, x):\n{body}\n"
    )


@pytest.mark.parametrize("forward", GIVEN)
def test_a_source_gives_what_torch_gives(forward: str) -> None:
    assert read(net(forward), input_shape=SHAPE).trace(SHAPE).rows[-1].output == GIVEN[forward]


@pytest.mark.parametrize("forward", REFUSED)
def test_a_source_is_refused_in_torchs_words(forward: str) -> None:
    code, words = REFUSED[forward]
    with pytest.raises(ConvwiseError) as caught:
        read(net(forward), input_shape=SHAPE).trace(SHAPE)
    assert caught.value.code == code
    assert caught.value.quote == words
    assert caught.value.hint


def test_a_sample_of_an_open_batch_may_be_any() -> None:
    network = read(net("self.conv(x)[5]"))
    assert str(network.legal_sizes()["height"]) == "n >= 3"
    assert network.trace((6, 3, 9, 11)).rows[-1].output == (8, 7, 9)
    assert not read(net("self.conv(x)[5]"), input_shape=SHAPE).legal_sizes()["height"]


def test_windows_of_one_axis_say_which_sizes_they_take() -> None:
    legal = read(net("self.conv(x).unfold(2, 4, 3).unfold(3, 6, 1)")).legal_sizes()
    assert legal.exact
    assert [legal[axis].minimum for axis in ("height", "width")] == [6, 8]
