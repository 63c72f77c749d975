"""What a first run would wait for, done once after the installation: `make setup` executes it as a program."""

import importlib
import subprocess
from concurrent.futures import ThreadPoolExecutor

from flows.runtime import ephemeral_server
from flows.runtime.ephemeral_server import MODULE
from tasks.blank_databases import keep_blank
from tasks.tracking import connection

MODULES = ("flows.bakeoff", "matplotlib.pyplot", "mlflow.sklearn", "prefect.server.api.server", "sklearn.ensemble")


def main() -> None:
    """Keep blank databases of Prefect and MLflow, and import what runs import, so that its bytecode is there."""
    with ThreadPoolExecutor() as pool:
        prefect = pool.submit(keep_blank, "prefect", ephemeral_server.make_tables)
        engine = pool.submit(subprocess.run, [*MODULE, "tasks.models.nets.training"], check=True)
        keep_blank("mlflow", connection.make_tables)
        for name in MODULES:
            importlib.import_module(name)
        prefect.result()
        engine.result()


if __name__ == "__main__":
    main()
