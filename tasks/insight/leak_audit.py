"""How much a score moves when something is fitted before the split: each leak is built here, for an audit alone.

A contender is fitted twice on the same folds with the same seeds: once as it always is, and once with one thing fitted
on all training rows, those held out too. The fold scores of both are compared by the corrected resampled t-test.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import numpy as np
from pydantic import Field

from tasks.data.examples import Problem
from tasks.data.folds.splitting import Folds, FoldsSpec, HoldOutSpec, KFoldSpec, Rows, Validation
from tasks.data.folds.subsets import Subsets, keep_subsets
from tasks.data.vectorization import DesignMatrix, Features
from tasks.evaluation.cross_validation import Evaluation, evaluate
from tasks.fitting import seed_of
from tasks.metrics import MetricName
from tasks.models.baselines.estimators import MANY, without_order
from tasks.models.baselines.pipelines import STEPS, SelectKBestSpec, SklearnSpec
from tasks.models.contenders import Contender
from tasks.specs import BakeoffError, Spec
from tasks.verdict.comparison import FoldPair, Verdict, adjusted, design_of
from tasks.verdict.selection_bias import Corrected

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

S = TypeVar("S", bound=SklearnSpec)
LeakKind = Literal["normalization", "encoding", "vocabulary", "weighting", "selection", "best_epoch"]
LEAKS: Mapping[LeakKind, str] = {
    "normalization": "mean and deviation of all rows",
    "encoding": "imputation and rare levels by all rows",
    "vocabulary": "the vocabulary of all rows",
    "weighting": "weights of words by all rows",
    "selection": "features selected by all rows",
    "best_epoch": "the best epoch by the rows held out",
}
N_SPLITS = 5  # folds that an audit takes where the experiment has a hold-out, on which there is no test for leaks
SET_ASIDE = 0.2  # share of the training rows that finds the best epoch where it is found honestly


class LeakyMatrix(DesignMatrix):
    """Rows of which something is fitted on all that are for training, those held out too."""

    leak: LeakKind

    def prepared_on(self, training: Rows) -> Rows:
        """All rows, where the leak is in how a net prepares features."""
        return self._all_rows() if self.leak in ("normalization", "encoding") else training

    def in_vocabulary_of(self, X: Features, rows: Rows) -> Features:
        """In the vocabulary of all rows, where that is the leak."""
        return super().in_vocabulary_of(X, self._all_rows() if self.leak == "vocabulary" else rows)

    def _all_rows(self) -> Rows:
        return np.arange(len(self.y("train")))


class Suspect(Spec):
    """A contender that is audited for a leak, as it is entered for that."""

    name: str
    contender: Contender
    leak: LeakKind


class Finding(Spec):
    """What a leak does to a contender's mean score; `verdict` is on the leaky way, first, against the honest one."""

    name: str
    leak: LeakKind
    honest: float
    leaky: float
    verdict: Verdict


class ChoiceEffect(Spec):
    """The score of the best of several contenders, and what it is without the choice; `data` is the rows' digest."""

    name: str
    n_contenders: int
    mean: float
    corrected: Corrected
    data: str


class Audit(Spec):
    """All that an audit found."""

    experiment: str
    metric: MetricName
    unit: str
    greater_is_better: bool
    validation: Validation
    findings: tuple[Finding, ...]
    choice: ChoiceEffect | None = Field(None, description="none before the experiment has been run as it is")
    remarks: tuple[str, ...] = Field((), description="which leak is not audited, and why")
    seconds: float = 0.0
    mlflow_run_id: str = ""
    kept: bool = Field(False, description="whether it was answered from an earlier run")


def folds_for(validation: Validation) -> FoldsSpec:
    """Return the experiment's own folds, or, where it has a hold-out, some of the same seed."""
    return KFoldSpec(n_splits=N_SPLITS, seed=validation.seed) if isinstance(validation, HoldOutSpec) else validation


