"""PyTorch source as people write it: what stands beside the layers must not keep the reader from them."""

from __future__ import annotations

import pytest

import convwise as cw

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"


def net(layers: str, forward: str) -> str:
    """A module with these layers, parted by `;`, and these lines of its forward."""
    made = "".join(f"        {line.strip()}\n" for line in layers.split(";"))
    body = "".join(f"        {line.strip()}\n" for line in forward.split(";"))
    return f"class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n{made}    def forward(self, x):\n{body}"


SAME = "class Same(nn.Conv2d):\n    def forward(self, x):\n        return super().forward(F.pad(x, (1, 1, 1, 1)))\n"
NORM = (
    "class Norm(nn.LayerNorm):\n    def forward(self, x):\n"
    "        return super(Norm, self).forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)\n"
)
POOL = "self.p = nn.MaxPool2d(2, 2, return_indices=True); self.u = nn.MaxUnpool2d(2, stride=2)"
GEM = "x = self.c(x); return F.avg_pool2d(x.clamp(min=1e-6).pow(self.p), (x.size(-2), x.size(-1))).pow(1.0 / self.p)"
SPATIAL = (
    "y = F.max_pool2d(self.c(x), 2); theta = self.l(y.view(-1, 80)).view(-1, 2, 3); "
    "return F.grid_sample(x, F.affine_grid(theta, x.size(), align_corners=False), align_corners=False)"
)
HELPER = "class Flat(nn.Module):\n    def forward(self, x):\n        return x.view(x.size(0), -1)\n"
TWO = net("self.a = nn.Conv2d(3, 8, 3); self.b = nn.Conv2d(3, 8, 3)", "return self.a(x) + self.b(x)")

TEXTS = {
    "resize by name": (
        net(
            "self.c = nn.Conv2d(3, 8, 3)",
            "y = F.interpolate(input=self.c(x), scale_factor=2); return F.interpolate(input=y, size=x.shape[2:])",
        ),
        (2, 8, 10, 12),
        224,
    ),
    "where an array lies": (
        net(
            "self.ngpu = 2; self.main = nn.Conv2d(3, 1, (10, 12))",
            "if x.is_cuda and self.ngpu > 1:; \toutput = nn.parallel.data_parallel(self.main, x, range(self.ngpu)); "
            "else:; \toutput = self.main(x); return output.view(-1, 1).squeeze(1)",
        )
        .replace("        output = nn", "            output = nn")
        .replace("        output = self", "            output = self"),
        (2,),
        361,
    ),
    "what decides a condition": (
        net(
            "self.ngpu = 1; self.c = nn.Conv2d(3, 8, 3)",
            "if x.device.type == 'cuda' and self.ngpu > 1: raise ValueError; return self.c(x)",
        ),
        (2, 8, 8, 10),
        224,
    ),
    "a layer with a forward of its own": (
        SAME + NORM + net("self.a = Same(3, 8, 3, stride=2); self.n = Norm(8)", "return F.relu(self.n(self.a(x)))"),
        (2, 8, 5, 6),
        240,
    ),
    "the same in a chain": (SAME + "Net = lambda: nn.Sequential(Same(3, 8, 3), nn.ReLU())\nmodel = Net()\n", (2, 8, 10, 12), 224),
    "a class that nothing uses": (HELPER + TWO + "model = Net()\n", (2, 8, 8, 10), 448),
    "a class without weights beside a model": (HELPER + TWO, (2, 8, 8, 10), 448),
    "unpooling": (net(f"{POOL}; self.c = nn.Conv2d(3, 8, 3)", "y, i = self.p(x); return self.c(self.u(y, i))"), (2, 8, 8, 10), 224),
    "unpooling to a size": (net(POOL, "s = x.size(); y, i = self.p(x); return self.u(y, i, output_size=s)"), (2, 3, 10, 12), 0),
    "unpooling by a function": (
        net("self.c = nn.Conv2d(3, 8, 3)", "y, i = F.max_pool2d(self.c(x), 2, return_indices=True); return F.max_unpool2d(y, i, 2)"),
        (2, 8, 8, 10),
        224,
    ),
    "generalized mean": (net("self.p = nn.Parameter(torch.ones(1) * 3); self.c = nn.Conv2d(3, 8, 3)", GEM), (2, 8, 1, 1), 225),
    "spatial transformer": (net("self.c = nn.Conv2d(3, 4, 3); self.l = nn.Linear(80, 6)", SPATIAL), (2, 3, 10, 12), 598),
}  # fmt: skip
"""Name -> source, the output for 2 x 3 x 10 x 12, and the parameters."""


@pytest.mark.parametrize("name", TEXTS)
def test_outputs_and_parameters(name: str) -> None:
    text, output, params = TEXTS[name]
    trace = cw.read(HEAD + text).trace((2, 3, 10, 12))
    assert list(trace.outputs.values()) == [output]
    assert trace.totals.params == params
    assert trace.notes == ()


def test_a_grid_of_other_rows_than_images_is_refused() -> None:
    text = HEAD + TEXTS["spatial transformer"][0]
    network = cw.read(text, input_shape=(2, 3, 10, 12))
    with pytest.raises(cw.ShapeError, match=r"24 elements do not fit into 1 x 2 x 3"):
        network.trace((1, 3, 18, 22))
    assert (10, 12) in network.legal_sizes().joint  # type: ignore[operator]
    assert (18, 22) not in network.legal_sizes().joint  # type: ignore[operator]


def test_a_window_of_another_size_than_the_map_is_no_global_pool() -> None:
    text = HEAD + TEXTS["generalized mean"][0].replace(
        "F.avg_pool2d(x.clamp(min=1e-6).pow(self.p)", "F.avg_pool2d(F.max_pool2d(x, 2)"
    )
    with pytest.raises(cw.CodeError, match="the window's size follows from other sizes than its own input's"):
        cw.read(text)


def test_unpooling_by_windows_that_overlap_is_not_guessed() -> None:
    text = HEAD + TEXTS["unpooling"][0].replace("stride=2)", "stride=1)")
    with pytest.raises(cw.CodeError, match="its windows overlap or leave gaps"):
        cw.read(text)


def test_two_models_that_nothing_is_made_of_are_still_two() -> None:
    with pytest.raises(cw.CodeError, match="2 models in one text"):
        cw.read(HEAD + TWO + TWO.replace("class Net", "class Other"))


@pytest.mark.parametrize(("again", "last"), [("x.size(0), 13, 3", (8, 13, 3)), ("x.size(0), -1", (8, 39))])
def test_lines_that_end_with_rows_laid_out_again_are_followed_to_the_end(again: str, last: tuple[int, ...]) -> None:
    """Four samples of 6 x 13 are eight rows of 39."""
    made = "x = torch.randn((4, 2, 15))\nx = nn.Conv1d(2, 6, 3)(x)\nx = x.reshape(-1, 39)\n"
    explained = cw.explain(f"{made}x = x.reshape({again})\n")
    assert [step.output for step in explained.steps] == [(4, 6, 13), (8, 39), last]
