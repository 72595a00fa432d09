"""Every kind of layer that the dialects know, with each setting that changes how it is ported: text and input, with the batch."""

from __future__ import annotations

from collections.abc import Callable

Kinds = list[tuple[str, tuple[int, ...]]]
Add = Callable[..., None]
SIZES = {1: (11,), 2: (9, 10), 3: (7, 8, 6)}
KERAS_ACTIVATIONS = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
]
TORCH_ACTIVATIONS = [
    "ReLU",
    "ReLU6",
    "ELU",
    "SELU",
    "CELU",
    "GELU",
    "SiLU",
    "Mish",
    "Softplus",
    "Hardtanh",
    "Hardswish",
    "Hardsigmoid",
    "Tanhshrink",
    "Softshrink",
    "Hardshrink",
    "LogSigmoid",
    "Softsign",
    "Sigmoid",
    "Tanh",
    "RReLU",
    "LeakyReLU",
    "Identity",
    "Softmax2d",
    "Dropout",
    "AlphaDropout",
    "FeatureAlphaDropout",
    "PReLU",
]
TORCH_OTHERS = (
    "GELU(approximate='tanh')",
    "Softplus(2.0, 1.0)",
    "Threshold(0.3, -0.5)",
    "Hardtanh(-0.5, 2.0)",
    "ELU(0.5)",
    "CELU(0.5)",
    "LeakyReLU(0.3)",
    "Softmax(dim=1)",
    "Softmax(dim=2)",
    "Softmax(dim=-1)",
    "LogSoftmax(dim=1)",
    "LogSoftmax(dim=-1)",
    "Softmin(dim=1)",
    "Softmin(dim=-1)",
    "GLU(dim=1)",
    "GLU(dim=-1)",
    "LocalResponseNorm(3)",
    "LocalResponseNorm(2)",
    "Flatten(2)",
    "Flatten(1, 2)",
    "Unflatten(1, (2, 2))",
    "PixelShuffle(2)",
    "ChannelShuffle(2)",
    "Unfold(2, stride=2, padding=1)",
    "Unfold((2, 3), dilation=2)",
    "LazyLinear(3)",
    "SyncBatchNorm(4)",
    "GroupNorm(2, 4, affine=False)",
    "GroupNorm(4, 4)",
    "GroupNorm(1, 4)",
    "LayerNorm(10, bias=False)",
    "LayerNorm(10, elementwise_affine=False)",
    "RMSNorm(10, elementwise_affine=False)",
    "RMSNorm([9, 10])",
    "Linear(10, 3, bias=False)",
)


def keras_of(rank: int, add: Add) -> None:
    """Keras's layers of one rank."""
    s = SIZES[rank]
    name = f"{rank}D"
    add(f"Conv{name}(4, 3, strides=2, padding='same')", *s, 3)
    add(f"Conv{name}(4, 3, groups=2)", *s, 4)
    add(f"Conv{name}(4, 2, dilation_rate=2, activation='silu')", *s, 4)
    add(f"Conv{name}Transpose(4, 3, strides=2, padding='same')", *s, 3)
    add(f"Conv{name}Transpose(4, 3, strides=2, output_padding=1)", *s, 3)
    if rank < 3:
        add(f"DepthwiseConv{name}(3, strides=2, padding='same', depth_multiplier=2)", *s, 3)
        add(f"SeparableConv{name}(5, 3, padding='same', depth_multiplier=2)", *s, 3)
    for kind in ("Max", "Average"):
        add(f"{kind}Pooling{name}(3, strides=2, padding='same')", *s, 3)
        add(f"{kind}Pooling{name}(1, strides=3, padding='same')", *s, 3)
        add(f"Global{kind}Pooling{name}()", *s, 3)
        add(f"Global{kind}Pooling{name}(keepdims=True)", *s, 3)
        add(f"Adaptive{kind}Pooling{name}(4)", *s, 3)
    for text in ("ZeroPadding{}(2)", "Cropping{}(1)", "UpSampling{}(2)", "SpatialDropout{}(0.3)"):
        add(text.format(name), *s, 3)
    if rank == 1:
        return  # (9, 10) could be a map without its batch, which these layers do not tell
    for text in ("GroupNormalization(2)", "LayerNormalization()", "BatchNormalization()", "Dense(3)", "Flatten()"):
        add(text, *s, 4)
    add(f"PReLU(shared_axes={list(range(1, rank + 1))!r})", *s, 4)


