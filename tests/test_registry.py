"""The registered models and the alias `champion`, in a database and through a server."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from flows.cli import operate
from flows.experiment import load
from tasks.models.baselines.classic import ExtraTreesSpec, RidgeSpec
from tasks.models.contenders import Contender
from tasks.reporting.report import Promotion
from tasks.specs import BakeoffError
from tasks.tracking import registry
from tasks.tracking.registry import Candidate, Version
from tests.conftest import ROOT
from tests.patience import patient
from tests.registered import client, logged_run
from tests.tiers import quick_first

FIRST, THEN, LATER = (f"2030-01-0{day}T06:00:00+00:00" for day in (1, 2, 3))
SERVER_SECONDS = patient(60)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server whose artifacts are files."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {
        "--host": "127.0.0.1",
        "--port": str(port),
        "--workers": "1",
        "--backend-store-uri": f"sqlite:///{folder}/mlflow.db",
        "--default-artifact-root": (folder / "artifacts").as_uri(),
    }
    command = [sys.executable, "-m", "mlflow", "server", "--no-serve-artifacts", *sum(options.items(), ())]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until_it_answers(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # asked politely, it waits for clients that wait for nothing
        process.wait()


def wait_until_it_answers(url: str) -> None:
    deadline = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310  # our own loopback address
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    pytest.fail("the MLflow server did not answer")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('database')}/mlflow.db"


@pytest.fixture
def model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a model that nobody has registered, where MLflow is a database or, if so named, a server."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue(getattr(request, "param", "database")))
    return f"houses{len(client().search_registered_models())}"


both = pytest.mark.parametrize("model", quick_first(["database", "server"], why="servers"), indirect=True)


def candidate(model: str, identity: str = "one", contender: Contender | None = None) -> Candidate:
    return Candidate(
        model=model,
        name="ridge",
        contender=contender or RidgeSpec(params={"alpha": 2.5}),
        identity=identity,
        data_digest="d" * 16,
        folds_digest="f" * 16,
        metric="mae",
        score=2.5,
        summary="**ridge**, the best of 3",
        run=logged_run(),
    )


def promotion(model: str, version: int, before: int | None, moved: bool = True, sentence: str = "better.") -> Promotion:
    return Promotion(
        model=model,
        version=version,
        champion_before=before,
        champion_after=version if moved else before or version,
        moved=moved,
        sentence=sentence,
    )


def tags(model: str, version: int) -> dict[str, str]:
    found = client().get_model_version(model, str(version)).tags
    return {key.removeprefix("bakeoff."): value for key, value in found.items()}


def description(model: str, version: int) -> str:
    return str(client().get_model_version(model, str(version)).description)


def two_versions(model: str) -> None:
    """Version 1, which is the champion, and version 2."""
    assert [registry.register(candidate(model, identity)) for identity in ("one", "two")] == [1, 2]
    registry.update_champion_alias(promotion(model, 1, None, sentence="none stood."), FIRST)


@both
def test_a_version_is_the_model_of_its_run_with_all_that_it_takes_to_fit_it_again(model: str) -> None:
    entered = candidate(model)
    version = client().get_model_version(model, str(registry.register(entered)))
    logged = client().get_logged_model(entered.run.model_id)
    assert version.run_id == entered.run.run_id
    assert client().get_model_version_download_uri(model, version.version) == logged.artifact_location
    assert logged.tags["mlflow.modelVersions"] == f'[{{"name": "{model}", "version": 1}}]'
    found = tags(model, 1)
    assert (found["contender"], found["metric"], found["score"]) == ("ridge", "mae", "2.5")
    assert (found["data"], found["folds"], found["run_id"]) == ("d" * 16, "f" * 16, entered.run.run_id)
    assert registry.find_versions(model)[1].contender == entered.contender
    assert description(model, 1).startswith("**ridge**, the best of 3\n\n```json\n{")


@both
def test_what_has_not_changed_is_registered_once(model: str) -> None:
    assert [registry.register(candidate(model, identity)) for identity in ("one", "one", "two", "one")] == [1, 1, 2, 1]


@both
def test_there_is_no_champion_before_there_is_a_model_or_an_alias(model: str) -> None:
    assert registry.find_champion(model) is None
    registry.register(candidate(model))
    assert registry.find_champion(model) is None


@both
def test_the_alias_moves_with_the_evidence_and_both_versions_tell_of_it(model: str) -> None:
    two_versions(model)
    registry.update_champion_alias(promotion(model, 2, 1, sentence="2 is better than 1."), THEN)
    champion = registry.find_champion(model)
    assert champion is not None
    assert champion.number == 2
    assert {int(each) for each in client().get_registered_model(model).aliases.values()} == {2}
    first, second = tags(model, 1), tags(model, 2)
    assert (first["promoted_at"], first["promoted_by"], first["evidence"]) == (FIRST, "verdict", "none stood.")
    assert "succeeds" not in first
    assert (first["succeeded_by"], first["stood_until"]) == ("2", THEN)
    assert (second["promoted_at"], second["succeeds"], second["evidence"]) == (THEN, "1", "2 is better than 1.")
    assert "succeeded_by" not in second
    assert description(model, 1).endswith(f"\n- {FIRST}: none stood.\n- {THEN}: succeeded by version 2.")
    assert description(model, 2).endswith(f"\n- {THEN}: 2 is better than 1.")


def test_settled_twice_is_settled_once(model: str) -> None:
    two_versions(model)
    seen = []
    for _ in range(2):
        registry.update_champion_alias(promotion(model, 2, 1), THEN)
        seen.append([(tags(model, version), description(model, version)) for version in (1, 2)])
    assert seen[0] == seen[1]


def test_a_challenger_that_failed_says_why_and_the_champion_stays(model: str) -> None:
    two_versions(model)
    before = tags(model, 1)
    registry.update_champion_alias(promotion(model, 2, 1, moved=False, sentence="undecided."), THEN)
    assert tags(model, 2)["evidence"] == "undecided."
    assert "promoted_at" not in tags(model, 2)
    assert description(model, 2).endswith("\n- undecided.")
    assert tags(model, 1) == before


def test_why_a_version_once_became_champion_is_not_written_over(model: str) -> None:
    two_versions(model)
    registry.update_champion_alias(promotion(model, 2, 1), THEN)
    registry.update_champion_alias(promotion(model, 1, 2, moved=False, sentence="not better any more."), LATER)
    registry.update_champion_alias(promotion(model, 2, 2, moved=False, sentence="nothing has changed."), LATER)
    assert (tags(model, 1)["evidence"], tags(model, 2)["evidence"]) == ("none stood.", "better.")
    assert "not better any more." in description(model, 1)
    assert "nothing has changed." not in description(model, 2)


def test_by_hand_any_version_becomes_champion(model: str) -> None:
    two_versions(model)
    said = registry.promote_by_hand(model, 2, THEN)
    assert said == f"{model} version 2 (ridge) was promoted by hand; it succeeds version 1 (ridge)."
    assert (tags(model, 2)["promoted_by"], tags(model, 2)["succeeds"]) == (psutil.Process().username(), "1")
    assert tags(model, 2)["evidence"] == said
    registry.promote_by_hand(model, 1, LATER)
    assert registry.find_champion(model) == registry.find_versions(model)[1]
    assert (tags(model, 1)["succeeds"], tags(model, 1)["succeeded_by"]) == ("2", "")
    assert [line[2:12] for line in description(model, 1).splitlines()[-3:]] == [at[:10] for at in (FIRST, THEN, LATER)]


def test_to_promote_the_champion_changes_nothing(model: str) -> None:
    two_versions(model)
    before = tags(model, 1)
    said = registry.promote_by_hand(model, 1, THEN)
    assert said == f"{model} version 1 (ridge) is the champion already; nothing was changed."
    assert tags(model, 1) == before


@both
def test_a_model_or_version_that_is_not_there_is_an_error_that_names_those_that_are(model: str) -> None:
    two_versions(model)
    with pytest.raises(BakeoffError, match=rf"^{model} has no version 3; there are 1, 2$"):
        registry.promote_by_hand(model, 3, THEN)
    for unknown, hint in {f"{model}x": "did you mean houses", "a'b": "there are houses", "a/b": "there are "}.items():
        with pytest.raises(BakeoffError, match=rf"^no model ['\"]{unknown}['\"] is registered; {hint}"):
            registry.promote_by_hand(unknown, 1, THEN)


def test_where_nothing_is_registered_the_error_says_what_registers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///empty.db")
    with pytest.raises(BakeoffError, match="no model 'houses' is registered; `bakeoff run` registers the best of a"):
        registry.promote_by_hand("houses", 1, THEN)


def test_a_version_that_was_registered_by_hand_can_stand_but_is_not_known(model: str) -> None:
    client().create_registered_model(model)
    client().create_model_version(model, "file:///elsewhere", run_id=logged_run().run_id)
    client().set_registered_model_alias(model, "champion", "1")
    champion = registry.find_champion(model)
    assert champion is not None
    assert champion.label == "version 1"
    with pytest.raises(BakeoffError, match="bakeoff did not register it"):
        _ = champion.contender


def test_a_description_is_never_longer_than_what_every_database_holds(model: str) -> None:
    two_versions(model)
    for number in range(6):
        registry.update_champion_alias(promotion(model, 2, 1, moved=False, sentence=f"{number}" * 1000), THEN)
    assert len(description(model, 2)) == registry.DESCRIPTION_LENGTH


def test_the_command_promotes(model: str) -> None:
    two_versions(model)
    for version, (code, said) in {
        2: (0, f"{model} version 2 (ridge) was promoted by hand; it succeeds version 1 (ridge).\n"),
        9: (2, ""),
    }.items():
        done = CliRunner().invoke(operate.app, ["promote", model, "--version", str(version)])
        assert (done.exit_code, done.stdout) == (code, said)
    champion = registry.find_champion(model)
    assert champion is not None
    assert champion.number == 2


@pytest.mark.parametrize("path", sorted((ROOT / "conf").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_method_is_got_back_as_it_was_entered(path: Path) -> None:
    for name, contender in load(str(path)).contenders.items():
        written = Version(number=1, name=name, metric="mae", spec=contender.model_dump_json())
        assert written.contender == contender


def test_settings_of_another_version_of_bakeoff_are_no_method() -> None:
    spec = ExtraTreesSpec().model_dump_json().replace("params", "parameters")
    with pytest.raises(BakeoffError, match="another version of bakeoff"):
        _ = Version(number=1, name="trees", metric="mae", spec=spec).contender
