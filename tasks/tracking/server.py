"""MLflow's server, as a program: on the database and the files that runs use without it, unless others are named.

Databases have passwords and everyone can read a command line, so what is not an address is told by the environment.
"""

import os
import runpy
import sys

from tasks.store import MLRUNS
from tasks.tracking.database import database_uri, make_database

ENVIRONMENT = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # its further processes judge language models
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}


def set_stores() -> None:
    """Sets the variables that name database and files, where the user's environment does not."""
    if "MLFLOW_BACKEND_STORE_URI" not in os.environ:
        make_database()
        os.environ["MLFLOW_BACKEND_STORE_URI"] = database_uri()
    if "MLFLOW_ARTIFACTS_DESTINATION" not in os.environ:  # with it, files go through the server, to there
        os.environ.setdefault("MLFLOW_DEFAULT_ARTIFACT_ROOT", (MLRUNS / "artifacts").resolve().as_uri())
        os.environ.setdefault("MLFLOW_SERVE_ARTIFACTS", "false")


def main() -> None:
    """Runs the server in this process; host and port are its command line's."""
    os.environ.update(ENVIRONMENT)
    set_stores()
    sys.argv = ["mlflow", "server", "--workers", "1", *sys.argv[1:]]
    runpy.run_module("mlflow", run_name="__main__")


if __name__ == "__main__":
    main()