def keras(add: Add) -> None:
    """Keras."""
    for rank in SIZES:
        keras_of(rank, add)
    s = SIZES[2]
    for word in ("bilinear", "bicubic", "lanczos3", "lanczos5"):
        add(f"UpSampling2D(2, interpolation={word!r})", *s, 3)
    for word in ("bilinear", "nearest", "bicubic", "area", "lanczos3"):
        add(f"Resizing(12, 7, interpolation={word!r})", *s, 3)
    for text in (
        "Resizing(12, 7, crop_to_aspect_ratio=True)",
        "Resizing(12, 7, pad_to_aspect_ratio=True)",
        "Resizing(18, 5)",
    ):
        add(text, *s, 3)
    add("CenterCrop(5, 6)", *s, 3)
    add("CenterCrop(12, 6)", *s, 3)
    for word in KERAS_ACTIVATIONS:
        add(f"Activation({word!r})", *s, 4)
    for text in (
        "ReLU()",
        "ReLU(max_value=6)",
        "ReLU(max_value=2.0, negative_slope=0.1, threshold=0.5)",
        "LeakyReLU(0.2)",
        "ELU(0.7)",
        "PReLU()",
        "Softmax()",
        "Softmax(axis=1)",
        "Softmax(axis=(1, 2))",
        "Identity()",
        "ActivityRegularization(0.1)",
        "Dropout(0.3)",
        "AlphaDropout(0.3)",
        "GaussianDropout(0.3)",
        "GaussianNoise(0.3)",
        "Rescaling(0.5, offset=1.5)",
        "Permute((2, 3, 1))",
        "Reshape((4, -1))",
        "RMSNormalization()",
        "UnitNormalization()",
        "LayerNormalization(axis=[1, 2, 3])",
        "LayerNormalization(axis=1)",
        "LayerNormalization(center=False, scale=False)",
        "BatchNormalization(axis=1)",
        "BatchNormalization(center=False, scale=False)",
        "GroupNormalization(-1)",
        "Flatten('channels_first')",
    ):
        add(text, *s, 4)
    add("Sequential([Conv1D(4, 3), Masking(), Dense(3)])", 11, 3)
    add("RepeatVector(3)", 7)
    add("Dense(5, activation='softmax')", 7)
    add("Conv2D(4, 3, data_format='channels_first')", 4, *s)


