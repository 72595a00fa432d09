"""Networks of timm read live, against PyTorch's own run on meta tensors: all shapes, all counts; with and without an input shape.

    python tests/oracle/sweep_timm.py [NAME ...]       (a table, exit 1 where one differs)

Needs torch, and without their dependencies timm, torchvision, huggingface_hub and safetensors. The weights are random.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import torch
from sweep_torchvision import Report, compare, torchvision

import convwise
from convwise.errors import ConvwiseError

Shape = tuple[int, ...]
NETWORKS = (
    "resnet50",
    "resnext50_32x4d",
    "seresnet50",
    "efficientnet_b0",
    "tf_efficientnet_b0",
    "mobilenetv3_large_100",
    "convnext_tiny",
    "convnextv2_atto",
    "regnety_004",
    "densenet121",
    "vit_tiny_patch16_224",
    "swin_tiny_patch4_window7_224",
    "mixer_s32_224",
    "hrnet_w18_small",
    "dla34",
    "repvgg_a0",
    "ghostnet_100",
    "cspresnet50",
    "res2net50d",
    "vgg16_bn",
    "inception_v3",
    "inception_v4",
    "xception41",
    "nfnet_l0",
    "edgenext_xx_small",
    "mobilevit_xxs",
)
ONE_SIZE = {"vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "mixer_s32_224"}
"""Networks whose weights or code allow one size alone."""

SIZES = ((224, 224), (257, 320))


def build(name: str) -> Any:
    """A network of timm, in evaluation mode, with random weights."""
    import timm

    torch.manual_seed(0)
    return timm.create_model(name, pretrained=False).eval()


def declared(module: Any, shape: Shape) -> list[str]:
    """What differs where the module is read with this input shape instead of free sizes."""
    try:
        network = convwise.read(module, input_shape=shape)
        trace = network.trace(shape)
    except ConvwiseError as error:
        return [f"with input_shape {shape}: {error}"]
    with torch.no_grad():
        real = tuple(module(torch.zeros(shape)).shape)
    got = trace.run.shapes.get(network.outputs[0])
    return [] if got == real else [f"with input_shape {shape}: {got}, PyTorch {real}"]


def at(name: str, shape: Shape) -> Report | str:
    """The comparison at one size; the words where the network or convwise refuses."""
    try:
        return compare(build(name), shape)
    except (ConvwiseError, RuntimeError, AssertionError, NotImplementedError) as error:
        return f"{type(error).__name__}: {str(error)[:200]}"


def main(names: list[str]) -> int:
    if torchvision() is None:
        print("torchvision is not installed: pip install torchvision==0.28.0 --no-deps, and pillow")
        return 2
    failed = 0
    print(
        f"{'network':30} {'size':>8} {'nodes':>6} {'shapes':>7} {'wrong':>6} {'opaque':>7} {'parameters':>12} {'ms':>6}"
    )
    for name in names or NETWORKS:
        for height, width in SIZES[:1] if name in ONE_SIZE else SIZES:
            shape = (1, 3, height, width)
            size = f"{height}x{width}"
            started = time.perf_counter()
            found = at(name, shape)
            told = declared(build(name), shape)
            if isinstance(found, str):
                failed += 1
                print(f"{name:30} {size:>8} {'; '.join((found, *told))}", flush=True)
                continue
            ours, real = found.params
            failed += not found.good or bool(told)
            words = [*([] if ours == real else [f"PARAMETERS {real:,}"]), *found.wrong[:3], *told, *found.notes]
            print(
                f"{name:30} {size:>8} {found.nodes:6} {found.tensors:7} {len(found.wrong) + len(told):6} {found.opaque:7} "
                f"{ours:12,} {found.milliseconds:6.0f}  {'; '.join(words)}",
                flush=True,
            )
    print(f"{failed} differ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
