"""Classes: nn.Module with a straight forward, Keras's Model with a straight call."""

from __future__ import annotations

import pytest
from readers.reading import names, only, refused, texts

from convwise.answers.why import explain
from convwise.errors import CodeError
from convwise.readers.models import read
from convwise.readers.source import read_text

LENET = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class Net(nn.Module):
    def __init__(self, classes=10, *, width=6):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(width, 16, (5, 3))
        self.fc = nn.Linear(16 * 5 * 6, classes)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        {flat}
        return self.fc(x)
"""


@pytest.mark.parametrize(
    "flat",
    [
        "x = torch.flatten(x, 1)",
        "x = x.flatten(1)",
        "x = x.view(-1, 16 * 5 * 6)",
        "x = x.view(x.size(0), -1)",
        "x = x.reshape(x.shape[0], -1)",
        "n = x.size(0); x = x.view(n, -1)",
        "n, c, h, w = x.shape; x = x.view(n, c * h * w)",
        "x = x.view(-1, self.features(x))",
        "x = nn.Flatten()(x)",
    ],
)
def test_a_straight_forward(flat: str) -> None:
    found = only(LENET.format(flat=flat) + "\nnet = Net(20, width=7)\nprint(net(torch.randn(2, 3, 32, 33)).shape)")
    assert names(found)[:5] == ["conv1", None, "pool", "conv2", None]
    assert texts(found)[0] == "nn.Conv2d(3, 7, 5)"
    assert texts(found)[-1] == "nn.Linear(480, 20)"
    assert texts(found)[1] == "F.relu(x)"
    assert len(found.layers) == 8
    assert found.name == "net"
    assert found.input_shape == (2, 3, 32, 33)


def test_a_class_alone_takes_its_defaults() -> None:
    found = only(LENET.format(flat="x = torch.flatten(x, 1)"))
    assert texts(found)[-1] == "nn.Linear(480, 10)"
    assert found.input_shape is None


def test_nested_modules_lists_and_helpers() -> None:
    text = """
class Block(nn.Module):
    def __init__(self, i, o, act=nn.ReLU, **options):
        super(Block, self).__init__()
        self.body = nn.Sequential(nn.Conv2d(i, o, 3, **options), nn.BatchNorm2d(o), act())
    def forward(self, x):
        return self.body(x)

class Net(nn.Module):
    def __init__(self):
        nn.Module.__init__(self)
        self.blocks = nn.ModuleList([Block(3, 8, padding=1), Block(8, 16, nn.GELU)])
        self.heads = nn.ModuleDict({'a': nn.Conv2d(16, 4, 1)})
        for i in range(2):
            setattr(self, f'extra{i}', nn.Conv2d(4, 4, 2 + i))
        self.act = F.relu
    def run(self, x):
        for block in self.blocks:
            x = block(x)
        return x
    def forward(self, x, verbose=False):
        if verbose:
            print(x.shape)
        x = self.run(x)
        x = self.heads['a'](x)
        for i in range(2):
            x = self.act(getattr(self, 'extra%d' % i)(x))
        return x
"""
    found = next(one for one in read_text(text).found if len(one.layers) > 3)
    assert texts(found) == [
        "nn.Conv2d(3, 8, 3, padding=1)",
        "nn.BatchNorm2d(8)",
        "nn.ReLU()",
        "nn.Conv2d(8, 16, 3)",
        "nn.BatchNorm2d(16)",
        "nn.GELU()",
        "nn.Conv2d(16, 4, 1)",
        "nn.Conv2d(4, 4, 2)",
        "F.relu(x)",
        "nn.Conv2d(4, 4, 3)",
        "F.relu(x)",
    ]
    assert names(found)[0] == "blocks.0.body.0"
    assert names(found)[6:8] == ["heads.a", "extra0"]


def test_a_subclass_of_sequential() -> None:
    text = """
class ConvRelu(nn.Sequential):
    def __init__(self, i, o, k=3):
        pad = (k - 1) // 2
        super().__init__(nn.Conv2d(i, o, k, padding=pad, bias=False), nn.ReLU6(inplace=True))
net = nn.Sequential(ConvRelu(3, 8), ConvRelu(8, 16, k=5))
"""
    assert texts(only(text)) == [
        "nn.Conv2d(3, 8, 3, padding=1, bias=False)",
        "nn.ReLU6(inplace=True)",
        "nn.Conv2d(8, 16, 5, padding=2, bias=False)",
        "nn.ReLU6(inplace=True)",
    ]


def test_a_base_class_of_the_text() -> None:
    text = """
