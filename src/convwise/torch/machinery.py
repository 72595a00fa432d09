"""What scripts say about how PyTorch runs, and which changes no number here: threads, compilers, printing, default types."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.torch.errors import ArgumentError
from convwise.torch.jit import script
from convwise.torch.tensor import check_device


def compile(model: Any = None, **_: Any) -> Any:
    """The model itself, which gives the numbers that it gives compiled."""
    return script(model)


def is_autocast_enabled(device_type: Any = None) -> bool:
    return False


def set_num_threads(count: int) -> None:
    """The engine has its own way to its number of threads."""


def get_num_threads() -> int:
    return 1


def set_printoptions(**_: Any) -> None:
    """Tensors print as they do without options."""


def set_float32_matmul_precision(precision: str) -> None:
    """Products are computed in float32."""


def use_deterministic_algorithms(mode: bool) -> None:
    """All that runs here gives the same numbers each time."""


def set_default_dtype(d: Any) -> None:
    """float32 is the default, and stays it.

    Raises:
        ArgumentError: CW606 for another type.
    """
    if np.dtype(d) != np.float32:
        hint = "model.double(), x.double()"
        raise ArgumentError("CW606", "new tensors are float32", axis="dtype", received=str(d), hint=hint)


def set_default_device(device: Any) -> None:
    check_device(device)


FUNCTIONS = (
    compile, is_autocast_enabled, set_num_threads, get_num_threads, set_printoptions, set_float32_matmul_precision,
    use_deterministic_algorithms, set_default_dtype, set_default_device,
)  # fmt: skip
