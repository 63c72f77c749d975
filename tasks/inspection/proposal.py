"""The experiment that suits data that were looked at: each choice, and why it was made."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tasks.data.datasets import AnyDataset
from tasks.data.own.images import ImagesSpec
from tasks.data.own.series import SeriesSpec
from tasks.data.own.texts import TextFileSpec
from tasks.data.problem import Form
from tasks.data.splitting import GroupKFoldSpec, HoldOutSpec, KFoldSpec, TimeSeriesSplitSpec, Validation
from tasks.inspection.contenders import Entries, Size, for_pictures, for_series, for_table, for_texts
from tasks.inspection.look import Look
from tasks.inspection.overview import TargetSeen, counted
from tasks.metrics import MetricName
from tasks.models.contenders import Contender
from tasks.specs import BakeoffError

N_SPLITS = 5
# Training rows, or rows times features, from which one part of them, held out, tells enough.
LARGE, LARGE_TEXTS, LARGE_VALUES = 50_000, 10_000, 50_000_000
HELD_OUT = 0.2
UNEVEN = 4  # times as many rows as the other class has, from which accuracy says little
# Up to so many training rows, so many repeats: of what takes nets long, and of tables.
REPEATS = (((2_000, 2),), ((500, 10), (2_000, 4), (5_000, 2)))
COSTLY = 1_000_000  # rows times features from which folds are drawn once


@dataclass(frozen=True)
class Proposal:
    """An experiment; `comments` say why, each by the dotted path of the setting that it is about."""

    dataset: AnyDataset
    validation: Validation
    metric: MetricName
    equivalent_within: float
    contenders: Mapping[str, Contender]
    comments: Mapping[str, str]


def propose(look: Look) -> Proposal:
    """The choices that suit what was seen.

    Raises:
        BakeoffError: when a class has too few rows for folds.
    """
    target, problem = look.overview.target, look.problem
    dependent = look.in_time_order or look.raw.groups is not None
    size = Size(problem.task, int((~look.raw.held_out).sum()), problem.shape, len(problem.classes), dependent)
    entries = _entries(look.dataset, size)
    metric, why_metric = choose_metric(target, dependent)
    validation, why_validation = choose_validation(look, size)
    _check_classes(look, validation)
    within, why_within = choose_equivalence(target, metric, size.rows)
    return Proposal(
        dataset=look.dataset,
        validation=validation,
        metric=metric,
        equivalent_within=within,
        contenders={name: entry.contender for name, entry in entries.items()},
        comments={
            **look.comments,
            "validation": why_validation,
            "metric": why_metric,
            "equivalent_within": why_within,
            **{f"contenders.{name}": entry.why for name, entry in entries.items()},
        },
    )


def _entries(dataset: AnyDataset, size: Size) -> Entries:
    if isinstance(dataset, ImagesSpec):
        return for_pictures(size)
    if isinstance(dataset, TextFileSpec):
        return for_texts(size)
    return for_series(size) if isinstance(dataset, SeriesSpec) else for_table(size)


def _check_classes(look: Look, validation: Validation) -> None:
    """A class needs a training row for each fold."""
    classes = look.overview.target.classes
    if not classes or not isinstance(validation, KFoldSpec):
        return
    counts = np.bincount(look.raw.y[~look.raw.held_out].astype(np.int64), minlength=len(classes))
    rarest = int(counts.argmin())
    if counts[rarest] < validation.n_splits:
        raise BakeoffError(
            f"class {classes[rarest].label} has {counted(classes[rarest].rows, 'row')}, {counts[rarest]} to learn from,"
            f" fewer than {validation.n_splits} folds; add rows, put it together with another class, or leave it out"
        )


def choose_metric(target: TargetSeen, dependent: bool) -> tuple[MetricName, str]:
    """The mean absolute error of numbers; accuracy of classes, where no class is so frequent that it is easily had.

    Where rows are `dependent` on each other, a part of them may be without a class, and have no ROC curve.
    """
    if target.task == "regression":
        return "mae", "mean absolute error, in the unit of the target; or rmse, r2"
    counts = sorted(seen.rows for seen in target.classes)
    if counts[-1] < UNEVEN * counts[(len(counts) - 1) // 2]:
        return "accuracy", "the share of rows that get the right class; or log_loss, macro_f1, roc_auc"
    most = f"{counts[-1] / sum(counts):.0%} of the rows are of one class, and accuracy would say little"
    if target.task == "binary" and not dependent:
        return "roc_auc", f"how often a row of the one class is ranked above one of the other: {most}"
    return "macro_f1", f"the mean of each class's F1: {most}"


def choose_equivalence(target: TargetSeen, metric: MetricName, rows: int) -> tuple[float, str]:
    """A hundredth of the target's spread, or one row in a hundred; in two hundred, where there are enough to tell."""
    if target.amounts:
        within = one_digit(target.amounts.std / 100)
        return within, f"a hundredth of the standard deviation, {target.amounts.std:.3g}: say what would matter to you"
    within = 0.005 if rows >= 10_000 else 0.01
    return within, f"a difference in {metric} that would change no decision: say what would matter to you"


def choose_validation(look: Look, size: Size) -> tuple[Validation, str]:
    """Folds, drawn the more often the fewer rows there are; of many rows, one part that is held out.

    Rows that depend on one another stay together, or in order.
    """
    if look.in_time_order:
        blocks = TimeSeriesSplitSpec(kind="time_series_split", n_splits=N_SPLITS, seed=0)
        return blocks, "blocks in order of time, each predicted from those before it"
    repeats = _choose_repeats(look.problem.form, size)
    if look.raw.groups is not None:
        n_groups = len(np.unique(look.raw.groups[~look.raw.held_out]))
        n_splits = max(2, min(N_SPLITS, n_groups))
        n_repeats = repeats if n_groups > n_splits else 1
        together = GroupKFoldSpec(kind="group_k_fold", n_splits=n_splits, n_repeats=n_repeats, seed=0)
        return together, f"folds of whole groups, of which there are {n_groups:,} to learn from"
    if _is_large(look.problem.form, size):
        held_out = HoldOutSpec(kind="hold_out", validation_rows=round(HELD_OUT * size.rows), n_seeds=1, seed=0)
        return held_out, "so many rows that one part of them, held out, tells enough"
    folds = KFoldSpec(kind="k_fold", n_splits=N_SPLITS, n_repeats=repeats, seed=0)
    times = "once" if repeats == 1 else f"{repeats} times"
    return folds, f"each training row is held out {times}; more repeats narrow the intervals"


def _is_large(form: Form, size: Size) -> bool:
    if form == "words":
        return size.rows > LARGE_TEXTS
    return size.rows > LARGE or size.values > LARGE_VALUES


def _choose_repeats(form: Form, size: Size) -> int:
    if form != "words" and size.values > COSTLY:
        return 1
    return next((repeats for rows, repeats in REPEATS[form == "table"] if size.rows <= rows), 1)


def one_digit(value: float) -> float:
    """A positive number to one significant digit."""
    if value <= 0 or not math.isfinite(value):
        return 0.0
    return float(f"{value:.0e}")
