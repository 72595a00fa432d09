"""The release table beside the installed frameworks: what a row says of now is so, and of operator sets what was before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from release_probes import NODES, PROBES

from convwise.dialects.changes import CHANGES, Change

pytestmark = pytest.mark.oracle

SCRIPT = Path(__file__).with_name("release_probes.py")


def answer(change: Change, opset: str = "") -> str:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow"}
    command = [sys.executable, "-W", "ignore", str(SCRIPT), change.key, *([opset] if opset else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment, check=False)
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-500:]


def test_every_row_has_its_probe_and_its_source() -> None:
    assert {change.key for change in CHANGES} == {*NODES, *PROBES}
    assert all(change.source and change.since and change.before != change.now for change in CHANGES)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.key)
def test_the_installed_release_does_what_the_table_says(change: Change) -> None:
    told = answer(change, change.since if change.package == "opset" else "")
    assert change.now.startswith(told), told


@pytest.mark.parametrize("change", [one for one in CHANGES if one.package == "opset"], ids=lambda change: change.key)
def test_the_operator_set_before_does_what_the_table_says(change: Change) -> None:
    told = answer(change, change.older)
    assert told.startswith(change.before), told
