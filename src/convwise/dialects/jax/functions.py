"""Every layer and function of JAX and flax that is modelled, with its signature (without the data, which comes first).

`nn.` is flax.linen, `nnx.` is flax.nnx; signatures of jax 0.10 and flax 0.12.
"""

from __future__ import annotations

from collections.abc import Mapping

from convwise.dialects.jax import convolution, plain, pooling
from convwise.dialects.kinds import Kind, parameters

TYPES = "dtype=None param_dtype='float32'"
LINEN_CONV = (
    "features kernel_size strides=1 padding='SAME' input_dilation=1 kernel_dilation=1 feature_group_count=1 use_bias=True "
    f"mask=None {TYPES} precision=None kernel_init=None bias_init=None promote_dtype=None conv_general_dilated=None "
    "conv_general_dilated_cls=None parent=None name=None"
)
NNX_CONV = (
    "in_features out_features kernel_size strides=1 * padding='SAME' input_dilation=1 kernel_dilation=1 "
    f"feature_group_count=1 use_bias=True mask=None {TYPES} precision=None kernel_init=None bias_init=None "
    "conv_general_dilated=None promote_dtype=None preferred_element_type=None rngs kernel_metadata=None bias_metadata=None"
)
LINEN_TRANSPOSE = (
    "features kernel_size strides=None padding='SAME' kernel_dilation=None use_bias=True mask=None "
    f"{TYPES} precision=None kernel_init=None bias_init=None transpose_kernel=False promote_dtype=None "
    "preferred_element_type=None parent=None name=None"
)
NNX_TRANSPOSE = (
    "in_features out_features kernel_size strides=None * padding='SAME' kernel_dilation=None use_bias=True mask=None "
    f"{TYPES} precision=None kernel_init=None bias_init=None transpose_kernel=False promote_dtype=None "
    "preferred_element_type=None rngs kernel_metadata=None bias_metadata=None"
)
WINDOWS = "rhs window_strides padding"
PRECISION = "precision=None preferred_element_type=None"
LINEN_SCALES = f"{TYPES} use_bias=True use_scale=True bias_init=None scale_init=None"
LINEN_ENDS = (
    "axis_name=None axis_index_groups=None use_fast_variance=True force_float32_reductions=True parent=None name=None"
)
NNX_ENDS = (
    "axis_name=None axis_index_groups=None use_fast_variance=True promote_dtype=None rngs=None bias_metadata=None "
    "scale_metadata=None"
)
NNX_SCALES = f"{TYPES} use_bias=True use_scale=True bias_init=None scale_init=None"


def _convolutions() -> tuple[Kind, ...]:
    check = convolution.check
    general = f"{WINDOWS} lhs_dilation=None rhs_dilation=None dimension_numbers=None feature_group_count=1 batch_group_count=1 {PRECISION} out_sharding=None"
    transpose = f"rhs strides padding rhs_dilation=None dimension_numbers=None transpose_kernel=False {PRECISION} use_consistent_padding=False"
    return (
        Kind("lax.conv", parameters(f"{WINDOWS} {PRECISION}"), convolution.resolve, check=check),
        Kind(
            "lax.conv_with_general_padding",
            parameters(f"{WINDOWS} lhs_dilation rhs_dilation {PRECISION}"),
            convolution.resolve,
            check=check,
        ),
        Kind("lax.conv_general_dilated", parameters(general), convolution.resolve, check=check),
        Kind("lax.conv_transpose", parameters(transpose), convolution.resolve_transpose, check=check),
        Kind("nn.Conv", parameters(LINEN_CONV), convolution.resolve_flax, check=check, leading=True),
        Kind("nnx.Conv", parameters(NNX_CONV), convolution.resolve_flax, check=check, leading=True),
        Kind(
            "nn.ConvTranspose",
            parameters(LINEN_TRANSPOSE),
            convolution.resolve_flax_transpose,
            check=check,
            leading=True,
        ),
        Kind(
            "nnx.ConvTranspose",
            parameters(NNX_TRANSPOSE),
            convolution.resolve_flax_transpose,
            check=check,
            leading=True,
        ),
    )


def _pools() -> tuple[Kind, ...]:
    signature = "window_shape strides=None padding='VALID'"
    averages = f"{signature} count_include_pad=True"
    window = "init_value computation window_dimensions window_strides=None padding='VALID' base_dilation=None window_dilation=None"
    return (
        Kind("nn.max_pool", parameters(signature), pooling.resolve, check=pooling.check, family="max", leading=True),
        Kind("nn.avg_pool", parameters(averages), pooling.resolve, check=pooling.check, family="average", leading=True),
        Kind("lax.reduce_window", parameters(window), pooling.resolve_window, check=pooling.check),
    )


def _norms() -> tuple[Kind, ...]:
    check = plain.check_norm
    linen_layer = f"epsilon=1e-6 {LINEN_SCALES} reduction_axes=-1 feature_axes=-1 {LINEN_ENDS}"
    return (
        Kind(
            "nn.BatchNorm",
            parameters(f"use_running_average=None axis=-1 momentum=0.99 epsilon=1e-5 {LINEN_SCALES} {LINEN_ENDS}"),
            plain.resolve_norm,
            check=check,
            family="batch",
        ),
        Kind("nn.LayerNorm", parameters(linen_layer), plain.resolve_norm, check=check, family="layer"),
        Kind(
            "nn.RMSNorm",
            parameters(
                f"epsilon=1e-6 {TYPES} use_scale=True scale_init=None reduction_axes=-1 feature_axes=-1 {LINEN_ENDS}"
            ),
            plain.resolve_norm,
            check=check,
            family="rms",
        ),
        Kind(
            "nn.InstanceNorm",
            parameters(f"epsilon=1e-6 {LINEN_SCALES} feature_axes=-1 {LINEN_ENDS}"),
            plain.resolve_norm,
            check=check,
            family="instance",
        ),
        Kind(
            "nn.GroupNorm",
            parameters(f"num_groups=32 group_size=None epsilon=1e-6 {LINEN_SCALES} reduction_axes=None {LINEN_ENDS}"),
            plain.resolve_group_norm,
            check=check,
        ),
        *_nnx_norms(),
    )


