"""The public surface is a list of names, and nobody adds to it by accident."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import convwise

ROOT = Path(__file__).parent.parent

NAMES = {
    "explain",
    "explain_all",
    "output_shape",
    "Explanation",
    "read",
    "diff",
    "port",
    "supports",
    "solve",
    "conv2d",
    "Conv",
    "max_pool2d",
    "plan",
    "Plan",
    "avg_pool2d",
    "ConvwiseError",
    "ShapeError",
    "Refusal",
    "CodeError",
    "ModelError",
    "ArgumentError",
    "__version__",
}


def test_the_public_names_are_these() -> None:
    assert set(convwise.__all__) == NAMES
    assert len(convwise.__all__) == len(NAMES)


def test_each_can_be_had() -> None:
    for name in NAMES:
        assert getattr(convwise, name) is not None
    assert set(dir(convwise)) >= NAMES


def test_there_is_no_other() -> None:
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = convwise.nothing_of_the_kind


def test_star_import_gives_the_public_names() -> None:
    space: dict[str, object] = {}
    exec("from convwise import *", space)
    assert set(space) - {"__builtins__"} == NAMES


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == convwise.__version__
    if Path(convwise.__file__).parent.parent == ROOT / "src":
        pytest.skip("run on the source tree, without an installation")
    assert metadata.version("convwise") == convwise.__version__


def test_every_public_name_is_documented() -> None:
    for name in NAMES - {"__version__"}:
        assert (getattr(convwise, name).__doc__ or "").strip(), name


def test_the_package_is_typed() -> None:
    assert (Path(convwise.__file__).parent / "py.typed").is_file()
