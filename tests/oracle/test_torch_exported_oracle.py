"""Files of torch.export.save against the modules that they were made of, on random inputs."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest

import convwise as cw

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional

pytestmark = pytest.mark.oracle
OPEN = torch.export.Dim.DYNAMIC


class Plain(nn.Module):  # type: ignore[name-defined,misc]
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 8, (3, 5), stride=(2, 1), padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.b = nn.Conv2d(8, 8, 3, groups=4, dilation=(2, 1), padding="same")
        self.gate = nn.Conv2d(8, 8, 1)
        self.fc = nn.Linear(16, 5)

    def forward(self, x: Any) -> Any:
        y = F.hardswish(self.norm(self.a(x)))
        y = y + F.max_pool2d(self.b(y), 3, 1, 1)
        y = y * torch.sigmoid(self.gate(F.adaptive_avg_pool2d(y, 1)))
        return self.fc(torch.cat([y.mean((2, 3)), y.amax((2, 3))], 1))


class Net(nn.Module):  # type: ignore[name-defined,misc]
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 12, 3, padding=1)
        self.up, self.end = nn.ConvTranspose2d(12, 6, 2, 2), nn.Conv2d(12, 2, 1)
        self.group, self.layer = nn.GroupNorm(3, 12), nn.LayerNorm(4)

    def forward(self, x: Any) -> Any:
        a = self.a(x)
        b = F.silu(self.group(self.b(F.avg_pool2d(a, 2, ceil_mode=False))))
        up = F.pad(self.up(b), (0, a.size(3) % 2, 0, a.size(2) % 2))
        out = self.end(torch.cat([a, up], 1))
        rows = out.flatten(2).transpose(1, 2).reshape(x.size(0), -1, 2)
        first, second = torch.chunk(F.interpolate(out, scale_factor=(2.0, 1.0), mode="bilinear"), 2, 1)
        return self.layer(torch.cat([rows, rows], 2)), first[:, :, 1:-1], second.squeeze(1), out[..., 0]


class Columns(nn.Module):  # type: ignore[name-defined,misc]
    """Windows as columns, and columns of a fixed count summed up again."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 1), nn.Conv1d(36, 8, 1)

    def forward(self, x: Any) -> Any:
        columns = self.b(F.unfold(self.a(x), (3, 3), dilation=(1, 1), padding=(1, 0), stride=(2, 1)))
        pooled = F.adaptive_avg_pool2d(x, (4, 5)).flatten(2).repeat(1, 4, 1)
        return columns, F.fold(pooled, (5, 6), (2, 2))


MODULES = {"plain": Plain, "net": Net, "columns": Columns}
MODES = ("fixed", "open", "core")
# The core operators write columns as a read at computed places, which is not followed.
RUNS = [(name, mode) for name in MODULES for mode in MODES if (name, mode) != ("columns", "core")]


def exported(name: str, mode: str) -> tuple[Any, bytes]:
    torch.manual_seed(0)
    module = MODULES[name]().eval()
    sizes = None if mode == "fixed" else ({0: OPEN, 2: OPEN, 3: OPEN},)
    with torch.no_grad():
        program = torch.export.export(module, (torch.zeros(2, 3, 18, 22),), dynamic_shapes=sizes)
        program = program.run_decompositions() if mode == "core" else program
    file = io.BytesIO()
    torch.export.save(program, file)
    return module, file.getvalue()


@pytest.mark.parametrize(("name", "mode"), RUNS)
def test_sizes_parameters_and_macs_are_those_of_the_module(name: str, mode: str) -> None:
    module, data = exported(name, mode)
    network, rng = cw.read(data), random.Random(5)
    live = cw.read(module, input_shape=(2, 3, 18, 22)).trace((2, 3, 18, 22)).totals
    told = network.trace((2, 3, 18, 22)).totals
    assert told.params == sum(one.numel() for one in module.parameters())
    assert told.macs == live.macs
    assert network.notes == ()
    for _ in range(1 if mode == "fixed" else 20):
        shape = (2, 3, 18, 22) if mode == "fixed" else (rng.randint(1, 3), 3, rng.randint(4, 60), rng.randint(4, 60))
        with torch.no_grad():
            wanted = module(torch.zeros(shape))
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        assert list(network.trace(shape).outputs.values()) == [tuple(one.shape) for one in wanted], shape
        assert list(cw.read(data, input_shape=shape).trace().outputs.values()) == [tuple(one.shape) for one in wanted]


