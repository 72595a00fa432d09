"""Attributes and weights of `convwise.torch`'s layers that are set after the layer was made, against PyTorch: its forward reads them in every call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import convwise as cw
import convwise.torch as ours

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


X, CHANNELS, ROW = numbers(2, 3, 9, 10), numbers(2, 8, 9, 10), numbers(2, 8, 13)


def parameter(lib: Any, *shape: int) -> Any:
    return lib.nn.Parameter(lib.from_numpy(numbers(*shape)))


CASES: list[tuple[str, Callable[[Any], Any], np.ndarray, dict[str, Any]]] = [
    ("stride of a convolution", lambda lib: lib.nn.Conv2d(3, 4, 3), X, {"stride": (2, 1)}),
    ("dilated", lambda lib: lib.nn.Conv2d(3, 4, 3, 2, 1), X, {"stride": 1, "dilation": (2, 2), "padding": (2, 2)}),
    ("another mode", lambda lib: lib.nn.Conv2d(3, 4, 3, padding=1), X, {"padding_mode": "circular"}),
    ("pads of a mode", lambda lib: lib.nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), X, {"padding": 2}),
    ("told sizes", lambda lib: lib.nn.Conv2d(3, 4, 3), X, {"in_channels": 7, "out_channels": 9, "kernel_size": 5}),
    ("output_padding", lambda lib: lib.nn.ConvTranspose2d(3, 4, 2, 2), X, {"output_padding": (1, 0)}),
    ("epsilon", lambda lib: lib.nn.BatchNorm2d(3), X, {"eps": 0.5, "momentum": 0.03}),
    ("moments stay", lambda lib: lib.nn.BatchNorm2d(3), X, {"track_running_stats": False}),
    ("no moments", lambda lib: lib.nn.BatchNorm2d(3), X, {"running_mean": None, "running_var": None}),
    ("groups", lambda lib: lib.nn.GroupNorm(2, 8), CHANNELS, {"num_groups": 4}),
    ("of the batch", lambda lib: lib.nn.InstanceNorm2d(3, track_running_stats=True), X, {"track_running_stats": False}),
    ("epsilon of rows", lambda lib: lib.nn.LayerNorm(10), X, {"eps": 3.0}),
    ("slope", lambda lib: lib.nn.LeakyReLU(), X, {"negative_slope": 0.5}),
    ("axis", lambda lib: lib.nn.Softmax(1), X, {"dim": 3}),
    ("window of a pool", lambda lib: lib.nn.MaxPool2d(2), X, {"kernel_size": 3}),
    ("window of a sum", lambda lib: lib.nn.LPPool2d(2, 2), X, {"kernel_size": 3}),
    ("stride of a pool", lambda lib: lib.nn.MaxPool2d(2), X, {"stride": 1, "ceil_mode": True}),
    ("divisor", lambda lib: lib.nn.AvgPool2d(3, 2, 1), X, {"count_include_pad": False}),
    ("row of a pool", lambda lib: lib.nn.AvgPool1d(2), ROW, {"kernel_size": 3}),
    ("output of a pool", lambda lib: lib.nn.AdaptiveAvgPool2d(1), X, {"output_size": (2, 3)}),
    ("resize", lambda lib: lib.nn.Upsample(scale_factor=2), X, {"mode": "bilinear", "align_corners": True}),
    ("pads", lambda lib: lib.nn.ZeroPad2d(1), X, {"padding": (2, 0, 1, 3)}),
    ("axes", lambda lib: lib.nn.Flatten(), X, {"start_dim": 2}),
]


def same(own: Any, real: Any) -> None:
    np.testing.assert_allclose(np.asarray(own), np.asarray(real.detach()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("make", "x", "changes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_attributes_that_are_set_are_what_runs(make: Any, x: np.ndarray, changes: dict[str, Any]) -> None:
    real, own = make(torch).eval(), make(ours)
    own.load_state_dict(real.state_dict())
    own(ours.from_numpy(x))  # what was run before does not stay
    for name, value in changes.items():
        setattr(real, name, value)
        setattr(own, name, value)
        assert getattr(own, name) == value
    same(own(ours.from_numpy(x)), real(torch.from_numpy(x)))


WEIGHTS: list[tuple[str, Callable[[Any], Any], np.ndarray, dict[str, tuple[int, ...] | None]]] = [
    ("a bias comes", lambda lib: lib.nn.Conv2d(3, 4, 3, bias=False), X, {"bias": (4,)}),
    ("a bias goes", lambda lib: lib.nn.Conv2d(3, 4, 3), X, {"bias": None}),
    ("of a linear layer", lambda lib: lib.nn.Linear(10, 4, bias=False), X, {"weight": (6, 10), "bias": (6,)}),
    ("fewer filters", lambda lib: lib.nn.Conv2d(3, 8, 3), X, {"weight": (5, 3, 3, 3), "bias": (5,)}),
    ("another window", lambda lib: lib.nn.Conv2d(3, 4, 3, padding=1), X, {"weight": (4, 3, 5, 2)}),
    ("transposed", lambda lib: lib.nn.ConvTranspose2d(3, 4, 2, 2), X, {"weight": (3, 6, 3, 3), "bias": None}),
    ("no scale", lambda lib: lib.nn.BatchNorm2d(3), X, {"weight": None}),
    ("a scale comes", lambda lib: lib.nn.BatchNorm2d(3, affine=False), X, {"weight": (3,), "bias": (3,)}),
    ("no shift", lambda lib: lib.nn.LayerNorm(10), X, {"bias": None}),
    ("slopes", lambda lib: lib.nn.PReLU(), X, {"weight": (3,)}),
]


@pytest.mark.parametrize(("make", "x", "changes"), [case[1:] for case in WEIGHTS], ids=[case[0] for case in WEIGHTS])
def test_weights_that_are_set_settle_the_sizes(make: Any, x: np.ndarray, changes: dict[str, Any]) -> None:
    real, own = make(torch).eval(), make(ours)
    own.load_state_dict(real.state_dict())
    for name, shape in changes.items():
        setattr(real, name, None if shape is None else parameter(torch, *shape))
        setattr(own, name, None if shape is None else parameter(ours, *shape))
    same(own(ours.from_numpy(x)), real(torch.from_numpy(x)))
    assert list(own.state_dict()) == list(real.state_dict())


def test_layers_in_a_model_that_ran_already() -> None:
    def model(lib: Any) -> Any:
        return lib.nn.Sequential(lib.nn.Conv2d(3, 4, 3, padding=1), lib.nn.LeakyReLU(0.1))

    real, own = model(torch), model(ours)
    own.load_state_dict(real.state_dict())
    own(ours.from_numpy(X))
    for one in (real, own):
        one[0].stride, one[1].negative_slope = (2, 2), 0.7
    same(own(ours.from_numpy(X)), real(torch.from_numpy(X)))
    assert repr(own) == repr(real)


def test_a_subclass_runs_with_weights_of_its_own() -> None:
    def masked(lib: Any) -> Any:
        class Masked(lib.nn.Conv2d):  # type: ignore[misc, name-defined]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                self.padding = 7  # which the constructor overwrites
                super().__init__(*args, **kwargs)
                self.kernel_size = 3

            def forward(self, x: Any) -> Any:
                return self._conv_forward(x, self.weight * 2, self.bias)

        return Masked(3, 4, 3, padding=1, padding_mode="reflect")

    real, own = masked(torch), masked(ours)
    own.load_state_dict(real.state_dict())
    same(own(ours.from_numpy(X)), real(torch.from_numpy(X)))
    assert (own.kernel_size, own.padding) == (real.kernel_size, real.padding)


def test_a_tensor_is_no_parameter_and_a_function_no_module() -> None:
    for lib, error in ((torch, TypeError), (ours, cw.ArgumentError)):
        layer, model = lib.nn.Conv2d(3, 4, 3), lib.nn.Sequential(lib.nn.ReLU())
        with pytest.raises(error, match=r"as parameter 'weight' \(torch.nn.Parameter or None expected\)"):
            layer.weight = lib.ones(4, 3, 3, 3)
        model.last = lib.nn.ReLU()
        with pytest.raises(error, match=r"as child module 'last' \(torch.nn.Module or None expected\)"):
            model.last = abs
