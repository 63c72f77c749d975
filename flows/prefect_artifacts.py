"""What Prefect's page shows of a run besides states and logs: progress, the leaderboard and the verdict."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import cast
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.runtime import flow_run
from prefect.settings import PREFECT_UI_ENABLED

from tasks import progress
from tasks.printable import in_markdown
from tasks.reporting.leaderboard import champion_lines, leaderboard_rows, leaderboard_title
from tasks.reporting.report import Report
from tasks.tracking.connection import run_address

UPDATE_SECONDS = 1.0  # a step that takes less shows no progress, and one that takes more, at most so often


@contextmanager
def progress_shown() -> Iterator[None]:
    """Show how far long steps have come, as artifacts of their task runs."""
    shown: dict[str, float] = {}  # when a step was last shown, or else began
    artifacts: dict[str, UUID] = {}
    one_at_a_time = Lock()  # several threads report

    def show(what: str, done: int, total: int) -> None:
        with one_at_a_time:
            show_alone(what, done, total)

    def show_alone(what: str, done: int, total: int) -> None:
        now = time.monotonic()
        ended = done == total and what in artifacts
        if not ended and now - shown.setdefault(what, now) < UPDATE_SECONDS:
            return
        shown[what], percent, said = now, 100 * done / total, in_markdown(f"{what} {done} of {total}")
        if what in artifacts:
            update_progress_artifact(artifacts[what], percent, said)
        else:
            artifacts[what] = cast(UUID, create_progress_artifact(percent, key=_key(what), description=said))

    with progress.listening_too(show):
        yield


def publish(report: Report) -> None:
    """Make the leaderboard, as a table, and the verdict, with a link to MLflow, artifacts of this flow run."""
    title = in_markdown(leaderboard_title(report))
    create_table_artifact(leaderboard_rows(report), key=_key(f"{report.experiment} leaderboard"), description=title)
    address = run_address(report.mlflow_experiment_id, report.mlflow_run_id)
    where = f"[{address}]({address})" if address else f"run `{report.mlflow_run_id}`, in `mlruns/`"
    verdict, *others = map(in_markdown, (report.sentence, *champion_lines(report), *report.remarks))
    lines = [f"**{verdict}**", *others, f"MLflow: {where}"]
    create_markdown_artifact("\n\n".join(lines), key=_key(f"{report.experiment} verdict"), description="The verdict")
    get_run_logger().info(report.sentence)


def flow_run_address() -> str:
    """Return the page of the current flow run; empty where a run's own server has no pages."""
    return (flow_run.ui_url or "") if PREFECT_UI_ENABLED.value() else ""


def _key(text: str) -> str:
    """Return an artifact's key, which may hold lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
