"""Explanations: the facts of the five questions, fixes that hold, breaks that carry their history."""

from __future__ import annotations

import json

import pytest

import convwise as cw
from convwise.answers.explanation import Explanation


def fact(explanation: Explanation, label: str) -> str:
    """The lines of one row of an explanation."""
    (found,) = [fact for fact in explanation.facts if fact.label == label]
    return "\n".join(found.lines)


def test_question_1_halved_without_pooling() -> None:
    e = cw.explain("Conv2D(32, (3, 3), strides=(2, 2), padding='valid')", (64, 64, 3))
    assert (e.input, e.output, e.params, e.macs) == ((64, 64, 3), (31, 31, 32), 896, 830_304)
    assert e.headline == "The stride halves it, no pooling needed: strides=2 uses every second place."
    height = e.axes[0]
    assert (height.name, height.span, height.places, height.out) == ("height", 3, 62, 31)
    assert height.formula == "floor((64 + 0 + 0 - 3) / 2) + 1 = 31"
    assert (height.unread_data, height.unread_data.tail, height.unread_padding) == (1, 1, 0)
    assert (height.preimage, height.any_size) == ((63, 64), "ceil((n - 2) / 2), n >= 3")
    assert fact(e, "31, not 32") == "no padding: the window cannot start on the last two cells"
    assert fact(e, "not read") == "the last row and column (63)"
    assert fact(e, "any size") == "ceil((n - 2) / 2), n >= 3; 63 gives 31 too"
    assert [(fix.label, fix.output, fix.why) for fix in e.fixes] == [
        ("padding='same'", (32, 32, 32), "exactly half"),
        ("padding='same', strides=1", (64, 64, 32), "no halving"),
    ]


def test_question_2_one_less_than_wanted() -> None:
    e = cw.explain("nn.Conv2d(3, 16, 3, stride=2, padding=0)", "3x28x28", want="14x14")
    assert (e.output, e.verdict) == ((16, 13, 13), "one less than 14 x 14")
    assert e.headline == "Stride 2 halves; missing padding costs the last one."
    assert [code for code, _ in e.fixes] == [
        "nn.Conv2d(3, 16, 3, stride=2, padding=1)",
        "nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 16, 3, stride=2, padding=0))",
    ]
    assert {fix.output for fix in e.fixes} == {(16, 14, 14)}
    assert e.refused == (("padding='same'", "padding='same' is not supported for strided convolutions"),)


def test_question_3_the_chain_that_skips_rows() -> None:
    (e,) = cw.explain_all(
        "x = tf.random.normal(shape=(2, 128, 128, 3))\n"
        "conv5 = tf.keras.layers.Conv2D(filters=8, kernel_size=(3, 3), strides=(4, 4), padding='valid')\n"
        "conv6 = tf.keras.layers.Conv2D(filters=16, kernel_size=(3, 3), padding='same')\n"
        "y = conv6(conv5(x))\n"
    )
    assert (e.input, e.output) == ((2, 128, 128, 3), (2, 32, 32, 16))
    assert [(step.name, step.output, step.params) for step in e.steps] == [
        ("conv5", (2, 32, 32, 8), 224),
        ("conv6", (2, 32, 32, 16), 1168),
    ]
    assert e.axes == ()
    assert e.headline == "Yes. Only channels must match; height and width need not."
    assert fact(e, "must match") == "conv6's 3x3x8x16 weights need 8 channels: conv5 gives 8"
    assert fact(e, "free") == "any height and width from 3 x 3 up work"
    (finding,) = e.findings
    assert (finding.code, finding.level, finding.node) == ("CW501", "warning", "conv5")
    assert "rows and columns 3, 7 ... 127 are never read (32 of 128; 56% of pixels read)" in finding.text
    assert e.steps[0].axes[0].unread_data == 32
    (fix,) = e.fixes
    assert (fix.label, fix.output, fix.why) == ("conv5 kernel_size=4", (2, 32, 32, 8), "every pixel read")


def test_question_4_same_is_ceil_of_size_over_stride() -> None:
    e = cw.explain("Conv2D(32, 3, strides=2, padding='same')", (65, 65, 3))
    assert e.output == (33, 33, 32)
    assert e.headline == "'same' keeps the size only at stride 1. In general it means ceil(size / stride)."
    assert fact(e, "height, width") == "ceil(65 / 2) = 33, which is also floor((65 + 1) / 2)"
    assert fact(e, "padding") == "(33 - 1) * 2 + 3 - 65 = 2: 1 before, 1 after\n(size 64 needs 1: 0 before, 1 after)"
    assert fact(e, "not read") == "nothing; 66 gives 33 too"
    assert [(fix.label, fix.output) for fix in e.fixes] == [("strides=1", (65, 65, 32))]
    (back,) = e.undo
    assert back.code == "Conv2DTranspose(32, 3, strides=2, padding='same', output_padding=0)"
    assert cw.output_shape(back.code, e.output)[:2] == (65, 65)


