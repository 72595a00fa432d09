"""Random chains as people write them, through the public door: every shape, the parameters and the verdict are the framework's."""

from __future__ import annotations

import os
from random import Random

import keras
import keras_chains
import pytest
import torch
import torch_chains
from readers.test_reader_chains import SHARED

import convwise as cw

pytestmark = pytest.mark.oracle

TORCH = int(os.environ.get("CONVWISE_TORCH_CHAINS", "1000"))
KERAS = int(os.environ.get("CONVWISE_KERAS_CHAINS", "150"))
SEED = int(os.environ.get("CONVWISE_CHAINS_SEED", "20251121"))


TRAINING = "ValueError: Expected more than 1 value per channel when training"


def explained(text, shape):
    """The explanation, and the error if it ends in one."""
    try:
        return cw.explain(text, shape), None
    except cw.ConvwiseError as error:
        return error.explanation, error


def torch_difference(chain):
    """What differs between PyTorch and the explanation of the chain's text; empty where nothing does."""
    e, error = explained(chain.text, None if chain.form == "lines" else chain.input)
    truth = [step.output for step in chain.steps if step.output is not None]
    if not chain.works:
        if error is None:
            # Sizes are those of evaluation; what training alone refuses is a note.
            told = any(finding.code == "CW522" for finding in e.findings)
            return "" if told and chain.words.startswith(TRAINING) else f"PyTorch refuses: {chain.words}"
        # A layer refused whatever its input is refused when it is made, before the chain is followed.
        early = isinstance(error, cw.Refusal) or e is None
        return "" if early or len(truth) - len(e.parts) in (0, chain.form == "lines") else "it breaks at another layer"
    if error is not None:
        return f"PyTorch accepts: {error}"
    found = [step.output for step in e.steps]
    # Data that is reshaped before its first layer is that layer's input.
    if found != truth[len(truth) - len(found) :] or (len(found) < len(truth) and chain.form != "lines"):
        return f"shapes {found}, not {truth}"
    return "" if e.params == e.trainable == chain.params else f"{e.params} parameters, not {chain.params}"


def test_torch_chains():
    differences, refused, forms = [], 0, set()
    for number in range(TORCH):
        chain = torch_chains.grow(Random(SEED + number))
        assert torch_chains.run_text(chain)[0] == (chain.steps[-1].output if chain.works else None), chain.text
        refused += not chain.works
        forms.add(chain.form)
        difference = torch_difference(chain)
        if difference:
            differences.append(f"{difference}\n{chain.input}\n{chain.text}")
    assert not differences, f"{len(differences)} of {TORCH} differ\n" + "\n\n".join(differences[:5])
    assert forms == set(torch_chains.FORMS)
    assert refused >= TORCH // 20


def keras_difference(chain, shape):
    """The same for Keras; `shape` is None where the text declares its own input."""
    e, error = explained(chain.text, shape)
    if not chain.works:
        return f"Keras refuses: {chain.words}" if error is None else ""
    if error is not None:
        return f"Keras accepts: {error}"
    found = [step.output for step in e.steps][-len(chain.outputs) :]
    # An input that the text declares has no batch, or an open one.
    cut = len(e.input) == len(chain.input) - 1
    wanted = [(*(() if cut else (e.input[0],)), *output[1:]) for output in chain.outputs]
    if found != wanted:
        return f"shapes {found}, not {wanted}"
    counts = (e.params, e.trainable)
    return "" if counts == (chain.params, chain.trainable) else f"{counts} parameters, not {chain.params}"


def test_keras_chains():
    differences, refused, asked = [], 0, 0
    for number in range(KERAS):
        chain = keras_chains.grow(Random(SEED + number))
        if number % 50 == 0:
            keras.backend.clear_session()
        refused += not chain.works
        for shape in [chain.input, None] if chain.declared else [chain.input]:
            if not chain.declared and len(chain.input) == 3:
                continue  # Three sizes may be one sample, unless the text says what its input is.
            asked += 1
            difference = keras_difference(chain, shape)
            if difference:
                differences.append(f"{difference}\n{shape}\n{chain.text}")
    assert not differences, f"{len(differences)} of {asked} differ\n" + "\n\n".join(differences[:5])
    assert asked >= KERAS
    assert refused >= KERAS // 20


def test_a_pool_with_same_in_capitals_runs_and_is_refused_in_a_model():
    """Keras disagrees with itself, so convwise gives the shape that runs and says what happens in a model."""
    import numpy as np

    layer = keras.layers.MaxPooling2D(2, padding="SAME")
    assert tuple(layer(np.zeros((1, 9, 10, 3), "float32")).shape) == (1, 5, 5, 3)
    with pytest.raises(ValueError, match="must be either 'valid' or 'same'"):
        keras.Sequential([keras.Input((9, 10, 3)), keras.layers.MaxPooling2D(2, padding="SAME")])
    e = cw.explain("MaxPooling2D(2, padding='SAME')", (9, 10, 3))
    assert e.output == (5, 5, 3)
    (note,) = e.findings
    assert note.code == "CW505"
    assert note.text == (
        "Keras takes padding='SAME' where this pool runs on an array, and refuses it in a model: write 'same'."
    )
    assert not cw.explain("Conv2D(3, 2, padding='SAME')", (9, 10, 3)).findings


@pytest.mark.parametrize("name", SHARED)
def test_weights_of_a_layer_applied_again_are_counted_as_the_framework_does(name):
    text, counts = SHARED[name]
    space = {"__name__": "snippet"}
    exec(compile(text, name, "exec"), space)
    model = space["model"]
    if name == "keras":
        assert model.count_params() == sum(counts)
        return
    assert sum(one.numel() for one in model.parameters()) == sum(counts)
    if isinstance(model, torch.nn.Sequential):
        told = cw.explain(model, (1, 3, 9, 10))
        assert [step.params for step in told.steps] == counts
