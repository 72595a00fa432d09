"""Run the `before` of the release table on the older releases themselves, each in a virtual environment of its own.

python tests/oracle/check_releases.py [KEY ...]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from convwise.dialects.changes import CHANGES, Change

SCRIPT = Path(__file__).with_name("release_probes.py")
WITH = {"onnxruntime": ("onnx==1.17.0",), "jax": ("flax==0.12.0",)}
"""What is installed beside a package."""


def before(change: Change, folder: Path) -> str:
    """What the older release says. Keras is laid over the installed TensorFlow, which is large."""
    home = folder / f"{change.package}-{change.older}"
    over = change.package == "keras"
    python = sys.executable if over else str(home / "bin" / "python")
    if not home.exists():
        wanted = f"{change.package}=={change.older}"
        if over:
            pip = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(home), wanted]
        else:
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
            pip = [python, "-m", "pip", "install", "--quiet", wanted, *WITH[change.package]]
        subprocess.run(pip, check=True)
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    if over:
        environment["PYTHONPATH"] = str(home)
    command = [python, "-W", "ignore", str(SCRIPT), change.key]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment, check=False)
    return (done.stdout.strip().splitlines() or [done.stderr[-300:]])[-1]


def main() -> int:
    wrong = 0
    with tempfile.TemporaryDirectory() as work:
        for change in CHANGES:
            if not change.older or change.package == "opset" or (sys.argv[1:] and change.key not in sys.argv[1:]):
                continue
            said = before(change, Path(os.environ.get("RELEASES", work)))
            right = said.startswith("refused" if change.before.startswith(("refused", "no such")) else change.before)
            wrong += not right
            print(f"{'ok   ' if right else 'WRONG'} {change.key} on {change.package} {change.older}: {said[:120]}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
