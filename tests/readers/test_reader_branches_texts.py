"""Models with branches as people write them, in both frameworks; each binds `model`. tests/oracle/test_branches_oracle.py runs them."""

from __future__ import annotations

import pytest

from convwise.readers.source.graphs import read_network_text

TORCH = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"
KERAS = "import keras\nfrom keras import Input, Model, layers\n"

DOUBLE = """
class DoubleConv(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(cin, cout, 3, padding=1), nn.BatchNorm2d(cout), nn.ReLU(inplace=True),
            nn.Conv2d(cout, cout, 3, padding=1), nn.BatchNorm2d(cout), nn.ReLU(inplace=True))

    def forward(self, x):
        return self.body(x)
"""

UNET = (
    TORCH
    + DOUBLE
    + """
class Up(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.up = nn.ConvTranspose2d(cin, cin // 2, 2, stride=2)
        self.conv = DoubleConv(cin, cout)

    def forward(self, x, skip):
        x = self.up(x)
        {fit}
        return self.conv(torch.cat([skip, x], 1))

class UNet(nn.Module):
    def __init__(self, channels=3, classes=2, widths=(4, 8, 16, 32)):
        super().__init__()
        self.inc = DoubleConv(channels, widths[0])
        self.downs = nn.ModuleList()
        self.ups = nn.ModuleList()
        for a, b in zip(widths, widths[1:]):
            self.downs.append(nn.Sequential(nn.MaxPool2d(2), DoubleConv(a, b)))
            self.ups.insert(0, Up(b, a))
        self.outc = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        skips = [self.inc(x)]
        for down in self.downs:
            skips.append(down(skips[-1]))
        x = skips.pop()
        for up in self.ups:
            x = up(x, skips.pop())
        return self.outc(x)

model = UNet()
"""
)

PADDED = """dy = skip.size()[2] - x.size()[2]
        dx = skip.size()[3] - x.size()[3]
        x = F.pad(x, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])"""
CROPPED = """h, w = x.shape[2:]
        top = (skip.shape[2] - h) // 2
        left = (skip.shape[3] - w) // 2
        skip = skip[:, :, top:top + h, left:left + w]"""
RESIZED = 'x = F.interpolate(x, size=skip.shape[2:], mode="bilinear", align_corners=False)'

VALID_UNET = (
    TORCH
    + """
class Block(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3)
        self.conv2 = nn.Conv2d(cout, cout, 3)
        self.relu = nn.ReLU()
    def forward(self, x):
        return self.relu(self.conv2(self.relu(self.conv1(x))))

class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc1 = Block(1, 4)
        self.enc2 = Block(4, 8)
        self.mid = Block(8, 16)
        self.pool = nn.MaxPool2d(2)
        self.up2 = nn.ConvTranspose2d(16, 8, 2, 2)
        self.dec2 = Block(16, 8)
        self.up1 = nn.ConvTranspose2d(8, 4, 2, 2)
        self.dec1 = Block(8, 4)
        self.head = nn.Conv2d(4, 2, 1)

    @staticmethod
    def crop(skip, like):
        top = (skip.size(2) - like.size(2)) // 2
        left = (skip.size(3) - like.size(3)) // 2
        return skip[:, :, top: top + like.size(2), left: left + like.size(3)]

    def forward(self, x):
        e1 = self.enc1(x)
        e2 = self.enc2(self.pool(e1))
        m = self.mid(self.pool(e2))
        u2 = self.up2(m)
        d2 = self.dec2(torch.cat((self.crop(e2, u2), u2), dim=1))
        u1 = self.up1(d2)
        d1 = self.dec1(torch.cat((self.crop(e1, u1), u1), dim=1))
        return self.head(d1)

model = UNet()
"""
)

