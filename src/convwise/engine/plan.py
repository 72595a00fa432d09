"""`plan`: how a convolution would be run here, and why so, as a value that prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from convwise.axis import Axis
from convwise.engine import planning, windows
from convwise.engine.activations import known as known_activation
from convwise.engine.arrays import check_memory
from convwise.engine.calls import addressed, dense_steps, flatten, problem_of
from convwise.engine.options import NUMPY, flag, layout_of, method_of, whole
from convwise.engine.options import windows as windows_of
from convwise.engine.packing import pack_bytes
from convwise.engine.problem import Choice, Problem, fused
from convwise.errors import ArgumentError, said
from convwise.ops import Conv as ConvOp
from convwise.ops import Layout

if TYPE_CHECKING:
    from convwise.engine.tuning import Measured


@dataclass(frozen=True, slots=True)
class Rejected:
    """An algorithm that was not taken, why, and the seconds that it was expected to take (None: it cannot run)."""

    algorithm: str
    why: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What runs a convolution here. Seconds, bound and fractions come from a cost model, not from a measurement.

    `algorithm` is the name that `algorithm=` takes; `kernel` the compiled function, None where NumPy serves, and then
    `reason` says why. `done` counts the multiply-adds with the waste at ragged edges; `bytes` are input, weights and
    output once; `workspace` what is allocated besides at most, all threads together; about so much where NumPy serves, whose `threads`
    are its own; `packed` the weights made ready. `fraction` is
    that of `peak`, the float32 multiply-adds a second that the model gives all threads together, and `fraction_of_bandwidth`
    that of `bandwidth`, its bytes a second from memory. `measured` is what `tune=True` found here, with the seconds of the
    chosen kernel and of the model's own choice. `finish`: the activation is a pass of its own over what the kernel wrote, and so is a
    residual, which a plan knows nothing of. `apart`: a thread computes so many groups at a time; 0: all share the work of each.
    """

    input: tuple[int, ...]
    weight: tuple[int, ...]
    output: tuple[int, ...]
    layout: str
    algorithm: str
    kernel: str | None
    instructions: str | None
    threads: int | None
    tiles: tuple[tuple[str, int], ...]
    macs: int
    done: int
    bytes: int
    packed: int
    workspace: int
    seconds: float | None
    bound: str
    fraction: float | None
    exact: bool
    activation: str | None
    reason: str | None
    rejected: tuple[Rejected, ...]
    peak: float | None = None
    bandwidth: float | None = None
    fraction_of_bandwidth: float | None = None
    measured: Measured | None = None
    finish: bool = False
    apart: int = 0

    def to_dict(self) -> dict[str, Any]:
        told = {**asdict(self), "tiles": dict(self.tiles)}
        if self.measured is not None:
            told["measured"]["model_tiles"] = dict(self.measured.model_tiles)
            told["measured"]["gain"] = self.measured.gain
        return told

    def __str__(self) -> str:
        kernel = self.kernel or "NumPy"
        told = (
            ""
            if self.threads is None
            else f"; {self.threads} thread{'s' * (self.threads != 1)}"
            + (", each of whole groups" if self.apart else "")
        )
        lines = [
            f"{_sizes(self.input)} {self.layout} with {_sizes(self.weight)} weights -> {_sizes(self.output)}",
            f"  chosen     {self.algorithm} ({kernel}{told})",
        ]
        if self.reason:
            lines.append(f"  because    {self.reason}")
        if self.finish:
            lines.append("  then       the activation, in a pass of its own over what the kernel wrote")
        if self.tiles:
            lines.append("  tiles      " + ", ".join(f"{name} {number}" for name, number in self.tiles))
        waste = f", {self.done:,} done ({self.done / self.macs:.0%})" if self.done != self.macs and self.macs else ""
        lines.append(f"  work       {self.macs:,} MACs{waste}")
        about = "" if self.kernel else "about "
        lines.append(
            f"  bytes      {self.bytes:,} moved at least, {about}{self.workspace:,} of workspace, {self.packed:,} of packed weights"
        )
        if self.seconds is not None and self.fraction is not None:
            share = (
                f"{self.fraction:.0%} of peak" if self.exact else f"{self.fraction:.0%} of the direct algorithm's peak"
            )
            lines.append(f"  expected   {self.seconds * 1e6:,.0f} us by the cost model, bound by {self.bound}, {share}")
        if self.peak and self.bandwidth and self.fraction_of_bandwidth is not None:
            lines.append(
                f"  roofs      {self.fraction_of_bandwidth:.0%} of the bandwidth; the model assumes {self.bandwidth / 1e9:.0f} GB/s "
                f"and a peak of {self.peak / 1e9:,.0f} GMAC/s"
            )
        if self.measured is not None:
            lines += _measured(self.measured, self.kernel or "", self.tiles)
        if not self.exact:
            lines.append(
                "  accuracy   to 4e-6 of the largest output, and an infinity or NaN in the input spoils the tile of outputs around it; "
                "algorithm='direct' is right to 2e-6 and spoils no other output"
            )
        lines += [
            f"  {'rejected' if not number else '':<10} {r.algorithm}: {r.why}" for number, r in enumerate(self.rejected)
        ]
        return "\n".join(lines)


