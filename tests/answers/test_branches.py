"""Code that is no straight line of layers is answered by its network; a join at the end of a text is not left out."""

from __future__ import annotations

import pytest

import convwise as cw
from convwise.answers.explanation import Explanation


def fact(told: Explanation, label: str) -> str:
    return " ".join(line for one in told.facts if one.label == label for line in one.lines)


LINES = "conv1 = nn.Conv2d(3, 16, 3)\nconv2 = nn.Conv2d(16, 16, 5{})\nx = torch.randn(1, 3, 9, 10)\na = conv1(x)\nb = conv2(a)\n"


LAST = [
    *("c = a + b", "c = torch.add(a, b)", "torch.cat([a, b], 1)", "print((a + b).shape)"),
    *(
        "c = torch.concat([a, b], 1)",
        "c = torch.concatenate((a, b), 1)",
        "torch.cat(tensors=[a, b], dim=1)",
        "c = a.add(b)",
    ),
]


@pytest.mark.parametrize("last", LAST)
def test_a_join_at_the_end_is_part_of_the_answer(last: str) -> None:
    with pytest.raises(cw.ShapeError, match=r"sizes 3 and 7|7 in one input and 3 in another") as caught:
        cw.explain(LINES.format("") + last)
    told = caught.value.explanation
    assert told is not None
    assert [part.name for part in told.parts] == ["conv1", "conv2"]
    assert "step 3 of 3" in told.headline
    works = cw.explain(LINES.format(", padding=2") + last)
    assert works.output in ((1, 16, 7, 8), (1, 32, 7, 8))
    assert fact(works, "free") == "any height and width from 3 x 3 up work"


def test_a_keras_join_at_the_end_is_part_of_the_answer() -> None:
    text = "inp = Input((9, 10, 6))\nx = Conv2D(8, 3, strides=2, padding='same')(inp)\nx = Add()([x, inp])\n"
    with pytest.raises(cw.ShapeError, match="add of sizes 5 and 9"):
        cw.explain(text)
    assert cw.explain(text.replace("8, 3, strides=2", "6, 3")).output == (None, 9, 10, 6)


KERAS_JOINS = [
    *("concatenate([x, inp])", "layers.concatenate([x, inp], axis=3)", "keras.layers.add([x, inp])"),
    *(
        "layers.subtract([x, inp])",
        "layers.maximum([x, inp])",
        "tf.concat([x, inp], axis=-1)",
        "K.concatenate([x, inp])",
    ),
]


@pytest.mark.parametrize("join", KERAS_JOINS)
def test_keras_functions_that_join_are_part_of_the_answer(join: str) -> None:
    text = f"inp = Input((9, 10, 6))\nx = MaxPooling2D(2)(inp)\nx = UpSampling2D(2)(x)\ny = {join}\n"
    with pytest.raises(cw.ShapeError, match="8"):
        cw.explain(text)
    whole = cw.explain(text.replace("9, 10, 6", "10, 10, 6"))
    assert whole.output in ((None, 10, 10, 6), (None, 10, 10, 12))


def test_an_error_that_is_measured_is_no_part_of_the_model() -> None:
    text = (
        "ae = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ConvTranspose2d(8, 3, 3))\nx = torch.randn(4, 3, 9, 10)\nout = ae(x)\n"
        "loss = ((out - x) ** 2).mean()\nother = F.mse_loss(ae(x), x)\ntotal = loss + other\n"
    )
    told = cw.explain_all(text)
    assert [one.output for one in told] == [(4, 3, 9, 10)] * len(told)
    assert all(one.kind == "Sequential" for one in told)


FORWARDS = [
    ("x = self.main(x).view(-1, 4).squeeze(1)", (112, 4)),
    ("x = self.main(x).mean(3).mean(2)", (2, 4)),
    ("x = self.main(x)[:, :, 1:-1, 1:-1]", (2, 4, 5, 6)),
    ("x = self.main(x)\n        if self.training:\n            x = F.dropout(x)", (2, 4, 7, 8)),
    ("y = self.main(x)\n        x = F.avg_pool2d(y, y.size()[2:])", (2, 4, 1, 1)),
    ("x = F.interpolate(self.main(x), size=x.shape[2:])", (2, 4, 9, 10)),
    ("x = self.main(x).flatten(2).transpose(1, 2)", (2, 56, 4)),
]


@pytest.mark.parametrize(("forward", "output"), FORWARDS)
def test_what_is_no_layer_is_followed_all_the_same(forward: str, output: tuple[int, ...]) -> None:
    text = (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.main = nn.Conv2d(3, 4, 3)\n"
        f"    def forward(self, x):\n        {forward}\n        return x\n"
    )
    called = "Net()(torch.randn(2, 3, 9, 10))\n"
    assert cw.explain(text + called).output == output
    assert cw.explain(text, (2, 3, 9, 10)).output == output


def test_without_an_input_the_way_to_the_network_is_told() -> None:
    text = "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.main = nn.Conv2d(3, 4, 3)\n"
    text += "    def forward(self, x):\n        return x + self.main(x)\n"
    with pytest.raises(cw.CodeError, match="CW310") as caught:
        cw.explain(text)
    assert "Net is no straight line of layers" in str(caught.value)
    assert "give the input's shape, such as 1x3x224x224" in str(caught.value)


def test_a_network_tells_its_parameters_and_macs_in_all() -> None:
    text = "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.a = nn.Conv2d(3, 3, (3, 1), padding=(1, 0))\n"
    text += "    def forward(self, x):\n        return x + self.a(self.a(x))\n"
    told = cw.explain(text, (2, 3, 9, 10))
    assert told.facts[-1].label == "in all"
    assert told.facts[-1].lines[0].startswith("30 parameters, 9,720 MACs")


def test_a_swap_of_two_axes_of_an_array() -> None:
    text = "conv = nn.Conv1d(10, 20, 3)\nx = torch.randn(4, 12, 10)\ny = conv(x.transpose(1, 2))\n"
    assert cw.explain(text).output == (4, 20, 10)
    assert cw.explain(text.replace("x.transpose(1, 2)", "torch.transpose(x, 2, 1)")).output == (4, 20, 10)
