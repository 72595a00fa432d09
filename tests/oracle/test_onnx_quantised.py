"""Models that onnxruntime's tools quantised, in both forms, or fused: parameters, shapes and legal sizes, against onnxruntime and the model before."""

from __future__ import annotations

import io
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from torch import nn

import convwise as cw

pytestmark = pytest.mark.oracle


class Joined(nn.Module):
    """A map halved and doubled again, joined and added; its mean, squeezed, scales it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.down = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.gate, self.last = nn.Conv2d(8, 8, 1), nn.Conv2d(16, 4, 3)

    def forward(self, x: Any) -> Any:
        x = nn.functional.leaky_relu(self.first(x))
        y = nn.functional.interpolate(self.down(x), scale_factor=2.0) + x
        y = y * self.gate(nn.functional.adaptive_avg_pool2d(y, 1)).sigmoid()
        return self.last(torch.cat([nn.functional.avg_pool2d(y, 3, 1), x[:, :, 1:-1, 1:-1]], 1)).softmax(1)


def lenet() -> nn.Module:
    pooled = [nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*pooled, nn.Flatten(), nn.Linear(400, 30), nn.ReLU(), nn.Linear(30, 10))


MODELS = {"joined": Joined, "lenet": lenet}
FORMS = {"pairs": QuantFormat.QDQ, "operators": QuantFormat.QOperator}


class OneImage(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self) -> None:
        self.left = [{"x": np.random.default_rng(5).standard_normal((1, 3, 32, 36)).astype("float32")}]

    def get_next(self) -> dict[str, Any] | None:
        return self.left.pop() if self.left else None


def exported(model: nn.Module, size: tuple[int, ...]) -> bytes:
    axes = {"x": {2: "h", 3: "w"}}
    with warnings.catch_warnings(), io.BytesIO() as file:
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(),
            (torch.zeros(size),),
            file,
            input_names=["x"],
            dynamo=False,
            opset_version=17,
            dynamic_axes=axes,
        )
        return file.getvalue()


def quantised(model: nn.Module, form: str, folder: Path, channels: bool) -> bytes:
    plain, out = folder / "plain.onnx", folder / "quantised.onnx"
    size = (1, 3, 32, 32 if isinstance(model, nn.Sequential) else 36)
    plain.write_bytes(exported(model, size))
    reader = OneImage()
    if size[3] == 32:
        reader.left = [{"x": reader.left[0]["x"][..., :32]}]
    logging.disable(logging.WARNING)
    try:
        quantize_static(str(plain), str(out), reader, quant_format=FORMS[form], per_channel=channels)
    finally:
        logging.disable(logging.NOTSET)
    return out.read_bytes()


@pytest.mark.parametrize("channels", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MODELS)
def test_a_quantised_model_is_read_as_the_one_before(name: str, form: str, channels: bool, tmp_path: Path) -> None:
    model = MODELS[name]()
    content = quantised(model, form, tmp_path, channels)
    agrees(content, model, (1, 3, 32, 32 if name == "lenet" else 36))


def agrees(content: bytes, model: nn.Module, last: tuple[int, ...]) -> None:
    """Parameters and multiply-adds are the model's, legal sizes and outputs onnxruntime's."""
    network = cw.read(content)
    legal = network.legal_sizes()
    told = network.trace(last).totals
    assert legal.exact
    assert told.params == sum(one.numel() for one in model.parameters())
    assert told.macs == cw.read(model, input_shape=last).trace(last).totals.macs
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    for height in (*range(11, 41), 112):
        shape = (1, 3, height, last[3])
        try:
            given = [one.shape for one in session.run(None, {"x": np.zeros(shape, "float32")})]
        except Exception:  # onnxruntime's own kinds
            given = []
        assert legal.takes(shape[2:]) is bool(given), shape
        if given:
            assert list(network.trace(shape).outputs.values()) == given


class Residual(nn.Module):
    """Convolutions with activations and a sum behind them, which onnxruntime fuses."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, stride=2), nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: Any) -> Any:
        x = nn.functional.leaky_relu(self.first(x))
        return torch.relu(self.second(torch.sigmoid(x)) + x)


def test_a_fused_model_is_read_as_the_one_before(tmp_path: Path) -> None:
    model, out = Residual(), tmp_path / "fused.onnx"
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath, options.log_severity_level = str(out), 4
    onnxruntime.InferenceSession(exported(model, (1, 3, 32, 36)), options, providers=["CPUExecutionProvider"])
    content = out.read_bytes()
    assert "FusedConv" in [row.op for row in cw.read(content).trace()]
    agrees(content, model, (1, 3, 32, 36))