def _measured(told: Measured, kernel: str, tiles: tuple[tuple[str, int], ...]) -> list[str]:
    """What a measurement found, and by how much the choice is better than the model's."""
    took = f"{told.seconds * 1e6:,.0f} us"
    if (kernel, tiles) == (told.model_kernel, told.model_tiles):
        found = f"{took}, the fastest of {told.candidates} candidates, as the cost model chose"
    else:
        cut = ", ".join(f"{name} {number}" for name, number in told.model_tiles)
        found = (
            f"{took}, the fastest of {told.candidates} candidates; the cost model's own, {told.model_kernel} "
            f"({cut}), takes {told.model_seconds * 1e6:,.0f} us, {told.gain:.2f} times as long"
        )
    place = f"in {told.file}" if told.file else "by this process alone"
    return [f"  measured   {found}", f"             {'known from before' if told.again else 'remembered'} {place}"]


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def plan(
    x_shape: object,
    w_shape: object,
    *,
    stride: object = 1,
    padding: object = 0,
    dilation: object = 1,
    groups: object = 1,
    layout: str = "NCHW",
    activation: str | None = None,
    algorithm: str | None = None,
    threads: int | None = None,
    tune: bool = False,
) -> Plan:
    """How `conv2d` would run float32 arrays of these shapes here: the kernel, its tiles, and why not the others.

    `x_shape` is (batch, channels, height, width), or in the order of `layout`, and the batch may be left out; `w_shape` is
    (out, in / groups, kernel height, kernel width). The options are those of `conv2d`; `tune=True` measures, as for `Conv`.

    Raises:
        ShapeError: where the sizes do not work.
        ArgumentError: CW605 for a shape, CW606 for an option, CW607 for an algorithm that is not known or cannot run.

    >>> plan((1, 8, 9, 9), (16, 8, 3, 3), padding=1).output
    (1, 16, 9, 9)
    """
    sizes, weight = _shape("x_shape", x_shape, (3, 4)), _shape("w_shape", w_shape, (4,))
    count = whole("groups", groups, 1)
    if weight[0] % count:
        raise ArgumentError(
            "CW606",
            f"{weight[0]} filters do not divide into {count} groups",
            received=count,
            hint=f"use groups that divide {weight[0]}",
        )
    if activation is not None:
        known_activation(activation)
    sliding = windows_of((weight[2], weight[3]), stride, padding, dilation)
    op = ConvOp(sliding, weight[1] * count, weight[0], count, bias=True)
    method, most = method_of(algorithm, threads)
    return plan_of(op, sizes, layout_of(layout, len(sizes)), activation, method, most, flag("tune", tune))


def plan_of(
    op: ConvOp,
    sizes: tuple[int, ...],
    layout: Layout,
    activation: str | None,
    method: str,
    threads: int | None,
    tune: bool = False,
) -> Plan:
    """The plan of a two-dimensional convolution `op`."""
    flow = op.flow(sizes, layout)
    axes = [axis.axis for axis in flow.axes if axis.axis is not None]
    lead, channels, spatial = layout.split(sizes)
    op = op.bound(channels)
    height, width = (size or 0 for size in spatial)
    name = "NHWC" if layout.channels_last else "NCHW"
    fuse = activation if fused(activation) is not None else None
    four = (prod(size or 0 for size in lead), channels or 0, height, width)
    filters, groups = op.out_channels or 0, op.groups or 1
    problem = problem_of(four, filters, groups, axes, name, activation=fuse, threads=threads)
    weight = op.weight_shape() or ()
    output = tuple(size or 0 for size in flow.output)
    shown = (sizes, weight, output, name if layout.batched else name[1:])
    if problem is None or method in NUMPY:
        reason = f"algorithm={method!r} was asked for" if method in NUMPY else f"no kernels: {planning.why_none()}"
        return _numpy(shown, axes, method, activation, reason)
    return _compiled(shown, problem, method, activation, tune)


def _shape(name: str, value: object, ranks: tuple[int, ...]) -> tuple[int, ...]:
    try:
        sizes = tuple(whole(f"{name}[{number}]", size, 1) for number, size in enumerate(value))  # type: ignore[arg-type, var-annotated]
    except TypeError:
        sizes = ()
    if len(sizes) not in ranks:
        wanted = " or ".join(map(str, ranks))
        raise ArgumentError(
            "CW605",
            f"{name} must have {wanted} sizes, not {said(value)}",
            received=value,
            hint=f"{name}=(1, 3, 224, 224)",
        )
    return sizes


Shown = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], str]


