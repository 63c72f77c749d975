"""How many rows the folds of an experiment have, and how many of each class."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.data.examples import Raw, count_groups
from tasks.data.problem import Problem
from tasks.data.splitting import Parts, Validation, check_groups, check_scored, pairs_of
from tasks.metrics import MetricName
from tasks.specs import Spec

Span = tuple[int, int]  # the least and the greatest


class ClassInFolds(Spec):
    """Rows of one class: for the test, and in each fold to learn from and held out."""

    label: str
    test: int
    learned: Span
    held_out: Span


class FoldsSeen(Spec):
    """Rows for the test and to learn from, and how the latter are cut."""

    label: str
    test: int
    training: int
    learned: Span
    held_out: Span
    classes: tuple[ClassInFolds, ...] = ()


def draw_pairs(validation: Validation, metric: MetricName, raw: Raw, problem: Problem) -> list[Parts]:
    """For each fold, repeat by repeat, the numbers of the training rows to learn from, and of those held out.

    Raises:
        BakeoffError: when there are too few rows, or too few of one class for the folds or for the metric,
            or nearly all of one group.
    """
    training = ~raw.held_out
    y, groups = raw.y[training], None if raw.groups is None else raw.groups[training]
    pairs = [*pairs_of(validation, validation.draw(y, problem.classes, groups))]
    check_groups(None if groups is None else count_groups(groups))
    check_scored(metric, problem.classes, y, raw.y[raw.held_out], pairs)
    return pairs


def look_at_folds(
    label: str,
    y: NDArray[np.generic],
    for_test: NDArray[np.bool_],
    classes: tuple[str, ...],
    pairs: Sequence[Parts],
) -> FoldsSeen:
    """Counts the rows of all folds.

    Args:
        label: what to call the folds.
        y: (rows,) the targets.
        for_test: (rows,) which are kept for the test.
        classes: their labels, if the target is one.
        pairs: for each fold, the numbers of the training rows to learn from, and of those held out.
    """
    training = y[~for_test]
    of_test = _counts(y[for_test], classes)
    learned = np.array([_counts(training[rows], classes) for rows, _ in pairs])
    held_out = np.array([_counts(training[rows], classes) for _, rows in pairs])
    return FoldsSeen(
        label=label,
        test=int(for_test.sum()),
        training=len(training),
        learned=_span(np.array([len(rows) for rows, _ in pairs])),
        held_out=_span(np.array([len(rows) for _, rows in pairs])),
        classes=tuple(
            ClassInFolds(
                label=label,
                test=int(of_test[number]),
                learned=_span(learned[:, number]),
                held_out=_span(held_out[:, number]),
            )
            for number, label in enumerate(classes)
        ),
    )


def _counts(y: NDArray[np.generic], classes: tuple[str, ...]) -> NDArray[np.intp]:
    """Rows of each class (classes,)."""
    return np.bincount(y.astype(np.int64), minlength=len(classes)) if classes else np.empty(0, np.intp)


def _span(counts: NDArray[np.intp]) -> Span:
    return int(counts.min()), int(counts.max())
