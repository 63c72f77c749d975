"""The result of an experiment as one document."""

from collections.abc import Sequence

from pydantic import Field

from tasks.data.examples import Groups, StoredData
from tasks.data.folds.splitting import Validation
from tasks.evaluation.cross_validation import Evaluation, Result
from tasks.metrics import METRICS, MetricName
from tasks.reporting.wording import say, say_limits
from tasks.specs import Family, Spec
from tasks.verdict.comparison import Comparison, Estimate, Rules, Verdict, estimate
from tasks.verdict.selection_bias import Corrected


class DatasetSummary(Spec):
    """The data that a result rests on."""

    name: str
    task: str
    form: str
    digest: str
    rows: int
    training_rows: int
    test_rows: int
    features: int
    unit: str


class LeaderboardEntry(Spec):
    """One contender's result, and what it cost.

    `scores` are on the rows held out, one for each fold or seed; `interval` is that of their mean over folds. The
    `test_` ones are on the test rows, one for each model that was fitted on all training rows. Seconds are those of all
    folds together; `model_bytes` is the size of one model on disk.
    """

    name: str
    kind: str
    family: Family
    scores: tuple[float, ...]
    mean: float
    std: float | None = Field(description="over folds or seeds; none with a single score")
    interval: tuple[float, float] | None = Field(description="none with a hold-out")
    test_scores: tuple[float, ...]
    test_mean: float
    test_interval: tuple[float, float]
    cpu_seconds: float
    n_fits: int
    predict_seconds: float
    predict_seconds_per_1000_rows: float
    refit_seconds: float
    model_bytes: int
    trials: int = Field(0, description="settings that were tried, in all searches together; 0 without a search")
    tuning_seconds: float = 0.0
    tuned_from: str | None = Field(None, description="the same contender as entered without a search, if it is")
    warnings: tuple[str, ...] = ()

    @property
    def judged(self) -> tuple[float, tuple[float, float]]:
        """The score that verdicts rest on, and its interval: over folds, or with a hold-out on the test rows."""
        return (self.mean, self.interval) if self.interval else (self.test_mean, self.test_interval)


class Move(Spec):
    """What tuning did to a score, tuned minus untuned, in the metric's unit; of this pair by itself."""

    difference: float
    interval: tuple[float, float]
    p_value: float


class Champion(Spec):
    """The contender with the best mean score, fitted on all training rows and scored once on the test rows."""

    name: str
    test_score: float
    corrected: Corrected = Field(description="its mean score on the rows held out, less what being chosen adds to it")


class Promotion(Spec):
    """What became of a run's best contender as a version of the registered model, and of the alias `champion`."""

    model: str
    version: int
    champion_before: int | None = Field(description="the version that the alias was on; none where none stood")
    champion_after: int
    moved: bool
    sentence: str = Field(description="the evidence")


class Report(Spec):
    """All that an experiment found. `contenders` stand best first, `verdicts` are those of all pairs."""

    experiment: str
    dataset: DatasetSummary
    validation: Validation
    metric: MetricName
    greater_is_better: bool
    equivalent_within: float
    contenders: tuple[LeaderboardEntry, ...]
    verdicts: tuple[Verdict, ...]
    headline: Verdict | None = Field(None, description="the best net against the best gradient boosting")
    sentence: str
    champion: Champion
    remarks: tuple[str, ...] = Field((), description="what to know of contenders that went badly, and of the folds")
    promotion: Promotion | None = Field(None, description="none in a report that is older than the registry")
    mlflow_experiment_id: str = ""
    mlflow_run_id: str = ""
    prefect_flow_run_id: str = ""
    seconds: dict[str, float] = Field({}, description="wall seconds of each stage")

    @property
    def held_out(self) -> bool:
        """Whether verdicts rest on the test rows, and not on folds."""
        return self.validation.kind == "hold_out"

    def move(self, tuned: LeaderboardEntry) -> Move:
        """What tuning did to a contender whose untuned self is entered, too."""
        pair = {tuned.name, tuned.tuned_from}
        verdict = next(each for each in self.verdicts if {each.first, each.second} == pair)
        low, high = verdict.interval
        if verdict.first == tuned.name:
            return Move(difference=verdict.difference, interval=(low, high), p_value=verdict.p_value)
        return Move(difference=-verdict.difference, interval=(-high, -low), p_value=verdict.p_value)

    def entry(self, name: str) -> LeaderboardEntry:
        """The contender of that name."""
        return next(entry for entry in self.contenders if entry.name == name)


