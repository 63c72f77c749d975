"""The files of `keras.datasets`: where they lie, whether they are what was published, and how they get there.

Some of them hold pickled arrays, and to unpickle a file is to run it. So the very bytes that are parsed are hashed
first, and a file with another hash is refused. The downloads are Keras's own, into a folder beside the cache; only
what is whole and genuine moves into the cache, and nothing in there is ever overwritten.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tasks import progress
from tasks.specs import BakeoffError, Spec, UnreachableError

MIRROR = "BAKEOFF_DATA_MIRROR"
PROGRAM = Path(__file__).with_name("keras_download.py")
State = Literal["cached", "absent", "altered"]


class KerasFile(Spec):
    """A file in Keras's cache, with the hash (SHA-256, or MD5 where no other is published) that makes it genuine.

    `loader` is the function of `keras.datasets` that downloads it; `size` is in bytes.
    """

    name: str
    digest: str
    size: int
    loader: str
    folder: str = "datasets"

    @property
    def path(self) -> Path:
        """Where Keras looks for it: under KERAS_HOME, or ~/.keras."""
        return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / self.folder / self.name

    @property
    def hash_name(self) -> str:
        """Which hash `digest` is: SHA-256 has 64 hex digits, MD5 has 32."""
        return "sha256" if len(self.digest) == 64 else "md5"

    def hash_of(self, found: bytes) -> str:
        """The hash to compare with `digest`."""
        return hashlib.new(self.hash_name, found, usedforsecurity=False).hexdigest()

    def is_genuine(self, found: bytes) -> bool:
        """Whether these bytes are what was published."""
        return self.hash_of(found) == self.digest


def state(file: KerasFile) -> State:
    """Whether the file is there, and genuine."""
    if not file.path.exists():
        return "absent"
    return "cached" if file.is_genuine(_read(file.path)) else "altered"


def content(file: KerasFile) -> bytes:
    """The bytes of the cached file, which is downloaded first where it is absent.

    Raises:
        BakeoffError: when it is not the file that was published, or cannot be had.
    """
    fetch([file])
    found = _read(file.path)
    if not file.is_genuine(found):
        raise BakeoffError(
            f"{file.path} is not the file that was published, and was not opened: it has {len(found)} bytes, expected"
            f" {file.size} with {file.hash_name} {file.digest}."
            f" Delete it, then `bakeoff data fetch {file.loader.partition(':')[0]}`"
        )
    return found


def fetch(files: Sequence[KerasFile], mirror: str | None = None) -> list[KerasFile]:
    """Downloads those files that are absent, from the mirror where one is named, and gives those.

    Raises:
        BakeoffError: when one cannot be had; those that came are kept.
    """
    absent = [file for file in files if not file.path.exists()]
    if not absent:
        return []
    for file in absent:
        _make_folder(file)
    with tempfile.TemporaryDirectory(dir=absent[0].path.parent, prefix="bakeoff-download-") as staging:
        reason = _have_keras_download(absent, mirror or os.environ.get(MIRROR, ""), Path(staging))
        missing = [file for file in absent if not _move_in(file, Path(staging))]
    if missing:
        folder = missing[0].path.parent
        raise UnreachableError(
            f"{', '.join(file.name for file in missing if file.path.parent == folder)} not in {folder}, and could not"
            f" be downloaded: {reason or 'what came is not the file that was published'}. Put it there by hand, or name"
            f" a mirror under which it lies: {MIRROR}=ADDRESS, or `bakeoff data fetch --mirror ADDRESS`"
        )
    return absent


def _have_keras_download(files: Sequence[KerasFile], mirror: str, home: Path) -> str:
    """Has Keras download into `home`, an empty cache; gives the reason where it fails, else nothing.

    In a process of its own: Keras reads KERAS_HOME once, as it is imported, and TensorFlow writes to standard error.
    """
    wanted = [f"{file.folder}/{file.name}" if mirror else file.loader for file in files]
    command = [sys.executable, "-P", str(PROGRAM), mirror, *dict.fromkeys(wanted)]
    environment = os.environ | {"KERAS_HOME": str(home), "PYTHONIOENCODING": "utf8"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf8"
    ) as keras:
        try:
            while keras.poll() is None:
                for file in files:
                    _report(file, home)
                time.sleep(0.1)
        finally:
            keras.kill()
        said = keras.communicate()[0].strip()
    return said or (f"Keras ended with code {keras.returncode}" if keras.returncode else "")


def _report(file: KerasFile, home: Path) -> None:
    """Reports how much of a file has come, in kB; all of it is there when it has been checked, not before."""
    coming, total = home / file.folder / file.name, -(-file.size // 1000)
    done = coming.stat().st_size // 1000 if coming.exists() else 0
    progress.report(f"download {file.name}, kB", min(done, total - 1), total)


def _move_in(file: KerasFile, home: Path) -> bool:
    """Moves a file that came, and is genuine, into the cache."""
    came = home / file.folder / file.name
    if not came.exists() or not file.is_genuine(came.read_bytes()):
        return False
    if not file.path.exists():  # another run may have been quicker
        came.rename(file.path)
    progress.report(f"download {file.name}, kB", -(-file.size // 1000), -(-file.size // 1000))
    return True


def _make_folder(file: KerasFile) -> None:
    folder = file.path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise BakeoffError(
            f"{file.name} is not in {folder}, and that folder cannot be written;"
            " set KERAS_HOME to one that can, or put the file there"
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BakeoffError(f"{path} cannot be read: {error.strerror}") from error
