"""What layers of a PyTorch text say of themselves: settings, shapes of weights, and functions on these weights."""

from __future__ import annotations

from math import ceil

import pytest
from readers.same_padding_texts import HEAD, NET, STANDARDISED, TEXTS
from readers.tied_texts import TIED, text_of

import convwise as cw


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("sizes", [(9, 10), (225, 224), (64, 97)])
def test_convolutions_that_pad_by_hand_give_the_ceiling_of_their_strides_share(
    name: str, sizes: tuple[int, int]
) -> None:
    network = cw.read(HEAD + TEXTS[name] + NET, input_shape=(2, 3, *sizes))
    history = {one.name: one for one in network.trace((2, 3, *sizes))}
    height, width = (ceil(size / 2) for size in sizes)
    assert history["stem"].output == (2, 32, height, width)
    assert history["down"].output == (2, 64, ceil(height / 2), ceil(width / 3))
    assert (history["stem"].params, history["bn"].params, history["down"].params) == (864, 64, 64 * 2 * 20 + 64)
    assert history["head"].params == 650


def test_where_no_branch_stands_before_the_padding_all_sizes_are_told() -> None:
    network = cw.read(HEAD + TEXTS["its own forward"] + NET)
    assert [sizes.text() for sizes in network.legal_sizes().values()] == ["every n", "every n"]


@pytest.mark.parametrize("name", ["its own sizes", "functions"])
def test_a_branch_on_sizes_asks_for_an_input(name: str) -> None:
    with pytest.raises(cw.CodeError, match="if pad_h > 0 or pad_w > 0") as caught:
        cw.read(HEAD + TEXTS[name] + NET).trace()
    assert caught.value.hint == "give the input's shape: with it the sizes are known, and so is the way"


def net(layers: str, forward: str, more: str = "") -> str:
    body = "".join(f"        {line.strip()}\n" for line in layers.split(";"))
    lines = "".join(f"        {line.strip()}\n" for line in forward.split(";"))
    return f"{HEAD}{more}class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n{body}    def forward(self, x):\n{lines}"


def test_the_parts_of_a_condition_are_followed_once() -> None:
    forward = "x = self.c(x); if x.mean() > 0 or x.size(2) > 5: print(x); return x"
    text = net("self.c = nn.Conv2d(3, 8, 3)", forward)
    for shape in (None, (1, 3, 9, 10)):
        assert [one.op for one in cw.read(text).trace(shape).rows].count(".mean") <= 1


def told(text: str, *shape: int) -> list[tuple[object, object]]:
    return [(one.output, one.params) for one in cw.read(text, input_shape=shape).trace(shape)]


def test_a_layers_weights_in_a_function_are_its_own_and_counted_once() -> None:
    text = net("self.c = nn.Conv2d(3, 8, (3, 5))", "return self.c(x) + F.conv2d(x, self.c.weight, self.c.bias)")
    assert [params for _, params in told(text, 1, 3, 9, 10)] == [368, 0, 0]
    text = net("self.c = nn.Linear(10, 7, bias=False)", "return F.linear(x, self.c.weight)")
    assert told(text, 2, 10) == [((2, 7), 70)]


def test_other_settings_make_another_layer_of_the_same_weights() -> None:
    text = net("self.c = nn.Conv2d(4, 8, 3)", "return F.conv2d(x, self.c.weight, None, (2, 1), groups=2, padding=1)")
    with pytest.raises(cw.ConvwiseError) as caught:  # 2 groups of 4 channels are 8
        told(text, 1, 4, 9, 10)
    assert "8 channels" in str(caught.value)
    assert told(text, 1, 8, 9, 10)[-1] == ((1, 8, 5, 10), 288)
    twice = net(
        "self.c = nn.Conv2d(4, 4, 3)",
        "x = F.conv2d(x, self.c.weight, None, padding=1); return F.conv2d(x, self.c.weight, None, padding=1)",
    )
    assert [params for _, params in told(twice, 1, 4, 9, 10)] == [144, 0]


