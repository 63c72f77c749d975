"""The part of a run that registers its best contender and has it challenge the champion, on a real Prefect server."""

import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.concurrency.sync import concurrency
from prefect.settings import PREFECT_API_URL, PREFECT_LOCAL_STORAGE_PATH, temporary_settings

from flows import launch, promotion, steps
from flows.experiment import Experiment, check
from flows.promotion import Found, Ruling
from flows.runtime.ephemeral_server import EphemeralServer
from tasks import progress
from tasks.data.datasets import ingest
from tasks.data.folds.splitting import split
from tasks.data.vectorization import vectorize
from tasks.evaluation.cross_validation import evaluate, refit, score_on_test
from tasks.models.nets.networks import ConvSpec
from tasks.reporting.leaderboard import champion_lines
from tasks.reporting.report import Promotion, Report, rank
from tasks.reporting.wording import say_promotion
from tasks.tracking import registry
from tasks.tracking.registry import Candidate, Version
from tests.builders import result_of
from tests.patience import patient
from tests.registered import client, logged_run
from tests.reports import report_of

FOLDS = {"kind": "k_fold", "n_splits": 4, "n_repeats": 2}
HELD_OUT = {"kind": "hold_out", "validation_rows": 100}
DUMMY, RIDGE, TREE = {"kind": "dummy"}, {"kind": "ridge"}, {"kind": "decision_tree"}


STEPS = ("challenge", "evaluate", "find_champion", "refit", "register", "score_on_test", "update_champion_alias")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an mlruns/ for all tests."""
    return tmp_path_factory.mktemp("promotion")


@pytest.fixture(scope="module")
def api_url(folder: Path) -> Iterator[str]:
    """The address of a Prefect server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with EphemeralServer() as own:
            own.wait_until_ready()
            yield own.api_url


@dataclass(frozen=True)
class Series:
    """Runs of one experiment with one registered model, of which others know nothing."""

    name: str

    def experiment(self, contenders: dict[str, Any], **settings: Any) -> Experiment:
        content = {
            "name": self.name,
            "dataset": {"kind": "diabetes"},
            "validation": FOLDS,
            "metric": "mae",
            "equivalent_within": 0.5,
            "contenders": contenders,
        }
        return check(content | settings, "test")

    def promoted(self, contenders: dict[str, Any], **settings: Any) -> Promotion:
        """What becomes of the best of these contenders, as a run has found it."""
        experiment = self.experiment(contenders, **settings)
        examples = ingest(experiment.dataset)
        arrays = vectorize(examples)
        folds, rules, results = split(arrays, experiment.validation), experiment.rules(examples.unit), []
        for name, contender in experiment.contenders.items():
            evaluation = evaluate(name, contender, arrays, folds, rules.metric)
            fitted = refit(evaluation, arrays, rules.validation)
            results.append(result_of(evaluation, score_on_test(fitted, arrays, rules.metric), fitted))
        best, run = rank(results, rules)[0], logged_run(self.name)
        return promotion.promote(experiment, Found(examples, arrays, folds, rules, results, best, run))

    def champion(self) -> int:
        """The version that has the alias; there is no other alias."""
        (version,) = client().get_registered_model(self.name).aliases.values()
        return int(version)


@pytest.fixture
def orchestrated(folder: Path, api_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Series]:
    """A series whose runs are flow runs on a Prefect server."""
    monkeypatch.chdir(folder)
    with temporary_settings({PREFECT_API_URL: api_url, PREFECT_LOCAL_STORAGE_PATH: str(folder / "results")}):
        yield new_series()


