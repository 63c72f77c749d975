"""The files that tasks hand to one another, each named by the digest of its content.

A task's result names such a file instead of holding the data: hashing or serializing a 188 MB array for
the orchestrator costs a second per call, a file name costs nothing.
"""

import fcntl
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from tasks import progress
from tasks.specs import BakeoffError, Spec

MLRUNS = Path("mlruns")
CACHE = MLRUNS / "cache"


@contextmanager
def alone(lock: str, others: str) -> Iterator[None]:
    """Wait until no other process holds this lock in mlruns/, and hold it; `others` says who it may be."""
    MLRUNS.mkdir(exist_ok=True)
    with (MLRUNS / lock).open("w") as file:
        if not _hold(file):
            progress.report(f"{others} is at work in {MLRUNS}/, waiting for it", 0, 1)
            fcntl.flock(file, fcntl.LOCK_EX)
            progress.report(f"{others} is at work in {MLRUNS}/, waiting for it", 1, 1)
        yield


@contextmanager
def alone_if_free(lock: str) -> Iterator[bool]:
    """Hold this lock in mlruns/ and give True, unless another process holds it."""
    MLRUNS.mkdir(exist_ok=True)
    with (MLRUNS / lock).open("w") as file:
        yield _hold(file)


def _hold(file: IO[str]) -> bool:
    """Say whether the lock on an open file could be had at once."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class StoredFile(Spec):
    """One file in the cache. `digest` is the first 16 hex digits of the SHA-256 of its bytes."""

    digest: str
    suffix: str

    @property
    def path(self) -> Path:
        """Return where the file lies, relative to the working directory.

        Raises:
            BakeoffError: when the file is gone.
        """
        path = CACHE / f"{self.digest}{self.suffix}"
        if not path.exists():
            raise BakeoffError(f"{path} is gone, though a kept result refers to it; run again with --fresh to rebuild")
        return path


def store(suffix: str, write: Callable[[Path], object]) -> StoredFile:
    """Have `write` write a file and move it into the cache in one step, so that no half-written file is ever seen."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        draft = Path(folder) / f"draft{suffix}"
        write(draft)
        with draft.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
        stored = StoredFile(digest=digest, suffix=suffix)
        draft.replace(CACHE / f"{digest}{suffix}")
    return stored


def store_arrays(**arrays: NDArray[np.generic]) -> StoredFile:
    """Store named arrays as one .npz file."""
    return store(".npz", lambda path: np.savez(path, allow_pickle=False, **arrays))


def load_arrays(file: StoredFile, *names: str) -> dict[str, NDArray[np.generic]]:
    """Return arrays of a .npz file back by name, those named or else all; NumPy refuses pickled content."""
    with np.load(file.path, allow_pickle=False) as archive:
        return {name: archive[name] for name in names or archive.files}
