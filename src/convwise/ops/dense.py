"""Dense layers, normalisation, and ops that leave the shape alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from convwise.errors import ShapeError
from convwise.ops.shape import Flow, Layout, Shape, known, times


@dataclass(frozen=True, slots=True)
class Dense:
    """A matrix on the last axis: every other axis is carried along. `in_features` is None until an input is seen."""

    in_features: int | None
    out_features: int
    bias: bool = True

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        if not shape:
            raise ShapeError("CW101", "a dense layer needs at least one axis", received=shape)
        last = shape[-1]
        if self.in_features is not None and last is not None and last != self.in_features:
            raise ShapeError(
                "CW109",
                f"the layer takes {self.in_features} features, the input has {last}",
                axis="features",
                received=last,
                detail=f"{' x '.join(map(str, shape))} ends in {last}; the weights are {self.out_features} x {self.in_features}",
                hint=f"make the layer for {last} features",
            )
        features = self.in_features if self.in_features is not None else last
        weights = times(features, self.out_features)
        params = None if weights is None else weights + self.out_features * self.bias
        # Axes of unknown size count once only where they are the batch; any other leaves the count open.
        rows = times(*shape[1:-1]) if len(shape) > 1 else 1
        return Flow(
            shape,
            (*shape[:-1], self.out_features),
            (),
            params,
            params,
            times(known(shape[:1]) if len(shape) > 1 else 1, rows, weights),
        )


@dataclass(frozen=True, slots=True)
class Norm:
    """Normalisation: a scale and a shift per feature, and for kind "batch" running moments that training does not change by gradient.

    `features` is None until an input is seen. `axes` are those the features lie on (negative: from the back; "channels": where the layout has them);
    `groups` is for kind "group".
    """

    kind: str
    features: int | None = None
    axes: tuple[int, ...] | str = "channels"
    scale: bool = True
    center: bool = True
    moments: bool = False
    groups: int | None = None
    epsilon: float = 1e-5
    shape: tuple[int, ...] | None = None
    """The sizes of `axes` one by one, where the framework fixes them (PyTorch's LayerNorm); `features` is their product."""

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        if self.axes == "channels":
            _, channels, _ = layout.split(shape)
            sizes: Shape = (channels,)
        else:
            assert not isinstance(self.axes, str)
            sizes = tuple(shape[axis] for axis in self.axes)
        found = None if any(size is None for size in sizes) else prod(size for size in sizes if size is not None)
        if self.features is not None and found is not None and found != self.features:
            raise ShapeError(
                "CW102",
                f"the layer normalises {self.features} features, the input has {found}",
                axis="channels",
                received=found,
            )
        features = self.features if self.features is not None else found
        if self.groups and features is not None and features % self.groups:
            raise ShapeError(
                "CW105",
                f"{features} channels do not divide into {self.groups} groups",
                axis="channels",
                received=features,
            )
        trainable = times(features, self.scale + self.center)
        params = times(features, self.scale + self.center + 2 * self.moments)
        return Flow(shape, shape, (), params, trainable)


@dataclass(frozen=True, slots=True)
class Pointwise:
    """An op that changes values one by one and never the shape: activations, dropout, identity, rescaling.

    `kind` is its plain name (relu, dropout, softmax ...); `options` its settings as (name, value) pairs; `params` its own trained numbers.
    """

    kind: str
    options: tuple[tuple[str, object], ...] = ()
    params: int | None = 0

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        return Flow(shape, shape, (), self.params, self.params)


@dataclass(frozen=True, slots=True)
class Gate:
    """One half of an axis times the sigmoid of its other half, so that the axis halves (GLU: Dauphin et al., arXiv 1612.08083)."""

    axis: int = -1

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        rank = len(shape)
        if not -rank <= self.axis < rank:
            raise ShapeError("CW101", f"there is no axis {self.axis} in a shape of {rank} axes", received=self.axis)
        axis = self.axis % rank
        size = shape[axis]
        if size is not None and size % 2:
            raise ShapeError(
                "CW105", f"axis {axis} has {size} cells, which do not halve", received=size, hint="make it even"
            )
        return Flow(shape, (*shape[:axis], None if size is None else size // 2, *shape[axis + 1 :]))
