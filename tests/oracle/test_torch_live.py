"""Live PyTorch modules read as networks: shapes and counts against PyTorch's own run on meta tensors."""

from __future__ import annotations

import gc
import math
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from live_shapes import Shape, UNet, ours, outputs
from sweep_torchvision import build, compare
from torch import nn

from convwise.answers.network.flowing import run
from convwise.dialects.base import Layer
from convwise.errors import ArgumentError, ModelError, ShapeError
from convwise.readers.torch_live import read_live_torch


class Pyramid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        widths = (3, 8, 16, 32)
        self.body = nn.ModuleList([nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(widths)])
        self.side = nn.ModuleList([nn.Conv2d(width, 12, 1) for width in widths[1:]])
        self.out = nn.ModuleDict({str(level): nn.Conv2d(12, 12, 3, padding=1) for level in range(3)})

    def forward(self, x: Any) -> Any:
        maps = []
        for conv in self.body:
            x = F.relu(conv(x))
            maps.append(x)
        found: dict[str, Any] = {}
        above = None
        for level in (2, 1, 0):
            lateral = self.side[level](maps[level])
            if above is not None:
                lateral = lateral + F.interpolate(above, size=lateral.shape[-2:], mode="nearest")
            above = lateral
            found[f"p{level}"] = self.out[str(level)](lateral)
        found["pool"] = F.max_pool2d(found["p2"], 1, 2, 0)
        return found


class Functions(nn.Module):
    """Weights as parameters, and the functions that people use."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.zeros(6, 3, 3, 5))
        self.shift = nn.Parameter(torch.zeros(6))
        self.scale = nn.Parameter(torch.ones(1, 6, 1, 1))
        self.norm = nn.LayerNorm(6)
        self.head = nn.Linear(6, 5)
        self.register_buffer("mean", torch.zeros(3, 1, 1))

    def forward(self, x: Any) -> Any:
        x = (x - self.mean) / 2.0
        x = F.conv2d(x, self.kernel, self.shift, stride=(2, 1), padding=(1, 2)) * self.scale
        one, two = x.chunk(2, dim=1)
        x = torch.cat((two, one), 1)
        n, c, h, w = x.shape
        y = self.norm(x.view(n, c, h * w).transpose(1, 2))
        scores = torch.softmax(y @ y.transpose(-2, -1) / math.sqrt(c), dim=-1)
        x = x + (scores @ y).permute(0, 2, 1).reshape(n, c, h, w)
        x = F.leaky_relu(F.avg_pool2d(x, 3, 2, 1, ceil_mode=True), 0.1)
        whole = F.avg_pool2d(x, kernel_size=x.size()[2:]).squeeze(-1).squeeze(-1)
        z = x.mean([2, 3]) + x.amax(dim=(2, 3)) + x.flatten(2).max(-1)[0] + whole
        z = z + F.adaptive_avg_pool2d(x, 1).view(x.size(0), -1)
        a, b, c = x.split([1, 2, 3], dim=1)
        windows = F.pad(x, (0, 1, 2, 0))[:, :, 1::2, -3:]
        stacked = torch.stack([x, x], dim=-1)
        grown = F.pad(x.unsqueeze(2).expand(-1, -1, 4, -1, -1), (1, 2))
        return self.head(z), a * b, c[:, None, ::2], windows, stacked, grown, torch.einsum("nchw,nchw->nhw", x, x)


class Mixed(nn.Module):
    """Splits, new tensors, ceiling divisions, attention, indices."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.cross = nn.MultiheadAttention(8, 2, batch_first=True, kdim=8, vdim=8)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, image: Any, scale: float = 2.0) -> Any:
        x = self.conv(image)
        rows = math.ceil(image.shape[2] / 16)
        pooled = F.adaptive_max_pool2d(x, (rows, 3))
        tokens = x.flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(x.shape[0], -1, -1), tokens], dim=1)
        mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        crossed, _ = self.cross(mixed, pooled.flatten(2).transpose(1, 2), pooled.flatten(2).transpose(1, 2))
        zeros = torch.zeros(x.shape[0], 2, x.shape[2], 1).expand(-1, -1, -1, x.shape[3])
        places = torch.arange(x.shape[3]).repeat(2, 1)
        rolled = torch.roll(torch.cat((x, zeros), 1), 1, 2)
        return crossed[:, 0], self.shuffle(x), rolled, places, x.repeat(1, 2, 1, 3), x.new_zeros(x.shape[0], 7)


