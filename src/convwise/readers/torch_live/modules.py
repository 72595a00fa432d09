"""Leaf modules: a layer of torch.nn by its attributes, attention and recurrences by what they do to shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from convwise.dialects.base import Call, Layer
from convwise.dialects.torch import KINDS, UNMODELLED, read
from convwise.errors import ConvwiseError
from convwise.ops import Permute
from convwise.ops.several import Attention, Constant, MatMul, Opaque, Recurrent, Split
from convwise.readers.live_calls import call_of
from convwise.readers.torch_live.building import Building
from convwise.readers.torch_live.output_sizes import smallest, to_size
from convwise.readers.torch_live.place import Place
from convwise.readers.torch_live.values import NotFollowed, Tensor, tensors_in
from convwise.readers.torch_live.windows import unpool

OPENED = frozenset(
    (
        *("Sequential", "ModuleList", "ModuleDict", "DataParallel", "DistributedDataParallel", "Transformer"),
        *("TransformerEncoder", "TransformerDecoder", "TransformerEncoderLayer", "TransformerDecoderLayer"),
    )
)
"""Modules of torch.nn whose own forward is traced."""

PLAIN = (int, float, str, type(None))
"""Types of the attributes that say what a layer is."""


def base_of(torch: ModuleType, module: Any) -> type | None:
    """The layer of torch.nn that the module is: its class, or a base whose forward it keeps."""
    names = vars(torch.nn)
    mro = type(module).__mro__
    forward = next((vars(cls)["forward"] for cls in mro if "forward" in vars(cls)), None)
    inner = next((vars(cls)["_conv_forward"] for cls in mro if "_conv_forward" in vars(cls)), None)
    for cls in mro:
        if names.get(cls.__name__) is cls and cls.__name__ != "Module":
            kept = next((vars(base)["forward"] for base in cls.__mro__ if "forward" in vars(base)), None)
            own = next((vars(base)["_conv_forward"] for base in cls.__mro__ if "_conv_forward" in vars(base)), None)
            return cls if kept is forward and own is inner else None
    return None


def layer_of(torch: ModuleType, module: Any, name: str, base: type | None = None) -> Layer:
    """The layer as the dialect reads it; `base` is the class of torch.nn to read it as, whatever its forward does.

    Raises:
        NotFollowed: where it does not.
    """
    base = base or base_of(torch, module)
    if base is None or base.__name__ not in KINDS:
        kind = type(module).__name__ if base is None else base.__name__
        raise NotFollowed(f"nn.{kind}: {UNMODELLED.get(kind, 'convwise does not model it')}")
    attributes = vars(module)
    values = {**attributes, **attributes["_parameters"]}
    if "weight" not in values and "parametrizations" in attributes["_modules"]:
        values["bias"] = attributes["_parameters"].get("bias", "bias" in attributes["_modules"]["parametrizations"])
    try:
        return read(call_of("torch", base, values)).named(name)
    except ConvwiseError as error:
        raise NotFollowed(error.fact) from None


def _plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(isinstance(part, PLAIN) for part in value)
    return isinstance(value, PLAIN)


MOST_LAYERS = 2048

_LAYERS: dict[Any, Layer | str] = {}
"""What modules with these settings are, or why they are no layer. Emptied when it is full."""


@dataclass(slots=True)
class Modules:
    """What leaf modules give."""

    torch: ModuleType
    building: Building
    bases: dict[type, type | None] = field(default_factory=dict)

    def base(self, module: Any) -> type | None:
        """`base_of`, looked up once for each class."""
        cls = type(module)
        if cls not in self.bases:
            self.bases[cls] = base_of(self.torch, module)
        return self.bases[cls]

    def is_leaf(self, module: Any) -> bool:
        """Whether the module is told by its attributes instead of its forward."""
        base = self.base(module)
        return base is not None and base.__name__ not in OPENED

    def call(self, module: Any, path: str, args: tuple[Any, ...], words: dict[str, Any]) -> Any:
        """What the module gives for these values."""
        kind = (self.base(module) or type(module)).__name__
        special = SPECIAL.get(kind)
        place = Place(self.building, path, kind, path)
        try:
            if special is not None:
                return special(place, module, args, words)
            return self._layer(place, module, kind, args, words)
        except NotFollowed as error:
            reason = str(error)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError):
            reason = f"{kind} with these arguments is not known"
        inputs = tuple(dict.fromkeys(tensors_in((args, words))))
        own = tuple(module.parameters())
        return self.building.emit(path, kind, Opaque(reason[:160]), inputs, module=path, parameters=own)[0]

    def _read(self, module: Any) -> Layer | str:
        """The layer, or why it is none; modules whose settings are equal are read once."""
        attributes = vars(module)
        settings = [(name, value) for name, value in attributes.items() if _plain(value)]
        biased = attributes["_parameters"].get("bias") is not None
        key = (type(module), repr(settings), biased, tuple(attributes["_modules"]))
        known = _LAYERS.get(key)
        if known is None:
            try:
                known = layer_of(self.torch, module, "")
            except NotFollowed as reason:
                known = str(reason)
            if len(_LAYERS) >= MOST_LAYERS:
                _LAYERS.clear()
            _LAYERS[key] = known
        return known

    def _layer(self, place: Place, module: Any, kind: str, args: tuple[Any, ...], words: dict[str, Any]) -> Any:
        found = self._read(module)
        if isinstance(found, str):
            raise NotFollowed(found)
        found = found.named(place.name)
        x = next(tensors_in((args, words)), None)
        if x is None:
            raise NotFollowed(f"{kind} reads no tensor that is known")
        if kind.startswith("ConvTranspose") and (len(args) > 1 or words.get("output_size") is not None):
            return self._to_size(place, module, found, x, args[1] if len(args) > 1 else words["output_size"])
        own = tuple(module.parameters())
        lazy = any(type(part).__name__ == "UninitializedParameter" for part in own)
        (out,) = self.building.emit(
            place.name, place.kind, found, (x,), module=place.module, parameters=() if lazy else own, lazy=lazy
        )
        return (out, out) if vars(module).get("return_indices") is True else out

    def _to_size(self, place: Place, module: Any, layer: Layer, x: Tensor, size: Any) -> Any:
        """`ConvTranspose2d(...)(x, output_size=...)`: the cells that are missing are put at the end."""
        own = tuple(module.parameters())
        (out,) = self.building.emit(
            f"{place.name}.smallest", place.kind, smallest(layer), (x,), module=place.module, parameters=own
        )
        return to_size(place, layer, out, size)


# ------------------------------------------------------------------ attention


def attention(place: Place, module: Any, args: tuple[Any, ...], words: dict[str, Any]) -> Any:
    """MultiheadAttention: projections, attention, a projection; the second output holds the weights where they are wanted."""
    names = ("query", "key", "value")
    given = dict(zip(names, args, strict=False)) | {name: words[name] for name in names if name in words}
    query, key, value = (given[name] for name in names)
    attributes = vars(module)
    batch_first, width = bool(attributes["batch_first"]), int(attributes["embed_dim"])
    own, out_projection = attributes["_parameters"], attributes["_modules"]["out_proj"]
    biased = own.get("in_proj_bias") is not None
    place = replace(place, name=f"{place.name}.in_proj")
    parameters = [part for name, part in own.items() if part is not None]
    alone = query == key == value
    if alone:
        packed = _dense(place, query, width, 3 * width, biased, parameters)
        q, k, v = place.emit(Split(-1, (width,) * 3), (packed,), outputs=3)
    else:
        q = _dense(place, query, width, width, biased, parameters)
        k = _dense(place, key, int(attributes["kdim"]), width, biased, ())
        v = _dense(place, value, int(attributes["vdim"]), width, biased, ())
    mixed = _attend(replace(place, name=place.module, kind="attention"), q, k, v, batch_first, alone)
    place = replace(place, name=f"{place.module}.out_proj")
    bias = vars(out_projection)["_parameters"].get("bias") is not None
    out = _dense(place, mixed, width, width, bias, tuple(out_projection.parameters()))
    # The second output, the averaged weights, is left out: few forwards look at it.
    return out, None


def _dense(place: Place, x: Tensor, features: int, width: int, bias: bool, parameters: Any) -> Tensor:
    layer = place.reading(lambda: Call("Linear", (features, width), (("bias", bias),)))
    return place.building.emit(place.name, "Linear", layer, (x,), module=place.module, parameters=tuple(parameters))[0]


def _attend(place: Place, q: Tensor, k: Tensor, v: Tensor, batch_first: bool, alone: bool) -> Tensor:
    """The scores' product with the values; heads only split the width and are left out."""
    if alone:
        steps = -2 if batch_first or place.rank(q) != 3 else 0
        return place.one(Attention((steps,)), q, k, v)
    if not batch_first and place.rank(q) == 3:
        q, k, v = (place.one((Permute((1, 0, 2)),), part) for part in (q, k, v))
    rank = place.rank(k)
    turned = place.one((Permute((*range(rank - 2), rank - 1, rank - 2)),), k)
    out = place.one(MatMul(), place.one(MatMul(), q, turned), v)
    return out if batch_first or rank != 3 else place.one((Permute((1, 0, 2)),), out)


