"""Which names `keras.layers` has, and what convwise does with each: data, taken from `dir(keras.layers)` of Keras 3.15.1."""

from __future__ import annotations

KINDS: dict[str, tuple[str, int | None]] = {
    **{f"Conv{n}D": ("conv", n) for n in (1, 2, 3)},
    **{f"Conv{n}DTranspose": ("transpose", n) for n in (1, 2, 3)},
    **{f"DepthwiseConv{n}D": ("depthwise", n) for n in (1, 2)},
    **{f"SeparableConv{n}D": ("separable", n) for n in (1, 2)},
    **{f"MaxPooling{n}D": ("max_pool", n) for n in (1, 2, 3)},
    **{f"AveragePooling{n}D": ("average_pool", n) for n in (1, 2, 3)},
    **{f"GlobalMaxPooling{n}D": ("global_max", n) for n in (1, 2, 3)},
    **{f"GlobalAveragePooling{n}D": ("global_average", n) for n in (1, 2, 3)},
    **{f"AdaptiveMaxPooling{n}D": ("adaptive_max", n) for n in (1, 2, 3)},
    **{f"AdaptiveAveragePooling{n}D": ("adaptive_average", n) for n in (1, 2, 3)},
    **{f"ZeroPadding{n}D": ("zero_padding", n) for n in (1, 2, 3)},
    **{f"Cropping{n}D": ("cropping", n) for n in (1, 2, 3)},
    **{f"UpSampling{n}D": ("up_sampling", n) for n in (1, 2, 3)},
    "Resizing": ("resizing", 2),
    "CenterCrop": ("center_crop", 2),
    "Rescaling": ("rescaling", None),
    "RandomFlip": ("random_flip", 2),
    "RandomRotation": ("random_rotation", 2),
    "RandomZoom": ("random_zoom", 2),
    "RandomTranslation": ("random_translation", 2),
    "RandomContrast": ("random_contrast", 2),
    "RandomBrightness": ("random_contrast", 2),
    "Flatten": ("flatten", None),
    "Reshape": ("reshape", None),
    "Permute": ("permute", None),
    "RepeatVector": ("repeat_vector", 0),
    "Dense": ("dense", None),
    "BatchNormalization": ("batch_norm", None),
    "LayerNormalization": ("layer_norm", None),
    "GroupNormalization": ("group_norm", None),
    "UnitNormalization": ("unit_norm", None),
    "RMSNormalization": ("rms_norm", None),
    "Dropout": ("dropout", None),
    "AlphaDropout": ("alpha_dropout", None),
    "GaussianDropout": ("gaussian_dropout", None),
    "GaussianNoise": ("gaussian_noise", None),
    **{f"SpatialDropout{n}D": ("spatial_dropout", n) for n in (1, 2, 3)},
    "ActivityRegularization": ("activity_regularization", None),
    "Activation": ("activation", None),
    "ReLU": ("relu", None),
    "LeakyReLU": ("leaky_relu", None),
    "PReLU": ("prelu", None),
    "ELU": ("elu", None),
    "Softmax": ("softmax", None),
    "Identity": ("identity", None),
    "Masking": ("masking", None),
}
"""Canonical name -> (family, spatial axes; None where any number goes)."""

MOVING = ("random_rotation", "random_zoom", "random_translation")
AUGMENTING = ("random_flip", "random_contrast", *MOVING)
"""Families that change images at random in training."""

IMAGES = ("resizing", "center_crop", *AUGMENTING)
"""Families that take one image without a batch, too."""

