"""A folder of the user's with one sub-folder a class."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.specs import BakeoffError, did_you_mean, listed

logger = logging.getLogger(__name__)
Part = Literal["train", "test", "validation"]
ORDER: tuple[Part, ...] = ("train", "validation", "test")
SPELLINGS: dict[str, Part] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
}


def part_of(name: str) -> Part | None:
    """The part of the data that a folder or a mark is of by its name, in any case; None for any other name."""
    return SPELLINGS.get(name.strip().casefold())


class ClassFiles(NamedTuple):
    """Files, and the name (files,) of the class of each; `held_out` (files,) where the folder says what the test is.

    `parts` says in words how its parts are used, if it has some, and `others` which files are not used, if any.
    """

    files: list[Path]
    labels: NDArray[np.str_]
    held_out: NDArray[np.bool_] | None
    parts: str
    others: str

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(set(self.labels.tolist()))

    @property
    def facts(self) -> tuple[str, ...]:
        """What `bakeoff init` tells of it."""
        return tuple(filter(None, (self.parts, self.others and f"not used: {self.others}")))


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

    A class is a sub-folder, with all that lies below it. Or the sub-folders are parts by their names: then the classes
    lie below each, the files of the test are held out, and those for validation follow those to learn from.

    Raises:
        BakeoffError: when the folder cannot be read, or has less than two classes, or one without such files, which the
            message calls `what`; or when it is not clear what its parts are.
    """
    parts = _parts(folder)
    if not parts:
        files, labels = _of_classes(folder, suffixes, what)
        return ClassFiles(files, labels, None, "", others_below(folder, files))
    found = {part: _of_classes(place, suffixes, what) for part, place in parts.items()}
    names = [place.name for place in parts.values()]
    classes = [set(labels.tolist()) for _, labels in found.values()]
    if uneven := sorted(set.union(*classes) - set.intersection(*classes)):
        raise BakeoffError(f"{folder}: {_and(names)} need the same class folders, and {uneven[0]} is not in each")
    files = [file for files, _ in found.values() for file in files]
    held_out = np.arange(len(files)) >= len(files) - len(found["test"][0])
    learned = "is learned from" if len(names) == 2 else "are learned from, and folds drawn from both"
    said = f"{_and(names[:-1])} {learned}; {names[-1]} is kept for the test"
    all_labels = np.concatenate([labels for _, labels in found.values()])
    return ClassFiles(files, all_labels, held_out, said, others_below(folder, files))


def _parts(folder: Path) -> dict[Part, Path]:
    """The sub-folders that are parts by their names, in order; none where all are classes.

    One such name alone beside others, with no folders in it, is that of a class, such as trains among cars, unless it
    is that of the test.
    """
    places = [(part_of(place.name), place) for place in _sub_folders(folder)]
    named = sorted((ORDER.index(part), place) for part, place in places if part)
    others = [place.name for part, place in places if not part]
    flat = [place.name for _, place in named if not _sub_folders(place)]
    parts = {ORDER[number]: place for number, place in named}
    if not named or (others and len(named) == len(flat) == 1 and "test" not in parts):
        return {}
    names = _and([place.name for _, place in named])
    if others:
        wrong = f"{names}, parts of the data by name, beside {listed(others)}; rename or take away what does not belong"
    elif flat:
        wrong = f"{names}, parts of the data by name, and no class folders in {flat[0]}; make some, or rename a class"
    elif len(parts) < len(named) or not parts.keys() >= {"train", "test"}:
        wrong = f"{names}, parts of the data by name; one to learn from and one for the test are needed; rename it"
    else:
        return parts
    raise BakeoffError(f"{folder} has {wrong}, or name a folder whose sub-folders are the classes")


def files_below(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files below a folder whose names end in one of the suffixes, in order; hidden ones aside.

    Raises:
        BakeoffError: when the folder, or one below it, cannot be read.
    """
    return sorted(file for file in _visible(folder) if file.suffix.lower() in suffixes)


def others_below(folder: Path, used: Collection[Path]) -> str:
    """How many files below a folder are not among those that are used, by suffix, such as "48 .svg, 3 .txt"."""
    counts = Counter(file.suffix.lower() or "without a suffix" for file in {*_visible(folder)} - {*used})
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    said = listed([f"{count:,} {suffix}" for suffix, count in ranked])
    if said:
        logger.info("%s: not used: %s", folder, said)
    return said


def _visible(folder: Path) -> Iterator[Path]:
    """The files below a folder that are not hidden."""
    for place, below, names in walk(folder, _refuse):
        below[:] = [name for name in below if not name.startswith(".")]
        yield from (place / name for name in names if not name.startswith("."))


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


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _refuse(error: OSError) -> None:
    if isinstance(error, FileNotFoundError):
        raise BakeoffError(f"there is no folder {error.filename}") from error
    raise BakeoffError(f"{error.filename} cannot be read: {error.strerror}") from error
