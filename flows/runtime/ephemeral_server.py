"""A Prefect server of one's own, for as long as a run lasts.

Prefect would start a temporary one by itself, but that one loses the last task states and prints stack traces as the
run ends. This one is a child process: it listens on loopback, keeps its state under mlruns/, and ends with its parent,
however the parent ends, since it reads from a pipe that only the parent holds.
"""

import atexit
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path

from tasks.blank_databases import copy_blank
from tasks.store import MLRUNS

MODULE = (sys.executable, "-P", "-m")  # without -P, a tasks.py in the working folder would be taken for ours
HOME = MLRUNS / "prefect"
DATABASE = HOME / "prefect.db"
UNTIL_PARENT_ENDS = "--until-parent-ends"
DATABASE_ELSEWHERE = ("PREFECT_API_DATABASE_CONNECTION_URL", "PREFECT_SERVER_DATABASE_CONNECTION_URL")
READY_SECONDS = 180  # where no blank database is kept, it is made first
STOP_SECONDS = 20
_OPTIONS = ("--host", "127.0.0.1", "--no-scheduler", "--no-late-runs", "--no-ui")


def prefect_environment() -> dict[str, str]:
    """Return what a Prefect server of ours is told by its environment: to keep all in mlruns/, and to tell nobody."""
    return {"PREFECT_HOME": str(HOME.resolve()), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}


class EphemeralServer(AbstractContextManager["EphemeralServer"]):
    """A server of a run's own: starts at once and is ready some seconds later, so that other work can go on."""

    def __init__(self) -> None:
        port, self._was_waited_for = _free_port(), False
        self.api_url = f"http://127.0.0.1:{port}/api"
        HOME.mkdir(parents=True, exist_ok=True)
        with (HOME / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*MODULE, "flows.runtime.ephemeral_server", UNTIL_PARENT_ENDS, *_OPTIONS, "--port", str(port)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | prefect_environment(),
                start_new_session=True,  # Ctrl-C is for the parent, which still has states to report
            )

    def wait_until_ready(self) -> None:
        """Return when the server answers.

        Raises:
            RuntimeError: when it ends instead, or does not answer in time.
        """
        self._was_waited_for = True
        deadline = time.monotonic() + READY_SECONDS
        while not answers_at(f"{self.api_url}/health"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the Prefect server did not start; {HOME / 'server.log'} says why")
            time.sleep(0.1)

    def stop(self) -> None:
        """End the server once it has stored what it was told; one that was never waited for was told nothing."""
        self._end()
        self._wait()

    def __exit__(self, *error: object) -> None:
        """Let the server end, which takes it seconds, while the caller shows what there is to see."""
        self._end()
        atexit.register(self._wait)

    def _end(self) -> None:
        if not self._was_waited_for:
            self._process.kill()
        if self._process.stdin:
            self._process.stdin.close()  # which is what the server waits for

    def _wait(self) -> None:
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def answers_at(address: str) -> bool:
    """Say whether a server of ours answers at an address."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is no business of a proxy's
    try:
        with direct.open(address, timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent() -> None:
    """Wait for the pipe from the parent to close, then interrupt this process."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGINT)


def make_tables(path: Path) -> None:
    """Make a database with Prefect's tables, in a process that has ended when this returns."""
    address = f"sqlite+aiosqlite:///{path.resolve()}"
    environment = os.environ | {"PREFECT_HOME": str(path.parent), "PREFECT_SERVER_DATABASE_CONNECTION_URL": address}
    command = [*MODULE, "prefect", "server", "database", "upgrade", "-y"]
    subprocess.run(command, env=environment, check=True)


def main() -> None:
    """Run a Prefect server in this process, with the options of its command line and what a database needs before.

    With `--until-parent-ends` it ends when the pipe at standard input closes.
    """
    options = sys.argv[1:]
    if UNTIL_PARENT_ENDS in options:
        options.remove(UNTIL_PARENT_ENDS)
        threading.Thread(target=_end_with_parent, daemon=True).start()
    if not (DATABASE.exists() or any(name in os.environ for name in DATABASE_ELSEWHERE)):
        copy_blank("prefect", make_tables, DATABASE)
    sys.argv = ["prefect", "server", "start", *options]
    runpy.run_module("prefect", run_name="__main__")


if __name__ == "__main__":
    main()
