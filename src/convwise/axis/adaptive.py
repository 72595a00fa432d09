"""Windows that follow from the output's size: the rule of adaptive pools."""

from __future__ import annotations

from convwise.axis.window import Window


def share(index: int, size: int, out: int) -> range:
    """The cells that output `index` of `out` reads on an axis of `size`: floor(i size / out) to ceil((i + 1) size / out) - 1.

    Source of the rule: PyTorch's `AdaptiveAvgPool2d` (aten/native/AdaptivePooling.h).

    >>> [list(share(i, 5, 3)) for i in range(3)]
    [[0, 1], [1, 2, 3], [3, 4]]
    """
    return range(index * size // out, -(-(index + 1) * size // out))


def sliding_share(size: int, out: int) -> Window | None:
    """The one window that slides over the same cells; None where the shares are not alike.

    They are alike where size mod out is 0, and also where it is 1: then they overlap by one cell. With a rest r of
    2 or more the starts floor(i size / out) = i floor(size / out) + floor(i r / out) are no longer one step apart.

    >>> sliding_share(28, 7), sliding_share(7, 3).kernel, sliding_share(8, 3)
    (Window(kernel=4, stride=4, dilation=1, padding=Pads(low=0, high=0), ceil=False), 3, None)
    """
    each, rest = divmod(size, out)
    return Window(each + rest, each) if each and rest <= 1 else None