def torch_of(rank: int, add: Add) -> None:
    """PyTorch's layers of one rank."""
    s, larger = SIZES[rank], tuple(size + 4 for size in SIZES[rank])
    name = f"{rank}d"
    add(f"nn.Conv{name}(4, 6, 3, stride=2, padding=1, groups=2)", 4, *s)
    for mode in ("reflect", "circular", "replicate"):
        add(f"nn.Conv{name}(4, 6, 3, padding=1, padding_mode={mode!r})", 4, *s)
    add(f"nn.ConvTranspose{name}(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2)", 4, *s)
    add(f"nn.ConvTranspose{name}(4, 6, 3, dilation=2)", 4, *s)
    for text in ("LazyConv{}(4, 3)", "LazyConvTranspose{}(4, 3)", "LazyBatchNorm{}()", "LazyInstanceNorm{}()"):
        add(f"nn.{text.format(name)}", 3, *s)
    for text in (
        "MaxPool{}(3, 2, 1, dilation=2, ceil_mode=True)",
        "MaxPool{}(2)",
        "AvgPool{}(3, 2, 1, ceil_mode=True)",
        "AvgPool{}(3, 2, 1, count_include_pad=False)",
        *(("AvgPool{}(3, 2, 1, divisor_override=2)",) if rank > 1 else ()),
        "LPPool{}(2, 3)",
        "LPPool{}(2, 2, ceil_mode=True)",
        *(f"Adaptive{kind}Pool{{}}({size})" for kind in ("Avg", "Max") for size in (1, 4)),
        "BatchNorm{}(4)",
        "BatchNorm{}(4, affine=False)",
        "InstanceNorm{}(4)",
        "InstanceNorm{}(4, affine=True)",
        "InstanceNorm{}(4, track_running_stats=True)",
        *(f"{kind}Pad{{}}(2)" for kind in ("Zero", "Reflection", "Replication", "Circular")),
        "ZeroPad{}(-1)",
        "ConstantPad{}(1, 2.5)",
        "Dropout{}()",
    ):
        add(f"nn.{text.format(name)}", 4, *s)
    for mode in ("nearest", "nearest-exact"):
        for how in ("scale_factor=2", "scale_factor=1.5", f"size={larger!r}"):
            add(f"nn.Upsample({how}, mode={mode!r})", 4, *s)
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}[rank]
    for corners in (False, True):
        for how in ("scale_factor=2", f"size={larger!r}"):
            add(f"nn.Upsample({how}, mode={linear!r}, align_corners={corners})", 4, *s)
    for scale in (1.7, 0.6):
        add(f"nn.Upsample(scale_factor={scale}, mode={linear!r})", 4, *s)
    for text in (
        "GroupNorm(2, 4)",
        f"LayerNorm({[4, *s]!r})",
        f"RMSNorm({s[-1]})",
        f"Linear({s[-1]}, 3)",
        "Flatten()",
        "PReLU(4)",
    ):
        add(f"nn.{text}", 4, *s)


def torch(add: Add) -> None:
    """PyTorch."""
    for rank in SIZES:
        torch_of(rank, add)
    s = SIZES[2]
    add("nn.Upsample(scale_factor=2, mode='bicubic')", 4, *s)
    add("nn.Upsample(size=(12, 7), mode='bicubic', align_corners=True)", 4, *s)
    add("nn.UpsamplingNearest2d(scale_factor=2)", 4, *s)
    add("nn.UpsamplingBilinear2d(scale_factor=2)", 4, *s)
    for word in TORCH_ACTIVATIONS:
        add(f"nn.{word}()", 4, *s)
    for text in TORCH_OTHERS:
        add(f"nn.{text}", 4, *s)
    add("nn.PixelShuffle(2)", 12, *s)
    add("nn.PixelUnshuffle(2)", 3, 8, 10)
    add("nn.Fold((6, 7), 2, stride=1)", 8, 30)
    add("nn.Fold((7, 9), (2, 3), stride=2, padding=1, dilation=2)", 12, 16)
    add("nn.AdaptiveMaxPool2d((4, 1))", 4, *s)
    add("nn.Linear(7, 3)", 7)
    add("nn.BatchNorm1d(7)", 7)
    add("nn.Softmax(dim=1)", 7)


