"""Real networks against onnxruntime: every intermediate shape, at the exported size and, with dynamic axes, at two more.

Usage: PYTHONPATH=src python tests/oracle/sweep_onnx.py DIR [NAME or FILE.onnx ...]
Needs torch, onnx, onnxruntime and `pip install --no-deps torchvision==0.28.0` (with pillow). Exports that are in DIR already are used again.
Parameters are compared with the model's own and its tables, which the exports with dynamic axes keep (their normalisation is not folded).
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NETWORKS = {
    "alexnet": 224,
    "vgg11_bn": 224,
    "resnet18": 96,
    "resnext50_32x4d": 96,
    "wide_resnet50_2": 64,
    "squeezenet1_0": 100,
    "densenet121": 96,
    "googlenet": 96,
    "inception_v3": 299,
    "mobilenet_v2": 96,
    "mobilenet_v3_small": 96,
    "mobilenet_v3_large": 96,
    "mnasnet0_5": 96,
    "shufflenet_v2_x0_5": 96,
    "efficientnet_b0": 96,
    "efficientnet_v2_s": 96,
    "regnet_x_400mf": 96,
    "regnet_y_400mf": 96,
    "convnext_tiny": 96,
    "swin_t": 96,
    "swin_v2_t": 128,
    "maxvit_t": 224,
    "vit_b_32": 224,
    "segmentation.fcn_resnet50": 96,
    "segmentation.deeplabv3_mobilenet_v3_large": 96,
    "segmentation.lraspp_mobilenet_v3_large": 96,
    "backbone.resnet18_fpn": 128,
    "backbone.ssdlite": 320,
    "own.unet": 64,
    "own.fpn": 64,
    "own.transposed": 60,
}
FIXED_ONLY = {"vit_b_32", "maxvit_t", "alexnet", "vgg11_bn"}
"""Networks whose weights or code allow one size alone."""

MORE_SIZES = ((1, 0), (33, 70))
"""What is added to height and width in the second and third run."""


def build(name: str) -> Any:
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for op in ("nms", "qnms"):
        library.define(f"{op}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

    torch.manual_seed(0)
    family, _, short = name.rpartition(".")
    if family == "own":
        return _own(short), library
    if name == "backbone.resnet18_fpn":
        from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

        return resnet_fpn_backbone(backbone_name="resnet18", weights=None, norm_layer=torch.nn.BatchNorm2d), library
    if name == "backbone.ssdlite":
        model = torchvision.models.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
        return model.backbone, library
    if family == "segmentation":
        return getattr(torchvision.models.segmentation, short)(weights=None, weights_backbone=None), library
    extra = {"aux_logits": False, "init_weights": False} if name in ("inception_v3", "googlenet") else {}
    return getattr(torchvision.models, name)(weights=None, **extra), library


def _own(name: str) -> Any:
    import torch
    from torch import nn
    from torch.nn import functional as F

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in ((3, 8), (8, 16), (16, 32)))
            self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in ((32, 16), (16, 8)))
            self.mix = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in ((32, 16), (16, 8)))

        def forward(self, x: Any) -> Any:
            skips = []
            for level, conv in enumerate(self.down):
                x = F.relu(conv(x))
                if level < 2:
                    skips.append(x)
                    x = F.max_pool2d(x, 2)
            for up, mix in zip(self.up, self.mix, strict=True):
                x, skip = up(x), skips.pop()
                dy, dx = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
                x = F.pad(x, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
                x = F.relu(mix(torch.cat([skip, x], 1)))
            return x

    class FPN(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 8, 7, 2, 3)
            self.stages = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in ((8, 16), (16, 32), (32, 64)))
            self.side = nn.ModuleList(nn.Conv2d(a, 8, 1) for a in (8, 16, 32, 64))

        def forward(self, x: Any) -> Any:
            levels = [self.stem(x)]
            for stage in self.stages:
                levels.append(F.relu(stage(levels[-1])))
            sides = [side(level) for side, level in zip(self.side, levels, strict=True)]
            out = sides[-1]
            for side in reversed(sides[:-1]):
                out = side + F.interpolate(out, size=side.shape[-2:], mode="nearest")
            return F.adaptive_avg_pool2d(out, 1).flatten(1), F.interpolate(out, scale_factor=2, mode="bilinear")

    class Transposed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Conv2d(3, 12, (3, 5), (2, 3), (1, 2), dilation=(1, 2))
            self.b = nn.ConvTranspose2d(12, 9, (4, 3), (2, 3), 1, (0, 2))
            self.c = nn.PixelShuffle(3)

        def forward(self, x: Any) -> Any:
            y = self.c(F.gelu(self.b(self.a(x))))
            n, c, h, w = y.shape
            y = y.reshape(n, c, h * w).transpose(1, 2)
            y = y.mean(1, keepdim=True).expand(n, h, c)
            return y, F.avg_pool2d(x, 3, 2, 1, ceil_mode=True)[:, :, 1:-1, ::2]

    return {"unet": UNet, "fpn": FPN, "transposed": Transposed}[name]()


def export(name: str, folder: Path) -> None:
    """One child process a network: torchvision's operators can be defined only once."""
    todo = [kind for kind in ("fixed", "dynamic") if not (folder / f"{name}_{kind}.onnx").exists()]
    if name in FIXED_ONLY:
        todo = [kind for kind in todo if kind == "fixed"]
    if not todo:
        return
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        warnings.simplefilter("ignore")
        import torch

        model, _library = build(name)
        model.eval()
        # Equal tensors would be stored once: every one gets numbers of its own.
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point():
                tensor.data.uniform_(0.01, 0.02)
        size = NETWORKS[name]
        x = torch.zeros(1, 3, size, size + 32 if name not in FIXED_ONLY | {"backbone.ssdlite"} else size)
        for kind in todo:
            extra: dict[str, Any] = {}
            whole = kind == "dynamic" or name in FIXED_ONLY
            if kind == "dynamic":
                extra["dynamic_axes"] = {"input": {0: "batch", 2: "height", 3: "width"}}
            if whole:
                extra["do_constant_folding"] = False
            mode = torch.onnx.TrainingMode.PRESERVE if whole else torch.onnx.TrainingMode.EVAL
            path = folder / f"{name}_{kind}.onnx"
            torch.onnx.export(
                model, (x,), str(path), input_names=["input"], dynamo=False, opset_version=17, training=mode, **extra
            )
        # A file does not tell a table that is no parameter from one that is.
        tables = [
            buffer
            for title, buffer in model.named_buffers()
            if buffer.is_floating_point() and not title.endswith(("running_mean", "running_var"))
        ]
        count = sum(tensor.numel() for tensor in (*model.parameters(), *tables))
        (folder / f"{name}.json").write_text(json.dumps({"params": count, "shape": list(x.shape)}))
    except BaseException as error:
        print(f"{name}: not exported: {str(error)[:300]}", file=sys.stderr)
    os._exit(0)


