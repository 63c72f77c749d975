"""A folder of the user's with one sub-folder a class."""

import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.specs import BakeoffError, did_you_mean

logger = logging.getLogger(__name__)
PARTS = {"train", "test"}
Part = Literal["train", "test", "validation"]
SPELLINGS: Mapping[Part, set[str]] = {
    "train": {"train", "training"},
    "test": {"test", "testing"},
    "validation": {"val", "valid", "validation", "dev"},
}


def part_of(name: str) -> Part | None:
    """Return which part of the data a name stands for, in any of the usual spellings."""
    return next((part for part, names in SPELLINGS.items() if name.strip().casefold() in names), None)


class ClassFiles(NamedTuple):
    """Files, and the name (files,) of the class of each; `held_out` (files,) where the folder says what the test is."""

    files: list[Path]
    labels: NDArray[np.str_]
    held_out: NDArray[np.bool_] | None

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(set(self.labels.tolist()))


def check_there(path: Path) -> None:
    """Check that there is a file or folder at a path; where the user may not see that, reading it says why.

    Raises:
        BakeoffError: when there is none.
    """
    try:
        path.stat()
    except FileNotFoundError as error:
        what, others = "file" if path.suffix else "folder", list[str]()
        with suppress(OSError):  # those beside it that the user may see
            others += [str(other) for other in path.parent.iterdir()]
        raise BakeoffError(f"there is no {what} {path}{did_you_mean(str(path), others)}") from error
    except OSError:
        return


def is_folder(path: Path) -> bool:
    """Whether it is one, as far as the user may see that."""
    with suppress(OSError):  # reading says why
        return path.is_dir()
    return False


def class_files(folder: Path, suffixes: Collection[str], what: str) -> ClassFiles:
    """The files of all classes whose names end in one of the suffixes, written small or large, in order of their paths.

    A class is a sub-folder, with all that lies below it. Where there are two, `train` and `test`, and both have
    sub-folders, these are the classes, and the files below `test` are held out. Hidden files and others are left out.

    Raises:
        BakeoffError: when the folder cannot be read, or has less than two classes, or one without such files, which the
            message calls `what`.
    """
    parts = _sub_folders(folder)
    if {part.name for part in parts} != PARTS or not all(_sub_folders(part) for part in parts):
        files, labels = _of_classes(folder, suffixes, what)
        return ClassFiles(files, labels, None)
    (test, of_test), (train, of_train) = (_of_classes(part, suffixes, what) for part in parts)
    if alone := sorted(set(of_test.tolist()) ^ set(of_train.tolist())):
        raise BakeoffError(f"{folder}: train and test need the same class folders, and {alone[0]} is in one alone")
    held_out = np.arange(len(train) + len(test)) >= len(train)
    return ClassFiles(train + test, np.concatenate([of_train, of_test]), held_out)


def files_below(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files below a folder whose names end in one of the suffixes, in order; how many others, the log says.

    Raises:
        BakeoffError: when the folder, or one below it, cannot be read.
    """
    found, others = [], 0
    for place, below, names in walk(folder, _refuse):
        below[:] = [name for name in below if not name.startswith(".")]
        fitting = [name for name in names if not name.startswith(".") and Path(name).suffix.lower() in suffixes]
        found += [place / name for name in fitting]
        others += len(names) - len(fitting)
    if others:
        logger.info("%s: %d hidden or other files are not used", folder, others)
    return sorted(found)


def walk(folder: Path, onerror: Callable[[OSError], None] | None = None) -> Iterator[tuple[Path, list[str], list[str]]]:
    """As `os.walk`, through links to folders too, and through each folder once: a link may lead back."""
    seen = set[str]()
    for place, below, names in os.walk(folder, onerror=onerror, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below.sort()
        yield Path(place), below, names


def _of_classes(folder: Path, suffixes: Collection[str], what: str) -> tuple[list[Path], NDArray[np.str_]]:
    classes = _sub_folders(folder)
    if len(classes) < 2:
        there = f"has one class, {classes[0].name}" if classes else "has no sub-folders"
        raise BakeoffError(f"{folder} {there}; two sub-folders or more are needed, one for each class")
    found = {below.name: files_below(below, suffixes) for below in classes}
    empty = [name for name, files in found.items() if not files]
    if empty:
        raise BakeoffError(f"{folder / empty[0]} has no {what} ({', '.join(suffixes)}); add some, or take it away")
    labels = np.repeat([*found], [len(files) for files in found.values()])
    return [file for files in found.values() for file in files], labels


def _sub_folders(folder: Path) -> list[Path]:
    """Those that are not hidden, in order."""
    try:
        return sorted(below for below in folder.iterdir() if below.is_dir() and not below.name.startswith("."))
    except OSError as error:
        _refuse(error)
        raise


def _refuse(error: OSError) -> None:
    if isinstance(error, FileNotFoundError):
        raise BakeoffError(f"there is no folder {error.filename}") from error
    raise BakeoffError(f"{error.filename} cannot be read: {error.strerror}") from error
