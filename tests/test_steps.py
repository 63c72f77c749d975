"""What a kept result depends on, and what it does not."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.states import Failed

from flows import kept, steps
from tasks.data.own.tables import TableFileSpec
from tasks.models.baselines.boosting import GradientBoostingSpec
from tasks.specs import BakeoffError, UnreachableError


def test_equal_inputs_have_equal_digests() -> None:
    one, two = (GradientBoostingSpec(params={"n_estimators": 5, "max_depth": 2}) for _ in range(2))
    assert kept.digest({"name": "trees", "contender": one}) == kept.digest({"contender": two, "name": "trees"})


def test_any_changed_setting_changes_the_digest() -> None:
    specs = [GradientBoostingSpec(), GradientBoostingSpec(params={"n_estimators": 5})]
    assert len({kept.digest({"contender": spec}) for spec in specs}) == 2


def test_a_kept_result_does_not_outlive_a_change_of_the_users_file() -> None:
    file = Path("rows.csv")
    dataset = TableFileSpec(path=file, target="y", task="regression", columns={"x": "number"})
    ingest: Any = SimpleNamespace(task=SimpleNamespace(name="ingest"))
    keys = []
    for content in ("x,y\n1,2\n", "x,y\n1,23\n"):
        file.write_text(content)
        keys += [steps._key(ingest, {"dataset": dataset}) for _ in range(2)]
    assert [keys.index(key) for key in keys] == [0, 0, 2, 2]


def test_changed_code_changes_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = kept.digest("input")
    monkeypatch.setattr(kept, "code_version", lambda telling: "another")
    assert kept.digest("input") != before


def test_the_code_version_covers_every_task_and_the_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "__init__.py").touch()
    (tmp_path / "models").mkdir()
    versions = set()
    for content in ("a = 1", "a = 2"):
        (tmp_path / "models" / "deep.py").write_text(content)
        monkeypatch.setattr(kept.tasks, "__file__", str(tmp_path / "__init__.py"))
        versions.add(kept.code_version.__wrapped__(telling=False))
    monkeypatch.setattr(kept, "version", lambda name: "99")
    versions.add(kept.code_version.__wrapped__(telling=False))
    assert len(versions) == 3


def test_code_that_only_tells_of_results_makes_no_task_run_again_but_a_new_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "__init__.py").touch()
    (tmp_path / "artifacts").mkdir()
    computing, reporting = set(), set()
    for content in ("a = 1", "a = 2"):
        (tmp_path / "artifacts" / "plotting.py").write_text(content)
        monkeypatch.setattr(kept.tasks, "__file__", str(tmp_path / "__init__.py"))
        computing.add(kept.code_version.__wrapped__(telling=False))
        reporting.add(kept.code_version.__wrapped__(telling=True))
    assert (len(computing), len(reporting)) == (1, 2)


def test_everything_that_is_said_to_only_tell_of_results_is_there(repository: Path) -> None:
    assert {path.name for path in (repository / "tasks").iterdir()} >= kept.PRESENTATION_ONLY


def test_a_library_that_is_not_installed_is_left_out_and_the_digest_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_lightgbm(name: str) -> str:
        if name == "lightgbm":
            raise PackageNotFoundError(name)
        return "1"

    versions = []
    for version in (without_lightgbm, lambda name: "1"):
        monkeypatch.setattr(kept, "version", version)
        versions.append(kept.code_version.__wrapped__(telling=True))
    assert versions[0] != versions[1]


def test_an_input_that_is_no_plain_value_is_refused() -> None:
    with pytest.raises(TypeError, match=r"must be a spec or a plain value, not .*Path"):
        kept.digest({"file": Path("data.csv")})


def test_tasks_are_this_projects_and_not_another_packages(repository: Path) -> None:
    assert Path(kept.tasks.__file__).resolve().is_relative_to(repository)


def test_results_are_kept_as_json_and_never_pickled() -> None:
    for step in (steps.ingest, steps.vectorize, steps.split, steps.evaluate, steps.compare, steps.refit):
        assert step.persist_result
        assert step.result_serializer == "json"


def test_what_writes_to_mlflow_is_tried_again_and_never_answered_from_a_kept_result() -> None:
    for step in (steps.log_data, steps.log_contender, steps.log_report):
        assert step.retries == len(steps.RETRY_SECONDS)
        assert step.retry_delay_seconds == steps.RETRY_SECONDS
        assert step.timeout_seconds
        assert not step.persist_result


@pytest.mark.parametrize(
    ("error", "again"), [(UnreachableError("no answer"), True), (OSError("reset"), True), (BakeoffError("typo"), False)]
)
def test_ingestion_is_tried_again_where_that_may_help(error: Exception, again: bool) -> None:
    assert steps.ingest.retries
    assert steps.ingest.retry_condition_fn(steps.ingest, None, Failed(data=error)) is again
