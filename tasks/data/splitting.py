"""Folds: the same for all contenders, drawn once from one seed."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.data.vectorization import Arrays
from tasks.specs import BakeoffError, Spec
from tasks.store import StoredFile, load_arrays, store_arrays

Rows = NDArray[np.int64]


class KFoldSpec(Spec):
    """Repeated K-fold cross-validation, stratified where the target is a class.

    Of two experiments with the same seed, the one with more repeats begins with the other's folds.
    """

    kind: Literal["k_fold"] = "k_fold"
    n_splits: int = Field(4, ge=2, description="parts the training rows are cut into; each is held out once")
    n_repeats: int = Field(1, ge=1, description="how often the rows are cut anew")
    seed: int = Field(0, ge=0, lt=2**32, description="decides folds, initial weights and shuffles")

    @property
    def n_folds(self) -> int:
        """Folds over all repeats."""
        return self.n_splits * self.n_repeats


class Folds(Spec):
    """The folds of an experiment: a file with `held_out` (n_repeats, rows), the fold in which each row is held out."""

    validation: KFoldSpec
    rows: int
    file: StoredFile

    def held_out(self) -> NDArray[np.int32]:
        """For each repeat and row, the number of the fold in which that row is held out."""
        return load_arrays(self.file)["held_out"].astype(np.int32, copy=False)

    def pairs(self) -> Iterator[tuple[Rows, Rows]]:
        """Training rows and validation rows of each fold, repeat by repeat."""
        for repeat in self.held_out():
            for fold in range(self.validation.n_splits):
                yield np.flatnonzero(repeat != fold), np.flatnonzero(repeat == fold)


def split(arrays: Arrays, validation: KFoldSpec) -> Folds:
    """Draws the folds from the training rows.

    Raises:
        BakeoffError: when there are fewer rows, or rows of one class, than folds.
    """
    from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

    X, y = arrays.training()
    _check(y, arrays, validation)
    splitter = RepeatedStratifiedKFold if arrays.classes else RepeatedKFold
    folds = splitter(n_splits=validation.n_splits, n_repeats=validation.n_repeats, random_state=validation.seed)
    held_out = np.empty((validation.n_repeats, len(y)), np.int32)
    for number, (_, rows) in enumerate(folds.split(X, y)):
        repeat, fold = divmod(number, validation.n_splits)
        held_out[repeat, rows] = fold
    return Folds(validation=validation, rows=len(y), file=store_arrays(held_out=held_out))


def _check(y: NDArray[np.generic], arrays: Arrays, validation: KFoldSpec) -> None:
    if validation.n_splits > len(y):
        raise BakeoffError(
            f"validation.n_splits is {validation.n_splits}, but there are {len(y)} training rows;"
            f" choose {len(y)} or fewer"
        )
    if not arrays.classes:
        return
    counts = np.bincount(y.astype(np.int64), minlength=len(arrays.classes))
    if counts.min() < validation.n_splits:
        mend = f"choose {counts.min()} or fewer" if counts.min() > 1 else "a class needs 2 rows or more"
        raise BakeoffError(
            f"class {arrays.classes[int(counts.argmin())]} has {counts.min()} training rows, fewer than"
            f" validation.n_splits = {validation.n_splits}; {mend}"
        )
