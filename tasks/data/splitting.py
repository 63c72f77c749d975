"""Folds: the same for all contenders, drawn once from one seed."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from tasks.data.dependence import GroupKFoldSpec, TimeSeriesSplitSpec, check_groups
from tasks.data.validation import Numbers, Parts, ValidationSpec
from tasks.data.validation import Rows as Rows  # for whoever takes them from folds
from tasks.data.vectorization import Arrays, Labels
from tasks.metrics import MetricName
from tasks.specs import BakeoffError, Spec
from tasks.store import StoredFile, load_arrays, store_arrays


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

        self._check(y, classes)
        splitter = RepeatedStratifiedKFold if classes else RepeatedKFold
        folds = splitter(n_splits=self.n_splits, n_repeats=self.n_repeats, random_state=self.seed)
        held_out = np.empty((self.n_repeats, len(y)), np.int32)
        for number, (_, rows) in enumerate(folds.split(np.zeros(len(y)), y)):
            repeat, fold = divmod(number, self.n_splits)
            held_out[repeat, rows] = fold
        return held_out

    def _check(self, y: Labels, classes: tuple[str, ...]) -> None:
        if self.n_splits > len(y):
            raise BakeoffError(
                f"validation.n_splits is {self.n_splits}, but there are {len(y)} training rows;"
                f" choose {len(y)} or fewer"
            )
        if not classes:
            return
        counts = np.bincount(y.astype(np.int64), minlength=len(classes))
        if counts.min() < self.n_splits:
            mend = f"choose {counts.min()} or fewer" if counts.min() > 1 else "a class needs 2 rows or more"
            raise BakeoffError(
                f"class {classes[int(counts.argmin())]} has {counts.min()} training rows, fewer than"
                f" validation.n_splits = {self.n_splits}; {mend}"
            )


class HoldOutSpec(ValidationSpec):
    """One validation part, stratified where the target is a class; for data so large that one part tells enough."""

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
        for number, name in enumerate(classes):
            if number not in y[training]:
                raise BakeoffError(
                    f"class {name} has no row left to learn from when {self.label}; lower validation.validation_rows"
                )
        numbers = np.full((1, len(y)), -1, np.int32)
        numbers[0, held_out] = 0
        return numbers

    def _check(self, y: Labels, classes: tuple[str, ...]) -> None:
        left = len(y) - self.validation_rows
        if left < 1:
            raise BakeoffError(
                f"validation.validation_rows is {self.validation_rows}, but there are {len(y)} training rows;"
                f" choose {len(y) - 1} or fewer, so that rows are left to learn from"
            )
        counts = np.bincount(y.astype(np.int64), minlength=len(classes)) if classes else np.empty(0)
        if classes and counts.min() < 2:
            raise BakeoffError(
                f"class {classes[int(counts.argmin())]} has {counts.min()} training rows; it takes 2 or more, one to"
                " learn from and one to hold out"
            )
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
        return held_out if self.validation.kind == "hold_out" else np.empty(0, np.int64)


def pairs_of(validation: Validation, held_out: Numbers, n_seeds: int = 1) -> Iterator[Parts]:
    """Training rows and validation rows of each fold that was drawn, repeat by repeat; each `n_seeds` times."""
    for numbers in held_out:
        for fold in range(validation.n_splits):
            training, watched = validation.learned(numbers, fold), np.flatnonzero(numbers == fold)
            for _ in range(n_seeds):
                yield training, watched


def split(arrays: Arrays, validation: Validation) -> Folds:
    """Draws the folds from the training rows.

    Raises:
        BakeoffError: when there are too few rows, too few of one class, or nearly all of one group.
    """
    y = arrays.y("train")
    held_out = validation.draw(y, arrays.classes, arrays.group_numbers("train"))
    check_groups(arrays.groups)
    return Folds(validation=validation, rows=len(y), file=store_arrays(held_out=held_out))


def check_scored(
    metric: MetricName, classes: tuple[str, ...], training: Labels, test: Labels, pairs: Iterable[Parts]
) -> None:
    """Finds out whether each part that is scored has what the metric needs: for a ROC curve, rows of each class.

    Args:
        metric: what the scores are.
        classes: their labels, if the target is one.
        training: (rows,) the targets of the training rows.
        test: (test rows,) those of the test rows.
        pairs: for each fold, the numbers of the training rows to learn from, and of those held out.

    Raises:
        BakeoffError: when a class is missing from a part.
    """
    if metric != "roc_auc":
        return
    parts = [(f"held out in fold {number}", training[rows]) for number, (_, rows) in enumerate(pairs, start=1)]
    for part, y in [*parts, ("of the test", test)]:
        missing = [name for number, name in enumerate(classes) if number not in y]
        if missing:
            raise BakeoffError(
                f"class {missing[0]} is in no row {part}, which then has no ROC curve; choose another metric, such as"
                " macro_f1 or log_loss"
            )