class Base(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, k)
    def forward(self, x):
        return self.conv(x)
class Net(Base):
    def __init__(self):
        super().__init__(5)
        self.act = nn.ReLU()
    def forward(self, x):
        return self.act(super().forward(x))
"""
    assert texts(only(text)) == ["nn.Conv2d(3, 8, 5)", "nn.ReLU()"]


def test_a_keras_model_subclass() -> None:
    text = """
class Net(tf.keras.Model):
    def __init__(self, units=10, **options):
        super().__init__(**options)
        self.conv = tf.keras.layers.Conv2D(8, 3)
        self.tail = tf.keras.Sequential([layers.MaxPool2D(), layers.Flatten()])
        self.out = layers.Dense(units)
    def call(self, inputs, training=False):
        x = self.conv(inputs)
        if training:
            x = self.drop(x)
        x = tf.nn.relu(x)
        return self.out(self.tail(x))
net = Net(units=3)
net.build(input_shape=(None, 28, 27, 1))
"""
    found = only(text)
    assert [layer.kind for layer in found.layers] == ["Conv2D", "Activation", "MaxPool2D", "Flatten", "Dense"]
    assert names(found) == ["conv", None, "tail.0", "tail.1", "out"]
    assert found.input_shape == (None, 28, 27, 1)
    assert found.batched is True


def test_lines_of_a_constructor_alone() -> None:
    text = "        self.conv = nn.Conv2d(3, 8, 3)\n        self.pool = nn.MaxPool2d(2)"
    snippet = read_text(text)
    assert [(one.name, names(one)) for one in snippet.found] == [("conv", ["conv"]), ("pool", ["pool"])]


FORWARD = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 3, 3, padding=1)
        self.b = nn.Conv2d(3, 3, 3, padding=1)
    def forward(self, x):
        {body}
"""


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("return x + self.a(x)", "CW315", "x + self.a(x)"),
        ("return torch.cat([self.a(x), self.b(x)], 1)", "CW315", "torch.cat"),
        ("return self.a(x), self.b(x)", "CW315", "2 values"),
        ("y = self.a(x)", "CW315", "gives back nothing"),
        ("if x.sum() > 0:\n            x = self.a(x)\n        return self.b(x)", "CW315", "if x.sum() > 0:"),
        ("while x.mean() < 1:\n            x = self.a(x)\n        return x", "CW315", "while x.mean() < 1:"),
        ("for _ in range(self.n):\n            x = self.a(x)\n        return x", "CW315", "for _ in range(self.n):"),
        ("return self.a(other(x))", "CW314", "`other`"),
        ("return self.missing(x)", "CW314", "self.missing"),
        ("return self.forward(x)", "CW308", "calls itself"),
        ("return self.a(x)[:, 0]", "CW315", "self.a(x)[:, 0]"),
        ("return F.relu(self.a(x), colour=3)", "CW305", "colour"),
        ("return self.a(x) * self.b(x)", "CW315", "self.a(x) * self.b(x)"),
    ],
)
def test_a_forward_that_is_no_straight_line(body: str, code: str, says: str) -> None:
    error = refused(FORWARD.format(body=body))
    assert error.code == code
    assert says in error.fact


@pytest.mark.parametrize(
    "body",
    [
        "return self.b(self.a(x) * 2 + 1)",
        "x = self.a(x)\n        assert x.shape[1] == 3\n        print(x.shape)\n        return self.b(x)",
        "if self.training:\n            self.count = 1\n        return self.b(self.a(x))",
        "x = self.a(x).contiguous()\n        x = x.to(device)\n        return self.b(x)",
        "with torch.no_grad():\n            x = self.a(x)\n        return self.b(x)",
        "out = self.a(x)\n        out = self.b(out)\n        return out",
        "for layer in [self.a, self.b]:\n            x = layer(x)\n        return x",
        "if False:\n            return None\n        return self.b(self.a(x))",
    ],
)
def test_a_forward_that_is_one(body: str) -> None:
    assert names(only(FORWARD.format(body=body))) == ["a", "b"]


def test_functions_are_followed_to_a_small_depth() -> None:
    text = "".join(f"def f{i}(x):\n    return f{i + 1}(x)\n" for i in range(50))
    assert refused(text + "f0(nn.ReLU()(torch.randn(1, 3)))").code == "CW308"
    short = "".join(f"def f{i}(x):\n    return f{i + 1}(x)\n" for i in range(9))
    assert texts(only(short + "def f9(x):\n    return nn.ReLU()(x)\nf0(torch.randn(1, 3))")) == ["nn.ReLU()"]


