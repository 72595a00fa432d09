"""Messages of single operations, of stored weights and of losses, printed by the framework itself: each is known, and what it is told to mean is so."""

from __future__ import annotations

import pytest

import convwise as cw

pytestmark = pytest.mark.oracle


def told(error: BaseException) -> cw.Explanation:
    return cw.explain(f"{type(error).__name__}: {error}")


def test_what_pytorch_prints_of_operations() -> None:
    import torch
    from torch import nn
    from torch.nn import functional as F

    zeros = torch.zeros
    cases = {
        "has 256 features; its weights are made for 64": lambda: nn.Linear(64, 10, bias=False)(zeros(256)),
        "A window of 9 is cut out of axis 2, which has 5 cells": lambda: zeros(3, 4, 5).unfold(2, 9, 1),
        "A window of 9 x 9 fits no place in 4 x 5 cells": lambda: nn.Unfold(9)(zeros(1, 3, 4, 5)),
        "7 is no multiple of 4": lambda: nn.Fold((4, 4), 2)(zeros(1, 7, 9)),
        "A stride of 0": lambda: nn.Conv2d(3, 4, 3, stride=0)(zeros(1, 3, 9, 10)),
        "Padding of less than 0": lambda: nn.Conv2d(3, 4, 3, padding=-1)(zeros(1, 3, 9, 10)),
        "The second tensor is no batch of matrices": lambda: torch.bmm(zeros(2, 3, 4), zeros(4, 5)),
        "The first tensor is no batch of matrices": lambda: torch.bmm(zeros(3, 4), zeros(4, 5)),
        "the letter c stands for 3 in one tensor and for 4": lambda: torch.einsum("bchw,bc->b", zeros(2, 3, 9, 10), zeros(2, 4)),
        "4 letters to operand 0, which has 3 axes": lambda: torch.einsum("bchw,bc->b", zeros(2, 3, 9), zeros(2, 3)),
        "Axis 2 is asked for, and the tensor has 2 axes": lambda: torch.softmax(zeros(2, 9), dim=2),
        "permute is given 4 axes, and the tensor has 3": lambda: zeros(3, 9, 10).permute(0, 3, 1, 2),
        "Pieces of 3 + 2 = 5 are cut off an axis of 9": lambda: torch.split(zeros(2, 9), [3, 2], dim=1),
        "the grid as batch x height x width x 2": lambda: F.grid_sample(zeros(1, 3, 4, 4), zeros(1, 2, 4, 4)),
        "both need at least one cell a side": lambda: F.interpolate(zeros(1, 3, 0, 5), size=(4, 4)),
        "wants a state of (1, 2, 5)": lambda: nn.LSTM(4, 5)(zeros(3, 2, 4), (zeros(1, 3, 5), zeros(1, 3, 5))),
        "do not divide them": lambda: nn.MultiheadAttention(8, 3),
        "two types, double and float": lambda: nn.Conv2d(3, 4, 3)(zeros(1, 3, 9, 10).double()),
        "two types, long and float": lambda: nn.Linear(3, 4)(zeros(1, 3).long()),
        "hold the class number 9": lambda: nn.CrossEntropyLoss()(zeros(2, 9), torch.tensor([3, 9])),
        "class numbers and of another type": lambda: nn.CrossEntropyLoss()(zeros(2, 9), zeros(2)),
        "linear is given a layer, ReLU": lambda: nn.Linear(3, 4)(nn.ReLU()),
        "max_pool2d is given a tuple": lambda: nn.MaxPool2d(2)((zeros(1, 3, 9, 10),)),
        "its bias has 5 numbers": lambda: F.conv2d(zeros(1, 3, 9, 10), zeros(4, 3, 3, 3), bias=zeros(5)),
        "A shape with -1 twice": lambda: zeros(3, 4).view(-1, 2, -1),
        "takes 3D or 4D tensors": lambda: nn.AdaptiveAvgPool2d(2)(zeros(3, 4)),
    }  # fmt: skip
    for words, act in cases.items():
        with pytest.raises(Exception) as caught:  # noqa: PT011
            act()
        assert words in told(caught.value).headline, words


def test_strict_false_forgives_no_sizes_and_what_is_left_out_loads() -> None:
    from torch import nn

    large, small = nn.Linear(7, 9), nn.Linear(7, 5)
    with pytest.raises(RuntimeError) as caught:
        small.load_state_dict(large.state_dict(), strict=False)
    assert told(caught.value).headline == "The weights of 'bias' in the checkpoint are 9, and the layer's are 5."
    kept = {name: one for name, one in large.state_dict().items() if one.shape == small.state_dict()[name].shape}
    assert small.load_state_dict(kept, strict=False).missing_keys == ["weight", "bias"]


def test_what_keras_prints_of_targets_and_weights() -> None:
    keras = pytest.importorskip("keras")
    np = pytest.importorskip("numpy")
    layers = keras.layers

    def fitted(loss: str, units: int, targets: tuple[int, ...], *, flat: bool = True, value: int = 0) -> None:
        rest = [layers.Flatten()] if flat else []
        model = keras.Sequential([keras.Input((9, 10, 1)), layers.Conv2D(4, 3), *rest, layers.Dense(units)])
        model.compile(loss=loss)
        model.fit(np.zeros((6, 9, 10, 1)), np.full(targets, value), verbose=0)

    one, other = (keras.Sequential([keras.Input((9, 10, n)), layers.Conv2D(4, 3)]) for n in (1, 3))
    cases = {
        "targets of ? x 1 with outputs of ? x 9": lambda: fitted("categorical_crossentropy", 9, (6,)),
        "targets of ? x 9 with outputs of ? x 7 x 8 x 9": lambda: fitted("categorical_crossentropy", 9, (6, 9), flat=False),
        "where the model gives ? x 7 x 8 x 9": lambda: fitted("sparse_categorical_crossentropy", 9, (6,), flat=False),
        "6 samples and 5 targets": lambda: fitted("binary_crossentropy", 1, (5, 1)),
        "are 3 x 3 x 1 x 4, and the layer's are 3 x 3 x 3 x 4": lambda: other.set_weights(one.get_weights()),
    }  # fmt: skip
    if keras.backend.backend() == "tensorflow":
        cases["hold the class number 9"] = lambda: fitted("sparse_categorical_crossentropy", 9, (6,), value=9)
    for words, act in cases.items():
        with pytest.raises(Exception) as caught:  # noqa: PT011
            act()
        assert words in told(caught.value).headline, words
    # What is proposed for them runs.
    fitted("sparse_categorical_crossentropy", 9, (6,))
    fitted("categorical_crossentropy", 9, (6, 9))
