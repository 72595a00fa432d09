"""Random windowed calls of TensorFlow, JAX and ONNX as text, each with an input and a wanted size."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

Question = tuple[str, tuple[int, ...], tuple[int, ...]]


def _around(each: tuple[int, ...], last: bool) -> str:
    return str((1, *each, 1) if last else (1, 1, *each))


def tensorflow(draw: Random, kernel: tuple[int, int], stride: tuple[int, int], sizes: tuple[int, int]) -> str:
    k, l = kernel  # noqa: E741
    padding = draw.choice(("'SAME'", "'VALID'"))
    step = draw.choice((str(stride[0]), str(list(stride)), _around(stride, True)))
    wanted = (1, *(size * step for size, step in zip(sizes, stride, strict=True)), 4)
    return draw.choice(
        (
            f"tf.nn.conv2d(x, tf.zeros(({k}, {l}, 3, 4)), {step}, {padding})",
            f"tf.nn.conv2d(x, tf.zeros(({k}, {l}, 3, 4)), 1, {padding}, dilations={stride[0]})",
            f"tf.nn.depthwise_conv2d(x, tf.zeros(({k}, {l}, 3, 2)), {_around((stride[0],) * 2, True)}, {padding})",
            f"tf.nn.max_pool2d(x, ({k}, {l}), {step}, {padding})",
            f"tf.nn.avg_pool2d(x, {k}, {step}, {padding})",
            f"tf.nn.pool(x, [{k}, {l}], 'AVG', strides={list(stride)}, padding={padding})",
            f"tf.nn.conv2d_transpose(x, tf.zeros(({k}, {l}, 4, 3)), {wanted}, {list(stride)})",
        )
    )


def jax(draw: Random, kernel: tuple[int, int], stride: tuple[int, int], sizes: tuple[int, int]) -> str:
    k, l = kernel  # noqa: E741
    padding = draw.choice(("'SAME'", "'VALID'", "((1, 0), (0, 1))"))
    word = draw.choice(("'SAME'", "'VALID'"))
    return draw.choice(
        (
            f"nnx.Conv(3, 4, {kernel}, strides={stride}, padding={padding}, rngs=rngs)",
            f"nnx.Conv(3, 4, {kernel}, strides={stride[0]}, rngs=rngs)",
            f"flax.linen.Conv(4, {kernel}, kernel_dilation={stride}, padding={word})",
            f"nnx.ConvTranspose(3, 4, {kernel}, strides={stride}, padding={word}, rngs=rngs)",
            f"flax.linen.ConvTranspose(4, {kernel}, strides={stride}, padding={padding})",
            f"flax.linen.max_pool(x, {kernel}, strides={stride}, padding={word})",
            f"flax.linen.avg_pool(x, {kernel}, padding={word})",
            f"lax.reduce_window(x, -jnp.inf, lax.max, (1, {k}, {l}, 1), {_around(stride, True)}, {word})",
        )
    )


def onnx(draw: Random, kernel: tuple[int, int], stride: tuple[int, int], sizes: tuple[int, int]) -> str:
    k, l = kernel  # noqa: E741
    more = draw.choice(("", ", pads=[1, 0, 0, 1]", ", auto_pad='SAME_UPPER'", ", auto_pad='VALID'"))
    steps = f"strides={list(stride)}"
    return draw.choice(
        (
            f"op.Conv(x, np.zeros((4, 3, {k}, {l})), {steps}{more})",
            f"op.Conv(x, np.zeros((4, 3, {k}, {l})), dilations={list(stride)})",
            f"op.ConvTranspose(x, np.zeros((3, 4, {k}, {l})), {steps})",
            f"op.ConvTranspose(x, np.zeros((3, 4, {k}, {l})), {steps}, pads=[0, 0, 1, 1])",
            f"op.MaxPool(x, kernel_shape=[{k}, {l}], {steps}{more})",
            f"op.AveragePool(x, kernel_shape=[{k}, {l}], {steps}{more})",
            f"op.LpPool(x, kernel_shape=[{k}, {l}], {steps})",
        )
    )


WRITERS = {"tensorflow": tensorflow, "jax": jax, "onnx": onnx}


def questions(dialect: str, count: int, seed: int) -> Iterator[Question]:
    """Calls with an input of 3 to 16 cells an axis, and sizes that are near, a share of it, or a multiple."""
    draw = Random(f"{dialect} {seed}")
    for _ in range(count):
        kernel, stride = (draw.randint(1, 4), draw.randint(1, 4)), (draw.randint(1, 3), draw.randint(1, 3))
        sizes = (draw.randint(3, 16), draw.randint(3, 16))
        step = draw.choice((1, 2, 3))
        wanted = [draw.choice((n, -(-n // step), n * step, n + draw.randint(-2, 3))) for n in sizes]
        shape = (1, 3, *sizes) if dialect == "onnx" else (1, *sizes, 3)
        yield WRITERS[dialect](draw, kernel, stride, sizes), shape, (max(wanted[0], 1), max(wanted[1], 1))