def _nnx_norms() -> tuple[Kind, ...]:
    check = plain.check_norm
    return (
        Kind(
            "nnx.BatchNorm",
            parameters(
                f"num_features * use_running_average=False axis=-1 momentum=0.99 epsilon=1e-5 {NNX_SCALES} {NNX_ENDS}"
            ),
            plain.resolve_norm,
            check=check,
            family="batch",
        ),
        Kind(
            "nnx.LayerNorm",
            parameters(f"num_features * epsilon=1e-6 {NNX_SCALES} reduction_axes=-1 feature_axes=-1 {NNX_ENDS}"),
            plain.resolve_norm,
            check=check,
            family="layer",
        ),
        Kind(
            "nnx.GroupNorm",
            parameters(
                f"num_features num_groups=32 group_size=None * epsilon=1e-6 {NNX_SCALES} reduction_axes=None {NNX_ENDS}"
            ),
            plain.resolve_group_norm,
            check=check,
        ),
    )


def _values() -> tuple[Kind, ...]:
    dense = f"features use_bias=True {TYPES} precision=None kernel_init=None bias_init=None promote_dtype=None dot_general=None dot_general_cls=None parent=None name=None"
    linear = f"in_features out_features * use_bias=True {TYPES} precision=None kernel_init=None bias_init=None dot_general=None promote_dtype=None preferred_element_type=None rngs kernel_metadata=None bias_metadata=None"
    activations = tuple(
        Kind(f"nn.{name}", parameters(plain.SIGNATURES.get(name, "")), plain.resolve_activation, family=name)
        for name in plain.ACTIVATIONS
    )
    return (
        *activations,
        Kind("nn.Dense", parameters(dense), plain.resolve_dense, check=plain.check_dense),
        Kind("nnx.Linear", parameters(linear), plain.resolve_dense, check=plain.check_dense),
        Kind(
            "nn.Dropout",
            parameters("rate broadcast_dims=() deterministic=None rng_collection='dropout' parent=None name=None"),
            plain.resolve_dropout,
        ),
        Kind(
            "nnx.Dropout",
            parameters("rate * broadcast_dims=() deterministic=False rng_collection='dropout' rngs=None"),
            plain.resolve_dropout,
        ),
        Kind(
            "jnp.pad",
            parameters("pad_width mode='constant' constant_values=0"),
            plain.resolve_pad,
            check=plain.check_pad,
        ),
        Kind("jnp.reshape", parameters("shape order='C' * copy=None out_sharding=None"), plain.resolve_reshape),
        Kind("jnp.transpose", parameters("axes=None"), plain.resolve_transpose),
        Kind(
            "jnp.mean",
            parameters("axis=None dtype=None out=None keepdims=False * where=None"),
            plain.resolve_mean,
            family="average",
        ),
        Kind(
            "jnp.max",
            parameters("axis=None out=None keepdims=False initial=None where=None"),
            plain.resolve_mean,
            family="max",
        ),
        Kind("jnp.asarray", parameters("dtype=None"), plain.resolve_identity),
    )


KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (*_convolutions(), *_pools(), *_norms(), *_values())}
"""Every layer and function that is modelled, by the name that people write."""

LAYERS = frozenset(name for name in KINDS if name.startswith(("nn.", "nnx.")) and name.rpartition(".")[2][0].isupper())
"""Those that are made first and applied to data then; the others are functions of the data."""

DATA: Mapping[str, str] = {
    **{name: "lhs" for name in KINDS if name.startswith("lax.conv")},
    "lax.reduce_window": "operand",
    "nn.max_pool": "inputs",
    "nn.avg_pool": "inputs",
    **{f"nn.{name}": "x" for name in plain.ACTIVATIONS},
    "jnp.pad": "array",
    **dict.fromkeys(("jnp.reshape", "jnp.transpose", "jnp.mean", "jnp.max", "jnp.asarray"), "a"),
}
"""What the first argument of a function, the data, is called."""

FOREIGN: Mapping[str, str] = {
    "filters": "features",
    "out_channels": "features",
    "in_channels": "in_features",
    "units": "features",
    "stride": "strides",
    "dilation": "kernel_dilation",
    "dilation_rate": "kernel_dilation",
    "dilations": "kernel_dilation",
    "groups": "feature_group_count",
    "group": "feature_group_count",
    "bias": "use_bias",
    "kernel_shape": "kernel_size",
    "pool_size": "window_shape",
    "ksize": "window_shape",
    "pads": "padding",
    "p": "rate",
    "eps": "epsilon",
    "activation": "write nn.relu(...) after it",
    "data_format": "flax has one order, channels last; lax takes dimension_numbers",
    "input_shape": "flax layers take no input shape: leave it out",
    "padding_mode": "flax writes padding='CIRCULAR' or 'REFLECT'",
    "output_padding": "flax has no output_padding: give a pair for each axis as padding",
    "ceil_mode": "flax has no ceil_mode: padding='SAME' keeps the rest",
}
"""Another framework's word -> flax's word, or what to write instead."""
