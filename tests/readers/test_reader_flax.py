"""Networks of flax in source text that are no straight lines: branches, fields with defaults, `setup`, partial functions, jax.numpy."""

from __future__ import annotations

import pytest

import convwise as cw

HEAD = """
import jax
import jax.numpy as jnp
from functools import partial
from typing import Any, Callable, Sequence
"""
LINEN = HEAD + "from flax import linen as nn\n"
NNX = HEAD + "from flax import nnx\n"

TEXTS = {
    "partial": NNX
    + """
class CNN(nnx.Module):
  # A simple CNN model.
  def __init__(self, *, rngs: nnx.Rngs):
    self.conv1 = nnx.Conv(1, 32, kernel_size=(3, 3), rngs=rngs)
    self.conv2 = nnx.Conv(32, 64, kernel_size=(3, 3), rngs=rngs)
    self.avg_pool = partial(nnx.avg_pool, window_shape=(2, 2), strides=(2, 2))
    self.linear1 = nnx.Linear(3136, 256, rngs=rngs)
    self.linear2 = nnx.Linear(256, 10, rngs=rngs)
  def __call__(self, x):
    x = self.avg_pool(nnx.relu(self.conv1(x)))
    x = self.avg_pool(nnx.relu(self.conv2(x)))
    x = x.reshape(x.shape[0], -1)  # flatten
    x = nnx.relu(self.linear1(x))
    x = self.linear2(x)
    return x
""",
    "resnet": LINEN
    + """
ModuleDef = Any
class ResNetBlock(nn.Module):
  filters: int
  conv: ModuleDef
  norm: ModuleDef
  act: Callable
  strides: tuple[int, int] = (1, 1)
  @nn.compact
  def __call__(self, x):
    residual = x
    y = self.conv(self.filters, (3, 3), self.strides)(x)
    y = self.norm()(y)
    y = self.act(y)
    y = self.conv(self.filters, (3, 3))(y)
    y = self.norm(scale_init=nn.initializers.zeros_init())(y)
    if residual.shape != y.shape:
      residual = self.conv(self.filters, (1, 1), self.strides, name='conv_proj')(residual)
      residual = self.norm(name='norm_proj')(residual)
    return self.act(residual + y)
class ResNet(nn.Module):
  stage_sizes: Sequence[int] = (2, 2)
  block_cls: ModuleDef = ResNetBlock
  num_classes: int = 10
  num_filters: int = 16
  dtype: Any = jnp.float32
  act: Callable = nn.relu
  conv: ModuleDef = nn.Conv
  @nn.compact
  def __call__(self, x, train: bool = True):
    conv = partial(self.conv, use_bias=False, dtype=self.dtype)
    norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9, epsilon=1e-5, dtype=self.dtype, axis_name='batch')
    x = conv(self.num_filters, (7, 7), (2, 2), padding=[(3, 3), (3, 3)], name='conv_init')(x)
    x = norm(name='bn_init')(x)
    x = nn.relu(x)
    x = nn.max_pool(x, (3, 3), strides=(2, 2), padding='SAME')
    for i, block_size in enumerate(self.stage_sizes):
      for j in range(block_size):
        strides = (2, 2) if i > 0 and j == 0 else (1, 1)
        x = self.block_cls(self.num_filters * 2**i, strides=strides, conv=conv, norm=norm, act=self.act)(x)
    x = jnp.mean(x, axis=(1, 2))
    x = nn.Dense(self.num_classes, dtype=self.dtype)(x)
    x = jnp.asarray(x, self.dtype)
    return x
""",
    "setup": LINEN
    + """
class MLP(nn.Module):
  features: Sequence[int] = (32, 16, 10)
  def setup(self):
    self.layers = [nn.Dense(feat) for feat in self.features]
  def __call__(self, inputs):
    x = inputs.reshape((inputs.shape[0], -1))
    for i, lyr in enumerate(self.layers):
      x = lyr(x)
      if i != len(self.layers) - 1:
        x = nn.relu(x)
    return x
""",
    "submodules": LINEN
    + """
class Encoder(nn.Module):
  latents: int
  @nn.compact
  def __call__(self, x):
    x = nn.Dense(500, name='fc1')(x)
    x = nn.relu(x)
    mean_x = nn.Dense(self.latents, name='fc2_mean')(x)
    logvar_x = nn.Dense(self.latents, name='fc2_logvar')(x)
    return mean_x, logvar_x
class Decoder(nn.Module):
  @nn.compact
  def __call__(self, z):
    z = nn.Dense(500, name='fc1')(z)
    z = nn.relu(z)
    z = nn.Dense(784, name='fc2')(z)
    return z
class VAE(nn.Module):
  latents: int = 20
  def setup(self):
    self.encoder = Encoder(self.latents)
    self.decoder = Decoder()
  def __call__(self, x):
    mean, logvar = self.encoder(x)
    z = mean + jnp.exp(0.5 * logvar)
    recon_x = self.decoder(z)
    return recon_x, mean, logvar
""",
    "unet": LINEN
    + """
class Double(nn.Module):
  ch: int
  @nn.compact
  def __call__(self, x):
    x = nn.relu(nn.Conv(self.ch, (3, 3))(x))
    return nn.relu(nn.GroupNorm(num_groups=4)(nn.Conv(self.ch, kernel_size=(3, 3))(x)))
class UNet(nn.Module):
  width: int = 8
  out: int = 2
  @nn.compact
  def __call__(self, x):
    a = Double(self.width)(x)
    b = Double(self.width * 2)(nn.max_pool(a, (2, 2), strides=(2, 2)))
    c = Double(self.width * 4)(nn.max_pool(b, (2, 2), strides=(2, 2)))
    u = nn.ConvTranspose(self.width * 2, (2, 2), strides=(2, 2))(c)
    u = Double(self.width * 2)(jnp.concatenate([u, b], axis=-1))
    u = nn.ConvTranspose(self.width, (2, 2), strides=(2, 2))(u)
    u = Double(self.width)(jnp.concatenate((u, a), -1))
    return nn.Conv(self.out, (1, 1))(u)
""",
    "squeeze": NNX
    + """
class SE(nnx.Module):
  def __init__(self, c, r=4, *, rngs):
    self.fc1 = nnx.Linear(c, c // r, rngs=rngs)
    self.fc2 = nnx.Linear(c // r, c, rngs=rngs)
  def __call__(self, x):
    s = x.mean(axis=(1, 2))
    s = nnx.sigmoid(self.fc2(nnx.relu(self.fc1(s))))
    return x * s[:, None, None, :]
class Net(nnx.Module):
  def __init__(self, rngs):
    self.conv = nnx.Conv(3, 16, (3, 3), padding='VALID', rngs=rngs)
    self.se = SE(16, rngs=rngs)
    self.stages = nnx.List([nnx.Conv(16, 16, (3, 3), rngs=rngs) for _ in range(2)])
    self.seq = nnx.Sequential(nnx.Conv(16, 8, (1, 1), rngs=rngs), nnx.relu)
  def __call__(self, x):
    x = self.se(jax.nn.gelu(self.conv(x)))
    for st in self.stages:
      x = x + st(x)
    return self.seq(x)
""",
    "functions": LINEN
    + """
class Net(nn.Module):
  @nn.compact
  def __call__(self, x):
    y = nn.Conv(8, (3, 3), padding='VALID')(x)
    y = jnp.transpose(y, (0, 3, 1, 2))
    y = y.transpose(0, 2, 3, 1)
    a, b = jnp.split(y, 2, axis=-1)
    y = jnp.stack([a, b], axis=1).sum(axis=1)
    y = jnp.squeeze(jnp.expand_dims(y, 1), axis=1)
    y = jnp.tanh(y) * jnp.maximum(a, b)
    y = jnp.max(y, axis=(1, 2), keepdims=True)
    y = y.reshape((y.shape[0], -1))
    return nn.softmax(nn.Dense(5)(y))
""",
    "attention": LINEN
    + """
class Net(nn.Module):
  @nn.compact
  def __call__(self, x):
    y = nn.Conv(4, (1, 1))(x).reshape((x.shape[0], -1, 4))
    a = nn.softmax(jnp.matmul(y, jnp.transpose(y, (0, 2, 1))))
    o = jnp.einsum('bij,bjc->bic', a, y)
    return o.reshape(x.shape[:-1] + (4,))
""",
    "three axes": NNX
    + """
class Net(nnx.Module):
  def __init__(self, rngs):
    self.a = nnx.Conv(2, 4, (3, 3, 3), strides=(1, 2, 2), rngs=rngs)
    self.b = nnx.ConvTranspose(4, 3, (2, 2, 2), strides=(2, 2, 2), rngs=rngs)
  def __call__(self, x):
    h = nnx.silu(self.a(x))
    return self.b(h) * 2 + jnp.mean(x)
""",
    "list": NNX
    + """
class Net(nnx.Module):
  def __init__(self, rngs):
    sizes = [3, 8, 16]
    self.convs = nnx.List([])
    for i, o in zip(sizes[:-1], sizes[1:]):
      self.convs.append(nnx.Conv(i, o, (3, 3), rngs=rngs))
  def __call__(self, x):
    outs = []
    for c in self.convs:
      x = nnx.relu(c(x))
      outs.append(x.mean(axis=(1, 2)))
    return jnp.concatenate(outs, axis=-1)
""",
    "depthwise": LINEN
    + """
class Net(nn.Module):
  expand: int = 4
  @nn.compact
  def __call__(self, x, train: bool = False):
    c = x.shape[-1]
    y = nn.Conv(c * self.expand, (1, 1), use_bias=False)(x)
    y = nn.BatchNorm(use_running_average=not train)(y)
    y = nn.Conv(y.shape[-1], (3, 3), feature_group_count=y.shape[-1], use_bias=False)(nn.relu6(y))
    y = nn.Conv(c, (1, 1))(y)
    if train:
      y = nn.Dropout(0.5)(y, deterministic=not train)
    return x + y
""",
    "parameters": LINEN
    + """
class Net(nn.Module):
  @nn.compact
  def __call__(self, x):
    g = self.param('gamma', nn.initializers.ones, (x.shape[-1],))
    b = self.param('beta', nn.initializers.zeros, (1, 1, 1, 3))
    return x * g + b
""",
    "nnx parameters": NNX
    + """
class Net(nnx.Module):
  def __init__(self, rngs):
    self.g = nnx.Param(jnp.ones((3,)))
    self.c = nnx.Conv(3, 3, (3, 3), rngs=rngs)
  def __call__(self, x):
    return self.c(x) * self.g + self.g.value
""",
}
"""The last class of each is the model; all run in flax 0.12."""

