"""Folds: how training rows are held out, the same for all contenders, drawn once from one seed.

A way to hold rows out is one class here, and its name in `FoldsSpec`: it draws the folds, says which column of the data
it needs, and what can be said of a verdict on them.
"""

import warnings
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from tasks.data.examples import Groups
from tasks.data.vectorization import DesignMatrix, Labels
from tasks.metrics import METRICS, MetricName
from tasks.specs import BakeoffError, Spec
from tasks.store import StoredFile, load_arrays, store_arrays

Rows = NDArray[np.int64]
Numbers = NDArray[np.int32]
Parts = tuple[Rows, Rows]
NO_ROWS: Rows = np.empty(0, np.int64)
FEWEST = 1.5  # groups of equal size that tell as much: with 1.5, the interval reaches 165 standard errors to each side


class ValidationSpec(Spec):
    """How training rows are held out to score contenders by.

    Folds are drawn by the column that the data set names in its setting `column`, where that is not empty; held out in
    any other way, such data would have the `leak`. `more` completes "only more ... could settle it"; `outlook` is that
    whole sentence, of ways that have no repeats.
    """

    column: ClassVar[str] = ""
    leak: ClassVar[str] = ""
    in_order: ClassVar[bool] = False
    more: ClassVar[str] = "rows"
    outlook: ClassVar[str] = ""
    seed: int = Field(0, ge=0, lt=2**32, description="decides folds, initial weights and shuffles")

    @property
    def caveat(self) -> str:
        """What a verdict on such folds cannot know; empty where there is nothing to say."""
        return ""

    def learned(self, numbers: Numbers, fold: int) -> Rows:
        """Which rows are learned from while those of a fold are held out; `numbers` (rows,) are those of one repeat."""
        return np.flatnonzero(numbers != fold)

    def set_aside(self, rows: Rows, share: float, seed: int, labels: Labels | None, groups: Labels | None) -> Parts:
        """Splits a share off the rows that are learned from, for early stopping; stratified by labels (all rows,).

        Raises:
            ValueError: when a part would be empty, or a class has too few rows.
        """
        from sklearn.model_selection import train_test_split

        stratify = labels[rows] if labels is not None else None
        kept, aside = train_test_split(rows, test_size=share, random_state=seed % 2**31, stratify=stratify)
        return kept, aside


class KFoldSpec(ValidationSpec):
    """Repeated K-fold cross-validation, stratified where the target is a class.

    Of two experiments with the same seed, the one with more repeats begins with the other's folds.
    """

    kind: Literal["k_fold"] = "k_fold"
    n_splits: int = Field(4, ge=2, description="parts the training rows are cut into; each is held out once")
    n_repeats: int = Field(1, ge=1, description="how often the rows are cut anew")
    n_seeds: ClassVar[int] = 1  # folds differ by their rows; that is spread enough

    @property
    def label(self) -> str:
        """What to call it."""
        return f"{self.n_repeats} x {self.n_splits} folds"

    @property
    def test_ratio(self) -> float:
        """Rows held out for each row that is learned from, the mean over folds."""
        return 1 / (self.n_splits - 1)

    def draw(self, y: Labels, classes: tuple[str, ...], groups: Labels | None = None) -> Numbers:
        """For each repeat and row, the number of the fold in which that row is held out."""
        from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

        if self.n_splits > len(y):
            raise BakeoffError(
                f"validation.n_splits is {self.n_splits}, but there are {len(y)} training rows;"
                f" choose {len(y)} or fewer"
            )
        rarest, count = _rarest(y, classes)
        if count < self.n_splits:
            mend = f"choose {count} or fewer" if count > 1 else "a class needs 2 rows or more"
            raise BakeoffError(f"{rarest}, fewer than validation.n_splits = {self.n_splits}; {mend}")
        splitter = RepeatedStratifiedKFold if classes else RepeatedKFold
        folds = splitter(n_splits=self.n_splits, n_repeats=self.n_repeats, random_state=self.seed)
        return _numbered((rows for _, rows in folds.split(np.zeros(len(y)), y)), self.n_splits, len(y))