RESNET = (
    TORCH
    + """
class BasicBlock(nn.Module):
    expansion = 1
    def __init__(self, inplanes, planes, stride=1, downsample=None):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)

class Bottleneck(nn.Module):
    expansion = 4
    def __init__(self, inplanes, planes, stride=1, downsample=None):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x):
        residual = x
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.downsample is not None:
            residual = self.downsample(x)
        return F.relu(out + residual)

class ResNet(nn.Module):
    def __init__(self, block, layers, num_classes=10):
        super().__init__()
        self.inplanes = 8
        self.conv1 = nn.Conv2d(3, 8, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 8, layers[0])
        self.layer2 = self._make_layer(block, 16, layers[1], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(16 * block.expansion, num_classes)

    def _make_layer(self, block, planes, blocks, stride=1):
        downsample = None
        if stride != 1 or self.inplanes != planes * block.expansion:
            downsample = nn.Sequential(
                nn.Conv2d(self.inplanes, planes * block.expansion, 1, stride=stride, bias=False),
                nn.BatchNorm2d(planes * block.expansion))
        layers = [block(self.inplanes, planes, stride, downsample)]
        self.inplanes = planes * block.expansion
        for _ in range(1, blocks):
            layers.append(block(self.inplanes, planes))
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer2(self.layer1(x))
        x = torch.flatten(self.avgpool(x), 1)
        return self.fc(x)

def resnet():
    return ResNet({block}, [2, 2])

model = resnet()
"""
)

INCEPTION = (
    TORCH
    + """
class ConvBlock(nn.Module):
    def __init__(self, cin, cout, **kwargs):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(cout)
    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)

class Inception(nn.Module):
    def __init__(self, cin, pool_stride=1):
        super().__init__()
        self.b1 = ConvBlock(cin, 4, kernel_size=1)
        self.b3 = nn.Sequential(ConvBlock(cin, 4, kernel_size=1), ConvBlock(4, 6, kernel_size=3, padding=1))
        self.b5 = nn.Sequential(ConvBlock(cin, 2, kernel_size=1), ConvBlock(2, 4, kernel_size=(5, 3), padding=(2, 1)))
        self.pool_proj = ConvBlock(cin, 2, kernel_size=1)
    def _branches(self, x):
        pooled = F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)
        return [self.b1(x), self.b3(x), self.b5(x), self.pool_proj(pooled)]
    def forward(self, x):
        return torch.cat(self._branches(x), 1)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = ConvBlock(3, 8, kernel_size=7, stride=2)
        self.inc1 = Inception(8)
        self.inc2 = Inception(16)
        self.fc = nn.Linear(16, 5)
    def forward(self, x):
        x = self.stem(x)
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        x = self.inc2(self.inc1(x))
        x = F.adaptive_avg_pool2d(x, 1).view(x.size(0), -1)
        return self.fc(F.dropout(x, 0.5, training=self.training))

model = Net()
"""
)

FPN = (
    TORCH
    + """
class FPN(nn.Module):
    def __init__(self, widths=(8, 16, 24), out=6):
        super().__init__()
        self.stages = nn.ModuleList()
        last = 3
        for width in widths:
            self.stages.append(nn.Sequential(nn.Conv2d(last, width, 3, 2, 1), nn.ReLU()))
            last = width
        self.lateral = nn.ModuleList([nn.Conv2d(width, out, 1) for width in widths])
        self.smooth = nn.ModuleList([nn.Conv2d(out, out, 3, padding=1) for _ in widths])

    def _upsample_add(self, x, y):
        {merge}

    def forward(self, x):
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        outs = [lateral(feature) for lateral, feature in zip(self.lateral, features)]
        for i in range(len(outs) - 1, 0, -1):
            outs[i - 1] = self._upsample_add(outs[i], outs[i - 1])
        return tuple(smooth(o) for smooth, o in zip(self.smooth, outs))

model = FPN()
"""
)

