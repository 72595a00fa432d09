"""What names in a text can stand for while it is read. Literals and lists are Python's own; nothing is ever executed."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from convwise.dialects.base import Call, Unknown
from convwise.errors import ConvwiseError
from convwise.ops import Shape


@dataclass(frozen=True, slots=True)
class Declared:
    """The input shape that a model or its first layer declares; `batched` if its first size is the batch."""

    shape: Shape
    batched: bool


@dataclass(frozen=True, slots=True)
class Ref:
    """Something imported or built in, by its canonical dotted path: `keras.layers.Conv2D`, `builtins.range`.

    The first part is `?` for a name that the text uses without saying where it comes from.
    """

    path: str


@dataclass(frozen=True, slots=True)
class Method:
    """`owner.name`, not called yet."""

    owner: Any
    name: str


@dataclass(frozen=True, slots=True)
class Rest:
    """`*text` in a call where nobody knows what `text` holds."""

    text: str


@dataclass(eq=False, slots=True)
class Made:
    """A layer as it was written. Its identity counts: the same layer applied twice is one layer.

    `dialect` is what its import or prefix says, `leaning` what only its spelling says. A `stranger` is a call that may
    be no layer at all (an optimizer, a data loader); it matters only once it is used as one. What is `used` is no answer
    by itself; what an object of the text `held` may be. A `local` name is one that a function gave it.
    `normed` are the axes of its weights that weight_norm gave lengths of their own; `lent` are layers of other settings that have its
    weights, and whose `owner` it is. `tied` are another layer's weights that the text put in place of its own; `trainable` is what the
    text says of it after it was made; `inner` is what a layer of Keras applies that is given a function or a layer.
    """

    kind: str
    call: Call
    dialect: str | None = None
    leaning: str | None = None
    name: str | None = None
    declared: Declared | None = None
    stranger: bool = False
    problem: ConvwiseError | None = None
    used: bool = False
    held: bool = False
    local: bool = False
    normed: tuple[int, ...] = ()
    changed: dict[str, ConvwiseError] = field(default_factory=dict)
    lent: list[Made] = field(default_factory=list)
    owner: Made | None = None
    tied: dict[str, Weights] = field(default_factory=dict)
    trainable: bool | None = None
    inner: Inner | None = None

    @property
    def holder(self) -> int:
        """Which layer's weights it has: its own, or its `owner`'s; an identity that lasts as long as the layer."""
        return id(self.owner or self)


@dataclass(frozen=True, eq=False, slots=True)
class Inner:
    """What a Lambda or a TimeDistributed of Keras applies: a function, a layer or a model of the text.

    `call` stands for its call, with the text's own words; `words` are the Lambda's `arguments=`, `declared` its `output_shape=`.
    """

    target: Any
    call: ast.Call
    words: list[tuple[str | None, Any]]
    declared: Any = None


@dataclass(frozen=True, eq=False, slots=True)
class Weights(Unknown):
    """The `weight` or `bias` of a layer of the text: nobody knows its numbers, but whose it is and its shape."""

    layer: Made = field(kw_only=True)
    name: str = field(kw_only=True)
    shape: tuple[int, ...] = field(kw_only=True)


@dataclass(frozen=True, eq=False, slots=True)
class FromWeights(Unknown):
    """What a text computes of a layer's weights, such as their mean: of any shape that goes with theirs."""


@dataclass(frozen=True, slots=True)
class OfSizes(Unknown):
    """A condition of several parts that nobody can decide before the sizes are known which one of them compares."""


@dataclass(eq=False, slots=True)
class Chain:
    """Layers one after the other: a Sequential, a Model of an input and an output, or a list of modules.

    `kind` is "Sequential", "ModuleList" or "ModuleDict"; members are (name or None, value). `doubt` is set where
    something happened to it that nobody can follow. A `part` is a slice of another one, and has no name yet; a `functional` one is a
    Model of an input and an output, and a `nested` one of these has the layers of a model inside it among its own. `altered` is what changes values between its members and is no layer.
    """

    kind: str
    dialect: str | None
    members: list[tuple[str | None, Any]]
    line: int | None = None
    name: str | None = None
    declared: Declared | None = None
    doubt: ConvwiseError | None = None
    used: bool = False
    held: bool = False
    part: bool = False
    functional: bool = False
    nested: bool = False
    altered: ConvwiseError | None = None

    @property
    def listed(self) -> list[tuple[str | None, Any]]:
        """The members that are gone through; the doubt stands for those that nobody knows."""
        return [*self.members, *([] if self.doubt is None else [(None, self.doubt)])]