@pytest.mark.parametrize("more", ["", " + 0 * x"])
def test_a_decoder_with_the_encoders_weights_counts_them_once(more: str) -> None:
    layers, decoder = "self.c = nn.Conv2d(3, 8, (3, 5), 2)", f"F.conv_transpose2d(h, self.c.weight, stride=2){more}"
    text = net(layers, f"h = self.c(x); return {decoder}")
    rows = told(text, 1, 3, 19, 21)
    assert rows[0] == ((1, 8, 9, 9), 368)
    assert rows[1] == ((1, 3, 19, 21), 0)
    alone = net(layers, f"h = x; return {decoder.removesuffix(more)}")
    network = cw.read(alone, input_shape=(1, 8, 9, 9))
    assert [(one.output, one.params) for one in network.trace((1, 8, 9, 9))] == [((1, 3, 19, 21), 360)]
    assert network.notes == ()


@pytest.mark.parametrize(("tie", "run", "wanted"), TIED)
def test_weights_that_are_put_into_a_second_layer_count_once(tie: str, run: str, wanted: list[int]) -> None:
    text = text_of(tie, run)
    assert [params for _, params in told(text, 2, 8, 9, 10)][: len(wanted)] == wanted
    assert cw.read(text).trace((2, 8, 9, 10)).totals.params == sum(wanted)


def test_weights_with_lengths_of_their_own_are_not_tied() -> None:
    with pytest.raises(cw.CodeError, match="'weight' of a layer is changed after the layer was made"):
        told(text_of("nn.utils.weight_norm(self.c); self.d.weight = self.c.weight", "self.d(self.c(x))"), 2, 8, 9, 10)


def test_weights_of_another_shape_or_bias_are_not_taken_for_the_layers_own() -> None:
    mixed = net(
        "self.a = nn.Conv2d(4, 4, 3); self.b = nn.Conv2d(4, 4, 3)", "return F.conv2d(x, self.a.weight, self.b.bias)"
    )
    with pytest.raises(cw.ConvwiseError) as caught:
        told(mixed, 1, 4, 9, 10)
    assert caught.value.code in ("CW314", "CW315")
    assert "F.conv2d" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ("self.padding = (1, 1)", True),
        ("self.stride = [2, 2]", False),
        ("self.stride = 2", False),
        ("self.kernel_size = 5", False),  # the weights say how large a window is
        ("self.stride = 3", True),
        ("self.dilation = self.dilation", False),
        ("self.groups = unknown", True),
    ],
)
def test_settings_that_change_after_the_layer_was_made_are_never_overlooked(change: str, refused: bool) -> None:
    cls = f"class Same(nn.Conv2d):\n    def __init__(self):\n        super().__init__(3, 8, 3, 2)\n        {change}\n"
    cls += "    def forward(self, x):\n        return super().forward(x)\n"
    text = net("self.c = Same()", "return self.c(x)", cls)
    if not refused:
        assert told(text, 1, 3, 9, 10) == [((1, 8, 4, 4), 224)]
        return
    with pytest.raises(cw.CodeError, match="is changed after the layer was made"):
        told(text, 1, 3, 9, 10)


def test_a_changed_setting_does_not_reach_a_function_that_is_given_its_own() -> None:
    cls = "class Own(nn.Conv2d):\n    def __init__(self):\n        super().__init__(3, 8, 3)\n        self.padding = (2, 2)\n"
    for padding, output in (("0", (1, 8, 7, 8)), ("self.padding", (1, 8, 11, 12))):
        run = f"    def forward(self, x):\n        return F.conv2d(x, self.weight, self.bias, padding={padding})\n"
        assert told(net("self.c = Own()", "return self.c(x)", cls + run), 1, 3, 9, 10) == [(output, 224)]


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ("self.c.weight = nn.Parameter(torch.zeros(8, 1, 3, 3))", True),
        ("self.c.weight = nn.Parameter(torch.zeros(8, 3, 3, 3))", False),
        ("self.c.weight = nn.Parameter(unknown.mean(1, keepdim=True))", False),
        ("self.c.weight.data = torch.ones(8, 3, 3, 3)", False),
        ("self.c.bias = nn.Parameter(torch.zeros(8))", True),
        ("self.d.bias = nn.Parameter(torch.zeros(8))", False),
    ],
)
def test_weights_of_another_shape_that_are_put_into_a_layer_are_not_overlooked(change: str, refused: bool) -> None:
    text = net(
        f"self.c = nn.Conv2d(3, 8, 3, bias=False); self.d = nn.Conv2d(8, 8, 1); {change}", "return self.d(self.c(x))"
    )
    if not refused:
        assert told(text, 1, 3, 9, 10) == [((1, 8, 7, 8), 216), ((1, 8, 7, 8), 72)]
        return
    with pytest.raises(cw.CodeError, match="of a layer is changed after the layer was made"):
        told(text, 1, 3, 9, 10)


