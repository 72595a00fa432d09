"""Code written for TensorFlow, Keras or PyTorch runs here when nothing but its import lines change.

Every file in `snippets/` is such code as people write it; the oracle tests run the same files with the real frameworks.
"""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

import convwise.keras as keras

FOLDER = Path(__file__).parent / "snippets"
SNIPPETS = sorted(path.stem for path in FOLDER.glob("*.py"))
IMPORTS = (
    (r"^import (keras|torch)$", r"import convwise.\1 as \1"),
    (r"^import (tensorflow|keras|torch)((?:\.\w+)*) as", r"import convwise.\1\2 as"),
    (r"^from (tensorflow|keras|torch)((?:\.\w+)*) import", r"from convwise.\1\2 import"),
)


def with_imports_changed(code: str) -> str:
    lines = []
    for line in code.splitlines():
        for pattern, replacement in IMPORTS:
            changed = re.sub(pattern, replacement, line)
            if changed != line:
                line = changed
                break
        lines.append(line)
    return "\n".join(lines)


def run(code: str) -> str:
    """What the code prints."""
    printed = io.StringIO()
    names: dict[str, Any] = {"__name__": "snippet"}
    with redirect_stdout(printed):
        exec(compile(code, "snippet", "exec"), names)
    return printed.getvalue()


PRINTS = {
    "q1_stride_of_two": "(64, 64, 3) becomes (31, 31, 32)\n",
    "q1_same_and_no_stride": "(1, 64, 64, 32)\n(None, 64, 64, 3) (None, 64, 64, 32)\n",
    "q1_wide_kernel": "(2, 58, 58, 32)\n",
    "q2_no_padding": "torch.Size([1, 16, 13, 13])\nConv2d(3, 16, kernel_size=(3, 3), stride=(2, 2))\n",
    "q2_same_with_a_stride": "refused: True\n",
    "q2_padding_of_one": "torch.Size([1, 16, 14, 14]) 14 (16, 3, 3, 3)\n",
    "q3_stride_then_same": "in: (3, 28, 28, 3)\nbetween: (3, 13, 13, 32)\nout: (3, 13, 13, 64)\n",
    "q3_same_then_same": "(5, 64, 64, 1) (5, 64, 64, 16) (5, 64, 64, 32)\n",
    "q3_stride_of_four": "(2, 32, 32, 16)\n224 1168\n",
    "q4_even_size": "(1, 64, 64, 32)\n",
    "q4_odd_size": "(1, 65, 65, 32)\n",
    "q4_odd_size_and_stride": "(1, 33, 33, 32) float32\n",
    "q5_many_sizes_valid": "8: (1, 6, 6, 32)\n10: (1, 8, 8, 32)\n5: (1, 3, 3, 32)\nrefused: True\n",
    "q5_many_sizes_same": "8: (1, 8, 8, 32)\n10: (1, 10, 10, 32)\n5: (1, 5, 5, 32)\n",
    "q5_many_sizes_stride": "(1, 4, 4, 32) (1, 5, 5, 32) (1, 5, 5, 32)\n",
}
LAST_LINES = {
    "keras_classifier": "[(3, 3, 1, 8), (8,), (8,), (8,), (8,), (8,), (3, 3, 8, 16), (16, 10), (10,)] 1434",
    "keras_functional": "(2, 2) ['picture', 'zero_padding2d', 'depthwise_conv2d', 'separable_conv2d', 'up_sampling2d', "
    "'conv2d_transpose', 'cropping2d', 'flatten', 'dense']",
    "torch_module": "torch.Size([4]) torch.Size([2, 12]) True",
    "torch_tensors": "tensor([4., 5., 6., 7.]) torch.Size([2, 3]) tensor(3) torch.Size([2, 6, 4]) tensor([0.5000, 1.0000])",
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_runs_with_its_imports_changed(name: str) -> None:
    keras.backend.clear_session()
    code = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    changed = with_imports_changed(code)
    assert changed != code
    assert "\nimport torch" not in changed
    assert "\nimport tensorflow" not in changed
    printed = run(changed)
    if name in PRINTS:
        assert printed == PRINTS[name]
    else:
        assert printed.rstrip("\n").splitlines()[-1] == LAST_LINES[name]


def test_each_of_the_five_questions_has_its_three_situations() -> None:
    for question in range(1, 6):
        assert sum(name.startswith(f"q{question}_") for name in SNIPPETS) == 3
    assert set(SNIPPETS) == {*PRINTS, *LAST_LINES}