@dataclass(eq=False, slots=True)
class Tensor:
    """An array, known by its shape or by the layers that made it.

    A root has no `parent`; `shape` is then what the text says (None: nothing). `placed` are the layers between the
    parent and this one, by name; `target` is the layer or model that was applied to `base` to give it. `entry` marks a model's declared input. A `faint` tensor is no answer by itself. A `join` is a sum, a product or a
    concatenation of arrays that stands in no forward. `altered` is what changes its values between the layers and is none, such as
    `x * 2`, and whether a forward does it.
    """

    shape: Shape | None = None
    parent: Tensor | None = None
    placed: tuple[tuple[str | None, Made], ...] = ()
    line: int | None = None
    target: Any = None
    base: Tensor | None = None
    entry: bool = False
    batched: bool = True
    doubt: ConvwiseError | None = None
    faint: bool = False
    used: bool = False
    merged: tuple[Tensor, ...] = ()
    join: bool = False
    altered: tuple[ConvwiseError, bool] | None = None


@dataclass(eq=False, slots=True)
class Held:
    """A parameter or buffer that an object of the text keeps, known by its shape alone; None: the text does not give it.

    `counted` is a parameter, which is trained where it `requires_grad`. Its identity counts: used twice, it is one.
    """

    shape: tuple[int, ...] | None
    text: str
    counted: bool = True
    requires_grad: bool = True
    name: str | None = None

    def numel(self) -> int:
        return prod(self.shape or ())


@dataclass(eq=False, slots=True)
class Parser:
    """An `argparse.ArgumentParser`: the options that have a default, by the names under which they are kept."""

    defaults: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Options:
    """What a parser gives of an empty command line; `set_by_the_text` are those that the text set afterwards."""

    values: dict[str, Any]
    set_by_the_text: set[str] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class Partial:
    """`functools.partial(target, *arguments, **keywords)`."""

    target: Any
    arguments: tuple[Any, ...]
    keywords: tuple[tuple[str | None, Any], ...]


@dataclass(eq=False, slots=True)
class Scope:
    """Names and what they stand for; `parent` is the scope around it, `elsewhere` holds what `global` and `nonlocal` name."""

    names: dict[str, Any] = field(default_factory=dict)
    parent: Scope | None = None
    elsewhere: dict[str, Scope] = field(default_factory=dict)

    def find(self, name: str) -> Any:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return MISSING

    def home(self, name: str) -> Scope:
        """The scope in which an assignment to the name takes place."""
        return self.elsewhere.get(name, self)


MISSING = Ref("")
"""What `Scope.find` gives for a name that the text does not bind."""


@dataclass(eq=False, slots=True)
class Function:
    """A function of the text; `owner` is the object it is bound to as a method."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    name: str
    owner: Any = None
    called: bool = False
    within: Any = None


@dataclass(eq=False, slots=True)
class Class:
    """A class of the text. `forward` is the name of the method that applies it: "forward", "call" or None; `fields` are its annotated names."""

    name: str
    bases: tuple[Any, ...]
    methods: dict[str, Any]
    line: int
    dialect: str | None = None
    forward: str | None = None
    used: bool = False
    fields: tuple[str, ...] = ()


@dataclass(eq=False, slots=True)
class Instance:
    """An object of a class of the text (or of nobody knows which: the `self` of lines pasted from a method)."""

    cls: Class | None
    attributes: dict[str, Any]
    line: int | None = None
    name: str | None = None
    declared: Declared | None = None
    used: bool = False
    held: bool = False


Applicable = Made | Chain | Instance


LONGEST_SEQUENCE = 4_096
"""Items of a list, a tuple or a string that are looked at."""


def iterable(value: Any) -> Sequence[Any] | None:
    """The items of a value that can be gone through; None where nobody knows them."""
    if isinstance(value, list | tuple | range):
        return value
    if isinstance(value, dict):
        return list(value)
    if isinstance(value, Chain):
        return (
            [name or member for name, member in value.listed]
            if value.kind == "ModuleDict"
            else [member for _, member in value.listed]
        )
    if isinstance(value, str):
        return value[:LONGEST_SEQUENCE]
    return None


def truth(value: Any) -> bool | None:
    """Whether a condition holds; None where the text does not say."""
    if value is None or isinstance(value, bool | int | float | str | tuple | list | dict | range):
        return bool(value)
    if isinstance(value, Unknown | Ref | Tensor | Method | Held):
        return None
    return True


SELF_CHAIN = "<members>"
"""The attribute under which an object of a subclass of Sequential keeps its own layers."""
