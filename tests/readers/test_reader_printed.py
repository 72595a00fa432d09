"""print(model) of PyTorch and model.summary() of Keras."""

from __future__ import annotations

import json

import pytest
from readers.reading import names, refused, texts

import convwise as cw
from convwise import dialects
from convwise.cli import main
from convwise.readers.source import Found, read_text

NET = """Net(
  (features): Sequential(
    (0): Conv2d(3, 8, kernel_size=(5, 3), stride=(2, 1), padding=same, padding_mode=reflect)
    (1): ReLU(inplace=True)
  )
  (pool): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
  (more): ModuleList(
    (0-1): 2 x Conv2d(8, 8, kernel_size=(3, 3), stride=(1, 1), bias=False)
  )
  (fc): Linear(in_features=72, out_features=10, bias=True)
)"""


def outputs(found: Found, shape: tuple[int | None, ...]) -> list[tuple[int | None, ...]]:
    spoken = dialects.get(found.layers[0].dialect)
    sizes = [spoken.enter(found.layers, shape).shape]
    for layer in found.layers:
        sizes.append(spoken.flow(layer, sizes[-1]).output)
    return sizes[1:]


def test_a_printed_sequential() -> None:
    text = "\n".join(["print(net)", "Sequential(", *NET.split("\n")[2:4], ")", "torch.Size([1, 8])"]).replace(
        "=same", "=1"
    )
    snippet = read_text(text)
    assert snippet.dialect == "torch"
    assert snippet.notes == ()
    (found,) = snippet.found
    assert names(found) == ["0", "1"]
    assert found.layers[0].arguments["kernel_size"] == (5, 3)
    assert found.layers[0].arguments["padding_mode"] == "reflect"
    assert found.layers[0].call.line == 3
    assert found.input_shape is None


def test_a_printed_module_of_ones_own_is_taken_to_run_in_order() -> None:
    snippet = read_text(NET.replace("stride=(2, 1)", "stride=(1, 1)"))
    (found,) = snippet.found
    assert names(found) == ["features.0", "features.1", "pool", "more.0", "more.1", None, "fc"]
    assert [layer.kind for layer in found.layers][-2:] == ["Flatten", "Linear"]
    assert [note.code for note in snippet.notes] == ["CW512", "CW512"]
    assert "Net" in snippet.notes[0].text
    assert "Flatten" in snippet.notes[1].text
    assert found.layers[0].arguments["padding"] == "same"


def test_a_printed_layer_that_is_refused_has_its_line() -> None:
    error = refused(NET)
    assert error.code == "CW202"
    assert error.layer == "'features.0' (PyTorch Conv2d)"
    assert "line 3" in error.detail


def test_a_printed_layer_alone() -> None:
    (layer,) = read_text("Conv2d(3, 8, kernel_size=(5, 3), stride=(1, 1), padding=same)").found[0].layers
    assert layer.arguments["padding"] == "same"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (NET.replace("(pool): MaxPool2d", "(downsample): Block(\n    (a): ReLU()\n  )\n  (pool): MaxPool2d"), "CW202"),
        (
            "Net(\n  (b): Block(\n    (conv): Conv2d(3, 3, kernel_size=(1, 1))\n    (downsample): ReLU()\n  )\n)",
            "CW315",
        ),
        ("Net(\n  (a): Swish()\n)", "CW302"),
        ("Net(\n  (a): LSTM(3, 4)\n)", "CW317"),
        ("  (a): ReLU()\n  (b): ReLU()", "CW301"),
        ("Net(\n  (a): Conv2d(3, 8, kernel_size=(3,\n)", "CW301"),
        ("Net(\n  (a): 9999 x Block(\n    (b): 9999 x ReLU()\n  )\n)", "CW308"),
    ],
)
def test_printed_modules_that_cannot_be_read(text: str, code: str) -> None:
    assert refused(text).code == code


