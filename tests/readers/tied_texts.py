"""Two convolutions of which one has the other's weights: what ties them, how they run, and what each of them brings."""

from __future__ import annotations

from readers.same_padding_texts import HEAD

LAYER = "nn.Conv2d(8, 8, (3, 5), padding=(1, 2))"
BOTH, ONE_BY_ONE = "self.c(x) + self.d(x)", "self.d(self.c(x))"
TIED = (
    ("self.d.weight = self.c.weight", BOTH, [968, 8]),
    ("self.d.weight = self.c.weight", ONE_BY_ONE, [968, 8]),
    ("self.d.weight = self.c.weight", "self.d(x) + self.c(x)", [968, 8]),
    ("self.d.weight = self.c.weight; self.d.bias = self.c.bias", ONE_BY_ONE, [968, 0]),
    ("self.d.weight = self.c.weight", "self.c(self.d(self.d(x)))", [968, 0, 8]),
    ("self.d.weight = self.c.weight; self.c.weight = self.d.weight", BOTH, [968, 8]),
    ("self.d.weight = self.c.weight; self.d.weight = self.d.weight", BOTH, [968, 8]),
    ("self.d.weight.data = self.c.weight.data", BOTH, [968, 968]),
    ("self.d.weight = nn.Parameter(self.c.weight * 2)", BOTH, [968, 968]),
    (
        "self.d.weight = self.c.weight; self.d.weight = nn.Parameter(torch.zeros(8, 8, 3, 5))",
        ONE_BY_ONE,
        [968, 968],
    ),
)


def text_of(tie: str, run: str) -> str:
    lines = ["super().__init__()", f"self.c = {LAYER}", f"self.d = {LAYER}", *tie.split("; ")]
    made = "".join(f"        {line}\n" for line in lines)
    return (
        f"{HEAD}class Net(nn.Module):\n    def __init__(self):\n{made}    def forward(self, x):\n        return {run}\n"
    )
