"""Keras's layers on sequences as text; the numbers are Keras's, and tests/oracle asks it again."""

from __future__ import annotations

import pytest

import convwise as cw

WORDS = """
i = Input((8,))
x = Embedding(100, 16)(i)
x = Conv1D(3, 3)(x)
x = Bidirectional(LSTM(5, return_sequences=True))(x)
x = MultiHeadAttention(2, 4)(x, x)
x = TimeDistributed(Dense(7))(x)
m = Model(i, GRU(3)(x))
"""
FRAMES = """
m = Sequential([Input((6, 19, 20, 3)), TimeDistributed(Conv2D(4, 3)), TimeDistributed(MaxPooling2D(2)),
    TimeDistributed(Flatten()), LSTM(8), Dense(2)])
"""
TWICE = """
i = Input((9, 5))
cell = LSTM(5, return_sequences=True)
m = Model(i, cell(cell(i)))
"""


FILM = """
m = Sequential([Input((5, 19, 20, 3)), ConvLSTM2D(4, (3, 5), strides=(1, 2), padding='same', return_sequences=True, dropout=0.2),
    BatchNormalization(), ConvLSTM2D(6, 3, dilation_rate=2), Conv2D(1, 3)])
"""


@pytest.mark.parametrize(
    ("text", "output", "params"),
    [
        (WORDS, (None, 3), 2646),
        (FRAMES, (None, 2), 9634),
        (TWICE, (None, 9, 5), 220),
        (FILM, (None, 13, 4, 1), 3951),
    ],
)
def test_shapes_and_parameters(text: str, output: tuple[int | None, ...], params: int) -> None:
    told = cw.read(text).trace()
    assert list(told.outputs.values()) == [output]
    assert told.totals.params == params


def test_why_tells_a_chain_with_them_step_by_step() -> None:
    told = cw.explain("Sequential([Input((20,)), Embedding(10, 4), Conv1D(3, 3), LSTM(8), Dense(2)])", (5, 20))
    assert told.output == (5, 2)
    assert told.params == 40 + 39 + 384 + 18


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        ("LSTM(8, return_sequence=True)", "knows no argument 'return_sequence' of Keras's LSTM"),
        ("LSTM(units=n)", "does not give the value of units"),
        ("LSTM(4, return_sequences=True, go=1)", "knows no argument 'go'"),
        ("TimeDistributed(Dense(n))", "does not give the value of units"),
        ("TimeDistributed(inner)", "does not give the value of layer"),
        ("Bidirectional(Dense(3))", "the layer in it is no LSTM, GRU or SimpleRNN"),
        ("GRU(3), GRU(4)", "it takes three axes: batch, steps and features"),
    ],
)
def test_what_is_not_known_of_them_is_told(layer: str, reason: str) -> None:
    with pytest.raises(cw.CodeError, match="cannot be followed") as caught:
        cw.read(f"m = Sequential([Input((9, 5)), {layer}, Dense(2)])")
    assert reason in caught.value.fact
    assert caught.value.detail.startswith("line 1")


def test_a_layer_that_is_not_modelled_is_named_where_the_others_are() -> None:
    with pytest.raises(cw.CodeError, match="does not model Keras's StackedRNNCells"):
        cw.read("m = Sequential([Input((9, 10, 5)), StackedRNNCells([])])")
    with pytest.raises(cw.CodeError, match="does not model Keras's Embedding"):
        cw.explain("Embedding(10, 4)", (5, 20))


def test_steps_that_are_put_into_the_batch_cost_as_many_times_as_there_are_of_them() -> None:
    for text, shape in ((FRAMES, (1, 6, 19, 20, 3)), (FILM, (1, 5, 19, 20, 3))):
        net = cw.read(text)
        open_batch, one = net.trace().totals, net.trace(shape).totals
        assert (open_batch.macs, open_batch.activation_bytes) == (one.macs, one.activation_bytes)
    first = next(row for row in net.trace().rows if row.params)
    assert first.macs == 5 * 19 * 10 * 3 * 5 * 3 * 16
