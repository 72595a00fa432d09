"""`diff` says equal exactly where PyTorch's own outputs are the same: activations with settings near and far, and pools of every kind."""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from itertools import combinations, product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import convwise as cw

pytestmark = pytest.mark.oracle

ACTIVATIONS = [
    "nn.ReLU()",
    "nn.ReLU6()",
    "nn.Hardtanh(0, 6)",
    "nn.Hardtanh(-5, 5)",
    "nn.Hardtanh(0, 1e4)",
    "nn.LeakyReLU()",
    "nn.LeakyReLU(0.0)",
    "nn.LeakyReLU(1.0)",
    "nn.Identity()",
    "nn.ELU()",
    "nn.CELU()",
    "nn.CELU(2.0)",
    "nn.Softplus()",
    "nn.Softplus(1, 5)",
    "nn.Softplus(1, 30)",
    "nn.Sigmoid()",
    "nn.Softshrink()",
    "nn.Softshrink(0.4999)",
    "nn.Hardshrink()",
    "nn.Hardshrink(0.0)",
    "nn.Threshold(0, 0)",
    "nn.Threshold(-10, 0)",
    "nn.Threshold(1e-7, 0)",
    "nn.Sequential(nn.ReLU(), nn.ReLU6())",
    "nn.Sequential(nn.Sigmoid(), nn.ReLU())",
]


def run(text: str, x: Any) -> Any:
    """What PyTorch's own module makes of the array, in float64."""
    torch: Any = import_module("torch")
    module = eval(text, {"nn": torch.nn}).double()
    with torch.no_grad():
        return module.train(False)(torch.from_numpy(x)).numpy()


@cache
def values() -> Any:
    far = np.logspace(-9, 6, 300)
    return np.unique(np.concatenate([np.linspace(-60, 60, 20001), far, -far, [-0.49995, 0.49995, 5e-8]]))


def test_activations_are_equal_where_their_values_are() -> None:
    made = {text: run(text, values().copy()) for text in ACTIVATIONS}
    wrong = []
    for a, b in product(ACTIVATIONS, ACTIVATIONS):
        same = bool(np.isclose(made[a], made[b], rtol=1e-9, atol=1e-9).all())
        behind = [f"nn.Sequential(nn.Conv2d(1, 4, 3), {text})" for text in (a, b)]
        told = cw.diff(a, b, (1, 9, 10)).equal, cw.diff(*behind, (1, 9, 10)).equal
        if told != (same, same):
            wrong.append((a, b, same, told))
    assert not wrong, wrong


def _pool(rng: Random, depth: int = 0) -> str:
    kind = rng.choice(
        ["MaxPool2d", "AvgPool2d", "AdaptiveMaxPool2d", "AdaptiveAvgPool2d", "two", "padded"][: 6 - depth]
    )
    if kind in ("two", "padded"):
        first = _pool(rng, 2) if kind == "two" else rng.choice(["nn.ZeroPad2d(1)", "nn.ConstantPad2d(1, -9.0)"])
        return f"nn.Sequential({first}, {_pool(rng, 2)})"
    if kind.startswith("Adaptive"):
        return f"nn.{kind}(({rng.randint(1, 4)}, {rng.randint(1, 4)}))"
    kernel, stride = [(rng.randint(1, 3), rng.randint(1, 3)) for _ in range(2)]
    words = rng.choice(["", ", ceil_mode=True"]), rng.choice(["", ", dilation=2"]) if kind == "MaxPool2d" else ""
    return f"nn.{kind}({kernel}, {stride}, {tuple(size // 2 for size in kernel)}{''.join(words)})"


@pytest.mark.parametrize("shape", [(1, 4, 5), (2, 6, 5), (1, 6, 8)])
def test_pools_are_equal_where_their_values_are(shape: tuple[int, ...]) -> None:
    rng, x = Random(str(shape)), np.random.default_rng(1).standard_normal((300, *shape))
    found: dict[str, Any] = {}
    whole = [f"nn.{kind}({shape[1:]})" for kind in ("MaxPool2d", "AvgPool2d")]
    known = [*whole, "nn.AdaptiveMaxPool2d(1)", "nn.AdaptiveAvgPool2d(1)"]
    for text in dict.fromkeys((*known, *(_pool(rng) for _ in range(80)))):
        try:
            found[text] = run(text, x)
        except RuntimeError:  # no window fits
            continue
    wrong, equal = [], 0
    for a, b in combinations(found, 2):
        if found[a].shape != found[b].shape or not found[a].size:
            continue
        same = bool(np.allclose(found[a], found[b], rtol=1e-9, atol=1e-12))
        equal += same
        if cw.diff(a, b, shape).equal is not same:
            wrong.append((a, b, same))
    assert not wrong, wrong
    assert equal >= 2