def rank(results: Sequence[Result], rules: Rules, groups: Groups | None = None) -> tuple[LeaderboardEntry, ...]:
    """Return the contenders, best mean score on the rows held out first; `groups` are those that training rows make."""
    entries = []
    for result in results:
        evaluation, refit, test = result.evaluation, result.refit, result.test
        summary: Estimate = estimate(evaluation.scores, rules.validation, groups)
        entries.append(
            LeaderboardEntry(
                name=evaluation.name,
                kind=evaluation.contender.kind,
                family=evaluation.contender.family,
                scores=evaluation.scores,
                test_scores=test.scores,
                test_mean=test.score,
                test_interval=test.interval,
                **evaluation.cost.model_dump(exclude={"predicted_rows"}),
                predict_seconds_per_1000_rows=evaluation.cost.predict_seconds_per_1000_rows,
                refit_seconds=refit.cpu_seconds,
                model_bytes=refit.model_bytes,
                trials=evaluation.tuning.trials if evaluation.tuning else 0,
                tuning_seconds=evaluation.tuning.seconds if evaluation.tuning else 0.0,
                tuned_from=_untuned(evaluation, results),
                warnings=tuple(dict.fromkeys([*evaluation.warnings, *refit.warnings])),
                **summary.model_dump(),
            )
        )
    return tuple(sorted(entries, key=lambda entry: -METRICS[rules.metric].sign * entry.mean))


def _untuned(evaluation: Evaluation, results: Sequence[Result]) -> str | None:
    """Return the name of the contender that is the same but for the search, if it is entered too."""
    if evaluation.tuning is None:
        return None
    plain = evaluation.contender.model_copy(update={"tuning": None})
    return next((result.name for result in results if result.evaluation.contender == plain), None)


def best_of(entries: Sequence[LeaderboardEntry], family: Family) -> LeaderboardEntry | None:
    """The first of a family on the leaderboard."""
    return next((entry for entry in entries if entry.family == family), None)


def write_report(
    experiment: str,
    examples: StoredData,
    rules: Rules,
    leaderboard: tuple[LeaderboardEntry, ...],
    comparison: Comparison,
    corrected: Corrected,
) -> Report:
    """Return the report of an experiment, its headline put into a sentence."""
    kept = examples.model_dump(include={"name", "task", "form", "digest", "training_rows", "test_rows", "unit"})
    rows = examples.training_rows + examples.test_rows
    return Report(
        experiment=experiment,
        dataset=DatasetSummary(**kept, rows=rows, features=examples.width),
        validation=rules.validation,
        metric=rules.metric,
        greater_is_better=METRICS[rules.metric].greater_is_better,
        equivalent_within=rules.equivalent_within,
        contenders=leaderboard,
        verdicts=comparison.verdicts,
        headline=comparison.headline,
        sentence=say(comparison.headline, rules),
        champion=Champion(name=leaderboard[0].name, test_score=leaderboard[0].test_mean, corrected=corrected),
        remarks=(*remarks(leaderboard, rules.metric), *say_limits(rules.validation, examples.groups)),
    )


def remarks(entries: Sequence[LeaderboardEntry], metric: MetricName) -> list[str]:
    """Which contenders learned no more than the floor, and what the libraries warned of."""
    sign, floor = METRICS[metric].sign, best_of(entries, "floor")
    learners = [entry for entry in entries if entry.family != "floor"]
    collapsed = [
        entry.name
        for entry in learners
        if floor and min(sign * (entry.mean - floor.mean), sign * (entry.test_mean - floor.test_mean)) <= 0
    ]
    name = floor.name if floor else ""
    found = [
        f"{each} has learned nothing: it scores no better than {name}. Look at its settings." for each in collapsed
    ]
    if len(collapsed) == len(learners) > 1:
        found = [
            f"No contender has learned anything: none scores better than {name}. Either the data tell nothing of the"
            " target, or they are not read as you mean them: look at what `bakeoff check` says of them."
        ]
    return found + [f"{entry.name}: {warning}" for entry in entries for warning in entry.warnings]
