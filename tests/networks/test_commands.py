"""inspect, sizes and check through the one door, on source text; and `read` on what is no model."""

from __future__ import annotations

import json

import pytest

import convwise as cw
from convwise.ask import ask, attempt, exit_code
from convwise.cli import main

NET = (
    "nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), "
    "nn.Conv2d(8, 16, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))"
)


def test_inspect_gives_rows_and_totals_that_add_up() -> None:
    told = ask({"command": "inspect", "model": NET, "input": "2x3x33x40"})
    assert told["schema"] == 1
    assert [row["output"] for row in told["rows"]][:2] == [[2, 8, 16, 19], [2, 8, 16, 19]]
    assert (
        told["totals"]["params"]
        == sum(row["params"] for row in told["rows"])
        == 3 * 8 * 9 + 8 + 16 + 8 * 16 * 9 + 16 + 170
    )
    assert told["totals"]["flops"] == 2 * told["totals"]["macs"]
    assert told["rows"][3]["receptive_field"] == [5, 5]


@pytest.mark.parametrize(
    ("code", "title", "shape"),
    [
        ("nnx.Conv(3, 16, (3, 3), rngs=nnx.Rngs(0))", "JAX", "1 x H x W x 3"),
        ("y = jax.lax.conv(x, jnp.zeros((16, 3, 3, 3)), (1, 1), 'SAME')", "JAX", "1 x 3 x H x W"),
        ("y = tf.nn.conv2d(x, tf.zeros((3, 3, 3, 16)), 2, 'SAME')", "TensorFlow", "1 x H x W x 3"),
        ("y = op.Conv(x, np.zeros((16, 3, 3, 3)))", "ONNX", "1 x 3 x H x W"),
        ("y = op.ConvTranspose(x, np.zeros((8, 3, 3, 3)))", "ONNX", "1 x 8 x H x W"),
        ("nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(8, 3, 3))", "PyTorch", "1 x 8 x H x W"),
    ],
)
def test_the_weights_tell_the_channels_of_an_open_input(
    code: str, title: str, shape: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", code]) == 0
    assert f" · {title} · input: {shape} ->" in " ".join(capsys.readouterr().out.split())
    assert cw.explain(code).input.count(None) < len(cw.explain(code).input)


def test_sizes_tells_the_set_and_the_nearest() -> None:
    told = ask({"command": "sizes", "model": NET, "near": "4x50"})
    assert told["axes"]["height"]["text"] == "n >= 5"
    assert told["axes"]["height"]["minimum"] == 5
    assert [(fit["axis"], fit["above"], fit["below"]) for fit in told["near"]] == [
        ("height", 5, None),
        ("width", 50, 50),
    ]
    for size in (5, 4):
        works = "error" not in ask({"command": "inspect", "model": NET, "input": [1, 3, size, 9]})
        assert works == (size in cw.read(NET).legal_sizes()["height"])


def test_check_is_a_no_where_an_error_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", NET, "--input", "1x3x33x40"]) == 0
    assert main(["check", NET, "--input", "1x3x4x40"]) == 1
    assert "error" in capsys.readouterr().out
    stepping = {"command": "check", "model": "nn.Conv2d(3, 8, 3, stride=5)", "input": "1x3x33x40"}
    assert exit_code(attempt(stepping)) == exit_code(attempt({**stepping, "strict": False})) == 0
    assert exit_code(attempt({**stepping, "strict": True})) == 1


LINEAR = "nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.Flatten(), nn.Linear(200, 3))"


def test_check_in_few_words_has_a_line_for_each_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", LINEAR, "--input", "1x3x32x32", "--format", "concise"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "input 1 x 3 x 32 x 32 does not work: 1 error, 1 note",
        "2: CW109 error: features of '2' (Linear) at line 1: the layer takes 200 features, the input has 1800",
        "0: CW502 note: the last cell of 32 (height and width) is read by no window",
    ]


