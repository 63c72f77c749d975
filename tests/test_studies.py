"""`bakeoff curve` and `bakeoff audit`: what they leave behind, and that it is found again."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest
from matplotlib.image import imread
from mlflow.entities import Run
from rich.console import Console
from typer.testing import CliRunner

from flows import studies
from flows.audit import audit
from flows.cli import app
from flows.curve import curve
from flows.experiment import Experiment, check
from flows.pages import audit as audit_page
from flows.pages import curve as curve_page
from flows.surroundings import orchestrated, prepare
from tasks.leak_audit import Audit
from tasks.learning_curves.curve import LearningCurve
from tasks.reports.leak_audit import say_audit
from tasks.reports.learning_curve import say_curve
from tasks.specs import BakeoffError
from tasks.tracking.connection import tracking_uri

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
        prepare()
        with orchestrated([experiment], fresh=False):
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


def test_the_steps_of_a_curves_metrics_are_rows(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made.folder)
    client, run = logged("curve")
    assert [each.step for each in client.get_metric_history(run.info.run_id, "trees_accuracy")] == SIZES


def test_a_second_call_finds_what_was_kept_without_a_flow(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made.folder)
    monkeypatch.setattr(studies, "orchestrated", lambda *_: pytest.fail("a flow was started"))
    again = studies.run_curve(made.experiment, ["trees", "linear"], SIZES, REPEATS, fresh=False)
    assert again.kept
    assert again.points == made.curve.points
    assert studies.run_audit(made.experiment, [], fresh=False).findings == made.audit.findings
    with pytest.raises(pytest.fail.Exception):
        studies.run_curve(made.experiment, ["trees"], SIZES, REPEATS, fresh=False)


def test_the_tables_fit_80_columns(made: Made) -> None:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(curve_page.curve_table(made.curve))
        console.print(curve_page.rivalry_table(made.curve.rivalries[0], made.curve))
        console.print(audit_page.audit_table(made.audit))
    assert "…" not in captured.get()


def test_the_pages_hold_the_sentences_and_pictures(made: Made, tmp_path: Path) -> None:
    curve_page.write_curve_page(made.curve, tmp_path / "curve.md")
    audit_page.write_audit_page(made.audit, tmp_path / "audit.md")
    for page, said in (("curve", say_curve(made.curve)), ("audit", say_audit(made.audit))):
        text = (tmp_path / f"{page}.md").read_text()
        assert all(f"> {sentence}" in text for sentence in said)
        assert f"(images/wine-{page}.png)" in text
        assert imread(tmp_path / "images" / f"wine-{page}.png").std() > 0


def test_a_contender_that_is_not_entered_is_refused() -> None:
    with pytest.raises(BakeoffError, match="--contender tree: wine has no such contender; did you mean trees"):
        studies.check_names(["tree"], check(WINE, "wine"))


def test_sizes_that_are_no_numbers_are_refused(
    repository: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "conf").symlink_to(repository / "conf")
    result = CliRunner().invoke(app, ["curve", "boston", "--sizes", "500,many"])
    assert result.exit_code == 2
    assert "--sizes 500,many: expected whole numbers" in capfd.readouterr().err
    assert not (tmp_path / "mlruns").exists()
