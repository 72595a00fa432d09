"""Forwards in pairs that PyTorch gives other values for: a setting of a function, or arithmetic that leaves shapes alone."""

from __future__ import annotations

HEAD = """import torch
from torch import nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.near = nn.Conv2d(4, 6, 3)
        self.far = nn.Conv2d(6, 6, 1)

    def forward(self, x):
        x = self.near(x)
"""

SETTINGS = [
    ("F.elu(x)", "F.elu(x, 0.5)"),
    ("F.celu(x)", "F.celu(x, alpha=2.0)"),
    ("F.local_response_norm(x, 5, alpha=1.0)", "F.local_response_norm(x, 5, alpha=0.5)"),
    ("F.layer_norm(x, (6, 7, 8))", "F.layer_norm(x, (6, 7, 8), eps=0.1)"),
    ("F.scaled_dot_product_attention(x, x, x)", "F.scaled_dot_product_attention(x, x, x, scale=0.1)"),
    ("F.scaled_dot_product_attention(x, x, x)", "F.scaled_dot_product_attention(x, x, x, is_causal=True)"),
    ("F.scaled_dot_product_attention(x, x, x)", "x @ x.transpose(2, 3) @ x"),
    (
        "F.interpolate(x, scale_factor=0.5, mode='bilinear')",
        "F.interpolate(x, scale_factor=0.5, mode='bilinear', antialias=True)",
    ),
    (
        "F.interpolate(x, scale_factor=0.7, mode='bilinear')",
        "F.interpolate(x, scale_factor=0.7, mode='bilinear', recompute_scale_factor=True)",
    ),
    ("F.avg_pool2d(x, x.shape[2:])", "F.avg_pool2d(x, x.shape[2:], divisor_override=3)"),
    ("F.lp_pool2d(x.abs(), 1, 2)", "F.lp_pool2d(x.abs(), 2, 2)"),
    ("torch.add(x, self.far(x), alpha=2)", "torch.add(x, self.far(x), alpha=3)"),
    ("x.sub(self.far(x), alpha=2)", "x - self.far(x)"),
    ("torch.div(x, self.far(x), rounding_mode='floor')", "x / self.far(x)"),
    (
        "torch.baddbmm(x[0], x[0], self.far(x)[0].mT @ x[0])",
        "torch.baddbmm(x[0], x[0], self.far(x)[0].mT @ x[0], alpha=2)",
    ),
    ("x.argmax(1)", "x.max(1)[0]"),
]
"""Of functions."""

ALTERED = [
    ("x * 2", "x * 3"),
    ("x / 255.0", "x"),
    ("2 - x", "x - 2"),
    ("x ** 2", "x"),
    ("-x", "x"),
    ("F.relu(-x)", "F.relu(x)"),
    ("x.clamp(0, 1)", "x.clamp(0, 2)"),
    ("torch.sqrt(x.abs())", "x"),
    ("F.softmax(x / 2, 1)", "F.softmax(x, 1)"),
    ("self.far(x * 0.5)", "self.far(x)"),
]
"""Between layers that stand in one line."""

WRITTEN = ("y = x.clone()\n        y[:, :, ::2] = 0\n        x = y", "y = x.clone()\n        x = y")


def text(value: str) -> str:
    """A module that gives this of a convolution's output."""
    return f"{HEAD}        return {value}\n"


def pairs() -> list[tuple[str, str]]:
    """The texts."""
    written = tuple(f"{HEAD}        {lines}\n        return x\n" for lines in WRITTEN)
    return [*((text(one), text(other)) for one, other in (*SETTINGS, *ALTERED)), (written[0], written[1])]