ANSWERS = {
    "partial": ((2, 28, 28, 1), [(2, 10)], 824458),
    "resnet": ((2, 64, 48, 3), [(2, 10)], 45146),
    "setup": ((2, 8, 9, 3), [(2, 10)], 7642),
    "submodules": ((3, 784), [(3, 784), (3, 20), (3, 20)], 815824),
    "unet": ((2, 32, 48, 3), [(2, 32, 48, 2)], 29634),
    "squeeze": ((2, 17, 21, 3), [(2, 15, 19, 8)], 5372),
    "functions": ((2, 17, 21, 3), [(2, 5)], 249),
    "attention": ((1, 8, 10, 3), [(1, 8, 10, 4)], 16),
    "three axes": ((2, 5, 8, 10, 2), [(2, 10, 8, 10, 3)], 319),
    "list": ((2, 8, 10, 3), [(2, 24)], 1392),
    "depthwise": ((2, 8, 10, 3), [(2, 8, 10, 3)], 207),
    "parameters": ((2, 8, 10, 3), [(2, 8, 10, 3)], 6),
    "nnx parameters": ((2, 8, 10, 3), [(2, 8, 10, 3)], 87),
}
"""The input, the outputs and the parameters."""


@pytest.mark.parametrize("name", TEXTS)
def test_shapes_and_parameters(name: str) -> None:
    shape, outputs, params = ANSWERS[name]
    trace = cw.read(TEXTS[name], input_shape=shape).trace(shape)
    assert list(trace.outputs.values()) == outputs
    assert trace.totals.params == params


