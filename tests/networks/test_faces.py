"""Whole networks as they are shown: tables of any width, letters for sizes, notebooks, and words that help."""

from __future__ import annotations

import re
import sys
from fractions import Fraction
from math import ceil, floor
from types import SimpleNamespace

import pytest
from build import Builder, inception, lenet, resnet, unet, vgg
from drawing import networks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import convwise as cw
from convwise.answers.explanation import Finding
from convwise.answers.network.expressions import expressions, words
from convwise.answers.network.features import remade
from convwise.answers.network.fitting import fits
from convwise.answers.network.flowing import run
from convwise.answers.network.legal import legal_sizes
from convwise.answers.network.trace import trace
from convwise.ask import ask
from convwise.cli import main
from convwise.faces.networks import render_findings, render_sizes, render_trace, render_trace_line
from convwise.faces.networks.rows import lettered, lines, parts
from convwise.faces.networks.table import Column, columns, elide, table
from convwise.graph import Network

WIDTHS = (60, 80, 100, 140)


def long_names() -> Network:
    """Names as PyTorch's exporter writes them."""
    b = Builder("long", ("N", 3, None, None))
    x = b.conv("x", (3, 8), 3, 2, 1, name="/conv1/Conv")
    for stage in (1, 2):
        for block in (0, 1):
            at = f"/layer{stage}/layer{stage}.{block}"
            x = b.conv(x, (8, 8), 3, 2, 1, name=f"{at}/downsample/downsample.0/Conv")
            x = b.conv(x, (8, 8), 3, 1, 1, name=f"{at}/conv1/Conv")
    return b.network(x)


# letters


def value(text: str, **letters: int) -> int:
    """An expression as people write it, as a number."""
    text = (
        re.sub(r"(\d|\)) (?=floor|ceil|min|max|\(|[A-Z])", r"\1 * ", text).replace(" x ", " * ").replace(" mod ", " % ")
    )
    text = re.sub(r"\b\d+\b", r"Fraction(\g<0>)", text)
    result = eval(text, {"Fraction": Fraction, "floor": floor, "ceil": ceil, "min": min, "max": max, **letters})
    assert result == int(result)
    return int(result)


def agree(network: Network, channels: int, sizes: list[tuple[int, int]]) -> int:
    """At every legal size the text of every row is the trace's number; how many expressions were compared."""
    told, legal, compared = expressions(network), legal_sizes(network), 0
    for height, wide in sizes:
        flowed = run(network, (1, channels, height, wide), strict=False)
        if flowed.errors or not legal.takes((height, wide)):
            continue
        for step, shape in zip(flowed.nodes, told.rows, strict=True):
            if shape is None or step.outputs[0] is None:
                continue
            for expected, size in zip(step.outputs[0], shape, strict=True):
                if isinstance(size, str) and not re.search(r"[{]|one of| if ", size):
                    assert value(size, H=height, W=wide) == expected, (step.node.name, size, height, wide)
                    compared += 1
                elif isinstance(size, int):
                    assert size == expected
    return compared


@pytest.mark.parametrize(
    "network", [vgg(11), resnet("18"), unet(), unet("none", 1), inception(), lenet()], ids=lambda network: network.title
)
def test_the_text_of_a_size_is_the_size(network: Network) -> None:
    channels = network.sources[0].declared[1]
    assert isinstance(channels, int)
    assert agree(network, channels, [(n, n) for n in range(16, 330, 4)] + [(n, n + 16) for n in range(188, 300)]) > 10


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks())
def test_the_text_of_a_size_is_the_size_in_random_networks(network: Network) -> None:
    channels = network.sources[0].declared[1]
    assert isinstance(channels, int)
    agree(network, channels, [(n, 40 - n) for n in range(1, 40)] + [(64, 9), (33, 34)])


def test_letters_say_for_which_sizes_they_hold() -> None:
    told = unet("none", 1).symbolic()
    assert told.where() == ["H (height) and W (width): every multiple of 16"]
    assert any(size == "H / 16" for shape in told.rows for size in shape or ())
    assert not any("floor" in str(size) for shape in told.rows for size in shape or ())


def test_two_inputs_have_their_own_letters() -> None:
    text = (
        "a = keras.Input((None, None, 3))\nb = keras.Input((None, 9, 3))\n"
        "x = layers.Conv2D(4, 3)(a)\ny = layers.Conv2D(4, 5)(b)\n"
        "model = keras.Model([a, b], [x, y])"
    )
    told = cw.read(text).symbolic()
    assert set(told.letters) == {"H1", "W1", "H2", "W2"}
    assert {words(shape) for shape in told.rows} == {"1 x (H1-2) x (W1-2) x 4", "1 x (H2-4) x (W2-4) x 4"}