# ------------------------------------------------------------------ recurrences, embeddings


def recurrent(place: Place, module: Any, args: tuple[Any, ...], words: dict[str, Any]) -> Any:
    """RNN, GRU and LSTM: the sequence with the hidden size in place of the features, and the last states."""
    x = next(tensors_in((args, words)))
    attributes = vars(module)
    ways = 2 if attributes["bidirectional"] else 1
    hidden = int(attributes["proj_size"] or attributes["hidden_size"])
    states = (hidden, int(attributes["hidden_size"])) if place.kind == "LSTM" else (hidden,)
    layers = int(attributes["num_layers"]) * ways
    weights = sum(int(part.numel()) for name, part in attributes["_parameters"].items() if name.startswith("weight"))
    features, first = int(attributes["input_size"]), bool(attributes["batch_first"])
    work = Recurrent(features, hidden * ways, states, layers, first, weights=weights)
    own = tuple(module.parameters())
    out, *last = place.building.emit(
        place.name, place.kind, work, (x,), outputs=1 + len(states), module=place.module, parameters=own
    )
    return out, tuple(last) if place.kind == "LSTM" else last[0]


def embedding(place: Place, module: Any, args: tuple[Any, ...], words: dict[str, Any]) -> Tensor:
    x = next(tensors_in((args, words)))
    work = Constant((*place.building.sizes(x), int(vars(module)["embedding_dim"])))
    own = tuple(module.parameters())
    return place.building.emit(place.name, place.kind, work, (x,), module=place.module, parameters=own)[0]


def unpooling(place: Place, module: Any, args: tuple[Any, ...], words: dict[str, Any]) -> Tensor:
    """MaxUnpool with the windows that the module has."""
    attributes = vars(module)
    windows = {word: attributes[word] for word in ("kernel_size", "stride", "padding")}
    size = words.get("output_size", args[2] if len(args) > 2 else None)
    tensors = [*args[:2], *(words[word] for word in ("input", "indices") if word in words)]
    return unpool(int(place.kind[-2]))(place, *tensors, **windows, output_size=size)


SPECIAL: Mapping[str, Any] = {
    "MultiheadAttention": attention,
    "RNN": recurrent,
    "GRU": recurrent,
    "LSTM": recurrent,
    "Embedding": embedding,
    "MaxUnpool1d": unpooling,
    "MaxUnpool2d": unpooling,
    "MaxUnpool3d": unpooling,
}
"""Leaf modules that are no layer of one tensor."""
