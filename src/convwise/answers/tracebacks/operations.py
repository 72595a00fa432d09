"""What single operations say of the tensors they are given, where the sentence and its numbers are all that there is to tell."""

from __future__ import annotations

from collections.abc import Callable

from convwise.answers.explanation import Fact, Fix
from convwise.answers.tracebacks.clue import numbers
from convwise.answers.tracebacks.telling import Match, Told, by, features
from convwise.answers.wording import plural


def saying(headline: str, *then: str) -> Callable[[Match], Told]:
    """A sentence with the parts of the message in it, and what to do."""

    def told(match: Match) -> Told:
        parts = {name: text or "" for name, text in match.groupdict().items()}
        lines = tuple(one.format(**parts) for one in then)
        return headline.format(**parts), (Fact("then", lines),) if lines else (), ()

    return told


def split(match: Match) -> Told:
    have, axis, pieces = int(match.group("have")), match.group("axis"), numbers(match.group("pieces"))
    headline = f"Pieces of {' + '.join(map(str, pieces))} = {sum(pieces)} are cut off an axis of {have}."
    then = f"sizes that sum to {have} on axis {axis}, or one number: torch.split(x, n, dim={axis}) cuts pieces of n, the last one smaller"
    return headline, (Fact("then", (then,)),), ()


def axis_range(match: Match) -> Told:
    have, least = int(match.group("have")), int(match.group("least"))
    rank = -least
    headline = f"Axis {have} is asked for, and the tensor has {plural(rank, 'axis', 'axes')}: {least} to {rank - 1}."
    lines = [
        "a Flatten, view, mean or squeeze before it has taken axes away, or the tensor has no batch: x[None] adds it"
    ]
    return headline, (Fact("then", tuple(lines)),), ()


def permuted(match: Match) -> Told:
    have, need = match.group("have"), match.group("need")
    if have is None:
        headline = "permute is given another number of axes than the tensor has."
    else:
        headline = f"permute is given {plural(int(need), 'axis', 'axes')}, and the tensor has {have}."
    lines = (
        "permute names every axis once: x.permute(0, 3, 1, 2) for a batch of pictures, x.permute(2, 0, 1) for one",
    )
    return headline, (Fact("then", lines),), ()


def batch_of_matrices(match: Match) -> Told:
    which = match.groupdict().get("which")
    what = f"The {'first' if which == '1' else 'second'} tensor" if which else "One of the two tensors"
    headline = f"{what} is no batch of matrices: torch.bmm multiplies tensors of 3 axes."
    lines = ("torch.matmul (@) takes any number of axes; x[None] makes a batch of 1 of a matrix",)
    return headline, (Fact("then", lines),), ()


def summed(match: Match) -> Told:
    """PyTorch's einsum: a letter that stands for two sizes."""
    headline = f"In einsum the letter {match.group('letter')} stands for {match.group('other')} in one tensor and for {match.group('have')} in another."
    line = f"operand {match.group('place')}, counted from 0, has {match.group('have')} there: another letter, or a tensor laid out otherwise"
    return headline, (Fact("then", (line,)),), ()


def lettered(match: Match) -> Told:
    letters, axes, place = (int(match.group(name)) for name in ("letters", "axes", "place"))
    headline = f"einsum gives {plural(letters, 'letter')} to operand {place}, which has {plural(axes, 'axis', 'axes')}."
    return headline, (Fact("then", ("one letter an axis, or ... for those that are left as they are",)),), ()


def unfolded(match: Match) -> Told:
    have, need, axis = (int(match.group(name)) for name in ("have", "need", "axis"))
    headline = f"A window of {need} is cut out of axis {axis}, which has {plural(have, 'cell')}."
    return headline, (Fact("then", (f"a size of at most {have}, or padding before it",)),), ()


def columns(match: Match) -> Told:
    """nn.Unfold: `Given input with spatial size (4, 5), kernel_size=(9, 9), ...`."""
    given, kernel = numbers(match.group("size")), numbers(match.group("kernel"))
    headline = f"A window of {by(kernel)} fits no place in {by(given)} cells."
    return headline, (Fact("then", ("a smaller kernel_size or dilation, more padding, or a larger image",)),), ()


