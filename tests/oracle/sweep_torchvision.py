"""Every torchvision network read live, against PyTorch's own run on meta tensors: all shapes, all counts.

    python tests/oracle/sweep_torchvision.py [NAME ...]      (needs torch, torchvision and pillow; a table, exit 1 where one differs)

The weights are random and never used; torchvision's compiled operators are not needed.
"""

from __future__ import annotations

import copy
import sys
import time
from dataclasses import dataclass
from typing import Any

import torch

from convwise.answers.network.flowing import run
from convwise.graph import Network
from convwise.ops.several import Opaque
from convwise.readers.torch_live import read_live_torch
from convwise.readers.torch_live.building import Building
from convwise.readers.torch_live.modules import Modules
from convwise.readers.torch_live.tracing import Reading, trace
from convwise.readers.torch_live.values import Tensor, tensors_in

Shape = tuple[int, ...]
SEGMENTATION = (
    "fcn_resnet50",
    "deeplabv3_resnet50",
    "deeplabv3_mobilenet_v3_large",
    "lraspp_mobilenet_v3_large",
)
LIBRARIES: list[Any] = []


def torchvision() -> Any:
    """torchvision without its compiled operators; None where it is not installed."""
    if not LIBRARIES and "torchvision" not in sys.modules:
        library = torch.library.Library("torchvision", "DEF")
        LIBRARIES.append(library)
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    try:
        import torchvision as found
    except ImportError:
        return None
    return found


def build(name: str) -> Any:
    """A network of torchvision, in evaluation mode."""
    models = torchvision().models
    if name in SEGMENTATION:
        return getattr(models.segmentation, name)(weights=None, weights_backbone=None).eval()
    extra = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    try:
        with torch.device("meta"):
            return getattr(models, name)(weights=None, **extra).eval()
    except NotImplementedError:
        # RegNets compute their widths with tensors, and need real ones for it.
        return getattr(models, name)(weights=None, **extra).eval()


@dataclass
class Report:
    """How one network compares."""

    nodes: int
    tensors: int
    wrong: list[str]
    opaque: int
    params: tuple[int, int]
    notes: tuple[str, ...]
    milliseconds: float

    @property
    def good(self) -> bool:
        return not self.wrong and not self.opaque and self.params[0] == self.params[1]


class Recording(torch.fx.Interpreter):
    """PyTorch's own run of the traced graph; every node's result is kept."""

    def __init__(self, module: Any, graph: torch.fx.Graph) -> None:
        super().__init__(module, graph=graph)
        self.results: dict[Any, Any] = {}

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        extra = {"device": "meta"} if target in (torch.zeros, torch.ones, torch.arange, torch.full) else {}
        return super().call_function(target, args, {**kwargs, **extra})

    def run_node(self, n: Any) -> Any:
        self.results[n] = super().run_node(n)
        return self.results[n]


def flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [one for part in value for one in flat(part)]
    return [value]


def every_shape(module: Any, network: Network, shape: Shape) -> tuple[int, list[str]]:
    """(compared, differences): each value of the trace against PyTorch's own on meta tensors."""
    twin = copy.deepcopy(module).to("meta")
    name = network.sources[0].name
    building = Building()
    free = tuple(size if isinstance(size, int) else None for size in network.sources[0].declared)
    reading = Reading(torch, twin, building, Modules(torch, building), {name: free}, {})
    trace(reading)
    interpreter = Recording(twin, reading.last.graph)
    with torch.no_grad():
        interpreter.run(torch.empty(shape, device="meta"))
    found = run(network, shape, strict=False).shapes
    compared, wrong = 0, []
    for node, value in reading.values.items():
        made = list(tensors_in(value))
        real = [part for part in flat(interpreter.results[node]) if isinstance(part, torch.Tensor)]
        for tensor, part in zip(made, real, strict=False):
            assert isinstance(tensor, Tensor)
            known = building.tensors[tensor.number]
            got = known.free if known.is_stored else found.get(known.name)
            compared += 1
            if got != tuple(part.shape):
                wrong.append(f"{known.name}: {got}, PyTorch {tuple(part.shape)}")
    return compared, wrong


def leaves(module: Any, network: Network, shape: Shape) -> list[str]:
    """Differences between the leaf modules' outputs, by hooks on the untraced model, and the network's nodes of that name."""
    small = sum(part.numel() for part in module.parameters()) < 1_000_000
    device = "cpu" if small else "meta"
    twin = copy.deepcopy(module).to(device)
    found = run(network, shape, strict=False).shapes
    wrong: list[str] = []
    calls: dict[str, int] = {}
    names = {node.name for node in network.nodes}

    def listen(path: str) -> Any:
        def heard(part: Any, args: Any, value: Any) -> None:
            count = calls.get(path, 0)
            calls[path] = count + 1
            name = f"{path}_{count}" if count else path
            if name in names and isinstance(value, torch.Tensor) and found.get(name) != tuple(value.shape):
                wrong.append(f"{name}: {found.get(name)}, hook {tuple(value.shape)}")

        return heard

    for path, part in twin.named_modules():
        if path and not part._modules:
            part.register_forward_hook(listen(path))
    with torch.no_grad():
        value = twin(torch.empty(shape, device=device))
    real = [tuple(part.shape) for part in flat(value) if isinstance(part, torch.Tensor)]
    got = [found.get(name) for name in network.outputs]
    return wrong if real == got else [*wrong, f"outputs: {got}, PyTorch {real}"]


def compare(module: Any, shape: Shape = (1, 3, 224, 224)) -> Report:
    """One module against PyTorch."""
    start = time.perf_counter()
    network = read_live_torch(module)
    elapsed = (time.perf_counter() - start) * 1000
    compared, wrong = every_shape(module, network, shape)
    wrong += leaves(module, network, shape)
    steps = run(network, shape, strict=False)
    wrong += [str(error) for error in steps.errors]
    used = sum(node.params or 0 for node in network.nodes)
    unused = sum(
        int(note.text.split()[0].replace(",", "")) for note in network.notes if "parameters are not used" in note.text
    )
    return Report(
        len(network.nodes),
        compared,
        wrong,
        sum(isinstance(node.work, Opaque) for node in network.nodes),
        (used + unused, sum(part.numel() for part in module.parameters())),
        tuple(note.text for note in network.notes),
        elapsed,
    )


def main(names: list[str]) -> int:
    vision = torchvision()
    if vision is None:
        print("torchvision is not installed: pip install torchvision==0.28.0 --no-deps, and pillow")
        return 2
    names = names or [*vision.models.list_models(module=vision.models), *SEGMENTATION]
    failed = 0
    print(f"{'network':32} {'nodes':>6} {'shapes':>7} {'wrong':>6} {'opaque':>7} {'parameters':>13} {'ms':>6}")
    for name in names:
        found = compare(build(name))
        failed += not found.good
        print(
            f"{name:32} {found.nodes:6} {found.tensors:7} {len(found.wrong):6} {found.opaque:7} {found.params[0]:13,} "
            f"{found.milliseconds:6.0f}  {'' if found.params[0] == found.params[1] else 'PARAMETERS DIFFER '}{'; '.join((*found.wrong[:3], *found.notes))}",
            flush=True,
        )
    print(f"{len(names) - failed} of {len(names)} agree in every shape and every count")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
