"""The search for a baseline's settings: one fit after the other."""

from collections.abc import Sequence

import numpy as np

from tasks import progress
from tasks.data.vectorization import Arrays
from tasks.fitting import limited_to, seed_of, threads_for
from tasks.metrics import METRICS, MetricName
from tasks.models.contenders import Baseline
from tasks.specs import BakeoffError
from tasks.tuning.budget import Budget
from tasks.tuning.searches import Search, Settings


def search_baseline(
    name: str,
    contender: Baseline,
    arrays: Arrays,
    searches: Sequence[Search],
    metric: MetricName,
    seed: int,
    budget: Budget,
) -> int:
    """Searches on each fold's training rows in turn, as long as the budget allows. Gives the number of fits.

    Raises:
        BakeoffError: when the contender as entered cannot be fitted.
    """
    X, y = arrays.training()
    fits = 0

    def score(search: Search, settings: Settings) -> float:
        tried, scores = contender.with_settings(settings), []
        for number, (training, held_out) in enumerate(search.folds):
            known = arrays.in_vocabulary_of(X, training)
            fitted = tried.fit(known[training], y[training], arrays, seed_of(seed, number) % 2**31)
            predicted = tried.predict(fitted.model, known[held_out], arrays)
            finite = np.isfinite(predicted).all()
            scores.append(METRICS[metric].score(y[held_out], predicted) if finite else np.nan)
        return float(np.mean(scores))

    with limited_to(threads_for(X.size)):
        for number, search in enumerate(searches):
            while budget.allows(number, len(search.trials)):
                settings = search.ask()
                try:
                    search.tell(settings, score(search, settings))
                except BakeoffError:
                    if not settings:  # as entered, it has to work
                        raise
                    search.tell(settings, np.nan)
                fits += len(search.folds)
                budget.count(number)
            progress.report(f"{name}, search", number + 1, len(searches))
    return fits
