"""Layers on sequences and augmentation: a text says the same as Keras and as the .keras file of its model."""

from __future__ import annotations

import pathlib

import pytest

import convwise as cw

pytestmark = pytest.mark.oracle

MODELS = {
    "conv and lstm": """
i = Input((8,))
x = Embedding(100, 16)(i)
x = Conv1D(3, 3)(x)
x = Bidirectional(LSTM(5, return_sequences=True))(x)
x = MultiHeadAttention(2, 4)(x, x)
x = TimeDistributed(Dense(7))(x)
m = Model(i, GRU(3)(x))
""",
    "frames": """
m = Sequential([Input((6, 19, 20, 3)), TimeDistributed(Conv2D(4, 3)), TimeDistributed(MaxPooling2D(2)),
    TimeDistributed(Flatten()), LSTM(8), Dense(2)])
""",
    "states": """
i = Input((9, 5))
x, h, c = LSTM(4, return_sequences=True, return_state=True)(i)
m = Model(i, [x, h, c])
""",
    "cross attention": """
a = Input((9, 6))
b = Input((10, 7))
x = MultiHeadAttention(num_heads=3, key_dim=5, value_dim=2, use_bias=False)(a, b, b)
y = Attention(use_scale=True)([x, a])
z = AdditiveAttention()([y, x])
m = Model([a, b], z)
""",
    "attention by name": """
a = Input((9, 6))
b = Input((10, 7))
c = Input((10, 5))
m = Model([a, b, c], MultiHeadAttention(3, 5, value_dim=2)(query=a, key=c, value=b))
""",
    "directions": """
m = Sequential([Input((9, 5)), Bidirectional(GRU(4, return_sequences=True, reset_after=False), merge_mode='sum'),
    Bidirectional(SimpleRNN(3), merge_mode='ave'), Dense(2)])
""",
    "one layer twice": """
i = Input((9, 5))
cell = LSTM(5, return_sequences=True)
m = Model(i, cell(cell(i)))
""",
    "films": """
m = Sequential([Input((5, 19, 20, 3)), ConvLSTM2D(4, (3, 5), strides=(1, 2), padding='same', return_sequences=True, dropout=0.2),
    BatchNormalization(), ConvLSTM2D(6, 3, dilation_rate=2), Conv2D(1, 3)])
""",
    "films with states": """
i = Input((5, 9, 3))
x, h, c = ConvLSTM1D(4, 3, return_sequences=True, return_state=True, use_bias=False)(i)
m = Model(i, [x, h, c])
""",
    "volumes": """
m = Sequential([Input((5, 8, 9, 10, 2)), ConvLSTM3D(filters=3, kernel_size=(1, 2, 3), padding='same'), GlobalAveragePooling3D()])
""",
    "groups": """
i = Input((9, 12))
m = Model(i, GroupQueryAttention(3, 4, 2)(i, i))
""",
    "augmentation": """
m = Sequential([Input((19, 20, 3)), RandomFlip('horizontal'), RandomRotation(0.1), RandomZoom(0.1), RandomTranslation(0.1, 0.2),
    RandomContrast(0.1), RandomBrightness(0.2), Rescaling(1. / 255), Conv2D(4, 3), Flatten(), Dense(2)])
""",
}


@pytest.mark.parametrize("name", MODELS)
def test_the_text_is_what_keras_makes_of_it(name: str, tmp_path: pathlib.Path) -> None:
    import keras

    space = {**vars(keras.layers), "Model": keras.Model, "Sequential": keras.Sequential, "Input": keras.Input}
    exec(compile(MODELS[name], name, "exec"), space)
    model = space["m"]
    path = tmp_path / "m.keras"
    model.save(path)
    text, file = (cw.read(one).trace() for one in (MODELS[name], str(path)))
    shapes = model.output_shape if isinstance(model.output_shape, list) else [model.output_shape]
    for told in (text, file):
        assert list(told.outputs.values()) == [tuple(shape) for shape in shapes]
        assert (told.totals.params, told.totals.trainable) == (
            model.count_params(),
            sum(weight.shape.num_elements() for weight in model.trainable_weights),
        )
    assert text.totals.macs == file.totals.macs