def test_a_pool_reads_its_kernel_when_it_runs() -> None:
    cls = "class Own(nn.MaxPool2d):\n    def __init__(self):\n        super().__init__(3, 2)\n        self.kernel_size = 5\n"
    cls += "    def forward(self, x):\n        return super().forward(x)\n"
    with pytest.raises(cw.CodeError, match="'kernel_size' of a layer is changed"):
        told(net("self.p = Own()", "return self.p(x)", cls), 1, 3, 9, 10)


def test_an_optional_bias_decides_a_condition() -> None:
    forward = "if self.c.bias is not None: return self.c(x)[:, :3]; return self.c(x)[:, :2]"
    for bias, channels in (("True", 3), ("False", 2)):
        text = net(f"self.c = nn.Conv2d(3, 8, 3, bias={bias})", forward)
        assert told(text, 1, 3, 9, 10)[-1][0] == (1, channels, 7, 8)


def test_what_a_layer_does_not_keep_is_unknown() -> None:
    for wrong in ("self.a.in_feature", "self.a.weight.shape[7]", "self.a.weight.mean()", "self.a.bias.size(1)"):
        text = net(f"self.a = nn.Conv2d(3, 8, 3); self.b = nn.Conv2d(8, {wrong}, 3)", "return self.b(self.a(x))")
        with pytest.raises(cw.CodeError) as caught:
            told(text, 1, 3, 9, 10)
        assert caught.value.code == "CW314"
        assert wrong.split(".")[-1].split("[")[0].rstrip("()") in str(caught.value)


def test_a_history_counts_parameters_as_inspect_does() -> None:
    text = HEAD + TEXTS["its own sizes"] + NET
    shape = (2, 3, 9, 10)
    totals = cw.read(text, input_shape=shape).trace(shape).totals
    why = cw.explain(text, shape)
    # The moments of a batch normalisation are buffers in PyTorch.
    assert (why.params, why.trainable) == (totals.params, totals.trainable) == (864 + 64 + 2624 + 650,) * 2
    assert [part.params for part in why.parts if part.name == "bn"] == [64]


@pytest.mark.parametrize("branch", [False, True])
def test_weights_that_are_standardised_first_are_still_the_layers_own(branch: bool) -> None:
    text = HEAD + (
        STANDARDISED.replace("self.two(self.one(x))", "F.relu(y := self.two(self.one(x))) + y")
        if branch
        else STANDARDISED
    )
    shape = (2, 3, 19, 24)
    network = cw.read(text, input_shape=shape)
    rows = {one.name: (one.output, one.params) for one in network.trace(shape)}
    assert rows["one"] == ((2, 16, 10, 12), 432)
    assert rows["two"] == ((2, 8, 8, 12), 8 * 4 * 15 + 8)
    assert rows["three"] == ((2, 8, 6, 8), 584)
    assert network.notes == ()


@pytest.mark.parametrize(
    "other",
    [
        "torch.cat([w, w])",
        "w + unknown",
        "w[:4]",
        "w * x.mean()",
        "w.repeat(2, 1, 1, 1)",
        "w + self.bias",
        "w + self.more.weight",
    ],
)
def test_weights_of_a_shape_that_the_text_does_not_give_are_no_layers(other: str) -> None:
    cls = f"class Odd(nn.Conv2d):\n    def __init__(self):\n        super().__init__(3, 8, 3)\n        self.more = nn.Conv2d(3, 8, 3)\n    def forward(self, x):\n        w = self.weight\n        w = {other}\n        return F.conv2d(x, w, self.bias)\n"
    with pytest.raises(cw.CodeError) as caught:
        told(net("self.c = Odd()", "return self.c(x)", cls), 1, 3, 9, 10)
    assert "F.conv2d" in str(caught.value) or other[:8] in str(caught.value)
