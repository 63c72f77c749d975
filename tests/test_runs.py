"""What MLflow holds of an experiment, read back through MLflow."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from tasks.data.builtin.numbers import DiabetesSpec, WineSpec
from tasks.data.datasets import ingest
from tasks.data.examples import StoredData
from tasks.data.folds.splitting import Folds, KFoldSpec, split
from tasks.data.vectorization import DesignMatrix, vectorize
from tasks.evaluation.cross_validation import Evaluation, Refit, evaluate, predict, refit, score_on_test
from tasks.models.baselines.boosting import HistGradientBoostingSpec
from tasks.models.contenders import Baseline
from tasks.models.nets.networks import DenseSpec
from tasks.specs import BakeoffError
from tasks.tracking import connection, models, runs
from tasks.tracking.runs import RunRef
from tests.builders import result_of


@dataclass(frozen=True)
class Logged:
    """A contender that has been logged, with what it was logged from."""

    run: RunRef
    evaluation: Evaluation
    refit: Refit
    examples: StoredData
    arrays: DesignMatrix
    folds: Folds


@dataclass(frozen=True)
class World:
    """A folder with one experiment's run: a net and a boosting of diabetes, a boosting of wines."""

    folder: Path
    parent: RunRef
    net: Logged
    trees: Logged
    classes: Logged


def logged(parent: RunRef, spec: DenseSpec | Baseline, dataset: DiabetesSpec | WineSpec) -> Logged:
    examples = ingest(dataset)
    arrays = vectorize(examples)
    folds = split(arrays, KFoldSpec(n_splits=2, n_repeats=2))
    metric = "mae" if examples.task == "regression" else "accuracy"
    evaluation = evaluate(spec.kind, spec, arrays, folds, metric)
    refitted = refit(evaluation, arrays, folds.validation)
    test = score_on_test(refitted, arrays, metric)
    run = runs.log_contender(parent, result_of(evaluation, test, refitted), examples, arrays, metric)
    return Logged(run, evaluation, refitted, examples, arrays, folds)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    boosting = HistGradientBoostingSpec(params={"max_iter": 5})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        parent = runs.open_run("diabetes", "a line", "fingerprint", "flow", {"metric": "mae", "v": {"seed": 1}})
        net = logged(parent, DenseSpec(units=(4,), epochs=3), DiabetesSpec())
        yield World(folder, parent, net, logged(parent, boosting, DiabetesSpec()), logged(parent, boosting, WineSpec()))


@pytest.fixture(autouse=True)
def _where_the_world_is(world: World, monkeypatch: pytest.MonkeyPatch, _working_directory: None) -> None:
    monkeypatch.chdir(world.folder)


def client() -> mlflow.MlflowClient:
    return mlflow.MlflowClient(connection.tracking_uri())


def artifact(run: RunRef, name: str, folder: Path) -> Path:
    return Path(client().download_artifacts(run.run_id, name, str(folder)))


def load_pyfunc(one: Logged) -> mlflow.pyfunc.PyFuncModel:
    model_id = client().get_run(one.run.run_id).outputs.model_outputs[0].model_id
    return mlflow.pyfunc.load_model(client().get_logged_model(model_id).artifact_location)


