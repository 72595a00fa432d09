"""What tests of `solve` share: the sizes that a text gives, and words that a question may fix."""

from __future__ import annotations

from hypothesis import strategies as st

import convwise as cw

WORDS = {
    "kernel": st.none() | st.integers(1, 9) | st.tuples(st.integers(1, 5), st.integers(1, 5)),
    "stride": st.none() | st.integers(1, 4),
    "dilation": st.none() | st.integers(1, 3),
    "padding": st.none() | st.sampled_from(["valid", "same"]) | st.integers(0, 4),
}


def out_of(text, dialect, sizes):
    """The spatial sizes that a text, read as anybody's, gives."""
    shape = (1, *sizes, 3) if dialect == "keras" else (1, 3, *sizes)
    try:
        found = cw.output_shape(text, shape, dialect=dialect)
    except cw.ConvwiseError:
        return None
    return found[1:-1] if dialect == "keras" else found[2:]
