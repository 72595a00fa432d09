"""`nn.Parameter`: a tensor that a module counts among its weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.torch.printing import tensor_text
from convwise.torch.tensor import Tensor, plain


class Parameter(Tensor):
    """The data as a parameter, sharing its memory; what is computed from it is a plain `Tensor`."""

    requires_grad = True

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        self = np.asarray(np.zeros(0, np.float32) if data is None else data).view(cls)
        self.requires_grad = requires_grad
        return self

    def __repr__(self) -> str:
        return f"Parameter containing:\n{tensor_text(plain(self), *(['requires_grad=True'] if self.requires_grad else []))}"