def test_sizes_in_few_words_keep_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sizes", LINEAR, "--near", "32", "--format", "concise"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("; near 32 x 32: not legal, the nearest is 12 x 12")
    strided = "nn.Sequential(nn.PixelUnshuffle(4), nn.Conv2d(48, 8, 3))"
    assert main(["sizes", strided, "--near", "30x32", "--format", "concise"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("; height 30: not legal, the nearest are 28 and 32; width 32: legal")


def test_folded_rows_tell_the_same_in_every_order(capsys: pytest.CaptureFixture[str]) -> None:
    """A module's output and field are those of the node that runs last in it, and it is sorted by what its line tells."""

    def table(*more: str) -> list[list[str]]:
        assert main(["inspect", "examples/unet.py", "--input", "1x3x64x80", "--depth", "1", *more]) == 0
        lines = capsys.readouterr().out.split("\n\n")[1].splitlines()[2:]
        return [line.split() for line in lines]

    plain = table()
    for sort, column in (("macs", -3), ("params", -4), ("receptive_field", -2)):
        rows = table("--sort", sort)
        assert sorted(rows) == sorted(plain)
        assert rows != plain
        told = [int(row[column].replace(",", "")) for row in rows if not row[0].startswith("pool")]
        assert told == sorted(told, reverse=True), sort


def test_the_table_can_be_sorted_filtered_folded_and_written_as_csv(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", NET, "--input", "1x3x33x40", "--only", "conv2d", "--sort", "macs"]) == 0
    lines = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "Conv2d" in line]
    assert lines == ["4", "0"]
    assert main(["inspect", NET, "--input", "1x3x33x40", "--csv"]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("name,op,module,input,output,params")
    assert second.startswith("0,Conv2d,")
    assert main(["inspect", NET, "--sort", "height"]) == 2
    assert "no order 'height'" in capsys.readouterr().err
    assert main(["inspect", NET, "--input", "1x3x33x40", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["name"] == "0"


ROWS = ["inspect", NET, "--input", "1x3x33x40"]


def test_json_and_csv_have_the_rows_that_were_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ROWS, "--only", "conv2d", "--sort", "macs", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in told["rows"]] == ["4", "0"]
    assert (
        told["totals"] == cw.read(NET).trace((1, 3, 33, 40)).totals.to_dict()
    )  # of the whole network, as in the table
    assert main(["inspect", NET, "--symbolic", "--grep", "4", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["symbolic"] for row in told["rows"]] == [list(cw.read(NET).symbolic()["4"])]
    assert main([*ROWS, "--only", "conv2d", "--sort", "macs", "--csv"]) == 0
    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()] == ["name", "4", "0"]


def test_a_layout_that_json_and_csv_cannot_have_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ROWS, "--sort", "height", "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["code"], error["message"]) == ("CW606", "no order 'height'")
    for what in ("--json", "--csv"):
        assert main([*ROWS, "--depth", "1", what]) == 2
        streams = capsys.readouterr()
        told = " ".join(f"{streams.out}{streams.err}".split())
        assert f"--depth 1 folds rows of the table, and {what} has a row a node" in told


def test_json_and_csv_together_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ROWS, "--json", "--csv"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["code"], error["message"]) == ("CW606", "--json and --csv cannot both be printed")


def test_levels_come_from_pyproject(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "pyproject.toml").write_text('[tool.convwise.levels]\nCW502 = "error"\n', encoding="utf-8")
    monkeypatch.chdir(folder)
    assert main(["check", NET, "--input", "1x3x34x40"]) == 1
    told = capsys.readouterr().out
    # What the framework does is no matter of levels; the exit code is.
    assert "works: 3 errors" in told
    assert "error CW502" in told
    for level, said, code in (
        ("off", "what says so is switched off", 0),
        ("warning", "1 warning", 0),
        ("error", "1 error", 1),
    ):
        (folder / "pyproject.toml").write_text(f'[tool.convwise.levels]\nCW104 = "{level}"\n', encoding="utf-8")
        assert main(["check", "nn.Conv2d(3, 8, 9)", "--input", "1x3x4x5"]) == code
        assert f"input 1 x 3 x 4 x 5 does not work: {said}" in capsys.readouterr().out
    for text, said in (
        ('[tool.convwise.levels]\nCW999 = "off"\n', "no code 'CW999', as [tool.convwise.levels] has it"),
        ('[tool.convwise.level]\nCW502 = "off"\n', "there is no 'level' in [tool.convwise]"),
    ):
        (folder / "pyproject.toml").write_text(text, encoding="utf-8")
        assert main(["check", NET, "--input", "1x3x34x40"]) == 2
        assert said in capsys.readouterr().err
    (folder / "pyproject.toml").write_text('[tool.convwise.levels]\nCW502 = "loud"\n', encoding="utf-8")
    assert main(["check", NET, "--input", "1x3x34x40"]) == 2
    assert "no level 'loud'" in capsys.readouterr().err
    (folder / "pyproject.toml").write_text(f"a={'[' * 100_000}", encoding="utf-8")
    assert main(["check", NET, "--input", "1x3x34x40"]) == 2
    assert "pyproject.toml cannot be read: it is nested too deep" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("missing.onnx", "missing.onnx"),
        (b"PK\x03\x04", "the archive has no end record"),
        (b"", "empty"),
        (42, "a network is a path, source text or a live model, not int"),
        ({"0.weight": 3}, "weights by name do not tell how the layers are wired"),
        (
            type("ModelProto", (), {"__module__": "onnx.onnx_ml_pb2", "SerializeToString": bytes})(),
            "not ModelProto [CW606]\n  give its bytes, model.SerializeToString(), or the path of its file",
        ),
        ("nn.Linear(3, 4)", "no input shape"),
        ("nn.Linear(3, 4)", "convwise.read(text, input_shape="),
    ],
)
def test_what_is_no_model_is_said(source: object, words: str) -> None:
    with pytest.raises(cw.ConvwiseError) as caught:
        cw.read(source)
    assert words in str(caught.value)


def test_our_own_models_are_networks_too() -> None:
    from convwise import keras

    model = keras.Sequential([keras.layers.Conv2D(8, 3), keras.layers.MaxPooling2D((2, 3)), keras.layers.Flatten()])
    network = cw.read(model, input_shape=(9, 10, 3))
    assert [row.output for row in network.trace()] == [(None, 7, 8, 8), (None, 3, 2, 8), (None, 48)]


TWO = """
left = keras.Input((None, None, 3), name='left')
right = keras.Input((None, None, 1), name='right')
meta = keras.Input((7,), name='meta')
x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, strides=2, name='conv')(left))
y = keras.layers.GlobalAveragePooling2D()(keras.layers.MaxPooling2D(5, name='pool')(right))
model = keras.Model([left, right, meta], keras.layers.Concatenate()([x, y, meta]))
"""


def test_sizes_answers_for_every_input(capsys: pytest.CaptureFixture[str]) -> None:
    told = ask({"command": "sizes", "model": TWO, "near": "2"})
    assert [(one["input"], one["axes"]["height"]["text"], one["near"][0]["above"]) for one in told["inputs"]] == [
        ("left", "n >= 3", 3),
        ("right", "n >= 5", 5),
    ]
    assert told["input"] == "left"
    assert main(["sizes", TWO]) == 0
    out = capsys.readouterr().out
    assert "left (declared" in out
    assert "pool: a window that spans 5 needs n >= 5" in out
    assert main(["sizes", TWO, "--format", "concise"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "left: height: n >= 3; width: n >= 3",
        "right: height: n >= 5; width: n >= 5",
    ]
    assert main(["sizes", TWO, "--input-name", "right"]) == 0
    assert "left" not in capsys.readouterr().out
    wrong = ask({"command": "sizes", "model": TWO, "input_name": "meta"})["error"]
    assert wrong["code"] == "CW606"
    assert wrong["hint"] == "the inputs with spatial axes are left, right"


@pytest.mark.parametrize(
    "given", ["left=1x20x20x3,right=1x4x8x1,meta=1x7", {"left": "1x20x20x3", "right": [1, 4, 8, 1]}]
)
def test_shapes_for_several_inputs(given: object) -> None:
    told = ask({"command": "check", "model": TWO, "input": given})
    (error,) = [one for one in told["findings"] if one["level"] == "error"]
    assert (error["code"], error["node"]) == ("CW104", "pool")
    assert error["hint"].startswith("right, height: the legal sizes are n >= 5; nearest to 4: 5 (pad 0 + 1)")
    rows = ask({"command": "inspect", "model": TWO, "input": "left=2x9x9x3, right=2x5x5x1, meta=2x7"})["rows"]
    assert rows[-1]["output"] == [2, 16]


@pytest.mark.parametrize("given", ["left=1x20x20x3,left=1x4x8x1", "=1x3", {"left": 3.5}])
def test_shapes_by_name_that_make_no_sense(given: object) -> None:
    assert ask({"command": "check", "model": TWO, "input": given})["error"]["code"] == "CW606"
