"""Layers of torch.nn 2.13 that convwise knows by name and does not model. Data."""

from __future__ import annotations

from collections.abc import Mapping

CONTAINERS = frozenset(
    {"Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Module", "Container", "DataParallel"}
)
"""They hold layers; the reader takes them apart."""

UNMODELLED: Mapping[str, str] = {
    **dict.fromkeys(
        ("MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"), "its size needs the indices of the pooling that it undoes"
    ),
    **dict.fromkeys(("FractionalMaxPool2d", "FractionalMaxPool3d"), "its windows are drawn at random"),
    **dict.fromkeys(
        ("RNN", "LSTM", "GRU", "RNNBase", "RNNCell", "LSTMCell", "GRUCell", "RNNCellBase"), "it is recurrent"
    ),
    **dict.fromkeys(
        (
            "Transformer",
            "TransformerEncoder",
            "TransformerDecoder",
            "TransformerEncoderLayer",
            "TransformerDecoderLayer",
            "MultiheadAttention",
        ),
        "it is an attention layer",
    ),
    **dict.fromkeys(("Embedding", "EmbeddingBag"), "it takes indices, not a map"),
    **dict.fromkeys(("Bilinear", "CosineSimilarity", "PairwiseDistance"), "it takes two inputs"),
    "CrossMapLRN2d": "use LocalResponseNorm, which does the same",
    "AdaptiveLogSoftmaxWithLoss": "it is a loss",
    **dict.fromkeys(
        [
            "BCELoss",
            "BCEWithLogitsLoss",
            "CTCLoss",
            "CosineEmbeddingLoss",
            "CrossEntropyLoss",
            "GaussianNLLLoss",
            "HingeEmbeddingLoss",
            "HuberLoss",
            "KLDivLoss",
            "L1Loss",
            "LinearCrossEntropyLoss",
            "MSELoss",
            "MarginRankingLoss",
            "MultiLabelMarginLoss",
            "MultiLabelSoftMarginLoss",
            "MultiMarginLoss",
            "NLLLoss",
            "NLLLoss2d",
            "PoissonNLLLoss",
            "SmoothL1Loss",
            "SoftMarginLoss",
            "TripletMarginLoss",
            "TripletMarginWithDistanceLoss",
        ],
        "it is a loss",
    ),
}

KERAS_LAYERS: Mapping[str, str] = {
    "Dense": "Linear",
    "MaxPooling1D": "MaxPool1d",
    "MaxPooling2D": "MaxPool2d",
    "MaxPooling3D": "MaxPool3d",
    "AveragePooling1D": "AvgPool1d",
    "AveragePooling2D": "AvgPool2d",
    "AveragePooling3D": "AvgPool3d",
    "GlobalAveragePooling2D": "AdaptiveAvgPool2d(1)",
    "GlobalMaxPooling2D": "AdaptiveMaxPool2d(1)",
    "Conv2DTranspose": "ConvTranspose2d",
    "Conv1DTranspose": "ConvTranspose1d",
    "Conv3DTranspose": "ConvTranspose3d",
    "DepthwiseConv2D": "Conv2d with groups=in_channels",
    "ZeroPadding2D": "ZeroPad2d",
    "UpSampling2D": "Upsample",
    "BatchNormalization": "BatchNorm2d",
    "LayerNormalization": "LayerNorm",
    "GroupNormalization": "GroupNorm",
    "SpatialDropout2D": "Dropout2d",
    "Reshape": "Unflatten",
}
"""What a Keras layer is called here, where the nearest name would not find it."""

FLAX_LAYERS: Mapping[str, str] = {
    "Conv": "nn.Conv1d, nn.Conv2d or nn.Conv3d",
    "ConvTranspose": "nn.ConvTranspose1d, nn.ConvTranspose2d or nn.ConvTranspose3d",
    "Dense": "nn.Linear",
    "BatchNorm": "nn.BatchNorm1d, nn.BatchNorm2d or nn.BatchNorm3d",
    "InstanceNorm": "nn.InstanceNorm1d, nn.InstanceNorm2d or nn.InstanceNorm3d",
}
"""Layers that flax.linen has under the prefix that PyTorch's have, and what they are in PyTorch."""