def tensorflow(add: Add) -> None:
    """tf.nn and its like."""
    s = SIZES[2]
    add("tf.matmul(x, tf.zeros((4, 3)))", 4)
    for text in (
        "atrous_conv2d(x, tf.zeros((3, 3, 4, 5)), 2, 'SAME')",
        "atrous_conv2d_transpose(x, tf.zeros((3, 3, 5, 4)), (2, 13, 14, 5), 2, 'VALID')",
        "max_pool(x, 3, 2, 'SAME')",
        "avg_pool(x, 3, 2, 'SAME')",
        "pool(x, (2, 3), 'MAX', dilations=(2, 1))",
        "pool(x, (2, 3), 'AVG', dilations=(2, 1))",
        "batch_normalization(x, tf.zeros((4,)), tf.zeros((4,)), tf.zeros((4,)), tf.zeros((4,)), 0.001)",
        "bias_add(tf.nn.conv2d(x, tf.zeros((3, 3, 4, 5)), 2, 'SAME'), tf.zeros((5,)))",
        "conv2d(x, tf.zeros((3, 2, 2, 6)), 1, 'VALID')",
        "conv2d(x, tf.zeros((3, 2, 4, 6)), 2, ((0, 0), (1, 0), (2, 1), (0, 0)))",
        "conv2d_transpose(x, tf.zeros((3, 3, 5, 4)), (2, 18, 20, 5), 2, 'SAME')",
        "conv2d_transpose(x, tf.zeros((3, 3, 5, 4)), (2, 19, 21, 5), 2, 'VALID')",
        "conv_transpose(x, tf.zeros((3, 3, 5, 4)), (2, 18, 20, 5), 2)",
        "convolution(x, tf.zeros((3, 3, 4, 5)), padding='SAME', dilations=2)",
        "depthwise_conv2d(x, tf.zeros((3, 3, 4, 2)), (1, 2, 2, 1), 'SAME')",
        "separable_conv2d(x, tf.zeros((3, 3, 4, 2)), tf.zeros((1, 1, 8, 5)), (1, 1, 1, 1), 'SAME')",
        *(
            f"{word}(x)"
            for word in (
                [
                    "elu",
                    "gelu",
                    "leaky_relu",
                    "log_softmax",
                    "relu",
                    "relu6",
                    "selu",
                    "sigmoid",
                    "silu",
                    "softmax",
                    "softplus",
                    "softsign",
                    "swish",
                    "tanh",
                ]
            )
        ),
    ):
        add(f"tf.nn.{text}", *s, 4)
    for rank, room in SIZES.items():
        for kind in ("max", "avg"):
            add(f"tf.nn.{kind}_pool{rank}d(x, 3, 2, 'SAME')", *room, 4)
            add(f"tf.nn.{kind}_pool{rank}d(x, 2, 2, 'VALID')", *room, 4)
    add("tf.nn.conv1d(x, tf.zeros((3, 4, 5)), 2, 'SAME')", 11, 4)
    add("tf.nn.conv3d(x, tf.zeros((3, 2, 2, 4, 5)), (1, 2, 2, 2, 1), 'SAME')", *SIZES[3], 4)
    add("tf.nn.conv1d_transpose(x, tf.zeros((3, 5, 4)), (2, 22, 5), 2, 'SAME')", 11, 4)
    add(
        "tf.nn.conv3d_transpose(x, tf.zeros((3, 3, 3, 5, 4)), (2, 14, 16, 12, 5), (1, 2, 2, 2, 1), 'SAME')",
        *SIZES[3],
        4,
    )
    add("tf.nn.depth_to_space(x, 2)", *s, 8)
    add("tf.nn.space_to_depth(x, 2)", 8, 10, 3)
    for text in (
        "tf.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)))",
        "tf.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)), mode='REFLECT')",
        "tf.reduce_max(x, axis=(1, 2))",
        "tf.reduce_mean(x, axis=(1, 2), keepdims=True)",
        "tf.reshape(x, (-1, 360))",
        "tf.transpose(x, (0, 3, 1, 2))",
    ):
        add(text, *s, 4)
    add(
        """x = tf.nn.conv2d(x, tf.zeros((3, 3, 3, 8)), 2, 'SAME')
x = tf.nn.bias_add(x, tf.zeros((8,)))
x = tf.nn.relu(x)
x = tf.nn.max_pool2d(x, 2, 2, 'VALID')
x = tf.reshape(x, (-1, 128))
x = tf.matmul(x, tf.zeros((128, 5)))""",
        16,
        17,
        3,
    )