class Standardized(nn.Conv2d):
    def forward(self, x: Any) -> Any:
        weight = self.weight - self.weight.mean([1, 2, 3], keepdim=True)
        weight = weight / (weight.std(dim=[1, 2, 3], keepdim=True) + 1e-5)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Gate(nn.Module):
    """Channel and spatial attention, a blur with a stored kernel, and unpooling."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = Standardized(3, 8, 3, 2, 1)
        self.mean, self.max = nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)
        self.mix = nn.Linear(8, 8)
        self.look = nn.Conv2d(2, 1, (7, 5), padding=(3, 2))
        self.pool, self.back = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
        self.register_buffer("blur", torch.ones(8, 1, 3, 3))
        self.grow = nn.ConvTranspose2d(8, 4, 3, 2, 1)

    def forward(self, x: Any) -> Any:
        x = self.conv(x)
        b, c, _, _ = x.size()
        gate = self.mix(self.mean(x).view(b, c)) + self.mix(self.max(x).squeeze(-1).squeeze(-1))
        x = x * torch.sigmoid(gate).view(b, c, 1, 1).expand_as(x)
        maps = torch.cat([x.mean(1, keepdim=True), torch.max(x, dim=1, keepdim=True)[0]], 1)
        x = x * torch.sigmoid(self.look(maps))
        small, places = self.pool(x)
        whole = self.back(small, places, output_size=x.size())
        side = max(x.shape[2], x.shape[3], 12)
        square = F.pad(x, (0, side - x.shape[3], 0, side - x.shape[2]))
        grown = self.grow(small, output_size=[2 * small.shape[2], 2 * small.size(3)])
        return F.conv2d(whole, self.blur, stride=2, groups=x.shape[1]), grown, square


NETWORKS: dict[str, tuple[Callable[[], nn.Module], list[Shape]]] = {
    "unet_pad": (lambda: UNet("pad"), [(2, 3, 37, 46), (1, 3, 36, 44), (3, 3, 8, 9)]),
    "unet_crop": (lambda: UNet("crop"), [(2, 3, 37, 46), (1, 3, 21, 44)]),
    "unet_resize": (lambda: UNet("resize"), [(2, 3, 37, 46), (1, 3, 21, 44)]),
    "unet_plain": (lambda: UNet("plain"), [(2, 3, 36, 44), (1, 3, 4, 8)]),
    "fpn": (Pyramid, [(2, 3, 70, 91), (1, 3, 9, 10)]),
    "functions": (Functions, [(2, 3, 17, 20), (1, 3, 9, 10)]),
    "gate": (Gate, [(2, 3, 37, 46), (3, 3, 20, 31)]),
    "mixed": (Mixed, [(2, 3, 36, 49), (1, 3, 17, 20)]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_shape_is_pytorchs(name: str) -> None:
    make, shapes = NETWORKS[name]
    module = make().eval()
    for shape in shapes:
        report = compare(module, shape)
        assert report.wrong == []
        assert report.opaque == 0
        assert report.tensors > 10
        assert report.params[0] == report.params[1]
        assert ours(read_live_torch(module), shape) == outputs(module, shape)


VISION = (
    *("alexnet", "vgg16", "resnet18", "resnet50", "densenet121", "mobilenet_v2", "mobilenet_v3_small"),
    *("squeezenet1_1", "inception_v3", "googlenet", "shufflenet_v2_x0_5", "efficientnet_b0", "convnext_tiny"),
    *("regnet_y_400mf", "mnasnet0_5", "deeplabv3_mobilenet_v3_large", "fcn_resnet50"),
    *("lraspp_mobilenet_v3_large", "vit_b_16", "swin_t", "swin_v2_t", "maxvit_t"),
)


@pytest.mark.parametrize("name", VISION)
def test_torchvision(name: str) -> None:
    fixed = name in ("vit_b_16", "maxvit_t")
    report = compare(build(name), (1, 3, 224, 224) if fixed else (2, 3, 230, 321))
    assert report.wrong == []
    assert report.opaque == 0
    assert report.params[0] == report.params[1]
    assert report.notes == () or name in ("googlenet", "inception_v3")


MACS = {"alexnet": 714_188_480, "vgg16": 15_470_264_320, "resnet18": 1_814_073_344, "resnet50": 4_089_184_256}


@pytest.mark.parametrize("name", MACS)
def test_published_macs(name: str) -> None:
    steps = run(read_live_torch(build(name)), (1, 3, 224, 224)).nodes
    assert sum(step.macs or 0 for step in steps) == MACS[name]


def test_vit_takes_one_size_only() -> None:
    network = read_live_torch(build("vit_b_16"))
    with pytest.raises(ShapeError, match="225"):
        run(network, (1, 3, 225, 224))


# ---------------------------------------------------------------- counts, inputs, names


def test_shared_and_tied_parameters_count_once() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3, padding=1)
            self.first, self.back, self.last = (
                nn.Linear(4, 7, bias=False),
                nn.Linear(7, 4),
                nn.Linear(4, 7, bias=False),
            )
            self.last.weight = self.first.weight
            self.conv.weight.requires_grad = False

        def forward(self, x: Any) -> Any:
            x = self.conv(self.conv(x)).mean((2, 3))
            return self.last(self.back(self.first(x)))

    nodes = read_live_torch(Shared()).nodes
    assert [(node.name, node.params, node.trainable) for node in nodes] == [
        ("conv", 148, 4),
        ("conv_1", 0, 0),
        ("mean", 0, 0),
        ("first", 28, 28),
        ("back", 32, 32),
        ("last", 0, 0),
    ]
    assert nodes[1].inputs == ("conv",)


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image, self.sound = nn.Conv2d(3, 8, 3), nn.Conv1d(2, 8, 5)

    def forward(self, sound: Any, image: Any) -> Any:
        return {"image": self.image(image), "sound": self.sound(F.relu(sound))}


def test_several_inputs_are_found_from_what_reads_them() -> None:
    network = read_live_torch(Two())
    assert [(source.name, source.declared) for source in network.sources] == [
        ("sound", (None, 2, None)),
        ("image", (None, 3, None, None)),
    ]
    assert ours(network, (1, 2, 30), (2, 3, 9, 10)) == [(2, 8, 7, 8), (1, 8, 26)]
    for given in ({"image": (2, 3, 9, 10), "sound": (1, 2, 30)}, [(1, 2, 30), (2, 3, 9, 10)]):
        assert [source.declared for source in read_live_torch(Two(), given).sources] == [(1, 2, 30), (2, 3, 9, 10)]


def test_a_shape_that_does_not_belong_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"1 input shape for a forward with 2 inputs \[CW606\]"):
        read_live_torch(Two(), (3, 9, 10))
    with pytest.raises(ArgumentError, match=r"takes no input 'picture' \[CW606\]"):
        read_live_torch(Two(), {"picture": (1, 3, 9, 10)})
    with pytest.raises(ArgumentError, match=r"is no shape \[CW601\]"):
        read_live_torch(nn.Conv2d(3, 8, 3), (3, 9.5, 10))


def test_a_single_layer_and_a_chain() -> None:
    (node,) = read_live_torch(nn.Conv2d(3, 8, (3, 5), stride=2)).nodes
    assert isinstance(node.work, Layer)
    assert node.params == 368
    chain = nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.Softmax(-1))
    assert ours(read_live_torch(chain), (5, 3, 2, 2)) == [(5, 3)]
    with pytest.raises(ShapeError, match="12"):
        ours(read_live_torch(chain), (5, 3, 2, 3))


def test_wrapped_parametrized_lazy_and_derived_modules() -> None:
    class Mine(nn.Conv2d):
        pass

    module = nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 8, 3)), Mine(8, 8, 3), nn.LazyConv2d(5, 3), nn.LSTM(6, 4)
    )
    network = read_live_torch(nn.DataParallel(module))
    assert [node.kind for node in network.nodes][:3] == ["Conv2d", "Conv2d", "LazyConv2d"]
    assert network.nodes[0].params == 8 * 27 + 8 + 8
    assert network.notes == ()


def test_an_exported_program_is_read_as_aten() -> None:
    chain = nn.Sequential(
        nn.Conv2d(3, 8, 3, (2, 1)), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Upsample(scale_factor=2)
    ).eval()
    exported = torch.export.export(chain, (torch.zeros(2, 3, 17, 20),)).module()
    network = read_live_torch(exported)
    assert ours(network, (2, 3, 17, 20)) == outputs(chain, (2, 3, 17, 20))
    assert sum(node.params or 0 for node in network.nodes) == 240
    assert "aten.conv2d.default" in [node.kind for node in network.nodes]
    with pytest.raises(ShapeError, match="18"):
        ours(network, (2, 3, 18, 20))


@pytest.mark.parametrize("make", [torch.jit.script, lambda module: torch.jit.trace(module, torch.zeros(1, 3, 9, 9))])
def test_a_compiled_module_is_refused(make: Any) -> None:
    with pytest.raises(ModelError, match=r"is compiled, and its forward is no longer Python \[CW421\]"):
        read_live_torch(make(nn.Conv2d(3, 8, 3)))


def test_a_forward_that_does_not_name_its_inputs_is_refused() -> None:
    class Loose(nn.Module):
        def forward(self, *parts: Any) -> Any:
            return parts[0]

    for module in (Loose(), nn.Module()):
        with pytest.raises(ModelError, match=r"which does not say what goes in \[CW421\]"):
            read_live_torch(module)


def test_a_transformer_encoder() -> None:
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    module = nn.Sequential(nn.Linear(6, 16), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)).eval()
    network = read_live_torch(module, (2, 9, 6))
    assert ours(network, (2, 9, 6)) == [(2, 9, 16)]
    assert sum(node.params or 0 for node in network.nodes) == sum(part.numel() for part in module.parameters())


def test_what_the_forward_leaves_out_is_told() -> None:
    class Aux(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.aux = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1)

        def forward(self, x: Any) -> Any:
            y = self.conv(x)
            return (y, self.aux(y)) if self.training else y

    assert len(read_live_torch(Aux().train()).outputs) == 2
    network = read_live_torch(Aux().eval())
    assert len(network.outputs) == 1
    assert [note.text for note in network.notes] == [
        "10 parameters are not used by this forward in evaluation mode: aux"
    ]


# ---------------------------------------------------------------- the user's module is left alone


def test_the_module_is_as_it_was() -> None:
    heard: list[str] = []

    class Keeping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.seen, self.drop = nn.Conv2d(3, 4, 3), [1], nn.Dropout(0.5)

        def forward(self, x: Any) -> Any:
            self.last = self.conv(x)
            self.seen.append(x)
            self.count = random.random() + float(torch.rand(()) if False else 0)
            y = self.last + torch.zeros(4, 1, 1)
            return self.drop(y)

    module = Keeping().train()
    handle = module.conv.register_forward_hook(lambda *_: heard.append("conv"))
    module.register_forward_pre_hook(lambda *_: heard.append("model"))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    attributes = [set(vars(part)) for part in module.modules()]
    states = torch.random.get_rng_state(), random.getstate()
    for shape in (None, (3, 9, 10)):
        network = read_live_torch(module, shape)
        assert [note.text for note in network.notes] == ["the module has forward hooks; what they change is not seen"]
    assert heard == []
    assert module.training
    assert module.conv.training
    assert module.seen == [1]
    assert attributes == [set(vars(part)) for part in module.modules()]
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert all(part.device.type == "cpu" and part.grad is None for part in module.parameters())
    assert torch.equal(states[0], torch.random.get_rng_state())
    assert states[1] == random.getstate()
    assert torch.zeros(1).device.type == "cpu"
    assert gc.isenabled()
    module(torch.zeros(1, 3, 9, 10))
    assert heard == ["model", "conv"]
    handle.remove()


def test_it_is_left_alone_when_the_forward_fails() -> None:
    class Failing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Any) -> Any:
            self.last = self.conv(x)
            raise RuntimeError("no \x1b[31mway\nhome")

    module = Failing()
    with pytest.raises(ModelError, match=r"the forward of Failing cannot be read \[CW421\]\n") as raised:
        read_live_torch(module, (1, 3, 9, 10))
    assert "\x1b" not in str(raised.value)
    assert "RuntimeError: no" in raised.value.detail
    assert "last" not in vars(module)
    assert torch.zeros(1).device.type == "cpu"


def test_no_number_of_the_data_is_looked_at() -> None:
    class Deciding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Any) -> Any:
            y = self.conv(x)
            return y if y.sum() > 0 else -y

    for shape in (None, (1, 3, 9, 10)):
        with pytest.raises(ModelError, match=r"\[CW421\]\n  which way the forward goes depends on the values of"):
            read_live_torch(Deciding(), shape)


def test_nothing_to_read() -> None:
    with pytest.raises(ModelError, match=r"a Tensor is no torch.nn.Module \[CW401\]"):
        read_live_torch(torch.zeros(3))
    program = torch.export.export(nn.Sequential(nn.Conv2d(3, 4, 3)), (torch.zeros(1, 3, 9, 10),))
    with pytest.raises(ModelError, match=r"an ExportedProgram .* \[CW401\]\n  give program.module\(\)"):
        read_live_torch(program)
    assert ours(read_live_torch(program.module()), (1, 3, 9, 10)) == [(1, 4, 7, 8)]
    with pytest.raises(
        ModelError, match=r"nothing says how many axes the input 'input' .* \[CW422\]\n  give input_shape="
    ):
        read_live_torch(nn.Sequential(nn.ReLU()))
    assert ours(read_live_torch(nn.Sequential(nn.ReLU()), (2, 3)), (2, 3)) == [(2, 3)]


@pytest.mark.parametrize("make", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("words", [{"batch_first": True}, {"bidirectional": True, "num_layers": 2}])
def test_a_recurrence_checks_its_features(make: Any, words: dict[str, Any]) -> None:
    class Reading(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c = nn.Conv2d(3, 8, 1)
            self.r = make(16, 5, **words)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.r(self.c(x).mean(2))[0]

    module = Reading().eval()
    network = read_live_torch(module, input_shape=(2, 3, 9, 16))
    trace = network.trace((2, 3, 9, 16))
    assert trace.rows[-1].output == outputs(module, (2, 3, 9, 16))[0]
    assert trace.totals.params == sum(part.numel() for part in module.parameters())
    assert str(network.legal_sizes()) == "height: every n\nwidth: n in {16}"
    with pytest.raises(RuntimeError) as theirs:
        outputs(module, (2, 3, 9, 17))
    with pytest.raises(ShapeError, match="it takes 16 features, and the last axis has 17") as refused:
        network.trace((2, 3, 9, 17))
    assert str(theirs.value) == refused.value.quote
