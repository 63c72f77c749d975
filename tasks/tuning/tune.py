"""Tune one contender: search for its settings inside each fold, and for those of the model that is kept."""

import logging
from collections.abc import Sequence

from tasks import progress
from tasks.data.splitting import Folds, check_scored
from tasks.data.vectorization import Arrays
from tasks.metrics import METRICS, MetricName
from tasks.models.contenders import Contender
from tasks.models.networks import NetworkSpec
from tasks.models.search import TuningSpec
from tasks.specs import BakeoffError
from tasks.store import store
from tasks.tuning.baselines import search_baseline
from tasks.tuning.budget import Budget
from tasks.tuning.record import Trials, Tuning
from tasks.tuning.searches import Search, searches_of

logger = logging.getLogger(__name__)


def tune(
    name: str,
    contender: Contender,
    tuning: TuningSpec,
    arrays: Arrays,
    folds: Folds,
    metric: MetricName,
    final: bool = True,
) -> Tuning:
    """Searches for the contender's settings on the training rows of each fold, and for a final model once on all rows.

    The rows that a fold holds out have no part in its search, so that its score is honest: what is scored is the method
    that searches, and not one outcome of it (nested cross-validation; Varma & Simon 2006).

    Raises:
        BudgetError: when the budget is too small.
        BakeoffError: when the contender as entered cannot be fitted.
    """
    network, space = isinstance(contender, NetworkSpec), contender.space(arrays.task)
    try:
        score, greater = _score(network, arrays, metric)
        searches = searches_of(list(folds.pairs()), arrays, folds.validation, space, tuning, greater, final)
        if score == metric:
            _check_scored(searches, metric, arrays)
        seed, budget = folds.validation.seed, _budget(tuning, searches, at_once=network)
        if isinstance(contender, NetworkSpec):
            from tasks.tuning.networks import search_network

            fits = search_network(name, contender, arrays, searches, metric, seed, budget, tuning.trials)
        else:
            fits = search_baseline(name, contender, arrays, searches, metric, seed, budget)
        chosen = [_settled(contender, search) for search in searches]
    except BakeoffError as error:
        raise type(error)(f"contender {name}: {error}") from error
    trials = Trials(score=score, greater_is_better=greater, trials=tuple(t for each in searches for t in each.trials))
    logger.info("%s: %d trials in %d searches, %.3g s", name, len(trials.trials), len(searches), budget.seconds)
    return Tuning(
        chosen=tuple(chosen[:-1] if final else chosen),
        final=chosen[-1] if final else None,
        trials=len(trials.trials),
        fits=fits,
        seconds=budget.seconds,
        history=store(".json", lambda path: path.write_text(trials.model_dump_json(), encoding="utf8")),
    )


def _score(network: bool, arrays: Arrays, metric: MetricName) -> tuple[str, bool]:
    """What settings are chosen by, and whether more of it is better."""
    if network:
        progress.load("tasks.training", "TensorFlow")
        from tasks.tuning.networks import by_metric

        if not by_metric(arrays, metric):
            return "loss", False
    return metric, METRICS[metric].greater_is_better


def _budget(tuning: TuningSpec, searches: Sequence[Search], at_once: bool) -> Budget:
    """A budget for searches in turn, each of which takes as long as it has rows to learn from, or for all at once."""
    rows = [float(sum(len(training) for training, _ in search.folds)) for search in searches]
    return Budget(tuning, [sum(rows)] if at_once else rows)


def _check_scored(searches: Sequence[Search], metric: MetricName, arrays: Arrays) -> None:
    """Finds out whether all that a search is scored on has what the score needs."""
    y = arrays.y("train")
    for search in searches:
        try:
            check_scored(metric, arrays.classes, y, y, search.folds)  # whether the test can be scored is known
        except BakeoffError as error:
            raise BakeoffError(f"tuning, inside a fold's training rows: {error}; or lower tuning.n_splits") from error


def _settled(contender: Contender, search: Search) -> Contender:
    """The contender with the best settings of a search; a net learns for its number of epochs, and is not stopped."""
    settled = contender.with_settings(search.best)
    return settled.model_copy(update={"early_stopping": None}) if isinstance(settled, NetworkSpec) else settled
