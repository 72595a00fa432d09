"""What `F.pad` refuses in the modes that read the border of the data: reflect, replicate, circular."""

from __future__ import annotations

from convwise.axis import Pads
from convwise.dialects.torch.values import listed
from convwise.errors import ShapeError
from convwise.ops import Shape, spatial_names


def check_border(mode: str, pads: tuple[Pads, ...], batch: Shape, channels: int | None, spatial: Shape) -> None:
    """What `F.pad` refuses in the modes that read the border.

    Raises:
        ShapeError: CW103 (an empty axis), CW104 (nothing left), CW108 (wider than the data allows).
    """
    rank, start = len(spatial), len(batch) + 1
    names = spatial_names(rank)
    shape = (*batch, channels, *spatial)
    if mode == "circular":
        _check_wrapping(names, pads, spatial)
        return
    if 0 in shape[len(batch) :]:
        quote = f"Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {listed(shape)}"
        place = "channels" if channels == 0 else names[spatial.index(0)]
        raise ShapeError(
            "CW103",
            "the size is 0",
            axis=place,
            received=0,
            quote=quote if None not in shape else "",
            hint="give at least 1 cell on every axis",
        )
    if mode == "reflect":
        for back in range(rank):
            i = rank - 1 - back
            pad, size = pads[i], spatial[i]
            if size is not None and max(pad.low, pad.high) >= size:
                words = f"Argument #{4 + 2 * back}: Padding size should be less than the corresponding input dimension, but got: padding ({pad.low}, {pad.high}) at dimension {start + i} of input {listed(shape)}"
                raise _too_wide(
                    "reflect", names[i], max(pad.low, pad.high), size, size - 1, words if None not in shape else ""
                )
    out = tuple(None if size is None else size + pad.total for size, pad in zip(spatial, pads, strict=True))
    small = next((i for i, size in enumerate(out) if size is not None and size < 1), None)
    if small is not None:
        # Where another axis is left, PyTorch's check passes: it gives an empty output for a size of 0.
        code = "CW210" if min(size for size in out if size is not None) == 0 and any(out) else "CW104"
        raise ShapeError(
            code,
            f"cutting {-pads[small].total} of {spatial[small]} cells leaves nothing",
            axis=names[small],
            received=spatial[small],
            hint="cut less, or take a larger input",
            quote=_nothing_left(out) if None not in shape else "",
        )


def _check_wrapping(names: tuple[str, ...], pads: tuple[Pads, ...], spatial: Shape) -> None:
    for name, pad, size in zip(names, pads, spatial, strict=True):
        if size is None:
            continue
        low, high = sorted((pad.low, pad.high))
        if low < 0 < high and high > size + low:
            fact = f"pads of {pad.low} and {pad.high} on {size} cells wrap cells around that are cut away"
            raise ShapeError("CW210", fact, axis=name, received=size, hint="cut and pad in two layers")
        if high > size:
            raise _too_wide("circular", name, high, size, size, "Padding value causes wrapping around more than once.")
        if size + pad.total < 0:
            quote = "Negative padding value is resulting in an empty dimension"
            fact = f"cutting {-pad.total} of {size} cells leaves nothing"
            raise ShapeError("CW104", fact, axis=name, received=size, quote=quote, hint="cut less")


def _nothing_left(out: tuple[int | None, ...]) -> str:
    negative = next((size for size in out if size is not None and size < 0), 0)
    if negative and any(size is not None and size > 0 for size in out):
        return f"Trying to create tensor with negative dimension {negative}"
    return "is too small. Calculated output"


def _too_wide(mode: str, name: str, widest: int, size: int, most: int, quote: str) -> ShapeError:
    needs = "more than " if mode == "reflect" else "at least "
    hint = f"pad at most {most}" if most > 0 else "use zero padding, or a larger input"
    return ShapeError(
        "CW108",
        f"{mode} padding of {widest} needs {needs}{widest} cells, but only {size} exist",
        axis=name,
        received=widest,
        hint=hint,
        quote=quote,
    )
