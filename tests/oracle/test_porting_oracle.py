"""Emitted code, run where it was written for: the source framework's output on the source's own weights, to 1e-4 of the largest output in float32.

`CONVWISE_PORTS` says how many ports of single layers there are over all ordered pairs of frameworks (600); chains and
transposed layers come on top.
"""

from __future__ import annotations

import os
from random import Random

import pytest
from porting_cases import CHAINS, DERIVED, TRANSPOSED, Case, layer_case, ported, written_chain
from porting_run import TARGETS, compared

PORTS = int(os.environ.get("CONVWISE_PORTS", "600"))
PAIRS = [(source, target) for source in TARGETS for target in TARGETS if source != target]
WITH_CHAINS = [(source, target) for source, target in PAIRS if source in CHAINS]
BATCHES = 2
TOLERANCE = 1e-4


def agree(case: Case, to: str, seed: int) -> None:
    port, gap = compared(case, to, seed)
    assert gap <= TOLERANCE, (case, to, gap, port.code)


@pytest.mark.oracle
@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize(("source", "to"), PAIRS)
def test_random_layers_keep_their_values(source: str, to: str, batch: int) -> None:
    count = -(-PORTS // (len(PAIRS) * BATCHES))
    rng = Random(f"{source} {to} {batch}")
    for number in range(count):
        agree(layer_case(source, rng, to), to, 1000 * batch + number)


@pytest.mark.oracle
@pytest.mark.parametrize(("source", "to"), WITH_CHAINS)
def test_random_chains_keep_their_values(source: str, to: str) -> None:
    """With Flatten and Dense, so that the rows must follow; 50 and more over all pairs."""
    rng = Random(f"chain {source} {to}")
    for number in range(-(-max(50, PORTS // 12) // len(WITH_CHAINS))):
        agree(ported(source, (CHAINS[source],), rng, to), to, number)


@pytest.mark.oracle
@pytest.mark.parametrize(("source", "to"), [(source, to) for source, to in PAIRS if source in DERIVED])
def test_random_chains_in_the_others_words_keep_their_values(source: str, to: str) -> None:
    """Lines of tf.nn calls, of ONNX operators, an nnx.Sequential."""
    rng = Random(f"written {source} {to}")
    for number in range(-(-max(24, PORTS // 25) // 12)):
        agree(written_chain(source, rng, to), to, number)


@pytest.mark.oracle
@pytest.mark.parametrize(("source", "to"), WITH_CHAINS)
def test_random_transposed_layers_keep_their_values(source: str, to: str) -> None:
    rng = Random(f"transposed {source} {to}")
    for number in range(-(-max(20, PORTS // 30) // len(WITH_CHAINS))):
        agree(ported(source, (TRANSPOSED[source],), rng, to), to, number)


@pytest.mark.oracle
def test_the_frameworks_themselves_prove_a_difference() -> None:
    import convwise as cw

    keras, torch = "Conv2D(8, 7, strides=2, padding='same')", "nn.Conv2d(3, 8, 7, stride=2, padding=3)"
    found = cw.diff(keras, torch, (32, 34, 3), real=True)
    assert not found.equal
    assert "keras 3.15" in found.proved_by
    assert "torch 2.13" in found.proved_by
    exact = cw.diff(keras, f"nn.Sequential({found.exact.replace(', then ', ', ')})", (32, 34, 3), real=True)
    assert exact.equal
    reference = cw.diff(keras, torch, (32, 34, 3))
    assert reference.max_abs_difference == pytest.approx(found.max_abs_difference, rel=1e-3)


@pytest.mark.oracle
def test_a_live_model_goes_over_with_its_own_weights() -> None:
    """What a user does: get_weights of a live Keras model into PyTorch's load_state_dict, and a state_dict back into set_weights."""
    import keras
    import numpy as np
    import torch
    from porting_run import executed

    import convwise as cw

    layers = keras.layers
    stem = [layers.Conv2D(4, 3, strides=2, padding="same"), layers.BatchNormalization(), layers.Dropout(0.3)]
    model = keras.Sequential([keras.Input((16, 17, 3)), *stem, layers.Flatten(), layers.Dense(5)])
    there = cw.port(model, to="torch")
    copied = executed(there.code)
    copied.load_state_dict(there.convert_weights(model.get_weights()))
    x = np.random.default_rng(3).standard_normal((2, 16, 17, 3)).astype(np.float32)
    with torch.no_grad():
        received = there.convert_output(copied.eval()(torch.from_numpy(there.convert_input(x))).numpy())
    np.testing.assert_allclose(received, model.predict(x, verbose=0), atol=1e-5)

    back = cw.port(copied, to="keras", input_shape=(3, 16, 17))
    again = executed(back.code)
    again.set_weights(back.convert_weights(copied.state_dict()))
    np.testing.assert_allclose(np.asarray(again(back.convert_input(there.convert_input(x)))), received, atol=1e-5)
