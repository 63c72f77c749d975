"""What a kept result depends on, and what it does not."""

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.states import Failed

from flows import cache_keys, steps
from tasks import parallel, progress
from tasks.data.files.tables import TableFileSpec
from tasks.models.baselines.boosting import GradientBoostingSpec
from tasks.models.contenders import Contender
from tasks.models.nets.networks import DenseSpec
from tasks.specs import BakeoffError, UnreachableError

OPTIMIZERS = "tasks/models/nets/optimizers.py"


def test_equal_inputs_have_equal_digests() -> None:
    one, two = (GradientBoostingSpec(params={"n_estimators": 5, "max_depth": 2}) for _ in range(2))
    assert cache_keys.digest({"name": "trees", "contender": one}) == cache_keys.digest(
        {"contender": two, "name": "trees"}
    )


def test_any_changed_setting_changes_the_digest() -> None:
    specs = [GradientBoostingSpec(), GradientBoostingSpec(params={"n_estimators": 5})]
    assert len({cache_keys.digest({"contender": spec}) for spec in specs}) == 2


def test_a_kept_result_does_not_outlive_a_change_of_the_users_file() -> None:
    file = Path("rows.csv")
    dataset = TableFileSpec(path=file, target="y", task="regression", columns={"x": "number"})
    ingest: Any = SimpleNamespace(task=steps.ingest)
    keys = []
    for content in ("x,y\n1,2\n", "x,y\n1,23\n"):
        file.write_text(content)
        keys += [steps._key(ingest, {"dataset": dataset}) for _ in range(2)]
    assert [keys.index(key) for key in keys] == [0, 0, 2, 2]


def forget() -> None:
    """Forget the digests of code and libraries that were computed."""
    for remembered in (cache_keys.code_version, cache_keys._module, cache_keys._libraries):
        remembered.cache_clear()


