"""The way back: the transposed layer that gives a strided layer's input size again."""

from __future__ import annotations

from convwise import dialects
from convwise.answers.explanation import Fix
from convwise.answers.fixes import Reader, collapse, spatial
from convwise.axis import Same
from convwise.dialects.base import LayerFlow
from convwise.errors import ConvwiseError
from convwise.ops import Conv


def undo(flow: LayerFlow, read: Reader) -> tuple[Fix, ...]:
    """A Conv*Transpose that maps the output of a strided `same` convolution back to its input's size.

    Empty for any other layer. `output_padding` picks the size among those that the convolution maps to the same
    output; the call is read back and run before it is given.
    """
    layer, op = flow.layer, flow.layer.window_op
    sizes = spatial(layer, flow.input)
    if not isinstance(op, Conv) or sizes is None or (op.in_channels is None and layer.dialect == "torch"):
        return ()
    if (
        layer.dialect != "keras"
        or "filters" not in layer.arguments
        or not all(isinstance(w.padding, Same) and w.stride > 1 for w in op.windows)
    ):
        return ()
    kernel, stride = collapse([w.kernel for w in op.windows]), collapse([w.stride for w in op.windows])
    order = "" if layer.channels_last else ", data_format='channels_first'"
    head = f"Conv{layer.rank}DTranspose({layer.arguments['filters']}, {kernel}, strides={stride}, padding='same'{order}"
    candidates = [f"{head}, output_padding={extra})" for extra in range(min(max(w.stride for w in op.windows), 16))]
    for code in [f"{head})", *candidates]:
        try:
            (back,) = read(code)
            output = dialects.get(layer.dialect).flow(back, flow.output).output
        except (ConvwiseError, ValueError):
            continue
        if spatial(back, output) == sizes:
            return (Fix(code, output, code),)
    return ()
