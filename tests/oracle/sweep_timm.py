"""Networks of timm read live, against PyTorch's own run on meta tensors: all shapes, all counts; with and without an input shape.

    python tests/oracle/sweep_timm.py [NAME ...]       (a table, exit 1 where one differs)

Needs torch, and without their dependencies timm, torchvision, huggingface_hub and safetensors. The weights are random.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from sweep_torchvision import Report, compare, leaves, torchvision

import convwise
from convwise.errors import ConvwiseError, ModelError

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
    """What differs where the module is read with this input shape: every leaf's output, the counts, or who refuses."""
    try:
        network = convwise.read(module, input_shape=shape)
        network.trace(shape)
        refused = ""
    except ConvwiseError as error:
        refused = str(error).splitlines()[0]
    try:
        wrong = [] if refused else leaves(module, network, shape)
    except RuntimeError as error:
        return [] if refused else [f"PyTorch refuses: {str(error)[:150]}"]
    if refused:
        return _refused(module, shape, refused)
    used = sum(node.params or 0 for node in network.nodes)
    unused = any("parameters are not used" in note.text for note in network.notes)
    real = sum(part.numel() for part in module.parameters())
    return wrong if used == real or unused else [*wrong, f"{used:,} parameters, not {real:,}"]


def _refused(module: Any, shape: Shape, words: str) -> list[str]:
    """Nothing where PyTorch refuses too."""
    try:
        with torch.no_grad():
            module(torch.zeros(shape))
    except RuntimeError:
        return []
    return [words]


def at(name: str, shape: Shape) -> Report | str:
    """The comparison without an input shape; why there is none where PyTorch refuses the size or the forward asks for it."""
    try:
        return compare(build(name), shape)
    except ModelError as error:
        if error.code != "CW422":
            raise
        return "needs an input shape"
    except RuntimeError:
        return "PyTorch refuses this size"


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
            found = at(name, shape)
            told = declared(build(name), shape)
            if isinstance(found, str):
                failed += bool(told)
                print(f"{name:30} {size:>8} {len(told):21} {found}  {'; '.join(told[:3])}", flush=True)
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
