"""A wanted size in TensorFlow's, JAX's and ONNX's words: every change gives it, and none is passed over that is near."""

from __future__ import annotations

import re

import pytest
from window_calls import questions

import convwise as cw
from convwise.answers.explanation import Explanation
from convwise.readers.source import read_layer

CASES = 150


def told(code: str, shape: tuple[int, ...], want: tuple[int, ...] | None = None) -> Explanation | None:
    try:
        return cw.explain(code, shape, want=want)
    except cw.ConvwiseError as error:
        return error.explanation


def sizes(dialect: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[2:] if dialect == "onnx" else shape[1:-1]


@pytest.mark.parametrize("dialect", ["tensorflow", "jax", "onnx"])
def test_every_fix_is_read_back_and_gives_the_size_it_claims(dialect: str) -> None:
    count = 0
    for code, shape, want in questions(dialect, CASES, 1):
        for aim in (want, None):
            answer = told(code, shape, aim)
            for fix in answer.fixes if answer is not None else ():
                assert cw.output_shape(fix.code, shape) == fix.output, (code, shape, aim, fix)
                # A refused call is mended first; one that takes no near change to the wanted size stays mended.
                assert aim is None or answer.error or sizes(dialect, fix.output) == aim, (code, shape, fix)
                count += 1
    assert count > CASES


@pytest.mark.parametrize(
    ("code", "shape", "want", "label"),
    [
        ("op.Conv(x, np.zeros((8, 3, 3, 3)), strides=[2, 2])", (1, 3, 28, 28), "14x14", "pads=[1, 1, 1, 1]"),
        ("op.ConvTranspose(x, np.zeros((3, 8, 3, 3)), strides=[2, 2])", (1, 3, 7, 8), "21x24", "strides=[3, 3]"),
        ("op.ConvTranspose(x, np.zeros((3, 8, 3, 3)), strides=[2, 2])", (1, 3, 7, 8), "13x16", "pads=[1, 0, 1, 1]"),
        ("op.MaxPool(x, kernel_shape=[2, 2], strides=[2, 2])", (1, 3, 7, 9), "4x5", "ceil_mode=1"),
        ("op.LpPool(x, kernel_shape=[3, 3], strides=[2, 2])", (1, 3, 7, 9), "2x2", "kernel_shape=[4, 6]"),
        ("nnx.ConvTranspose(3, 8, (3, 3), strides=2, rngs=rngs)", (7, 8, 3), "21x24", "strides=3"),
        (
            "nnx.ConvTranspose(3, 8, (3, 3), strides=2, rngs=rngs)",
            *((7, 8, 3), "13x17", "padding=((1, 1), (2, 2))"),
        ),
        (
            "tf.nn.conv2d_transpose(x, tf.zeros((3, 3, 8, 3)), (1, 14, 16, 8), 2)",
            *((1, 7, 8, 3), "13x15", "output_shape=(1, 13, 15, 8)"),
        ),
        (
            "tf.nn.conv2d(x, tf.zeros((3, 3, 3, 8)), 2, 'VALID')",
            *((9, 9, 3), "6x6", "padding=((0, 0), (2, 2), (2, 2), (0, 0))"),
        ),
        (
            "tf.nn.depthwise_conv2d(x, tf.zeros((3, 3, 3, 2)), (1, 2, 2, 1), 'SAME')",
            *((1, 9, 10, 3), "3x4", "strides=(1, 3, 3, 1)"),
        ),
        ("flax.linen.max_pool(x, (3, 3), (2, 2))", (1, 9, 10, 3), "5x5", "padding='SAME'"),
    ],
)
def test_a_near_change_is_found(code: str, shape: tuple[int, ...], want: str, label: str) -> None:
    answer = cw.explain(code, shape, want=want)
    assert answer.fixes[0].label == label
    assert "no small change" not in str(answer)


def strides(dialect: str, code: str, most: int) -> set[tuple[int, ...]]:
    """The sizes that the stride of each axis gives, with the padding of the call and with none, written in its text."""
    found = set()
    for one in range(1, most):
        for other in range(1, most):
            text = re.sub(r"strides=[\[(].*?[\])]", f"strides=[{one}, {other}]", code)
            for same in (text, re.sub("'SAME(_UPPER)?'", "'VALID'", text)):
                answer = told(same, (1, 3, 9, 10) if dialect == "onnx" else (1, 9, 10, 3))
                found.add(sizes(dialect, answer.output) if answer is not None and answer.output else ())
    return found


@pytest.mark.parametrize(
    ("dialect", "code"),
    [
        ("onnx", "op.Conv(x, np.zeros((8, 3, 3, 3)), strides=[2, 2])"),
        ("onnx", "op.Conv(x, np.zeros((8, 3, 3, 3)), strides=[1, 1], auto_pad='SAME_UPPER')"),
        ("onnx", "op.MaxPool(x, kernel_shape=[3, 3], strides=[2, 2])"),
        ("onnx", "op.ConvTranspose(x, np.zeros((3, 8, 3, 3)), strides=[2, 2])"),
        ("jax", "nnx.Conv(3, 8, (3, 3), strides=(2, 2), rngs=rngs)"),
        ("jax", "nnx.ConvTranspose(3, 8, (3, 3), strides=(2, 2), rngs=rngs)"),
        ("tensorflow", "tf.nn.conv2d(x, tf.zeros((3, 3, 3, 8)), strides=[2, 2], padding='VALID')"),
        ("tensorflow", "tf.nn.conv2d(x, tf.zeros((3, 4, 3, 8)), strides=[1, 1], padding='SAME')"),
    ],
)
def test_no_small_change_is_said_only_where_no_stride_gives_it(dialect: str, code: str) -> None:
    shape = (1, 3, 9, 10) if dialect == "onnx" else (1, 9, 10, 3)
    for want in strides(dialect, code, 4) - {()}:
        assert "no small change" not in str(cw.explain(code, shape, want=want)), want


OWN = re.compile(r"\b(?:nn\.\w+|count_include_pad|divisor_override|output_padding|output_shape|ceil_mode)\b")


@pytest.mark.parametrize("dialect", ["tensorflow", "jax", "onnx"])
def test_rows_speak_of_arguments_that_the_layer_has(dialect: str) -> None:
    heard = set()
    for code, shape, want in questions(dialect, CASES, 2):
        answer = told(code, shape, want)
        if answer is None or answer.error is not None:
            continue
        (layer,) = read_layer(code, dialect=dialect)
        for fact in answer.facts:
            if fact.label in ("divides by", "which size", "as it stands", "wanted", "any size"):
                said = set(OWN.findall(" ".join(fact.lines)))
                assert said <= {*layer.arguments, "nn.ConvTranspose", "nn.conv2d_transpose"}, (code, fact)
                heard |= said
    assert heard


@pytest.mark.parametrize(
    ("code", "shape", "lines"),
    [
        ("tf.nn.avg_pool2d(x, 3, 1, 'SAME')", (1, 7, 9, 3), ("padding is not counted",)),
        (
            "op.AveragePool(x, kernel_shape=[3, 3], pads=[1, 1, 1, 1])",
            *((1, 3, 7, 9), ("padding is not counted", "count_include_pad=1 gives 9 everywhere")),
        ),
        (
            "op.AveragePool(x, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)",
            *((1, 3, 7, 9), ("padding is counted", "count_include_pad=0, the default, divides by real cells alone")),
        ),
        (
            "flax.linen.avg_pool(x, (3, 3), padding='SAME')",
            *((1, 7, 9, 3), ("padding is counted", "count_include_pad=False divides by real cells alone")),
        ),
        ("lax.reduce_window(x, 0., lax.add, (1, 3, 3, 1), (1, 2, 2, 1), 'SAME')", (1, 7, 9, 3), ("cells are summed",)),
    ],
)
def test_what_an_average_divides_by_in_the_frameworks_own_words(
    code: str, shape: tuple[int, ...], lines: tuple[str, ...]
) -> None:
    (row,) = [fact.lines for fact in cw.explain(code, shape).facts if fact.label == "divides by"]
    assert len(row) == len(lines)
    assert all(part in line for line, part in zip(row, lines, strict=True))


@pytest.mark.parametrize(
    ("code", "shape", "what"),
    [
        ("tf.nn.conv2d(x, tf.zeros((3, 3, 3, 8)), 2, 'SAME')", (9, 10, 3), "tf.nn.conv2d_transpose does"),
        ("nnx.Conv(3, 8, (3, 3), rngs=rngs)", (9, 10, 3), "nnx.ConvTranspose or jax.image.resize does"),
        ("flax.linen.Conv(8, (3, 3))", (9, 10, 3), "nn.ConvTranspose or jax.image.resize does"),
        ("lax.conv(x, jnp.zeros((8, 3, 3, 3)), (1, 1), 'SAME')", (1, 3, 9, 10), "lax.conv_transpose or jax.image"),
        ("op.MaxPool(x, kernel_shape=[2, 2])", (1, 3, 9, 10), "a pool does not enlarge: ConvTranspose or Resize does"),
    ],
)
def test_what_enlarges_is_of_the_same_framework(code: str, shape: tuple[int, ...], what: str) -> None:
    assert what in str(cw.explain(code, shape, want="90x100"))