class GroupKFoldSpec(ValidationSpec):
    """Repeated K-fold cross-validation with all rows of a group in the same fold.

    Where the target is a class, groups are dealt out so that the folds' shares of it are about the same.
    """

    column = "group_column"
    leak = "rows of a group would be held out while others of it are learned from"
    more = "groups"
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
        from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

        self._check(groups)
        random = np.random.RandomState(self.seed)
        folds = (StratifiedGroupKFold if classes else GroupKFold)(self.n_splits, shuffle=True, random_state=random)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class")  # a fold may do without it
            try:
                parts = [rows for _ in range(self.n_repeats) for _, rows in folds.split(np.zeros(len(y)), y, groups)]
            except ValueError as error:
                raise BakeoffError(f"{self.n_splits} folds of groups cannot be made of these rows: {error}") from error
        held_out = _numbered(parts, self.n_splits, len(y))
        _check_learned(self, held_out, y, classes, "they are too few, or lie in too few groups")
        return held_out

    def set_aside(self, rows: Rows, share: float, seed: int, labels: Labels | None, groups: Labels | None) -> Parts:
        """Splits whole groups off, about that share of them, whatever their labels."""
        from sklearn.model_selection import GroupShuffleSplit

        of_rows = None if groups is None else groups[rows]
        splitter = GroupShuffleSplit(1, test_size=share, random_state=seed % 2**31)
        kept, aside = next(splitter.split(rows, groups=of_rows))
        return rows[kept], rows[aside]

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

    column = "time_column"
    leak = "what came later would be learned from to predict what came before"
    in_order = True
    outlook = "Only more rows, of a longer time, could settle it."
    kind: Literal["time_series_split"] = "time_series_split"
    n_splits: int = Field(4, ge=2, description="blocks that are held out, each after the rows that are learned from")
    n_repeats: ClassVar[int] = 1
    n_seeds: ClassVar[int] = 1

    @property
    def label(self) -> str:
        """What to call it."""
        return f"{self.n_splits} time-series folds"

    @property
    def caveat(self) -> str:
        """What a verdict on such folds cannot know."""
        return (
            f"The verdict rests on {self.n_splits} stretches of time, as a sample of those to come:"
            " where one contender is better for a while and then another, it calls differences that do not last. Scores"
            " on the test rows, which follow one another too, are less sure than their intervals say."
        )

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
        folds = TimeSeriesSplit(self.n_splits).split(y)
        numbers = _numbered((rows for _, rows in folds), self.n_splits, len(y))
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


class HoldOutSpec(ValidationSpec):
    """One validation part, stratified where the target is a class; for data so large that one part tells enough."""

    outlook = "Only more test rows, or K-fold validation, could settle it."
    kind: Literal["hold_out"] = "hold_out"
    n_splits: ClassVar[int] = 1  # there is one part, and it is held out
    validation_rows: int = Field(ge=1, description="how many training rows are held out")
    n_seeds: int = Field(
        3, ge=1, description="how often a net is trained, each time from other initial weights; a baseline is, once"
    )

    @property
    def label(self) -> str:
        """What to call it."""
        return f"{self.validation_rows} rows held out"

    def draw(self, y: Labels, classes: tuple[str, ...], groups: Labels | None = None) -> Numbers:
        """For each row (one repeat), 0 where it is held out and -1 where it is not."""
        from sklearn.model_selection import train_test_split

        self._check(y, classes)
        stratify = y if classes else None
        training, held_out = train_test_split(
            np.arange(len(y)), test_size=self.validation_rows, random_state=self.seed, stratify=stratify
        )
        if missing := absent_class(classes, y[training]):
            raise BakeoffError(
                f"class {missing} has no row left to learn from when {self.label}; lower validation.validation_rows"
            )
        return _numbered([held_out], self.n_splits, len(y))

    def _check(self, y: Labels, classes: tuple[str, ...]) -> None:
        left = len(y) - self.validation_rows
        if left < 1:
            raise BakeoffError(
                f"validation.validation_rows is {self.validation_rows}, but there are {len(y)} training rows;"
                f" choose {len(y) - 1} or fewer, so that rows are left to learn from"
            )
        rarest, count = _rarest(y, classes)
        if count < 2:
            raise BakeoffError(f"{rarest}; it takes 2 or more, one to learn from and one to hold out")
        if min(left, self.validation_rows) < len(classes):
            raise BakeoffError(
                f"validation.validation_rows is {self.validation_rows} of {len(y)} training rows, so one of the two"
                f" parts is too small for a row of each of {len(classes)} classes;"
                f" choose {len(classes)} to {len(y) - len(classes)}"
            )


def _named(value: Any) -> Any:
    """K-fold where no kind is named."""
    return {"kind": "k_fold"} | value if isinstance(value, dict) else value


FoldsSpec = KFoldSpec | GroupKFoldSpec | TimeSeriesSplitSpec  # contenders are compared by their scores on folds
Validation = Annotated[
    Annotated[FoldsSpec | HoldOutSpec, Field(discriminator="kind")],
    BeforeValidator(_named),
]


