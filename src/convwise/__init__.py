"""convwise: exact answers, with the reason, to questions about convolution layers; and the layers run on NumPy.

>>> import convwise as cw
>>> cw.output_shape("Conv2D(32, 3, strides=2)", (64, 64, 3))
(31, 31, 32)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convwise.answers.explanation import Explanation as Explanation
    from convwise.answers.porting.diff import diff as diff
    from convwise.answers.porting.port import port as port
    from convwise.answers.porting.supports import supports as supports
    from convwise.answers.solve import solve as solve
    from convwise.answers.why import explain as explain
    from convwise.answers.why import explain_all as explain_all
    from convwise.answers.why import output_shape as output_shape
    from convwise.engine.functions import Conv as Conv
    from convwise.engine.functions import avg_pool2d as avg_pool2d
    from convwise.engine.functions import conv2d as conv2d
    from convwise.engine.functions import max_pool2d as max_pool2d
    from convwise.engine.plan import Plan as Plan
    from convwise.engine.plan import plan as plan
    from convwise.errors import ArgumentError as ArgumentError
    from convwise.errors import CodeError as CodeError
    from convwise.errors import ConvwiseError as ConvwiseError
    from convwise.errors import ModelError as ModelError
    from convwise.errors import Refusal as Refusal
    from convwise.errors import ShapeError as ShapeError
    from convwise.readers.models import read as read

__version__ = "0.1.0"

_HOMES = {
    "explain": "convwise.answers.why",
    "explain_all": "convwise.answers.why",
    "output_shape": "convwise.answers.why",
    "Explanation": "convwise.answers.explanation",
    "read": "convwise.readers.models",
    "solve": "convwise.answers.solve",
    "diff": "convwise.answers.porting.diff",
    "port": "convwise.answers.porting.port",
    "supports": "convwise.answers.porting.supports",
    "conv2d": "convwise.engine.functions",
    "Conv": "convwise.engine.functions",
    "max_pool2d": "convwise.engine.functions",
    "avg_pool2d": "convwise.engine.functions",
    "plan": "convwise.engine.plan",
    "Plan": "convwise.engine.plan",
    "ConvwiseError": "convwise.errors",
    "ShapeError": "convwise.errors",
    "Refusal": "convwise.errors",
    "CodeError": "convwise.errors",
    "ModelError": "convwise.errors",
    "ArgumentError": "convwise.errors",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    # Imported on first use, so that `import convwise` costs milliseconds and loads no NumPy.
    if name not in _HOMES:
        raise AttributeError(f"module 'convwise' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
