"""What the published data sets have in common, and the files of those that come from `keras.datasets`.

Some of these files hold pickled arrays, and to unpickle a file is to run it. So the very bytes that are parsed are
hashed first, and a file with another hash is refused. They lie in Keras's own cache, and are downloaded without Keras,
whose import takes seconds: only what is whole and genuine gets there, and nothing in there is ever overwritten.
"""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.request import urlopen

import numpy as np
from numpy.typing import NDArray

from tasks import progress
from tasks.data.examples import DatasetSpec, Form, Problem
from tasks.metrics import Task
from tasks.specs import BakeoffError, UnreachableError

SERVER = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"  # Keras's own
MIRROR = "BAKEOFF_DATA_MIRROR"
SILENCE_SECONDS = 30  # after which a server is given up: some networks swallow all and answer nothing
CHUNK = 100_000  # bytes between two reports of progress
State = Literal["cached", "absent", "altered"]


@dataclass(frozen=True)
class KerasFile:
    """A file in Keras's cache, with the hash (SHA-256, or MD5 where no other is published) that makes it genuine.

    `dataset` is the module of `keras.datasets` that reads it; `size` is in bytes.
    """

    name: str
    digest: str
    size: int
    dataset: str
    folder: str = "datasets"

    @property
    def path(self) -> Path:
        """Where Keras looks for it: under KERAS_HOME, or ~/.keras."""
        return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / self.folder / self.name

    @property
    def hash_name(self) -> str:
        """Which hash `digest` is: SHA-256 has 64 hex digits, MD5 has 32."""
        return "sha256" if len(self.digest) == 64 else "md5"

    def is_genuine(self, found: bytes | bytearray) -> bool:
        """Whether these bytes are what was published."""
        return hashlib.new(self.hash_name, found, usedforsecurity=False).hexdigest() == self.digest


class PublishedSpec(DatasetSpec):
    """A data set that is known to all.

    `files` are what must be in Keras's cache, `origin` is where the examples come from.
    """

    task: ClassVar[Task]
    form: ClassVar[Form] = "table"
    shape: ClassVar[tuple[int, ...]]
    unit: ClassVar[str] = ""
    classes: ClassVar[tuple[str, ...]] = ()
    rows: ClassVar[int]
    files: ClassVar[tuple[KerasFile, ...]] = ()
    origin: ClassVar[str] = "Keras"

    @property
    def problem(self) -> Problem:
        """All of it is known."""
        return Problem(task=self.task, form=self.form, shape=self.shape, classes=self.classes)


def hold_out_a_fifth(y: NDArray[Any], stratify: bool) -> NDArray[np.bool_]:
    """A fifth of the rows, drawn with seed 0, for data that comes without a test set of its own."""
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(y))
    held_out = train_test_split(rows, test_size=0.2, random_state=0, stratify=y if stratify else None)[1]
    return np.isin(rows, held_out)


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
            f" Delete it, then `bakeoff data fetch {file.dataset}`"
        )
    return found


def fetch(files: Sequence[KerasFile], mirror: str | None = None) -> list[KerasFile]:
    """Downloads those files that are absent, from the mirror where one is named, and gives those.

    Raises:
        BakeoffError: when one cannot be had; those that came are kept.
    """
    absent = [file for file in files if not file.path.exists()]
    for file in absent:
        _make_folder(file)
    server = (mirror or os.environ.get(MIRROR) or SERVER).rstrip("/")
    missing, reason = [*absent], "what came is not the file that was published"
    for file in absent:
        address = f"{server}/{file.name}"
        try:
            if _download(file, address):
                missing.remove(file)
        except (HTTPException, OSError, ValueError) as error:
            code, why = getattr(error, "code", None), getattr(error, "reason", error)
            reason = f"URL fetch failure on {address}: {code} -- {why}"
            break
    if missing:
        folder = missing[0].path.parent
        raise UnreachableError(
            f"{', '.join(file.name for file in missing if file.path.parent == folder)} not in {folder}, and could not"
            f" be downloaded: {reason}. Put it there by hand, or name"
            f" a mirror under which it lies: {MIRROR}=ADDRESS, or `bakeoff data fetch --mirror ADDRESS`"
        )
    return absent


def _download(file: KerasFile, address: str) -> bool:
    """Brings a file into the cache if it is genuine, and says whether it is; reports how much has come, in kB."""
    step, total, came = f"download {file.name}, kB", -(-file.size // 1000), bytearray()
    progress.report(step, 0, total)
    with urlopen(address, timeout=SILENCE_SECONDS) as answer:  # noqa: S310  # Keras's own, or named by the user
        while len(came) <= file.size and (chunk := answer.read(CHUNK)):
            came += chunk
            progress.report(step, min(len(came) // 1000, total - 1), total)  # all is there when it has been checked
    if not file.is_genuine(came):
        return False
    with tempfile.TemporaryDirectory(dir=file.path.parent, prefix="bakeoff-download-") as staging:
        whole = Path(staging) / file.name
        whole.write_bytes(came)
        if not file.path.exists():  # another run may have been quicker
            whole.rename(file.path)
    progress.report(step, total, total)
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