def test_long_rules_stand_in_a_column_of_their_own() -> None:
    assert lettered((1, 4, "floor((H - 1) / 2)", "floor((W - 1) / 2)")) == ("1 x 4 x h x w", "floor((n - 1) / 2)")
    assert lettered((1, 4, "floor((H - 1) / 2)", "floor((W - 2) / 2)"))[1] == ""
    assert lettered((1, "H / 2", "W / 2", 4)) == ("1 x H/2 x W/2 x 4", "")


def test_open_sizes_are_shown_as_letters_without_being_asked(capsys: pytest.CaptureFixture[str]) -> None:
    text = "keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(8, 3, strides=2), layers.MaxPooling2D()])"
    assert main(["inspect", text]) == 0
    out = capsys.readouterr().out
    assert "h of H, w of W" in out
    assert "floor((n - 1) / 2)" in out
    assert "?" not in out.split("parameters  ")[-1]
    reply = ask({"command": "inspect", "model": text})
    assert reply["rows"][0]["symbolic"] == [1, "floor((H - 1) / 2)", "floor((W - 1) / 2)", 8]
    assert reply["symbolic"]["letters"] == {"H": "height", "W": "width"}
    fixed = ask({"command": "inspect", "model": text, "input": "1x64x64x3"})
    assert "symbolic" not in fixed
    assert "symbolic" not in fixed["rows"][0]
    assert "symbolic" in ask({"command": "inspect", "model": text, "input": "1x64x64x3", "symbolic": True})


# tables


@given(st.lists(st.text("abc012_", min_size=1, max_size=12), min_size=1, max_size=6), st.integers(2, 60))
def test_a_shortened_name_fits_and_keeps_its_end(pieces: list[str], width: int) -> None:
    for sign in "/.":
        name = sign.join(pieces)
        told = elide(name, width)
        assert columns(told) <= width
        if told != name:
            head, _, tail = told.partition("…")
            assert name.startswith(head)
            assert name.endswith(tail)
            assert len(head) + len(tail) < len(name)


def test_names_are_cut_where_their_parts_meet() -> None:
    name = "/layer4/layer4.1/relu_1/Relu"
    assert elide(name, 28) == name
    assert elide(name, 21) == "/layer4…/relu_1/Relu"
    assert elide(name, 24) == "…/layer4.1/relu_1/Relu"
    assert elide("features.denseblock1.denselayer2.conv1", 30) == "features….denselayer2.conv1"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("depth", [None, 1, 2])
def test_a_table_fits_every_width_with_one_line_a_row(width: int, depth: int | None) -> None:
    told = trace(long_names(), (1, 3, 224, 192))
    text = render_trace(told, width, depth=depth)
    assert all(columns(line) <= width for line in text.splitlines()), text
    head, body = re.split(r"─+\n", text)
    body = body.split("\n\n")[0]
    assert len(body.splitlines()) == len(lines(told, told.rows, depth))
    assert "MACs" in head
    if width >= 100 and depth is None:
        assert "/layer2/layer2.1/conv1/Conv" in body


def test_a_wide_table_tells_what_is_lost_and_padded() -> None:
    b = Builder("lossy", ("N", 3, None, None))
    network = b.network(b.pool(b.conv("x", (3, 4), 3, 1, 1)))
    text = render_trace(trace(network, (1, 3, 9, 10)), 140)
    assert "lost" in text
    assert "1 x 0" in text
    row = trace(network, (1, 3, 9, 10)).rows[0]
    inside = sum(
        0 <= i + a < 9 and 0 <= j + b_ < 10
        for i in range(9)
        for j in range(10)
        for a in (-1, 0, 1)
        for b_ in (-1, 0, 1)
    )
    assert row.padding_share == pytest.approx(1 - inside / (90 * 9))
    assert f"{100 * (row.padding_share or 0):.1f} %" in text


