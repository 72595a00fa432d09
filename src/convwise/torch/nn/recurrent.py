"""`nn.LSTM`, `nn.GRU`, `nn.RNN` and their cells: step by step along a sequence."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.torch.errors import ArgumentError
from convwise.torch.nn.own import OwnModule, drawn, told
from convwise.torch.tensor import fresh, plain

Array = NDArray[Any]
State = tuple[Array, ...]


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (np.tanh(0.5 * x) + 1), x.dtype)


def lstm_step(x: Array, h: Array, state: State) -> State:
    """From what the input and the hidden state add to the gates, and the state, the next one: input, forget, cell, output."""
    i, f, g, o = np.split(x + h, 4, axis=-1)
    cell = _sigmoid(f) * state[1] + _sigmoid(i) * np.tanh(g)
    return _sigmoid(o) * np.tanh(cell), cell


def gru_step(x: Array, h: Array, state: State) -> State:
    """Reset, update, new: the new part sees the hidden state through the reset gate, after its bias."""
    (xr, xz, xn), (hr, hz, hn) = np.split(x, 3, axis=-1), np.split(h, 3, axis=-1)
    z = _sigmoid(xz + hz)
    new = np.tanh(xn + _sigmoid(xr + hr) * hn)
    return ((1 - z) * new + z * state[0],)


def tanh_step(x: Array, h: Array, state: State) -> State:
    return (np.tanh(x + h),)


def relu_step(x: Array, h: Array, state: State) -> State:
    return (np.maximum(x + h, 0),)


class _Recurrent(OwnModule):
    """What sequences and cells share: weights (gates x hidden, features), drawn within 1 / sqrt(hidden)."""

    gates = 1
    states = 1
    step: Callable[[Array, Array, State], State] = staticmethod(tanh_step)
    nonlinearity = "tanh"

    def _weights(self, suffix: str, features: int, hidden: int, bias: bool) -> None:
        bound, rows = 1 / sqrt(hidden) if hidden else 0.0, self.gates * hidden
        self.hold(f"weight_ih{suffix}", drawn((rows, features), bound))
        self.hold(f"weight_hh{suffix}", drawn((rows, hidden), bound))
        for name in (f"bias_ih{suffix}", f"bias_hh{suffix}"):
            self.hold(name, drawn((rows,), bound) if bias else None)

    def _added(self, x: Array, side: str, suffix: str) -> Array:
        """What an array adds to the gates, through its weights and bias."""
        bias = self._parameters[f"bias_{side}{suffix}"]
        product = x @ plain(self._parameters[f"weight_{side}{suffix}"]).T
        return np.asarray(product if bias is None else product + plain(bias))

    def _chosen(self, nonlinearity: str) -> None:
        if nonlinearity not in ("tanh", "relu"):
            quote = f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            raise ArgumentError("CW207", f"no {nonlinearity!r}", received=nonlinearity, quote=quote, hint="tanh, relu")
        if nonlinearity == "relu":
            self.__dict__["step"] = relu_step


class _Sequence(_Recurrent):
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(device, dtype)
        if proj_size:
            hint = "leave proj_size out, and put a Linear behind"
            raise ArgumentError("CW208", "convwise runs no proj_size", axis="proj_size", received=proj_size, hint=hint)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.batch_first, self.bidirectional = batch_first, bidirectional
        for layer in range(num_layers):
            features = input_size if layer == 0 else hidden_size * (1 + bidirectional)
            for suffix in self._suffixes(layer):
                self._weights(suffix, features, hidden_size, bias)
        options: list[tuple[str, Any, Any]] = [
            ("num_layers", num_layers, 1),
            ("bias", bias, True),
            ("batch_first", batch_first, False),
        ]
        options += [("dropout", dropout, 0.0), ("bidirectional", bidirectional, False)]
        self.__dict__["_told"] = f"{input_size}, {hidden_size}" + told(options)

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}"] + ([f"_l{layer}_reverse"] if self.bidirectional else [])

    def flatten_parameters(self) -> None:
        """The weights lie as they lie."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """(outputs of the last layer, last states): sequences come first, with `batch_first` second, and a batch may be left out.

        Raises:
            ArgumentError: CW605 for an input or a state that does not fit.
        """
        array = plain(input)
        if array.ndim not in (2, 3):
            fact, quote = f"the input has {array.ndim} axes", f"expected input to be 2D or 3D, got {array.ndim}D"
            raise ArgumentError("CW605", fact, received=array.shape, quote=quote, hint="give (length, batch, features)")
        self.check_features([array], [self.input_size])
        batched = array.ndim == 3
        array = array[:, None] if not batched else array.swapaxes(0, 1) if self.batch_first else array
        start = self._start(hx, array, batched)
        ends: list[State] = []
        for layer in range(self.num_layers):
            parts = []
            for suffix in self._suffixes(layer):
                back = suffix.endswith("_reverse")
                first = tuple(one[len(ends)] for one in start)
                outputs, end = self._run(array[::-1] if back else array, first, suffix)
                parts.append(outputs[::-1] if back else outputs)
                ends.append(end)
            array = np.concatenate(parts, axis=-1)
        last = [fresh(np.stack(each) if batched else np.stack(each)[:, 0]) for each in zip(*ends, strict=True)]
        array = array[:, 0] if not batched else array.swapaxes(0, 1) if self.batch_first else array
        return fresh(array), (last[0] if self.states == 1 else tuple(last))

    def _run(self, array: Array, state: State, suffix: str) -> tuple[Array, State]:
        added = self._added(array, "ih", suffix)
        outputs = np.empty((*array.shape[:2], self.hidden_size), array.dtype)
        for place, one in enumerate(added):
            state = self.step(one, self._added(state[0], "hh", suffix), state)
            outputs[place] = state[0]
        return outputs, state

    def _start(self, hx: Any, array: Array, batched: bool) -> list[Array]:
        count = self.num_layers * (1 + self.bidirectional)
        shape = (count, array.shape[1], self.hidden_size)
        if hx is None:
            return [np.zeros(shape, array.dtype)] * self.states
        given = [plain(one) if batched else plain(one)[:, None] for one in (hx if self.states == 2 else (hx,))]
        for one in given:
            if one.shape != shape:
                words = f"Expected hidden size {shape}, got {list(one.shape)}"
                quote = words if self.states == 1 else f"Expected hidden[0] size {shape}, got {list(one.shape)}"
                fact = f"a state of {one.shape} where {shape} is needed"
                raise ArgumentError("CW605", fact, layer=f"PyTorch {self._get_name()}", received=one.shape, quote=quote)
        return given


class LSTM(_Sequence):
    """Long short-term memory; its state is a pair."""

    gates, states, step = 4, 2, staticmethod(lstm_step)


class GRU(_Sequence):
    """Gated recurrent units."""

    gates, step = 3, staticmethod(gru_step)


class RNN(_Sequence):
    """Elman's network; `nonlinearity` is "tanh" or "relu"."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        options = (num_layers, bias, batch_first, dropout, bidirectional)
        super().__init__(input_size, hidden_size, *options, device=device, dtype=dtype)
        self._chosen(nonlinearity)


