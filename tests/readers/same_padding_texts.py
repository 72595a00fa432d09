"""PyTorch source that pads as TensorFlow does, in the forms in which people copy it: subclasses of Conv2d that read their own settings and weights."""

from __future__ import annotations

HEAD = "import math\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"

NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = Same(3, 32, 3, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(self.stem.out_channels)
        self.down = Same(self.bn.num_features, 64, (5, 4), stride=(2, 3), dilation=(1, 2), groups=16)
        self.head = nn.Linear(self.down.weight.shape[0], 10)

    def forward(self, x):
        x = F.relu(self.bn(self.stem(x)))
        return self.head(self.down(x).mean([2, 3]))
"""

ITS_OWN_SIZES = """
class Same(nn.Conv2d):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, dilation=1, groups=1, bias=True):
        super().__init__(in_channels, out_channels, kernel_size, stride, 0, dilation, groups, bias)
        self.stride = self.stride if len(self.stride) == 2 else [self.stride[0]] * 2

    def forward(self, x):
        ih, iw = x.size()[-2:]
        kh, kw = self.weight.size()[-2:]
        sh, sw = self.stride
        oh, ow = math.ceil(ih / sh), math.ceil(iw / sw)
        pad_h = max((oh - 1) * self.stride[0] + (kh - 1) * self.dilation[0] + 1 - ih, 0)
        pad_w = max((ow - 1) * self.stride[1] + (kw - 1) * self.dilation[1] + 1 - iw, 0)
        if pad_h > 0 or pad_w > 0:
            x = F.pad(x, [pad_w // 2, pad_w - pad_w // 2, pad_h // 2, pad_h - pad_h // 2])
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
"""

FUNCTIONS = """
def missing(x, k, s, d):
    return max((math.ceil(x / s) - 1) * s + (k - 1) * d + 1 - x, 0)

def pad_same(x, k, s, d=(1, 1), value=0):
    ih, iw = x.size()[-2:]
    pad_h, pad_w = missing(ih, k[0], s[0], d[0]), missing(iw, k[1], s[1], d[1])
    if pad_h > 0 or pad_w > 0:
        x = F.pad(x, [pad_w // 2, pad_w - pad_w // 2, pad_h // 2, pad_h - pad_h // 2], value=value)
    return x

def conv2d_same(x, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    x = pad_same(x, weight.shape[-2:], stride, dilation)
    return F.conv2d(x, weight, bias, stride, (0, 0), dilation, groups)

class Same(nn.Conv2d):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, dilation=1, groups=1, bias=True):
        super(Same, self).__init__(in_channels, out_channels, kernel_size, stride, 0, dilation, groups, bias)

    def forward(self, x):
        return conv2d_same(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
"""

ITS_OWN_FORWARD = """
class Same(nn.Conv2d):
    def forward(self, x):
        pads = []
        for size, k, s, d in zip(x.shape[-2:], self.kernel_size, self.stride, self.dilation):
            pad = max((math.ceil(size / s) - 1) * s + (k - 1) * d + 1 - size, 0)
            pads = [pad // 2, pad - pad // 2] + pads
        return super().forward(F.pad(x, pads))
"""

PRIVATE_FORWARD = ITS_OWN_FORWARD.replace(
    "super().forward(F.pad(x, pads))", "self._conv_forward(F.pad(x, pads), self.weight, self.bias)"
)

TEXTS = {
    "its own sizes": ITS_OWN_SIZES,
    "functions": FUNCTIONS,
    "its own forward": ITS_OWN_FORWARD,
    "private forward": PRIVATE_FORWARD,
}
"""Each with `NET` behind it is a network that gives ceil(size / stride) at every layer."""

STANDARDISED = """
class Standardised(nn.Conv2d):
    def forward(self, x):
        w = self.weight
        v, m = torch.var_mean(w, dim=[1, 2, 3], keepdim=True, unbiased=False)
        w = (w - m) / torch.sqrt(v + 1e-10)
        return F.conv2d(x, w, self.bias, self.stride, self.padding, self.dilation, self.groups)

class Centred(nn.Conv2d):
    def forward(self, x):
        weight = self.weight
        weight = weight - weight.mean(dim=1, keepdim=True).mean(dim=2, keepdim=True).mean(dim=3, keepdim=True)
        std = weight.view(weight.size(0), -1).std(dim=1).view(-1, 1, 1, 1) + 1e-5
        return F.conv2d(x, weight / std.expand_as(weight), self.bias, self.stride, self.padding, self.dilation, self.groups)

class Normed(nn.Conv2d):
    def forward(self, x):
        weight = F.batch_norm(
            self.weight.reshape(1, self.out_channels, -1), None, None, training=True, momentum=0.0, eps=1e-6
        ).reshape_as(self.weight)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = Standardised(3, 16, 3, stride=2, padding=1, bias=False)
        self.two = Centred(16, 8, (3, 5), padding=(0, 2), groups=4)
        self.three = Normed(8, 8, 3, dilation=(1, 2))

    def forward(self, x):
        return self.three(self.two(self.one(x)))
"""
"""Convolutions that change their weights before they run on them, in three forms that are often copied."""
