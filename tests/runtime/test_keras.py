"""`convwise.keras`: weights, seeds, shapes, names, models and their errors."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import convwise as cw
import convwise.keras as keras
from convwise.dialects.keras.kinds import ALIASES, KINDS, UNMODELLED, canonical
from convwise.errors import ArgumentError, CodeError, ModelError, Refusal, ShapeError
from convwise.keras import layers
from convwise.keras.merging import LAYERS as MERGES
from convwise.keras.summary import summary_text


@pytest.fixture(autouse=True)
def _fresh_names() -> None:
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)


def image(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("conv", "transpose", "separable"), (4, 3)),
    **dict.fromkeys(("depthwise", "average_pool", "adaptive_max", "adaptive_average"), (2,)),
    **dict.fromkeys(("resizing", "center_crop"), (6, 7)),
    **dict.fromkeys(("random_rotation", "random_zoom", "random_contrast"), (0.1,)),
    "random_translation": (0.1, 0.2),
    **dict.fromkeys(("dropout", "alpha_dropout", "gaussian_dropout", "gaussian_noise", "spatial_dropout"), (0.5,)),
    "rescaling": (0.5,),
    "reshape": ((-1,),),
    "permute": ((2, 1, 3),),
    "repeat_vector": (3,),
    "dense": (4,),
    "activation": ("relu",),
    "group_norm": (2,),
}


@pytest.mark.parametrize("kind", [*KINDS, *ALIASES])
def test_every_kind_is_made_and_called(kind: str) -> None:
    family, rank = KINDS[canonical(kind)]
    layer = getattr(layers, kind)(*ARGUMENTS.get(family, ()))
    x = image(2, 6) if rank == 0 else image(2, *(9, 10, 8)[: rank or 2], 4)
    output = layer(x)
    assert isinstance(output, np.ndarray)
    assert output.dtype == np.float32
    assert output.shape == layer.compute_output_shape(x.shape) == layer.output_shape
    assert layer.compute_output_shape((None, *x.shape[1:])) == (None, *output.shape[1:])
    assert layer.count_params() == sum(weight.size for weight in layer.get_weights())


@pytest.mark.parametrize("kind", sorted(UNMODELLED - MERGES.keys()))
def test_a_layer_that_is_not_modelled_says_so(kind: str) -> None:
    with pytest.raises(CodeError, match=f"convwise does not model Keras's {kind}") as caught:
        getattr(layers, kind)()
    assert caught.value.code == "CW317"


def test_an_unknown_layer_gets_the_nearest_name() -> None:
    with pytest.raises(AttributeError, match="no Keras layer 'Conv2d'; did you mean 'Conv2D'"):
        _ = layers.Conv2d
    with pytest.raises(AttributeError, match=r"it does not train"):
        _ = keras.optimizers


def test_layers_are_classes() -> None:
    assert isinstance(layers.Conv2D(2, 3), layers.Conv2D)
    assert isinstance(layers.Conv2D(2, 3), keras.Layer)
    assert not isinstance(layers.Conv2D(2, 3), layers.Dense)
    assert layers.MaxPool2D is layers.MaxPooling2D
    assert "Conv2D" in dir(layers)


@pytest.mark.parametrize(
    ("layer", "shape", "weights"),
    [
        (lambda: layers.Conv2D(6, (3, 2), groups=2), (9, 10, 4), [(3, 2, 2, 6), (6,)]),
        (lambda: layers.DepthwiseConv2D((3, 2), depth_multiplier=3), (9, 10, 4), [(3, 2, 4, 3), (12,)]),
        (lambda: layers.SeparableConv2D(5, 3, depth_multiplier=2), (9, 10, 4), [(3, 3, 4, 2), (1, 1, 8, 5), (5,)]),
        (lambda: layers.Conv2DTranspose(5, (3, 2)), (9, 10, 4), [(3, 2, 5, 4), (5,)]),
        (lambda: layers.Conv1D(5, 3, use_bias=False), (9, 4), [(3, 4, 5)]),
        (lambda: layers.Dense(3), (7,), [(7, 3), (3,)]),
        (lambda: layers.BatchNormalization(), (9, 10, 4), [(4,), (4,), (4,), (4,)]),
        (lambda: layers.PReLU(shared_axes=[1, 2]), (9, 10, 4), [(1, 1, 4)]),
        (lambda: layers.Conv2D(6, 3, data_format="channels_first"), (4, 9, 10), [(3, 3, 4, 6), (6,)]),
    ],
)
def test_weights_have_keras_layouts_and_go_round(
    layer: Any, shape: tuple[int, ...], weights: list[tuple[int, ...]]
) -> None:
    one, other, x = layer(), layer(), image(2, *shape)
    one(x), other(x)
    assert [weight.shape for weight in one.get_weights()] == weights
    numbers = [np.abs(image(*shape)) + 0.5 for shape in weights]
    one.set_weights(numbers)
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), numbers, strict=True))
    first = np.array(one(x))
    other.set_weights(one.get_weights())
    assert np.array_equal(other(x), first)
    one.get_weights()[0][...] = 0
    assert np.array_equal(one(x), first)


def test_a_kernel_does_what_it_says() -> None:
    """One window over one place, by hand: the kernel is not flipped, depthwise channel i * multiplier + m is window m of channel i."""
    layer = layers.Conv2D(1, (1, 3), use_bias=False)
    layer.build((None, 1, 3, 1))
    layer.set_weights([np.array([1.0, 10.0, 100.0]).reshape(1, 3, 1, 1)])
    assert layer(np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1)).item() == 321
    depthwise = layers.DepthwiseConv2D(1, depth_multiplier=2, use_bias=False)
    depthwise.build((None, 1, 1, 2))
    depthwise.set_weights([np.array([[1.0, 2.0], [10.0, 20.0]]).reshape(1, 1, 2, 2)])
    assert depthwise(np.array([3.0, 4.0]).reshape(1, 1, 1, 2)).ravel().tolist() == [3, 6, 40, 80]


def test_the_same_seed_gives_the_same_weights_and_leaves_numpy_alone() -> None:
    def weights() -> np.ndarray:
        layer = layers.Conv2D(4, 3)
        layer.build((None, 8, 8, 3))
        return layer.get_weights()[0]

    np.random.seed(5)
    state = np.random.get_state()[1].copy()
    keras.utils.set_random_seed(3)
    first, second = weights(), weights()
    keras.utils.set_random_seed(3)
    assert np.array_equal(weights(), first)
    assert not np.array_equal(first, second)
    assert np.array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize(
    ("given", "check"),
    [
        ("zeros", lambda w: not w.any()),
        ("ones", lambda w: (w == 1).all()),
        (keras.initializers.Constant(0.25), lambda w: (w == 0.25).all()),
        (keras.initializers.HeNormal(seed=4), lambda w: 0.2 < w.std() < 0.35),
        (keras.initializers.Zeros, lambda w: not w.any()),
        (lambda shape, dtype=None: np.full(shape, 2.0), lambda w: (w == 2).all()),
    ],
)
def test_initializers_by_name_and_as_objects(given: Any, check: Any) -> None:
    layer = layers.Conv2D(8, 3, kernel_initializer=given)
    layer.build((None, 8, 8, 3))
    assert check(layer.kernel.numpy())
    assert not layer.bias.numpy().any()


def test_glorot_uniform_counts_fans_as_keras_does() -> None:
    layer = layers.Conv2D(64, 3, groups=4)
    layer.build((None, 9, 9, 64))
    limit = np.sqrt(6 / (16 * 9 + 64 * 9))
    assert limit * 0.99 < np.abs(layer.kernel.numpy()).max() <= limit


def test_weights_and_arguments_are_attributes() -> None:
    layer = layers.Conv2D(4, (3, 2), strides=2, activation="relu", name="stem")
    with pytest.raises(AttributeError, match="You must build the layer before accessing `kernel`"):
        _ = layer.kernel
    with pytest.raises(AttributeError, match="has no attribute 'foo'"):
        _ = layer.foo
    layer(image(1, 9, 10, 3))
    assert (layer.name, layer.filters, layer.kernel_size, layer.built) == ("stem", 4, (3, 2), True)
    assert layer.kernel.shape == (3, 2, 3, 4)
    assert layer.kernel.path == "stem/kernel"
    layer.kernel.assign(np.zeros((3, 2, 3, 4)))
    layer.bias.assign([1, 2, -3, 4])
    assert layer(image(1, 9, 10, 3))[0, 0, 0].tolist() == [1, 2, 0, 4]
    bare = layers.Conv2D(2, 3, use_bias=False)
    bare(image(1, 9, 10, 3))
    assert bare.bias is None


def test_activations_are_names_functions_and_any_callable() -> None:
    x = image(2, 5, 6, 3)
    outputs = []
    for activation in ("relu", keras.activations.relu, lambda y: np.maximum(y, 0), layers.ReLU()):
        layer = layers.Conv2D(4, 3, activation=activation, kernel_initializer="ones")
        outputs.append(np.array(layer(x)))
    assert all(np.array_equal(output, outputs[0]) for output in outputs)
    assert keras.activations.get("softmax")(x).sum(axis=-1) == pytest.approx(np.ones((2, 5, 6)), rel=1e-6)
    assert keras.activations.relu(x, negative_slope=0.5).min() < 0


def test_refusals_are_the_dialects_and_value_errors() -> None:
    with pytest.raises(Refusal, match="CW203") as caught:
        layers.Conv2D(4, 3, strides=2, dilation_rate=2)
    assert isinstance(caught.value, ValueError)
    with pytest.raises(CodeError, match="'strides'") as code:
        layers.Conv2D(4, 3, stride=2)
    assert code.value.code == "CW311"
    with pytest.raises(CodeError, match="'kernel_size' is missing"):
        layers.Conv2D(4)
    with pytest.raises(ShapeError, match="Computed output size would be zero or negative") as small:
        layers.Conv2D(4, 7, name="stem")(image(1, 5, 9, 3))
    assert "height of 'stem' (Keras Conv2D)" in str(small.value)
    with pytest.raises(ShapeError, match="3 axes where 4 are needed"):
        layers.Conv2D(4, 3)(image(5, 9, 3))


def test_other_channels_than_the_weights_were_made_for() -> None:
    layer = layers.Conv2D(4, 3, name="stem")
    layer(image(1, 8, 8, 3))
    with pytest.raises(ShapeError, match="the layer takes 3 channels, the input has 5") as caught:
        layer(image(1, 8, 8, 5))
    assert "expected axis -1 of input shape to have value 3, but received input with shape (1, 8, 8, 5)" in str(
        caught.value
    )
    dense = layers.Dense(4)
    dense(image(1, 8))
    with pytest.raises(ShapeError, match="the layer takes 8 features, the input has 9"):
        dense(image(1, 9))


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lambda layer: layer.set_weights([1]), "with a weight list of length 1, but the layer was expecting 2 weights"),
        (
            lambda layer: layer.set_weights([np.zeros((4, 3, 3, 3)), np.zeros(4)]),
            r"PyTorch's order; transpose it: value.transpose\(2, 3, 1, 0\)",
        ),
        (
            lambda layer: layer.set_weights([np.zeros((3, 3, 3, 5)), np.zeros(4)]),
            r"\(3, 3, 3, 4\), the new value \(3, 3, 3, 5\)",
        ),
        (lambda layer: layer(np.zeros((1, 8, 8, 3)), training=True), "convwise runs layers, it does not train them"),
        (lambda layer: layer("an image"), "is no input"),
        (lambda layer: layers.Conv2D(2, 3).count_params(), "the layer isn't built"),
        (lambda layer: keras.Sequential([layer, layer]), "two layers are called 'conv2d'"),
        (lambda layer: keras.Sequential([layers.Conv2D]), "Conv2D is a class; call it"),
        (lambda layer: keras.Sequential([3]), "Only instances of `keras.Layer` can be added"),
        (lambda layer: keras.Sequential([layer]).fit(), "does not train"),
        (lambda layer: keras.Sequential([layer]).get_layer("conv3"), "No such layer: conv3"),
        (lambda layer: keras.Sequential([layer]).predict(np.zeros((0, 8, 8, 3))), "there is no sample"),
        (lambda layer: keras.Sequential([layer]).predict(np.zeros((1, 8, 8, 3)), batch_size=0), "batch size"),
        (lambda layer: keras.Input(), "shape"),
        (lambda layer: keras.Input((64, "x", 3)), "an input shape is a tuple of sizes"),
        (lambda layer: keras.initializers.get("he_norml"), "Could not interpret initializer identifier: he_norml"),
        (lambda layer: keras.Model(keras.Input((8, 8, 3)), keras.Input((8, 8, 3))), "not connected"),
    ],
)
def test_wrong_calls_are_told_in_words(do: Any, message: str) -> None:
    layer = layers.Conv2D(4, 3)
    layer(image(1, 8, 8, 3))
    with pytest.raises(ArgumentError, match=message):
        do(layer)


def test_nothing_is_replaced_where_one_weight_does_not_fit() -> None:
    layer = layers.Conv2D(4, 3)
    layer(image(1, 8, 8, 3))
    before = layer.get_weights()
    with pytest.raises(ArgumentError):
        layer.set_weights([np.zeros((3, 3, 3, 4)), np.zeros(5)])
    assert all(np.array_equal(a, b) for a, b in zip(layer.get_weights(), before, strict=True))


def model() -> keras.Sequential:
    return keras.Sequential(
        [
            layers.Conv2D(8, 3, strides=2, input_shape=(17, 12, 3)),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(5, name="scores"),
        ]
    )


SUMMARY = """\
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ conv2d (Conv2D)                 │ (None, 8, 5, 8)        │           224 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ batch_normalization             │ (None, 8, 5, 8)        │            32 │
│ (BatchNormalization)            │                        │               │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ flatten (Flatten)               │ (None, 320)            │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ scores (Dense)                  │ (None, 5)              │         1,605 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 1,861 (7.27 KB)
 Trainable params: 1,845 (7.21 KB)
 Non-trainable params: 16 (64.00 B)"""


def test_a_summary_looks_like_kerass(capsys: pytest.CaptureFixture[str]) -> None:
    assert summary_text(model(), 76) == SUMMARY
    model().summary()
    assert "Total params: 1,861" in capsys.readouterr().out


def test_sequential() -> None:
    net = model()
    assert (net.input_shape, net.output_shape, net.built) == ((None, 17, 12, 3), (None, 5), True)
    assert [layer.name for layer in net.layers] == ["conv2d", "batch_normalization", "flatten", "scores"]
    assert net.count_params() == 1861
    assert len(net.get_weights()) == 8
    x = image(5, 17, 12, 3)
    predicted = net.predict(x, batch_size=2, verbose=0)
    assert type(predicted) is np.ndarray
    np.testing.assert_allclose(predicted, net(x), rtol=1e-5)
    other = model()
    other.set_weights(net.get_weights())
    assert np.array_equal(other.predict(x), net.predict(x))
    assert net.get_layer("scores") is net.get_layer(index=-1)
    assert net.pop().name == "scores"
    assert net.output_shape == (None, 320)
    net.add(layers.Dense(2))
    assert net(x).shape == (5, 2)
    assert repr(net) == "<Sequential name=sequential, built=True>"


def test_a_misfit_shows_when_the_layer_is_added() -> None:
    net = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 5)])
    with pytest.raises(ShapeError, match="the window spans 5 but only 4 cells exist"):
        net.add(layers.Conv2D(2, 5))
    assert len(net.layers) == 1


def test_a_sequential_is_built_by_its_first_input() -> None:
    net = keras.Sequential([layers.Conv2D(4, 3), layers.Conv2D(2, 3)])
    assert not net.built
    with pytest.raises(AttributeError, match="Sequential model 'sequential' has no defined output shape yet"):
        _ = net.output_shape
    assert net.get_weights() == []
    assert net(image(2, 9, 8, 3)).shape == (2, 5, 4, 2)
    assert net.output_shape == (2, 5, 4, 2)
    assert net(image(1, 19, 8, 3)).shape == (1, 15, 4, 2)
    net.build((2, 9, 8, 3))
    with pytest.raises(ArgumentError, match="has already been configured to use input shape"):
        net.build((None, 9, 8, 4))


def test_functional_models_and_shared_layers() -> None:
    start = keras.Input((8, 8, 3), name="picture")
    shared = layers.Conv2D(3, 3, padding="same")
    model = keras.Model(inputs=start, outputs=layers.Flatten()(shared(shared(start))), name="twice")
    x = image(2, 8, 8, 3)
    assert np.array_equal(model(x), layers.Flatten()(shared(shared(x))))
    assert [layer.name for layer in model.layers] == ["picture", "conv2d", "flatten"]
    assert model.count_params() == shared.count_params()
    assert model.compute_output_shape((None, 8, 8, 3)) == (None, 192)


def unet(depth: int) -> keras.Model:
    """Two ways down and up again, with joins across and a sum around the bottom."""
    start = keras.Input((16, 20, 3), name="picture")
    x, kept = start, []
    for level in range(depth):
        x = layers.Conv2D(4 * 2**level, 3, padding="same", activation="relu")(x)
        kept.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.add([x, layers.Conv2D(x.shape[-1], 3, padding="same")(x)])
    for skip in reversed(kept):
        x = layers.concatenate([layers.UpSampling2D()(x), skip])
        x = layers.ReLU()(layers.Conv2D(4, (3, 1), padding="same")(x))
    return keras.Model(start, [layers.Conv2D(1, 1, name="mask")(x), layers.GlobalAveragePooling2D(name="means")(x)])


def test_models_with_branches_run() -> None:
    model = unet(2)
    x = image(3, 16, 20, 3)
    mask, means = model.predict(x, batch_size=2)
    assert (mask.shape, means.shape) == ((3, 16, 20, 1), (3, 4))
    assert model.output_shape == [(None, 16, 20, 1), (None, 4)]
    assert model.compute_output_shape((None, 16, 20, 3)) == [(None, 16, 20, 1), (None, 4)]
    # By hand, layer by layer.
    by_name = {layer.name: layer for layer in model.layers}
    first = by_name["conv2d"](x)
    second = by_name["conv2d_1"](layers.MaxPooling2D()(first))
    low = layers.MaxPooling2D()(second)
    low = low + by_name["conv2d_2"](low)
    up = np.maximum(by_name["conv2d_3"](np.concatenate([layers.UpSampling2D()(low), second], -1)), 0)
    up = np.maximum(by_name["conv2d_4"](np.concatenate([layers.UpSampling2D()(up), first], -1)), 0)
    assert np.allclose(means, up.mean((1, 2)), atol=1e-5)
    assert np.allclose(mask, by_name["mask"](up), atol=1e-5)
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert all(np.array_equal(one, other) for one, other in zip(copied.predict(x), model.predict(x), strict=True))
    # A part of it is a model of its own, and reads as the network that it is.
    features = keras.Model(model.input, model.get_layer("add").output)
    assert np.allclose(features(x), low, atol=1e-5)
    network = cw.read(model)
    assert network.trace().totals.params == model.count_params()
    assert network.legal_sizes()["height"].text() == "every multiple of 4"
    with pytest.raises(ModelError, match="the model has branches") as caught:
        cw.explain(model)
    assert "cw.read(model)" in str(caught.value)


def test_inputs_are_given_in_order_or_by_name() -> None:
    left, right = keras.Input((4, 5, 2), name="left"), keras.Input((4, 5, 2), name="right")
    model = keras.Model([left, right], 2 * left - right / 4)
    x, y = image(3, 4, 5, 2), image(3, 4, 5, 2) + 1
    expected = 2 * x - y / 4
    for given in ([x, y], (x, y), {"right": y, "left": x}):
        assert np.allclose(model(given), expected, atol=1e-6)
        assert np.allclose(model.predict(given, batch_size=2), expected, atol=1e-6)
    for given, message in (
        (x, "1 arrays for the 2 inputs left, right"),
        ([x, y, x], "3 arrays for the 2 inputs left, right"),
        ({"left": x}, "no array for the input 'right'"),
    ):
        with pytest.raises(ArgumentError, match=message):
            model(given)
    with pytest.raises(
        ShapeError, match=r"the input 'right' is declared as \(None, 4, 5, 2\), and \(3, 4, 6, 2\) is given"
    ):
        model([x, image(3, 4, 6, 2)])
    with pytest.raises(ArgumentError, match="the inputs have 3, 2 samples"):
        model.predict([x, y[:2]])
    with pytest.raises(ArgumentError, match="the outputs need the input 'right' as well"):
        keras.Model(left, layers.Add()([left, right]))
    with pytest.raises(ArgumentError, match='The name "twice" is used 2 times in the model'):
        keras.Model(left, layers.ReLU(name="twice")(layers.ReLU(name="twice")(left)))
    with pytest.raises(ArgumentError, match="outputs must be tensors that Input or a layer of the model gave"):
        keras.Model(left, x)


@pytest.mark.parametrize(
    ("do", "error", "message"),
    [
        (lambda x: layers.Add()(x), ArgumentError, "a list of arrays is needed"),
        (lambda x: layers.Subtract()([x, x, x]), ArgumentError, "3 arrays where 2 are needed"),
        (lambda x: layers.Add()([x, x[:1]]), ShapeError, "the batches differ: 1 and 2"),
        (
            lambda x: layers.Multiply(name="gate")([x, x[:, :3]]),
            ShapeError,
            r"'gate' \(Keras Multiply\): .*3 and 4 on axis 1",
        ),
        (lambda x: layers.Concatenate()([x, x[:, :3]]), ShapeError, "axis 1 is 4 in one input and 3 in another"),
        (lambda x: layers.Concatenate(axis=5)([x, x]), ShapeError, "there is no axis 5 in a shape of 4 axes"),
        (lambda x: layers.Concatenate(axis="last"), ArgumentError, "the axis is a whole number"),
        (lambda x: layers.Conv2D(2, 3)([x, x]), ArgumentError, "one array is taken, and 2 are given"),
        (lambda x: keras.Input((4, 5, 2)) + "one", ArgumentError, "takes arrays and numbers"),
        (lambda x: layers.Conv2D(2, 3).output, AttributeError, "has never been called"),
    ],
)
def test_wrong_merges_are_told_in_words(do: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        do(image(2, 4, 5, 2))


def test_deep_models_are_drawn_and_run() -> None:
    """A thousand sums, one behind the other: nothing calls itself."""
    x = start = keras.Input((3,))
    for _ in range(1000):
        x = layers.Add()([x, start])
    assert keras.Model(start, x)(np.ones((2, 3))).tolist() == [[1001.0] * 3] * 2


def test_models_nest_and_can_be_subclassed() -> None:
    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.stem = layers.Conv2D(4, 3)
            self.rest = [layers.Flatten(), layers.Dense(2)]

        def call(self, x: Any) -> Any:
            x = self.stem(x)
            for layer in self.rest:
                x = layer(x)
            return x

    net = Net()
    assert net(image(2, 6, 6, 3)).shape == (2, 2)
    assert [layer.name for layer in net.layers] == ["conv2d", "flatten", "dense"]
    assert len(net.get_weights()) == 4
    outer = keras.Sequential([keras.Input((6, 6, 3)), keras.Sequential([layers.Conv2D(2, 3)]), layers.Flatten()])
    assert outer.predict(image(1, 6, 6, 3)).shape == (1, 32)
    assert outer.count_params() == 56


def test_layers_of_ones_own() -> None:
    class Scale(keras.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

        def call(self, x: Any) -> Any:
            return x * (2 * self.factor.numpy())

    layer = Scale()
    assert layer(np.ones((1, 3))).tolist() == [[2, 2, 2]]
    assert layer.count_params() == 3
    with pytest.raises(ModelError, match="a layer of your own"):
        layer.__convwise__()


def test_models_tell_explain_what_they_are() -> None:
    dialect, found, shape = model().__convwise__()
    assert (dialect, shape) == ("keras", (None, 17, 12, 3))
    assert [(layer.kind, layer.name) for layer in found] == [
        ("Conv2D", "conv2d"),
        ("BatchNormalization", "batch_normalization"),
        ("Flatten", "flatten"),
        ("Dense", "scores"),
    ]


def test_types_follow_keras() -> None:
    assert layers.Flatten()(np.zeros((1, 2, 3), np.int64)).dtype == np.int64
    assert layers.MaxPooling2D()(np.zeros((1, 4, 4, 1), np.uint8)).dtype == np.uint8
    assert layers.Conv2D(1, 1)(np.zeros((1, 4, 4, 1), np.uint8)).dtype == np.float32
    assert layers.Conv2D(1, 1)(np.zeros((1, 4, 4, 1), np.float64)).dtype == np.float32
    assert layers.Conv2D(1, 1, dtype="float64")(np.zeros((1, 4, 4, 1))).dtype == np.float64


def test_tensors_are_arrays_with_a_few_words_more() -> None:
    y = layers.Conv2D(2, 3)(np.zeros((1, 5, 6, 3)))
    assert str(y.shape) == "(1, 3, 4, 2)"
    assert repr(y.shape) == "TensorShape([1, 3, 4, 2])"
    assert y.shape.as_list() == [1, 3, 4, 2]
    assert type(y.numpy()) is np.ndarray
    assert (y + 1).mean() == 1


@pytest.mark.parametrize("name", ["keras", "torch", "tensorflow", "torch.nn.functional", "tensorflow.keras.layers"])
def test_no_framework_is_loaded(name: str) -> None:
    frameworks = ("torch", "keras", "tensorflow", "jax", "onnx", "rich")
    script = f"import convwise.{name}, sys; print(*[name for name in {frameworks!r} if name in sys.modules])"
    assert (
        subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
        ).stdout.split()
        == []
    )