def jax_layers(module: str, add: Add) -> None:
    """flax's layers, linen's or nnx's."""
    given, rngs = ("", "") if module == "nn" else ("4, ", ", rngs=nnx.Rngs(0)")
    s = SIZES[2]
    for rank, room in SIZES.items():
        add(f"{module}.Conv({given}5, {(3,) * rank}, strides=2{rngs})", *room, 4)
        add(f"{module}.ConvTranspose({given}5, {(3,) * rank}, strides={(2,) * rank}{rngs})", *room, 4)
    add(f"{module}.Conv({given}6, (3,), padding='CAUSAL'{rngs})", 11, 4)
    for text in (
        "Conv({}6, (3, 3), feature_group_count=2{})",
        "Conv({}8, (3, 3), feature_group_count=4{})",
        "Conv({}6, (3, 3), padding='CIRCULAR'{})",
        "Conv({}6, (3, 3), padding='REFLECT'{})",
        "Conv({}6, (3, 3), padding=((2, 2), (1, 3)), input_dilation=2{})",
        "ConvTranspose({}6, (3, 3), strides=(2, 2), transpose_kernel=True, padding='VALID'{})",
    ):
        add(f"{module}.{text.format(given, rngs)}", *s, 4)
    add(f"{module}.BatchNorm({'4' if given else 'use_running_average=True'}{rngs})", *s, 4)
    add(f"{module}.LayerNorm({'4' if given else ''}{rngs})", *s, 4)
    add(f"{module}.GroupNorm({given}num_groups=2{rngs})", *s, 4)
    add(f"{module}.Dropout(0.3{rngs})", *s, 4)
    add("nn.Dense(3)" if module == "nn" else "nnx.Linear(4, 3, rngs=nnx.Rngs(0))", *s, 4)


def jax(add: Add) -> None:
    """jax.numpy, jax.lax and flax."""
    s = SIZES[2]
    for text in (
        "jnp.max(x, axis=(1, 2))",
        "jnp.mean(x, axis=(1, 2))",
        *(
            f"jnp.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)), mode={mode!r})"
            for mode in ("constant", "reflect", "edge", "wrap")
        ),
        "jnp.reshape(x, (-1, 360))",
        "jnp.transpose(x, (0, 3, 1, 2))",
        "lax.conv_general_dilated(x, jnp.zeros((3, 3, 4, 5)), (2, 2), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC'))",
        "lax.conv_general_dilated(x, jnp.zeros((5, 3, 4, 2)), (2, 1), 'SAME', dimension_numbers=('NHWC', 'OWIH', 'NCWH'))",
        "lax.conv_transpose(x, jnp.zeros((3, 2, 4, 5)), (2, 2), 'SAME')",
        "lax.conv_transpose(x, jnp.zeros((3, 2, 5, 4)), (2, 2), 'VALID', transpose_kernel=True)",
        "lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), 'SAME')",
        "lax.reduce_window(x, 0., lax.add, (1, 3, 3, 1), (1, 2, 2, 1), 'VALID')",
        "nn.avg_pool(x, (3, 3), strides=(2, 2), padding='SAME')",
        "nn.avg_pool(x, (3, 3), strides=(2, 2), padding='SAME', count_include_pad=False)",
        "nn.avg_pool(x, (1, 2), strides=(3, 3), padding='SAME', count_include_pad=False)",
        "nn.max_pool(x, (3, 3), strides=(2, 2), padding='SAME')",
        "nn.max_pool(x, (2, 2), strides=(2, 2))",
        "nn.RMSNorm()",
        "nn.InstanceNorm()",
        *(
            f"nn.{word}(x)"
            for word in [
                "celu",
                "elu",
                "gelu",
                "hard_sigmoid",
                "hard_silu",
                "hard_swish",
                "hard_tanh",
                "leaky_relu",
                "log_sigmoid",
                "log_softmax",
                "relu",
                "relu6",
                "selu",
                "sigmoid",
                "silu",
                "soft_sign",
                "softmax",
                "softplus",
                "swish",
                "tanh",
            ]
        ),
    ):
        add(text, *s, 4)
    for text in (
        "lax.conv(x, jnp.zeros((5, 4, 3, 3)), (2, 2), 'SAME')",
        "lax.conv_with_general_padding(x, jnp.zeros((5, 4, 3, 3)), (2, 2), ((1, 2), (0, 1)), None, (1, 2))",
        "lax.conv_general_dilated(x, jnp.zeros((6, 2, 3, 3)), (1, 1), 'VALID', feature_group_count=2)",
        "lax.conv_general_dilated(x, jnp.zeros((5, 4, 3, 2)), (1, 1), ((2, 2), (1, 3)), lhs_dilation=(2, 3))",
    ):
        add(text, 4, *s)
    for module in ("nn", "nnx"):
        jax_layers(module, add)
    add(
        "nnx.Sequential(nnx.Conv(3, 8, (3, 3), strides=2, rngs=nnx.Rngs(0)), nnx.relu, nnx.BatchNorm(8, rngs=nnx.Rngs(0)), "
        "lambda x: nn.max_pool(x, (2, 2), strides=(2, 2)), lambda x: x.reshape((x.shape[0], -1)), nnx.Linear(128, 5, rngs=nnx.Rngs(0)))",
        16,
        17,
        3,
    )
    add(
        """x = lax.conv_general_dilated(x, jnp.zeros((3, 3, 3, 8)), (2, 2), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC'))
x = jax.nn.relu(x)
x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), 'VALID')
x = jnp.reshape(x, (-1, 128))""",
        16,
        17,
        3,
    )


