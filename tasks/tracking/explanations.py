"""What is logged of what contenders rest on."""

import tempfile
from pathlib import Path

from tasks.artifacts.importance import write_explanation
from tasks.data.vectorization import Arrays
from tasks.importance.explanation import Explanation
from tasks.reports.importance import say_explanation
from tasks.tracking.connection import connect
from tasks.tracking.runs import RunRef


def log_explanation(run: RunRef, explanation: Explanation, arrays: Arrays) -> None:
    """Logs the document, the table and the picture, and as description what they come to."""
    client = connect()
    client.set_tag(run.run_id, "mlflow.note.content", say_explanation(explanation))
    with tempfile.TemporaryDirectory() as folder:
        write_explanation(explanation, arrays, Path(folder))
        client.log_artifacts(run.run_id, folder)