def test_a_child_is_finished_below_its_parent_and_carries_its_settings(world: World) -> None:
    run = client().get_run(world.net.run.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.parentRunId"] == world.parent.run_id
    assert run.data.params["optimizer.kind"] == "rmsprop"
    assert run.data.params["epochs"] == "3"


def test_fold_scores_are_logged_with_the_fold_as_step(world: World) -> None:
    history = client().get_metric_history(world.trees.run.run_id, "fold_mae")
    assert {metric.step: metric.value for metric in history} == dict(enumerate(world.trees.evaluation.scores))


def test_curves_are_logged_with_the_epoch_as_step_by_kerass_names(world: World) -> None:
    for name in ("loss", "mae", "val_loss", "val_mae"):
        steps = [metric.step for metric in client().get_metric_history(world.net.run.run_id, name)]
        assert sorted(steps) == [1, 2, 3]


def test_the_data_set_is_an_input_with_its_digest(world: World) -> None:
    (used,) = client().get_run(world.net.run.run_id).inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("diabetes", world.net.examples.digest)


def test_out_of_fold_predictions_come_back_as_parquet(world: World, tmp_path: Path) -> None:
    frame = pd.read_parquet(artifact(world.trees.run, "out_of_fold.parquet", tmp_path))
    assert len(frame) == 2 * world.trees.examples.training_rows
    score = (frame.actual - frame.prediction).abs().groupby(frame.repeat).mean().mean()
    assert score == pytest.approx(np.mean(world.trees.evaluation.scores), rel=1e-2)


def test_plots_are_pictures(world: World, tmp_path: Path) -> None:
    for name in ("curves.png", "predictions.png"):
        assert artifact(world.net.run, name, tmp_path).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("which", ["net", "trees"])
def test_a_logged_model_has_signature_and_example_and_predicts_from_raw_features(world: World, which: str) -> None:
    one: Logged = getattr(world, which)
    model = load_pyfunc(one)
    X, _ = one.arrays.test()
    assert model.metadata.signature is not None
    assert model.input_example.shape == (models.EXAMPLE_ROWS, 10)
    mine = predict(one.refit, X, one.arrays)
    rows = pd.DataFrame(X, columns=list(one.examples.features))
    np.testing.assert_allclose(np.ravel(model.predict(rows)), mine, rtol=1e-5)


def test_no_logged_file_is_a_pickle(world: World) -> None:
    names = {path.suffix for path in Path("mlruns/artifacts").rglob("*") if path.is_file()}
    assert {".keras", ".skops"} <= names
    assert not names & {".pkl", ".pickle", ".joblib", ".cloudpickle"}


def test_models_stand_below_the_run_that_made_them_and_are_ready(world: World) -> None:
    found = client().search_logged_models([world.parent.experiment_id])
    assert {model.status for model in found} == {"READY"}
    assert {model.source_run_id for model in found} == {
        each.run.run_id for each in (world.net, world.trees, world.classes)
    }


def test_classes_are_logged_with_a_probability_each(world: World, tmp_path: Path) -> None:
    frame = pd.read_parquet(artifact(world.classes.run, "out_of_fold.parquet", tmp_path))
    probabilities = frame[["p_class_0", "p_class_1", "p_class_2"]]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_the_parent_holds_folds_and_data(world: World, tmp_path: Path) -> None:
    runs.log_data(world.parent, world.net.examples, world.net.folds)
    run = client().get_run(world.parent.run_id)
    assert run.data.params["v.seed"] == "1"
    assert run.inputs.dataset_inputs[0].dataset.digest == world.net.examples.digest
    with np.load(artifact(world.parent, f"folds/{world.net.folds.file.path.name}", tmp_path)) as archive:
        assert archive["held_out"].shape == (2, world.net.examples.training_rows)


def test_thousands_of_columns_are_one_parameter_whatever_they_are_called() -> None:
    few = {'size [m²], "net"': "number", "town": "category"}
    many = {f"x{number}": "number" for number in range(5000)}
    for columns in (few, many):
        dataset = {"kind": "table", "columns": columns}
        run = runs.open_run("wide", "", "fingerprint", "flow", {"dataset": dataset})
        params = client().get_run(run.run_id).data.params
        assert params["dataset.kind"] == "table"
        assert params["dataset.columns"].startswith(
            ", ".join(f"{name}: {kind}" for name, kind in columns.items())[:5000]
        )
    assert params["dataset.columns"].endswith("…")


def test_closing_a_run_closes_the_children_that_are_still_open() -> None:
    parent = runs.open_run("closing", "", "fingerprint", "flow", {})
    child = client().create_run(parent.experiment_id, tags={"mlflow.parentRunId": parent.run_id})
    runs.close_run(parent, "FAILED")
    assert {client().get_run(run).info.status for run in (parent.run_id, child.info.run_id)} == {"FAILED"}


def test_an_experiment_that_was_deleted_says_how_to_bring_it_back() -> None:
    experiment_id = runs.open_run("gone", "", "fingerprint", "flow", {}).experiment_id
    client().delete_experiment(experiment_id)
    with pytest.raises(BakeoffError, match=f"mlflow experiments restore --experiment-id {experiment_id}"):
        runs.open_run("gone", "", "fingerprint", "flow", {})


def test_a_results_folder_that_was_moved_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "before").mkdir()
    monkeypatch.chdir(tmp_path / "before")
    runs.open_run("moving", "", "fingerprint", "flow", {})
    (tmp_path / "before").rename(tmp_path / "after")
    monkeypatch.chdir(tmp_path / "after")
    with pytest.raises(BakeoffError, match=r"mlruns/ was moved here: MLflow would still write to file:.*before"):
        runs.open_run("moving", "", "fingerprint", "flow", {})


def test_a_contender_whose_logging_failed_is_failed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(runs, "write_contender", broken)
    parent, one = runs.open_run("diabetes", "", "f", "flow", {}), world.trees
    result = result_of(one.evaluation, score_on_test(one.refit, one.arrays, "mae"), one.refit)
    with pytest.raises(OSError, match="disk full"):
        runs.log_contender(parent, result, one.examples, one.arrays, "mae")
    (child,) = client().search_runs([parent.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.run_id}'")
    assert child.info.status == "FAILED"


def test_a_report_of_another_version_is_refused_with_what_to_do(world: World, tmp_path: Path) -> None:
    run = runs.open_run("aged", "", "fingerprint", "flow", {})
    (tmp_path / "report.json").write_text('{"experiment": "aged"}', encoding="utf8")
    client().log_artifact(run.run_id, str(tmp_path / "report.json"))
    runs.close_run(run, "FINISHED")
    with pytest.raises(BakeoffError, match=r"another version of bakeoff.*`bakeoff run aged` makes a new one"):
        runs.find_report("aged")
