"""The Prefect server of a run's own."""

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from flows.runtime import ephemeral_server
from flows.runtime.ephemeral_server import EphemeralServer
from tests.patience import patient

pytestmark = pytest.mark.servers

KILLED_WITH_A_SERVER = """
import os, signal
from flows.runtime.ephemeral_server import EphemeralServer
own = EphemeralServer()
print(own._process.pid, flush=True)
own.wait_until_ready()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_server_answers_on_loopback_keeps_its_state_in_mlruns_and_ends() -> None:
    with EphemeralServer() as own:
        own.wait_until_ready()
        process = psutil.Process(own._process.pid)
        assert {each.laddr.ip for each in process.net_connections() if each.status == "LISTEN"} == {"127.0.0.1"}
    with suppress(psutil.NoSuchProcess):  # it ends while its parent goes on
        process.wait(timeout=patient(30))
    assert Path("mlruns/prefect/prefect.db").is_file()
    assert "Traceback" not in Path("mlruns/prefect/server.log").read_text()


def test_the_server_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.run([sys.executable, "-c", KILLED_WITH_A_SERVER], capture_output=True, text=True, check=False)
    assert parent.returncode == -signal.SIGKILL
    with suppress(psutil.NoSuchProcess):  # it may have ended already
        psutil.Process(int(parent.stdout)).wait(timeout=patient(30))


def test_a_server_that_cannot_start_is_an_error_that_names_its_log() -> None:
    database = ephemeral_server.HOME / "prefect.db"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"not a database" * 100)
    with (
        EphemeralServer() as own,
        pytest.raises(RuntimeError, match=r"did not start; mlruns/prefect/server.log says why"),
    ):
        own.wait_until_ready()
    assert database.read_bytes() == b"not a database" * 100