def zeros(*shape: int) -> str:
    return f"np.zeros({shape})"


def onnx(add: Add) -> None:
    """ONNX's operators."""
    s = SIZES[2]
    kernel, bias, each = zeros(6, 4, 3, 3), zeros(6), zeros(4)
    for text in (
        f"Conv(x, {kernel}, {bias}, strides=[2, 2], auto_pad='SAME_UPPER')",
        f"Conv(x, {kernel}, strides=[2, 2], auto_pad='SAME_LOWER')",
        f"Conv(x, {zeros(6, 2, 3, 3)}, group=2, pads=[1, 0, 2, 1], dilations=[2, 1])",
        f"ConvTranspose(x, {zeros(4, 6, 3, 3)}, {bias}, strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])",
        f"ConvTranspose(x, {zeros(4, 3, 3, 3)}, group=2, dilations=[2, 1])",
        f"ConvTranspose(x, {zeros(4, 6, 3, 3)}, strides=[2, 2], auto_pad='SAME_UPPER')",
        f"ConvTranspose(x, {zeros(4, 6, 3, 3)}, strides=[2, 2], output_shape=[20, 21])",
        *(
            f"{kind}Pool(x, kernel_shape={words})"
            for kind in ("Max", "Average")
            for words in (
                "[3, 3], strides=[2, 2], pads=[1, 0, 1, 1]",
                "[3, 3], strides=[2, 2], ceil_mode=1",
                "[2, 3], dilations=[2, 1]",
                "[3, 3], strides=[2, 2], auto_pad='SAME_LOWER'",
            )
        ),
        "AveragePool(x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 0, 1, 1], count_include_pad=1)",
        "LpPool(x, kernel_shape=[3, 3], strides=[2, 2])",
        "GlobalAveragePool(x)",
        "GlobalMaxPool(x)",
        f"BatchNormalization(x, {each}, {each}, {each}, {each})",
        f"InstanceNormalization(x, {each}, {each})",
        f"GroupNormalization(x, {each}, {each}, num_groups=2)",
        f"LayerNormalization(x, {zeros(10)}, {zeros(10)})",
        *(
            f"{word}(x)"
            for word in [
                "Relu",
                "LeakyRelu",
                "Elu",
                "Selu",
                "Sigmoid",
                "Tanh",
                "Softplus",
                "Softsign",
                "Softmax",
                "LogSoftmax",
                "HardSwish",
                "Mish",
                "Gelu",
                "Identity",
                "Dropout",
                "Flatten",
            ]
        ),
        "Softmax(x, axis=1)",
        "Clip(x, 0, 6)",
        "Clip(x, -0.5, 2.0)",
        "Clip(x, 0.0)",
        "Clip(x, -0.5)",
        "Pad(x, [0, 0, 1, 2, 0, 0, 0, 1])",
        *(f"Pad(x, [0, 0, 1, 2, 0, 0, 0, 1], mode={mode!r})" for mode in ("reflect", "edge", "wrap")),
        "Reshape(x, [0, -1])",
        "Reshape(x, [0, 2, 2, 9, 10])",
        "Transpose(x, perm=[0, 2, 3, 1])",
        "Resize(x, scales=[1., 1., 2., 2.])",
        "Resize(x, scales=[1., 1., 2., 3.], coordinate_transformation_mode='asymmetric', nearest_mode='floor')",
        "Resize(x, scales=[1., 1., 2., 2.], mode='linear')",
        "Resize(x, scales=[1., 1., 1.5, 0.7], mode='linear')",
        "Resize(x, None, None, [2, 4, 14, 7], mode='linear')",
        "Resize(x, None, None, [2, 4, 14, 7], mode='linear', coordinate_transformation_mode='align_corners')",
        "Resize(x, scales=[1., 1., 2., 1.5], mode='cubic')",
    ):
        add(f"op.{text}", 4, *s)
    add(f"op.Conv(x, {zeros(6, 4, 3)})", 4, 11)
    add(f"op.Conv(x, {zeros(6, 4, 3, 2, 2)})", 4, *SIZES[3])
    add("op.DepthToSpace(x, blocksize=2)", 8, *s)
    add("op.DepthToSpace(x, blocksize=2, mode='CRD')", 8, *s)
    add("op.SpaceToDepth(x, blocksize=2)", 3, 8, 10)
    add(f"op.Gemm(x, {zeros(7, 3)}, {zeros(3)})", 7)
    add(f"op.Gemm(x, {zeros(3, 7)}, {zeros(3)}, transB=1)", 7)
    add(f"op.Gemm(x, {zeros(7, 3)})", 7)
    add(
        f"""x = op.Conv(x, {zeros(8, 3, 3, 3)}, {zeros(8)}, strides=[2, 2], auto_pad='SAME_UPPER')
x = op.Relu(x)
x = op.MaxPool(x, kernel_shape=[2, 2], strides=[2, 2])
x = op.Flatten(x)
x = op.Gemm(x, {zeros(128, 5)}, {zeros(5)})""",
        3,
        16,
        17,
    )


