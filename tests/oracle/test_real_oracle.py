"""`diff --real`: layers built by each framework's own API from what was read give what the reference gives.

The runners of the child process are called here in this one, so that many layers can be tried; some go the whole way.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from porting_cases import layer_case

import convwise as cw
from convwise.answers.porting.reading import read_chain
from convwise.graph import Network
from convwise.proofs.child import RUNNERS
from convwise.proofs.converting import canonical
from convwise.proofs.encoding import encoded
from convwise.proofs.frameworks import _held
from convwise.proofs.networks import _weighted, run_network
from convwise.proofs.proving import random_input, random_weights, run_chain

pytestmark = pytest.mark.oracle

CASES = int(os.environ.get("CONVWISE_REAL", "40"))


@pytest.mark.parametrize("dialect", ["keras", "torch", "tensorflow", "jax", "onnx"])
def test_random_layers_run_by_their_own_framework(dialect: str) -> None:
    rng = Random(dialect)
    for number in range(CASES):
        case = layer_case(dialect, rng, "keras" if dialect != "keras" else "torch")
        chain = read_chain(case.text, case.input, dialect=dialect)
        generator = np.random.default_rng(number)
        weights = canonical(chain, random_weights(chain, generator))
        x = random_input(chain.input, generator)
        rows = json.loads(json.dumps(encoded(chain)))
        theirs, versions = RUNNERS[dialect](rows, x.astype(np.float32), _held(chain, weights))
        ours = run_chain(chain, weights, x)
        assert theirs.shape == ours.shape, case
        finite = np.isfinite(ours)
        gap = np.abs(theirs - ours)[finite].max(initial=0.0)
        assert gap <= 1e-4 * np.abs(ours[finite]).max(initial=1e-6), (case, gap)
        assert versions


KERAS = "Conv2D(4, (2, 3), strides=2, padding='same', activation='relu')"
SAME = {
    "tensorflow": "tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, tf.zeros((2, 3, 2, 4)), strides=2, padding='SAME'), tf.zeros((4,))))",
    "jax": "nn.Sequential([nn.Conv(4, (2, 3), strides=2), nn.relu])",
    "onnx": "op.Relu(op.Conv(x, np.zeros((4, 2, 2, 3)), np.zeros((4,)), strides=[2, 2], auto_pad='SAME_UPPER'))",
}
VERSIONS = {"tensorflow": "tensorflow 2.", "jax": "flax 0.", "onnx": "onnxruntime 1."}


@pytest.mark.parametrize("dialect", SAME)
def test_the_whole_way_through_child_processes(dialect: str) -> None:
    other = SAME[dialect] if dialect != "jax" else "nnx.Conv(2, 4, (2, 3), strides=2, rngs=nnx.Rngs(0))"
    first = KERAS if dialect != "jax" else KERAS.replace(", activation='relu'", "")
    found = cw.diff(first, other, (1, 9, 10, 2), real=True)
    assert found.equal, found
    assert "keras 3." in found.proved_by
    assert VERSIONS[dialect] in found.proved_by
    assert "child processes" in found.proved_by


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_keras_runs_on_the_backend_that_is_asked_for(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", backend)
    found = cw.diff(KERAS, "nn.Sequential(nn.Conv2d(2, 4, (2, 3), 2, (0, 1)), nn.ReLU())", (8, 10, 2), real=True)
    assert f"on {backend} " in found.proved_by


def test_what_the_framework_says_reaches_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without oneDNN TensorFlow has no such kernel on a processor; the reference has."""
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    refused = "tf.nn.max_pool2d(x, 2, 2, 'VALID', data_format='NCHW')"
    with pytest.raises(cw.ArgumentError) as raised:
        _ = cw.diff(refused, "nn.MaxPool2d(2)", (1, 2, 8, 10), real=True).equal
    assert raised.value.code == "CW610"
    assert "Default MaxPoolingOp only supports NHWC on device type CPU" in raised.value.message
    assert cw.diff(refused, "nn.MaxPool2d(2)", (1, 2, 8, 10)).equal


def test_a_wrong_value_of_a_framework_is_found() -> None:
    """Keras 3.15.1 compiles this layer with XLA, and on a processor its values are wrong; the reference agrees with PyTorch."""
    keras, torch = "Conv3D(4, 3, dilation_rate=2, data_format='channels_first')", "nn.Conv3d(4, 4, 3, dilation=2)"
    assert cw.diff(keras, torch, (2, 4, 9, 10, 8)).equal
    found = cw.diff(keras, torch, (2, 4, 9, 10, 8), real=True)
    assert not found.equal
    assert any("for some sizes and channel counts other values" in line for fact in found.facts for line in fact.lines)


BRANCHED = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.one = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.two = nn.Conv2d(8, 8, 1)
        self.pool = nn.AvgPool2d(3, 2, 1, count_include_pad=False)
        self.up = nn.ConvTranspose2d(16, 6, 2, 2)
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        x = torch.relu(self.bn(self.stem(x)))
        y = self.one(x) + self.two(x)
        y = torch.cat([y, x], 1)
        y = self.up(self.pool(y))
        return self.fc(y.mean((2, 3)))
"""


def _initialisers(path: Path, network: Network) -> dict[tuple[int, int, str], Any]:
    """The weights of the file, where the network's nodes want them."""
    from onnx import load, numpy_helper

    model = load(path)
    stored = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    nodes = {node.output[0]: node for node in model.graph.node}
    found = {}
    for (number, place), roles in _weighted(network.trace((1, 3, 18, 21))).items():
        arrays = [stored[name] for name in nodes[network.nodes[number].outputs[0]].input if name in stored]
        for role, array in zip(roles, arrays, strict=False):
            found[number, place, role] = array.astype(np.float64)
    return found


def test_networks_are_run_as_onnxruntime_runs_them(tmp_path: Path) -> None:
    import onnxruntime
    import torch
    from porting_run import executed

    torch.manual_seed(5)
    model = executed(f"import torch\nfrom torch import nn\n{BRANCHED}\nlayer = Net().eval()")
    path = tmp_path / "net.onnx"
    x = np.random.default_rng(3).standard_normal((1, 3, 18, 21))
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (torch.zeros(1, 3, 18, 21),), str(path), dynamo=False, opset_version=17)
    network = cw.read(path)
    trace = network.trace((1, 3, 18, 21))
    ran = run_network(trace, _initialisers(path, network), {network.sources[0].name: x}, set(network.outputs))
    assert not ran.stopped
    (theirs,) = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(
        None, {network.sources[0].name: x.astype(np.float32)}
    )
    np.testing.assert_allclose(ran.values[network.outputs[0]], theirs, rtol=1e-4, atol=1e-5)
    found = cw.diff(str(path), model, (1, 3, 18, 21))  # a file, and the live model it was made of
    assert found.equal, found
