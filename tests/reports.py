"""Reports as if experiments had been run."""

from collections.abc import Mapping, Sequence

from tasks.data.examples import StoredData
from tasks.data.folds.splitting import KFoldSpec, Validation
from tasks.evaluation.cross_validation import Refit
from tasks.metrics import MetricName
from tasks.models.baselines.boosting import GradientBoostingSpec
from tasks.models.baselines.classic import DummySpec, RidgeSpec
from tasks.models.contenders import Contender
from tasks.models.nets.networks import DenseSpec
from tasks.reporting.report import Report, rank, write_report
from tasks.store import store
from tasks.verdict.comparison import Comparison, Rules, Verdict
from tasks.verdict.selection_bias import Corrected
from tests.builders import NO_FILE, evaluation_of, final_of, result_of

HOUSES = StoredData(
    name="boston",
    task="regression",
    form="table",
    shape=(2,),
    unit="$1000s",
    features=("a", "b"),
    classes=(),
    brightest=0,
    digest="d",
    training_rows=404,
    test_rows=102,
    file=NO_FILE,
)


def refit_of(name: str, contender: Contender | None = None, cpu_seconds: float = 0.5) -> Refit:
    """A refit as if it had been made, with a file of 5 bytes for a model."""
    model = store(".txt", lambda path: path.write_bytes(b"model"))
    return Refit(name=name, contender=contender or DummySpec(), models=(model,), cpu_seconds=cpu_seconds)


# What a contender of this name is, where nothing else is said.
CONTENDERS: dict[str, Contender] = {
    "net": DenseSpec(),
    "deep": DenseSpec(),
    "trees": GradientBoostingSpec(),
    "old": RidgeSpec(),
    "floor": DummySpec(),
}


def report_of(
    scores: Mapping[str, Sequence[float]],
    metric: MetricName = "mae",
    validation: Validation | None = None,
    verdicts: Sequence[Verdict] = (),
    headline: Verdict | None = None,
) -> Report:
    """A report on contenders of these names with these scores, and the verdicts given."""
    rules = Rules(
        validation=validation or KFoldSpec(n_splits=2), metric=metric, unit=HOUSES.unit, equivalent_within=0.1
    )
    board = rank(
        [
            result_of(
                evaluation_of(name, own, CONTENDERS[name]),
                final_of(name, own if rules.validation.kind == "hold_out" else [2.5]),
                refit_of(name),
            )
            for name, own in scores.items()
        ],
        rules,
    )
    comparison = Comparison(verdicts=tuple(verdicts), headline=headline)
    corrected = Corrected(score=board[0].mean, interval=(board[0].mean - 1, board[0].mean + 1), optimism=0.0)
    return write_report("boston", HOUSES, rules, board, comparison, corrected)
