"""XLA's compiled programs on disk: the first fit of a net that was compiled before takes half the CPU time.

TensorFlow writes a file for each program into a folder that a flag names, and trusts what it finds there: one that was
cut off ends the training, and one that was tampered with might change a number. So each process gets a folder of its
own, with those kept files whose digest, of name and content, is still the one in their name. What it compiles is added
to them when it ends.
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from multiprocessing.util import Finalize
from pathlib import Path

import joblib
import psutil

from tasks.store import CACHE

FOLDER = CACHE / "programs"
LIMIT_BYTES = 128 * 1024**2  # of all that is kept, for other versions and processors too; beyond it, the oldest go
FLAGS = "TF_XLA_FLAGS"
DIRECTORY = "--tf_xla_persistent_cache_directory"
DEVICES = "--tf_xla_persistent_cache_device_types"
_owned: list[Path] = []
_INHERITED = re.compile(rf" {DIRECTORY}='[^']*/process-\d+' {DEVICES}=CPU")  # of the process that started this one


@cache
def use() -> None:
    """Have XLA's programs kept, and begin with those that are; to be called before a process compiles its first.

    TensorFlow reads its flags then. Where the user's own flags name a folder, that one is used instead.
    """
    flags = os.environ[FLAGS] = _INHERITED.sub("", os.environ.get(FLAGS, ""))
    if DIRECTORY in flags:
        return
    kept = FOLDER.resolve() / _machine()
    own = kept / f"process-{os.getpid()}"
    kept.mkdir(parents=True, exist_ok=True)
    with _locked(kept.parent):
        for folder in kept.glob("process-*"):  # of processes that were killed; one of this one's number is older
            if folder == own or not psutil.pid_exists(int(folder.name.removeprefix("process-"))):
                shutil.rmtree(folder)
        own.mkdir()
        for name, content in _intact(kept).items():
            (own / name).write_bytes(content)
    os.environ[FLAGS] = f"{flags} {DIRECTORY}='{own}' {DEVICES}=CPU"
    _owned.append(own)
    Finalize(None, keep_own, exitpriority=1)  # of `atexit`, a process that another one has made hears nothing


def keep_own() -> None:
    """Add what this process has compiled to what is kept for all; called as it ends."""
    while _owned:
        own = _owned.pop()
        if own.exists():  # else somebody has removed mlruns/ meanwhile
            with _locked(own.parent.parent):
                keep(own)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait for other processes, which hold the folder of all programs for a moment."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def keep(own: Path) -> None:
    """Add what a process has compiled to what is kept for all, and remove the process's folder."""
    kept = own.parent
    known = {file.stem for file in kept.glob("*.pb.*")}
    for file in own.glob("*.pb"):
        if file.name not in known:
            file.replace(kept / f"{file.name}.{_digest(file.name, file.read_bytes())}")
    shutil.rmtree(own)
    left = LIMIT_BYTES
    for file in sorted(kept.parent.glob("*/*.pb.*"), key=lambda file: file.stat().st_mtime, reverse=True):
        left -= file.stat().st_size
        if left < 0:
            file.unlink()


def _intact(kept: Path) -> dict[str, bytes]:
    """The content of the kept files by the names that TensorFlow gave them; one whose digest differs is removed."""
    found = {}
    for file in kept.glob("*.pb.*"):
        content = file.read_bytes()
        if file.suffix == f".{_digest(file.stem, content)}":
            found[file.stem] = content
        else:
            file.unlink()
    return found


def _digest(name: str, content: bytes) -> str:
    return hashlib.sha256(name.encode() + b"\0" + content).hexdigest()[:16]


def _machine() -> str:
    """A digest of what a program depends on besides its source: TensorFlow, the processor, threads, flags."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf8").splitlines() if described.exists() else [platform.processor()]
    features = sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))} or {*lines})
    threads, flags = str(joblib.cpu_count()), os.environ.get("XLA_FLAGS", "")
    stands_for = [version("tensorflow"), platform.machine(), *features, threads, flags]
    return hashlib.sha256("\n".join(stands_for).encode()).hexdigest()[:16]
