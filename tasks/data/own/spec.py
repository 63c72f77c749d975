"""What the user's own data have in common: where they lie, what is predicted, which rows are kept for the test."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.data.examples import GROUP, HELD_OUT, PREDICTION, TARGET, DatasetSpec
from tasks.data.own.folders import check_there, walk
from tasks.data.problem import Problem
from tasks.metrics import Task
from tasks.specs import BakeoffError, Spec, did_you_mean


class TestRowsSpec(Spec):
    """Which rows are kept for the test: a share of them, or those that a column of the file marks."""

    __test__ = False  # pytest takes its name for that of a test

    fraction: float = Field(0.2, gt=0, lt=1, description="share of the rows, drawn at random")
    seed: int = Field(0, ge=0, lt=2**32, description="decides which")
    column: str | None = Field(None, description="a column that says which rows are for the test")
    value: str = Field("test", coerce_numbers_to_str=True, description="what that column says of them")


class OwnSpec(DatasetSpec):
    """A file or folder of the user's; a relative path begins where the command is run."""

    path: Path
    task: Task
    unit: str = Field("", description="of the target, where that is a number")
    test: TestRowsSpec = TestRowsSpec()

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem

    def check_there(self) -> None:
        """Check that the file or folder is there.

        Raises:
            BakeoffError: when it is not.
        """
        check_there(self.path)

    @property
    def stamp(self) -> str:
        """A digest of the names, sizes and times of last change of the files, as far as they are there."""
        seen = hashlib.sha256()
        with suppress(OSError):  # what cannot be looked at cannot be read either, and reading says why
            files = (place / name for place, _, names in walk(self.path) for name in names)
            for file in sorted(files) if self.path.is_dir() else [self.path]:
                if file.is_file():
                    status = file.stat()
                    seen.update(f"{file} {status.st_size} {status.st_mtime_ns}\n".encode())
        return seen.hexdigest()[:16]


def refuse_two_uses(names: Iterable[str | None]) -> None:
    """Finds out whether a column is named more than once.

    Raises:
        ValueError: when one is, as a validator says it.
    """
    twice = [name for name, times in Counter(filter(None, names)).items() if times > 1]
    if twice:
        raise ValueError(f"{twice[0]} has more than one use; a column has one")


def refuse_reserved(features: Iterable[str | None]) -> None:
    """Finds out whether a feature has a name under which targets, parts, groups or predictions are kept.

    Raises:
        ValueError: when one has, as a validator says it.
    """
    for name in features:
        if name in (TARGET, HELD_OUT, GROUP, PREDICTION):
            raise ValueError(f"no feature can be called {name}; rename the column, or leave it out")


def hold_out(
    test: TestRowsSpec,
    y: NDArray[np.generic],
    problem: Problem,
    groups: NDArray[np.int64] | None = None,
    in_time_order: bool = False,
) -> NDArray[np.bool_]:
    """Which rows (rows,) are kept for the test, where no column says it.

    A share of the rows, stratified where the target is a class; of the groups, where rows belong together; of rows in
    the order of time the last.

    Raises:
        BakeoffError: when a part would be empty, or a class has too few rows.
    """
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    rows = np.arange(len(y))
    n_test = max(1, round(test.fraction * len(y)))
    if n_test >= len(y):
        raise BakeoffError(
            f"a share of {test.fraction:g} of {len(y)} row(s) with a target leaves none to learn from;"
            " more rows are needed, or a smaller test.fraction"
        )
    if in_time_order:
        return rows >= len(y) - n_test
    if groups is not None:
        n_groups = len(np.unique(groups))
        if n_groups < 2:
            raise BakeoffError("all rows belong to one group; at least two are needed, one of them for the test")
        fewest = 2 if n_groups >= 4 else 1  # one alone says nothing of how the score varies with groups
        n_test = min(max(fewest, round(test.fraction * n_groups)), n_groups - 1)
        splitter = GroupShuffleSplit(1, test_size=n_test, random_state=test.seed)
        held_out = next(splitter.split(rows, groups=groups))[1]
    else:
        stratify = y if problem.classes else None
        _check_classes(test, y, n_test, problem.classes)
        held_out = train_test_split(rows, test_size=n_test, random_state=test.seed, stratify=stratify)[1]
    return np.isin(rows, held_out)


def marked(test: TestRowsSpec, column: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Which rows are for the test by the column (rows,) that says so.

    Raises:
        BakeoffError: when it says so of none, or of all.
    """
    said = column.astype(str)
    held_out = said == test.value
    if held_out.all() or not held_out.any():
        there = sorted(set(said.tolist()))
        hint = did_you_mean(test.value, there) or f"; there are {', '.join(there[:10])}"
        which = "every row" if held_out.all() else "no row"
        raise BakeoffError(f"test.value is {test.value!r}, and {which} has that in column {test.column}{hint}")
    return np.asarray(held_out, np.bool_)


def check_training_rows(y: NDArray[np.generic], held_out: NDArray[np.bool_], classes: tuple[str, ...]) -> None:
    """Finds out whether there is something to learn of each class.

    Raises:
        BakeoffError: when a class has no training row.
    """
    counts = np.bincount(y[~held_out].astype(np.int64), minlength=len(classes)) if classes else np.ones(1)
    if not counts.min():
        raise BakeoffError(
            f"class {classes[int(counts.argmin())]} has rows for the test, and none to learn from;"
            " choose other rows for the test, or leave the class out"
        )


def _check_classes(test: TestRowsSpec, y: NDArray[np.generic], n_test: int, classes: tuple[str, ...]) -> None:
    counts = np.bincount(y.astype(np.int64), minlength=len(classes)) if classes else np.full(1, 2)
    if counts.min() < 2:
        raise BakeoffError(
            f"class {classes[int(counts.argmin())]} has one row; it takes two, one to learn from and one for the test;"
            " leave the class out, or put it together with another"
        )
    if min(n_test, len(y) - n_test) < len(classes):
        raise BakeoffError(
            f"a share of {test.fraction:g} of {len(y)} rows is {n_test} for the test, and one of the two parts is too"
            f" small for a row of each of {len(classes)} classes; choose another test.fraction"
        )