@pytest.fixture
def tree(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the code, whose digests are asked for."""
    for package in ("flows", "tasks"):
        shutil.copytree(repository / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cache_keys, "ROOT", tmp_path)
    yield tmp_path
    forget()


def keys(tree: Path, file: str = "", old: str = "", new: str = "") -> dict[str, str]:
    """The digests of steps, with nets and without, and of a report, once a file of the tree has been changed."""
    if file:
        content = (tree / file).read_text()
        assert old in content
        (tree / file).write_text(content.replace(old, new))
    forget()
    modules = {name: getattr(steps, name).fn.__module__ for name in ("ingest", "split", "evaluate", "compare")}
    return {
        **{name: cache_keys.digest(name, module) for name, module in modules.items()},
        "net": cache_keys.digest(DenseSpec(units=[4], epochs=1, loss="mse"), modules["evaluate"]),
        "trees": cache_keys.digest(GradientBoostingSpec(), modules["evaluate"]),
        "report": cache_keys.digest("report", cache_keys.FLOW),
    }


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def test_a_comment_or_a_docstring_changes_no_key(tree: Path) -> None:
    before = keys(tree)
    old = "EPSILON = 1e-7"
    assert not changed(before, keys(tree, OPTIMIZERS, old, f"# A line of explanation.\n\n{old}"))
    old = "A rule that turns a gradient into a new weight"
    assert not changed(before, keys(tree, OPTIMIZERS, old, "What makes of a gradient a new weight"))


def test_a_reports_word_trains_nothing_again_but_makes_a_new_report(tree: Path) -> None:
    before = keys(tree)
    assert changed(before, keys(tree, "tasks/reporting/wording.py", "is better than", "beats")) == {"report"}


def test_an_optimizers_line_trains_nets_again_and_leaves_baselines_data_and_folds_as_they_are(tree: Path) -> None:
    before = keys(tree)
    after = changed(before, keys(tree, OPTIMIZERS, "EPSILON = 1e-7", "EPSILON = 1e-8"))
    assert after == {"net", "report"}


def test_a_contenders_line_leaves_the_others_as_they_are(tree: Path) -> None:
    before, boosting = keys(tree), "tasks/models/baselines/boosting.py"
    old = "class GradientBoostingSpec"
    after = changed(before, keys(tree, boosting, old, f"STEPS = 1\n\n\n{old}"))
    assert after == {"trees", "report"}


def test_a_folder_that_is_left_of_a_package_hides_no_module(tree: Path) -> None:
    (tree / "tasks" / "metrics" / "__pycache__").mkdir(parents=True)
    before = keys(tree)
    assert changed(before, keys(tree, "tasks/metrics.py", "1e-12", "1e-11")) >= {"evaluate", "net", "trees", "report"}


def test_a_library_of_another_version_makes_everything_anew(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(tree)
    monkeypatch.setattr(cache_keys, "version", lambda name: "99")
    assert changed(before, keys(tree)) == {*before}


def test_a_library_that_is_not_installed_is_left_out_and_the_digest_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_lightgbm(name: str) -> str:
        if name == "lightgbm":
            raise PackageNotFoundError(name)
        return "1"

    versions = []
    for version in (without_lightgbm, lambda name: "1"):
        monkeypatch.setattr(cache_keys, "version", version)
        versions.append(cache_keys._libraries.__wrapped__())
    assert versions == [versions[1].replace("lightgbm==1 ", ""), versions[1]]


def test_modules_that_no_result_depends_on_are_there() -> None:
    assert all(cache_keys._path(module).is_file() for module in cache_keys.LISTS | cache_keys.ABOUT_DATA)


def test_an_input_that_is_no_plain_value_is_refused() -> None:
    with pytest.raises(TypeError, match=r"must be a spec or a plain value, not .*Path"):
        cache_keys.digest({"file": Path("data.csv")})


def test_results_are_kept_as_json_and_never_pickled() -> None:
    for step in (steps.ingest, steps.vectorize, steps.split, steps.evaluate, steps.compare, steps.refit):
        assert step.persist_result
        assert step.result_serializer == "json"


def test_what_writes_to_mlflow_is_tried_again_and_never_answered_from_a_kept_result() -> None:
    for step in (steps.log_data, steps.log_contender, steps.log_report):
        assert step.retries == len(steps.RETRY_SECONDS)
        assert step.retry_delay_seconds == steps.RETRY_SECONDS
        assert step.timeout_seconds or step is steps.log_contender  # which runs in a thread
        assert not step.persist_result


@pytest.mark.parametrize(
    ("error", "again"), [(UnreachableError("no answer"), True), (OSError("reset"), True), (BakeoffError("typo"), False)]
)
def test_ingestion_is_tried_again_where_that_may_help(error: Exception, again: bool) -> None:
    assert steps.ingest.retries
    assert steps.ingest.retry_condition_fn(steps.ingest, None, Failed(data=error)) is again


def test_one_that_cannot_be_fitted_ends_those_that_are_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(parallel.JOBS, "2")
    heard = []

    def evaluated(name: str, contender: Contender) -> int:
        if contender.family == "network":
            raise BakeoffError("choose another rate")
        for step in range(1000):
            progress.report(name, step, 1000)
            heard.append(step)
            time.sleep(0.01)
        return 1

    contenders = {"dense": DenseSpec(), "trees": GradientBoostingSpec()}
    with pytest.raises(BakeoffError, match="choose another rate"):
        steps.within_budget(contenders, evaluated)
    assert len(heard) < 900


def test_what_ended_a_process_is_said_and_not_that_others_were_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(parallel.JOBS, "2")

    def evaluated(name: str, contender: Contender) -> None:
        if contender.family == "network":
            time.sleep(0.2)
            raise BakeoffError("for want of memory")
        raise CancelledError

    with pytest.raises(BakeoffError, match="for want of memory"):
        steps.within_budget({"dense": DenseSpec(), "trees": GradientBoostingSpec()}, evaluated)
