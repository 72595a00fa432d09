"""Random PyTorch chains as people write them, grown a layer at a time on real tensors: the truth comes with the text."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from dataclasses import dataclass, field
from random import Random
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)

NAMES: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "OrderedDict": OrderedDict}
FORMS = ("sequential", "ordered", "module", "module", "split", "lines")
LARGEST = 20_000


@dataclass
class Step:
    """A layer (`nn.Conv2d(3, 8, 3)`), or with `call` a line of `forward` on `x` (`F.relu(x)`)."""

    text: str
    call: bool = False
    output: tuple[int, ...] | None = None


@dataclass
class Chain:
    """A text, its input, and what PyTorch does: `steps` end at the one that PyTorch refuses, if it does."""

    form: str
    input: tuple[int, ...]
    steps: list[Step] = field(default_factory=list)
    text: str = ""
    params: int = 0
    words: str = ""

    @property
    def works(self) -> bool:
        return not self.words


class Grower:
    """Proposes the next step from the shape that has been reached; mostly one that fits."""

    def __init__(self, rng: Random, calls: bool) -> None:
        self.rng = rng
        self.calls = calls

    def each(self, rank: int, low: int, high: int) -> str:
        if self.rng.random() < 0.6:
            return str(self.rng.randint(low, high))
        return repr(tuple(self.rng.randint(low, high) for _ in range(rank)))

    def options(self, *pairs: tuple[str, str, float]) -> str:
        return "".join(f", {name}={value}" for name, value, share in pairs if self.rng.random() < share)

    def step(self, shape: tuple[int, ...], rank: int) -> Step:
        batched = len(shape) == rank + 2
        flat = len(shape) <= 2 if rank > 1 else len(shape) <= 1
        if flat or (rank == 1 and not batched and len(shape) < 2):
            return self.dense(shape)
        if self.rng.random() < 0.04:
            return self.dense(shape)
        channels = shape[len(shape) - rank - 1] if len(shape) > rank else 1
        if self.rng.random() < 0.03:
            channels += 1
        makers = [
            self.conv,
            self.conv,
            self.conv,
            self.pool,
            self.pool,
            self.transpose,
            self.norm,
            self.activation,
            self.pad,
            self.resize,
            self.adaptive,
            self.flatten,
            self.dropout,
        ]
        return self.rng.choice(makers)(rank, channels, shape)

    def conv(self, rank: int, channels: int, shape: tuple[int, ...]) -> Step:
        out = self.rng.choice((4, 6, 8, channels))
        groups = self.rng.choice([g for g in (1, 1, 2, 3, channels) if channels % g == 0 and out % g == 0] or [2])
        padding = self.rng.choice(("'same'", "'valid'", self.each(rank, 0, 2), self.each(rank, 0, 2)))
        more = self.options(
            ("stride", self.each(rank, 1, 3), 0.4),
            ("padding", padding, 0.6),
            ("dilation", self.each(rank, 1, 2), 0.2),
            ("groups", str(groups), 1.0 if groups > 1 else 0.1),
            ("bias", "False", 0.3),
            ("padding_mode", self.rng.choice(("'reflect'", "'circular'", "'replicate'")), 0.1),
        )
        if self.rng.random() < 0.08:
            return Step(f"nn.LazyConv{rank}d({out}, {self.each(rank, 1, 4)}{more})")
        return Step(f"nn.Conv{rank}d({channels}, {out}, {self.each(rank, 1, 4)}{more})")

    def transpose(self, rank: int, channels: int, shape: tuple[int, ...]) -> Step:
        more = self.options(
            ("stride", self.each(rank, 1, 3), 0.7),
            ("padding", self.each(rank, 0, 2), 0.5),
            ("output_padding", self.each(rank, 0, 1), 0.3),
            ("dilation", self.each(rank, 1, 2), 0.2),
            ("bias", "False", 0.2),
        )
        return Step(f"nn.ConvTranspose{rank}d({channels}, {self.rng.choice((3, 4))}, {self.each(rank, 1, 4)}{more})")

    def pool(self, rank: int, channels: int, shape: tuple[int, ...]) -> Step:
        kind = self.rng.choice(("max", "avg"))
        more = self.options(
            ("stride", self.each(rank, 1, 3), 0.5),
            ("padding", self.each(rank, 0, 1), 0.3),
            ("ceil_mode", "True", 0.3),
            ("dilation", self.each(rank, 1, 2), 0.2 if kind == "max" else 0),
            ("count_include_pad", "False", 0.2 if kind == "avg" else 0),
        )
        kernel = self.each(rank, 1, 3)
        if self.calls and self.rng.random() < 0.5:
            return Step(f"F.{kind}_pool{rank}d(x, {kernel}{more})", True)
        return Step(f"nn.{kind.title()}Pool{rank}d({kernel}{more})")

    def norm(self, rank: int, channels: int, shape: tuple[int, ...]) -> Step:
        kind = self.rng.randrange(4)
        if kind == 0:
            return Step(f"nn.GroupNorm({self.rng.choice((1, 2, channels))}, {channels})")
        if kind == 1:
            return Step(f"nn.InstanceNorm{rank}d({channels}{self.options(('affine', 'True', 0.5))})")
        if kind == 2 and self.rng.random() < 0.3:
            return Step(f"nn.LayerNorm({list(shape[len(shape) - rank :])})")
        return Step(f"nn.BatchNorm{rank}d({channels}{self.options(('affine', 'False', 0.2))})")

    def activation(self, rank: int, channels: int, shape: tuple[int, ...]) -> Step:
        if self.calls and self.rng.random() < 0.7:
            calls = ("F.relu(x)", "torch.relu(x)", "x.relu()", "F.leaky_relu(x, 0.1)", "torch.sigmoid(x)", "x.tanh()")
            calls += ("F.softmax(x, dim=1)", "F.gelu(x)", "F.elu(x)", "F.log_softmax(x, dim=1)", "torch.tanh(x)")
            return Step(self.rng.choice(calls), True)
        layers = ("ReLU()", "ReLU(inplace=True)", "LeakyReLU(0.2)", "Sigmoid()", "Tanh()", "ELU()", "Softmax(dim=1)")
        layers += ("GELU()", "SiLU()", "Identity()", "PReLU()", f"PReLU({channels})", "Hardswish()", "ReLU6()")
        return Step("nn." + self.rng.choice(layers))

    def dropout(self, rank: int, channels: int, shape: tuple[int, ...]) -> Step:
        if self.calls and self.rng.random() < 0.5:
            return Step(self.rng.choice(("F.dropout(x, 0.5, self.training)", "F.dropout(x, p=0.2)")), True)
        return Step(self.rng.choice(("nn.Dropout(0.5)", "nn.Dropout()", f"nn.Dropout{rank}d(0.2)")))

    def pad(self, rank: int, channels: int, shape: tuple[int, ...]) -> Step:
        cells = tuple(self.rng.randint(0, 2) for _ in range(2 * rank))
        amount = self.rng.choice((repr(cells), str(self.rng.randint(-1, 2))))
        if self.calls and self.rng.random() < 0.5:
            return Step(f"F.pad(x, {cells}{self.rng.choice(('', '', ', mode=' + repr('reflect')))})", True)
        kind = self.rng.choice(("ZeroPad", "ReflectionPad", "ReplicationPad", "CircularPad", "ConstantPad"))
        return Step(f"nn.{kind}{rank}d({amount}{', 1.5' if kind == 'ConstantPad' else ''})")

    def resize(self, rank: int, channels: int, shape: tuple[int, ...]) -> Step:
        if rank == 2 and self.rng.random() < 0.25:
            return Step(f"nn.Pixel{self.rng.choice(('Shuffle', 'Unshuffle'))}({self.rng.choice((1, 2, 2, 3))})")
        scale = self.rng.choice((2, 1.5, 0.5, 3, 0.7))
        how = f"scale_factor={scale}" if self.rng.random() < 0.7 else f"size={self.each(rank, 2, 9)}"
        if self.calls and self.rng.random() < 0.5:
            return Step(f"F.interpolate(x, {how})", True)
        return Step(f"nn.Upsample({how})")

    def adaptive(self, rank: int, channels: int, shape: tuple[int, ...]) -> Step:
        kind = self.rng.choice(("max", "avg"))
        size = self.each(rank, 1, 4)
        if self.calls and self.rng.random() < 0.5:
            return Step(f"F.adaptive_{kind}_pool{rank}d(x, {size})", True)
        return Step(f"nn.Adaptive{kind.title()}Pool{rank}d({size})")

    def flatten(self, rank: int, channels: int, shape: tuple[int, ...]) -> Step:
        if self.calls and self.rng.random() < 0.8:
            features = 1
            for size in shape[1:]:
                features *= size
            if self.rng.random() < 0.1:
                features += 1
            calls = ("torch.flatten(x, 1)", "torch.flatten(x, start_dim=1)", "x.flatten(1)", "x.view(x.size(0), -1)")
            calls += ("x.view(x.shape[0], -1)", f"x.view(-1, {features})", f"x.reshape(-1, {features})")
            calls += (f"x.reshape(x.size(0), {features})", "x.flatten(start_dim=1)", "x.view(len(x), -1)")
            calls += ("x.mean(dim=(2, 3))" if rank == 2 else "x.flatten(1)", "x.view(x.size()[0], -1)")
            return Step(self.rng.choice(calls), True)
        return Step(self.rng.choice(("nn.Flatten()", "nn.Flatten()", "nn.Flatten(1)", "nn.Flatten(start_dim=1)")))

    def dense(self, shape: tuple[int, ...]) -> Step:
        form = self.rng.random()
        features = shape[-1] if shape else 1
        if form < 0.5:
            wrong = self.rng.random() < 0.05
            more = self.options(("bias", "False", 0.2))
            return Step(f"nn.Linear({features + wrong}, {self.rng.randint(1, 12)}{more})")
        if form < 0.6:
            return Step(f"nn.LazyLinear({self.rng.randint(1, 12)})")
        if form < 0.7:
            return Step(f"nn.{self.rng.choice(('BatchNorm1d', 'LayerNorm', 'RMSNorm'))}({features})")
        if form < 0.75 and len(shape) == 2:
            return Step(f"nn.Unflatten(1, ({features}, 1, 1))")
        return self.activation(1, features, shape) if form < 0.9 else self.dropout(1, features, shape)


def grow(rng: Random) -> Chain:
    """One chain of 2 to 8 steps, each run as it is added; one in five ends in a step that PyTorch refuses."""
    form = rng.choice(FORMS)
    rank = rng.choice((1, 2, 2, 2, 3))
    spatial = tuple(rng.randint(4, {1: 24, 2: 20, 3: 9}[rank]) for _ in range(rank))
    batch = (rng.choice((1, 2, 3)),) if rng.random() < 0.75 or form not in ("sequential", "ordered") else ()
    chain = Chain(form, (*batch, rng.randint(1, 4), *spatial))
    grower = Grower(rng, form in ("module", "split", "lines"))
    x = torch.zeros(chain.input)
    length, breaks, wanted = rng.randint(2, 8), rng.random() < 0.2, rng.randint(1, 4)
    for _ in range(100):
        if len(chain.steps) == length:
            break
        step = grower.step(tuple(x.shape), rank)
        try:
            y, params = run(step, x)
        except Exception as error:
            if breaks and len(chain.steps) >= wanted:
                chain.steps.append(step)
                chain.words = f"{type(error).__name__}: {error}"
                break
            continue
        if breaks and len(chain.steps) >= wanted:
            continue
        if y.numel() > LARGEST or y.numel() == 0:
            continue
        step.output, x = tuple(y.shape), y
        chain.params += params
        chain.steps.append(step)
    chain.text = write(chain, rng)
    return chain


class Self:
    """What `self` offers to a line of forward."""

    training = True


def run(step: Step, x: torch.Tensor) -> tuple[torch.Tensor, int]:
    """The step on a real tensor, and its parameters. The text is ours, made above."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        if step.call:
            return eval(step.text, {**NAMES, "x": x, "self": Self}), 0
        layer = eval(step.text, dict(NAMES))
        y = layer(x)
        return y, sum(p.numel() for p in layer.parameters())


