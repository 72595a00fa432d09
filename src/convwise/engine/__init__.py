"""Runs layers on NumPy arrays. `import convwise` does not load this package, because it loads NumPy."""

from __future__ import annotations

from convwise.engine.functions import Conv, avg_pool2d, conv2d, max_pool2d
from convwise.engine.plan import Plan, plan
from convwise.engine.running import run

__all__ = ["Conv", "Plan", "avg_pool2d", "conv2d", "max_pool2d", "plan", "run"]