def kinds(dialect: str) -> Kinds:
    """The cases of one dialect."""
    found: Kinds = []

    def add(text: str, *shape: int) -> None:
        found.append((text, (2, *shape)))

    MAKERS[dialect](add)
    return found


MAKERS: dict[str, Callable[[Add], None]] = {
    "keras": keras,
    "torch": torch,
    "tensorflow": tensorflow,
    "jax": jax,
    "onnx": onnx,
}
REFUSED: dict[str, tuple[str, ...]] = {
    "UpSampling2D(2, interpolation='bicubic')": ("torch", "jax", "onnx"),
    "UpSampling2D(2, interpolation='lanczos3')": ("torch", "onnx"),
    "UpSampling2D(2, interpolation='lanczos5')": ("torch", "onnx"),
    "Resizing(12, 7, interpolation='bicubic')": ("torch", "jax", "onnx"),
    "Resizing(12, 7, interpolation='area')": ("torch", "jax", "onnx"),
    "Resizing(12, 7, interpolation='lanczos3')": ("torch", "onnx"),
    "nn.Upsample(scale_factor=2, mode='bicubic')": ("keras", "tensorflow", "jax"),
    "nn.Upsample(size=(12, 7), mode='bicubic', align_corners=True)": ("keras", "tensorflow", "jax", "onnx"),
    "op.Resize(x, scales=[1., 1., 2., 1.5], mode='cubic')": ("keras", "tensorflow", "jax"),
}
"""Kernels of resizing that the targets do not have; each refusal holds the nearest port."""