def _numpy(shown: Shown, axes: list[Axis], method: str, activation: str | None, reason: str) -> Plan:
    sizes, weight, output, layout = shown
    check_memory(output, 4)
    padded = 4 * prod(sizes) // prod(axis.size for axis in axes) * windows.padded_cells(axes)
    macs = prod(output) * prod(weight[1:])
    return Plan(
        input=sizes,
        weight=weight,
        output=output,
        layout=layout,
        algorithm=method if method in NUMPY else "windows",
        kernel=None,
        instructions=None,
        threads=None,
        tiles=(),
        macs=macs,
        done=macs,
        bytes=4 * (prod(sizes) + prod(weight) + prod(output)),
        packed=4 * prod(weight),
        workspace=0 if method == "reference" else windows.BLOCK_BYTES + padded,
        seconds=None,
        bound="unknown",
        fraction=None,
        exact=True,
        activation=activation,
        reason=reason,
        rejected=(),
    )


def _compiled(shown: Shown, problem: Problem, method: str, activation: str | None, tune: bool) -> Plan:
    kernels = planning.library()
    assert kernels is not None
    sizes, weight, output, layout = shown
    shape = (problem.batch, problem.channels, problem.height, problem.width)
    stored = shape if problem.input_layout == "NCHW" else (shape[0], shape[2], shape[3], shape[1])
    steps = dense_steps(stored, problem.input_layout)
    if not addressed(problem, steps):
        return _without_kernel(shown, problem, method, activation, {})
    flat, _ = flatten(problem, steps)
    name = None if method == "auto" else method
    flat = planning.allowed(flat, name)
    choice, measured, reason = _choose(flat, name, tune)
    found = planning.candidates(flat, kernels)
    if choice is None:
        reasons = {one.algorithm: one.why_not or planning.TOO_FAR for one in found}
        return _without_kernel(shown, problem, method, activation, reasons)
    rejected = [_rejected(one, choice, name, measured) for one in found if one.algorithm != choice.family]
    rejected.append(Rejected("windows", "NumPy's matrix product, for what no kernel runs"))
    compute = problem.macs / (problem.machine.peak * problem.threads)
    moving = problem.bytes / problem.machine.bandwidth
    # Products with padding that are left out are no work done faster than the peak; what Winograd saves is.
    useful = min(1.0, choice.macs / problem.macs) if choice.exact else 1.0
    return Plan(
        input=sizes,
        weight=weight,
        output=output,
        layout=layout,
        algorithm=choice.family,
        kernel=choice.symbol,
        instructions=kernels.isa.name,
        threads=problem.threads,
        tiles=choice.tiles,
        macs=problem.macs,
        done=choice.macs,
        bytes=problem.bytes,
        packed=pack_bytes(problem, choice),
        workspace=choice.workspace,
        seconds=choice.seconds,
        peak=problem.machine.peak * problem.threads,
        bandwidth=problem.machine.bandwidth,
        fraction_of_bandwidth=moving / choice.seconds if choice.seconds else None,
        measured=measured,
        bound="memory" if moving > compute else "compute",
        fraction=compute * useful / choice.seconds if choice.seconds else None,
        exact=choice.exact,
        finish=choice.finish,
        apart=choice.apart,
        activation=activation,
        reason=reason,
        rejected=tuple(rejected),
    )


def _without_kernel(
    shown: Shown, problem: Problem, method: str, activation: str | None, reasons: Mapping[str, str]
) -> Plan:
    """NumPy's plan where it may serve; `reasons` are why not each algorithm, or none where the image is too large for all."""
    if method not in ("auto", "direct"):
        reason = reasons.get(method, planning.TOO_FAR)
        raise ArgumentError(
            "CW607", f"{method} cannot run here: {reason}", received=method, hint="algorithm=None chooses"
        )
    told = "; ".join(f"{name}: {why}" for name, why in reasons.items()) or planning.TOO_FAR
    return _numpy(shown, [problem.rows, problem.columns], method, activation, told)


def _choose(flat: Problem, name: str | None, tune: bool) -> tuple[Choice | None, Measured | None, str | None]:
    """The kernel, what was measured for it, and the reason beside the cost model's."""
    reason = None if name is None else f"algorithm={name!r} was asked for"
    if not tune:
        return planning.choose(flat, name), None, reason
    from convwise.engine import tuning

    found = tuning.tuned(flat, name)
    if found is None:
        return None, None, reason
    return found.choice, found.measured, "; ".join(part for part in (reason, found.why_not) if part) or None


def _rejected(one: planning.Candidate, choice: Choice, name: str | None, measured: Measured | None) -> Rejected:
    if one.choice is None:
        return Rejected(one.algorithm, one.why_not or "no kernel")
    if name is not None:
        return Rejected(one.algorithm, f"{name} was asked for", one.choice.seconds)
    told = f"about {one.choice.seconds / choice.seconds:.2f} times as long"
    if measured is not None:
        told = f"not faster when measured; the cost model expects {told}"
    return Rejected(one.algorithm, told, one.choice.seconds)
