"""Every function of TensorFlow that is modelled, with its signature in TensorFlow 2.21 (without the data, which comes first)."""

from __future__ import annotations

from collections.abc import Mapping

from convwise.dialects.kinds import Kind, parameters
from convwise.dialects.tensorflow import convolution, plain, pooling, transposed

CONV = "filters {strides} padding data_format='{order}' dilations=None name=None"
TRANSPOSED = "filters output_shape strides padding='SAME' data_format='{order}' dilations=None name=None"
POOL = "ksize strides padding data_format={order} name=None"
ORDERS = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def _kinds() -> dict[str, Kind]:
    found: list[Kind] = []
    for rank, order in ORDERS.items():
        signature = CONV.format(strides="stride" if rank == 1 else "strides", order=order)
        found.append(
            Kind(
                f"tf.nn.conv{rank}d",
                parameters(signature),
                convolution.resolve,
                rank,
                convolution.settle,
                convolution.check,
                "conv",
                leading=True,
            )
        )
        found.append(
            Kind(
                f"tf.nn.conv{rank}d_transpose",
                parameters(TRANSPOSED.format(order=order)),
                transposed.resolve,
                rank,
                check=transposed.check,
            )
        )
        for word, family in (("max", "max"), ("avg", "average")):
            signature = POOL.format(order=f"'{order}'")
            found.append(
                Kind(
                    f"tf.nn.{word}_pool{rank}d",
                    parameters(signature),
                    pooling.resolve,
                    rank,
                    check=pooling.check,
                    family=family,
                )
            )
    for word, family in (("max", "max"), ("avg", "average")):
        signature = POOL.format(order="None")
        found.append(
            Kind(
                f"tf.nn.{word}_pool",
                parameters(signature),
                pooling.resolve_by_input,
                None,
                pooling.settle,
                pooling.check,
                family,
            )
        )
    return {kind.name: kind for kind in (*found, *_others())}


def _others() -> tuple[Kind, ...]:
    settle, check = convolution.settle, convolution.check
    return (
        Kind(
            "tf.nn.convolution",
            parameters("filters strides=None padding='VALID' data_format=None dilations=None name=None"),
            convolution.resolve_any,
            None,
            settle,
            check,
            leading=True,
        ),
        Kind(
            "tf.nn.atrous_conv2d",
            parameters("filters rate padding name=None"),
            convolution.resolve_atrous,
            2,
            settle,
            check,
        ),
        Kind(
            "tf.nn.depthwise_conv2d",
            parameters("filter strides padding data_format=None dilations=None name=None"),
            convolution.resolve_depthwise,
            2,
            None,
            check,
        ),
        Kind(
            "tf.nn.separable_conv2d",
            parameters("depthwise_filter pointwise_filter strides padding data_format=None dilations=None name=None"),
            convolution.resolve_separable,
            2,
            None,
            check,
        ),
        *_transposes(),
        Kind(
            "tf.nn.pool",
            parameters(
                "window_shape pooling_type strides=None padding='VALID' data_format=None dilations=None name=None"
            ),
            pooling.resolve_pool,
            None,
            None,
            pooling.check,
        ),
        *_values(),
    )


def _transposes() -> tuple[Kind, ...]:
    return (
        Kind(
            "tf.nn.conv_transpose",
            parameters("filters output_shape strides padding='SAME' data_format=None dilations=None name=None"),
            transposed.resolve,
            None,
            check=transposed.check,
        ),
        Kind(
            "tf.nn.atrous_conv2d_transpose",
            parameters("filters output_shape rate padding name=None"),
            transposed.resolve_atrous,
            2,
            check=transposed.check,
        ),
    )


