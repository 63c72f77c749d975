"""Folds for rows that depend on one another: those of a group, and those that follow in time."""

import warnings
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from tasks.data.examples import Groups
from tasks.data.validation import Numbers, Parts, Rows, ValidationSpec
from tasks.data.vectorization import Labels
from tasks.specs import BakeoffError

FEWEST = 1.5  # groups of equal size that tell as much: with 1.5, the interval reaches 165 standard errors to each side


def check_groups(groups: Groups | None) -> None:
    """Finds out whether groups, if there are any, are so many that scores on folds of them say how scores vary.

    Raises:
        BakeoffError: when nearly all rows are of one.
    """
    if groups and groups.effective < FEWEST:
        raise BakeoffError(
            f"nearly all training rows are of one group: the {groups.count} that there are tell as much as"
            f" {groups.effective:.1f} of equal size, and nothing of how scores vary; more rows of others are needed"
        )


class GroupKFoldSpec(ValidationSpec):
    """Repeated K-fold cross-validation with all rows of a group in the same fold.

    Where the target is a class, groups are dealt out so that the folds' shares of it are about the same.
    """

    kind: Literal["group_k_fold"] = "group_k_fold"
    n_splits: int = Field(4, ge=2, description="parts the groups are cut into; each is held out once")
    n_repeats: int = Field(1, ge=1, description="how often the groups are cut anew")
    n_seeds: ClassVar[int] = 1

    @property
    def label(self) -> str:
        """What to call it."""
        return f"{self.n_repeats} x {self.n_splits} group folds"

    @property
    def test_ratio(self) -> float:
        """Rows held out for each row that is learned from, as it would be in folds of equal size.

        The mean over folds of unequal size is a little larger; what they cost is in the degrees of freedom.
        """
        return 1 / (self.n_splits - 1)

    def draw(self, y: Labels, classes: tuple[str, ...], groups: Labels | None = None) -> Numbers:
        """For each repeat and row, the number of the fold in which that row is held out."""
        self._check(groups)
        held_out = np.empty((self.n_repeats, len(y)), np.int32)
        try:
            self._deal_out(held_out, y, bool(classes), groups)
        except ValueError as error:
            raise BakeoffError(f"{self.n_splits} folds of groups cannot be made of these rows: {error}") from error
        _check_learned(self, held_out, y, classes, "they are too few, or lie in too few groups")
        return held_out

    def set_aside(self, rows: Rows, share: float, seed: int, labels: Labels | None, groups: Labels | None) -> Parts:
        """Splits whole groups off, about that share of them, whatever their labels."""
        from sklearn.model_selection import GroupShuffleSplit

        of_rows = None if groups is None else groups[rows]
        splitter = GroupShuffleSplit(1, test_size=share, random_state=seed % 2**31)
        kept, aside = next(splitter.split(rows, groups=of_rows))
        return rows[kept], rows[aside]

    def _deal_out(self, held_out: Numbers, y: Labels, stratified: bool, groups: Labels | None) -> None:
        from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

        random = np.random.RandomState(self.seed)
        splitter = StratifiedGroupKFold if stratified else GroupKFold
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class")  # a fold may do without it
            for numbers in held_out:
                folds = splitter(n_splits=self.n_splits, shuffle=True, random_state=random)
                for fold, (_, rows) in enumerate(folds.split(np.zeros(len(y)), y, groups)):
                    numbers[rows] = fold

    def _check(self, groups: Labels | None) -> None:
        if groups is None:
            raise BakeoffError("validation.kind is group_k_fold, but no row belongs to a group; choose k_fold")
        count = len(np.unique(groups))
        if count < self.n_splits:
            mend = f"choose {count} or fewer" if count > 1 else "two groups or more are needed"
            raise BakeoffError(
                f"validation.n_splits is {self.n_splits}, but the training rows make {count} group(s); {mend}"
            )
        if count == self.n_splits and self.n_repeats > 1:
            raise BakeoffError(
                f"there are {count} groups, as many as folds, so every repeat has the same folds;"
                " set validation.n_repeats: 1, or fewer n_splits"
            )


class TimeSeriesSplitSpec(ValidationSpec):
    """Blocks of rows in order of time, each predicted by what was learned from all rows before it.

    There is one block more than is held out: the first is only learned from. The order leaves nothing to chance, so
    there are no repeats.
    """

    kind: Literal["time_series_split"] = "time_series_split"
    n_splits: int = Field(4, ge=2, description="blocks that are held out, each after the rows that are learned from")
    n_repeats: ClassVar[int] = 1
    n_seeds: ClassVar[int] = 1

    @property
    def label(self) -> str:
        """What to call it."""
        return f"{self.n_splits} time-series folds"

    @property
    def test_ratio(self) -> float:
        """Rows held out for each row that is learned from, the mean over folds: block k + 1 follows k of its size."""
        return float(np.mean(1 / np.arange(1, self.n_splits + 1)))

    def draw(self, y: Labels, classes: tuple[str, ...], groups: Labels | None = None) -> Numbers:
        """For each row (one repeat), the number of the fold in which it is held out, or -1 in the first block."""
        from sklearn.model_selection import TimeSeriesSplit

        if len(y) <= self.n_splits:
            raise BakeoffError(
                f"validation.n_splits is {self.n_splits}, but there are {len(y)} training rows, and a first block"
                f" is needed too; choose {len(y) - 1} or fewer"
            )
        numbers = np.full((1, len(y)), -1, np.int32)
        for fold, (_, rows) in enumerate(TimeSeriesSplit(self.n_splits).split(y)):
            numbers[0, rows] = fold
        _check_learned(self, numbers, y, classes, "none comes before; with fewer n_splits the first block is longer")
        return numbers

    def learned(self, numbers: Numbers, fold: int) -> Rows:
        """The rows that came before."""
        return np.flatnonzero(numbers < fold)

    def set_aside(self, rows: Rows, share: float, seed: int, labels: Labels | None, groups: Labels | None) -> Parts:
        """Splits the last rows off: among those between rows that are learned from, overfitting would not show."""
        kept = len(rows) - max(1, round(share * len(rows)))
        if kept < 1:
            raise ValueError(f"of {len(rows)} rows none would be left to learn from")
        return rows[:kept], rows[kept:]


def _check_learned(
    validation: ValidationSpec, held_out: Numbers, y: Labels, classes: tuple[str, ...], why: str
) -> None:
    """Finds out whether in each fold each class has rows to learn from."""
    for numbers in held_out:
        for fold in range(int(held_out.max()) + 1):
            learned = y[validation.learned(numbers, fold)]
            missing = [name for number, name in enumerate(classes) if number not in learned]
            if missing:
                raise BakeoffError(f"class {missing[0]} has no row to learn from for fold {fold + 1}: {why}")