def test_why_goes_through_the_branches() -> None:
    why = cw.explain(TEXTS["unet"], (2, 32, 48, 3))
    assert (why.output, why.params) == ((2, 32, 48, 2), ANSWERS["unet"][2])


def test_open_sizes_have_the_channels_last() -> None:
    network = cw.read(TEXTS["squeeze"])
    assert network.sources[0].declared == (None, None, None, 3)
    assert {axis: str(sizes) for axis, sizes in network.legal_sizes().items()} == {
        "height": "n >= 3",
        "width": "n >= 3",
    }
    assert str(cw.read(TEXTS["unet"]).legal_sizes()["width"]) == "every multiple of 4"


def test_channels_that_do_not_match_are_told() -> None:
    broken = TEXTS["squeeze"].replace("nnx.Conv(16, 8, (1, 1)", "nnx.Conv(17, 8, (1, 1)")
    with pytest.raises(cw.ShapeError, match="17"):
        cw.read(broken).trace((2, 17, 21, 3))


def test_what_cannot_be_followed_is_told_without_a_live_model_to_read() -> None:
    text = TEXTS["functions"].replace("jnp.tanh(y)", "jnp.fft(y)")
    with pytest.raises(cw.CodeError, match=r"convwise does not model jnp\.fft") as caught:
        cw.read(text)
    assert "live" not in (caught.value.hint or "")


def test_a_dataclass_of_settings_is_read() -> None:
    text = (
        "from dataclasses import dataclass\nfrom torch import nn\n@dataclass\nclass Config:\n    dim: int = 8\n    kernel: int = 3\n"
        "cfg = Config(kernel=5)\nmodel = nn.Sequential(nn.Conv2d(3, cfg.dim, cfg.kernel), nn.ReLU())\n"
    )
    assert cw.explain(text, (1, 3, 9, 10)).output == (1, 8, 5, 6)
