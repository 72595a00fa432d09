"""What the documents show is what the program says."""

from __future__ import annotations

import contextlib
import doctest
import io
import re

import pytest
from shown import DOCUMENTS, ROOT, Shown, commands, run, runnable

SHOWN = [shown for document in DOCUMENTS for shown in commands(document) if runnable(shown.command)]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: f"{shown.document.name}: {shown.command[:60]}")
def test_shown_output_is_what_the_command_prints(shown: Shown) -> None:
    words = runnable(shown.command)
    assert words is not None
    assert run(words) == shown.output


def test_the_readme_shows_output_at_all() -> None:
    assert len([shown for shown in SHOWN if shown.document.name == "README.md" and shown.output]) >= 6


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_python_examples_in_documents_run(document: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = doctest.testfile(str(document), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_docstring_examples_run() -> None:
    import importlib
    import pkgutil

    import convwise

    tried = 0
    for module in pkgutil.walk_packages(convwise.__path__, "convwise."):
        # The kernels' programs import Halide, which is needed for the build alone.
        if module.name.endswith("__main__") or module.name.startswith("convwise.engine.kernels."):
            continue
        result = doctest.testmod(importlib.import_module(module.name))
        assert result.failed == 0, module.name
        tried += result.attempted
    assert tried >= 30


def test_the_help_names_every_framework_and_every_kind_of_file() -> None:
    from convwise.cli import main
    from convwise.readers.endings import SOURCE_ENDINGS
    from convwise.rules import RULES

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        main(["--help"])
        main(["why", "--help"])
    words = [word.rstrip(".") for word in re.sub(r"[^\w.]+", " ", out.getvalue()).split()]
    assert {"Keras", "PyTorch", "TensorFlow", "JAX", "ONNX"} <= set(words)
    text = RULES["CW608"].text
    assert [one for one in SOURCE_ENDINGS if one not in words or one not in text] == []
