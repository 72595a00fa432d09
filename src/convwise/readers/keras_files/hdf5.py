"""`model_config` out of a legacy `.h5` file: libhdf5 crashes on damaged files, so it runs in a process of its own with limits."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

from convwise.errors import ModelError
from convwise.readers.echo import shown
from convwise.readers.keras_files.limits import CONFIG, MEMORY, SECONDS
from convwise.readers.keras_files.opening import Opened

MAGIC = b"\x89HDF\r\n\x1a\n"
CHILD = Path(__file__).with_name("hdf5_child.py")
BLOCKS = (512, 1024, 2048)
"""Where the magic bytes may stand behind a block of the user's."""

NOT_HDF5, NO_CONFIG, TOO_LONG, NO_LIBRARY = 3, 4, 5, 6
"""Exit codes of the child."""


def is_hdf5(file: Opened) -> bool:
    """Whether the magic bytes stand behind a user block; HDF5 puts one in front, for scripts and the like."""
    return any(file.read(at, len(MAGIC)) == MAGIC for at in BLOCKS)


def read_config_attribute(file: Opened) -> bytes:
    """The bytes of the attribute `model_config`.

    Raises:
        ModelError: CW418 where h5py is not installed, CW419 where the file is damaged, has no configuration, or takes too long.
    """
    if importlib.util.find_spec("h5py") is None:
        raise no_library()
    if file.descriptor is not None:
        os.lseek(file.descriptor, 0, os.SEEK_SET)
        return _asked(file.descriptor)
    with _in_memory() as copy:
        copy.write(file.data)
        copy.flush()
        copy.seek(0)
        return _asked(copy.fileno())


def no_library() -> ModelError:
    """CW418."""
    return ModelError(
        "CW418",
        "reading a legacy .h5 file takes h5py, which is not installed",
        received="h5py",
        hint="pip install 'convwise[h5]', or save the model as .keras or its model.to_json() as a .json file",
    )


def _in_memory() -> IO[bytes]:
    """A file without a name, which the child can seek in."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("model.h5"), "w+b")
    return tempfile.TemporaryFile()


def _asked(descriptor: int) -> bytes:
    words = [sys.executable, "-P", str(CHILD), str(CONFIG), str(MEMORY), str(SECONDS)]
    # The child reads the file that it inherits as standard input, and is never told a path.
    environment = {
        **os.environ,
        "OPENBLAS_NUM_THREADS": "1",
        "HDF5_PLUGIN_PRELOAD": "::",  # the library's own word for: no plug-ins
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    child = subprocess.Popen(
        words, stdin=descriptor, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )
    late = threading.Event()

    def stop() -> None:
        late.set()
        with suppress(OSError):
            child.kill()

    timer = threading.Timer(SECONDS, stop)
    timer.start()
    try:
        assert child.stdout is not None
        with child.stdout:
            found = child.stdout.read(CONFIG + 1)
        if len(found) > CONFIG:
            child.kill()
        code = child.wait()
    except BaseException:
        child.kill()
        child.wait()
        raise
    finally:
        timer.cancel()
    return _judged(found, code, late.is_set())


def _judged(found: bytes, code: int, late: bool) -> bytes:
    hint = "save the model again, as .keras or its model.to_json() as a .json file"
    if code == NO_LIBRARY and not late:
        raise no_library()
    if late:
        fact = f"libhdf5 was stopped after {SECONDS} seconds in this .h5 file: it is damaged"
    elif code == NO_CONFIG:
        fact = "this .h5 file has no attribute model_config: it holds weights without the model"
        hint = "save the whole model with model.save, not save_weights"
    elif code == TOO_LONG or len(found) > CONFIG:
        fact = f"the .h5 file's model_config is longer than the {CONFIG:,} bytes that are read"
    elif code == NOT_HDF5:
        fact = f"this .h5 file is damaged: {shown(found.decode('utf-8', 'backslashreplace'), 160)}"
    elif code != 0:
        how = f"by signal {-code}" if code < 0 else f"with code {code}"
        fact = f"libhdf5 ended {how} on this .h5 file: it is damaged"
    else:
        return found
    raise ModelError("CW419", fact, received=code, hint=hint)
