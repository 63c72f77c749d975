"""The result of an experiment as one document, and the sentences and tables that people read."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tasks.comparison import CONFIDENCE, REPEATS_LIMIT, Estimate, Verdict, estimate
from tasks.data.datasets import Table
from tasks.data.splitting import KFoldSpec
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
    """One contender's result."""

    name: str
    kind: str
    family: Literal["network", "baseline", "floor"]
    scores: tuple[float, ...]
    mean: float
    std: float
    interval: tuple[float, float]
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
    validation: KFoldSpec
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


def rank(evaluations: Sequence[Evaluation], metric: MetricName, n_splits: int) -> tuple[LeaderboardEntry, ...]:
    """The contenders, best mean score first."""
    entries = []
    for each in evaluations:
        summary: Estimate = estimate(each.scores, n_splits)
        entries.append(
            LeaderboardEntry(
                name=each.name,
                kind=each.contender.kind,
                family=each.contender.family,
                scores=each.scores,
                fit_seconds=each.fit_seconds,
                predict_seconds=each.predict_seconds,
                **summary.model_dump(),
            )
        )
    return tuple(sorted(entries, key=lambda entry: -METRICS[metric].sign * entry.mean))


def summarize(table: Table) -> DatasetSummary:
    """What a report says of its data."""
    return DatasetSummary(
        name=table.name,
        task=table.task,
        digest=table.digest,
        rows=table.training_rows + table.test_rows,
        training_rows=table.training_rows,
        test_rows=table.test_rows,
        features=len(table.features),
        unit=table.unit,
    )


def headline(entries: Sequence[LeaderboardEntry], verdicts: Sequence[Verdict]) -> Verdict | None:
    """The verdict on the best net against the best baseline; None where one of the two is not entered."""
    best = {entry.family: entry.name for entry in reversed(entries)}
    pair = {best.get("network"), best.get("baseline")}
    return next((verdict for verdict in verdicts if {verdict.first, verdict.second} == pair), None)


def write_report(
    experiment: str,
    table: Table,
    validation: KFoldSpec,
    metric: MetricName,
    equivalent_within: float,
    leaderboard: tuple[LeaderboardEntry, ...],
    verdicts: Sequence[Verdict],
    test: FinalScore,
) -> Report:
    """The report of an experiment, its headline put into a sentence."""
    decisive = headline(leaderboard, verdicts)
    return Report(
        experiment=experiment,
        dataset=summarize(table),
        validation=validation,
        metric=metric,
        greater_is_better=METRICS[metric].greater_is_better,
        equivalent_within=equivalent_within,
        contenders=leaderboard,
        verdicts=tuple(verdicts),
        headline=decisive,
        sentence=say(decisive, metric, table.unit, equivalent_within),
        champion=Champion(name=test.name, test_score=test.score),
    )


def say(verdict: Verdict | None, metric: MetricName, unit: str, equivalent_within: float) -> str:
    """A verdict as a sentence."""
    if verdict is None:
        return "No verdict: it takes a net and a baseline."
    leader, other = (verdict.first, verdict.second)
    if METRICS[metric].sign * verdict.difference < 0:
        leader, other = other, leader
    evidence = _evidence(verdict, metric, unit)
    if verdict.better:
        return f"{leader} is better than {other}: {evidence}."
    if verdict.decision == "equivalent":
        margin = f"{equivalent_within:g}{_unit(metric, unit)}"
        return (
            f"{leader} and {other} are practically equal: {evidence}; with probability {verdict.p_equivalent:.2f} they"
            f" differ by no more than {margin}."
        )
    return f"Undecided between {leader} and {other}: {evidence}. {_outlook(verdict)}"


def _evidence(verdict: Verdict, metric: MetricName, unit: str) -> str:
    low, high = verdict.interval
    if verdict.difference < 0:
        low, high = -high, -low
    way = "higher" if METRICS[metric].greater_is_better else "lower"
    return (
        f"{TITLES[metric]} {way} by {abs(verdict.difference):.3g}{_unit(metric, unit)}"
        f" ({CONFIDENCE:.0%} interval {low:.3g} to {high:.3g}, p = {verdict.p_value:.2g})"
    )


def _outlook(verdict: Verdict) -> str:
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
    from rich.table import Table as RichTable

    way = "higher" if report.greater_is_better else "lower"
    title = (
        f"{report.experiment}: {TITLES[report.metric]}{_unit(report.metric, report.dataset.unit)} ({way} is better),"
        f" {report.validation.n_repeats} x {report.validation.n_splits} folds of {report.dataset.training_rows} rows"
    )
    table = RichTable(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("contender", no_wrap=True)
    for heading in (TITLES[report.metric], f"{CONFIDENCE:.0%} interval", "fit s", "predict s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in report.contenders:
        low, high = entry.interval
        interval = f"{low:.3f} to {high:.3f}"
        times = (f"{entry.fit_seconds:.2f}", f"{entry.predict_seconds:.2f}")
        table.add_row(entry.name, f"{entry.mean:.3f}", interval, *times)
    return table


def champion_line(report: Report) -> str:
    """The champion's test score as a sentence."""
    unit = _unit(report.metric, report.dataset.unit)
    return (
        f"Champion: {report.champion.name}, fitted on all {report.dataset.training_rows} training rows;"
        f" test {TITLES[report.metric]} {report.champion.test_score:.3f}{unit} on {report.dataset.test_rows} rows."
    )
