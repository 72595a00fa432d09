"""What all tests share: oracle tests run only when they are asked for, and properties are tried on the same examples every time.

A change is judged by what it changed, not by which examples were drawn; `.ci/long` searches for new ones.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

ORACLES = Path(__file__).parent / "oracle"

settings.register_profile("repeat", derandomize=True, database=None, deadline=None)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("CONVWISE_PROPERTIES", "repeat"))


def oracles_asked(config: pytest.Config) -> bool:
    """Whether `-m oracle` was given."""
    expression = config.getoption("markexpr") or ""
    return "oracle" in expression and "not oracle" not in expression


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave tests/oracle unread, so that no framework is imported or needed, unless oracles are asked for."""
    inside = collection_path == ORACLES or ORACLES in collection_path.parents
    return True if inside and not oracles_asked(config) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Everything in tests/oracle is an oracle test; oracle tests elsewhere are deselected like those."""
    for item in items:
        if ORACLES in item.path.parents:
            item.add_marker("oracle")
            # Frameworks warn about each other's releases; here only their answers count.
            item.add_marker(pytest.mark.filterwarnings("ignore"))
    if oracles_asked(config):
        return
    oracles = [item for item in items if item.get_closest_marker("oracle")]
    if oracles:
        config.hook.pytest_deselected(items=oracles)
        items[:] = [item for item in items if not item.get_closest_marker("oracle")]
