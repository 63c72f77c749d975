"""What is found out beside an experiment's verdict, each as a run of its own in MLflow."""

import csv
from typing import TypeVar

from pydantic import ValidationError

from tasks.reporting.presentation import Presentation
from tasks.reporting.report import Report
from tasks.specs import Spec
from tasks.tracking.connection import connect
from tasks.tracking.runs import REPORT, RunRef, artifacts, find_document, log_batch

S = TypeVar("S", bound=Spec)


def log_study(run: RunRef, name: str, document: Spec, told: Presentation) -> None:
    """Log the document, the table and the picture of a study, its metrics, and its summary as description."""
    client = connect()
    if told.decides:
        client.set_tag(run.run_id, "bakeoff.verdict", told.summary)
    client.set_tag(run.run_id, "mlflow.note.content", told.summary)
    log_batch(client, run.run_id, told.metrics)
    with artifacts(client, run.run_id) as folder:
        (folder / f"{name}.json").write_text(document.model_dump_json(indent=2), encoding="utf8")
        if told.rows:
            with (folder / f"{name}.csv").open("w", encoding="utf8", newline="") as table:
                writer = csv.DictWriter(table, [*told.rows[0]], lineterminator="\n")
                writer.writeheader()
                writer.writerows(told.rows)
        if told.draw:
            told.draw(folder / told.picture)


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
