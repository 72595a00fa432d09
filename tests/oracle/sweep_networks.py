"""Whole networks: the legal sizes against the framework's own run of every size, and all shapes and counts.

    python tests/oracle/sweep_networks.py [--jobs 2] [--record] [--seconds 60] [NAME ...]

Needs torch, keras on tensorflow, torchvision (`pip install torchvision==0.28.0 --no-deps`, and pillow). A name is one of the table's, or
"torch" or "keras" for all of those. For each network, in a process of its own:

sizes    heights from 1 to 600 (PyTorch on meta tensors, Keras by symbolic calls) at a legal width: all of them where that takes
         less than --seconds, else every s-th and both sides of each change; then pairs of unequal sizes, and widths at a legal height
real     1, 2 and both sides of a change, 12 sizes at most, once more with real data
shapes   every intermediate shape and the parameters, by the sweeps of the frameworks beside this file
MACs     at the published size, where numbers are published

--record writes the table into docs/long-runs.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import sizes_oracle

import convwise as cw

VISION = (
    *("alexnet", "vgg11", "vgg16", "vgg16_bn", "resnet18", "resnet50", "resnext50_32x4d", "wide_resnet50_2"),
    *("squeezenet1_0", "squeezenet1_1", "densenet121", "googlenet", "inception_v3", "shufflenet_v2_x1_0"),
    *("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "mnasnet1_0", "efficientnet_b0", "efficientnet_b3"),
    *("efficientnet_v2_s", "regnet_x_400mf", "regnet_y_400mf", "convnext_tiny", "swin_t", "swin_v2_t", "maxvit_t"),
    *("vit_b_16", "vit_b_32", "fcn_resnet50", "deeplabv3_resnet50", "deeplabv3_mobilenet_v3_large"),
    "lraspp_mobilenet_v3_large",
)
BACKBONES = ("ssd300_vgg16", "ssdlite320_mobilenet_v3_large", "retinanet_resnet50_fpn")
APPLICATIONS = (
    *("VGG16", "VGG19", "ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2"),
    *("InceptionV3", "InceptionResNetV2", "Xception", "MobileNet", "MobileNetV2", "MobileNetV3Small"),
    *("MobileNetV3Large", "DenseNet121", "DenseNet169", "DenseNet201", "NASNetMobile", "NASNetLarge"),
    *(f"EfficientNetB{number}" for number in range(8)),
    *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
)
"""All of keras.applications."""

OWN_TORCH = (
    *("alexnet", "vgg", "vgg flattened for 96", "lenet", "resnet", "resnet, pools on the short way", "inception"),
    *("u-net", "u-net, fixed crops", "u-net, centred crops", "fpn", "fpn, doubled"),
)
OWN_KERAS = ("u-net", "u-net, fixed crops", "fpn")
PUBLISHED = {
    "torch alexnet": (61_100_840, 714_188_480),
    "torch vgg16": (138_357_544, 15_470_264_320),
    "torch resnet18": (11_689_512, 1_814_073_344),
    "torch resnet50": (25_557_032, 4_089_184_256),
}
"""Parameters and MACs at 224 x 224."""

LAST = 600
REAL = 12
PLACE = Path(__file__).parents[2] / "docs" / "long-runs.md"
HEADING = "## Whole networks"


@dataclass
class Result:
    """One row."""

    name: str
    tried: str = ""
    legal: str = ""
    pairs: int = 0
    real: int = 0
    shapes: int = 0
    params: int = 0
    macs: str = ""
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def row(self) -> str:
        said = "; ".join(self.wrong[:3]) if self.wrong else "agrees"
        notes = f" ({'; '.join(self.notes)})" if self.notes else ""
        cells = (self.name, self.tried, self.legal, self.pairs, self.real, self.shapes, f"{self.params:,}", self.macs)
        return f"| {' | '.join(str(cell) for cell in cells)} | {said}{notes} |".replace("\n", " ")


def names() -> list[str]:
    return [
        *(f"torch {name}" for name in VISION),
        *(f"torch backbone of {name}" for name in BACKBONES),
        *(f"torch own {name}" for name in OWN_TORCH),
        *(f"keras {name}" for name in APPLICATIONS),
        *(f"keras own {name}" for name in OWN_KERAS),
    ]


def torch_module(name: str) -> Any:
    """A network in evaluation mode: in training mode batch normalisation refuses one value a channel, which is no matter of sizes."""
    import sweep_torchvision
    import zoo_torch

    if name.startswith("own "):
        return zoo_torch.NETWORKS[name.removeprefix("own ")]().eval()
    if name.startswith("backbone of "):
        detection = sweep_torchvision.torchvision().models.detection
        make = vars(detection)[name.removeprefix("backbone of ")]
        return make(weights=None, weights_backbone=None).backbone.eval()
    return sweep_torchvision.build(name)


def keras_model(name: str) -> Any:
    """Without its top, for open sizes."""
    import keras
    import zoo_keras

    if name.startswith("own "):
        return zoo_keras.NETWORKS[name.removeprefix("own ")]()
    return vars(keras.applications)[name](weights=None, include_top=False, input_shape=(None, None, 3))


def heights(takes: sizes_oracle.Takes, legal: Any, width: int, last: int, seconds: float) -> list[int]:
    """All heights where they can be tried in the time, else every s-th and both sides of each change."""
    probe = (last - 2, last // 2, last - 1, last)
    takes(probe[0], width)
    start = time.perf_counter()
    for height in probe:
        takes(height, width)
    step = 1 + int((time.perf_counter() - start) / len(probe) * last / seconds)
    return sorted({*range(1, last + 1, step), *sizes_oracle.boundaries(legal, width, last)})


def sizes(
    result: Result, takes: sizes_oracle.Takes, real: Callable[[], Any], legal: Any, limits: tuple[int, float]
) -> None:
    """The legal set against the framework at every height, then pairs of sizes, then a few with real data."""
    last, seconds = limits
    good = sizes_oracle.good_pair(legal) or (224, 224)
    width = good[1]
    start = time.perf_counter()
    tried = heights(takes, legal, width, last, seconds)
    result.wrong += sizes_oracle.disagreements(takes, legal, [(height, width) for height in tried])
    spent = time.perf_counter() - start
    step = tried[1] - tried[0] if len(tried) < last else 1
    result.tried = f"1..{last}{'' if step == 1 else f' in steps of {step}, and the changes'} x {width}"
    chosen = random.Random(7)
    most = 60 if spent < seconds else 20
    pairs = [(chosen.randint(1, last), chosen.randint(1, last)) for _ in range(most)]
    changes = sizes_oracle.boundaries(legal, width, last)
    pairs += [(good[0], other) for other in changes[:20]]
    around = [legal.nearest(pair) for pair in pairs[: most // 2]]
    pairs += [pair for pair in around if pair is not None and max(pair) <= last]
    result.wrong += sizes_oracle.disagreements(takes, legal, pairs)
    result.pairs = len(pairs)
    small = [height for height in sorted({1, 2, *changes}) if height <= 320][:REAL]
    wrong = sizes_oracle.disagreements(real(), legal, [(height, width) for height in small])
    result.wrong += [f"real data, {line}" for line in wrong]
    result.real = len(small)


def one_torch(name: str, result: Result, seconds: float) -> None:
    import torch
    from sweep_torchvision import compare

    torch.set_num_threads(1)
    module = torch_module(name)
    network = cw.read(module)
    legal = network.legal_sizes()
    result.legal = f"{legal['height']}" + ("" if legal.joint is None else f"; together: {legal.joint}")
    if not legal.exact:
        result.wrong.append("not exact: " + ", ".join(str(reason) for reason in legal["height"].reasons))
    channels = next(part.shape[1] for part in module.parameters() if part.dim() == 4)
    takes = sizes_oracle.torch_takes(module, channels)
    sizes(result, takes, lambda: sizes_oracle.torch_takes(module, channels, "cpu"), legal, (LAST, seconds))
    good = sizes_oracle.good_pair(legal)
    assert good is not None
    report = compare(module, (1, channels, *good))
    result.shapes, result.params = report.tensors, report.params[0]
    result.wrong += report.wrong
    result.notes += [note for note in report.notes if len(note) < 120]
    if report.params[0] != report.params[1]:
        result.wrong.append(f"{report.params[0]} parameters, PyTorch {report.params[1]}")
    if report.opaque:
        result.wrong.append(f"{report.opaque} opaque nodes")
    wanted = PUBLISHED.get(f"torch {name}")
    size = (224, 224) if wanted else good
    totals = network.trace((1, channels, *size)).totals
    result.macs = f"{totals.macs:,} at {size[0]} x {size[1]}"
    if wanted and wanted != (totals.params, totals.macs):
        result.wrong.append(f"parameters and MACs {totals.params, totals.macs}, published {wanted}")
    if wanted:
        result.macs += ", as published"


def one_keras(name: str, result: Result, seconds: float) -> None:
    import keras
    import sweep_keras_applications as applications

    from convwise.answers.network.flowing import run

    model = keras_model(name)
    network = cw.read(model)
    legal = network.legal_sizes()
    result.legal = f"{legal['height']}" + ("" if legal.joint is None else f"; together: {legal.joint}")
    if not legal.exact:
        result.wrong.append("not exact: " + ", ".join(str(reason) for reason in legal["height"].reasons))
    real = sizes_oracle.keras_runs(model, result.notes)
    sizes(result, sizes_oracle.keras_takes(model), lambda: real, legal, (LAST, seconds))
    good = sizes_oracle.good_pair(legal)
    if name.startswith("own "):
        assert good is not None
        shape = (None, *good, model.inputs[0].shape[-1])
        result.wrong += applications.differences(model, run(network, shape), shape)
        result.shapes = len(network.nodes)
    else:
        wrong, result.shapes = applications.check(name)
        result.wrong += wrong
    result.params = model.count_params()
    if good is not None:
        totals = network.trace((1, *good, model.inputs[0].shape[-1])).totals
        result.macs = f"{totals.macs:,} at {good[0]} x {good[1]}"
        if totals.params != result.params:
            result.wrong.append(f"{totals.params} parameters, Keras {result.params}")
    keras.backend.clear_session()


def one(name: str, seconds: float) -> Result:
    result = Result(name)
    start = time.perf_counter()
    framework, _, rest = name.partition(" ")
    try:
        (one_torch if framework == "torch" else one_keras)(rest, result, seconds)
    except Exception as error:
        result.wrong.append(sizes_oracle.words(error))
    result.seconds = time.perf_counter() - start
    return result


def in_process(name: str, seconds: float) -> Result:
    """A process for each: the largest of them need gigabytes."""
    words = [sys.executable, __file__, "--one", name, "--seconds", str(seconds)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=1800, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        result = Result(name, wrong=[f"exit {done.returncode}: {done.stderr[-300:]}"])
    else:
        result = Result(**json.loads(lines[-1]))
    print(f"{result.row} {result.seconds:.0f} s", flush=True)
    for line in result.wrong[3:20]:
        print(f"    {line}", flush=True)
    return result


def record(results: list[Result]) -> None:
    """The table in docs/long-runs.md; rows of networks that did not run this time stay."""
    packages = ("convwise", "torch", "torchvision", "keras", "tensorflow-cpu")
    versions = [f"{name} {metadata.version(name)}" for name in packages if _there(name)]
    text = PLACE.read_text(encoding="utf-8") if PLACE.exists() else "# Long runs\n"
    before, _, rest = text.partition(HEADING)
    old, mark, after = rest.partition("\n## ")  # what other scripts wrote below stays
    rows = {name: line for line in old.splitlines() for name in names() if line.startswith(f"| {name} | ")}
    rows |= {result.name: result.row for result in results}
    good = sum(row.rsplit(" | ", 1)[1].startswith("agrees") for row in rows.values())
    table = "\n".join(rows[name] for name in names() if name in rows)
    section = f"""{HEADING}