@pytest.mark.parametrize(
    ("a", "b", "shape", "equal"),
    [
        ("nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU6())", "Sequential([Conv2D(8, 1), ReLU()])", (3, 9, 10), False),
        ("nn.Linear(8, 4)", "Dense(4)", (2, 8), True),
        ("Conv2D(8, 1)", "Dense(8)", (9, 10, 3), True),
    ],
)
def test_the_frameworks_themselves_say_the_same(a: str, b: str, shape: tuple[int, ...], equal: bool) -> None:
    found = cw.diff(a, b, shape, real=True)
    assert found.equal is equal is cw.diff(a, b, shape).equal
    assert "child processes" in found.proved_by


def _module(act: str) -> Any:
    torch: Any = import_module("torch")

    class Net(torch.nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.act = torch.nn.Conv2d(3, 8, 3), eval(act, {"nn": torch.nn})

        def forward(self, x: Any) -> Any:
            return self.act(self.conv(x)).mean((2, 3))

    return Net()


def test_live_modules_with_a_forward_of_their_own_are_compared() -> None:
    shape = (1, 3, 9, 10)
    assert cw.diff(_module("nn.ReLU()"), _module("nn.ReLU()"), shape).equal
    assert cw.diff(_module("nn.ReLU()"), _module("nn.ReLU6()"), shape).first == "act (ReLU) and act (ReLU6)"
    text = "Sequential([Input((9, 10, 3)), Conv2D(8, 3), ReLU(), GlobalAveragePooling2D()])"
    assert cw.diff(_module("nn.ReLU()"), text, shape).equal


def _exported(module: Any, path: Path) -> str:
    torch: Any = import_module("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        axes = {"x": {0: "n", 2: "h", 3: "w"}}
        names = {"input_names": ["x"], "dynamic_axes": axes, "opset_version": 17}
        torch.onnx.export(module.train(False), (torch.zeros(1, 3, 9, 10),), str(path), dynamo=False, **names)
    return str(path)


@pytest.mark.parametrize("act", ["nn.ReLU()", "nn.SiLU()", "nn.Hardtanh(-5, 5)"])
def test_an_export_is_equal_to_its_module(act: str, tmp_path: Path) -> None:
    module = _module(act)
    path = _exported(module, tmp_path / "net.onnx")
    found = cw.diff(module, path, (1, 3, 9, 10))
    assert found.equal, str(found)
    assert found.facts[-1].lines == ("8 and 8, channels first",)
    for other in ("nn.ReLU6()", "nn.Hardtanh(-5, 4)"):
        assert not cw.diff(_module(other), path, (1, 3, 9, 10)).equal


CONV = "nn.Conv2d(3, 8, 3, padding=1)"
EXPORTS = {
    "nearest": f"nn.Sequential({CONV}, nn.Upsample(scale_factor=2))",
    "thrice": f"nn.Sequential(nn.Upsample(scale_factor=3), {CONV})",
    "linear": f"nn.Sequential({CONV}, nn.Upsample(scale_factor=2, mode='bilinear'))",
    "corners": f"nn.Sequential({CONV}, nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True))",
    "sequence": f"nn.Sequential({CONV}, nn.Flatten(2), nn.Linear(90, 7))",
    "sequences": f"nn.Sequential({CONV}, nn.Flatten(2), nn.Linear(90, 8), nn.ReLU(), nn.Linear(8, 8))",
    "bare": f"nn.Sequential({CONV}, nn.Flatten(2), nn.Linear(90, 7, bias=False))",
    "groups": f"nn.Sequential({CONV}, nn.GroupNorm(2, 8), nn.ReLU())",
    "other groups": f"nn.Sequential({CONV}, nn.GroupNorm(4, 8), nn.ReLU())",
    "instance": f"nn.Sequential({CONV}, nn.InstanceNorm2d(8), nn.ReLU())",
    "affine": f"nn.Sequential({CONV}, nn.InstanceNorm2d(8, affine=True), nn.ReLU())",
    "epsilon": f"nn.Sequential({CONV}, nn.GroupNorm(2, 8, eps=0.1), nn.ReLU())",
}


def _made(text: str) -> Any:
    torch: Any = import_module("torch")
    return eval(text, {"nn": torch.nn})


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_equal_to_its_module_and_to_no_other(name: str, tmp_path: Path) -> None:
    module = _made(EXPORTS[name])
    path = _exported(module, tmp_path / "net.onnx")
    found = cw.diff(module, path, (1, 3, 9, 10))
    assert found.equal, str(found)
    for other, text in EXPORTS.items():
        # A layer without weights is one whose weights do nothing.
        if other != name and {name, other} not in ({"sequence", "bare"}, {"instance", "affine"}):
            assert not cw.diff(_made(text), path, (1, 3, 9, 10)).equal, other