@pytest.mark.parametrize("network", [resnet("18"), inception(), unet(), long_names()], ids=lambda one: one.title)
def test_folded_rows_add_up_to_the_totals(network: Network) -> None:
    channels = network.sources[0].declared[1]
    told = network.trace((1, channels, 252, 252)) if "unet" in network.title else network.trace((1, channels, 256, 256))
    for depth in (1, 2, 3):
        folded = lines(told, told.rows, depth)
        assert sum(line.params or 0 for line in folded) == told.totals.params
        assert sum(line.macs or 0 for line in folded) == told.totals.macs
    assert len(lines(told, told.rows, 1)) <= len(told.rows)


def test_a_layer_called_again_is_no_module() -> None:
    text = (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.pool = nn.MaxPool2d(2)\n"
        "        self.a = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())\n        self.b = nn.Conv2d(4, 4, 3)\n"
        "    def forward(self, x):\n        return self.pool(self.b(self.pool(self.a(x))))\n"
    )
    told = cw.read(text).trace((1, 3, 32, 30))
    assert [line.name for line in lines(told, told.rows, 1)] == ["a", "pool", "b", "pool"]


def test_parts_of_names() -> None:
    assert parts("/features/features.1/features.1.0/attn/Reshape_2") == ["features", "1", "0", "attn", "Reshape_2"]
    assert parts("down1.body.0") == ["down1", "body", "0"]
    assert parts("conv2_block1/add") == ["conv2_block1", "add"]


def test_what_is_filtered_is_counted() -> None:
    text = render_trace(trace(resnet("18"), (1, 3, 224, 224)), 100, only="gemm")
    assert re.search(r"shown +\d of \d+ nodes, with [\d,]+ parameters and [\d,]+ MACs", text)
    assert "(no rows)" in render_trace(trace(resnet("18"), (1, 3, 224, 224)), 100, grep="nothing like it")


def test_one_line_tells_a_network(capsys: pytest.CaptureFixture[str]) -> None:
    told = trace(vgg(11), (1, 3, 224, 224))
    line = render_trace_line(told)
    assert "\n" not in line
    assert f"{told.totals.params:,} parameters" in line
    assert main(["inspect", "nn.Sequential(nn.Conv2d(3, 8, 3))", "--input", "1x3x9x9", "--format", "concise"]) == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_a_table_with_wide_letters_stays_straight() -> None:
    text = table([Column("name", ["畳み込み", "conv"], shorten=elide), Column("n", ["1", "22"], right=True)], 40)
    *_, first, second = text.splitlines()
    assert columns(first) == columns(second)


# notebooks


HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m&'\""


def test_html_escapes_names_and_takes_its_colours_from_the_page() -> None:
    b = Builder(HOSTILE, ("N", 3, None, None))
    x = b.conv("x", (3, 4), name=HOSTILE)
    network = b.network(x)
    for shown in (network.trace((1, 3, 9, 10)), network.legal_sizes(), network):
        piece = shown._repr_html_()
        assert "<img" not in piece
        assert "\x1b" not in piece
        assert "color:#000" not in piece
        assert "background:#" not in piece
        assert piece.startswith("<div")
        assert piece.count("<div") == piece.count("</div>")
    assert "&lt;img" in network.trace((1, 3, 9, 10))._repr_html_()


def test_names_are_escaped_in_every_table() -> None:
    b = Builder(HOSTILE, ("N", 3, None, None))
    network = b.network(b.conv("x", (3, 4), name=HOSTILE))
    told = network.symbolic()
    shown = [
        str(told),
        str(network),
        str(network.trace((1, 3, 9, 10))),
        render_trace(network.trace((1, 3, 9, 10)), 100),
        render_trace(network.trace(), 60, symbolic=told, depth=1),
        render_trace_line(network.trace((1, 3, 9, 10))),
        render_sizes(network.legal_sizes()),
        render_findings(network.check((1, 3, 2, 9)), {HOSTILE: (1, 3, 2, 9)}),
    ]
    assert all("\x1b" not in text for text in shown)
    assert "\\x1b[31m" in shown[0]


def test_a_very_long_table_is_cut_in_notebooks() -> None:
    b = Builder("deep", ("N", 3, None, None))
    x = "x"
    for _ in range(450):
        x = b.relu(x)
    piece = b.network(x).trace((1, 3, 9, 10))._repr_html_()
    assert piece.count("<tr") == 401
    assert "and 50 more rows" in piece


def test_html_holds_every_row_and_the_totals() -> None:
    told = trace(resnet("18"), (1, 3, 224, 224))
    piece = told._repr_html_()
    assert piece.count("<tr") == len(told.rows) + 1
    assert f"{told.totals.macs:,}" in piece


