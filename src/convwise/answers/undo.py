"""The way back: the transposed layer that gives a strided layer's input size again."""

from __future__ import annotations

from convwise import dialects
from convwise.answers.explanation import Fix
from convwise.answers.respelled import Reader, read_and_run, spatial
from convwise.axis import Same
from convwise.dialects.base import LayerFlow
from convwise.errors import ConvwiseError
from convwise.ops import Conv, ConvTranspose


def undo(flow: LayerFlow, read: Reader) -> tuple[Fix, ...]:
    """A Conv*Transpose that maps the output of a strided `same` convolution back to its input's size.

    Empty for any other layer. `output_padding` picks the size among those that the convolution maps to the same
    output; the call is read back and run before it is given.
    """
    layer, op = flow.layer, flow.layer.window_op
    sizes = spatial(layer, flow.input)
    if layer.dialect != "keras" or "filters" not in layer.arguments or not isinstance(op, Conv) or sizes is None:
        return ()
    if not all(isinstance(window.padding, Same) and window.stride > 1 for window in op.windows):
        return ()
    back = [window.over(size).back for window, size in zip(op.windows, sizes, strict=True)]
    transposed = ConvTranspose(
        tuple(window for window, _ in back),
        out_channels=layer.arguments["filters"],
        output_padding=tuple(extra for _, extra in back),
    )
    try:
        code = dialects.get(layer.dialect).spell((transposed,), layer.channels_last)
    except (ConvwiseError, ValueError):
        return ()
    ran = read_and_run(code, flow.output, read)
    return (Fix(code, ran[1], code),) if ran is not None and spatial(*ran) == sizes else ()