def truth(path: Path, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]] | str:
    """The shape of every tensor that onnxruntime gives for zeros, or its words where it refuses."""
    import numpy as np
    import onnx
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    model = onnx.load(path)
    graph = model.graph
    names = [name for node in graph.node for name in node.output if name]
    there = {value.name for value in graph.output}
    for name in names:
        if name not in there:
            graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 2
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        values = session.run(names, {session.get_inputs()[0].name: np.zeros(shape, np.float32)})
    except Exception as error:
        return str(error)[-200:]
    return {name: np.shape(value) for name, value in zip(names, values, strict=True)}


@dataclass
class Compared:
    """One file at one size: tensors whose shapes were compared, those whose shape we do not know (names), opaque nodes, what differs."""

    tensors: int = 0
    unknown: list[str] = field(default_factory=list)
    opaque: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    refused: bool = False

    def __str__(self) -> str:
        cells = [f"{self.tensors}" if not self.refused else "both refuse"]
        cells += [f"{len(self.unknown)} UNKNOWN"] if self.unknown else []
        cells += [f"{len(self.opaque)} opaque: {', '.join(sorted(set(self.opaque)))}"] if self.opaque else []
        return ", ".join([*cells, *([f"{len(self.wrong)} WRONG"] if self.wrong else [])])

    @property
    def good(self) -> bool:
        """No difference, and nothing that was not compared."""
        return not self.wrong and not self.unknown


