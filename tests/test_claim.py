"""Chapter 1's claim as one flow, and the page on it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest
import yaml
from matplotlib.image import imread
from rich.console import Console

from flows.experiment import Experiment, check, load
from flows.runtime import context
from flows.studies import study
from flows.studies.claim import EXPERIMENTS, OPTIONAL, ClaimStudy, take_part
from tasks.reporting.claim_presentation import Claim, tell_claim
from tasks.specs import BakeoffError
from tasks.tracking.connection import tracking_uri

pytestmark = pytest.mark.servers

TABLE = {
    "dataset": {"kind": "wine"},
    "validation": {"n_splits": 2, "n_repeats": 2},
    "metric": "accuracy",
    "equivalent_within": 0.01,
    "contenders": {
        "net": {"kind": "dense", "units": [8], "epochs": 4},
        "trees": {"kind": "hist_gradient_boosting", "params": {"max_iter": 3}},
        "floor": {"kind": "dummy"},
    },
}
PICTURES = TABLE | {"dataset": {"kind": "digits"}, "validation": {"kind": "hold_out", "validation_rows": 200}}
BROKEN = TABLE | {
    "contenders": TABLE["contenders"] | {"net": {"kind": "dense", "optimizer": {"kind": "sgd", "learning_rate": 1e9}}}
}


@dataclass(frozen=True)
class Run:
    folder: Path
    first: Claim
    again: Claim
    with_broken: Claim


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("claim")
    (folder / "conf").mkdir()
    for name, content in {"wine": TABLE, "digits": PICTURES, "broken": BROKEN}.items():
        (folder / "conf" / f"{name}.yaml").write_text(yaml.safe_dump(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        both = ClaimStudy([*map(load, ["wine", "digits"])])
        first = study.run(both)
        with_broken = study.run(ClaimStudy([*map(load, ["broken", "wine"])]))
        patch.setattr(context, "_orchestrated", lambda *_: pytest.fail("a flow was started"))
        yield Run(folder, first, study.run(both), with_broken)


def test_every_problem_is_a_contest_between_its_best_net_and_its_best_boosting(run: Run) -> None:
    wine, digits = run.first.contests
    assert [(each.problem, each.kind) for each in (wine, digits)] == [("wine", "tables"), ("digits", "perception")]
    assert (wine.net.name, wine.boosting.name, wine.n_pairs) == ("net", "trees", 1)
    assert (wine.net.n_fits, digits.net.n_fits, digits.boosting.n_fits) == (4, 3, 1)
    assert all(each.net.cpu_seconds > 0 and each.boosting.predict_seconds_per_1000_rows > 0 for each in (wine, digits))


def test_a_second_call_is_answered_from_what_was_kept_without_a_flow(run: Run) -> None:
    assert run.again.contests == run.first.contests
    assert run.again.sentence == run.first.sentence


def test_a_problem_that_fails_stops_no_other_and_is_named(run: Run) -> None:
    assert [each.problem for each in run.with_broken.contests] == ["wine"]
    assert "contender net: the loss became NaN or infinite" in run.with_broken.failed["broken"]
    assert any(line.startswith("broken failed: ") for line in tell_claim(run.with_broken).sentences)


def test_the_claim_is_a_run_of_its_own_in_mlflow_that_names_the_run_of_each_problem(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.folder)
    client = mlflow.MlflowClient(tracking_uri())
    experiment = client.get_experiment_by_name("claim")
    *_, first = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"])
    assert first.info.status == "FINISHED"
    assert first.data.tags["mlflow.note.content"] == run.first.sentence
    kept = json.loads(Path(client.download_artifacts(first.info.run_id, "claim.json", str(tmp_path))).read_text())
    for contest in kept["contests"]:
        assert client.get_run(contest["mlflow_run_id"]).data.tags["mlflow.runName"] == contest["problem"]
    assert imread(client.download_artifacts(first.info.run_id, "claim.png", str(tmp_path))).std() > 0


def test_the_table_has_two_lines_for_each_problem_in_80_columns(run: Run) -> None:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(*map(study.rich_table, tell_claim(run.first).tables))
    lines = captured.get().splitlines()
    assert max(len(line) for line in lines) <= 80
    assert sum("net" in line.split() or "trees" in line.split() for line in lines) == 4


def test_the_page_holds_every_problem_the_sentence_and_the_picture(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "docs" / "claim.md"
    page.parent.mkdir()
    study.write_page(tell_claim(run.first), page)
    text = page.read_text()
    assert f"> {run.first.sentence}" in text
    assert "| wine | accuracy | net " in text
    assert imread(tmp_path / "docs" / "images" / "claim.png").std() > 0


def test_california_takes_part_where_its_file_is_there_and_is_named_where_it_is_not(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    experiments = [load(str(repository / "conf" / f"{name}.yaml")) for name in EXPERIMENTS]
    entered, left_out = take_part(experiments, [OPTIONAL])
    assert [each.name for each in entered] == [name for name in EXPERIMENTS if name != OPTIONAL]
    assert "bakeoff data fetch california_housing" in left_out[OPTIONAL]
    assert take_part(experiments, []) == (experiments, {})


def without(name: str) -> Experiment:
    contenders = {key: value for key, value in TABLE["contenders"].items() if key != name}
    return check(TABLE | {"name": "half", "contenders": contenders}, "half")


@pytest.mark.parametrize(("missing", "said"), [("net", "the deep net"), ("trees", "gradient boosting")])
def test_an_experiment_that_cannot_say_anything_is_refused_before_anything_runs(missing: str, said: str) -> None:
    with pytest.raises(BakeoffError, match=f"half says nothing of the claim, as {said} is not entered"):
        take_part([without(missing)], [])


def test_a_problem_counts_once() -> None:
    experiment = check(TABLE | {"name": "wine"}, "wine")
    with pytest.raises(BakeoffError, match="two experiments are called wine"):
        take_part([experiment, experiment], [])