BOXED = """Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ conv2d (Conv2D)                 │ (None, 26, 26, 32)     │           320 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ max_pooling2d (MaxPooling2D)    │ (None, 13, 13, 32)     │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ conv2d_1 (Conv2D)               │ (None, 7, 7, 64)       │        18,432 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ conv2d_transpose                │ (None, 14, 14, 16)     │         9,232 │
│ (Conv2DTranspose)               │                        │               │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ flatten (Flatten)               │ (None, 3136)           │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dropout (Dropout)               │ (None, 3136)           │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense (Dense)                   │ (None, 10)             │        31,370 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 59,354 (231.85 KB)
"""


def test_a_boxed_summary() -> None:
    snippet = read_text(BOXED)
    assert snippet.dialect == "keras"
    (found,) = snippet.found
    assert texts(found) == [
        "Conv2D(32, 3)",
        "MaxPooling2D(2)",
        "Conv2D(64, 3, strides=2, padding='same', use_bias=False)",
        "Conv2DTranspose(16, 3, strides=2, padding='same')",
        "Flatten()",
        "Dropout(0.5)",
        "Dense(10)",
    ]
    assert names(found)[3] == "conv2d_transpose"
    assert found.input_shape == (None, 28, 28, 1)
    told = " ".join(note.text for note in snippet.notes)
    assert "28 x 28 x 1 was taken" in told
    assert "strides were taken to be its size" in told
    assert outputs(found, (None, 28, 28, 1))[-1] == (None, 10)


OLD = """Model: "sequential_1"
_________________________________________________________________
Layer (type)                 Output Shape              Param #
=================================================================
input_1 (InputLayer)         [(None, 40, 30, 3)]       0
_________________________________________________________________
conv2d_1 (Conv2D)            (None, 38, 26, 8)         368
_________________________________________________________________
"""
OLD_TAIL = """max_pooling2d_1 (MaxPooling2 (None, 19, 14, 8)         0
_________________________________________________________________
batch_normalization_1 (Batch (None, 19, 14, 8)         32
=================================================================
Total params: 400
"""
HEAD = "\n".join(OLD.split("\n")[:6]) + "\n"


def test_an_old_summary_with_names_cut_off() -> None:
    text = HEAD + "conv2d_1 (Conv2D)            (None, 38, 28, 8)         224       \n" + OLD_TAIL
    (found,) = read_text(text).found
    assert texts(found) == ["Conv2D(8, 3)", "MaxPooling2D(2)", "BatchNormalization()"]
    assert found.input_shape == (None, 40, 30, 3)
    assert found.layers[0].call.line == 7


@pytest.mark.parametrize(
    ("row", "code", "says"),
    [
        ("conv2d_1 (Conv2D)            (None, 38, 26, 8)         368       ", "CW314", "no Conv2D of the usual form"),
        ("conv2d_1 (Conv2D)            (None, 1, 1, 8)           224       ", "CW314", "no Conv2D of the usual form"),
        ("max_1 (MaxPooling2D)         (None, 1, 1, 3)           0         ", "CW314", "MaxPooling2D"),
        ("conv2d_1 (Conv2D)            multiple                  224       ", "CW314", "output shape"),
        ("lstm_1 (LSTM)                (None, 38, 28)            224       ", "CW317", "LSTM"),
        ("mine_1 (Mine)                (None, 38, 28)            224       ", "CW302", "Mine"),
    ],
)
def test_rows_that_are_not_settled(row: str, code: str, says: str) -> None:
    error = refused(HEAD + row + "\n")
    assert error.code == code
    assert says in error.message


def test_a_summary_whose_first_layer_is_open() -> None:
    error = refused(BOXED.replace("26, 26, 32", "17, 17, 32").replace("13, 13", "8, 8"))
    assert error.code == "CW314"
    assert "19 x 19 x 1" in error.fact
    assert "17 x 17 x 1" in error.fact


STEM = """Layer (type)                 Output Shape              Param #
=================================================================
conv2d (Conv2D)              (None, 112, 112, 64)      9472
flatten (Flatten)            (None, 802816)            0
dense (Dense)                (None, 10)                8028170
"""
"""As Keras 3.15 counts it: Conv2D(64, 7, strides=2, padding='same') on 224 x 224 x 3."""


