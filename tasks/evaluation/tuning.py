"""Tune one contender: search for its settings inside each fold, and for those of the model that is kept."""

import logging
from collections.abc import Sequence

import numpy as np

from tasks.data.folds.splitting import Folds, HoldOutSpec, Parts, Rows, Validation, check_scored, pairs_of
from tasks.data.vectorization import DesignMatrix
from tasks.fitting import seed_of
from tasks.metrics import METRICS, MetricName
from tasks.models.contenders import Contender
from tasks.models.search import Budget, Search, Space, Trial, TuningSpec
from tasks.parallel import apart
from tasks.specs import BakeoffError, Spec
from tasks.store import StoredFile, store

logger = logging.getLogger(__name__)


class Trials(Spec):
    """All trials of a contender's searches; `score` says what their scores are."""

    score: str
    greater_is_better: bool
    trials: tuple[Trial, ...]


class Tuning(Spec):
    """The settings that were chosen: `chosen` for each fold, `final` for the model that learns from all training rows.

    There is no `final` where no such model is to be kept. `trials` counts those of all searches together, `fits` the
    models that were fitted for them, in so many CPU seconds; `history` is a file with the `Trials`.
    """

    chosen: tuple[Contender, ...]
    final: Contender | None
    trials: int
    fits: int
    seconds: float
    history: StoredFile


def read_trials(tuning: Tuning) -> Trials:
    """Read all that was tried."""
    return Trials.model_validate_json(tuning.history.path.read_text(encoding="utf8"))


def tune(
    name: str,
    contender: Contender,
    tuning: TuningSpec,
    arrays: DesignMatrix,
    folds: Folds,
    metric: MetricName,
    final: bool = True,
) -> Tuning:
    """Search for the contender's settings on the training rows of each fold, and for a final model once on all rows.

    The rows that a fold holds out have no part in its search, so that its score is honest: what is scored is the method
    that searches, and not one outcome of it (nested cross-validation; Varma & Simon 2006).

    Raises:
        BudgetError: when the budget is too small.
        BakeoffError: when the contender as entered cannot be fitted.
    """
    space, score = contender.space(arrays.task), contender.inner_score(arrays.task, metric)
    greater = score != "loss" and METRICS[score].greater_is_better
    try:
        apart(contender.load_library, data_bytes=0, net=contender.is_net)
        searches = searches_of(list(folds.pairs()), arrays, folds.validation, space, tuning, greater, final)
        if score == metric:
            _check_inner_folds(searches, metric, arrays)
        # A search takes as long as it has rows to learn from; those that are made at once are one.
        work = [float(sum(len(training) for training, _ in search.folds)) for search in searches]
        budget = Budget(tuning, [sum(work)] if contender.searches_at_once else work)
        fits, seconds = contender.run_searches(name, arrays, searches, metric, folds.validation.seed, budget)
        chosen: list[Contender] = [contender.with_found_settings(search.best) for search in searches]
    except BakeoffError as error:
        raise type(error)(f"contender {name}: {error}") from error
    tried = tuple(trial for search in searches for trial in search.trials)
    trials = Trials(score=score, greater_is_better=greater, trials=tried)
    logger.info("%s: %d trials in %d searches, %.3g CPU seconds", name, len(tried), len(searches), seconds)
    return Tuning(
        chosen=tuple(chosen[:-1] if final else chosen),
        final=chosen[-1] if final else None,
        trials=len(tried),
        fits=fits,
        seconds=seconds,
        history=store(".json", lambda path: path.write_text(trials.model_dump_json(), encoding="utf8")),
    )


def searches_of(
    pairs: Sequence[Parts],
    arrays: DesignMatrix,
    validation: Validation,
    space: Space,
    tuning: TuningSpec,
    greater: bool,
    final: bool = True,
) -> list[Search]:
    """A search on each fold's training rows, and, if there is to be a final model, one on all rows.

    Raises:
        BakeoffError: when the training rows of a fold cannot be split once more.
    """
    parts = [training for training, _ in pairs] + ([np.arange(len(arrays.y("train")))] if final else [])
    inner = [_inner_folds(rows, arrays, validation, tuning) for rows in parts]
    return [
        Search(number, folds, space, greater, seed_of(validation.seed, number)) for number, folds in enumerate(inner)
    ]


def _inner_folds(rows: Rows, arrays: DesignMatrix, validation: Validation, tuning: TuningSpec) -> list[Parts]:
    """Folds within some rows, of the same kind as the experiment's own."""
    y, groups = arrays.y("train"), arrays.group_numbers("train")
    if isinstance(validation, HoldOutSpec):
        held_out = max(1, round(len(rows) * validation.validation_rows / len(y)))
        inner: Validation = HoldOutSpec(seed=validation.seed, validation_rows=held_out)
    else:
        inner = type(validation)(seed=validation.seed, n_splits=tuning.n_splits)
    try:
        numbers = inner.draw(y[rows], arrays.classes, None if groups is None else groups[rows])
    except BakeoffError as error:
        raise BakeoffError(
            f"tuning: the {len(rows)} training rows of a fold cannot be split into {inner.label} once more; lower"
            f" tuning.n_splits, or leave tuning out: {error}"
        ) from error
    return [(rows[training], rows[held_out]) for training, held_out in pairs_of(inner, numbers)]


def _check_inner_folds(searches: Sequence[Search], metric: MetricName, arrays: DesignMatrix) -> None:
    """Check that all that a search is scored on has what the score needs."""
    y = arrays.y("train")
    for search in searches:
        try:
            check_scored(
                metric, arrays.classes, y, y, search.folds
            )  # the test rows, in whose place y stands, were checked before
        except BakeoffError as error:
            raise BakeoffError(f"tuning, inside a fold's training rows: {error}; or lower tuning.n_splits") from error