DENSENET = (
    TORCH
    + """
class DenseLayer(nn.Module):
    def __init__(self, cin, growth):
        super().__init__()
        self.norm = nn.BatchNorm2d(cin)
        self.conv = nn.Conv2d(cin, growth, 3, padding=1, bias=False)
    def forward(self, x):
        if isinstance(x, torch.Tensor):
            x = [x]
        x = torch.cat(x, 1)
        return self.conv(F.relu(self.norm(x)))

class DenseBlock(nn.ModuleDict):
    pass

class Net(nn.Module):
    def __init__(self, growth=4, blocks=(2, 3)):
        super().__init__()
        self.conv0 = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList()
        self.transitions = nn.ModuleList()
        width = 8
        for count in blocks:
            self.blocks.append(nn.ModuleList([DenseLayer(width + i * growth, growth) for i in range(count)]))
            width += count * growth
            self.transitions.append(nn.Sequential(nn.Conv2d(width, width // 2, 1), nn.AvgPool2d(2, stride=2)))
            width //= 2
    def forward(self, x):
        x = self.conv0(x)
        for block, transition in zip(self.blocks, self.transitions):
            features = [x]
            for layer in block:
                features.append(layer(features))
            x = transition(torch.cat(features, dim=1))
        return x.mean([2, 3])

model = Net()
""".replace("class DenseBlock(nn.ModuleDict):\n    pass\n\n", "")
)

GATES = (
    TORCH
    + """
class SE(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc1 = nn.Linear(c, c // 2)
        self.fc2 = nn.Linear(c // 2, c)
    def forward(self, x):
        b, c, _, _ = x.size()
        w = F.adaptive_avg_pool2d(x, 1).view(b, c)
        w = torch.sigmoid(self.fc2(F.relu(self.fc1(w)))).view(b, c, 1, 1)
        return x * w

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2)
        self.se = SE(8)
        self.shared = nn.Conv2d(4, 4, 3, padding=1)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.aux = nn.Conv2d(8, 1, 5)
    def forward(self, x):
        x = self.se(self.stem(x))
        a, b = torch.chunk(x, 2, dim=1)
        a = self.shared(a)
        b = self.shared(self.shared(b))
        c, d = torch.split(x, [3, 5], 1)
        joined = torch.cat([a, b, c, d], dim=1)
        joined = torch.add(joined[:, :8], self.up(F.max_pool2d(joined, 2))[:, 8:16, : joined.size(2), : joined.size(3)])
        return {"out": joined.flatten(2).transpose(1, 2), "aux": self.aux(x)}

model = Net()
"""
)

KERAS_UNET = (
    KERAS
    + """
def conv_block(x, filters):
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.Activation("relu")(x)
    return x

def build(input_shape=(None, None, 3), depth=3):
    inputs = Input(shape=input_shape, name="image")
    x = inputs
    skips = []
    for i in range(depth):
        x = conv_block(x, 4 * 2 ** i)
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = conv_block(x, 32)
    for i, skip in reversed(list(enumerate(skips))):
        x = layers.Conv2DTranspose(4 * 2 ** i, 2, strides=2, padding="same")(x)
        x = layers.concatenate([x, skip], axis=3)
        x = conv_block(x, 4 * 2 ** i)
    outputs = layers.Conv2D(1, 1, activation="sigmoid")(x)
    return Model(inputs=[inputs], outputs=[outputs])

model = build()
model.compile(optimizer="adam", loss="binary_crossentropy")
"""
)

KERAS_RECURSIVE = (
    KERAS
    + """
def level(x, filters, depth):
    y = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    if depth > 0:
        z = layers.MaxPooling2D()(y)
        z = level(z, filters * 2, depth - 1)
        z = layers.UpSampling2D()(z)
        y = layers.Concatenate()([y, z])
    return layers.Conv2D(filters, 3, padding="same")(y)

i = Input((None, None, 1))
model = Model(i, level(i, 4, 3))
"""
)