@pytest.mark.parametrize("given", [(224, 224, 3), (1, 224, 224, 3)])
def test_a_summary_without_an_input_is_worked_out_from_the_one_given(given: tuple[int, ...]) -> None:
    found = cw.explain(STEM, given)
    assert found.parts[0].code == "Conv2D(64, 7, strides=2, padding='same')"
    assert [part.params for part in found.parts] == [9472, 0, 8028170]
    assert "shows no input" not in str(found)
    trace = cw.read(STEM, input_shape=(1, 224, 224, 3)).trace()
    assert [row.output for row in trace.rows] == [(1, 112, 112, 64), (1, 802816), (1, 10)]


def test_a_first_layer_with_a_stride_is_not_settled_without_an_input() -> None:
    error = refused(STEM)
    assert error.code == "CW314"
    assert "112 x 112 x 3 with Conv2D(64, 7, padding='same')" in error.fact
    assert "224 x 224 x 3 with Conv2D(64, 7, strides=2, padding='same')" in error.fact
    assert "give the input" in error.hint
    small = STEM.replace("112, 112, 64", "33, 33, 32").replace("9472", "896").split("flatten")[0]
    assert "65 x 65 x 3 with Conv2D(32, 3, strides=2, padding='same')" in refused(small).fact
    assert cw.explain(small, (65, 65, 3)).output == (33, 33, 32)


PLAIN = """Layer (type)                 Output Shape              Param #
=================================================================
conv2d (Conv2D)              (None, 26, 26, 32)        320
max_pooling2d (MaxPooling2D) (None, 13, 13, 32)        0
flatten (Flatten)            (None, 5408)              0
dense (Dense)                (None, 10)                54090
"""


def test_an_input_that_contradicts_the_summary_is_refused_with_the_numbers() -> None:
    with pytest.raises(cw.CodeError, match="CW314") as raised:
        cw.explain(PLAIN, (30, 30, 1))
    assert "no Conv2D of the usual form makes 30 x 30 x 1 -> 26 x 26 x 32 with 320 parameters" in raised.value.fact
    assert "28 x 28 x 1 with Conv2D(32, 3) would fit" in raised.value.fact


def test_the_features_of_a_summarys_dense_layer_stay() -> None:
    """As keras 3.15: the model called on other sizes says of its dense layer what is quoted here."""
    text = PLAIN.replace("conv2d (C", "input_1 (InputLayer)         [(None, 28, 28, 1)]       0\nconv2d (C")
    with pytest.raises(cw.ShapeError, match="takes 5408 features, the input has 6272") as raised:
        cw.explain(text, (30, 30, 1))
    assert "expected axis -1 of input shape to have value 5408" in raised.value.quote
    assert "from an input of 28 x 28 to 29 x 29" in str(raised.value.explanation)
    with pytest.raises(cw.ShapeError, match="takes 1 channel, the input has 3") as raised:
        cw.explain(text, (28, 28, 3))
    assert "expected axis -1 of input shape to have value 1," in raised.value.quote
    assert raised.value.explanation is not None
    assert raised.value.explanation.fixes == ()
    network = cw.read(text)
    assert 28 in network.legal_sizes()["height"]
    assert 30 not in network.legal_sizes()["height"]
    assert "CW512" in {finding.code for finding in network.check((1, 28, 28, 1))}


def test_the_legal_sizes_of_a_summary_keep_what_was_taken_for_granted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sizes", PLAIN]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "note CW512 conv2d: the summary shows no input; 28 x 28 x 1 was taken" in told
    assert "note CW512 max_pooling2d: the pool's strides were taken to be its size" in told
    assert main(["sizes", PLAIN, "--json"]) == 0
    assert {one["code"] for one in json.loads(capsys.readouterr().out)["findings"]} == {"CW512"}


