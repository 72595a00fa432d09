"""`convwise.torch` where a call does more than compute a layer; PyTorch's own answers are in `tests/oracle/test_runtime_torch_calls.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convwise.torch as torch
import convwise.torch.nn as nn
import convwise.torch.nn.functional as F
from convwise.errors import ArgumentError, Refusal, ShapeError


def test_maxima_come_with_their_places() -> None:
    x = torch.arange(32.0).view(2, 1, 4, 4)
    values, places = F.max_pool2d(x, 2, return_indices=True)
    assert values.tolist() == [[[[5, 7], [13, 15]]], [[[21, 23], [29, 31]]]]
    assert places.tolist() == [[[[5, 7], [13, 15]]]] * 2
    assert F.max_pool2d_with_indices(x, 2)[1].tolist() == places.tolist()
    _, places = nn.AdaptiveMaxPool2d((1, 3), return_indices=True)(-x)
    assert places.tolist() == [[[[0, 1, 2]]]] * 2


def test_in_place_activations_write_into_their_input() -> None:
    x = torch.tensor([-1.0, 2.0])
    assert nn.ReLU(inplace=True)(x) is x
    assert x.tolist() == [0, 2]
    y = torch.tensor([[-1.0, 2.0], [-3.0, 4.0]])
    F.relu_(y[1])
    assert y.tolist() == [[-1, 2], [0, 4]]
    F.hardtanh_(nn.Identity()(y), 0, 1)
    assert y.tolist() == [[0, 1], [0, 1]]
    with pytest.raises(AttributeError, match="sigmoid_"):
        _ = F.sigmoid_
    with pytest.raises(ArgumentError, match="cannot be written"):
        F.relu_(torch.ones(1).expand(3))


def test_scales_are_recomputed_or_read_as_pytorch_reads_them() -> None:
    x = torch.arange(25.0).view(1, 1, 5, 5)
    up = nn.Upsample(scale_factor=1.5, mode="bilinear", recompute_scale_factor=True)(x)
    np.testing.assert_allclose(up[0, 0, 0, :3], [0, 0.5714286, 1.2857143], rtol=1e-5)
    assert np.array_equal(nn.Upsample(scale_factor=1.1)(x), x)
    assert F.interpolate(x[..., :3], scale_factor=2.3)[0, 0, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert np.array_equal(nn.Upsample(scale_factor=1.1, mode="bilinear")(x), x)


def test_a_pad_at_one_end_reads_what_is_cropped_at_the_other() -> None:
    x = np.arange(5.0, dtype="f").reshape(1, 1, 5)
    assert F.pad(x, (3, -2), mode="reflect").tolist() == [[[3, 2, 1, 0, 1, 2]]]
    assert nn.ReplicationPad1d((2, -1))(torch.ones(1, 1, 1)).tolist() == [[[1, 1]]]
    assert nn.ReflectionPad1d((-2, 1))(x[..., :2]).tolist() == [[[0]]]


def test_rms_norm_of_doubles_adds_the_smallest_double() -> None:
    norm = nn.RMSNorm(4).double()
    np.testing.assert_allclose(norm(torch.tensor(np.full((1, 4), 1e-4))), 1, rtol=1e-4)


def test_a_transposed_convolution_is_asked_for_a_size() -> None:
    up, x = nn.ConvTranspose2d(3, 4, 3, stride=2), torch.ones(2, 3, 5, 6)
    assert up(x, output_size=(12, 13)).shape == (2, 4, 12, 13)
    assert up(x, output_size=[2, 4, 11, 14]).shape == (2, 4, 11, 14)
    assert nn.LazyConvTranspose2d(4, 3, stride=2)(x, output_size=(12, 13)).shape == (2, 4, 12, 13)
    with pytest.raises(Refusal, match=r"sizes from \(11, 13\) to \(12, 14\) come from this input"):
        up(x, output_size=(13, 13))


@pytest.mark.parametrize(
    "do",
    [
        lambda: nn.Conv2d(3, 8, 3)(torch.randn(1, 4, 8, 8)),
        lambda: nn.Linear(3, 8)(torch.randn(1, 3).double()),
        lambda: torch.ones(2, 3).view(5),
        lambda: F.conv2d(torch.ones(1, 1, 5, 5), torch.ones(1, 2, 3, 3)),
    ],
)
def test_what_fails_in_a_call_is_a_runtime_error(do: Any) -> None:
    with pytest.raises(RuntimeError) as caught:
        do()
    assert isinstance(caught.value, ShapeError | ArgumentError)
    assert caught.value.to_dict()["kind"] in ("ShapeError", "ArgumentError")


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lambda: F.one_hot(torch.tensor([-1]), 3), r"Class values must be non-negative\."),
        (lambda: F.one_hot(torch.tensor([3]), 3), "class numbers are int64 from 0 to 2"),
        (lambda: F.interpolate(torch.ones(1, 1, 4, 4), scale_factor=0), "scale_factor is 0; it must be greater than 0"),
        (lambda: F.interpolate(torch.ones(1, 1, 4, 4), scale_factor=2, antialias=True), "antialias=True"),
    ],
)
def test_wrong_calls_are_told_in_words(do: Any, message: str) -> None:
    with pytest.raises((ArgumentError, Refusal), match=message):
        do()


def test_an_empty_transposed_output_is_not_told_in_words_that_pytorch_has_not() -> None:
    with pytest.raises(ShapeError) as caught:
        nn.ConvTranspose2d(2, 4, 4, padding=2)(torch.ones(1, 2, 12, 1))
    assert (caught.value.code, caught.value.quote) == ("CW210", "")


def test_layer_attributes_have_pytorchs_form() -> None:
    assert nn.LayerNorm(4).normalized_shape == (4,)
    assert nn.ZeroPad2d(2).padding == (2, 2, 2, 2)
    assert nn.AvgPool1d(2).stride == (2,)


def test_hooks_run_beside_an_activation_that_is_computed_with_its_layer() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU())
    nn.init.constant_(net[0].weight, -1.0)
    seen = []
    handle = net[0].register_forward_hook(lambda module, given, output: seen.append(output.item()))
    net(torch.ones(1, 1, 1, 1))
    handle.remove()
    net(torch.ones(1, 1, 1, 1))
    assert seen == [-1]


def test_a_buffer_that_is_not_persistent_is_in_no_state() -> None:
    net = nn.Linear(2, 3)
    net.register_buffer("left", torch.ones(1), persistent=False)
    assert list(net.state_dict()) == ["weight", "bias"]
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())


def test_attributes_and_weights_that_are_set_are_what_runs() -> None:
    x = torch.ones(1, 3, 9, 10)
    layer = nn.Conv2d(3, 4, 3, bias=False)
    assert layer(x).shape == (1, 4, 7, 8)
    layer.stride, layer.bias = (2, 1), nn.Parameter(torch.full((4,), 100.0))
    assert layer(x).shape == (1, 4, 4, 8)
    assert float(layer(x).min()) > 90
    norm = nn.BatchNorm2d(3)
    norm.eps = 3.0
    assert norm(x).flatten()[0] == 0.5
    with pytest.raises(ArgumentError, match="Parameter or None expected"):
        layer.weight = torch.ones(4, 3, 3, 3)