KERAS_RESNET = (
    KERAS
    + """
def residual(x, filters, stride=1, conv_shortcut=False):
    shortcut = x
    if conv_shortcut:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride)(x)
    y = layers.Conv2D(filters, 1, strides=stride)(x)
    y = layers.Conv2D(filters, 3, padding="SAME")(y)
    y = layers.Conv2D(4 * filters, 1)(y)
    y = layers.Add()([shortcut, y])
    return layers.ReLU()(y)

inputs = Input((None, None, 3))
x = layers.ZeroPadding2D(3)(inputs)
x = layers.Conv2D(8, 7, strides=2)(x)
x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
for stage, filters in enumerate([4, 8]):
    x = residual(x, filters, stride=1 + stage, conv_shortcut=True)
    x = residual(x, filters)
x = x + layers.Conv2D(32, 1)(x)
x = layers.GlobalAveragePooling2D()(x)
model = Model(inputs, layers.Dense(7)(x))
"""
)

KERAS_TWO = (
    KERAS
    + """
left = Input((None, None, 3), name="left")
right = Input((None, None, 3), name="right")
encoder_in = Input((None, None, 3))
h = layers.Conv2D(4, 3, strides=2, name="stem")(encoder_in)
encoder = Model(encoder_in, layers.Maximum()([h, layers.Conv2D(4, 1)(h)]), name="encoder")
shared = layers.Conv2D(6, 3, padding="same", name="shared")
a, b = shared(encoder(left)), shared(encoder(right))
d = layers.subtract([a, b])
m = layers.multiply([d, layers.Average()([a, b])])
joined = layers.Concatenate(axis=-1)([m, d])
model = Model([left, right], [layers.Conv2D(1, 3)(joined), layers.GlobalMaxPooling2D()(joined)])
"""
)

KERAS_INCEPTION = (
    KERAS
    + """
class ConvBN(keras.Model):
    def __init__(self, filters, kernel, **kwargs):
        super().__init__()
        self.conv = layers.Conv2D(filters, kernel, **kwargs)
        self.bn = layers.BatchNormalization()
    def call(self, x, training=False):
        return keras.activations.relu(self.bn(self.conv(x), training=training))

def module(x, n):
    one = ConvBN(n, 1)(x)
    three = ConvBN(n, 3, padding="same")(ConvBN(n, 1)(x))
    pool = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    return keras.ops.concatenate([one, three, ConvBN(n, 1)(pool)], axis=-1)

inputs = Input((None, None, 3))
x = ConvBN(4, 5, strides=(2, 3))(inputs)
for n in (2, 3):
    x = module(x, n)
model = Model(inputs, x[:, 1:-1])
"""
)

TEXTS: dict[str, str] = {
    "unet": UNET.format(fit="pass"),
    "unet-padded": UNET.format(fit=PADDED),
    "unet-cropped": UNET.format(fit=CROPPED),
    "unet-resized": UNET.format(fit=RESIZED),
    "unet-valid": VALID_UNET,
    "resnet-basic": RESNET.format(block="BasicBlock"),
    "resnet-bottleneck": RESNET.format(block="Bottleneck"),
    "inception": INCEPTION,
    "fpn-resized": FPN.format(merge='return F.interpolate(x, size=y.shape[-2:], mode="nearest") + y'),
    "fpn-scaled": FPN.format(merge="return y + F.interpolate(x, scale_factor=2)"),
    "densenet": DENSENET,
    "gates": GATES,
    "keras-unet": KERAS_UNET,
    "keras-recursive": KERAS_RECURSIVE,
    "keras-resnet": KERAS_RESNET,
    "keras-two": KERAS_TWO,
    "keras-inception": KERAS_INCEPTION,
}
CHANNELS = {"unet-valid": 1, "keras-recursive": 1}


@pytest.mark.parametrize("name", TEXTS)
def test_every_text_is_read_the_same_twice_and_without_its_last_lines(name: str) -> None:
    network = read_network_text(TEXTS[name])
    assert network == read_network_text(TEXTS[name])
    assert network.dialect == ("keras" if name.startswith("keras") else "torch")
    assert all(node.place.startswith("line ") for node in network.nodes)
    assert len({node.name for node in network.nodes}) == len(network.nodes)
