"""What is logged of chapter 1's claim."""

import tempfile
from pathlib import Path

from tasks.artifacts.claim import plot_claim
from tasks.reports.claims import Claim
from tasks.tracking.connection import connect
from tasks.tracking.runs import RunRef


def log_claim(run: RunRef, claim: Claim) -> None:
    """Logs the document, which names the run of each problem, the picture, and the sentence as description."""
    client = connect()
    client.set_tag(run.run_id, "bakeoff.verdict", claim.sentence)
    client.set_tag(run.run_id, "mlflow.note.content", claim.sentence)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "claim.json").write_text(claim.model_dump_json(indent=2), encoding="utf8")
        if claim.contests:
            plot_claim(claim, Path(folder))
        client.log_artifacts(run.run_id, folder)