class _Cell(_Recurrent):
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(device, dtype)
        self.input_size, self.hidden_size = input_size, hidden_size
        self._weights("", input_size, hidden_size, bias)
        self.__dict__["_told"] = f"{input_size}, {hidden_size}" + told([("bias", bias, True)])

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The next state, a pair for the LSTM.

        Raises:
            ArgumentError: CW605 for an input that does not fit.
        """
        array = plain(input)
        self.check_features([array], [self.input_size])
        zeros = np.zeros((*array.shape[:-1], self.hidden_size), array.dtype)
        state = (zeros,) * self.states if hx is None else tuple(map(plain, hx if self.states == 2 else (hx,)))
        self.check_features(state, [self.hidden_size] * self.states)
        found = self.step(self._added(array, "ih", ""), self._added(state[0], "hh", ""), state)
        return tuple(map(fresh, found)) if self.states == 2 else fresh(found[0])


class LSTMCell(_Cell):
    """One step of an LSTM."""

    gates, states, step = 4, 2, staticmethod(lstm_step)


class GRUCell(_Cell):
    """One step of a GRU."""

    gates, step = 3, staticmethod(gru_step)


class RNNCell(_Cell):
    """One step of Elman's network."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", **kwargs: Any
    ) -> None:
        super().__init__(input_size, hidden_size, bias, **kwargs)
        self._chosen(nonlinearity)
        if nonlinearity != "tanh":
            self.__dict__["_told"] += f", nonlinearity={nonlinearity}"