ALIASES: dict[str, str] = {
    **{f"Convolution{n}D": f"Conv{n}D" for n in (1, 2, 3)},
    **{f"Convolution{n}DTranspose": f"Conv{n}DTranspose" for n in (1, 2, 3)},
    **{f"SeparableConvolution{n}D": f"SeparableConv{n}D" for n in (1, 2)},
    **{f"MaxPool{n}D": f"MaxPooling{n}D" for n in (1, 2, 3)},
    **{f"AvgPool{n}D": f"AveragePooling{n}D" for n in (1, 2, 3)},
    **{f"GlobalMaxPool{n}D": f"GlobalMaxPooling{n}D" for n in (1, 2, 3)},
    **{f"GlobalAvgPool{n}D": f"GlobalAveragePooling{n}D" for n in (1, 2, 3)},
}
"""Second names that `keras.layers` itself gives."""

UNMODELLED = frozenset(
    [
        "Add",
        "AdditiveAttention",
        "Attention",
        "AugMix",
        "AutoContrast",
        "Average",
        "Bidirectional",
        "CategoryEncoding",
        "Concatenate",
        "ContrastLimitedAdaptiveHistogramEqualization",
        "ConvLSTM1D",
        "ConvLSTM2D",
        "ConvLSTM3D",
        "CutMix",
        "Discretization",
        "Dot",
        "EinsumDense",
        "Embedding",
        "Equalization",
        "FlaxLayer",
        "GRU",
        "GRUCell",
        "GroupQueryAttention",
        "HashedCrossing",
        "Hashing",
        "IntegerLookup",
        "JaxLayer",
        "LSTM",
        "LSTMCell",
        "Lambda",
        "MaxNumBoundingBoxes",
        "Maximum",
        "MelSpectrogram",
        "Minimum",
        "MixUp",
        "MultiHeadAttention",
        "Multiply",
        "Normalization",
        "Pipeline",
        "RNN",
        "RandAugment",
        "RandomColorDegeneration",
        "RandomColorJitter",
        "RandomCrop",
        "RandomElasticTransform",
        "RandomErasing",
        "RandomGaussianBlur",
        "RandomGrayscale",
        "RandomHue",
        "RandomInvert",
        "RandomPerspective",
        "RandomPosterization",
        "RandomSaturation",
        "RandomSharpness",
        "RandomShear",
        "ReversibleEmbedding",
        "STFTSpectrogram",
        "SimpleRNN",
        "SimpleRNNCell",
        "Solarization",
        "SpectralNormalization",
        "StackedRNNCells",
        "StringLookup",
        "Subtract",
        "TFSMLayer",
        "TextVectorization",
        "TimeDistributed",
        "TorchModuleWrapper",
        "Wrapper",
    ]
)
"""Layers of Keras 3.15 that convwise knows by name and does not model."""

MERGES = {
    "Add": "add",
    "Subtract": "subtract",
    "Multiply": "multiply",
    "Average": "average",
    "Maximum": "maximum",
    "Minimum": "minimum",
}
"""Layers that combine their inputs cell by cell."""

REMOVED: dict[str, str] = {
    "AtrousConvolution1D": "Conv1D(..., dilation_rate=...)",
    "AtrousConvolution2D": "Conv2D(..., dilation_rate=...)",
    "CuDNNGRU": "GRU(...)",
    "CuDNNLSTM": "LSTM(...)",
    "Deconvolution2D": "Conv2DTranspose(...)",
    "LocallyConnected1D": "a Conv1D, or weights of its own for every place",
    "LocallyConnected2D": "a Conv2D, or weights of its own for every place",
    "MaxoutDense": "Dense(...) and a maximum",
    "ThresholdedReLU": "ReLU(threshold=...)",
}
"""Layers of Keras 1 and 2 that Keras 3 has no more, and what stands for them now."""

INPUTS = frozenset({"Input", "InputLayer"})
"""Names that declare an input and are no op."""

NAMES = frozenset(KINDS) | frozenset(ALIASES) | UNMODELLED | frozenset(REMOVED)
"""Every layer name that `read` has an answer for, be it a refusal."""


def canonical(kind: str) -> str:
    """The name that Keras itself uses for `kind`.

    >>> canonical("Convolution2D")
    'Conv2D'
    """
    return ALIASES.get(kind, kind)