Written by `python tests/oracle/sweep_networks.py --record`, {datetime.now(UTC):%Y-%m-%d}; {", ".join(versions)}, Python {platform.python_version()}.
{good} of {len(rows)} networks agree in everything; the rows may come from several runs.

Heights x width: the legal set against the framework's own run of each of these heights at this width, PyTorch on meta tensors in evaluation mode
(where batch normalisation is a product a channel, and is run as that), Keras by symbolic calls of the model without its top. Pairs: more heights and
widths, unequal ones. Real: 1, 2 and sizes on both sides of a change, run on data. Shapes: intermediate shapes that were compared.

| network | heights x width | legal heights | pairs | real | shapes | parameters | MACs | result |
|---|---|---|---|---|---|---|---|---|
{table}
"""
    PLACE.write_text(f"{before.rstrip()}\n\n{section}{mark}{after}", encoding="utf-8")


def _there(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.one:
        print(json.dumps(asdict(one(told.one, told.seconds))))
        return 0
    wanted = [name for name in names() if not told.names or name in told.names or name.partition(" ")[0] in told.names]
    with ThreadPoolExecutor(told.jobs) as pool:
        results = list(pool.map(lambda name: in_process(name, told.seconds), wanted))
    failed = sum(bool(result.wrong) for result in results)
    print(f"{len(results) - failed} of {len(results)} agree")
    if told.record:
        record(results)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
