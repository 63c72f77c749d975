"""How scores vary with the test rows: the paired bootstrap (Efron & Tibshirani 1993, chapters 10 and 13)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.metrics import METRICS, MetricName

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 0  # the same resamples for every contender, whenever it is looked at


def resample(y: NDArray[np.generic], predictions: Sequence[Floats], metric: MetricName) -> Floats:
    """Each contender's score on the same resamples of the test rows, (contenders, RESAMPLES).

    Args:
        y: the targets (rows,).
        predictions: for each contender, (models, rows) or (models, rows, classes). A contender with several models, of
            different seeds, is scored by their mean; the models are resampled as the rows are, apart from them.
        metric: the score. One that is no mean over rows is computed on each resample, which takes longer.
    """
    of_rows, of_models = (np.random.default_rng(seed) for seed in np.random.SeedSequence(SEED).spawn(2))
    score_rows = METRICS[metric].row_scores
    by_row = [np.stack([score_rows(y, own) for own in each]) for each in predictions] if score_rows else []
    scores = np.empty((len(predictions), RESAMPLES))
    for number in range(RESAMPLES):
        rows = _draw(y, of_rows, metric)
        for contender, models in enumerate(predictions):
            drawn = of_models.integers(0, len(models), len(models)) if len(models) > 1 else [0]
            if score_rows:
                scores[contender, number] = by_row[contender][:, rows].mean(axis=1)[drawn].mean()
            else:
                scores[contender, number] = np.mean([METRICS[metric].score(y[rows], models[k][rows]) for k in drawn])
    return scores


def interval_of(scores: Floats) -> tuple[float, float]:
    """The percentiles between which the given share of the resampled scores lies."""
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(scores, [tail, 100 - tail])
    return float(low), float(high)


def _draw(y: NDArray[np.generic], generator: np.random.Generator, metric: MetricName) -> NDArray[np.int64]:
    """Rows drawn with replacement; for a score that needs all classes, anew until none is missing."""
    classes = len(np.unique(y)) if METRICS[metric].classification and not METRICS[metric].row_scores else 0
    while True:
        rows = generator.integers(0, len(y), len(y))
        if not classes or len(np.unique(y[rows])) == classes:
            return rows
