"""`torch.nn.utils`: weights that are computed from others, as checkpoints hold them, and layers that are joined."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.torch.nn.utils import fusion, parametrizations
from convwise.torch.nn.utils.fusion import fuse_conv_bn_eval
from convwise.torch.nn.utils.reweighting import (
    remove_spectral_norm,
    remove_weight_norm,
    spectral_norm,
    weight_norm,
)
from convwise.torch.tensor import Tensor, fresh, plain

__all__ = [
    "fuse_conv_bn_eval",
    "fusion",
    "parameters_to_vector",
    "parametrizations",
    "remove_spectral_norm",
    "remove_weight_norm",
    "spectral_norm",
    "weight_norm",
]


def parameters_to_vector(parameters: Any) -> Tensor:
    """All numbers of all parameters, one after the other."""
    return fresh(np.concatenate([plain(one).reshape(-1) for one in parameters]))
