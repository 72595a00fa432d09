"""Arrays fed to Keras models that declare another input: Keras gives the shapes and says the words of the light test."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.oracle

sys.path.insert(0, str(Path(__file__).parents[1] / "answers"))


def test_keras_says_the_same():
    import keras
    import numpy as np
    from test_declared import FED, MODELS

    names = {**vars(keras.layers), "Sequential": keras.Sequential, "Model": keras.Model}
    differences = []
    for model, shape, told in FED:
        scope = dict(names)
        exec(MODELS[model], scope)
        try:
            found = tuple(scope["model"].predict(np.zeros(shape, "float32"), verbose=0).shape)
        except Exception as error:  # Keras raises what its backend raises
            found = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        if found != told and not (isinstance(found, str) and isinstance(told, str) and told in found):
            differences.append((model, shape, told, found))
    assert not differences
