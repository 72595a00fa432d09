"""Words of other frameworks that people write in PyTorch calls, and what PyTorch says instead. Data."""

from __future__ import annotations

from collections.abc import Mapping

SAME_MEANING: Mapping[str, tuple[str, ...]] = {
    # Keras and TensorFlow; the first word that the layer has is offered
    "filters": ("out_channels",),
    "strides": ("stride",),
    "dilation_rate": ("dilation",),
    "dilations": ("dilation",),
    "pool_size": ("kernel_size",),
    "kernel": ("kernel_size",),
    "ksize": ("kernel_size",),
    "use_bias": ("bias",),
    "units": ("out_features",),
    "input_dim": ("in_features", "in_channels"),
    "input_channels": ("in_channels",),
    "output_channels": ("out_channels",),
    "rate": ("p",),
    "axis": ("dim",),
    "epsilon": ("eps",),
    "center": ("affine", "bias"),
    "scale": ("affine", "elementwise_affine"),
    "target_shape": ("unflattened_size",),
    "interpolation": ("mode",),
    "block_size": ("upscale_factor", "downscale_factor"),
    "negative_slope": ("negative_slope",),
    "alpha": ("negative_slope",),
    "shared_axes": ("num_parameters",),
    # ONNX
    "kernel_shape": ("kernel_size",),
    "pads": ("padding",),
    "auto_pad": ("padding",),
    "group": ("groups",),
    "scales": ("scale_factor",),
    "num_filter": ("out_channels",),
    "depth_multiplier": ("groups",),
}

INSTEAD: Mapping[str, str] = {
    "data_format": "PyTorch has one order, channels first: (N, C, H, W); leave data_format out",
    "activation": "PyTorch writes the activation as a layer of its own after this one: nn.ReLU()",
    "input_shape": "PyTorch layers take no input shape: leave it out",
    "batch_input_shape": "PyTorch layers take no input shape: leave it out",
    "kernel_initializer": "set the weights with torch.nn.init after the layer is made; no size depends on it",
    "bias_initializer": "set the bias with torch.nn.init after the layer is made; no size depends on it",
    "depthwise_initializer": "set the weights with torch.nn.init after the layer is made; no size depends on it",
    "kernel_regularizer": "regularise in the optimizer (weight_decay=...); no size depends on it",
    "bias_regularizer": "regularise in the optimizer (weight_decay=...); no size depends on it",
    "activity_regularizer": "add it to the loss; no size depends on it",
    "kernel_constraint": "PyTorch layers take no constraint: leave it out",
    "bias_constraint": "PyTorch layers take no constraint: leave it out",
    "name": "PyTorch layers have no name of their own: the attribute or the Sequential's key is the name",
    "trainable": "set requires_grad on the parameters instead",
    "seed": "use torch.manual_seed instead",
    "filters": "it has no number of filters: leave it out",
    "strides": "it has no stride: leave it out",
    "dilation_rate": "it has no dilation: leave it out",
    "use_bias": "it has no bias: leave it out",
}


def foreign_words(names: frozenset[str]) -> dict[str, str]:
    """Another framework's word -> this layer's word, or a sentence where there is none."""
    words = {word: sentence for word, sentence in INSTEAD.items() if word not in names}
    for word, ours in SAME_MEANING.items():
        found = next((name for name in ours if name in names), None)
        if found is not None and word not in names:
            words[word] = found
    return words
