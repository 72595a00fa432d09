"""`convwise.torch` against PyTorch where a call does more than compute a layer: what it writes, what it gives beside the values, what it reads."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import convwise as cw
import convwise.torch as ours
from convwise.dialects.torch import KINDS

torch = pytest.importorskip("torch")

F, OF = torch.nn.functional, ours.nn.functional


def data(*shape: int, seed: int = 0, dtype: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def same(own: Any, real: Any, tolerance: float = 1e-5) -> None:
    own, real = np.asarray(own), np.asarray(real.detach())
    assert own.shape == real.shape
    assert own.dtype == real.dtype
    np.testing.assert_allclose(own, real, rtol=tolerance, atol=tolerance)


MAXIMA: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("max_pool1d", (2, 3, 11), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ("max_pool2d", (2, 1, 4, 4), {"kernel_size": 2}),
    ("max_pool2d", (2, 3, 9, 10), {"kernel_size": (3, 2), "stride": (2, 3), "padding": (1, 0), "dilation": (2, 1)}),
    ("max_pool2d", (3, 9, 10), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
    ("max_pool3d", (1, 2, 5, 6, 7), {"kernel_size": 2, "padding": 1, "stride": (1, 2, 2)}),
    ("adaptive_max_pool1d", (2, 3, 11), {"output_size": 4}),
    ("adaptive_max_pool2d", (2, 3, 9, 10), {"output_size": (4, 3)}),
    ("adaptive_max_pool3d", (2, 5, 6, 7), {"output_size": (2, 3, 4)}),
]


@pytest.mark.parametrize(("name", "shape", "given"), MAXIMA)
@pytest.mark.parametrize("hostile", [False, True])
def test_maxima_come_with_their_places(name: str, shape: tuple[int, ...], given: dict[str, Any], hostile: bool) -> None:
    x = data(*shape)
    if hostile:
        x = np.round(x)
        x[x > 1], x[x < 0] = np.nan, -np.inf
    real = getattr(F, name)(torch.from_numpy(x), return_indices=True, **given)
    own = getattr(OF, name)(ours.from_numpy(x), return_indices=True, **given)
    assert isinstance(own, tuple)
    same(own[0], real[0])
    same(own[1], real[1])
    layer = name.replace("_", " ").title().replace(" ", "").replace("1D", "1d").replace("2D", "2d").replace("3D", "3d")
    values, places = getattr(ours.nn, layer)(return_indices=True, **given)(ours.from_numpy(x))
    same(values, real[0])
    same(places, real[1])


IN_PLACE = [kind for kind in KINDS if "inplace" in KINDS[kind].names]


@pytest.mark.parametrize("kind", IN_PLACE)
def test_in_place_layers_change_their_input(kind: str) -> None:
    given = {"threshold": 0.1, "value": 2.0} if kind == "Threshold" else {}
    x = data(2, 4, 5)
    real_input, own_input = torch.from_numpy(x.copy()), ours.from_numpy(x.copy())
    real = getattr(torch.nn, kind)(**given, inplace=True).eval()(real_input)
    own = getattr(ours.nn, kind)(**given, inplace=True)(own_input)
    same(own, real)
    same(own_input, real_input)
    assert (own is own_input) == (real is real_input)


@pytest.mark.parametrize(
    "do",
    [
        lambda F, x: F.relu(x, inplace=True),
        lambda F, x: F.leaky_relu(x, 0.1, True),
        lambda F, x: F.relu_(x),
        lambda F, x: F.elu_(x, 0.5),
        lambda F, x: F.hardtanh_(x, -0.5, 0.5),
        lambda F, x: F.relu_(x[:, 1]),
        lambda F, x: F.relu_(x.flatten(1)),
        lambda F, x: F.relu_(x.transpose(0, 1)),
        lambda F, x: F.relu_(F.dropout(x, 0.5, training=False)),
    ],
)
def test_in_place_functions_change_their_input(do: Any) -> None:
    x = data(3, 4, 5)
    real, own = torch.from_numpy(x.copy()), ours.from_numpy(x.copy())
    same(do(OF, own), do(F, real))
    same(own, real)


def test_a_residual_unit_with_in_place_activations() -> None:
    def unit(module: Any) -> Any:
        class Unit(module.nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.conv1 = module.nn.Conv2d(4, 4, 3, padding=1)
                self.conv2 = module.nn.Conv2d(4, 4, 3, padding=1)
                self.relu = module.nn.ReLU(inplace=True)

            def forward(self, x: Any) -> Any:
                return self.conv2(self.relu(self.conv1(self.relu(x)))) + x

        return Unit().eval()

    real, own = unit(torch), unit(ours)
    own.load_state_dict(real.state_dict())
    x = data(2, 4, 9, 10)
    same(own(ours.from_numpy(x.copy())), real(torch.from_numpy(x.copy())))


MODES = [("nearest", 1), ("nearest", 2), ("nearest", 3), ("nearest-exact", 2), ("linear", 1), ("bilinear", 2), ("trilinear", 3), ("bicubic", 2)]  # fmt: skip
SCALES = (1.1, 1.2, 1.25, 1.4, 1.7, 2.1, 2.3, 0.9, 0.6)


@pytest.mark.parametrize(("mode", "rank"), MODES)
@pytest.mark.parametrize("recompute", [None, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fractional_scales_read_the_cells_that_pytorch_reads(mode: str, rank: int, recompute: Any, dtype: Any) -> None:
    for size in (2, 3, 5, 7, 9):
        x = data(2, 3, *(size, size + 1, size + 3)[:rank], dtype=dtype)
        for scale in SCALES:
            given = {"scale_factor": scale, "mode": mode, "recompute_scale_factor": recompute}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                same(OF.interpolate(ours.from_numpy(x), **given), F.interpolate(torch.from_numpy(x), **given))


@pytest.mark.parametrize("shape", [(1, 1, 60, 61), (2, 3, 100, 101), (2, 3, 100, 1), (2, 3, 127, 2)])
@pytest.mark.parametrize("scale", [1.004, 2.004, (1.004, 1.7)])
def test_large_images_are_not_copied(shape: tuple[int, ...], scale: Any) -> None:
    x = data(*shape)
    same(OF.interpolate(x, scale_factor=scale), F.interpolate(torch.from_numpy(x), scale_factor=scale))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_rms_norms_epsilon_is_that_of_the_datas_type(dtype: str) -> None:
    x = np.full((2, 4), 1e-4, dtype)
    real = torch.nn.RMSNorm(4).to(getattr(torch, dtype))(torch.from_numpy(x))
    own = ours.nn.RMSNorm(4).to(getattr(ours, dtype))(ours.from_numpy(x))
    same(own, real, 1e-3 if dtype == "float16" else 1e-5)


def padded(x: np.ndarray, pads: tuple[int, int], mode: str) -> Any:
    """The padded array; None where the call is one that PyTorch accepts by accident."""
    try:
        return OF.pad(x, pads, mode=mode)
    except cw.ShapeError as error:
        if error.code != "CW210":
            raise
        return None


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_at_one_end_and_cropping_at_the_other(mode: str) -> None:
    for size in (1, 2, 5):
        x = data(1, 2, size)
        for pads in [(3, -2), (-2, 3), (2, -3), (2, -1), (-1, -2), (-2, 1), (4, -4)]:
            try:
                real = F.pad(torch.from_numpy(x), pads, mode=mode)
            except RuntimeError:
                continue
            if 0 in real.shape:
                continue
            own = padded(x, pads, mode)
            # PyTorch reads memory that it has not written, or cells that are cut away.
            assert own is not None or size < 5 or mode == "circular"
            if own is not None:
                same(own, real)
    x = data(1, 2, 6, 7)
    if mode != "circular":
        same(OF.pad(x, (3, -2, -1, 4), mode=mode), F.pad(torch.from_numpy(x), (3, -2, -1, 4), mode=mode))


@pytest.mark.parametrize("wanted", [[12, 12], (11, 12), [2, 4, 12, 11], [10, 12], [13, 13], [12]])
def test_transposed_convolutions_take_the_size_that_is_asked_for(wanted: Any) -> None:
    real = torch.nn.ConvTranspose2d(3, 4, 3, stride=2)
    own = ours.nn.ConvTranspose2d(3, 4, 3, stride=2)
    own.load_state_dict(real.state_dict())
    x = data(2, 3, 5, 5)
    if wanted in ([10, 12], [13, 13], [12]):
        with pytest.raises(ValueError, match=r"output_size|output size") as theirs:
            real(torch.from_numpy(x), output_size=wanted)
        with pytest.raises(cw.Refusal) as caught:
            own(ours.from_numpy(x), output_size=wanted)
        assert caught.value.quote == str(theirs.value)
        return
    same(own(ours.from_numpy(x), output_size=wanted), real(torch.from_numpy(x), output_size=wanted))


@pytest.mark.parametrize(("kind", "shape"), [("InstanceNorm1d", (2, 6, 1)), ("InstanceNorm2d", (2, 6, 1, 1))])
def test_instance_norm_with_moments_takes_one_cell(kind: str, shape: tuple[int, ...]) -> None:
    x = data(*shape)
    same(
        getattr(ours.nn, kind)(6, track_running_stats=True).eval()(ours.from_numpy(x)),
        getattr(torch.nn, kind)(6, track_running_stats=True).eval()(torch.from_numpy(x)),
    )
    with pytest.raises(cw.ShapeError, match="Expected more than 1 spatial element"):
        getattr(ours.nn, kind)(6).eval()(ours.from_numpy(x))


@pytest.mark.parametrize(
    "do",
    [
        lambda m: m.nn.functional.one_hot(m.tensor([-1]), 3),
        lambda m: m.nn.functional.one_hot(m.tensor([5, 1]), 3),
        lambda m: m.nn.functional.one_hot(m.tensor([1.0])),
        lambda m: m.nn.functional.one_hot(m.zeros(0).long()),
        lambda m: m.nn.Conv2d(3, 8, 3)(m.randn(1, 4, 8, 8)),
        lambda m: m.nn.Linear(3, 8)(m.randn(1, 4)),
        lambda m: m.nn.Linear(3, 8)(m.randn(1, 3).double()),
        lambda m: m.nn.functional.max_pool2d(m.randn(1, 3, 2, 2), 5),
        lambda m: m.nn.functional.conv2d(m.randn(1, 4, 8, 8), m.randn(3, 3, 2, 2)),
        lambda m: m.randn(2, 3).view(5),
        lambda m: m.nn.Linear(3, 8).load_state_dict({}),
    ],
)
def test_what_fails_in_a_call_is_a_runtime_error(do: Any) -> None:
    with pytest.raises(RuntimeError) as real:
        do(torch)
    with pytest.raises(RuntimeError) as own:
        do(ours)
    assert isinstance(own.value, cw.ConvwiseError)
    assert own.value.quote in str(real.value)


def test_buffers_that_no_state_has_and_parameters_at_rest() -> None:
    def model(module: Any) -> Any:
        found = module.nn.Sequential(module.nn.Linear(2, 3))
        found.register_buffer("kept", module.ones(1))
        found.register_buffer("left", module.ones(1), persistent=False)
        found[0].bias.requires_grad = False
        return found

    real, own = model(torch), model(ours)
    assert list(own.state_dict()) == list(real.state_dict())
    assert own.load_state_dict(real.state_dict()) == ([], [])
    for change in (lambda m: m, lambda m: m.double(), lambda m: m.requires_grad_(False)):
        change(real), change(own)
        assert [p.requires_grad for p in own.parameters()] == [p.requires_grad for p in real.parameters()]
    for p, q in zip(real.parameters(), own.parameters(), strict=True):
        p.requires_grad = q.requires_grad = False
    assert not any(p.requires_grad for p in own.parameters())


def test_hooks_see_and_change_what_passes() -> None:
    def run(module: Any) -> Any:
        seen = []
        net = module.nn.Sequential(module.nn.Conv2d(2, 2, 1, bias=False), module.nn.ReLU(), module.nn.Tanh())
        module.nn.init.constant_(net[0].weight, -0.5)
        handle = net[0].register_forward_hook(lambda layer, given, out: seen.append(out.clone()))
        net[1].register_forward_pre_hook(lambda layer, given: (given[0] + 1,))
        net[2].register_forward_hook(lambda layer, given, out: out * 2)
        x = module.ones(1, 2, 3, 3)
        first = net(x)
        handle.remove()
        net(x)
        return [first.detach(), *(one.detach() for one in seen)]

    real, own = run(torch), run(ours)
    assert len(own) == len(real) == 2
    for mine, theirs in zip(own, real, strict=True):
        same(mine, theirs)


def test_containers_grow_and_shrink() -> None:
    def changed(module: Any) -> list[Any]:
        nn = module.nn
        one, many = nn.Sequential(nn.ReLU(), nn.Tanh()), nn.ModuleList([nn.ReLU()])
        one.insert(1, nn.ELU())
        many.insert(0, nn.Tanh())
        taken = one.pop(0)
        named = nn.Sequential()
        named.add_module("a", nn.ReLU())
        named.add_module("b", nn.Tanh())
        named.append(nn.ELU())
        shown = repr(named)
        del named[0]
        pairs = nn.ModuleDict({"a": nn.ReLU()})
        pairs.update({"b": nn.Tanh()})
        pairs.pop("a")
        return [
            one,
            many,
            taken,
            one + nn.Sequential(nn.SiLU()),
            many + nn.ModuleList([nn.SiLU()]),
            shown,
            named,
            pairs,
        ]

    assert list(map(str, changed(ours))) == list(map(str, changed(torch)))


ATTRIBUTES: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Conv2d", (3, 4, 3), {"stride": 2, "padding": 1}),
    ("Conv1d", (3, 4, (3,)), {"padding": "same"}),
    ("ConvTranspose3d", (3, 4, 3), {"output_padding": 1, "stride": 2}),
    ("MaxPool2d", (2,), {}),
    ("AvgPool1d", (2,), {}),
    ("AvgPool2d", (2,), {"stride": 1}),
    ("LPPool2d", (2, 3), {}),
    ("AdaptiveAvgPool2d", (5,), {}),
    ("ZeroPad2d", (2,), {}),
    ("ReflectionPad1d", (2,), {}),
    ("ConstantPad3d", ((1, 2, 3, 4, 5, 6), 1.5), {}),
    ("LayerNorm", (4,), {}),
    ("RMSNorm", (4,), {}),
    ("GroupNorm", (2, 4), {}),
    ("BatchNorm2d", (4,), {}),
    ("InstanceNorm2d", (4,), {}),
    ("Upsample", (), {"scale_factor": 2}),
    ("Upsample", ((5, 6),), {}),
    ("Unfold", (3,), {}),
    ("Linear", (3, 4), {}),
    ("LeakyReLU", (0.2,), {}),
    ("Hardtanh", (), {}),
    ("PixelShuffle", (2,), {}),
    ("Flatten", (), {}),
    ("Unflatten", (1, (2, 2)), {}),
    ("Dropout", (0.3,), {}),
    ("LocalResponseNorm", (3,), {}),
    ("Softmax", (1,), {}),
    ("PReLU", (3,), {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "args", "kwargs"), ATTRIBUTES)
def test_attributes_are_those_of_the_layer(kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    real, own = getattr(torch.nn, kind)(*args, **kwargs), getattr(ours.nn, kind)(*args, **kwargs)
    for name in KINDS[kind].names:
        theirs = getattr(real, name, None)
        if hasattr(real, name) and not isinstance(theirs, torch.Tensor):
            assert (name, getattr(own, name)) == (name, theirs)