@pytest.fixture
def series(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Series:
    """A series whose steps are called as plain functions: what becomes of the alias is no matter of Prefect's."""
    monkeypatch.chdir(folder)
    for name in STEPS:
        monkeypatch.setattr(steps, name, getattr(steps, name).fn)
    monkeypatch.setattr(promotion, "_alone", nullcontext)
    return new_series()


def new_series() -> Series:
    return Series(f"patients{len(client().search_registered_models())}")


def within_a_flow(function: Callable[[], Any]) -> Any:
    return flow(name="promoting", persist_result=False)(lambda: function())()  # Prefect takes no partial


def ridges(*alphas: float) -> dict[str, Any]:
    return {f"ridge{number}": RIDGE | {"params": {"alpha": alpha}} for number, alpha in enumerate(alphas)}


def heard_during(function: Callable[[], Any]) -> tuple[Any, set[str]]:
    """What a function gives, and the steps whose progress was reported meanwhile."""
    heard: set[str] = set()
    with progress.listening(lambda what, done, total: heard.add(what)):
        return function(), heard


def test_the_first_becomes_champion_since_none_stands(series: Series) -> None:
    done = series.promoted({"ridge": RIDGE, "dummy": DUMMY})
    assert (done.version, done.champion_before, done.champion_after, done.moved) == (1, None, 1, True)
    assert done.sentence == f"Registered as {series.name} version 1; the alias champion went to it. None stood."
    assert series.champion() == 1


@pytest.mark.parametrize("validation", [FOLDS, HELD_OUT], ids=["k_fold", "hold_out"])
def test_equal_contenders_do_not_replace_the_champion_run_after_run(
    series: Series, validation: dict[str, object]
) -> None:
    series.promoted(ridges(1.0), validation=validation)
    for version in (2, 3):
        done = series.promoted(ridges(1 - version / 50, 1 + version / 50), validation=validation)
        assert (done.version, done.champion_before, done.champion_after, done.moved) == (version, 1, 1, False)
    assert series.champion() == 1


@pytest.mark.parametrize("validation", [FOLDS, HELD_OUT], ids=["k_fold", "hold_out"])
def test_a_clearly_better_contender_replaces_the_champion(series: Series, validation: dict[str, object]) -> None:
    series.promoted({"dummy": DUMMY}, validation=validation)
    done = series.promoted({"tree": TREE, "ridge": RIDGE}, validation=validation)
    assert (done.version, done.champion_before, done.champion_after, done.moved) == (2, 1, 2, True)
    assert (
        "moved to it from version 1. this run's ridge is better than version 1 (dummy): MAE lower by" in done.sentence
    )
    assert ("adjusted for 2 pairs" in done.sentence) == (validation is FOLDS)
    assert series.champion() == 2


def test_a_worse_contender_does_not_replace_the_champion(series: Series) -> None:
    series.promoted({"ridge": RIDGE})
    done = series.promoted({"dummy": DUMMY})
    assert not done.moved
    assert "stayed with version 1. version 1 (ridge) is better than this run's dummy: MAE" in done.sentence


def test_a_champion_that_is_in_the_run_is_judged_by_what_the_run_found_of_it(series: Series) -> None:
    series.promoted({"dummy": DUMMY})
    done, heard = heard_during(lambda: series.promoted({"ridge": RIDGE, "floor": DUMMY}))
    assert done.moved
    assert not [what for what in heard if what.startswith("the champion")]


def test_the_champion_is_fitted_on_the_folds_of_the_run(series: Series) -> None:
    series.promoted({"dummy": DUMMY})
    done, heard = heard_during(lambda: series.promoted({"ridge": RIDGE}, validation=FOLDS | {"seed": 1}))
    assert done.moved
    assert "the champion: dummy, fold" in heard


def test_a_run_that_changes_nothing_registers_nothing_and_moves_nothing(series: Series) -> None:
    for moved in (True, False):
        done = series.promoted({"ridge": RIDGE})
        assert (done.version, done.moved) == (1, moved)
    assert done.sentence.endswith("stayed with version 1. Nothing that counts has changed since it was registered.")


@pytest.mark.parametrize(
    ("contenders", "settings", "why"),
    [
        ({"ridge": RIDGE}, {"validation": FOLDS | {"seed": 1}}, "is the same method, on other data, folds or code"),
        ({"dummy": DUMMY}, {"metric": "rmse"}, "was chosen by mae, and this run's metric is rmse"),
    ],
    ids=["same method", "other metric"],
)
def test_what_cannot_be_compared_stays_with_the_reason_and_what_to_do(
    series: Series, contenders: dict[str, Any], settings: dict[str, Any], why: str
) -> None:
    series.promoted({"ridge": RIDGE})
    done = series.promoted(contenders, **settings)
    assert (done.version, done.champion_after, done.moved) == (2, 1, False)
    stayed = f"Registered as {series.name} version 2; the alias champion stayed with version 1. version 1 (ridge)"
    assert done.sentence == f"{stayed} {why}; `bakeoff promote {series.name} --version 2` moves it by hand."
    assert client().get_model_version(series.name, "2").tags["bakeoff.evidence"] == done.sentence


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (ConvSpec().model_dump_json(), "version 1 (old) does not fit this run's data ("),
        ('{"kind": "ridge", "params": {"alhpa": 1}}', "does not fit this run's data (contender old: "),
        ('{"kind": "of another age"}', "its settings are those of another version of bakeoff"),
        ("", "bakeoff did not register it"),
    ],
)
def test_a_champion_that_cannot_be_fitted_any_more_stays_with_the_reason(series: Series, spec: str, why: str) -> None:
    series.promoted({"old": DUMMY})
    client().set_model_version_tag(series.name, "1", "bakeoff.spec", spec)
    done = series.promoted({"ridge": RIDGE})
    assert not done.moved
    assert why in done.sentence


