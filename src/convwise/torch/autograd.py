"""`torch.autograd`, of which `Variable` is left: the tensor itself."""

from __future__ import annotations

from typing import Any

from convwise.torch.tensor import Tensor, as_tensor

__all__ = ["Variable"]


def Variable(data: Any, requires_grad: Any = False, volatile: Any = False) -> Tensor:
    return as_tensor(data)