def test_connections_must_be_one_line() -> None:
    rows = """__________________________________________________________________________________________________
Layer (type)                   Output Shape         Param #     Connected to
==================================================================================================
input_1 (InputLayer)           [(None, 8, 8, 3)]    0           []
conv_a (Conv2D)                (None, 6, 6, 4)      112         input_1[0][0]
conv_b (Conv2D)                (None, 4, 4, 4)      148         {source}[0][0]
"""
    (found,) = read_text(rows.format(source="conv_a").replace("[]", "")).found
    assert names(found) == ["conv_a", "conv_b"]
    error = refused(rows.format(source="input_1"))
    assert error.code == "CW315"
    assert "conv_b is connected to input_1" in error.fact


def test_a_stride_that_is_never_used_does_not_matter() -> None:
    text = HEAD.replace("40, 30, 3", "3, 3, 3") + "conv2d_1 (Conv2D)            (None, 1, 1, 8)           224\n"
    assert texts(read_text(text).found[0]) == ["Conv2D(8, 3)"]


def test_lazy_layers_that_have_seen_no_input() -> None:
    """As torch 2.13 prints them; on 2 x 3 x 20 x 22 it gives 2 x 4, with 4,040 parameters when they are set."""
    text = """Sequential(
  (0): LazyConv2d(0, 8, kernel_size=(3, 2), stride=(2, 1))
  (1): LazyConvTranspose2d(0, 4, kernel_size=(2, 3), stride=(1, 1))
  (2): LazyBatchNorm2d(0, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
  (3): Flatten(start_dim=1, end_dim=-1)
  (4): LazyLinear(in_features=0, out_features=4, bias=True)
)"""
    found = cw.explain(text, (2, 3, 20, 22))
    assert found.output == (2, 4)
    assert found.params == 4040


TORCHSUMMARY = """----------------------------------------------------------------
        Layer (type)               Output Shape         Param #
================================================================
            Conv2d-1         [-1, 64, 112, 112]           9,408
       BatchNorm2d-2         [-1, 64, 112, 112]             128
            Linear-3                   [-1, 10]       2,007,050
================================================================
Total params: 2,016,586
----------------------------------------------------------------
"""
TORCHINFO = """==========================================================================================
Layer (type:depth-idx)                   Output Shape              Param #
==========================================================================================
Net                                      [1, 10]                   --
├─Sequential: 1-1                        [1, 64, 56, 56]           --
│    └─Conv2d: 2-1                       [1, 64, 112, 112]         9,408
==========================================================================================
"""
NAMED = TORCHINFO.replace(":depth-idx", " (var_name)").replace(": 1-1", " (body)").replace(": 2-1", " (0)")


@pytest.mark.parametrize(
    ("text", "name"), [(TORCHSUMMARY, "torchsummary"), (TORCHINFO, "torchinfo"), (NAMED, "torchinfo")]
)
def test_tables_of_pytorch_models_are_named_with_what_to_paste_instead(text: str, name: str) -> None:
    with pytest.raises(cw.CodeError) as raised:
        cw.read(text)
    for error in (refused(text), raised.value):
        assert error.code == "CW307"
        assert f"a table of {name}, which shows no kernels" in error.fact
        assert "paste what print(model) shows" in error.hint


def test_an_error_message_beside_such_a_table_is_still_explained() -> None:
    message = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (1x1600 and 400x120)"
    assert cw.explain(TORCHINFO + message).headline.startswith("What reaches the Linear layer has 1600 features")


RESIDUAL = """ResNet(
  (conv1): Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False)
  (layer2): Sequential(
    (0): BasicBlock(
      (conv1): Conv2d(64, 128, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), bias=False)
      (downsample): Sequential(
        (0): Conv2d(64, 128, kernel_size=(1, 1), stride=(2, 2), bias=False)
      )
    )
  )
)"""


def test_a_printed_model_with_a_branch_is_refused_alike_as_a_network() -> None:
    with pytest.raises(cw.CodeError) as raised:
        cw.read(RESIDUAL)
    for error in (refused(RESIDUAL), raised.value):
        assert error.code == "CW315"
        assert "BasicBlock has a branch (downsample)" in error.fact
