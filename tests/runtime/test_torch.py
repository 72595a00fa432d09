"""`convwise.torch`: modules, state, tensors, functions and their errors."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import convwise.torch as torch
import convwise.torch.nn as nn
import convwise.torch.nn.functional as F
from convwise.dialects.torch import KINDS, UNMODELLED
from convwise.errors import ArgumentError, CodeError, ModelError, Refusal, ShapeError


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "Upsample": (None, 2),
    "UpsamplingNearest2d": (None, 2),
    "UpsamplingBilinear2d": (None, 2),
    "PixelShuffle": (2,),
    "PixelUnshuffle": (2,),
    "ChannelShuffle": (2,),
    "Unfold": (3,),
    "Fold": ((6, 8), 3),
    "Unflatten": (1, (2, 2)),
    "Linear": (6, 3),
    "LazyLinear": (3,),
    "GroupNorm": (2, 4),
    "LayerNorm": (6,),
    "RMSNorm": (6,),
    "LocalResponseNorm": (2,),
    "Softmax": (1,),
    "LogSoftmax": (1,),
    "Softmin": (1,),
    "Threshold": (0.1, 2.0),
}


def call_of(kind: str) -> tuple[Any, ...]:
    if kind in ARGUMENTS:
        return ARGUMENTS[kind]
    if "Conv" in kind:
        return (3, 3) if kind.startswith("Lazy") else (4, 3, 3)
    if kind.startswith("LP"):
        return (2, 2)
    if "Pool" in kind:
        return (2,)
    if kind[:-2].endswith("Pad"):
        return (1, 2.0) if kind.startswith("Constant") else (1,)
    return (4,) if "num_features" in KINDS[kind].names else ()


def input_of(kind: str) -> torch.Tensor:
    if kind == "Fold":
        return torch.randn(2, 27, 24)
    rank = int(kind[-2]) if kind[-1] == "d" and kind[-2] in "123" else 2
    return torch.randn(2, 4, *(9, 8, 6)[3 - rank :])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_made_and_called(kind: str) -> None:
    module, x = getattr(nn, kind)(*call_of(kind)), input_of(kind)
    output = module(x)
    assert isinstance(output, torch.Tensor)
    assert isinstance(output.shape, torch.Size)
    assert output.dtype == torch.float32
    assert repr(module).startswith(kind.removeprefix("Lazy") + "(")
    assert module.load_state_dict(module.state_dict()) == ([], [])
    double = module.double()(x.double())
    assert double.dtype == torch.float64
    np.testing.assert_allclose(double, output, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", sorted(UNMODELLED.keys() - set(nn.__all__)))
def test_a_layer_that_is_not_modelled_says_so(kind: str) -> None:
    with pytest.raises(CodeError, match=f"convwise does not model nn.{kind}"):
        getattr(nn, kind)()


def test_an_unknown_layer_gets_the_nearest_name() -> None:
    with pytest.raises(AttributeError, match="no PyTorch layer 'Conv2D'; did you mean 'Conv2d'"):
        _ = nn.Conv2D
    with pytest.raises(
        AttributeError, match=r"no function 'max_pol2d' in torch\.nn\.functional; did you mean 'max_pool2d'"
    ):
        _ = F.max_pol2d
    with pytest.raises(AttributeError, match="it does not train"):
        _ = torch.optim


class Net(nn.Module):
    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1)
        self.bn = nn.BatchNorm2d(width)
        self.features = nn.Sequential(OrderedDict([("act", nn.ReLU()), ("pool", nn.MaxPool2d(2))]))
        self.heads = nn.ModuleList([nn.Linear(width * 4, 2), nn.Linear(width * 4, 2)])
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("offset", torch.zeros(1))

    def forward(self, x: Any) -> Any:
        x = torch.flatten(self.features(self.bn(self.conv1(x))), 1)
        return self.heads[0](x) * self.scale + self.heads[1](x) + self.offset


KEYS = [
    "scale", "offset", "conv1.weight", "conv1.bias", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var",
    "bn.num_batches_tracked", "heads.0.weight", "heads.0.bias", "heads.1.weight", "heads.1.bias",
]  # fmt: skip


def test_a_module_of_ones_own() -> None:
    net = Net().eval()
    x = torch.randn(2, 3, 4, 4)
    assert net(x).shape == (2, 2)
    assert list(net.state_dict()) == KEYS
    assert [name for name, _ in net.named_parameters()] == [
        key for key in KEYS if "running" not in key and "tracked" not in key and key != "offset"
    ]
    assert sum(p.numel() for p in net.parameters()) == 1 + 3 * 4 * 9 + 4 + 8 + 2 * (16 * 2 + 2)
    assert [name for name, _ in net.named_children()] == ["conv1", "bn", "features", "heads"]
    assert [name for name, _ in net.named_modules()][:4] == ["", "conv1", "bn", "features"]
    other = Net()
    assert not np.allclose(other(x), net(x))
    assert repr(other.load_state_dict(net.state_dict())) == "<All keys matched successfully>"
    assert np.array_equal(other(x), net(x))
    assert repr(net) == (
        "Net(\n"
        "  (conv1): Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))\n"
        "  (bn): BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)\n"
        "  (features): Sequential(\n"
        "    (act): ReLU()\n"
        "    (pool): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)\n"
        "  )\n"
        "  (heads): ModuleList(\n"
        "    (0-1): 2 x Linear(in_features=16, out_features=2, bias=True)\n"
        "  )\n"
        ")"
    )


def test_batch_normalisation_takes_its_running_moments() -> None:
    norm = nn.BatchNorm2d(2, eps=1e-12)
    norm.load_state_dict(
        {"weight": [2, 1], "bias": [0, 3], "running_mean": [1, 0], "running_var": [4, 1], "num_batches_tracked": 0}
    )
    x = torch.tensor([[[[3.0]], [[5.0]]]])
    assert norm(x).ravel().tolist() == pytest.approx([2, 8])


def test_state_that_does_not_fit_changes_nothing() -> None:
    net = Net()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = dict(before)
    state["conv1.weight"] = torch.zeros(4, 3, 5, 5)
    del state["bn.bias"]
    state["extra"] = torch.zeros(1)
    with pytest.raises(ArgumentError) as caught:
        net.load_state_dict(state)
    text = str(caught.value)
    assert "bn.bias missing; extra not known here; conv1.weight of another shape" in text
    assert 'Missing key(s) in state_dict: "bn.bias".' in text
    assert (
        "copying a param with shape torch.Size([4, 3, 5, 5]) from checkpoint, the shape in current model is torch.Size([4, 3, 3, 3])"
        in text
    )
    assert all(np.array_equal(value, before[name]) for name, value in net.state_dict().items())
    found = net.load_state_dict({"scale": torch.ones(1), "extra": torch.ones(1)}, strict=False)
    assert found.unexpected_keys == ["extra"]
    assert "conv1.weight" in found.missing_keys


def test_weights_can_be_set_in_place() -> None:
    conv = nn.Conv2d(1, 1, (1, 3), bias=False)
    with torch.no_grad():
        conv.weight[:] = torch.tensor([1.0, 10.0, 100.0])
    assert conv(torch.tensor([[[[1.0, 2.0, 3.0]]]])).item() == 321
    conv.weight.data.fill_(1)
    assert conv(torch.tensor([[[[1.0, 2.0, 3.0]]]])).item() == 6
    conv.weight = nn.Parameter(torch.zeros(1, 1, 1, 3))
    assert conv(torch.ones(1, 1, 1, 3)).item() == 0
    nn.init.constant_(conv.weight, 2)
    assert conv(torch.ones(1, 1, 1, 3)).item() == 6
    assert conv.bias is None
    assert conv.weight.requires_grad
    assert not (conv.weight * 2).requires_grad
    assert repr(nn.Parameter(torch.ones(2))) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"


def test_the_same_seed_gives_the_same_numbers() -> None:
    torch.manual_seed(4)
    first = nn.Conv2d(3, 4, 3).weight.clone(), torch.randn(3)
    torch.manual_seed(4)
    second = nn.Conv2d(3, 4, 3).weight.clone(), torch.randn(3)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert np.abs(first[0]).max() <= 1 / np.sqrt(27)


def test_sequential() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten())
    assert list(net.state_dict()) == ["0.weight", "0.bias"]
    assert isinstance(net[0], nn.Conv2d)
    assert isinstance(net[0], nn.Module)
    assert len(net[:2]) == 2
    assert net[-1] is net[2]
    net.append(nn.LazyLinear(2))
    assert repr(net[3]) == "LazyLinear(in_features=0, out_features=2, bias=True)"
    assert net(torch.randn(2, 3, 5, 5)).shape == torch.Size([2, 2])
    assert repr(net[3]) == "Linear(in_features=36, out_features=2, bias=True)"
    assert type(net[3]) is nn.Linear
    net[1] = nn.Tanh()
    del net[2]
    assert [type(module).__name__ for module in net] == ["Conv2d", "Tanh", "Linear"]
    with pytest.raises(IndexError):
        _ = net[7]


def test_modules_tell_explain_what_they_are() -> None:
    net = nn.Sequential(OrderedDict([("stem", nn.Conv2d(3, 4, 3)), ("rest", nn.Sequential(nn.ReLU()))]))
    dialect, found, shape = net.__convwise__()
    assert (dialect, shape) == ("torch", None)
    assert [(layer.kind, layer.name) for layer in found] == [("Conv2d", "stem"), ("ReLU", "rest.0")]
    with pytest.raises(ModelError, match="a module of your own"):
        Net().__convwise__()


def test_arguments_are_attributes() -> None:
    conv = nn.Conv2d(3, 4, 3, stride=2)
    assert (conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, conv.groups) == (
        3,
        4,
        (3, 3),
        (2, 2),
        (0, 0),
        1,
    )
    assert nn.MaxPool2d(2).stride == 2
    with pytest.raises(AttributeError, match="'Conv2d' object has no attribute 'foo'"):
        _ = conv.foo
    assert not conv.training


def test_refusals_are_the_dialects_and_value_errors() -> None:
    with pytest.raises(Refusal, match="padding='same' is not supported for strided convolutions") as caught:
        nn.Conv2d(3, 16, 3, stride=2, padding="same")
    assert isinstance(caught.value, ValueError)
    with pytest.raises(CodeError, match="'strides'"):
        nn.Conv2d(3, 16, 3, strides=2)
    with pytest.raises(ShapeError, match="Kernel size can't be greater than actual input size"):
        nn.Conv2d(3, 16, 7)(torch.randn(1, 3, 5, 5))
    with pytest.raises(ShapeError, match="CW102"):
        nn.Conv2d(3, 16, 3)(torch.randn(1, 4, 9, 9))
    with pytest.raises(ShapeError, match="CW109"):
        nn.Linear(3, 2)(torch.randn(1, 4))


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lambda: nn.ReLU().train(), "convwise runs layers, it does not train them"),
        (lambda: torch.ones(1).backward(), "it does not train"),
        (lambda: F.dropout(torch.ones(1), 0.5, training=True), "it does not train"),
        (lambda: nn.Conv2d(3, 4, 3).cuda(), "convwise runs on the processor alone"),
        (lambda: torch.zeros(2, device="cuda"), "Torch not compiled with CUDA enabled"),
        (
            lambda: nn.Conv2d(3, 4, 3)(torch.zeros(1, 3, 8, 8).double()),
            r"Input type \(double\) and bias type \(float\) should be the same",
        ),
        (
            lambda: nn.Linear(3, 4)(torch.zeros(1, 3).double()),
            "mat1 and mat2 must have the same dtype, but got Double and Float",
        ),
        (lambda: nn.Sequential(nn.ReLU), r"torch.nn.ReLU is not a Module subclass"),
        (lambda: nn.Sequential(3), "int is not a Module subclass"),
        (lambda: nn.Module()(1), "has no forward"),
        (lambda: torch.randn(2, -1), "sizes are integers of at least 0, not -1"),
        (lambda: torch.from_numpy([1]), "expected np.ndarray"),
        (lambda: torch.ones(2, 3).view(4), r"shape '\[4\]' is invalid for input of size 6"),
        (lambda: torch.ones(2, 3).flatten(5), "Dimension out of range"),
        (lambda: torch.tensor(["a"]), "no tensor of"),
        (lambda: F.conv2d(torch.ones(1, 1, 3, 3), torch.ones(3, 3)), "the weight has 2 axes where 4 are needed"),
        (lambda: F.pad(torch.ones(2), (1,)), "Padding length must be divisible by 2"),
        (lambda: F.pad(torch.ones(2, 2), (1, 1), mode="mirror"), "no padding mode 'mirror'"),
        (lambda: torch.ones(2).copy_(torch.ones(3)), "does not fit into"),
    ],
)
def test_wrong_calls_are_told_in_words(do: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        do()


def test_functions() -> None:
    x = torch.tensor([[[[1.0, 2.0, 0.0], [3.0, -4.0, 1.0]]]])
    assert F.max_pool2d(x, 2, 1).tolist() == [[[[3, 2]]]]
    assert F.relu(x).min() == 0
    assert F.conv2d(x, torch.ones(1, 1, 2, 2)).tolist() == [[[[2, -1]]]]
    assert F.pad(x, (1, 0)).shape == (1, 1, 2, 4)
    assert F.dropout(x).tolist() == x.tolist()
    assert F.interpolate(x, scale_factor=2).shape == (1, 1, 4, 6)
    assert torch.relu(x).shape == x.shape
    with pytest.raises(CodeError, match="7 positional arguments where at most 6 are taken"):
        F.fold(x, 1, 2, 3, 4, 5, 6)
    with pytest.raises(CodeError, match="'kernel_size' is given twice"):
        F.max_pool2d(x, 2, kernel_size=2)


def test_no_grad_is_a_context_and_a_decorator() -> None:
    @torch.no_grad()
    def double(x: Any) -> Any:
        return x * 2

    @torch.inference_mode
    def triple(x: Any) -> Any:
        return x * 3

    with torch.no_grad(), torch.inference_mode():
        assert double(torch.ones(1)).item() == 2
    assert triple(torch.ones(1)).item() == 3


def test_tensors_share_memory_with_numpy() -> None:
    array = np.zeros(3, np.float32)
    tensor = torch.from_numpy(array)
    tensor[0] = 5
    assert array[0] == 5
    assert tensor.numpy() is not tensor
    assert np.shares_memory(tensor.numpy(), array)
    assert isinstance(tensor, np.ndarray)
    assert float(np.mean(tensor)) == pytest.approx(5 / 3)


def test_plain_arrays_are_taken_too() -> None:
    assert nn.Conv2d(3, 4, 3)(np.zeros((1, 3, 8, 8))).dtype == np.float32
    assert nn.Flatten()(np.zeros((1, 3, 8), np.int32)).dtype == np.int32


def test_lenet_from_its_paper() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
    )
    assert net(torch.randn(3, 1, 32, 32)).shape == torch.Size([3, 120])
    with pytest.raises(ShapeError, match="the layer takes 400 features, the input has 256"):
        net(torch.randn(3, 1, 28, 28))


def test_sequences_and_indices_have_modules_of_their_own() -> None:
    x = torch.ones(4, 2, 5)
    outputs, (h, c) = nn.LSTM(5, 3, bidirectional=True)(x)
    assert (outputs.shape, h.shape, c.shape) == ((4, 2, 6), (2, 2, 3), (2, 2, 3))
    assert nn.Embedding(10, 3)(torch.tensor([[1, 2]])).shape == (1, 2, 3)
    assert nn.MultiheadAttention(8, 2)(*[torch.ones(4, 2, 8)] * 3)[1].shape == (2, 4, 4)
    normed = nn.utils.weight_norm(nn.Conv2d(3, 4, 3))
    assert list(normed.state_dict()) == ["bias", "weight_g", "weight_v"]
    assert normed(torch.ones(1, 3, 9, 10)).shape == (1, 4, 7, 8)
    assert list(nn.ParameterList([torch.ones(2)]).state_dict()) == ["0"]
    assert list(nn.DataParallel(nn.Linear(2, 3)).state_dict()) == ["module.weight", "module.bias"]


def test_what_sequences_and_indices_do_not_take_is_told() -> None:
    for call, words in (
        (lambda: nn.LSTM(5, 3)(torch.ones(4, 2, 6)), "5 features are needed on the last axis"),
        (lambda: nn.LSTM(5, 3, proj_size=2), "put a Linear behind"),
        (lambda: nn.GRU(5, 3)(torch.ones(4, 2, 5), torch.ones(1, 2, 9)), "Expected hidden size"),
        (lambda: nn.Embedding(10, 3)(torch.tensor([10])), "index out of range in self"),
        (lambda: nn.Embedding(10, 3)(torch.ones(1)), "pass x.long()"),
        (lambda: nn.MultiheadAttention(8, 3), "embed_dim must be divisible by num_heads"),
        (lambda: nn.functional.grid_sample(torch.ones(2, 1, 3, 4), torch.ones(1, 3, 3, 2)), "same batch size"),
        (lambda: nn.functional.scaled_dot_product_attention(*[torch.ones(2, 3)] * 3, dropout_p=0.1), "dropout_p=0.0"),
        (lambda: nn.functional.cross_entropy(torch.ones(1, 3), torch.tensor([3])), "classes run from 0 to 2"),
        (lambda: nn.functional.interpolate(torch.ones(1, 1, 4, 5), 3, antialias=True), "restricted to bilinear"),
    ):
        with pytest.raises(RuntimeError) as error:
            call()
        assert words in str(error.value), str(error.value)