class Folds(Spec):
    """The folds of an experiment: a file with `held_out`, as `draw` of the validation spec gives it."""

    validation: Validation
    rows: int
    file: StoredFile
    watched: ClassVar[bool] = True  # whether a net's history says how it did on the rows held out after each epoch

    def held_out(self) -> Numbers:
        """For each repeat and row, the number of the fold in which that row is held out, or -1."""
        return load_arrays(self.file)["held_out"].astype(np.int32, copy=False)

    def pairs(self, n_seeds: int = 1) -> Iterator[Parts]:
        """Training rows and validation rows of each fold, repeat by repeat; each `n_seeds` times."""
        return pairs_of(self.validation, self.held_out(), n_seeds)

    def judging(self, fold: int, held_out: Rows) -> Rows:
        """The rows that judge after which epoch the net of a fold was best, if it sets none aside itself.

        With a hold-out they are those held out, as in the book; else there are none.
        """
        return held_out if self.validation.kind == "hold_out" else NO_ROWS


def pairs_of(validation: Validation, held_out: Numbers, n_seeds: int = 1) -> Iterator[Parts]:
    """Training rows and validation rows of each fold that was drawn, repeat by repeat; each `n_seeds` times."""
    for numbers in held_out:
        for fold in range(validation.n_splits):
            training, watched = validation.learned(numbers, fold), np.flatnonzero(numbers == fold)
            for _ in range(n_seeds):
                yield training, watched


def split(arrays: DesignMatrix, validation: Validation) -> Folds:
    """Draws the folds from the training rows.

    Raises:
        BakeoffError: when there are too few rows, too few of one class, or nearly all of one group.
    """
    y = arrays.y("train")
    held_out = validation.draw(y, arrays.classes, arrays.group_numbers("train"))
    check_groups(arrays.groups)
    return Folds(validation=validation, rows=len(y), file=store_arrays(held_out=held_out))


def check_groups(groups: Groups | None) -> None:
    """Check that groups, if there are any, are so many that scores on folds of them say how scores vary.

    Raises:
        BakeoffError: when nearly all rows are of one.
    """
    if groups and groups.effective < FEWEST:
        raise BakeoffError(
            f"nearly all training rows are of one group: the {groups.count} that there are tell as much as"
            f" {groups.effective:.1f} of equal size, and nothing of how scores vary; more rows of others are needed"
        )


def check_scored(
    metric: MetricName, classes: tuple[str, ...], training: Labels, test: Labels, pairs: Iterable[Parts]
) -> None:
    """Check that each part that is scored has what the metric needs: for a ROC curve, rows of each class.

    `training` and `test` are the targets, and `pairs` the folds of the training rows.

    Raises:
        BakeoffError: when a class is missing from a part.
    """
    undefined = METRICS[metric].without_a_class
    if not undefined:
        return
    parts = [(f"held out in fold {number}", training[rows]) for number, (_, rows) in enumerate(pairs, start=1)]
    for part, y in [*parts, ("of the test", test)]:
        if missing := absent_class(classes, y):
            raise BakeoffError(
                f"class {missing} is in no row {part}, which then has no {undefined}; choose another metric, such as"
                " macro_f1 or log_loss"
            )


def absent_class(classes: tuple[str, ...], y: Labels) -> str | None:
    """The first class that no row of `y` has, if there is one."""
    return next((name for number, name in enumerate(classes) if number not in y), None)


def _check_learned(
    validation: ValidationSpec, held_out: Numbers, y: Labels, classes: tuple[str, ...], why: str
) -> None:
    """Check that in each fold each class has rows to learn from."""
    for numbers in held_out:
        for fold in range(int(held_out.max()) + 1):
            if missing := absent_class(classes, y[validation.learned(numbers, fold)]):
                raise BakeoffError(f"class {missing} has no row to learn from for fold {fold + 1}: {why}")


def _rarest(y: Labels, classes: tuple[str, ...]) -> tuple[str, float]:
    """How many training rows the rarest class has, in words and as a number; infinitely many where there is none."""
    if not classes:
        return "", np.inf
    counts = np.bincount(y.astype(np.int64), minlength=len(classes))
    return f"class {classes[int(counts.argmin())]} has {counts.min()} training rows", int(counts.min())


def _numbered(held_out: Iterable[Rows], n_splits: int, rows: int) -> Numbers:
    """For each repeat and row, the number of the fold in which it is held out, or -1, from the rows of each fold."""
    parts = [*held_out]
    numbers = np.full((len(parts) // n_splits, rows), -1, np.int32)
    for number, part in enumerate(parts):
        numbers[number // n_splits, part] = number % n_splits
    return numbers
