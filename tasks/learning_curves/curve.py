"""Learning curves, each a contender's score against the number of training rows."""

from collections.abc import Sequence

from pydantic import Field

from tasks.comparison import estimate
from tasks.data.splitting import Validation
from tasks.evaluation import Evaluation
from tasks.learning_curves.ground import Ground, ScoredOn
from tasks.learning_curves.rivalry import Rivalry, resampled_scores
from tasks.metrics import MetricName
from tasks.specs import Family, Spec
from tasks.statistics.bootstrap import RESAMPLES, interval_of


class Point(Spec):
    """A contender's score at a size: the mean over folds or subsets, with its interval, and the seconds of a fit."""

    name: str
    family: Family
    size: int
    rows: float = Field(description="rows that are learned from, the mean over folds")
    scores: tuple[float, ...]
    mean: float
    interval: tuple[float, float]
    fit_seconds: float


class LearningCurve(Spec):
    """All that a curve found; `scored_on` says which rows."""

    experiment: str
    metric: MetricName
    unit: str
    greater_is_better: bool
    equivalent_within: float
    validation: Validation
    scored_on: ScoredOn
    sizes: tuple[int, ...]
    points: tuple[Point, ...]
    rivalries: tuple[Rivalry, ...]
    remarks: tuple[str, ...] = Field((), description="which contenders are left out, and why")
    seconds: float = 0.0
    mlflow_run_id: str = ""
    kept: bool = Field(False, description="whether it was answered from an earlier run")


def points_of(at_sizes: Sequence[Sequence[Evaluation]], ground: Ground, metric: MetricName) -> list[Point]:
    """Each contender's score at each size, with its interval, size by size."""
    points = []
    for subsets, evaluations in zip(ground.subsets, at_sizes, strict=True):
        resampled = resampled_scores(evaluations, ground, metric, RESAMPLES) if ground.scored_on != "folds" else None
        for number, each in enumerate(evaluations):
            known = estimate(each.scores, subsets.validation, ground.arrays.groups)
            interval = known.interval if resampled is None else interval_of(resampled[number])
            points.append(
                Point(
                    name=each.name,
                    family=each.contender.family,
                    size=subsets.size,
                    rows=subsets.mean_rows,
                    scores=each.scores,
                    mean=known.mean,
                    interval=interval or (known.mean, known.mean),
                    fit_seconds=each.cost.fit_seconds / each.cost.n_fits,
                )
            )
    return points