def test_sizes_that_were_fixed_are_refused_by_the_program_and_told() -> None:
    module, data = exported("plain", "fixed")
    program = torch.export.load(io.BytesIO(data)).module()
    assert not cw.read(data).check((2, 3, 18, 22))
    assert program(torch.zeros(2, 3, 18, 22)).shape == module(torch.zeros(2, 3, 18, 22)).shape
    for shape in ((1, 3, 18, 22), (2, 3, 19, 22)):
        with pytest.raises(AssertionError):
            program(torch.zeros(shape))
        assert "CW521" in [one.code for one in cw.read(data).check(shape)]


def test_the_bounds_that_an_export_is_given() -> None:
    height = torch.export.Dim("height", min=8, max=64)
    module = nn.Conv2d(3, 4, 3, stride=2)
    program = torch.export.export(module, (torch.zeros(1, 3, 17, 20),), dynamic_shapes=({2: height},))
    file = io.BytesIO()
    torch.export.save(program, file)
    assert "takes sizes of 8 to 64 on axis 2" in cw.read(file.getvalue()).notes[0].text
    with pytest.raises(AssertionError):
        program.module()(torch.zeros(1, 3, 65, 20))


class Windows(nn.Module):
    """Windows of four cells by reshaping: what an export rules out is no size of one axis."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)

    def forward(self, x: Any) -> Any:
        x = self.conv(x)
        return x.view(x.shape[0], 4, x.shape[2] // 4, 4, x.shape[3] // 4, 4).mean((3, 5))


class Padded(nn.Module):
    """Padded to a multiple of eight, and cropped again."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.back = nn.Conv2d(3, 4, 8, stride=8), nn.ConvTranspose2d(4, 3, 8, stride=8)

    def forward(self, x: Any) -> Any:
        height, width = x.shape[-2:]
        x = nn.functional.pad(x, (0, (8 - width % 8) % 8, 0, (8 - height % 8) % 8))
        return self.back(self.conv(x))[:, :, :height, :width]


GUARDED = {
    "windows": Windows,
    "padded": Padded,
    "pools": lambda: nn.Sequential(
        nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(3, 4, 3), nn.MaxPool2d(2, 3, ceil_mode=True)
    ),
    "scaled": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Upsample(scale_factor=0.7), nn.Conv2d(4, 4, 3)),
}


@pytest.mark.parametrize("name", GUARDED)
def test_every_size_that_the_program_refuses_is_told(name: str) -> None:
    with torch.no_grad():
        program = torch.export.export(
            GUARDED[name]().eval(), (torch.zeros(1, 3, 40, 48),), dynamic_shapes=({2: OPEN, 3: OPEN},)
        )
        file = io.BytesIO()
        torch.export.save(program, file)
        network, run = cw.read(file.getvalue()), torch.export.load(io.BytesIO(file.getvalue())).module()
        assert network.notes == ()
        takes = []
        for shape in [(1, 3, height, 48) for height in range(1, 49)] + [(1, 3, 40, width) for width in range(1, 49)]:
            try:
                run(torch.zeros(shape))
                takes.append(True)
            except (AssertionError, RuntimeError):
                takes.append(False)
            found = network.check(shape)
            refused = any(one.level == "error" or (one.code, one.level) == ("CW521", "warning") for one in found)
            assert refused is not takes[-1], (shape, found)
    assert {True, False} == set(takes)


def test_a_live_exported_program_and_its_file_are_one_network() -> None:
    _, data = exported("plain", "open")
    live = cw.read(torch.export.load(io.BytesIO(data)).module(), input_shape=(2, 3, 18, 22))
    told = cw.read(data)
    assert [node.kind for node in told.nodes] == [node.kind for node in live.nodes if "aten" in node.kind]
