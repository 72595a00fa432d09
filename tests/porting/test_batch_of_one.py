"""Answers are about inference: normalisation with stored moments takes a batch of one, inside a chain and in a port."""

from __future__ import annotations

import pytest

import convwise as cw

CHAIN = "nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12), nn.Linear(12, 2))"
POOLED = "keras.Sequential([layers.GlobalAveragePooling2D(), layers.BatchNormalization()])"


def test_a_chain_with_a_batch_of_one_is_explained() -> None:
    told = cw.explain(CHAIN, (1, 3, 2, 2))
    assert told.output == (1, 2)
    (note,) = told.findings
    assert (note.code, note.level) == ("CW522", "note")
    assert (
        note.text
        == "in training PyTorch refuses BatchNorm1d here, on 1 x 12: one value per channel has no spread to normalise by"
    )
    assert not cw.explain(CHAIN, (2, 3, 2, 2)).findings
    with pytest.raises(cw.ShapeError, match="no spread to normalise by"):
        cw.explain(CHAIN.replace("BatchNorm1d(12)", "BatchNorm1d(12, track_running_stats=False)"), (1, 3, 2, 2))
    with pytest.raises(cw.ShapeError, match="the layer normalises 13 features, the input has 12"):
        cw.explain(CHAIN.replace("BatchNorm1d(12)", "BatchNorm1d(13)"), (1, 3, 2, 2))


@pytest.mark.parametrize("batch", [1, 2])
def test_a_batch_of_one_ports(batch: int) -> None:
    there = cw.port(CHAIN, to="keras", input_shape=(batch, 3, 2, 2))
    assert "layers.BatchNormalization(" in there.code
    back = cw.port(POOLED, to="torch", input_shape=(batch, 4, 4, 3))
    assert "nn.BatchNorm1d(3, eps=0.001, momentum=0.01)" in back.code
    alone = cw.port("nn.BatchNorm1d(12)", to="keras", input_shape=(batch, 12))
    assert "layers.BatchNormalization(" in alone.code