def compare(path: Path, shape: tuple[int, ...]) -> Compared:
    """Every tensor's shape, by numbers and by maps of free sizes, against onnxruntime's for one file at one size."""
    from convwise.answers.network.symbolic import follow
    from convwise.errors import ConvwiseError
    from convwise.ops.several import Opaque
    from convwise.readers.onnx import read_onnx
    from convwise.readers.onnx_network import onnx_network

    network = onnx_network(read_onnx(path))
    real = truth(path, shape)
    found = Compared(opaque=[node.kind for node in network.nodes if isinstance(node.work, Opaque)])
    try:
        trace = network.trace(shape)
    except ConvwiseError as error:
        found.refused = True
        found.wrong += [] if isinstance(real, str) else [f"refused: {error}"]
        return found
    if isinstance(real, str):
        found.wrong.append(f"onnxruntime refuses: {real}")
        return found
    symbolic = follow(network)
    sizes = {key: shape[axis.place] for key, axis in enumerate(symbolic.keys)}
    shapes = trace.run.shapes
    ours = {name for node in network.nodes for name in node.outputs}
    for name, wanted in real.items():
        told = shapes.get(name)
        if told is None:
            # Arithmetic on sizes is folded away, and its tensors with it; a tensor that a node of ours gives is missed.
            found.unknown += [name] if name in ours else []
            continue
        found.tensors += 1
        if told != wanted:
            found.wrong.append(f"{name}: {told} instead of {wanted}")
        free = symbolic.at(name, sizes)
        if free is not None and None not in free and free != wanted and shape[0] == 1:
            found.wrong.append(f"{name}: symbolic {free} instead of {wanted}")
    return found


def runs(name: str, folder: Path) -> list[tuple[Path, tuple[int, ...]]]:
    """The files and shapes of one network."""
    told = json.loads((folder / f"{name}.json").read_text())
    shape = tuple(told["shape"])
    found = [(folder / f"{name}_fixed.onnx", shape)]
    dynamic = folder / f"{name}_dynamic.onnx"
    if dynamic.exists():
        found.append((dynamic, shape))
        found += [(dynamic, (1, 3, shape[2] + h, shape[3] + w)) for h, w in MORE_SIZES]
    return found


def main(folder: Path, wanted: list[str]) -> int:
    from convwise.readers.onnx import read_onnx
    from convwise.readers.onnx_network import onnx_network

    bad = 0
    for name in wanted:
        started = time.time()
        if name.endswith(".onnx"):
            path = Path(name)
            declared = onnx_network(read_onnx(path)).sources[0].declared
            shape = tuple(
                size if isinstance(size, int) else fill for size, fill in zip(declared, (1, 3, 97, 130), strict=False)
            )
            jobs, params = [(path, shape)], ""
        else:
            export(name, folder)
            if not (folder / f"{name}.json").exists():
                print(f"{name:45} not exported")
                bad += 1
                continue
            jobs = runs(name, folder)
            counted = onnx_network(read_onnx(jobs[-1][0])).trace(jobs[0][1]).totals.params
            real = json.loads((folder / f"{name}.json").read_text())["params"]
            params = f"params {counted:,}" if counted == real else f"params {counted:,} NOT {real:,}"
            bad += counted != real
        cells = []
        for path, shape in jobs:
            found = compare(path, shape)
            cells.append(f"{'x'.join(map(str, shape[2:]))}: {found}")
            bad += not found.good
            for line in (*found.wrong[:3], *(f"{name}: not known" for name in found.unknown[:3])):
                print(f"    {line}")
        print(f"{name:45} {' | '.join(cells)} | {params} | {time.time() - started:.1f} s", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    sys.exit(main(target, sys.argv[2:] or list(NETWORKS)))
