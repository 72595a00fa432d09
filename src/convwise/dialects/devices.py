"""What a framework does otherwise on one class of devices, or on one backend: data, each row with its source.

Rows that are `measured` are run by tests/oracle/test_devices.py on the installed release; the others were told of devices that are not
here, and hold for the releases of which they were told. Which layers a row is about is decided in `convwise.answers.porting.applies`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Device:
    """One fact: on `device`, releases `releases` of the framework refuse a layer (in `quote`), or take it with the `difference`.

    `framework` is a dialect's name; `source` an issue or pull request, or "measured" with how it was run.
    """

    key: str
    framework: str
    releases: str
    device: str
    source: str
    quote: str = ""
    difference: str = ""
    measured: bool = False


PLAIN_CPU = "CPU without oneDNN"
"""TensorFlow's own kernels: TF_ENABLE_ONEDNN_OPTS=0, or a processor for which it has no oneDNN."""
TURNED_OFF = "measured with TF_ENABLE_ONEDNN_OPTS=0"
MPS = "Apple GPU (MPS)"
CUDA = "CUDA"

DEVICES: tuple[Device, ...] = (
    *(
        Device(
            f"{framework}-channels-first-{what}",
            framework,
            release,
            PLAIN_CPU,
            f"{TURNED_OFF}; tensorflow/tensorflow#25570, keras-team/keras#20414",
            quote,
            measured=True,
        )
        for framework, release, rows in (
            (
                "tensorflow",
                "2.21",
                (
                    (
                        "conv",
                        "The Conv2D op currently only supports the NHWC tensor format on the CPU. The op was given the format: NCHW",
                    ),
                    ("conv3d", "CPU implementation of Conv3D currently only supports the NHWC tensor format."),
                    ("depthwise", "Depthwise convolution on CPU is only supported for NHWC format"),
                    ("transposed", "Conv2DCustomBackpropInputOp only supports NHWC."),
                    ("transposed3d", "Conv3DBackpropInputOpV2 only supports NDHWC on the CPU."),
                    ("max-pool", "Default MaxPoolingOp only supports NHWC on device type CPU"),
                    ("average-pool", "Default AvgPoolingOp only supports NHWC on device type CPU"),
                    ("pool3d", "Default Pooling3DOp only supports NDHWC on device type CPU"),
                ),
            ),
            (
                "keras",
                "3.15 on TensorFlow",
                (
                    (
                        "conv",
                        "The Conv2D op currently only supports the NHWC tensor format on the CPU. The op was given the format: NCHW",
                    ),
                    ("transposed", "Conv2DCustomBackpropInputOp only supports NHWC."),
                    ("transposed3d", "Conv3DBackpropInputOpV2 only supports NDHWC on the CPU."),
                ),
            ),
        )
        for what, quote in rows
    ),
    Device(
        "tensorflow-depthwise-unequal-strides",
        "tensorflow",
        "2.21",
        PLAIN_CPU,
        f"{TURNED_OFF}; tensorflow/tensorflow#33005, #60391",
        "Current implementation only supports equal length strides in the row and column dimensions.",
        measured=True,
    ),
    Device(
        "keras-depthwise-unequal-strides",
        "keras",
        "3.15 on TensorFlow",
        PLAIN_CPU,
        f"{TURNED_OFF}; keras-team/keras#15667",
        "Current implementation only supports equal length strides in the row and column dimensions.",
        measured=True,
    ),
    Device(
        "tensorflow-transposed-dilation",
        "tensorflow",
        "2.21",
        PLAIN_CPU,
        TURNED_OFF,
        "Current CPU implementations do not yet support dilation rates larger than 1.",
        measured=True,
    ),
    Device(
        "keras-transposed-dilation",
        "keras",
        "3.15 on TensorFlow",
        PLAIN_CPU,
        TURNED_OFF,
        "Current CPU implementations do not yet support dilation rates larger than 1.",
        measured=True,
    ),
    Device(
        "tensorflow-conv3d-dilation",
        "tensorflow",
        "2.21",
        PLAIN_CPU,
        TURNED_OFF,
        "CPU implementation of Conv3D currently only supports dilated rates of 1.",
        measured=True,
    ),
    Device(
        "tensorflow-grouped-gradient",
        "tensorflow",
        "2.21",
        PLAIN_CPU,
        f"{TURNED_OFF}; tensorflow/tensorflow#51825",
        "Gradients for grouped convolutions are not supported on CPU.",
        "inference runs, the gradient is refused",
        measured=True,
    ),
    Device(
        "tensorflow-max-pool-gradient",
        "tensorflow",
        "2.21",
        "CPU",
        "measured",
        "Default MaxPoolingGradOp only supports NHWC on device type CPU",
        "inference runs, the gradient is refused",
        measured=True,
    ),
    Device(
        "keras-conv3d-channels-first",
        "keras",
        "3.15 on TensorFlow",
        "CPU",
        "measured on 13 layers, 5 of them wrong: Keras 3.15.1 compiles them with XLA; its JAX and torch backends agree with the reference",
        difference="for some sizes and channel counts other values than on the other backends (diff --real shows it)",
        measured=True,
    ),
    Device(
        "keras-torch-average-same",
        "keras",
        "3.15 on torch",
        "CPU",
        "measured; keras-team/keras#18452, mended after 3.15 by #23233",
        difference="uneven padding repeats the border's cells and counts them: other values at the border",
        measured=True,
    ),
    Device(
        "keras-torch-bicubic",
        "keras",
        "3.15 on torch",
        "CPU",
        "measured",
        difference="another cubic kernel (a = -0.75): other values",
        measured=True,
    ),
    Device(
        "keras-torch-lanczos",
        "keras",
        "3.15 on torch",
        "CPU",
        "measured",
        "Resizing with Lanczos interpolation is not supported by the PyTorch backend.",
        measured=True,
    ),
    Device(
        "keras-torch-layer-norm",
        "keras",
        "3.15 on torch",
        "CPU",
        "measured: axes that are not the last ones",
        "Given normalized_shape=",
        measured=True,
    ),
    Device(
        "torch-mps-conv3d",
        "torch",
        "before 2.3",
        MPS,
        "pytorch/pytorch#77818, #114183; MIC-DKFZ/nnUNet#1862 of 2.3.0.dev",
        "Conv3D is not supported on MPS",
    ),
    Device(
        "torch-mps-conv-transpose3d",
        "torch",
        "before 2.8",
        MPS,
        "pytorch/pytorch#130256, #154615 of 2.7.0, #154696",
        "ConvTranspose 3D is not supported on MPS",
    ),
    Device(
        "torch-mps-adaptive-average",
        "torch",
        "up to 2.13",
        MPS,
        "pytorch/pytorch#96056, #143864; #192413 of August 2026 lifts it",
        "Adaptive pool MPS: input sizes must be divisible by output sizes.",
    ),
    Device(
        "torch-mps-adaptive-max",
        "torch",
        "2.13",
        MPS,
        "pytorch/pytorch#190064",
        difference="other values, and another shape where it enlarges, for sizes that do not divide",
    ),
    Device(
        "onnx-cuda-uneven-transpose",
        "onnx",
        "onnxruntime, told of 1.10",
        CUDA,
        "microsoft/onnxruntime#11312",
        difference="runs on the processor: uneven padding of ConvTranspose has no CUDA kernel",
    ),
    Device(
        "onnx-cuda-pad-19",
        "onnx",
        "onnxruntime, told of 1.23 with operator set 19 and later",
        CUDA,
        "microsoft/onnxruntime#26393",
        difference="runs on the processor: Pad has no CUDA kernel for these operator sets",
    ),
    Device(
        "onnx-cuda-transpose-22",
        "onnx",
        "onnxruntime, told of 1.23 with operator set 22 and later",
        CUDA,
        "microsoft/onnxruntime#26393",
        difference="runs on the processor: ConvTranspose has no CUDA kernel for these operator sets",
    ),
)
"""Every fact that is known, by framework."""


def on_devices(framework: str) -> tuple[Device, ...]:
    """The rows of one dialect.

    >>> {row.device for row in on_devices("torch")}
    {'Apple GPU (MPS)'}
    """
    return tuple(row for row in DEVICES if row.framework == framework)
