"""The champion's score, corrected for its having been chosen.

The best of many scores is the best partly by luck. The bootstrap bias corrected cross-validation, BBC-CV (Tsamardinos,
Greasidou & Borboudakis 2018, "Bootstrapping the out-of-sample predictions for efficient and accurate
cross-validation", Machine Learning 107), repeats the choice on samples of the rows, and scores what it chose on the
rows that had no part in the choice. Nothing is trained anew.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.data.vectorization import DesignMatrix
from tasks.evaluation.cross_validation import Evaluation
from tasks.metrics import METRICS, Counts, MetricName, scorer
from tasks.specs import Spec
from tasks.statistics import SEED, draw, interval_of
from tasks.store import load_arrays

Floats = NDArray[np.float64]
CHOICES = 1000  # how often the choice is repeated


class Corrected(Spec):
    """The champion's score as it would be had other rows chosen it, in the metric's unit.

    `interval` holds 95 % of the scores on the rows left out of the choices, moved to lie about `score`; these are a
    good third of all, so that it is rather wide.
    """

    score: float
    interval: tuple[float, float]
    optimism: float = Field(description="by how much the champion's own mean score looks better than it is")


def correct_for_choice(evaluations: Sequence[Evaluation], arrays: DesignMatrix, metric: MetricName) -> Corrected:
    """Corrects the best mean score on the rows held out for the choice of the best among the contenders.

    All contenders take part, the floor too. With a hold-out, a net's best epoch was found on the rows held out; that
    choice is not seen here.
    """
    rows = load_arrays(evaluations[0].predictions, "rows")["rows"].astype(np.int64)
    predictions = [
        load_arrays(each.predictions, "out_of_fold")["out_of_fold"].astype(np.float64, copy=False)
        for each in evaluations
    ]
    groups = arrays.group_numbers("train")
    of_rows = None if groups is None else groups[rows]
    return corrected([each.scores for each in evaluations], arrays.y("train")[rows], predictions, metric, of_rows)


def corrected(
    scores: Sequence[Sequence[float]],
    y: NDArray[np.generic],
    predictions: Sequence[Floats],
    metric: MetricName,
    groups: NDArray[np.generic] | None = None,
) -> Corrected:
    """Corrects the best mean of the scores for the choice.

    The optimism is the mean, over samples of the rows, of how much worse the contender that the drawn rows choose is
    than the champion, both scored on the rows not drawn. Where the score is a mean over rows, that is
    in expectation BBC-CV's own correction: the best score on all rows less the mean score of the chosen. But it varies
    less, is 0 where one contender always wins or stands alone, and does not mix in how scores such as ROC AUC change
    when folds are pooled or rows are few.

    Args:
        scores: each contender's on the folds or of its seeds.
        y: the targets (rows,) of the rows held out.
        predictions: for each contender (repeats, rows) or (repeats, rows, classes). A repeat is one of folds or a seed;
            a contender's score on some rows is the mean over its repeats.
        metric: what the scores are.
        groups: the number (rows,) of each row's group, where whole groups are to be drawn.
    """
    sign = METRICS[metric].sign
    gains = [float(sign * np.mean(each)) for each in scores]
    champion = int(np.argmax(gains))
    of_champion, of_chosen = _scores_left_out(champion, y, predictions, metric, groups)
    optimism = float(sign * np.mean(of_champion - of_chosen))
    score = sign * (gains[champion] - optimism)
    low, high = interval_of(of_chosen - of_chosen.mean() + score)
    return Corrected(score=score, interval=(low, high), optimism=optimism)


def _scores_left_out(
    champion: int,
    y: NDArray[np.generic],
    predictions: Sequence[Floats],
    metric: MetricName,
    groups: NDArray[np.generic] | None,
) -> tuple[Floats, Floats]:
    """On the rows left out of each sample (CHOICES,): the scores of the champion, and of the sample's best."""
    score = scorer(y, [repeat for each in predictions for repeat in each], metric)
    starts = np.cumsum([0, *map(len, predictions)])[:-1]
    repeats = np.array([len(each) for each in predictions])
    sign = METRICS[metric].sign

    def means(counts: Counts) -> Floats:
        return np.asarray(np.add.reduceat(score(counts), starts, axis=1) / repeats)

    of_champion, of_chosen = [], []
    for counts in draw(len(y), CHOICES, np.random.default_rng(SEED), groups):
        chosen = np.argmax(sign * means(counts), axis=1)
        left_out = means(_left_out(counts))
        of_champion.append(left_out[:, champion])
        of_chosen.append(left_out[np.arange(len(counts)), chosen])
    return np.concatenate(of_champion), np.concatenate(of_chosen)


def _left_out(counts: Counts) -> Counts:
    """The rows that are in no draw, once each; where that is none, which takes very few rows, all."""
    rest: Counts = (counts == 0).astype(np.int64)
    rest[~rest.any(axis=1)] = 1
    return rest