def test_question_5_the_kernel_never_changes() -> None:
    text = "Conv2D(32, 3, padding='valid', activation='relu')"
    assert [cw.output_shape(text, (n, n, 3)) for n in (8, 10, 5)] == [(6, 6, 32), (8, 8, 32), (3, 3, 32)]
    with pytest.raises(cw.ShapeError, match="the window spans 3 but only 2 cells exist") as caught:
        cw.explain(text, (2, 2, 3))
    error = caught.value
    assert (error.code, error.axis) == ("CW104", "height and width")
    assert error.quote.startswith("Computed output size would be zero or negative")
    assert error.explanation is not None
    assert next((fix.label, fix.output) for fix in error.explanation.fixes) == ("padding='same'", (2, 2, 32))
    assert "at least 3" in error.hint


KERAS = [
    "Conv2D({f}, {k}, strides={s}, padding='{p}')",
    "MaxPooling2D({k}, strides={s}, padding='{p}')",
]
TORCH = ["nn.Conv2d(3, {f}, {k}, stride={s}, padding={q})", "nn.AvgPool2d({k}, {s}, {q})"]


@pytest.mark.parametrize("want", [None, (5, 4), (9, 7), (3, 10)])
@pytest.mark.parametrize("pattern", KERAS + TORCH)
def test_every_fix_gives_what_it_says_and_what_was_wanted(pattern: str, want: tuple[int, int] | None) -> None:
    tried = 0
    for k, s, p, q in [
        ((3, 2), 2, "valid", 0),
        ((2, 3), (1, 3), "same", 1),
        (4, 3, "valid", (1, 2)),
        (5, (2, 1), "same", 2),
    ]:
        text = pattern.format(f=6, k=k, s=s, p=p, q=q)
        shape = (9, 10, 3) if "2D" in text else (3, 9, 10)
        e = cw.explain(text, shape, want=want)
        for fix in e.fixes:
            assert cw.output_shape(fix.code, shape) == fix.output, fix
            if want is not None:
                assert want in (fix.output[:2], fix.output[1:])
            tried += 1
    assert tried


def test_a_size_that_is_wanted_and_there_needs_no_fix() -> None:
    e = cw.explain("Conv2D(32, 3)", (9, 10, 3), want="7x8")
    assert (e.verdict, e.fixes) == ("as wanted", ())


@pytest.mark.parametrize(
    ("layer", "shape", "code", "output"),
    [
        (
            "nn.Conv2d(3, 16, 3, stride=2, padding='same')",
            (3, 28, 28),
            "nn.Conv2d(3, 16, 3, stride=2, padding=1)",
            (16, 14, 14),
        ),
        ("Conv2D(8, 3, strides=2, dilation_rate=2)", (28, 28, 3), "Conv2D(8, 3, dilation_rate=2)", (24, 24, 8)),
        ("nn.Conv2d(3, 16, 0)", (3, 28, 28), "nn.Conv2d(3, 16, 1)", (16, 28, 28)),
    ],
)
def test_a_refused_layer_comes_with_what_was_meant(
    layer: str, shape: tuple[int, ...], code: str, output: tuple[int, ...]
) -> None:
    with pytest.raises(cw.Refusal) as caught:
        cw.explain(layer, shape)
    told = caught.value.explanation
    assert told is not None
    assert (code, output) in [(fix.code, fix.output) for fix in told.fixes]


def test_a_chain_that_breaks_tells_its_history_and_the_way_out() -> None:
    text = "nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(1050, 10))"
    with pytest.raises(cw.ShapeError, match="the layer takes 1050 features, the input has 1568") as caught:
        cw.explain(text, (2, 1, 28, 28))
    told = caught.value.explanation
    assert told is not None
    assert [step.output for step in told.steps] == [(2, 32, 28, 28), (2, 32, 7, 7), (2, 1568)]
    assert fact(told, "features") == "Flatten (2) gives 32 x 7 x 7 = 1568"
    assert fact(told, "would work") == "1050 is not 32 x height x width for any size: no input can make it fit"
    assert told.fixes[0].code == "nn.Linear(1568, 10)"
    assert caught.value.quote == "mat1 and mat2 shapes cannot be multiplied (2x1568 and 1050x10)"


