"""`bakeoff curve` and `bakeoff audit`: what they leave behind, and that it is found again."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pytest
from matplotlib.image import imread
from mlflow.entities import Run
from rich.console import Console
from typer.testing import CliRunner

from flows import steps
from flows.cli.main import app
from flows.experiment import Experiment, check
from flows.runtime import context
from flows.runtime.context import ahead
from flows.studies import study
from flows.studies.audit import LeakAudit
from flows.studies.curve import Curve
from tasks.data.datasets import ingest
from tasks.data.examples import StoredData
from tasks.evaluation import tuning
from tasks.insight.leak_audit import Audit, ChoiceEffect
from tasks.insight.learning_curve import LearningCurve
from tasks.models.baselines.classic import LogisticRegressionSpec
from tasks.models.search import Search
from tasks.reporting.audit_presentation import say_audit, tell_audit
from tasks.reporting.curve_presentation import say_curve, tell_curve
from tasks.reporting.wording import Presentation
from tasks.specs import BakeoffError
from tasks.tracking.connection import tracking_uri
from tasks.verdict.selection_bias import Corrected

pytestmark = pytest.mark.servers

SIZES, REPEATS = [20, 40, 66], 2
WINE = {
    "name": "wine",
    "dataset": {"kind": "wine"},
    "validation": {"n_splits": 2, "n_repeats": 3},
    "metric": "accuracy",
    "equivalent_within": 0.01,
    "contenders": {
        "trees": {"kind": "hist_gradient_boosting", "params": {"max_iter": 3}},
        "linear": {"kind": "logistic_regression"},
    },
}


FEW, FOLDS, LINEAR = [20, 40], 2, {"kind": "logistic_regression"}
TUNED = {**LINEAR, "search": {"params.C": {"low": 0.5, "high": 1.0}}, "tuning": {"trials": 2, "n_splits": 2}}
HASTY = {**TUNED, "tuning": {"seconds": 1e-6, "n_splits": 2}}


def wine(name: str, validation: dict[str, Any], **contenders: dict[str, Any]) -> Experiment:
    return check(WINE | {"name": name, "validation": validation, "contenders": contenders}, name)


def curve(experiment: Experiment, sizes: list[int], repeats: int | None) -> LearningCurve:
    """What the flow of a curve gives, whatever was kept."""
    asked = Curve(experiment, [*experiment.contenders], sizes, repeats)
    entered = asked.enter()
    return asked.flow(entered)(**entered.given)


def audit(experiment: Experiment, choice: ChoiceEffect | None) -> Audit:
    """What the flow of an audit gives, whatever was kept."""
    asked = LeakAudit(experiment, [*experiment.contenders])
    entered = asked.enter()
    entered.given["choice"] = choice
    return asked.flow(entered)(**entered.given)


@dataclass(frozen=True)
class Made:
    folder: Path
    experiment: Experiment
    curve: LearningCurve
    audit: Audit


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder, experiment = tmp_path_factory.mktemp("studies"), check(WINE, "wine")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with ahead() as orchestrated, orchestrated(fresh=False):
            yield Made(folder, experiment, curve(experiment, SIZES, REPEATS), audit(experiment, None))


def logged(kind: str) -> tuple[mlflow.MlflowClient, Run]:
    client = mlflow.MlflowClient(tracking_uri())
    (run,) = client.search_runs(
        [client.get_experiment_by_name("wine").experiment_id], f"tags.`bakeoff.kind` = '{kind}'"
    )
    assert run.info.status == "FINISHED"
    return client, run


def test_a_curve_has_every_contender_at_every_size(made: Made) -> None:
    assert [(point.name, point.size) for point in made.curve.points] == [
        (name, size) for size in SIZES for name in ("trees", "linear")
    ]
    assert all(len(point.scores) == 2 * REPEATS for point in made.curve.points)
    assert made.curve.points[-1].mean > 0.8


@pytest.mark.parametrize(("kind", "picture"), [("curve", "learning_curve.png"), ("audit", "audit.png")])
def test_a_study_is_a_run_of_its_own_in_the_experiment(
    kind: str, picture: str, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.folder)
    client, run = logged(kind)
    said = say_curve(made.curve) if kind == "curve" else say_audit(made.audit)
    assert run.data.tags["mlflow.runName"] == f"wine {kind}"
    assert run.data.tags["mlflow.note.content"] == " ".join(said)
    assert imread(client.download_artifacts(run.info.run_id, picture, str(tmp_path))).std() > 0
    table = Path(client.download_artifacts(run.info.run_id, f"{kind}.csv", str(tmp_path))).read_text().splitlines()
    assert len(table) == 1 + (6 if kind == "curve" else 2)


def test_the_choice_is_reported_only_if_it_was_made_on_the_same_data(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.folder)
    digest, again = ingest(made.experiment.dataset).digest, made.experiment.model_copy(update={"name": "again"})
    corrected = Corrected(score=0.9, interval=(0.8, 1.0), optimism=0.01)
    for data in (digest, "other"):
        choice = ChoiceEffect(name="trees", n_contenders=2, mean=0.91, corrected=corrected, data=data)
        found = audit(again, choice)
        assert found.choice == (choice if data == digest else None)
        assert ("Choosing trees" in " ".join(say_audit(found))) == (data == digest)


def test_the_steps_of_a_curves_metrics_are_rows(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made.folder)
    client, run = logged("curve")
    assert [each.step for each in client.get_metric_history(run.info.run_id, "trees_accuracy")] == SIZES


def test_a_second_call_finds_what_was_kept_without_a_flow(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made.folder)
    monkeypatch.setattr(context, "_orchestrated", lambda *_: pytest.fail("a flow was started"))
    again = study.run(Curve(made.experiment, ["trees", "linear"], SIZES, REPEATS))
    assert again.kept
    assert again.points == made.curve.points
    assert study.run(LeakAudit(made.experiment, [])).findings == made.audit.findings
    with pytest.raises(pytest.fail.Exception):
        study.run(Curve(made.experiment, ["trees"], SIZES, REPEATS))


@pytest.mark.parametrize("validation", [{"n_splits": FOLDS}, {"kind": "hold_out", "validation_rows": 30}])
def test_a_tuned_contender_searches_on_what_each_fold_learns_from_and_on_no_other_rows(
    validation: dict[str, Any], made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.folder)
    searched = Counter[int]()

    def noted(*args: Any) -> list[Search]:
        found = searches_of(*args)
        searched.update(len({*training, *held_out}) for each in found for training, held_out in each.folds[:1])
        return found

    searches_of = tuning.searches_of
    monkeypatch.setattr(tuning, "searches_of", noted)
    name = f"tuned-{validation.get('kind', 'folds')}"
    found = curve(wine(name, validation, tuned=TUNED, linear=LINEAR), FEW, 4 if "kind" in validation else None)
    assert searched == dict.fromkeys(FEW, FOLDS)
    assert [(each.name, each.size) for each in found.points] == [
        (each, size) for size in FEW for each in ("tuned", "linear")
    ]


def test_a_contender_whose_budget_is_too_small_for_its_search_is_left_out_of_the_whole_curve(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.folder)
    found = curve(wine("hasty", {"n_splits": FOLDS}, hasty=HASTY, linear=LINEAR), FEW, None)
    assert {each.name for each in found.points} == {"linear"}
    assert found.remarks[0].startswith("hasty is left out: 1e-06 CPU seconds of tuning are too few")
    assert say_curve(found) == [*found.remarks]
    with pytest.raises(BakeoffError, match="hasty is left out"):
        curve(wine("hastiest", {"n_splits": FOLDS}, hasty=HASTY), FEW, None)


def test_a_curve_that_was_cut_off_goes_on_where_it_was(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made.folder)
    experiment, fit = wine("cut", {"n_splits": FOLDS, "seed": 3}, linear=LINEAR), LogisticRegressionSpec.fit
    fitted = Counter[int]()
    allowed = FEW[:1]

    def counted(self: LogisticRegressionSpec, X: Any, *others: Any) -> Any:
        if X.shape[0] not in allowed:
            raise KeyboardInterrupt
        fitted[X.shape[0]] += 1
        return fit(self, X, *others)

    monkeypatch.setattr(LogisticRegressionSpec, "fit", counted)
    with pytest.raises(KeyboardInterrupt):
        curve(experiment, FEW, None)
    assert fitted == {20: FOLDS}
    allowed = FEW
    assert len(curve(experiment, FEW, None).points) == 2
    assert fitted == {20: FOLDS, 40: FOLDS}


def test_the_tables_fit_80_columns(made: Made) -> None:
    console = Console(width=80)
    with console.capture() as captured:
        for table in (*tell_curve(made.curve).tables, *tell_audit(made.audit).tables):
            console.print(study.rich_table(table))
    assert "…" not in captured.get()


def test_the_pages_hold_the_sentences_and_pictures(made: Made, tmp_path: Path) -> None:
    study.write_page(tell_curve(made.curve), tmp_path / "curve.md")
    study.write_page(tell_audit(made.audit), tmp_path / "audit.md")
    for page, said in (("curve", say_curve(made.curve)), ("audit", say_audit(made.audit))):
        text = (tmp_path / f"{page}.md").read_text()
        assert all(f"> {sentence}" in text for sentence in said)
        assert f"(images/wine-{page}.png)" in text
        assert imread(tmp_path / "images" / f"wine-{page}.png").std() > 0


@dataclass(frozen=True)
class Rows(study.Study[StoredData]):
    """The study that CONTRIBUTING.md adds."""

    __module__ = study.__name__  # its code is known by its file, which is in flows/
    experiment: Experiment
    fresh = False
    name = document = kind = "rows"

    def enter(self) -> study.Entered:
        return study.Entered({"experiment": self.experiment})

    def compute(self, experiment: Experiment) -> StoredData:
        return steps.ingest(experiment.dataset)

    def tell(self, found: StoredData) -> Presentation:
        said = f"{found.name} has {found.training_rows} rows."
        return Presentation(tables=[], sentences=[said], summary=said)


def test_a_study_more_is_one_class_that_is_run_logged_and_told(
    made: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(made.folder)
    asked = Rows(made.experiment)
    entered = asked.enter()
    found = asked.flow(entered)(**entered.given)
    study.print_told(asked.tell(found))
    assert capsys.readouterr().out == "wine has 142 rows.\n"
    client, run = logged("rows")
    assert run.data.tags["mlflow.runName"] == "wine rows"
    assert run.data.tags["bakeoff.verdict"] == "wine has 142 rows."
    assert [each.path for each in client.list_artifacts(run.info.run_id)] == ["rows.json"]


def test_a_contender_that_is_not_entered_is_refused() -> None:
    with pytest.raises(BakeoffError, match="--contender tree: wine has no such contender; did you mean trees"):
        study.check_names(["tree"], check(WINE, "wine"))


def test_sizes_that_are_no_numbers_are_refused(
    repository: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "conf").symlink_to(repository / "conf")
    result = CliRunner().invoke(app, ["curve", "boston", "--sizes", "500,many"])
    assert result.exit_code == 2
    assert "--sizes 500,many: expected whole numbers" in capfd.readouterr().err
    assert not (tmp_path / "mlruns").exists()
