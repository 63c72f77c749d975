"""The experiment that suits data that were looked at: each choice, and why it was made."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.data.files.own_spec import Inspection
from tasks.data.files.presets import Settings, Size
from tasks.data.files.target_column import Target
from tasks.metrics import METRICS, MetricName
from tasks.specs import BakeoffError, counted

N_SPLITS = 5
LARGE_VALUES = 50_000_000  # rows times features from which one part of the rows, held out, tells enough
HELD_OUT = 0.2
UNEVEN = 4  # times as many rows as the other class has, from which accuracy says little
COSTLY = 1_000_000  # rows times features from which folds are drawn once
ABOUT = {
    "dataset.group_column": "of rows with the same value in it, none is learned from while another is held out",
    "dataset.time_column": "what comes later is predicted from what came earlier, by this column",
}


@dataclass(frozen=True)
class Proposal:
    """The settings of an experiment; `comments` say why, each by the dotted path of the setting that it is about."""

    settings: Mapping[str, Any]
    comments: Mapping[str, str]


def propose(seen: Inspection) -> Proposal:
    """Return the choices that suit what was seen.

    Raises:
        BakeoffError: when a class has too few rows for folds.
    """
    target, problem = seen.profile.target, seen.problem
    dependent = seen.dataset.in_time_order or seen.raw.groups is not None
    size = Size(problem.task, int((~seen.raw.held_out).sum()), problem.shape, len(problem.classes), dependent)
    contenders = seen.dataset.contenders(size)
    metric, why_metric = choose_metric(target, dependent)
    validation, why_validation = choose_validation(seen, size)
    within, why_within = choose_equivalence(target, metric, size.rows)
    return Proposal(
        {
            "dataset": seen.dataset.model_dump(mode="json", exclude_unset=True),
            "validation": validation,
            "metric": metric,
            "equivalent_within": within,
            "contenders": {name: settings for name, (settings, _) in contenders.items()},
        },
        {
            **ABOUT,
            **seen.comments,
            "validation": why_validation,
            "metric": why_metric,
            "equivalent_within": why_within,
            **{f"contenders.{name}": why for name, (_, why) in contenders.items()},
        },
    )


def choose_metric(target: Target, dependent: bool) -> tuple[MetricName, str]:
    """Choose the mean absolute error of numbers; accuracy of classes, unless one is so frequent that it is had easily.

    Where rows are `dependent` on each other, a part of them may be without a class, and have no ROC curve.
    """
    if not target.classes:
        return "mae", f"mean absolute error, in the unit of the target; or {_other_than('mae')}"
    counts = sorted(target.counts)
    if counts[-1] < UNEVEN * counts[(len(counts) - 1) // 2]:
        return "accuracy", f"the share of rows that get the right class; or {_other_than('accuracy')}"
    most = f"{counts[-1] / sum(counts):.0%} of the rows are of one class, and accuracy would say little"
    if len(counts) == 2 and not dependent:
        return "roc_auc", f"how often a row of the one class is ranked above one of the other: {most}"
    return "macro_f1", f"the mean of each class's F1: {most}"


def _other_than(name: MetricName) -> str:
    """Name the metrics of the same tasks."""
    same = METRICS[name].classification
    return ", ".join(
        metric.name for metric in METRICS.values() if metric.classification == same and metric.name != name
    )


def choose_equivalence(target: Target, metric: MetricName, rows: int) -> tuple[float, str]:
    """Choose a hundredth of the target's spread, or one row in a hundred; in two hundred, if these are enough."""
    if not target.classes:
        spread = target.spread
        why = f"a hundredth of the standard deviation, {spread:.3g}: say what would matter to you"
        return one_digit(spread / 100), why
    within = 0.005 if rows >= 10_000 else 0.01
    return within, f"a difference in {metric} that would change no decision: say what would matter to you"


def choose_validation(seen: Inspection, size: Size) -> tuple[Settings, str]:
    """Choose folds, drawn the more often the fewer rows there are; of many rows, one part that is held out.

    Rows that depend on one another stay together, or in order.
    """
    if seen.dataset.in_time_order:
        blocks = {"kind": "time_series_split", "seed": 0, "n_splits": N_SPLITS}
        return blocks, "blocks in order of time, each predicted from those before it"
    form, values = type(seen.dataset), 0 if seen.dataset.sparse else size.values
    repeats = next((repeats for rows, repeats in form.repeats if size.rows <= rows), 1) if values <= COSTLY else 1
    if seen.raw.groups is not None:
        n_groups = len(np.unique(seen.raw.groups[~seen.raw.held_out]))
        n_splits = max(2, min(N_SPLITS, n_groups))
        n_repeats = repeats if n_groups > n_splits else 1
        together = {"kind": "group_k_fold", "seed": 0, "n_splits": n_splits, "n_repeats": n_repeats}
        return together, f"folds of whole groups, of which there are {n_groups:,} to learn from"
    if size.rows > form.large or values > LARGE_VALUES:
        held_out = {"kind": "hold_out", "seed": 0, "validation_rows": round(HELD_OUT * size.rows), "n_seeds": 1}
        return held_out, "so many rows that one part of them, held out, tells enough"
    _check_classes(seen)
    folds = {"kind": "k_fold", "seed": 0, "n_splits": N_SPLITS, "n_repeats": repeats}
    times = "once" if repeats == 1 else f"{repeats} times"
    return folds, f"each training row is held out {times}; more repeats narrow the intervals"


def one_digit(value: float) -> float:
    """Return a positive number to one significant digit."""
    return float(f"{value:.0e}") if value > 0 and math.isfinite(value) else 0.0


def _check_classes(seen: Inspection) -> None:
    """A class needs a training row for each fold."""
    target = seen.profile.target
    if not target.classes:
        return
    training = np.bincount(seen.raw.y[~seen.raw.held_out].astype(np.int64), minlength=len(target.classes))
    rarest = int(training.argmin())
    if training[rarest] < N_SPLITS:
        raise BakeoffError(
            f"class {target.classes[rarest]} has {counted(target.counts[rarest], 'row')}, {training[rarest]} to learn"
            f" from, fewer than {N_SPLITS} folds; add rows, put it together with another class, or leave it out"
        )
