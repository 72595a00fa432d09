"""The functional form: functions and tensor methods as calls of layers."""

from __future__ import annotations

import pytest

from convwise.dialects.base import Call, Unknown
from convwise.dialects.torch import FUNCTIONS, flow, functional, read
from convwise.errors import CodeError, ShapeError

BATCH = Unknown("x.size(0)")


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "shape", "output"),
    [
        ("F.relu", (), {}, (2, 3), (2, 3)),
        ("torch.relu", (), {}, (2, 3), (2, 3)),
        ("nn.functional.leaky_relu", (0.2,), {}, (2, 3), (2, 3)),
        ("F.max_pool2d", (2,), {}, (1, 3, 9, 10), (1, 3, 4, 5)),
        ("F.max_pool2d", (3, 2, 1), {"ceil_mode": True}, (1, 3, 9, 10), (1, 3, 5, 6)),
        ("torch.max_pool2d", ((2, 3),), {}, (1, 3, 9, 10), (1, 3, 4, 3)),
        ("F.avg_pool2d", (3,), {"stride": 1, "padding": 1}, (1, 3, 9, 10), (1, 3, 9, 10)),
        ("F.adaptive_avg_pool2d", ((1, 2),), {}, (1, 3, 9, 10), (1, 3, 1, 2)),
        (
            "F.interpolate",
            (),
            {"scale_factor": 2, "mode": "bilinear", "align_corners": False},
            (1, 3, 4, 5),
            (1, 3, 8, 10),
        ),
        ("F.interpolate", ((7, 8),), {}, (1, 3, 4, 5), (1, 3, 7, 8)),
        ("F.pad", ((1, 2, 3, 4),), {}, (1, 3, 9, 10), (1, 3, 16, 13)),
        ("F.pad", ((1, 2),), {"mode": "reflect"}, (3, 9), (3, 12)),
        ("F.pad", ((1, 1, 1, 1), "constant", 2.5), {}, (3, 9, 10), (3, 11, 12)),
        ("F.dropout", (0.5,), {"training": Unknown("self.training")}, (2, 3), (2, 3)),
        ("F.dropout2d", (), {}, (2, 3, 4, 5), (2, 3, 4, 5)),
        ("F.log_softmax", (), {"dim": 1}, (2, 3), (2, 3)),
        ("F.softmax", (1,), {"dtype": None}, (2, 3), (2, 3)),
        ("F.pixel_shuffle", (2,), {}, (1, 8, 3, 4), (1, 2, 6, 8)),
        ("F.unfold", (3,), {"padding": 1}, (1, 2, 4, 5), (1, 18, 20)),
        ("torch.sigmoid", (), {}, (2,), (2,)),
        ("torch.flatten", (1,), {}, (2, 3, 4, 5), (2, 60)),
        ("torch.flatten", (), {}, (2, 3, 4, 5), (120,)),
        ("torch.flatten", (), {"start_dim": 2}, (2, 3, 4, 5), (2, 3, 20)),
        ("flatten", (1,), {}, (2, 3, 4, 5), (2, 60)),
        (".flatten", (1, 2), {}, (2, 3, 4, 5), (2, 12, 5)),
        ("view", (-1, 400), {}, (3, 16, 5, 5), (3, 400)),
        ("view", ((-1, 400),), {}, (3, 16, 5, 5), (3, 400)),
        ("view", (BATCH, -1), {}, (3, 16, 5, 5), (3, 400)),
        ("view", (Unknown("x.shape[0]"), 16, 25), {}, (3, 16, 5, 5), (3, 16, 25)),
        ("view", (Unknown("batch_size"), -1), {}, (None, 16, 5, 5), (None, 400)),
        ("view", (BATCH, Unknown("x.size(1)"), -1), {}, (3, 16, 5, 5), (3, 16, 25)),
        ("reshape", (BATCH, -1), {}, (0, 16, 5, 5), None),
        ("reshape", (-1,), {}, (3, 4), (12,)),
        ("torch.reshape", ((-1, 6),), {}, (3, 4), (2, 6)),
        ("permute", (0, 2, 3, 1), {}, (2, 3, 4, 5), (2, 4, 5, 3)),
        ("permute", ((0, -1, 1, 2),), {}, (2, 3, 4, 5), (2, 5, 3, 4)),
        ("mean", ((2, 3),), {}, (2, 3, 4, 5), (2, 3)),
        ("mean", (), {"dim": (-2, -1), "keepdim": True}, (2, 3, 4, 5), (2, 3, 1, 1)),
        ("contiguous", (), {}, (2, 3), (2, 3)),
        ("to", (Unknown("device"),), {}, (2, 3), (2, 3)),
    ],
)
def test_functions(name, args, kwargs, shape, output):
    call = functional(name, args, kwargs)
    assert isinstance(call, Call)
    if output is None:
        with pytest.raises(ShapeError) as caught:
            flow(read(call), shape)
        assert "is ambiguous" in caught.value.quote
    else:
        assert flow(read(call), shape).output == output


def test_unknown_functions_are_none():
    for name in ("F.conv2d", "F.cross_entropy", "torch.cat", "F.grid_sample", "einsum", "F.pad2"):
        assert functional(name, (1,)) is None
    assert functional("F.pad", ((1, 2, 3),)) is None
    assert functional("F.pad", ((1, 1), "edge")) is None


def test_arguments_are_bound_as_python_binds_them():
    for name, args, kwargs, code in (
        ("F.max_pool2d", (), {}, "CW303"),
        ("F.relu", (True, 3), {}, "CW304"),
        ("F.max_pool2d", (2,), {"strides": 2}, "CW305"),
        ("F.max_pool2d", (2,), {"kernel_size": 2}, "CW306"),
    ):
        with pytest.raises(CodeError) as caught:
            functional(name, args, kwargs)
        assert caught.value.code == code


def test_view_words():
    with pytest.raises(ShapeError) as caught:
        flow(read(functional("view", (-1, 401))), (3, 16, 5, 5))
    assert caught.value.code == "CW106"
    assert caught.value.quote == "shape '[-1, 401]' is invalid for input of size 1200"
    assert "400 features for each sample" in caught.value.hint
    with pytest.raises(CodeError) as unknown:
        read(functional("view", (BATCH, Unknown("self.features"))))
    assert unknown.value.code == "CW314"
    assert "self.features" in unknown.value.fact


def test_every_function_builds_a_layer_that_is_known():
    from convwise.dialects.base import REQUIRED
    from convwise.dialects.torch import KINDS

    for name, function in FUNCTIONS.items():
        args = tuple(
            (1, 1) if p.name in ("pad", "dims", "shape", "sizes") else 1
            for p in function.parameters
            if p.default is REQUIRED
        )
        call = functional(name, args or ((2, 3) if name in (".view", ".reshape", ".permute") else ()))
        assert call is not None, name
        assert call.kind in KINDS or call.kind in ("view", "reshape", "permute", "mean", "amax"), name