def write(chain: Chain, rng: Random) -> str:
    """The chain in its form, with imports, now and then a comment or a number by a name."""
    texts = [step.text for step in chain.steps]
    if chain.form == "sequential":
        gap = rng.choice((", ", ",\n    "))
        return f"{rng.choice(('', 'model = '))}nn.Sequential({gap.join(texts)})"
    if chain.form == "ordered":
        pairs = ",\n".join(f"    ('layer{number}', {text})" for number, text in enumerate(texts))
        return f"from collections import OrderedDict\nmodel = nn.Sequential(OrderedDict([\n{pairs}\n]))"
    if chain.form == "lines":
        lines = ["import torch", "from torch import nn", "import torch.nn.functional as F", "", ""]
        lines.append(f"x = torch.randn{chain.input if rng.random() < 0.5 else '(' + repr(chain.input) + ')'}")
        for number, step in enumerate(chain.steps):
            text = step.text.replace("self.training", "True")
            if step.call:
                lines.append(f"x = {text}")
            elif rng.random() < 0.5:
                lines.append(f"x = {text}(x)")
            else:
                lines.insert(4, f"layer{number} = {text}")
                lines.append(f"x = layer{number}(x)")
        return "\n".join(lines)
    return _module(chain, rng)


def _module(chain: Chain, rng: Random) -> str:
    made: list[str] = []
    forward: list[str] = []
    run: list[str] = []

    def close() -> None:
        if run:
            name = f"block{len(made)}"
            made.append(f"self.{name} = nn.Sequential(\n            " + ",\n            ".join(run) + ",\n        )")
            forward.append(f"x = self.{name}(x)")
            run.clear()

    for step in chain.steps:
        if step.call:
            close()
            nested = forward and rng.random() < 0.3 and step.text.count("x") == 1 + step.text.count("max") * 1
            if nested and forward[-1].startswith("x = ") and "(x" in step.text and step.text.startswith("F.relu"):
                forward[-1] = f"x = F.relu({forward[-1][4:]})"
            else:
                forward.append(f"x = {step.text}")
        elif chain.form == "split":
            run.append(step.text)
        else:
            name = f"layer{len(made)}"
            made.append(f"self.{name} = {step.text}" + rng.choice(("", "", "  # as in the paper")))
            forward.append(f"x = self.{name}(x)")
    close()
    if rng.random() < 0.3:
        forward[-1] = forward[-1].replace("x = ", "return ", 1)
    else:
        forward.append("return x")
    head = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n\nclass Net(nn.Module):\n"
    start = rng.choice(("super().__init__()", "super(Net, self).__init__()"))
    init = "\n".join(f"        {line}" for line in [start, *made])
    body = "\n".join(f"        {line}" for line in forward)
    return f"{head}    def __init__(self):\n{init}\n\n    def forward(self, x):\n{body}\n"


def run_text(chain: Chain) -> tuple[tuple[int, ...] | None, str]:
    """The written text executed as Python, called on zeros: its shape, or PyTorch's words. The text is ours."""
    space = dict(NAMES)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            if chain.form == "lines":
                exec(chain.text, space)
                return tuple(space["x"].shape), ""
            text = chain.text if "model = " in chain.text or "class Net" in chain.text else f"model = {chain.text}"
            exec(text, space)
            model = space["Net"]() if "class Net" in text else space["model"]
            return tuple(model(torch.zeros(chain.input)).shape), ""
        except Exception as error:
            return None, f"{type(error).__name__}: {error}"
