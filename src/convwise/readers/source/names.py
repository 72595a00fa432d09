"""Where names come from: the import decides what a name means, and conventions stand in where nothing was imported."""

from __future__ import annotations

import builtins
import re

CONVENTIONS = {
    "keras": "keras",
    "tf": "tensorflow",
    "tensorflow": "tensorflow",
    "torch": "torch",
    "nn": "torch.nn",
    "F": "torch.nn.functional",
    "jax": "jax",
    "jnp": "numpy",
    "lax": "jax.lax",
    "flax": "flax",
    "linen": "flax.linen",
    "nnx": "flax.nnx",
    "onnx": "onnx",
    "helper": "onnx.helper",
    "numpy_helper": "onnx.numpy_helper",
    "op": "onnxscript.op",
    "np": "numpy",
    "numpy": "numpy",
    "layers": "keras.layers",
    "models": "keras.models",
    "K": "keras.backend",
    "concatenate": "keras.layers.concatenate",
    "OrderedDict": "collections.OrderedDict",
    "collections": "collections",
    "math": "math",
    "functools": "functools",
    "partial": "functools.partial",
    "summary": "torchsummary.summary",
}
"""What snippets mean by a name that they do not import."""

_REWRITES = (
    (r"^(tensorflow\.compat\.v[12]\.|tensorflow\.)keras(\.|$)", r"keras\2"),
    (
        r"^(tensorflow\.python\.keras|tf_keras|keras_core|tensorflow\.contrib\.keras|keras\.(src|api|_tf_keras\.keras))(\.|$)",
        r"keras\3",
    ),
    (r"^tensorflow\.compat\.v[12]\.", "tensorflow."),
    (r"^keras\.layers\.([a-z_]+\.)+(?=[A-Z])", "keras.layers."),
    (r"^keras\.(engine|models)\.([a-z_]+\.)*(?=[A-Z])", "keras.models."),
    (r"^torch\.nn\.modules\.([a-z_]+\.)*(?=[A-Z])", "torch.nn."),
    (r"^jax\.numpy(\.|$)", r"numpy\1"),
    (r"^flax\.linen\.(linear|pooling|activation|normalization|stochastic|combinators)\.", "flax.linen."),
    (r"^flax\.nnx\.(nn\.)?(linear|pooling|activations|normalization|stochastic|helpers)\.", "flax.nnx."),
    (r"^onnxscript\.(onnx_opset\.)?opset\d+(\.|$)", r"onnxscript.op\2"),
)

BARE_WORDS = frozenset({"same", "valid", "zeros", "reflect", "replicate", "circular", "nearest", "bilinear", "bicubic"})
"""Words that PyTorch prints without quotes when it prints a layer."""

SHOUTED = frozenset({"ELU", "SELU", "CELU", "GELU", "GLU", "LSTM", "GRU", "RNN"})
"""Layers in capitals alone; any other such name is a constant."""

BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("_"))

SPECIAL = frozenset(
    {"Sequential", "Model", "Input", "InputLayer", "Module", "ModuleList", "ModuleDict", "LightningModule", "Layer"}
)
"""Names that snippets use as bare words and that are no layers themselves."""


def canonical(path: str) -> str:
    """One spelling for the many module paths of the same thing.

    >>> canonical("tensorflow.keras.layers.Conv2D"), canonical("keras.layers.convolutional.Conv2D")
    ('keras.layers.Conv2D', 'keras.layers.Conv2D')
    """
    if path.startswith(("keras.layers.", "torch.nn.")) and path.count(".") == 2:
        return path
    for pattern, replacement in _REWRITES:
        path = re.sub(pattern, replacement, path)
    return path


def split(path: str) -> tuple[str, str]:
    """(module, last name) of a canonical path."""
    module, _, last = path.rpartition(".")
    return module, last


def dialect_of(path: str) -> str | None:
    """The dialect whose package the path lies in.

    >>> dialect_of("torch.nn.Conv2d"), dialect_of("evil.Conv2D")
    ('torch', None)
    """
    root = path.partition(".")[0]
    if root in ("keras", "tensorflow"):
        return "keras"
    if root in ("jax", "flax"):
        return "jax"
    if root in ("onnx", "onnxscript"):
        return "onnx"
    return "torch" if root in ("torch", "torchvision", "lightning", "pytorch_lightning") else None