def suspects(contenders: Mapping[str, Contender], arrays: DesignMatrix) -> list[Suspect]:
    """Find where a leak could be: each contender with each thing that is fitted before or beside its model.

    Where no contender selects features of a table, one of the pipelines is entered with a selection of half of them.

    Raises:
        BakeoffError: when there is nothing to audit.
    """
    found = [
        Suspect(name=name, contender=each, leak=leak)
        for name, each in contenders.items()
        for leak in leaks_of(each, arrays)
    ]
    if all(each.leak != "selection" for each in found) and arrays.form == "table" and arrays.width > 1:
        score = "f_regression" if arrays.task == "regression" else "f_classif"
        select = SelectKBestSpec(score_func=score, k=arrays.width // 2)
        pipelines = [
            Suspect(name=name, contender=contender.model_copy(update={"select": select}), leak="selection")
            for name, contender in contenders.items()
            if isinstance(contender, SklearnSpec) and contender.family == "classic"
        ]
        found += pipelines[:1]
    if not found:
        raise BakeoffError("none of these contenders fits anything but its model, so there is nothing to audit")
    return sorted(found, key=lambda each: [*LEAKS].index(each.leak))


def without_impossible(
    suspected: Sequence[Suspect], arrays: DesignMatrix, folds: Folds
) -> tuple[list[Suspect], tuple[str, ...]]:
    """Leave out the leak in the choice of the epoch where a fold cannot set rows aside for it; also says so.

    Raises:
        BakeoffError: when nothing else is suspected.
    """
    others = [each for each in suspected if each.leak != "best_epoch"]
    if len(others) == len(suspected):
        return others, ()
    try:
        epochs_by(arrays, folds, leaky=False)
    except BakeoffError as error:
        remark = f"Not audited is the best epoch by the rows held out: {str(error).rstrip('.')}."
        if others:
            return others, (remark,)
        raise BakeoffError(remark) from error
    return [*suspected], ()


def leaks_of(contender: Contender, arrays: DesignMatrix) -> list[LeakKind]:
    """Return what is fitted before or beside a contender's model."""
    leaks: list[LeakKind] = ["vocabulary"] if arrays.form == "words" else []
    return [*leaks, *contender.preparations(arrays)]


def entered_honestly(suspect: Suspect, arrays: DesignMatrix, folds: Folds) -> tuple[Contender, DesignMatrix, Folds]:
    """Return the contender as it always is; where the leak would be in the choice of the epoch, with rows set aside."""
    if suspect.leak == "best_epoch":
        return _unstopped(suspect), arrays, epochs_by(arrays, folds, leaky=False)
    return suspect.contender, _base(suspect, arrays), folds


def evaluate_leaky(suspect: Suspect, arrays: DesignMatrix, folds: Folds, metric: MetricName) -> tuple[float, ...]:
    """Return the contender's scores on the folds with the leak."""
    contender, leak = suspect.contender, suspect.leak
    if leak == "best_epoch":
        contender, folds = _unstopped(suspect), epochs_by(arrays, folds, leaky=True)
    elif leak in STEPS.values() and isinstance(contender, SklearnSpec):
        arrays = _base(suspect, arrays)
        contender = fitted_before(contender, leak, arrays)
    else:
        arrays = LeakyMatrix(**dict(arrays), leak=leak)
    return evaluate(suspect.name, contender, arrays, folds, metric).scores


def epochs_by(arrays: DesignMatrix, folds: Folds, leaky: bool) -> Subsets:
    """Return the folds, each without some of its training rows, which judge the epochs; if leaky, the rows held out do.

    Either way the nets learn from the same rows in the same order, and differ in the epoch whose weights are kept.

    Raises:
        BakeoffError: when no such share can be set aside.
    """
    labels, groups = arrays.y("train") if arrays.classes else None, arrays.group_numbers("train")
    learned, judging = [], []
    for number, (training, held_out) in enumerate(folds.pairs()):
        seed = seed_of(folds.validation.seed, number)
        try:
            own, aside = folds.validation.set_aside(training, SET_ASIDE, seed, labels, groups)
        except ValueError as error:
            raise BakeoffError(f"a fold has too few rows or groups to set some aside for it: {error}") from error
        learned.append(own)
        judging.append(held_out if leaky else aside)
    return keep_subsets(folds, folds.held_out(), learned, judging, max(map(len, learned)))


def fitted_before(contender: S, leak: LeakKind, arrays: DesignMatrix) -> S:
    """Return the contender with a step of its pipeline, and what stands before that, fitted on all rows for good.

    It is of a class of its own, which no experiment can name.
    """
    kind: Any = type(contender)

    class FittedBefore(kind):  # type: ignore[misc]  # of the contender's own class, whichever it is
        def estimator(self, problem: Problem, seed: int, rows: int = MANY) -> "Pipeline":
            return _with_frozen(super().estimator(problem, seed, rows), leak, arrays)

    return cast(S, FittedBefore.model_validate(contender.model_dump()))


def _with_frozen(model: "Pipeline", leak: LeakKind, arrays: DesignMatrix) -> "Pipeline":
    from sklearn.frozen import FrozenEstimator

    X, y = arrays.training()
    X, _ = without_order(arrays.in_vocabulary_of(X, np.arange(len(y))), arrays)
    for number, (name, step) in enumerate(model.steps):
        fitted: BaseEstimator = step.fit(X, y)
        X, own = fitted.transform(X), STEPS.get(type(step).__name__)
        if own:  # the others, which make rows dense or words binary, fit nothing
            model.steps[number] = (name, FrozenEstimator(fitted))
        if own == leak:
            return model
    raise ValueError(f"no step of {model} is a {leak}")


def weigh_leaks(
    suspected: Sequence[Suspect],
    honest: Sequence[Evaluation],
    leaky: Sequence[Sequence[float]],
    arrays: DesignMatrix,
    validation: FoldsSpec,
    metric: MetricName,
) -> tuple[Finding, ...]:
    """Return what each leak does to the mean score; p is adjusted for the number of leaks looked at (Holm 1979)."""
    design = design_of(validation, arrays.groups)
    pairs = [
        FoldPair("leaky", "honest", np.subtract(theirs, own.scores), design, metric, 0.0)
        for own, theirs in zip(honest, leaky, strict=True)
    ]
    return tuple(
        Finding(
            name=suspect.name,
            leak=suspect.leak,
            honest=float(np.mean(own.scores)),
            leaky=float(np.mean(theirs)),
            verdict=verdict,
        )
        for suspect, own, theirs, verdict in zip(suspected, honest, leaky, adjusted(pairs), strict=True)
    )


def _base(suspect: Suspect, arrays: DesignMatrix) -> DesignMatrix:
    """What both ways are entered on: columns must be the same on all folds if a step keeps what it fitted on all."""
    inside = suspect.leak in ("weighting", "selection")
    return LeakyMatrix(**dict(arrays), leak="vocabulary") if arrays.terms and inside else arrays


def _unstopped(suspect: Suspect) -> Contender:
    """A net whose epochs are judged by rows that are chosen here."""
    return suspect.contender.model_copy(update={"early_stopping": None, "tuning": None})
