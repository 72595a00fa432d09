"""What changed between releases of the frameworks, as far as it decides sizes, values or refusals of layers: data.

tests/oracle/test_releases.py runs every row's `now` on the installed release, and tests/oracle/check_releases.py its
`before` on an older one, where that one can still be installed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: from `since` on, `what` gives `now`; releases before gave `before`.

    `framework` is a dialect's name; `package` the distribution whose version `since` is, or "opset" for an operator set.
    `source` names where it is told: an issue or pull request, a page, or "measured". `older` is a release that shows
    `before` and was run, empty where none could be installed.
    """

    key: str
    framework: str
    package: str
    since: str
    what: str
    before: str
    now: str
    source: str
    older: str = ""


CHANGES: tuple[Change, ...] = (
    Change(
        "keras-depthwise-stride-dilation",
        "keras",
        "keras",
        "3.15",
        "DepthwiseConv2D(3, strides=2, dilation_rate=2) on 9 x 9",
        "refused",
        "(1, 3, 3, 2)",
        "keras-team/keras#22598, #23027",
        "3.14.1",
    ),
    Change(
        "keras-output-padding-zero",
        "keras",
        "keras",
        "3.11",
        "Conv2DTranspose(2, 3, strides=2, output_padding=0) on 4 x 4",
        "refused",
        "(1, 9, 9, 2)",
        "measured",
        "3.10.0",
    ),
    Change(
        "keras-adaptive-pooling",
        "keras",
        "keras",
        "3.13",
        "AdaptiveAveragePooling2D(3)",
        "no such layer",
        "(1, 3, 3, 2)",
        "measured",
        "3.12.0",
    ),
    Change(
        "torch-same",
        "torch",
        "torch",
        "1.9",
        "Conv2d(2, 2, 3, padding='same')",
        "refused",
        "(1, 2, 8, 9)",
        "pytorch/pytorch#45667; BGU-CS-VIL/WTConv#29",
    ),
    Change(
        "torch-nearest-exact",
        "torch",
        "torch",
        "1.11",
        "Upsample(scale_factor=2, mode='nearest-exact')",
        "no such mode",
        "(1, 2, 16, 18)",
        "pytorch/pytorch#64501; pytorch/vision#6645",
    ),
    Change(
        "torch-zero-pad",
        "torch",
        "torch",
        "2.1",
        "ZeroPad1d and ZeroPad3d",
        "no such layer",
        "(1, 2, 11)",
        "pytorch/pytorch#95796, asked for before 2.1; #107571, run in 2.1.0.dev",
    ),
    Change(
        "onnx-maxpool-ceil",
        "onnx",
        "opset",
        "10",
        "MaxPool with ceil_mode or dilations",
        "refused",
        "(1, 2, 5, 5)",
        "onnx docs/Changelog.md#MaxPool-10; onnx/onnx#2943",
        "9",
    ),
    Change(
        "onnx-averagepool-ceil",
        "onnx",
        "opset",
        "10",
        "AveragePool with ceil_mode",
        "refused",
        "(1, 2, 5, 5)",
        "onnx docs/Changelog.md#AveragePool-10",
        "9",
    ),
    Change(
        "onnx-lppool-dilations",
        "onnx",
        "opset",
        "18",
        "LpPool with dilations or ceil_mode",
        "refused",
        "(1, 2, 5, 6)",
        "onnx docs/Changelog.md#LpPool-18",
        "17",
    ),
    Change(
        "onnx-averagepool-dilations",
        "onnx",
        "opset",
        "19",
        "AveragePool with dilations",
        "refused",
        "(1, 2, 5, 6)",
        "onnx docs/Changelog.md#AveragePool-19; openvinotoolkit/openvino#36714",
        "18",
    ),
    Change(
        "onnx-averagepool-same-negative",
        "onnx",
        "opset",
        "19",
        "AveragePool of kernel 1, stride 3, auto_pad SAME_UPPER on 9 cells, run by onnxruntime",
        "refused",
        "(1, 2, 3), its windows starting at cell 1",
        "measured",
        "18",
    ),
    Change(
        "onnx-gemm-bias",
        "onnx",
        "opset",
        "11",
        "Gemm without a bias",
        "refused",
        "(2, 3)",
        "onnx docs/Changelog.md#Gemm-11",
        "10",
    ),
    Change(
        "onnx-resize-roi",
        "onnx",
        "opset",
        "13",
        "Resize without roi",
        "refused",
        "(1, 2, 18, 20)",
        "onnx docs/Changelog.md#Resize-13",
        "12",
    ),
    Change(
        "onnxruntime-ceil-starts-in-padding",
        "onnx",
        "onnxruntime",
        "1.21",
        "AveragePool of kernel 4, stride 4, pads 2, ceil_mode on 9 cells, operator set 19",
        "(1, 2, 4)",
        "(1, 2, 3)",
        "microsoft/onnxruntime#16752; onnx/onnx#5741",
        "1.20.1",
    ),
    Change(
        "onnx-inference-ceil-starts-in-padding",
        "onnx",
        "opset",
        "22",
        "onnx's own shape inference of MaxPool of kernel 4, stride 4, pads 2, ceil_mode on 9 cells",
        "(1, 2, 4)",
        "(1, 2, 3)",
        "onnx/onnx#5741, #5711",
        "21",
    ),
    Change(
        "jax-consistent-padding",
        "jax",
        "jax",
        "0.8.1",
        "lax.conv_transpose with use_consistent_padding=True",
        "no such argument",
        "(1, 9, 2)",
        "jax-ml/jax#32268",
        "0.8.0",
    ),
    Change(
        "flax-count-include-pad",
        "jax",
        "flax",
        "0.6.1",
        "nn.avg_pool with count_include_pad=False",
        "no such argument",
        "(1, 5, 2)",
        "google/flax#2451",
    ),
)
"""Every change that is known, by framework; older ones first where they are of one kind."""


def of(framework: str) -> tuple[Change, ...]:
    """The changes of one dialect.

    >>> [change.since for change in of("torch")]
    ['1.9', '1.11', '2.1']
    """
    return tuple(change for change in CHANGES if change.framework == framework)
