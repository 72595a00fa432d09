"""Objects that are no live layers, with no framework loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from convwise.readers.live import read_live


@pytest.mark.parametrize(
    "obj", [3, "Conv2D(8, 3)", None, object(), [1], {"layers": []}, lambda x: x, type("Conv2D", (), {})()]
)
def test_other_objects_are_none(obj: object) -> None:
    assert read_live(obj) is None


def test_reading_a_live_object_imports_no_framework() -> None:
    code = (
        "import sys\nfrom convwise.readers.live import read_live\nread_live(object())\n"
        "print(*[name for name in ('torch', 'keras', 'tensorflow', 'numpy') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert result.stdout.split() == []