def test_the_input_that_the_features_came_from() -> None:
    text = "nn.Sequential(nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 10))"
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(text, (1, 1, 28, 28))
    assert caught.value.explanation is not None
    # 5 x 5 comes from 10 or 11, from 14 or 15, from 28 to 31, from 32 to 35; brute force agrees.
    assert fact(caught.value.explanation, "would work") == "16 x 5 x 5, from an input of 32 x 32 to 35 x 35"
    assert cw.output_shape(text, (1, 1, 32, 35)) == (1, 10)
    for size in (31, 36):
        with pytest.raises(cw.ShapeError):
            cw.output_shape(text, (1, 1, size, size))


def test_the_smallest_input_of_a_chain_that_runs_out_of_cells() -> None:
    block = "nn.Conv2d({}, 8, 3), nn.MaxPool2d(2)"
    text = f"nn.Sequential({block.format(3)}, {block.format(8)}, {block.format(8)}, {block.format(8)})"
    with pytest.raises(cw.ShapeError, match="Conv2d") as caught:
        cw.explain(text, (1, 3, 28, 28))
    assert caught.value.explanation is not None
    assert fact(caught.value.explanation, "would work") == "any height and width from 46 x 46 up"
    assert cw.output_shape(text, (1, 3, 46, 46)) == (1, 8, 1, 1)
    with pytest.raises(cw.ShapeError):
        cw.output_shape(text, (1, 3, 45, 46))


def test_without_an_input_it_says_what_holds_for_any() -> None:
    e = cw.explain("Conv2D(32, 3, strides=2, padding='same')")
    assert e.output == (None, None, 32)
    assert e.axes[0].any_size == "ceil(n / 2)"
    assert cw.explain("nn.Conv2d(3, 16, (3, 5))").output == (16, None, None)
    assert cw.explain("nn.Conv2d(3, 16, (3, 5))").params == 736
    with pytest.raises(cw.CodeError, match="no input shape") as caught:
        cw.explain("nn.Linear(3, 4)")
    assert caught.value.code == "CW310"


def test_a_chain_that_cannot_be_read_among_the_pairs_says_why() -> None:
    text = "nn.Sequential(*[nn.Conv2d(3, 3, 1)] * 5000)"
    for shape in ((1, 3, 9, 10), None):
        with pytest.raises(cw.CodeError, match="unknown number of layers") as caught:
            cw.explain(text, shape)
        assert caught.value.code == "CW314"
    with pytest.raises(cw.CodeError, match="unknown number of layers"):
        cw.output_shape(text, (1, 3, 9, 10))
    several = f"a = nn.Conv2d(3, 8, 5)\nm = {text}\n"
    with pytest.raises(cw.CodeError, match="3 layer-input pairs") as caught:
        cw.explain(several, (1, 3, 9, 10))
    assert caught.value.code == "CW309"
    assert "m (line 2): cannot be read: unknown number of layers" in caught.value.detail
    assert "nn.Conv2d(3, 8, 5) on no input" in caught.value.detail


def test_several_pairs_are_named_by_explain_and_told_by_explain_all() -> None:
    text = "conv = nn.Conv2d(3, 8, 3)\na = conv(torch.randn(1, 3, 9, 10))\nb = conv(torch.randn(1, 3, 5, 2))\n"
    with pytest.raises(cw.CodeError, match="2 layer-input pairs") as caught:
        cw.explain(text)
    assert caught.value.code == "CW309"
    assert "1 x 3 x 9 x 10" in caught.value.detail
    first, second = cw.explain_all(text)
    assert first.output == (1, 8, 7, 8)
    assert second.error is not None
    assert second.error.code == "CW104"
    assert cw.explain(text, (3, 9, 10)).output == (8, 7, 8)


def test_asymmetric_axes_are_told_apart_and_equal_ones_once() -> None:
    e = cw.explain("nn.Conv2d(3, 16, (3, 5), stride=(2, 1), padding=(1, 0), dilation=(1, 2))", (3, 28, 40))
    assert e.output == (16, 14, 32)
    assert [row.label for row in e.facts][:1] == ["height"]
    assert "width" in [row.label for row in e.facts]
    assert "height, width" in [row.label for row in cw.explain("nn.Conv2d(3, 16, 3)", (3, 9, 9)).facts]


def test_causes_are_split() -> None:
    (length,) = cw.explain("nn.Conv1d(3, 16, 4, stride=3, padding=2, dilation=3)", (3, 40)).axes
    assert [cause for cause, _ in length.causes] == ["kernel", "dilation", "padding", "stride", "floor"]
    assert (length.places, length.out) == (35, 12)


