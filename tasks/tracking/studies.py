"""What is found out beside an experiment's verdict, each as a run of its own in MLflow."""

import csv
import tempfile
import time
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from tasks.reports.presentation import Presentation
from tasks.reports.report import Report
from tasks.specs import Spec
from tasks.tracking.batches import log_batch
from tasks.tracking.connection import connect
from tasks.tracking.runs import REPORT, RunRef, find_document

S = TypeVar("S", bound=Spec)


def log_study(run: RunRef, name: str, document: Spec, told: Presentation) -> None:
    """Log the document, the table and the picture of a study, its metrics, and its summary as description."""
    from mlflow.entities import Metric

    client, now = connect(), int(time.time() * 1000)
    if told.decides:
        client.set_tag(run.run_id, "bakeoff.verdict", told.summary)
    client.set_tag(run.run_id, "mlflow.note.content", told.summary)
    log_batch(client, run.run_id, [Metric(key, value, now, step) for key, value, step in told.metrics])
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"{name}.json").write_text(document.model_dump_json(indent=2), encoding="utf8")
        if told.rows:
            with (Path(folder) / f"{name}.csv").open("w", encoding="utf8", newline="") as table:
                writer = csv.DictWriter(table, [*told.rows[0]], lineterminator="\n")
                writer.writeheader()
                writer.writerows(told.rows)
        if told.draw:
            told.draw(Path(folder) / told.picture)
        client.log_artifacts(run.run_id, folder)


def find_study(experiment: str, kind: str, fingerprint: str, form: type[S]) -> S | None:
    """Return the latest finished study of this kind and fingerprint; None if there is none that can be read."""
    return _read(find_document(experiment, kind, f"{kind}.json", fingerprint), form)


def find_readable_report(experiment: str) -> Report | None:
    """Return an experiment's latest finished report, for a study that can do without; None if it cannot be read."""
    return _read(find_document(experiment, "experiment", REPORT), Report)


def _read(text: str | None, form: type[S]) -> S | None:
    try:
        return form.model_validate_json(text) if text else None
    except ValidationError:  # another version wrote it
        return None
