"""How scores vary with the test rows: the paired bootstrap (Efron & Tibshirani 1993, chapters 10 and 13)."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.metrics import MetricName
from tasks.statistics.sample_scores import Counts, scorer

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 0  # the same resamples for every contender, whenever it is looked at
PART = 2_000_000  # counts held at a time, 16 MB


def resample(
    y: NDArray[np.generic],
    predictions: Sequence[Floats],
    metric: MetricName,
    count: int = RESAMPLES,
    groups: NDArray[np.generic] | None = None,
) -> Floats:
    """Each contender's score on the same resamples of the test rows, (contenders, count).

    Args:
        y: the targets (rows,).
        predictions: for each contender, (models, rows) or (models, rows, classes). A contender with several models, of
            different seeds, is scored by their mean; the models are resampled as the rows are, apart from them.
        metric: the score; tasks/statistics/sample_scores.py says what each costs.
        count: how many resamples; fewer are the first of more.
        groups: the number (rows,) of each row's group, where whole groups are to be drawn.
    """
    of_rows, of_models = (np.random.default_rng(seed) for seed in np.random.SeedSequence(SEED).spawn(2))
    score = scorer(y, [model for each in predictions for model in each], metric)
    by_model = np.concatenate([score(counts) for counts in draw(len(y), count, of_rows, groups)])
    ends = np.cumsum([len(each) for each in predictions])[:-1]
    return np.stack([_over_models(own, of_models) for own in np.split(by_model, ends, axis=1)])


def draw(
    rows: int, count: int, generator: np.random.Generator, groups: NDArray[np.generic] | None = None
) -> Iterator[Counts]:
    """Samples of as many rows with replacement: how often each row is in them, (samples, rows), `count` in all.

    Where rows belong to groups (rows,), as many groups are drawn as there are, each with all of its rows (the cluster
    bootstrap: Davison & Hinkley 1997, section 3.8): rows of a group tell less than as many that stand alone. Of one
    group, rows are drawn: that it always comes out the same does not make its score certain.
    """
    own, row_groups = (None, None) if groups is None else np.unique(groups, return_inverse=True)
    if own is not None and len(own) > 1:
        for counts in draw(len(own), count, generator):
            yield counts[:, row_groups]
        return
    part = max(1, PART // rows)
    for start in range(0, count, part):
        samples = min(part, count - start)
        drawn = generator.integers(0, rows, (samples, rows)) + rows * np.arange(samples)[:, None]
        yield np.bincount(drawn.ravel(), minlength=samples * rows).reshape(samples, rows)


def interval_of(scores: Floats) -> tuple[float, float]:
    """The percentiles between which the given share of the resampled scores lies."""
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(scores, [tail, 100 - tail])
    return float(low), float(high)


def _over_models(scores: Floats, generator: np.random.Generator) -> Floats:
    """Of scores (samples, models), the mean (samples,) over as many models drawn with replacement."""
    models = scores.shape[1]
    if models == 1:
        return scores[:, 0]
    drawn = generator.integers(0, models, scores.shape)
    return np.asarray(np.take_along_axis(scores, drawn, axis=1).mean(axis=1))
