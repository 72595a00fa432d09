"""Source text with branches as networks: names, places, inputs and outputs, and what cannot be followed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from readers.test_reader_branches_texts import CHANNELS, KERAS, TEXTS, TORCH

import convwise as cw
from convwise.errors import ConvwiseError
from convwise.graph import Network
from convwise.readers.models import read
from convwise.readers.source.graphs import read_network_text

RES = """
class Res(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv = nn.Conv2d(c, c, 3, padding=1)
    def forward(self, x):
        return x + self.conv(x)
"""


def outcome(text: str) -> str:
    """The word read, or the code of the error."""
    try:
        read_network_text(text)
    except ConvwiseError as error:
        return error.code or "?"
    return "read"


def names(network: Network) -> list[str]:
    return [node.name for node in network.nodes]


def refused(text: str) -> ConvwiseError:
    with pytest.raises(ConvwiseError) as caught:
        read(text)
    assert "\n" not in caught.value.fact
    return caught.value


def module(forward: str, *, first: str = "self.conv = nn.Conv2d(3, 8, 3)") -> str:
    body = "\n".join(f"        {line}" for line in forward.split("\n"))
    return f"{TORCH}class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        {first}\n    def forward(self, x):\n{body}\n"


def test_the_u_net_has_its_modules_names_and_lines() -> None:
    network = read(TEXTS["unet-padded"])
    found = names(network)
    assert found[:3] == ["inc.body.0", "inc.body.1", "inc.body.2"]
    assert found[6:8] == ["downs.0.0", "downs.0.1.body.0"]
    assert [name for name in found if name.startswith("ups.0.")][:4] == [
        "ups.0.up",
        "ups.0.pad",
        "ups.0.cat",
        "ups.0.conv.body.0",
    ]
    cat = next(node for node in network.nodes if node.name == "ups.2.cat")
    assert cat.inputs == ("inc.body.5", "ups.2.pad")
    line = TEXTS["unet-padded"].split("\n").index("        return self.conv(torch.cat([skip, x], 1))") + 1
    assert (cat.kind, cat.place) == ("torch.cat", f"line {line}")
    assert network.sources[0].name == "x"
    assert network.sources[0].declared == (None, 3, None, None)
    assert (network.title, network.outputs) == ("UNet", ("outc",))


@pytest.mark.parametrize(
    ("name", "height"),
    [
        ("unet", "every multiple of 8"),
        ("unet-padded", "n >= 8"),
        ("unet-valid", "n >= 44"),
        ("fpn-scaled", "n = 0, 7 (mod 8), and 1, 2"),
        ("keras-unet", "every multiple of 8"),
        ("densenet", "n >= 7"),
    ],
)
def test_legal_sizes(name: str, height: str) -> None:
    assert read(TEXTS[name]).legal_sizes()["height"].text() == height


def test_keras_names_inputs_and_shared_layers() -> None:
    network = read(TEXTS["keras-two"])
    assert [source.name for source in network.sources] == ["left", "right"]
    assert "encoder.stem" in names(network)
    assert "encoder.stem_1" in names(network)
    shared = [node for node in network.nodes if node.name.startswith("shared")]
    assert [node.params for node in shared] == [None, 0]
    assert network.outputs == ("conv2d_1", "global_max_pooling2d")
    shape = (1, 20, 30, 3)
    assert network.trace({"left": shape, "right": shape}).rows[-1].output == (1, 12)


def test_blocks_in_a_sequential_are_named_by_their_places() -> None:
    text = TORCH + RES + "model = nn.Sequential(nn.Conv2d(3, 8, 3), *[Res(8) for _ in range(2)], nn.Flatten())\n"
    network = read(text + "print(model(torch.randn(4, 3, 9, 10)).shape)")
    assert names(network) == ["0", "1.conv", "1.add", "2.conv", "2.add", "3"]
    assert network.sources[0].declared == (4, 3, 9, 10)
    assert network.trace().rows[-1].output == (4, 8 * 7 * 8)


def test_a_straight_line_is_read_as_before() -> None:
    network = read("nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())")
    assert [node.kind for node in network.nodes] == ["Conv2d", "ReLU"]
    assert network.sources[0].name == "input"


def test_a_chain_with_a_branch_behind_it_is_not_read_as_the_chain() -> None:
    network = read(KERAS + "x = Input((32, 32, 3))\ny = layers.Conv2D(3, 3, padding='same')(x)\nz = layers.add([x, y])")
    assert names(network) == ["conv2d", "add"]
    assert network.outputs == ("add",)


def test_a_condition_on_sizes_goes_the_declared_way_and_a_note_says_so() -> None:
    text = module(
        "y = self.up(self.conv(x))\nif y.shape[2:] != x.shape[2:]:\n    y = F.interpolate(y, size=x.shape[2:])\nreturn torch.cat([x, y], 1)",
        first="self.conv, self.up = nn.Conv2d(3, 8, 3, 2, 1), nn.Upsample(scale_factor=2)",
    )
    error = refused(text)
    assert error.code == "CW315"
    assert error.fact.startswith("`if y.shape[2:] != x.shape[2:]:` is not a straight line")
    assert "give the input's shape" in (error.hint or "")
    even = read(text, input_shape=(1, 3, 64, 64))
    odd = read(text, input_shape=(1, 3, 65, 64))
    assert "interpolate" not in names(even)
    assert "interpolate" in names(odd)
    assert odd.notes[0].code == "CW422"
    assert odd.trace().rows[-1].output == (1, 11, 65, 64)


def test_a_squeeze_takes_away_the_axes_that_have_one_cell_for_the_given_input() -> None:
    text = module("v = self.conv(x).squeeze()\nreturn v @ v.transpose(-1, -2)")
    one = read(text, input_shape=(1, 3, 8, 9))
    assert one.trace().rows[-1].output == (8, 6, 6)
    assert [(note.code, note.text) for note in one.notes] == [
        ("CW422", "which axes a squeeze takes away is what it is for the given input; other sizes may differ")
    ]
    assert read(text, input_shape=(2, 3, 8, 9)).trace().rows[-1].output == (2, 8, 6, 6)
    # Without an input nobody can count the axes that are left.
    assert "how many axes a squeeze leaves depends on the input's size" in refused(text).fact
    plain = read(module("return F.relu(self.conv(x).mean((2, 3)).squeeze())"))
    assert not plain.notes


def test_sizes_of_the_branch_that_was_read_are_no_bound() -> None:
    text = module("return self.conv(x) if x.shape[2] > 8 else self.conv(F.pad(x, (2, 2, 2, 2)))")
    legal = read(text, input_shape=(1, 3, 16, 16)).legal_sizes()
    # PyTorch takes a height of 1, which the branch that was read refuses.
    assert str(legal).splitlines()[0] == "height: n >= 3 on the branch that was read (not exact)"
    told = legal._repr_html_()
    assert "on the branch that was read: others may work too, and some of these may not" in told
    assert "at most" not in told
    network = read(text, input_shape=(1, 3, 16, 2))
    (wrong,) = [one for one in network.check((1, 3, 16, 2)) if one.level == "error"]
    assert "width: the legal sizes are n >= 3 on the branch that was read; nearest to 2: 3" in (wrong.hint or "")


def test_keras_sizes_are_those_that_the_input_declares() -> None:
    text = (
        KERAS
        + """
def crop_to(skip, x):
    ch = skip.shape[1] - x.shape[1]
    cw = skip.shape[2] - x.shape[2]
    return layers.Cropping2D(((ch // 2, ch - ch // 2), (cw // 2, cw - cw // 2)))(skip)
i = Input((60, 68, 3))
a = layers.Conv2D(4, 3)(i)
b = layers.Conv2DTranspose(4, 2, strides=2)(layers.Conv2D(8, 3)(layers.MaxPooling2D()(a)))
model = Model(i, layers.Concatenate()([crop_to(a, b), b]))
"""
    )
    assert read(text).trace().rows[-1].output == (None, 54, 62, 8)


@pytest.mark.parametrize(
    "merged",
    [
        "layers.Multiply()([i, layers.GlobalAveragePooling2D()(i)])",
        "layers.multiply([layers.GlobalAveragePooling2D()(i), i])",
        "layers.Subtract()([layers.GlobalMaxPooling2D()(i), i])",
        "layers.add([layers.Conv2D(8, 1)(i), layers.GlobalAveragePooling2D()(i), i])",
    ],
)
def test_keras_merges_of_different_ranks_get_new_axes_behind_the_batch(merged: str) -> None:
    """Keras 3.15 runs all four and gives 4 x 32 x 30 x 8."""
    network = read(f"{KERAS}i = Input((32, 30, 8))\nmodel = Model(i, {merged})\n")
    assert network.trace((4, 32, 30, 8)).rows[-1].output == (4, 32, 30, 8)
    assert str(network.legal_sizes()["height"]) == "every n"


def test_keras_merges_of_different_ranks_still_have_to_agree() -> None:
    """Keras 3.15: "Inputs have incompatible shapes. Received shapes (32, 30, 8) and (8, 30)"; joining asks for equal ranks."""
    text = f"{KERAS}i, j = Input((32, 30, 8)), Input((8, 30))\nmodel = Model([i, j], layers.Add()([i, j]))\n"
    with pytest.raises(ConvwiseError, match=r"add of sizes 8 and 30 on axis 2"):
        read(text).trace()
    with pytest.raises(ConvwiseError, match=r"concatenating 4 axes with 3"):
        read(text.replace("Add", "Concatenate")).trace()


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (
            module("return torch.linalg.svd(self.conv(x)) + x"),
            "CW315",
            "`torch.linalg.svd(self.conv(x))` cannot be followed",
        ),
        (module("y = self.conv(x)\nreturn other(y, x)"), "CW31", "other"),
        (
            module("y = self.conv(x)\nwhile y.sum() > 0:\n    y = y + self.conv(x)\nreturn y"),
            "CW315",
            "`while y.sum() > 0:`",
        ),
        (module("for _ in range(n):\n    x = x + self.conv(x)\nreturn x"), "CW315", "`for _ in range(n):`"),
        (module("return x.view(batch, -1) + self.conv(x).view(batch, -1)"), "CW315", "cannot be followed"),
        (TEXTS["gates"] + TEXTS["fpn-scaled"].replace("model =", "other ="), "CW309", "2 models in one text: Net, FPN"),
    ],
)
def test_what_cannot_be_followed_is_named(text: str, code: str, says: str) -> None:
    error = refused(text)
    assert (error.code or "").startswith(code)
    assert says in str(error)


def test_channels_that_do_not_fit_are_told_with_the_line() -> None:
    network = read(module("y = self.conv(x)\nreturn torch.flatten(y + x, 1)", first="self.conv = nn.Conv2d(3, 8, 1)"))
    with pytest.raises(cw.ShapeError, match="add of sizes 3 and 8 on axis 1"):
        network.trace((1, 3, 8, 8))


def test_why_points_to_the_command_that_follows_branches() -> None:
    for text in (TEXTS["unet"], TEXTS["keras-resnet"], TEXTS["fpn-scaled"]):
        with pytest.raises(ConvwiseError) as caught:
            cw.explain(text)
        assert caught.value.code == "CW310"
        assert "is no straight line of layers" in caught.value.fact
        assert "give the input's shape, such as 1x" in (caught.value.hint or "")
        assert "`convwise inspect FILE` shows them without one" in (caught.value.hint or "")


def test_the_example_is_legal_where_it_halves_three_times() -> None:
    path = Path(__file__).parents[2] / "examples" / "unet.py"
    legal = read(path).legal_sizes()
    assert legal["height"].text() == "every multiple of 8"
    assert legal["width"].nearest(350) == (344, 352)


@pytest.mark.parametrize(
    "text",
    [
        TORCH
        + RES
        + "x = torch.zeros(1, 3, 8, 8)\nm = Res(3)\nfor i in range(500):\n    for j in range(500):\n        x = m(x)\n",
        KERAS
        + "i = Input((8, 8, 3))\nm = Model(i, layers.add([i, i]))\n"
        + "for _ in range(40):\n    m = Model(i, m(m(i)))\n",
        KERAS
        + "def f(x, n):\n    return layers.add([f(x, n), f(x, n + 1)])\ni = Input((8, 8, 3))\nm = Model(i, f(i, 0))\n",
        module("\n".join(["x = torch.cat([x, x], 1)"] * 3000) + "\nreturn self.conv(x)"),
    ],
    ids=["loops", "doubling", "recursion", "long"],
)
def test_the_budget_ends_every_text(text: str) -> None:
    start = time.process_time()
    assert outcome(text) in ("CW308", "CW315", "read")
    assert time.process_time() - start < 20


@pytest.mark.parametrize("name", ["unet-padded", "gates", "keras-two", "keras-inception"])
def test_no_prefix_of_a_text_breaks_the_reader(name: str) -> None:
    lines = TEXTS[name].split("\n")
    for count in range(1, len(lines)):
        assert outcome("\n".join(lines[:count])) != "CW901"


def test_markdown_and_main_blocks() -> None:
    text = TEXTS["resnet-basic"] + "\nif __name__ == '__main__':\n    print(model(torch.rand(2, 3, 65, 70)).shape)\n"
    network = read(f"My net:\n\n```python\n{text}```\n\nWhy?\n")
    assert network.trace().rows[-1].output == (2, 10)
    assert network.sources[0].declared == (2, CHANNELS.get("resnet-basic", 3), 65, 70)


def test_a_way_that_a_size_decided_is_not_called_exact() -> None:
    text = (
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.a = nn.Conv2d(3, 8, 3, stride=2)\n"
        "    def forward(self, x):\n"
        "        y = self.a(x)\n"
        "        if y.shape[2] != x.shape[2]:\n"
        "            x = x[:, :, ::2, ::2][:, :, :-1, :-1]\n"
        "        return torch.cat([x, y], 1)\n"
    )
    legal = cw.read(text, input_shape=(1, 3, 32, 32)).legal_sizes()
    assert not legal.exact
    assert any("one way was followed" in reason.text for reason in legal["height"].reasons)


def test_functions_of_tensorflow_between_branches_are_layers_of_their_own() -> None:
    net = read(
        "x = tf.zeros([1, 28, 28, 1])\n"
        "a = tf.nn.max_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding='SAME')\n"
        "b = tf.nn.max_pool(x, ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding='SAME')\n"
        "y = tf.concat([a, b], 3)\n"
        "w = tf.nn.conv2d(y, tf.zeros([3, 3, 2, 8]), [1, 2, 2, 1], 'SAME')\n"
        "z = tf.nn.max_pool(w, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding='SAME')\n"
        "v = tf.nn.conv2d(z, tf.zeros([1, 1, 8, 4]), [1, 1, 1, 1], 'SAME')\n"
        "o = tf.concat([z, v], 3)\n"
    )
    trace = net.trace()
    assert [row.output for row in trace.rows if row.op == "tf.nn.max_pool"] == [
        (1, 14, 14, 1),
        (1, 14, 14, 1),
        (1, 4, 4, 8),
    ]
    assert [(row.op, row.params) for row in trace.rows if row.params] == [("tf.nn.conv2d", 144), ("tf.nn.conv2d", 32)]
    assert trace.totals.macs == 7 * 7 * 8 * 9 * 2 + 4 * 4 * 4 * 8
