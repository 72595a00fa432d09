"""The snippets print the same, letter by letter, with the real frameworks and with convwise."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import convwise.keras as ours

pytest.importorskip("keras")
pytest.importorskip("torch")

HERE = Path(__file__).parent


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("runtime_snippets", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


light = load(HERE.parent / "runtime" / "test_snippets.py")

CHILD = """
import contextlib, io, json, pathlib, sys, warnings
warnings.simplefilter("ignore")
import keras
printed = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    keras.backend.clear_session()
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        exec(compile(path.read_text(encoding="utf-8"), path.name, "exec"), {"__name__": "snippet"})
    printed[path.stem] = stream.getvalue()
sys.stdout.write(json.dumps(printed))
"""


@pytest.fixture(scope="module")
def real() -> dict[str, str]:
    """What the real frameworks print, in a process of their own: what ran before in this one must not change it."""
    command = [sys.executable, "-c", CHILD, str(light.FOLDER)]
    done = subprocess.run(command, check=True, capture_output=True, encoding="utf-8", timeout=300)
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", light.SNIPPETS)
def test_the_framework_prints_the_same(name: str, real: dict[str, str]) -> None:
    code = (light.FOLDER / f"{name}.py").read_text(encoding="utf-8")
    ours.backend.clear_session()
    mine = light.run(light.with_imports_changed(code))
    assert mine.rstrip() == real[name].rstrip()