@pytest.mark.parametrize("given", [["1x3x40x48"], []])
def test_a_printed_trace_is_the_table_of_inspect(
    given: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    main(["inspect", "examples/unet.py", *given])
    shown = cw.read("examples/unet.py").trace(*given)
    assert f"{shown}\n" == capsys.readouterr().out
    assert repr(shown) == "Trace('UNet', 'torch', 52 rows)"


def test_a_network_prints_what_it_is() -> None:
    network = cw.read("examples/unet.py")
    first, *rest = str(network).splitlines()
    assert first == "UNet · PyTorch · x: ? x 3 x ? x ? -> head · 52 nodes"
    assert "trace(shape)" in "".join(rest)
    assert repr(network) == "Network('UNet', 'torch', 52 nodes)"
    assert "<b>UNet · PyTorch" in network._repr_html_()


def test_pandas_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(cw.ArgumentError, match="needs pandas") as caught:
        trace(lenet(), (1, 1, 32, 32)).to_pandas()
    assert caught.value.code == "CW606"


def test_pandas_gets_a_row_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[dict[str, object]] = []
    fake = SimpleNamespace(DataFrame=SimpleNamespace(from_records=lambda records: kept.extend(records) or "frame"))
    monkeypatch.setitem(sys.modules, "pandas", fake)
    told = trace(lenet(), (1, 1, 32, 32))
    assert told.to_pandas() == "frame"
    assert [record["name"] for record in kept] == [row.name for row in told.rows]
    assert {tuple(record) for record in kept} == {tuple(kept[0])}
    assert kept[0]["receptive_field_height"] == told.rows[0].receptive_field[0]


# sizes and checks


def test_sizes_say_what_a_dense_layer_would_have_to_be() -> None:
    network = lenet()
    made = remade(network, (28, 28), "x")
    assert [one.features for one in made] == [256]
    text = render_sizes(legal_sizes(network), fits(network, (28, 28)), made, "torch")
    assert "in_features=256 instead of 400 would take 28 x 28" in text
    assert "near 28 x 28    not legal; the nearest is 32 x 32" in text
    assert "both 32..35" in text
    assert "one 16..19, the other 112..115" in text
    assert remade(network, (4, 4), "x") == ()
    assert remade(network, (32, 32), "x") == ()


def test_near_sizes_are_legal_together() -> None:
    network = lenet()
    legal = legal_sizes(network)
    for height in range(14, 120, 7):
        for wide in range(14, 120, 5):
            near = fits(network, (height, wide))
            for point in ([fit.below for fit in near], [fit.above for fit in near]):
                if None not in point:
                    assert legal.takes(tuple(size for size in point if size is not None))
            below, above = ([fit.below for fit in near], [fit.above for fit in near])
            if None in below and None in above:
                assert legal.takes(tuple(fit.below or fit.above or 0 for fit in near))


def test_reasons_are_told_once_and_pads_in_words() -> None:
    network = unet("none", 1)
    text = render_sizes(legal_sizes(network), fits(network, (350, 350)))
    assert text.count("needs") == len({reason for sizes in legal_sizes(network).values() for reason in sizes.reasons})
    assert "near 350        not legal; the nearest are 336 and 352" in text
    assert "for 352       pad 1 before and 1 after, then crop 1 before and 1 after off the output" in text


def test_findings_begin_with_the_verdict_and_are_told_once() -> None:
    notes = [Finding("CW516", "note", "an even kernel", name, "use an odd one") for name in "abcdef"]
    text = render_findings([Finding("CW501", "warning", "one\ntwo", "n"), *notes], {"x": (1, 3, 9, 9)})
    assert text.splitlines() == [
        "x 1 x 3 x 9 x 9 works: 1 warning, 6 notes",
        "warning CW501  n: one",
        "  two",
        "note CW516  a, b, c and 3 more: an even kernel",
        "  try  use an odd one",
    ]
    assert render_findings([], {"x": (1, 3, 9, 9)}) == "x 1 x 3 x 9 x 9 works: nothing to report"
    assert "--input gives them" in render_findings([], {"x": (None, 3, None, 9)})
    assert "does not work: 1 error" in render_findings(
        [Finding("CW110", "error", "no")], {"x": (1, 3, 9, 9)}, works=False
    )


def test_a_joint_condition_is_advised_as_one() -> None:
    found = lenet().check((1, 1, 28, 28))
    assert "both 32..35; or one 16..19, the other 112..115; nearest to 28x28: 32x32" in found[0].hint