def _values() -> tuple[Kind, ...]:
    signatures = {
        "leaky_relu": "alpha=0.2 name=None",
        "gelu": "approximate=False name=None",
        "softmax": "axis=None name=None",
        "log_softmax": "axis=None name=None",
        "silu": "beta=1.0",
        "swish": "beta=1.0",
    }
    activations = tuple(
        Kind(f"tf.nn.{name}", parameters(signatures.get(name, "name=None")), plain.resolve_activation, family=name)
        for name, meaning in plain.ACTIVATIONS.items()
        if meaning
    )
    return (
        *activations,
        Kind(
            "tf.nn.bias_add", parameters("bias data_format=None name=None"), plain.resolve_bias, check=plain.check_bias
        ),
        Kind(
            "tf.nn.batch_normalization",
            parameters("mean variance offset scale variance_epsilon name=None"),
            plain.resolve_norm,
        ),
        Kind("tf.nn.dropout", parameters("rate noise_shape=None seed=None name=None"), plain.resolve_dropout),
        Kind("tf.nn.depth_to_space", parameters("block_size data_format='NHWC' name=None"), plain.resolve_shuffle, 2),
        Kind(
            "tf.nn.space_to_depth",
            parameters("block_size data_format='NHWC' name=None"),
            plain.resolve_shuffle,
            2,
            family="inverse",
        ),
        Kind(
            "tf.pad",
            parameters("paddings mode='CONSTANT' constant_values=0 name=None"),
            plain.resolve_pad,
            check=plain.check_pad,
        ),
        Kind("tf.reshape", parameters("shape name=None"), plain.resolve_reshape),
        Kind("tf.transpose", parameters("perm=None conjugate=False name='transpose'"), plain.resolve_transpose),
        Kind("tf.identity", parameters("name=None"), plain.resolve_identity),
        Kind(
            "tf.reduce_mean",
            parameters("axis=None keepdims=False name=None"),
            plain.resolve_mean,
            family="average",
        ),
        Kind("tf.reduce_max", parameters("axis=None keepdims=False name=None"), plain.resolve_mean, family="max"),
        Kind(
            "tf.matmul",
            parameters(
                "b transpose_a=False transpose_b=False adjoint_a=False adjoint_b=False a_is_sparse=False "
                "b_is_sparse=False output_type=None grad_a=False grad_b=False name=None"
            ),
            plain.resolve_matmul,
        ),
    )


KINDS: Mapping[str, Kind] = _kinds()
"""Every function that is modelled, by its public name."""

DATA: Mapping[str, str] = {
    **dict.fromkeys(KINDS, "input"),
    **dict.fromkeys(("tf.nn.atrous_conv2d", "tf.nn.atrous_conv2d_transpose", "tf.nn.bias_add"), "value"),
    **dict.fromkeys(("tf.nn.batch_normalization", "tf.nn.dropout"), "x"),
    **dict.fromkeys((f"tf.nn.{name}" for name, meaning in plain.ACTIVATIONS.items() if meaning), "features"),
    **dict.fromkeys(("tf.nn.softmax", "tf.nn.log_softmax"), "logits"),
    **dict.fromkeys(("tf.nn.tanh", "tf.nn.sigmoid"), "x"),
    **dict.fromkeys(("tf.pad", "tf.reshape"), "tensor"),
    **dict.fromkeys(("tf.reduce_mean", "tf.reduce_max"), "input_tensor"),
    **dict.fromkeys(("tf.transpose", "tf.matmul"), "a"),
}
"""What the first argument, the data, is called."""

FOREIGN: Mapping[str, str] = {
    "kernel_size": "the kernel's size is in its shape: filters=tf.zeros((3, 3, 3, 16))",
    "kernel_shape": "the kernel's size is in its shape: filters=tf.zeros((3, 3, 3, 16))",
    "in_channels": "the channels are in the kernel's shape: filters=tf.zeros((3, 3, 3, 16))",
    "out_channels": "the channels are in the kernel's shape: filters=tf.zeros((3, 3, 3, 16))",
    "stride": "strides",
    "dilation": "dilations",
    "dilation_rate": "dilations",
    "kernel": "filters",
    "weight": "filters",
    "filter": "filters",
    "pool_size": "ksize",
    "window_strides": "strides",
    "rate": "dilations",
    "groups": "the kernel tells the groups: (height, width, in / groups, out)",
    "bias": "tf.nn.bias_add adds a bias",
    "use_bias": "tf.nn.bias_add adds a bias",
    "activation": "write tf.nn.relu(...) around it",
    "ceil_mode": "padding='SAME' is TensorFlow's way to keep the rest",
    "pads": "padding",
}
"""Another framework's word -> TensorFlow's word, or what to write instead."""
