"""What is found out beside an experiment's verdict, each as a run of its own in it: learning curves, leak audits."""

import csv
import io
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from tasks.artifacts.leak_audit import plot_audit
from tasks.artifacts.learning_curve import plot_learning_curve
from tasks.leak_audit import Audit
from tasks.learning_curves.curve import LearningCurve
from tasks.reports.leak_audit import flattery, say_audit
from tasks.reports.learning_curve import say_curve
from tasks.reports.report import Report
from tasks.specs import Spec
from tasks.tracking.batches import log_batch, metrics_of
from tasks.tracking.connection import connect
from tasks.tracking.runs import REPORT, RunRef, find_document

if TYPE_CHECKING:
    from mlflow.entities import Metric

S = TypeVar("S", bound=Spec)


def log_curve(run: RunRef, curve: LearningCurve) -> None:
    """Logs the document, the table, the picture, and each contender's mean scores, whose steps are rows."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    metrics = [Metric(f"{each.name}_{curve.metric}", each.mean, now, each.size) for each in curve.points]
    rows = [
        {
            "contender": each.name,
            "rows": each.size,
            "mean": each.mean,
            "low": each.interval[0],
            "high": each.interval[1],
        }
        for each in curve.points
    ]
    _log(run, "curve", curve, " ".join(say_curve(curve)), metrics, rows)
    _log_picture(run, lambda folder: plot_learning_curve(curve, folder / "learning_curve.png"))


def log_audit(run: RunRef, audit: Audit) -> None:
    """Logs the document, the table, the picture, and by how much each leak makes a score look better."""
    gains = {f"{each.leak}_{each.name}": [flattery(each, audit)[0]] for each in audit.findings}
    rows = [
        {"leak": each.leak, "contender": each.name, "honest": each.honest, "leaky": each.leaky}
        | {"better by": flattery(each, audit)[0], "p adjusted": each.verdict.p_adjusted}
        for each in audit.findings
    ]
    _log(run, "audit", audit, " ".join(say_audit(audit)), metrics_of(gains), rows)
    _log_picture(run, lambda folder: plot_audit(audit, folder / "audit.png"))


def find_study(experiment: str, kind: str, fingerprint: str, form: type[S]) -> S | None:
    """The latest finished study of this kind and fingerprint; None if there is none that can be read."""
    return _read(find_document(experiment, kind, f"{kind}.json", fingerprint), form)


def find_readable_report(experiment: str) -> Report | None:
    """The latest finished report of an experiment, for a study that can do without; None if it cannot be read."""
    return _read(find_document(experiment, "experiment", REPORT), Report)


def _read(text: str | None, form: type[S]) -> S | None:
    try:
        return form.model_validate_json(text) if text else None
    except ValidationError:  # another version wrote it
        return None


def _log(
    run: RunRef,
    kind: str,
    document: Spec,
    sentence: str,
    metrics: "Sequence[Metric]",
    rows: Sequence[Mapping[str, object]],
) -> None:
    """Logs the document, its rows as a table, and its sentence as the run's description."""
    client = connect()
    client.set_tag(run.run_id, "bakeoff.verdict", sentence)
    client.set_tag(run.run_id, "mlflow.note.content", sentence)
    log_batch(client, run.run_id, metrics)
    table = io.StringIO()
    writer = csv.DictWriter(table, [*rows[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    client.log_text(run.run_id, table.getvalue(), f"{kind}.csv")
    client.log_text(run.run_id, document.model_dump_json(indent=2), f"{kind}.json")


def _log_picture(run: RunRef, plot: Callable[[Path], Path]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plot(Path(folder))
        connect().log_artifacts(run.run_id, folder)
