"""The way to the installed frameworks, as far as it can be seen without one: what is handed over, and what is said where one is missing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import convwise as cw
from convwise.answers.porting.reading import read_chain
from convwise.proofs import frameworks
from convwise.proofs.encoding import encoded

PAIRS = {
    "keras": "Conv2D(4, 3)",
    "torch": "nn.Conv2d(3, 4, 3)",
    "tensorflow": "tf.nn.conv2d(x, tf.zeros((3, 3, 3, 4)), strides=1, padding='VALID')",
    "jax": "nnx.Conv(3, 4, (3, 3), padding='VALID', rngs=nnx.Rngs(0))",
    "onnx": "op.Conv(x, np.zeros((4, 3, 3, 3)), np.zeros((4,)))",
}
COMMANDS = {
    "keras": "pip install keras tensorflow-cpu",
    "torch": "pip install torch",
    "tensorflow": "pip install tensorflow-cpu",
    "jax": "pip install jax flax",
    "onnx": "pip install onnx onnxruntime",
}


@pytest.mark.parametrize("dialect", PAIRS)
def test_a_missing_framework_is_named_with_the_command_that_brings_it(
    dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frameworks, "find_spec", lambda name: None)
    shape = (1, 3, 9, 10) if dialect in ("torch", "onnx") else (1, 9, 10, 3)
    with pytest.raises(cw.ArgumentError) as raised:
        _ = cw.diff(PAIRS[dialect], PAIRS[dialect], shape, real=True).equal
    assert raised.value.code == "CW610"
    assert "is not installed here" in raised.value.message
    assert COMMANDS[dialect] in raised.value.hint


def test_layers_go_over_as_names_and_values_alone() -> None:
    text = (
        "tf.nn.bias_add(tf.nn.conv2d(x, tf.zeros((3, 3, 2, 4)), strides=[1, 2, 1, 1], padding='SAME'), tf.zeros((4,)))"
    )
    (row,) = encoded(read_chain(text, (1, 9, 10, 2)))
    assert row["kind"] == "tf.nn.conv2d"
    assert row["arguments"]["filters"] == {"weight": 0, "shape": [3, 3, 2, 4]}
    assert row["arguments"]["strides"] == [1, 2, 1, 1]
    assert row["bias"] == 1
    assert json.loads(json.dumps(row)) == row | {"weights": [["kernel", 0], ["bias", 1]]}


def test_code_among_the_arguments_is_left_out_or_refused_and_never_run() -> None:
    harmless = "Conv2D(4, 3, kernel_initializer=open('x'), kernel_regularizer=regularizers.l2(1e-3))"
    (row,) = encoded(read_chain(harmless, (9, 10, 3)))
    assert "open" not in json.dumps(row)
    (row,) = encoded(read_chain("Conv2D(4, 3, activation=layers.LeakyReLU(0.1))", (9, 10, 3)))
    assert row["arguments"]["activation"]["kind"] == "LeakyReLU"
    found = cw.diff("Conv2D(4, 3, activation=snake)", "nn.Conv2d(3, 4, 3)", (9, 10, 3), real=True)
    assert not found.equal
    assert "activation=snake is code that the text does not give" in found.numbers.note


def test_the_child_does_not_look_for_modules_beside_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file called json.py, or torch.py, in the folder one stands in must not be run."""
    for name in ("json", "torch", "numpy"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'trap')!r}, 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    root = Path(cw.__file__).parent.parent
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(root), os.environ.get("PYTHONPATH", ""))).rstrip(os.pathsep))
    monkeypatch.setattr(frameworks, "find_spec", lambda name: True)
    try:
        _ = cw.diff(PAIRS["torch"], PAIRS["torch"], (1, 3, 9, 10), real=True).equal
    except cw.ArgumentError as error:
        assert "did not run here" in error.message  # noqa: PT017 - where torch is not installed
    assert not (tmp_path / "trap").exists()


def test_the_last_words_of_a_framework_are_found() -> None:
    told = "Traceback (most recent call last):\n  File x\nValueError: no such padding\n\n(advice)\n"
    assert frameworks._last_words(told) == "ValueError: no such padding"
    assert frameworks._last_words("killed\n") == "killed"
    assert frameworks._last_words("") == ""
