"""Every command once, in one folder and on one server, each as a person would use it after the one before."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from prefect.settings import PREFECT_API_URL, PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import accuracy_score
from typer.testing import CliRunner, Result

from flows.cli.main import app
from flows.experiment import load
from flows.runtime import context
from flows.runtime.ephemeral_server import EphemeralServer
from tasks.data.datasets import ingest
from tasks.data.folds.splitting import split
from tasks.data.vectorization import vectorize
from tasks.fitting import seed_of
from tasks.reporting.report import Report
from tests.builders import shadow_our_packages

WINE = {
    "dataset": {"kind": "wine"},
    "validation": {"n_splits": 3, "n_repeats": 1},
    "metric": "accuracy",
    "equivalent_within": 0.02,
    "contenders": {
        "net": {"kind": "dense", "units": [8], "epochs": 12},
        "trees": {"kind": "gradient_boosting", "params": {"n_estimators": 5}},
        "dummy": {"kind": "dummy"},
    },
}
SMALLER = [  # what `init` writes, with less work
    *("--set", "validation.n_splits=3"), *("--set", "validation.n_repeats=1"), *("--set", "contenders.dense.epochs=3"),
    *("--set", "contenders.random_forest=null"), *("--set", "contenders.lightgbm=null"),
    *("--set", "contenders.hist_gradient_boosting.params={max_iter: 5}"),
    *("--set", "contenders.xgboost.params={n_estimators: 5}"),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with an experiment and a user's table, beside files that are called as packages of ours."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "conf").mkdir()
    (folder / "conf" / "wine.yaml").write_text(yaml.safe_dump(WINE))
    shadow_our_packages(folder)
    generator = np.random.default_rng(0)
    shop = pd.DataFrame({"price": generator.normal(50, 9, 90), "town": generator.choice([*"abc"], 90)})
    shop.assign(back=np.where(shop["price"] > 50, "yes", "no")).to_csv(folder / "shop.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with EphemeralServer() as own:
            own.wait_until_ready()
            patch.setenv("PREFECT_API_URL", own.api_url)
            results = {PREFECT_LOCAL_STORAGE_PATH: folder / "mlruns" / "cache" / "results"}
            with temporary_settings({PREFECT_API_URL: own.api_url, **results}):
                yield folder


@pytest.fixture(autouse=True)
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch, _working_directory: None) -> None:
    monkeypatch.chdir(folder)


@pytest.fixture(scope="module")
def wine(folder: Path) -> Report:
    """The report of a run."""
    return Report.model_validate_json(bakeoff("run", "wine", "--json", "--debug").stdout)


def bakeoff(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, [*arguments])
    assert done.exit_code == code, (done.output, done.exception)
    return done


def test_list_names_the_experiments() -> None:
    assert bakeoff("list").stdout.split()[0] == "wine"


def test_a_run_ranks_all_contenders_and_moves_the_champion(wine: Report) -> None:
    assert {entry.name for entry in wine.contenders} == {"net", "trees", "dummy"}
    assert [entry.mean for entry in wine.contenders] == sorted((entry.mean for entry in wine.contenders), reverse=True)
    assert wine.contenders[-1].name == "dummy"
    assert wine.promotion is not None
    assert wine.promotion.moved
    assert (wine.dataset.training_rows, wine.dataset.test_rows) == (142, 36)


def test_scores_are_those_of_scikit_learns_own_trees_on_the_folds_of_the_run(wine: Report) -> None:
    arrays = vectorize(ingest(load("wine").dataset))
    pairs = [*split(arrays, load("wine").validation).pairs()]
    X, y = arrays.training()
    for number, (training, held_out) in enumerate(pairs):
        trees = GradientBoostingClassifier(n_estimators=5, random_state=seed_of(0, number) % 2**31)
        predicted = trees.fit(X[training], y[training]).predict(X[held_out])
        assert wine.entry("trees").scores[number] == accuracy_score(y[held_out], predicted)


def test_the_same_run_again_is_kept_and_a_fresh_one_gives_the_same_scores(wine: Report, folder: Path) -> None:
    again = bakeoff("run", "wine", "--debug")
    assert "net" in again.stdout
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context, "_orchestrated", lambda *_: pytest.fail("a flow was started"))
        assert Report.model_validate_json(bakeoff("run", "wine", "--json", "--debug").stdout) == wine
    fresh = Report.model_validate_json(bakeoff("run", "wine", "--json", "--fresh", "--debug").stdout)
    assert {entry.name: entry.scores for entry in fresh.contenders} == {
        entry.name: entry.scores for entry in wine.contenders
    }
    assert fresh.promotion is not None
    assert not fresh.promotion.moved


def test_show_prints_the_latest_verdict(wine: Report) -> None:
    shown = bakeoff("show", "wine").stdout
    assert "wine: accuracy (higher is better), 1 x 3 folds of 142" in shown
    assert json.loads(bakeoff("show", "wine", "--json").stdout)["champion"]["name"] == wine.champion.name


def test_a_search_is_entered_beside_the_settings_as_they_are() -> None:
    tuned = Report.model_validate_json(
        bakeoff("run", "wine", "--tune", "4", "--set", "contenders.dummy=null", "--json", "--debug").stdout
    )
    assert {entry.tuned_from for entry in tuned.contenders} == {None, "net"}
    assert all(entry.trials == 4 * 4 for entry in tuned.contenders if entry.tuned_from)


def test_a_file_becomes_an_experiment_that_is_checked_run_and_predicted_by(folder: Path) -> None:
    assert "Written to conf/shop.yaml" in bakeoff("init", "shop.csv", "--target", "back").stdout
    assert "bakeoff run" not in bakeoff("check", "shop", "--no-probe").stdout
    report = Report.model_validate_json(bakeoff("run", "shop", *SMALLER, "--json", "--debug").stdout)
    assert report.contenders[-1].mean < report.contenders[0].mean
    bakeoff("predict", "shop", "shop.csv", "-o", "out.csv", "--debug")
    given, out = pd.read_csv("shop.csv"), pd.read_csv("out.csv")
    assert [*out.columns[:3]] == [*given.columns]
    assert np.mean(out["prediction"] == given["back"]) > 0.85
    assert set(out["prediction"]) == {"yes", "no"}
    turned = given[::-1][["back", "town", "price"]]  # neither the order of rows nor that of columns counts
    turned.to_csv("turned.csv", index=False)
    again = bakeoff("predict", "shop", "turned.csv", "-o", "again.csv", "--debug")
    assert again.exit_code == 0
    assert [*pd.read_csv("again.csv")["prediction"]] == [*out["prediction"]][::-1]


@pytest.mark.usefixtures("wine")
def test_a_curve_an_audit_and_an_explanation_say_what_the_result_rests_on() -> None:
    curve = json.loads(bakeoff("curve", "wine", "--sizes", "40,80", "--json", "--debug").stdout)
    assert curve["sizes"] == [40, 80]
    audit = json.loads(bakeoff("audit", "wine", "--json", "--debug").stdout)
    assert {finding["name"] for finding in audit["findings"]} == {"net"}
    explained = json.loads(bakeoff("explain", "wine", "--repeats", "2", "--json", "--debug").stdout)
    assert {contender["name"] for contender in explained["contenders"]} == {"net", "trees", "dummy"}
    effects = {effect["contender"]: 0.0 for effect in explained["effects"]}
    for effect in explained["effects"]:
        effects[effect["contender"]] = max(effects[effect["contender"]], abs(effect["effect"]))
    assert effects["dummy"] == 0
    assert effects["trees"] > 0


@pytest.mark.usefixtures("wine")
def test_a_claim_weighs_the_best_of_both_families() -> None:
    claim = json.loads(bakeoff("claim", "wine", "--json", "--debug").stdout)
    assert [contest["problem"] for contest in claim["contests"]] == ["wine"]
    assert claim["failed"] == {}


@pytest.mark.usefixtures("wine")
def test_the_champion_is_changed_by_hand_and_predicts() -> None:
    assert "version 1" in bakeoff("promote", "wine", "--version", "1").stdout


def test_an_experiment_is_scheduled_shown_and_unscheduled() -> None:
    assert bakeoff("schedule", "wine", "--every", "1h").stdout.startswith("wine: every 1h, first on ")
    assert bakeoff("unschedule", "wine").stdout == "wine is no longer scheduled\n"


def test_status_and_down_say_that_nothing_of_up_runs() -> None:
    assert bakeoff("status", code=1).stdout.count("not running; `bakeoff up` starts it") == 2
    assert bakeoff("down").stdout.startswith("Nothing to end")


def test_data_are_listed_and_shown() -> None:
    assert "wine" in bakeoff("data").stdout
    assert "alcohol" in bakeoff("data", "show", "wine", "--row", "0").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "wyne"], "there is no experiment 'wyne' in conf/; did you mean wine?"),
        (["claim", "wyne"], "there is no experiment 'wyne' in conf/; did you mean wine?"),
        (["show", "wine"], "wine has no finished run yet; `bakeoff run wine` makes one"),
        (["predict", "wine", "rows.csv"], "there is no file rows.csv"),
        (["run", "gone"], "there is no file gone.csv"),
        (["curve", "gone"], "there is no file gone.csv"),
        (["explain", "gone"], "there is no file gone.csv"),
    ],
)
def test_what_is_not_there_is_named_before_anything_is_made(
    arguments: list[str],
    said: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "wine.yaml").write_text(yaml.safe_dump(WINE))
    gone = {"kind": "table", "path": "gone.csv", "target": "y", "task": "regression", "columns": {"x": "number"}}
    experiment = WINE | {"dataset": gone, "metric": "mae"}
    (tmp_path / "conf" / "gone.yaml").write_text(yaml.safe_dump(experiment))
    bakeoff(*arguments, code=2)
    assert said in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["conf"]