def test_the_same_call_in_the_other_framework_is_pointed_out() -> None:
    e = cw.explain("Conv2D(3, 16, 3)", (64, 64, 3))
    assert any("did you mean nn.Conv2d(3, 16, 3)?" in finding.text for finding in e.findings)
    with pytest.raises(cw.ShapeError, match="channels") as caught:
        cw.explain("nn.Conv2d(3, 16, 3)", (28, 28, 3))
    assert "did you mean 3x28x28?" in caught.value.hint


def test_to_dict_is_json_and_has_the_fields() -> None:
    e = cw.explain("Conv2D(32, 3, strides=4)", (128, 128, 3))
    told = json.loads(json.dumps(e.to_dict()))
    assert told["output"] == [32, 32, 32]
    assert told["axes"][0]["unread_data"] == {"count": 32, "tail": 1, "gaps": 31}
    assert told["axes"][0]["formula"].endswith("= 32")
    assert told["params"] == 896


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ("64xx3", "64xx3"),
        ((64, 64.5, 3), "64.5 in the shape is not an integer"),
        (7, "an input shape is text such as 64x64x3"),
        ((True, 64, 3), "True in the shape is not an integer"),
    ],
)
def test_malformed_inputs_are_arguments_that_are_wrong(shape: object, words: str) -> None:
    for ask in (cw.explain, cw.output_shape):
        with pytest.raises(cw.ArgumentError) as caught:
            ask("Conv2D(32, 3)", shape)
        assert caught.value.code == "CW601"
        assert words in str(caught.value)


def test_a_want_of_the_wrong_rank_is_an_argument_error() -> None:
    with pytest.raises(cw.ArgumentError, match="3 wanted sizes for 2 axes") as caught:
        cw.explain("Conv2D(32, 3)", (9, 10, 3), want="32x32x32")
    assert caught.value.code == "CW604"


def test_one_wanted_size_holds_for_every_axis() -> None:
    e = cw.explain("MaxPooling2D(2)", (27, 29, 16), want=14)
    assert (e.want, e.verdict) == ((14, 14), "not 14 x 14")
    assert cw.explain("MaxPooling2D(2)", (27, 27, 16), want=14).fixes[0].label == "padding='same'"


def test_what_is_no_layer_is_said() -> None:
    with pytest.raises(cw.ConvwiseError) as caught:
        cw.explain(42, (9, 10, 3))
    assert "int" in str(caught.value)


def test_convwise_layers_and_models_are_explained_like_the_frameworks_own() -> None:
    from convwise import keras
    from convwise.torch import nn

    assert cw.explain(keras.layers.Conv2D(8, (3, 2), strides=2), (9, 10, 3)).output == (4, 5, 8)
    assert cw.explain(nn.Conv2d(3, 8, (3, 2), stride=2), (3, 9, 10)).output == (8, 4, 5)
    model = keras.Sequential([keras.layers.Conv2D(8, 3), keras.layers.MaxPooling2D((2, 3))])
    told = cw.explain(model, (9, 10, 3))
    assert [step.output for step in told.steps] == [(7, 8, 8), (3, 2, 8)]


def test_an_op_and_a_layer_of_ours_are_explained() -> None:
    from convwise.dialects import get
    from convwise.dialects.base import Call

    layer = get("torch").read(Call("Conv2d", (3, 8, 3), (), "nn.Conv2d(3, 8, 3)"), None)
    assert cw.explain(layer, (3, 9, 10)).output == (8, 7, 8)
    assert cw.output_shape(layer.ops[0], (3, 9, 10), dialect="torch") == (8, 7, 8)


@pytest.mark.parametrize(
    ("code", "shape", "fixes"),
    [
        (
            "nn.Conv2d(1, 32, 3, padding=1), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(1568, 10)",
            (1, 28, 28),
            [("an input of 1 x 1 x 28 x 28", (1, 10)), ("nn.Linear(49, 10)", (32, 10))],
        ),
        ("nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)", (3, 8, 9), [("an input of 1 x 3 x 8 x 9", (1, 8, 6, 7))]),
        ("nn.Flatten(), nn.Linear(784, 10)", (784,), [("an input of 1 x 784", (1, 10))]),
        # A batch alone does not help where the features are wrong too.
        ("nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(288, 2)", (3, 9, 9), [("nn.Linear(49, 2)", (8, 2))]),
    ],
)
def test_a_batch_that_is_missing_is_the_first_fix(
    code: str, shape: tuple[int, ...], fixes: list[tuple[str, tuple[int, ...]]]
) -> None:
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(f"nn.Sequential({code})", shape)
    assert caught.value.explanation is not None
    assert [tuple(fix) for fix in caught.value.explanation.fixes] == fixes
    assert [(one["code"], tuple(one["output"])) for one in caught.value.explanation.to_dict()["fixes"]] == fixes
