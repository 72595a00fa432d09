"""Keras models as networks: `.keras` archives, `model.to_json()`, legacy `.h5` files and live models; configuration only.

limits       what a file may hold at most
opening      the one place where a path is opened
archive      config.json out of a zip archive
hdf5         model_config out of an HDF5 file, in a process of its own
text         JSON with its depth and size bounded
fields       values of the types that are needed, with their places in messages
state        what grows while a network is made
wiring       one call of a layer: which tensors go in
wires        the layers of a functional model, in an order in which they can run
layers       what one layer does
operations   what one op of keras.ops does
models       nested models opened, every call a node
read, live   the way in
"""

from __future__ import annotations

from convwise.readers.keras_files.live import read_live_keras
from convwise.readers.keras_files.read import read_keras_config, read_keras_file, read_keras_json

__all__ = ["read_keras_config", "read_keras_file", "read_keras_json", "read_live_keras"]
