"""What differs between releases of Keras 3: data, measured by running each release on TensorFlow 2.21.

Tried were 3.0.5, 3.5.0, 3.8.0, 3.9.2, 3.10.0, 3.11.3, 3.12.0, 3.13.2, 3.14.1 and 3.15.1. A thing that appeared between
two of them is listed under the first one that has it.
"""

from __future__ import annotations

from convwise.errors import ArgumentError

CURRENT = "3.15"
RELEASES = ("3.0", "3.5", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")

KIND_SINCE: dict[str, str] = {
    "RMSNormalization": "3.9",
    **{f"Adaptive{what}Pooling{n}D": "3.13" for what in ("Average", "Max") for n in (1, 2, 3)},
}
"""Layers that did not exist from the start."""

ARGUMENT_SINCE: dict[tuple[str, str], str] = {
    ("ZeroPadding1D", "data_format"): "3.5",
    ("Resizing", "pad_to_aspect_ratio"): "3.5",
    ("Resizing", "fill_mode"): "3.5",
    ("Resizing", "fill_value"): "3.5",
    ("Resizing", "antialias"): "3.9",
    ("Dense", "lora_alpha"): "3.10",
    ("Dense", "quantization_config"): "3.13",
    ("BatchNormalization", "renorm"): "3.14",
    ("BatchNormalization", "renorm_clipping"): "3.14",
    ("BatchNormalization", "renorm_momentum"): "3.14",
}
"""Arguments that were not taken from the start."""

ACTIVATION_SINCE: dict[str, str] = {
    **dict.fromkeys(
        (
            "celu",
            "glu",
            "hard_shrink",
            "hard_tanh",
            "log_sigmoid",
            "soft_shrink",
            "sparse_plus",
            "sparsemax",
            "squareplus",
            "tanh_shrink",
            "threshold",
        ),
        "3.8",
    ),
    "sparse_sigmoid": "3.9",
}
"""Activation names that were not known from the start."""

DEPTHWISE_STRIDE_AND_DILATION = "3.15"
"""The first release whose DepthwiseConv and SeparableConv take a stride together with a dilation."""

OUTPUT_PADDING_ZERO = "3.11"
"""The first release that takes output_padding=0, and names output_padding in the signature."""

OUTPUT_PADDING_WORDS = "3.14"
"""The first release that refuses output_padding >= strides in its own words; older ones fail in the backend."""

AREA = "3.8"
"""The first release with interpolation='area'."""


def settle(release: str | None) -> str:
    """The release meant: `3.15.1` is 3.15.

    Raises:
        ArgumentError: CW603.

    >>> settle("3.15.1")
    '3.15'
    """
    if release is None:
        return CURRENT
    short = ".".join(str(release).split(".")[:2])
    if short not in RELEASES:
        raise ArgumentError(
            "CW603",
            f"no release {release!r} of Keras is known here",
            received=release,
            hint=f"known are {', '.join(RELEASES)}",
        )
    return short


def before(release: str, other: str) -> bool:
    """Whether `release` is older than `other`.

    >>> before("3.9", "3.10")
    True
    """
    return RELEASES.index(release) < RELEASES.index(other)