def folded(match: Match) -> Told:
    have, kernel = int(match.group("have")), numbers(match.group("kernel"))
    cells = 1
    for side in kernel:
        cells *= side
    headline = f"Fold reads axis 1 as channels x {by(kernel)}, and {have} is no multiple of {cells}."
    return (
        headline,
        (Fact("sizes", (f"{have} = {have // cells} x {cells} + {have % cells}" if cells else f"{have}",)),),
        (),
    )


def vector(match: Match) -> Told:
    """A Linear without bias on one row: `size mismatch, got input (10), mat (10x64), vec (256)`."""
    return features(int(match.group("have")), int(match.group("need")), int(match.group("out")), 1, "torch")


def number_type(match: Match) -> Told:
    told = match.groupdict()
    one, other = (told["one"] or "").lower(), (told["other"] or "").lower()
    headline = f"No size is at fault: the numbers are of two types, {one} and {other}."
    types = {one, other}
    if any("cuda" in name for name in types) and not all("cuda" in name for name in types):
        fix = Fix("x.to(next(model.parameters()).device)", (), "", "the data on the device of the weights")
        return "No size is at fault: the data and the weights are on two devices.", (), (fix,)
    if "half" in types or any("float16" in name for name in types):
        fix = Fix("x.to(next(model.parameters()).dtype)", (), "", "the data in the type of the weights")
        return headline, (), (fix,)
    return headline, (), (Fix("x.float()", (), "", "float32, which layers are made of where nothing else is said"),)


def module_given(match: Match) -> Told:
    """`linear(): argument 'input' (position 1) must be Tensor, not ReLU`: a layer where an array belongs."""
    kind = match.group("kind")
    if kind in ("tuple", "list", "dict"):
        headline = f"{match.group('who')} is given a {kind} in the place of a tensor."
        line = "what a recurrent layer or a model of several outputs gives has parts: x, _ = self.lstm(x), or x[0]"
        return headline, (Fact("then", (line,)),), ()
    if kind in ("numpy.ndarray", "ndarray"):
        return (
            f"{match.group('who')} is given a NumPy array.",
            (),
            (Fix("torch.from_numpy(x)", (), "", "a tensor of it; .float() makes float32 of float64"),),
        )
    headline = f"{match.group('who')} is given a layer, {kind}, in the place of a tensor."
    line = f"nn.{kind}(x) makes a layer and applies none: write nn.{kind}(...)(x), or make it in __init__ and call it"
    return headline, (Fact("then", (line,)),), ()


def unpacked(match: Match) -> Told:
    need, have = int(match.group("need")), match.group("have")
    values = f"{have} values" if have else "another number of values"
    headline = f"{plural(need, 'name')} {'is' if need == 1 else 'are'} given for {values}."
    lines = [f"b, c, h, w = x.shape names every axis: of {have or 'other'} axes there are as many names"]
    if have == str(need - 1):
        lines.append("a sample without a batch lacks one: x[None] adds it")
    return headline, (Fact("then", tuple(lines)),), ()


def pictured(match: Match) -> Told:
    """matplotlib: `Invalid shape (1, 28, 28) for image data`."""
    given = numbers(match.group("size"))
    headline = f"Pictures are shown as height x width or height x width x channels, and this is {by(given)}."
    if len(given) == 3 and given[0] == 1:
        return headline, (), (Fix("x[0]", given[1:], "", "a grey picture without its channels axis"),)
    if len(given) == 3 and given[0] in (3, 4):
        return (
            headline,
            (),
            (
                Fix(
                    "x.permute(1, 2, 0)",
                    (*given[1:], given[0]),
                    "",
                    "channels last; x.transpose(1, 2, 0) of a NumPy array",
                ),
            ),
        )
    if len(given) == 4:
        return headline, (), (Fix("x[0]", given[1:], "", "the first of the batch"),)
    return headline, (), ()