def test_what_a_module_holds_is_no_answer_by_itself() -> None:
    text = """
class Residual(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv = nn.Conv2d(n, n, 3, padding=1)
    def forward(self, x):
        out = self.conv(x)
        out += x
        return F.relu(out)
net = nn.Sequential(nn.Conv2d(3, 8, 3), Residual(8))
"""
    error = refused(text)
    assert error.code == "CW315"
    assert "`out += x`" in error.fact
    assert "line 8" in error.detail


def test_parts_made_by_a_function_have_their_places_as_names() -> None:
    text = """
class Net(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features
        self.fc = nn.Linear(8, 10)
    def forward(self, x):
        return self.fc(self.features(x).flatten(1))
def make(plan):
    layers = []
    for n in plan:
        conv = nn.Conv2d(3, n, 3)
        layers += [conv, nn.ReLU()]
    return nn.Sequential(*layers)
net = Net(make([8]))
"""
    assert names(only(text)) == ["features.0", "features.1", None, "fc"]


BLOCK = """
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, (3, 2))
    def forward(self, x):
        return self.conv(x)
"""
WHOLE = """
class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Block()
        self.last = nn.Conv2d(4, 8, 3, stride=2)
    def forward(self, x):
        return self.last(self.block(x))
"""


@pytest.mark.parametrize("text", [BLOCK + WHOLE, WHOLE + BLOCK])
def test_the_class_that_no_other_uses_is_the_one_that_is_meant(text: str) -> None:
    (found,) = read_text("import torch.nn as nn\n" + text).found
    assert [layer.name for layer in found.layers] == ["block.conv", "last"]
    assert explain("import torch.nn as nn\n" + text, (1, 9, 10)).output == (8, 3, 4)
    network = read("import torch.nn as nn\n" + text)
    assert (network.title, [node.name for node in network.nodes]) == ("Whole", ["block.conv", "last"])


def test_classes_that_do_not_use_each_other_are_several() -> None:
    other = BLOCK.replace("Block", "Other").replace("1, 4", "2, 5")
    assert len(read_text("import torch.nn as nn\n" + BLOCK + other).found) == 2


def test_classes_that_name_each_other_are_read_all_the_same() -> None:
    other = WHOLE.replace("Whole", "Other").replace("Block()", "Whole()")
    text = "import torch.nn as nn\n" + WHOLE.replace("Block()", "Other()") + other
    with pytest.raises(CodeError):
        read_text(text)


MANGLED = """
class A(nn.Module):
    def __init__(self):
        super().__init__()
        self.__n = 8
        self.a = nn.Conv2d(3, self.__n, 3)
    def width(self):
        return self.__n
class B(A):
    def __init__(self):
        super().__init__()
        self.__n = 5
        self.b = nn.Conv2d(self.width(), self.__n, 3)
        self.__make(7)
    def __make(self, n):
        self.c = nn.Conv2d(self.__n, n, 1)
    def forward(self, x):
        return self.c(self.b(self.a(x)))
"""
CAUSAL = """
class Causal(nn.Conv1d):
    def __init__(self, cin, cout, kernel_size, dilation=1):
        self.__padding = (kernel_size - 1) * dilation
        super().__init__(cin, cout, kernel_size, padding=self.__padding, dilation=dilation)
    def forward(self, x):
        y = super().forward(x)
        if self.__padding != 0:
            return y[:, :, :-self.__padding]
        return y
net = nn.Sequential(Causal(4, 8, 3, 2), nn.ReLU(), Causal(8, 16, 1))
"""


def test_names_with_two_underscores_are_each_classs_own() -> None:
    rows = read(MANGLED).trace((1, 3, 9, 10))
    assert [(one.output, one.params) for one in rows] == [
        ((1, 8, 7, 8), 224),
        ((1, 5, 5, 6), 365),
        ((1, 7, 5, 6), 42),
    ]
    rows = read(CAUSAL, input_shape=(2, 4, 30)).trace((2, 4, 30))
    assert (rows[0].output, rows[-1].output) == ((2, 8, 34), (2, 16, 30))


def test_pythons_own_names_are_never_set() -> None:
    text = MANGLED.replace("self.__n = 5", "self.__n__ = 5; self.__class__ = A; self.__n = 5")
    assert read(text).trace((1, 3, 9, 10))[-1].output == (1, 7, 5, 6)
    with pytest.raises(CodeError, match=r"self\.__n__"):
        read(text.replace("n, 1)", "self.__n__, 1)")).trace((1, 3, 9, 10))
