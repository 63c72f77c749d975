"""The command, in processes of its own, as a person runs it."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import psutil
import pytest
import yaml
from typer.testing import CliRunner

from flows.cli.main import app
from tests.patience import patient

ENTERED = ("dense", "gradient_boosting", "dummy")
QUICK = (
    "validation.n_repeats=1",
    "contenders.dense.epochs=10",
    "contenders.gradient_boosting.params={n_estimators: 20}",
)
WITHOUT_IMPORTS = """
import sys
from flows.cli.main import main
try:
    main()
except SystemExit:
    pass
heavy = {"tensorflow", "mlflow", "prefect", "sklearn", "pandas"} & set(sys.modules)
print("heavy:", *sorted(heavy))
"""


@pytest.fixture(autouse=True)
def _conf(repository: Path, tmp_path: Path, _working_directory: None) -> None:
    """The repository's experiments, in a folder whose mlruns/ is empty."""
    (tmp_path / "conf").symlink_to(repository / "conf")


def bakeoff(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=patient(300),
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def quick_boston(*more: str) -> list[str]:
    """The experiment with few contenders and little work."""
    others = set(yaml.safe_load(Path("conf/boston.yaml").read_text())["contenders"]) - set(ENTERED)
    settings = [*QUICK, *(f"contenders.{name}=null" for name in sorted(others))]
    return ["run", "boston", *(part for setting in settings for part in ("--set", setting)), *more]


def runs_in_mlflow() -> list[tuple[str, str]]:
    with sqlite3.connect("mlruns/mlflow.db") as database:
        return list(database.execute("select name, status from runs order by start_time"))


def test_help_names_the_commands_and_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_IMPORTS, "--help"], capture_output=True, text=True, check=True)
    assert all(command in done.stdout for command in ("run", "book", "claim", "list", "show", "--version"))
    assert done.stdout.splitlines()[-1] == "heavy:"


def test_list_says_a_line_about_each_experiment(repository: Path) -> None:
    lines = CliRunner().invoke(app, ["list"]).stdout.splitlines()
    assert [line.split()[0] for line in lines] == sorted(path.stem for path in (repository / "conf").glob("*.yaml"))
    assert all(len(line.split()) > 5 for line in lines)


def test_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == "bakeoff 0.6.0\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "bostn"], "no experiment 'bostn' in conf/; did you mean boston?"),
        (["run", "other.yaml"], "there is no file other.yaml"),
        (["run", "boston", "--set", "validation.n_split=3"], "n_split is not a known setting; did you mean n_splits?"),
        (["run", "boston", "--set", "validation.n_splits=many"], "validation.n_splits is 'many', but should be"),
        (["run", "boston", "--set", "metric=accuracy"], "metric accuracy does not fit a regression task"),
        (["claim", "bostn"], "did you mean boston?"),
        (["run", "boston", "--set", "contenders.ridge.kind=logistic_regression"], "predicts classes; for numbers"),
        (["run", "boston", "--set", "contenders.dense.kind=conv"], "conv looks for patterns in neighbouring pixels"),
        (["show", "bostn"], "did you mean boston?"),
        (["show", "boston"], "boston has no finished run yet"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    done = CliRunner().invoke(app, arguments)
    error = capfd.readouterr().err
    assert said in error
    assert (len(error.splitlines()), done.exit_code, done.stdout) == (1, 2, "")


@pytest.mark.servers
def test_a_diverging_net_is_one_line_that_names_learning_rate_and_epoch() -> None:
    done = bakeoff(*quick_boston("--set", "contenders.dense.optimizer.learning_rate=1e9"), code=2)
    assert "contender dense: the loss became NaN or infinite at epoch 1, at learning rate 1e+09" in done.stderr
    assert [run for run in runs_in_mlflow() if run[0] == "boston"] == [("boston", "FAILED")]


def test_a_results_folder_without_permission_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns").chmod(0o500)
    if os.access(tmp_path / "mlruns", os.W_OK):  # root may write anywhere, but not where there is no folder
        (tmp_path / "mlruns").rmdir()
        (tmp_path / "mlruns").touch()
    done = bakeoff("run", "boston", code=2)
    assert "mlruns/ cannot be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_debug_shows_the_traceback_and_keeps_the_exit_code(capfd: pytest.CaptureFixture[str]) -> None:
    assert CliRunner().invoke(app, ["run", "bostn", "--debug"]).exit_code == 2
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.servers
def test_json_is_one_document_with_all_that_was_found() -> None:
    done = bakeoff(*quick_boston("--json"))
    report = json.loads(done.stdout)
    assert report["experiment"] == "boston"
    assert report["dataset"]["rows"] == 506
    assert len(report["dataset"]["digest"]) == 16
    for entry in report["contenders"]:
        assert len(entry["scores"]) == 4
        assert {"mean", "std", "interval", "cpu_seconds", "predict_seconds"} <= set(entry)
        assert {"n_fits", "predict_seconds_per_1000_rows", "model_bytes"} <= set(entry)
    assert {(each["first"], each["second"]) for each in report["verdicts"]} == set(combinations(ENTERED, 2))
    for verdict in report["verdicts"]:
        assert {"difference", "interval", "p_value", "p_adjusted", "n_pairs", "decision"} <= set(verdict)
        probabilities = [verdict[name] for name in ("p_first_better", "p_equivalent", "p_second_better")]
        assert sum(probabilities) == pytest.approx(1)
    assert report["headline"]["decision"] in ("first", "equivalent", "second", "undecided")
    assert report["champion"]["test_score"] > 0
    assert report["champion"]["corrected"]["score"] >= min(entry["mean"] for entry in report["contenders"])
    assert len(report["mlflow_run_id"]) == 32
    assert len(report["prefect_flow_run_id"]) == 36
    assert report["seconds"]["contenders"] > 0
    assert json.loads(bakeoff("show", "boston", "--json").stdout) == report


@pytest.mark.servers
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_killed_run_goes_on_where_it_was_and_leaves_nothing_behind(
    jobs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAKEOFF_JOBS", jobs)
    command = [sys.executable, "-m", "flows.cli.main", *quick_boston()]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as killed:
        assert killed.stderr is not None
        finished = {"gradient_boosting, all training rows 1", "dense, all training rows, epoch 10"}
        while finished:
            line = killed.stderr.readline()
            assert line, "it ended before"
            finished.discard(line.partition(" of ")[0])
        children = psutil.Process(killed.pid).children(recursive=True)
        os.kill(killed.pid, signal.SIGKILL)
    psutil.wait_procs(children, timeout=patient(30))
    assert not [child for child in children if child.is_running()]

    again = bakeoff(*quick_boston())
    assert "had been cut off: KILLED in MLflow" in again.stderr
    assert "dense, epoch" not in again.stderr
    assert "gradient_boosting, fold" not in again.stderr
    assert "boston: MAE" in again.stdout
    runs = runs_in_mlflow()
    assert [run for run in runs if run[0] == "boston"] == [("boston", "KILLED"), ("boston", "FINISHED")]
    assert {name for name, status in runs if status == "FINISHED"} == {"boston", *ENTERED}
    assert {status for _, status in runs} == {"KILLED", "FINISHED"}

    once_more = bakeoff(*quick_boston())
    assert "Nothing has changed since that run, so nothing was trained" in once_more.stderr
    assert once_more.stdout == again.stdout
    assert runs_in_mlflow() == runs
