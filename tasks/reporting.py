"""The result of an experiment as one document, and the sentences and tables that people read."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tasks.bootstrap import CONFIDENCE
from tasks.comparison import REPEATS_LIMIT, Estimate, Verdict, estimate
from tasks.data.examples import Examples
from tasks.data.splitting import HoldOutSpec, Validation
from tasks.evaluation import Evaluation
from tasks.metrics import METRICS, MetricName
from tasks.refitting import FinalScore
from tasks.specs import Spec

if TYPE_CHECKING:
    from rich.console import RenderableType

TITLES: Mapping[MetricName, str] = {
    "mae": "MAE",
    "rmse": "RMSE",
    "r2": "R²",
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "macro_f1": "macro F1",
    "roc_auc": "ROC AUC",
}


# The two families of which the experiment is to find out which is better, and what to call them.
FAMILIES = {"network": "the best net", "baseline": "the best baseline"}


class DatasetSummary(Spec):
    """The data that a result rests on."""

    name: str
    task: str
    digest: str
    rows: int
    training_rows: int
    test_rows: int
    features: int
    unit: str


class LeaderboardEntry(Spec):
    """One contender's result.

    `scores` are on the rows held out, one for each fold or seed; `interval` is that of their mean over folds. The
    `test_` ones are on the test rows, one for each model that was fitted on all training rows.
    """

    name: str
    kind: str
    family: Literal["network", "baseline", "floor"]
    scores: tuple[float, ...]
    mean: float
    std: float | None = Field(description="over folds or seeds; none with a single score")
    interval: tuple[float, float] | None = Field(description="none with a hold-out")
    test_scores: tuple[float, ...]
    test_mean: float
    test_interval: tuple[float, float]
    fit_seconds: float
    predict_seconds: float


class Champion(Spec):
    """The contender with the best mean score, fitted on all training rows and scored once on the test rows."""

    name: str
    test_score: float


class Report(Spec):
    """All that an experiment found. `contenders` stand best first."""

    experiment: str
    dataset: DatasetSummary
    validation: Validation
    metric: MetricName
    greater_is_better: bool
    equivalent_within: float
    contenders: tuple[LeaderboardEntry, ...]
    verdicts: tuple[Verdict, ...]
    headline: Verdict | None = Field(None, description="the best net against the best baseline")
    sentence: str
    champion: Champion
    mlflow_run_id: str = ""
    prefect_flow_run_id: str = ""
    seconds: dict[str, float] = Field({}, description="wall seconds of each stage")


def rank(
    evaluations: Sequence[Evaluation], tests: Sequence[FinalScore], metric: MetricName, validation: Validation
) -> tuple[LeaderboardEntry, ...]:
    """The contenders, best mean score on the rows held out first."""
    entries = []
    for each, test in zip(evaluations, tests, strict=True):
        summary: Estimate = estimate(each.scores, validation)
        entries.append(
            LeaderboardEntry(
                name=each.name,
                kind=each.contender.kind,
                family=each.contender.family,
                scores=each.scores,
                test_scores=test.scores,
                test_mean=test.score,
                test_interval=test.interval,
                fit_seconds=each.fit_seconds,
                predict_seconds=each.predict_seconds,
                **summary.model_dump(),
            )
        )
    return tuple(sorted(entries, key=lambda entry: -METRICS[metric].sign * entry.mean))


def summarize(examples: Examples) -> DatasetSummary:
    """What a report says of its data."""
    return DatasetSummary(
        name=examples.name,
        task=examples.task,
        digest=examples.digest,
        rows=examples.training_rows + examples.test_rows,
        training_rows=examples.training_rows,
        test_rows=examples.test_rows,
        features=examples.width,
        unit=examples.unit,
    )


def best_of(entries: Sequence[LeaderboardEntry], family: str) -> LeaderboardEntry | None:
    """The first of a family on the leaderboard."""
    return next((entry for entry in entries if entry.family == family), None)


def headline(entries: Sequence[LeaderboardEntry], verdicts: Sequence[Verdict]) -> Verdict | None:
    """The verdict on the best net against the best baseline; None where one of the two is not entered."""
    pair = {entry.name for family in FAMILIES if (entry := best_of(entries, family))}
    return next((verdict for verdict in verdicts if {verdict.first, verdict.second} == pair), None)


def write_report(
    experiment: str,
    examples: Examples,
    validation: Validation,
    metric: MetricName,
    equivalent_within: float,
    leaderboard: tuple[LeaderboardEntry, ...],
    verdicts: Sequence[Verdict],
) -> Report:
    """The report of an experiment, its headline put into a sentence."""
    decisive = headline(leaderboard, verdicts)
    return Report(
        experiment=experiment,
        dataset=summarize(examples),
        validation=validation,
        metric=metric,
        greater_is_better=METRICS[metric].greater_is_better,
        equivalent_within=equivalent_within,
        contenders=leaderboard,
        verdicts=tuple(verdicts),
        headline=decisive,
        sentence=say(decisive, metric, examples.unit, equivalent_within, validation),
        champion=Champion(name=leaderboard[0].name, test_score=leaderboard[0].test_mean),
    )


def say(
    verdict: Verdict | None, metric: MetricName, unit: str, equivalent_within: float, validation: Validation
) -> str:
    """A verdict as a sentence."""
    if verdict is None:
        return "No verdict: it takes a net and a baseline."
    leader, other = (verdict.first, verdict.second)
    if METRICS[metric].sign * verdict.difference < 0:
        leader, other = other, leader
    evidence = _evidence(verdict, metric, unit)
    if isinstance(validation, HoldOutSpec):
        evidence += " on the test rows"
    if verdict.better:
        return f"{leader} is better than {other}: {evidence}."
    if verdict.decision == "equivalent":
        margin = f"{equivalent_within:g}{_unit(metric, unit)}"
        return (
            f"{leader} and {other} are practically equal: {evidence}; with probability {verdict.p_equivalent:.2f} they"
            f" differ by no more than {margin}."
        )
    return f"Undecided between {leader} and {other}: {evidence}. {_outlook(verdict, validation)}"


def _evidence(verdict: Verdict, metric: MetricName, unit: str) -> str:
    low, high = verdict.interval
    if verdict.difference < 0:
        low, high = -high, -low
    way = "higher" if METRICS[metric].greater_is_better else "lower"
    return (
        f"{TITLES[metric]} {way} by {abs(verdict.difference):.3g}{_unit(metric, unit)}"
        f" ({CONFIDENCE:.0%} interval {low:.3g} to {high:.3g}, p = {verdict.p_value:.2g})"
    )


def _outlook(verdict: Verdict, validation: Validation) -> str:
    if isinstance(validation, HoldOutSpec):
        return "Only more test rows, or K-fold validation, could settle it."
    if verdict.interval[0] == verdict.interval[1]:
        return (
            "The difference is the same on every fold, so nothing is known of how it varies; more repeats would tell."
        )
    if verdict.repeats_needed:
        return f"About {verdict.repeats_needed} repeats in all would settle it."
    return f"No number of repeats up to {REPEATS_LIMIT} would settle it on these rows; only more rows could."


def _unit(metric: MetricName, unit: str) -> str:
    return f" {unit}" if unit and METRICS[metric].in_target_unit else ""


def leaderboard_table(report: Report) -> "RenderableType":
    """The leaderboard for a terminal of 80 columns or more."""
    from rich import box
    from rich.table import Table

    way = "higher" if report.greater_is_better else "lower"
    title = (
        f"{report.experiment}: {TITLES[report.metric]}{_unit(report.metric, report.dataset.unit)} ({way} is better),"
        f" {report.validation.label} of {report.dataset.training_rows}"
    )
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("contender", no_wrap=True)
    held_out = isinstance(report.validation, HoldOutSpec)
    scores = ("validation", "test") if held_out else (TITLES[report.metric],)
    for heading in (*scores, f"{CONFIDENCE:.0%} interval", "fit s", "predict s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in report.contenders:
        means = (entry.mean, entry.test_mean) if held_out else (entry.mean,)
        low, high = entry.interval or entry.test_interval
        times = (f"{entry.fit_seconds:.2f}", f"{entry.predict_seconds:.2f}")
        table.add_row(entry.name, *(f"{mean:.3f}" for mean in means), f"{low:.3f} to {high:.3f}", *times)
    return table


def champion_line(report: Report) -> str:
    """The champion's test score as a sentence."""
    scores = report.contenders[0].test_scores
    seeds = f" ({min(scores):.3f} to {max(scores):.3f} over {len(scores)} seeds)" if len(scores) > 1 else ""
    test = f"{report.champion.test_score:.3f}{_unit(report.metric, report.dataset.unit)}{seeds}"
    return (
        f"Champion: {report.champion.name}, fitted on all {report.dataset.training_rows} training rows;"
        f" test {TITLES[report.metric]} {test} on {report.dataset.test_rows} rows."
    )
