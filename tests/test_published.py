"""What Prefect's page shows of a run."""

import logging
from uuid import UUID, uuid4

import pytest

from flows import prefect_artifacts
from tasks import progress
from tests.reports import report_of


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[UUID | None, float, str]]:
    """Each progress artifact as it is made (without an id) or updated, a step of half a second apart."""
    calls: list[tuple[UUID | None, float, str]] = []
    seconds = iter(range(1000))
    monkeypatch.setattr(prefect_artifacts.time, "monotonic", lambda: next(seconds) / 2)

    def create(percent: float, key: str, description: str) -> UUID:
        calls.append((None, percent, description))
        return uuid4()

    monkeypatch.setattr(prefect_artifacts, "create_progress_artifact", create)
    monkeypatch.setattr(
        prefect_artifacts,
        "update_progress_artifact",
        lambda artifact, percent, said: calls.append((artifact, percent, said)),
    )
    return calls


def test_a_long_step_shows_its_progress_at_most_once_a_second_and_its_end(
    shown: list[tuple[UUID | None, float, str]],
) -> None:
    with prefect_artifacts.progress_shown():
        for epoch in range(1, 7):
            progress.report("net, epoch", epoch, 6)
    assert [said for _, _, said in shown] == [f"net, epoch {epoch} of 6" for epoch in (3, 5, 6)]
    assert [percent for _, percent, _ in shown] == pytest.approx([50, 500 / 6, 100])
    first, *rest = (artifact for artifact, _, _ in shown)
    assert first is None
    assert len({*rest}) == 1


def test_a_quick_step_shows_none(shown: list[tuple[UUID | None, float, str]]) -> None:
    with prefect_artifacts.progress_shown():
        progress.report("trees, fold", 1, 2)
        progress.report("trees, fold", 2, 2)
    assert shown == []


def test_the_terminal_still_hears_of_progress(shown: list[tuple[UUID | None, float, str]]) -> None:
    said: list[str] = []
    with progress.listening(lambda what, done, total: said.append(what)), prefect_artifacts.progress_shown():
        progress.report("trees, fold", 1, 2)
    assert said == ["trees, fold"]


def test_the_verdict_links_to_the_run_in_mlflow_where_that_is_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[str] = []
    monkeypatch.setattr(prefect_artifacts, "create_table_artifact", lambda rows, key, description: None)
    monkeypatch.setattr(
        prefect_artifacts, "create_markdown_artifact", lambda text, key, description: pages.append(text)
    )
    monkeypatch.setattr(prefect_artifacts, "get_run_logger", lambda: logging.getLogger("flow"))
    report = report_of({"net": [2, 3], "floor": [4, 5]}).model_copy(
        update={"mlflow_experiment_id": "7", "mlflow_run_id": "abc"}
    )
    prefect_artifacts.publish(report)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    prefect_artifacts.publish(report)
    assert "run `abc`, in `mlruns/`" in pages[0]
    assert "](http://127.0.0.1:5000/#/experiments/7/runs/abc?" in pages[1]
    assert report.sentence in pages[1]


def test_words_of_the_user_are_no_markdown_on_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[str] = []
    monkeypatch.setattr(
        prefect_artifacts, "create_table_artifact", lambda rows, key, description: pages.append(description)
    )
    monkeypatch.setattr(
        prefect_artifacts, "create_markdown_artifact", lambda text, key, description: pages.append(text)
    )
    monkeypatch.setattr(prefect_artifacts, "get_run_logger", lambda: logging.getLogger("flow"))
    report = report_of({"net": [2, 3], "floor": [4, 5]})
    prefect_artifacts.publish(
        report.model_copy(
            update={"dataset": report.dataset.model_copy(update={"unit": "[a](b)"}), "sentence": "MAE lower by 2 *l*"}
        )
    )
    assert r"MAE \[a\](b) (lower is better)" in pages[0]
    assert r"**MAE lower by 2 \*l\***" in pages[1]
