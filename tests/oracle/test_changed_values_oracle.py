"""`diff` does not say equal where PyTorch gives other values: forwards that differ in a setting or in arithmetic, live and as text."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from porting.changed_values import pairs

import convwise as cw

pytestmark = pytest.mark.oracle

SHAPE = (1, 4, 9, 10)


def model(text: str, state: Any = None) -> Any:
    space: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(text, "text", "exec", dont_inherit=True), space)
    made = space["Net"]().eval()
    if state is not None:
        made.load_state_dict(state)
    return made


@pytest.mark.parametrize(("one", "other"), pairs())
def test_other_values_are_not_called_equal(one: str, other: str) -> None:
    torch: Any = import_module("torch")
    torch.manual_seed(20150608)
    a = model(one)
    b = model(other, a.state_dict())
    x = torch.randn(SHAPE)
    with torch.no_grad():
        made = a(x), b(x)
    assert made[0].shape != made[1].shape or not torch.allclose(made[0].double(), made[1].double(), rtol=1e-4)
    assert not cw.diff(a, b, SHAPE).equal
    assert not cw.diff(one, other, SHAPE).equal


PORTED = [
    "F.group_norm(x, 2, eps=0.1)",
    "F.layer_norm(x, (7, 8), eps=0.3)",
    "F.elu(x, 0.5)",
]
REFUSED = [
    "F.lp_pool2d(x, 2, x.shape[2:])",
    "F.interpolate(x, scale_factor=0.5, mode='bilinear', antialias=True)",
    "F.avg_pool2d(x, x.shape[2:], divisor_override=3)",
]


@pytest.mark.parametrize("value", PORTED)
def test_ports_have_the_settings_of_functions(value: str) -> None:
    torch: Any = import_module("torch")
    text = pairs()[0][0].replace("F.elu(x)", value).replace("        self.far = nn.Conv2d(6, 6, 1)\n", "")
    net, x = model(text), torch.randn(SHAPE)
    for source in (net, text):
        port = cw.port(source, to="torch", input_shape=SHAPE)
        space: dict[str, Any] = {}
        exec(port.code, space)
        state = port.convert_weights({name: array.numpy() for name, array in net.state_dict().items()})
        layer = space["layer"].eval()
        layer.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
        with torch.no_grad():
            assert torch.allclose(layer(x), net(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("value", REFUSED)
def test_ports_of_what_is_no_layer_are_refused(value: str) -> None:
    text = pairs()[0][0].replace("F.elu(x)", value)
    for source in (model(text), text):
        with pytest.raises(cw.ConvwiseError):
            cw.port(source, to="torch", input_shape=SHAPE)


def test_windows_as_large_as_a_padded_map() -> None:
    torch: Any = import_module("torch")
    net = model(pairs()[0][0].replace("F.elu(x)", "F.avg_pool2d(x, x.shape[2:], stride=1, padding=1)"))
    with torch.no_grad():
        assert net(torch.zeros(SHAPE)).shape[2:] == (3, 3)
    assert list(cw.read(net).trace(SHAPE).outputs.values()) in ([None], [(1, 6, 3, 3)])


ENCODER = """from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, 8)
        layer = nn.TransformerEncoderLayer(16, 4, 24, batch_first=True, norm_first=FIRST)
        self.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(16))
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        return self.head(self.encoder(self.patches(x).flatten(2).transpose(1, 2)).mean(1))
"""


@pytest.mark.parametrize("first", ["False", "True"])
def test_encoders_are_read_with_open_sizes(first: str) -> None:
    torch: Any = import_module("torch")
    counter = import_module("torch.utils.flop_counter").FlopCounterMode(display=False)
    net = model(ENCODER.replace("FIRST", first))
    network = cw.read(net)
    legal = network.legal_sizes()
    assert legal.exact
    assert (str(legal["height"]), str(legal["width"])) == ("n >= 8", "n >= 8")
    trace = network.trace((2, 3, 24, 33))
    with counter:
        real = net.train()(torch.zeros(2, 3, 24, 33))
    assert list(trace.outputs.values()) == [tuple(real.shape)]
    assert trace.totals.macs == counter.get_total_flops() // 2
    assert trace.totals.params == sum(part.numel() for part in net.parameters())
    with pytest.raises(RuntimeError):
        net(torch.zeros(2, 3, 7, 33))


def test_norm_pools_as_large_as_the_map() -> None:
    torch: Any = import_module("torch")
    text = pairs()[0][0].replace("F.elu(x)", "F.lp_pool2d(x, 2, (x.size(2), x.size(3)), stride=(x.size(2), x.size(3)))")
    net = model(text)
    network = cw.read(net)
    assert network.legal_sizes().exact
    for shape in (SHAPE, (1, 4, 3, 17)):
        assert list(network.trace(shape).outputs.values()) == [tuple(net(torch.zeros(shape)).shape)]