@pytest.mark.servers
def test_of_two_runs_that_finish_together_the_later_challenges_the_champion_that_the_earlier_made(
    orchestrated: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    within_a_flow(lambda: orchestrated.promoted({"dummy": DUMMY}))
    both_have_challenged, challenge = threading.Barrier(2, timeout=patient(60)), promotion._challenge
    challenged: list[int] = []

    def challenge_together(experiment: Experiment, found: Found, candidate: Candidate, champion: Version) -> Ruling:
        ruling = challenge(experiment, found, candidate, champion)
        challenged.append(champion.number)
        if len(challenged) <= 2:
            assert ruling.wins
            both_have_challenged.wait()
        return ruling

    monkeypatch.setattr(promotion, "_challenge", challenge_together)
    finishing = [partial(orchestrated.promoted, ridges(alpha)) for alpha in (0.5, 0.51)]
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(contextvars.copy_context().run, within_a_flow, each) for each in finishing]
        earlier, later = sorted((run.result() for run in runs), key=lambda each: each.champion_before or 0)
    assert challenged == [1, 1, earlier.version]
    assert (earlier.champion_before, earlier.moved) == (1, True)
    assert (later.champion_before, later.moved) == (earlier.version, False)
    assert f"version {earlier.version} (" in later.sentence
    assert orchestrated.champion() == earlier.version


def slot(model: str) -> AbstractContextManager[None]:
    """The slot of a model's promotion, for who does not wait for long."""
    with get_client(sync_client=True) as server:
        server.upsert_global_concurrency_limit_by_name(f"promotion of {model}", limit=1)
    return concurrency(f"promotion of {model}", strict=True, timeout_seconds=1)


@pytest.mark.servers
def test_while_a_run_looks_and_moves_the_alias_no_other_does(orchestrated: Series) -> None:
    def look() -> None:
        with promotion._alone(orchestrated.name):
            with pytest.raises(TimeoutError), slot(orchestrated.name):
                pass
            with slot(f"{orchestrated.name}-of-others"):
                pass
        with slot(orchestrated.name):
            pass

    within_a_flow(look)


@pytest.mark.servers
def test_a_run_that_died_while_it_was_alone_is_not_waited_for_forever(
    orchestrated: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "PATIENCE_SECONDS", 1)
    limit = f"promotion of {orchestrated.name}"
    with get_client(sync_client=True) as server:
        server.upsert_global_concurrency_limit_by_name(limit, limit=1)
        server.update_global_concurrency_limit(limit, GlobalConcurrencyLimitUpdate(active_slots=1))
        assert within_a_flow(lambda: orchestrated.promoted({"dummy": DUMMY})).moved
        assert server.read_global_concurrency_limit_by_name(limit).active_slots == 0


@pytest.mark.servers
def test_a_whole_run_promotes_and_tells_of_it_and_fits_no_champion_that_it_knows(orchestrated: Series) -> None:
    launch.run(orchestrated.experiment({"dummy": DUMMY}))
    outcome, heard = heard_during(lambda: launch.run(orchestrated.experiment({"ridge": RIDGE})))
    report: Report = outcome.report
    assert report.promotion
    assert report.promotion.moved
    assert not [what for what in heard if "dummy" in what]
    assert report.promotion.sentence in champion_lines(report)
    parent = client().get_run(report.mlflow_run_id)
    assert parent.data.tags["bakeoff.version"] == f"{orchestrated.name} 2"
    assert parent.data.tags["bakeoff.promotion"] == report.promotion.sentence
    version = client().get_model_version(orchestrated.name, "2")
    assert client().get_run(version.run_id).data.tags["mlflow.parentRunId"] == report.mlflow_run_id
    assert launch.latest(orchestrated.name) == report
    assert registry.find_versions(orchestrated.name)[2].label == "version 2 (ridge)"


def test_a_report_that_is_older_than_the_registry_can_be_read() -> None:
    older = report_of({"net": [2.0, 2.2], "trees": [3.0, 3.3]})
    assert Report.model_validate_json(older.model_dump_json(exclude={"promotion"})) == older
    assert not any("Registered" in line for line in champion_lines(older))


@pytest.mark.parametrize(
    ("before", "moved", "became"),
    [(None, True, "went to it"), (1, True, "moved to it from version 1"), (1, False, "stayed with version 1")],
)
def test_the_sentence_says_what_became_of_the_alias(before: int | None, moved: bool, became: str) -> None:
    said = say_promotion("patients", 3, before, moved, "So it is.")
    assert said == f"Registered as patients version 3; the alias champion {became}. So it is."
