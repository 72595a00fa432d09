"""Words of PyTorch and of Keras 1 and 2 that users write in Keras calls, and what to write instead: data."""

from __future__ import annotations

from collections.abc import Mapping

CHANNELS = "leave it out: Keras finds the channels from the input, and names the output channels `filters`"

CONVOLUTION: dict[str, str] = {
    "in_channels": CHANNELS,
    "out_channels": "filters",
    "stride": "strides",
    "dilation": "dilation_rate",
    "bias": "use_bias",
    "padding_mode": "leave it out: a layer of its own pads before the convolution, and Keras's own layers pad with zeros only",
    "device": "leave it out: Keras places layers by itself",
    # Keras 1
    "nb_filter": "filters",
    "nb_row": "write kernel_size=(rows, columns)",
    "nb_col": "write kernel_size=(rows, columns)",
    "filter_length": "kernel_size",
    "subsample": "strides",
    "subsample_length": "strides",
    "atrous_rate": "dilation_rate",
    "border_mode": "padding",
    "dim_ordering": "data_format",
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
}

POOLING: dict[str, str] = {
    "kernel_size": "pool_size",
    "stride": "strides",
    "dilation": "leave it out: Keras's pooling has no dilation",
    "ceil_mode": "padding='same' rounds up",
    "count_include_pad": "leave it out: Keras's average never counts padding",
    "divisor_override": "leave it out: Keras's average divides by the cells that are data",
    "return_indices": "leave it out: no Keras layer gives the places of the maxima",
    "pool_length": "pool_size",
    "border_mode": "padding",
    "dim_ordering": "data_format",
}

COMMON: dict[str, str] = {
    "in_features": "leave it out: Keras finds the features from the input",
    "out_features": "units",
    "output_dim": "units",
    "p": "rate",
    "inplace": "leave it out: Keras layers give a new tensor",
    "num_features": "leave it out: Keras finds the channels from the input",
    "normalized_shape": "axis",
    "num_groups": "groups",
    "num_channels": "leave it out: Keras finds the channels from the input",
    "eps": "epsilon",
    "affine": "write center=False, scale=False for a layer without weights",
    "elementwise_affine": "write center=False, scale=False for a layer without weights",
    "track_running_stats": "leave it out: Keras always keeps them",
    "scale_factor": "size",
    "mode": "interpolation",
    "start_dim": "leave it out: Keras flattens all axes but the batch",
    "end_dim": "leave it out: Keras flattens all axes but the batch",
    "dim": "axis",
    "init": "kernel_initializer",
    "bias": "use_bias",
    "device": "leave it out: Keras places layers by itself",
    "batch_input_shape": "start the model with Input(batch_shape=...)",
    "batch_size": "start the model with Input(shape, batch_size=...)",
    "input_length": "start the model with Input(shape)",
    "weights": "set them with layer.set_weights(...) once the layer is built",
    "keep_dims": "keepdims",
    "keepdim": "keepdims",
    "dim_ordering": "data_format",
}


def foreign(family: str) -> Mapping[str, str]:
    """Another framework's word -> Keras's word for it, or a sentence, for layers of this family."""
    return TABLES.get(family, COMMON)


TABLES: dict[str, dict[str, str]] = {
    **{family: {**COMMON, **CONVOLUTION} for family in ("conv", "transpose", "depthwise", "separable")},
    **{family: {**COMMON, **POOLING} for family in ("max_pool", "average_pool")},
}
