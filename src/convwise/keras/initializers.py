"""Where the first weights come from: Keras's initialisers on NumPy's generator, equal in distribution, not number for number.

An initialiser is called with a shape and gives an array. With a `seed` it gives the same array every time; without
one it draws from the stream that `keras.utils.set_random_seed` seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from convwise.dialects.base import Call
from convwise.errors import ArgumentError
from convwise.keras.state import generator, snake_case
from convwise.runtime import randomness

Array = NDArray[Any]
Initializer = Callable[..., Array]


@dataclass(frozen=True, slots=True)
class Constant:
    value: Any = 0.0

    def __call__(self, shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Array:
        return np.full(shape, self.value, dtype or np.float32)


def Zeros() -> Constant:
    return Constant(0.0)


def Ones() -> Constant:
    return Constant(1.0)


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity matrix times `gain`; for two axes only."""

    gain: float = 1.0

    def __call__(self, shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Array:
        if len(shape) != 2:
            raise ArgumentError("CW605", f"an identity matrix has 2 axes, not {len(shape)}", received=tuple(shape))
        return self.gain * np.eye(shape[0], shape[1], dtype=dtype or np.float32)


@dataclass(frozen=True, slots=True)
class RandomNormal:
    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def __call__(self, shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Array:
        return randomness.normal(generator(self.seed), tuple(shape), self.mean, self.stddev, dtype or np.float32)


@dataclass(frozen=True, slots=True)
class TruncatedNormal:
    """Normal numbers within two standard deviations of the mean."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def __call__(self, shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Array:
        return randomness.truncated_normal(
            generator(self.seed), tuple(shape), self.mean, self.stddev, dtype or np.float32
        )


@dataclass(frozen=True, slots=True)
class RandomUniform:
    minval: float = -0.05
    maxval: float = 0.05
    seed: int | None = None

    def __call__(self, shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Array:
        return randomness.uniform(generator(self.seed), tuple(shape), self.minval, self.maxval, dtype or np.float32)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan in, fan out) of a weight in Keras's layout (*kernel, inputs, outputs), as Keras counts them.

    The last two axes are taken as they stand, so a depthwise kernel (kh, kw, in, multiplier) has fan in kh * kw * in,
    and a grouped one counts the inputs of one group.

    >>> fans((3, 3, 16, 32)), fans((10, 4)), fans(())
    ((144, 288), (10, 4), (1, 1))
    """
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    taps = prod(shape[:-2])
    return shape[-2] * taps, shape[-1] * taps


@dataclass(frozen=True, slots=True)
class VarianceScaling:
    """Random numbers of variance scale / n, where n is the fan in, the fan out or their mean (Glorot & Bengio 2010, He et al. 2015)."""

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ArgumentError(
                "CW606", f"no mode {self.mode!r}", received=self.mode, hint="modes are fan_in, fan_out, fan_avg"
            )
        if self.distribution not in ("uniform", "truncated_normal", "untruncated_normal", "normal"):
            raise ArgumentError(
                "CW606",
                f"no distribution {self.distribution!r}",
                received=self.distribution,
                hint="distributions are uniform, truncated_normal, untruncated_normal",
            )

    def __call__(self, shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Array:
        fan_in, fan_out = fans(tuple(shape))
        count = {"fan_in": float(fan_in), "fan_out": float(fan_out), "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, count)
        rng, kind = generator(self.seed), dtype or np.float32
        if self.distribution == "uniform":
            limit = sqrt(3.0 * variance)
            return randomness.uniform(rng, tuple(shape), -limit, limit, kind)
        if self.distribution == "untruncated_normal":
            return randomness.normal(rng, tuple(shape), 0.0, sqrt(variance), kind)
        return randomness.truncated_normal(rng, tuple(shape), 0.0, sqrt(variance) / randomness.TRUNCATED_STDDEV, kind)


def GlorotUniform(seed: int | None = None) -> VarianceScaling:
    return VarianceScaling(1.0, "fan_avg", "uniform", seed)


def GlorotNormal(seed: int | None = None) -> VarianceScaling:
    return VarianceScaling(1.0, "fan_avg", "truncated_normal", seed)


def HeUniform(seed: int | None = None) -> VarianceScaling:
    return VarianceScaling(2.0, "fan_in", "uniform", seed)


def HeNormal(seed: int | None = None) -> VarianceScaling:
    return VarianceScaling(2.0, "fan_in", "truncated_normal", seed)


def LecunUniform(seed: int | None = None) -> VarianceScaling:
    return VarianceScaling(1.0, "fan_in", "uniform", seed)


def LecunNormal(seed: int | None = None) -> VarianceScaling:
    return VarianceScaling(1.0, "fan_in", "truncated_normal", seed)


@dataclass(frozen=True, slots=True)
class Orthogonal:
    """A random matrix of orthonormal rows or columns, all axes but the last taken as one (Saxe et al. 2013)."""

    gain: float = 1.0
    seed: int | None = None

    def __call__(self, shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Array:
        if len(shape) < 2:
            raise ArgumentError(
                "CW605", f"an orthogonal weight needs at least 2 axes, not {len(shape)}", received=tuple(shape)
            )
        rows, columns = prod(shape[:-1]), shape[-1]
        square = generator(self.seed).standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(square)
        q = q * np.sign(np.diag(r))
        return (self.gain * (q.T if rows < columns else q)).reshape(shape).astype(dtype or np.float32)


_MAKERS: dict[str, Callable[..., Initializer]] = {
    "Zeros": Zeros,
    "Ones": Ones,
    "Constant": Constant,
    "Identity": Identity,
    "RandomNormal": RandomNormal,
    "RandomUniform": RandomUniform,
    "TruncatedNormal": TruncatedNormal,
    "VarianceScaling": VarianceScaling,
    "GlorotUniform": GlorotUniform,
    "GlorotNormal": GlorotNormal,
    "HeUniform": HeUniform,
    "HeNormal": HeNormal,
    "LecunUniform": LecunUniform,
    "LecunNormal": LecunNormal,
    "Orthogonal": Orthogonal,
}
_BY_NAME: dict[str, Callable[..., Initializer]] = {
    **_MAKERS,
    **{snake_case(name): maker for name, maker in _MAKERS.items()},
    "zero": Zeros,
    "one": Ones,
    "normal": RandomNormal,
    "uniform": RandomUniform,
}


def get(identifier: Any) -> Initializer:
    """The initialiser that a layer's argument names: a string, or any callable on a shape.

    Raises:
        ArgumentError: CW606.
    """
    if isinstance(identifier, str) and identifier in _BY_NAME:
        return _BY_NAME[identifier]()
    if callable(identifier):
        # Keras takes a class where it takes an instance: kernel_initializer=keras.initializers.HeNormal.
        is_class = any(identifier is maker for maker in _MAKERS.values())
        return identifier() if is_class else identifier  # type: ignore[no-any-return]
    raise ArgumentError(
        "CW606",
        f"no initializer {identifier!r}",
        received=identifier,
        quote=f"Could not interpret initializer identifier: {identifier}",
        hint="initializers are " + ", ".join(sorted(snake_case(name) for name in _MAKERS)),
    )


def from_call(call: Call) -> Initializer:
    """The initialiser that a call read from text means: `HeNormal(seed=1)`.

    Raises:
        ArgumentError: CW606.
    """
    if call.kind not in _BY_NAME:
        return get(call.kind)
    try:
        return _BY_NAME[call.kind](*call.args, **dict(call.kwargs))
    except TypeError:
        raise ArgumentError("CW606", f"{call.kind} does not take these arguments", received=call.text) from None


glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
zeros, ones, constant = Zeros, Ones, Constant
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, orthogonal, identity = VarianceScaling, Orthogonal, Identity
