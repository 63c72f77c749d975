"""The files of `keras.datasets`: where they lie, whether they are what Keras publishes, and how they get there.

Some of them hold pickled arrays, and to unpickle a file is to run it. So the very bytes that are parsed are hashed
first, and a file that is not the one that Keras names is refused. The downloads are Keras's own.
"""

import hashlib
import importlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import Literal

from tasks import progress
from tasks.specs import BakeoffError, Spec

MIRROR = "BAKEOFF_DATA_MIRROR"
NETWORK_SECONDS = 30  # that a server may keep silent
State = Literal["cached", "absent", "altered"]


class KerasFile(Spec):
    """A file in Keras's cache, with the hash (SHA-256, or MD5 where Keras has no other) that makes it genuine.

    `loader` is the function of `keras.datasets` that downloads it.
    """

    name: str
    digest: str
    size: int
    loader: str
    folder: str = "datasets"

    @property
    def path(self) -> Path:
        """Where Keras looks for it: under KERAS_HOME, or ~/.keras."""
        return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / self.folder / self.name


def state(file: KerasFile) -> State:
    """Whether the file is there, and genuine."""
    if not file.path.is_file():
        return "absent"
    return "cached" if _is_genuine(file, file.path.read_bytes()) else "altered"


def content(file: KerasFile) -> bytes:
    """The bytes of the cached file, which is downloaded first where it is absent.

    Raises:
        BakeoffError: when it is not the file that Keras publishes, or cannot be had.
    """
    fetch(file)
    try:
        found = file.path.read_bytes()
    except OSError as error:
        raise BakeoffError(f"{file.path} cannot be read: {error.strerror}") from error
    if not _is_genuine(file, found):
        raise BakeoffError(
            f"{file.path} is not the file that Keras publishes: {len(found)} of {file.size} bytes, or altered."
            " It was not opened. Delete it, and the next run downloads it again"
        )
    return found


def fetch(file: KerasFile, mirror: str | None = None) -> bool:
    """Downloads a file that is absent, from the mirror where one is named; says whether it did.

    Raises:
        BakeoffError: when that fails.
    """
    if file.path.exists():
        return False
    mirror = mirror or os.environ.get(MIRROR)
    _make_folder(file)
    with _watched(file), _quiet_keras():
        try:
            _download(file, mirror)
        except Exception as error:  # Keras raises no narrower one
            file.path.unlink(missing_ok=True)
            raise BakeoffError(
                f"{file.name} is not in {file.path.parent} and could not be downloaded: {error}."
                f" Put the file there by hand, or name a mirror: {MIRROR}=ADDRESS, under which the file lies"
            ) from error
    return True


def _download(file: KerasFile, mirror: str | None) -> None:
    import keras

    if mirror:
        origin = f"{mirror.rstrip('/')}/{file.name}"
        keras.utils.get_file(
            file.name, origin, cache_dir=file.path.parents[len(Path(file.folder).parts)], cache_subdir=file.folder,
            file_hash=file.digest,
        )  # fmt: skip
    else:
        module, function = file.loader.split(":")
        getattr(importlib.import_module(f"keras.datasets.{module}"), function)()


def _is_genuine(file: KerasFile, found: bytes) -> bool:
    algorithm = hashlib.sha256 if len(file.digest) == 64 else hashlib.md5
    return algorithm(found).hexdigest() == file.digest


def _make_folder(file: KerasFile) -> None:
    """Keras would use another folder without a word where this one cannot be written."""
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        writable = os.access(file.path.parent, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise BakeoffError(
            f"{file.name} is not in {file.path.parent}, and that folder cannot be written;"
            " set KERAS_HOME to one that can, or put the file there"
        )


@contextmanager
def _quiet_keras() -> Iterator[None]:
    """Keeps Keras's progress bar off standard output, and from waiting for ever for a network that swallows all."""
    import keras

    timeout, talks = socket.getdefaulttimeout(), keras.config.is_interactive_logging_enabled()
    socket.setdefaulttimeout(NETWORK_SECONDS)
    keras.config.disable_interactive_logging()
    try:
        yield
    finally:
        socket.setdefaulttimeout(timeout)
        if talks:
            keras.config.enable_interactive_logging()


@contextmanager
def _watched(file: KerasFile) -> Iterator[None]:
    """Reports how much of the file has come, in kB."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            size = file.path.stat().st_size if file.path.exists() else 0
            progress.report(f"download {file.name}, kB", min(size, file.size - 1) // 1000, file.size // 1000 or 1)

    watcher = threading.Thread(target=copy_context().run, args=(watch,), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    progress.report(f"download {file.name}, kB", file.size // 1000 or 1, file.size // 1000 or 1)
