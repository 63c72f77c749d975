"""What `bakeoff up` starts and `bakeoff down` ends: mostly with small servers that stand in for the real ones."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from flows.runtime import servers
from flows.runtime.ephemeral_server import _free_port as free_port
from flows.runtime.servers import RECORD, TITLES, Server
from tasks.specs import BakeoffError
from tests.builders import shadow_our_packages
from tests.patience import patient

STAND_IN = """
import http.server, signal, subprocess, sys, threading
behaviour, port = sys.argv[1], int(sys.argv[-1])
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
if behaviour == "dies":
    print("  raise ArgumentError\\nsqlalchemy.exc.ArgumentError: what is postgres://me:secret@db/x?\\nThe end.")
    sys.exit(1)
if behaviour == "stays silent":
    threading.Event().wait()
if behaviour == "ignores SIGTERM":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
http.server.HTTPServer(("127.0.0.1", port), Health).serve_forever()
"""
UP = """
import sys
from flows.runtime import servers
from tasks import progress
servers.COMMANDS = {name: ("stand_in", "stays silent") for name in servers.TITLES}
with progress.listening(lambda what, done, total: print(what, flush=True)):
    servers.start(int(sys.argv[1]), int(sys.argv[2]))
"""

Behave = Callable[..., None]


@pytest.fixture
def behave(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, _working_directory: None) -> Iterator[Behave]:
    """Says how the servers that stand in behave, both well at first; ends what a test leaves."""
    Path("stand_in.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def behave(prefect: str = "answers", mlflow: str = "answers") -> None:
        commands = {"prefect": ("stand_in", prefect), "mlflow": ("stand_in", mlflow)}
        monkeypatch.setattr(servers, "COMMANDS", commands)

    behave()
    yield behave
    monkeypatch.chdir(tmp_path)
    servers.stop()


def up() -> dict[str, Server]:
    return servers.start(free_port(), free_port())


def alive() -> list[psutil.Process]:
    """All processes of this folder's servers."""
    return [*servers._processes(TITLES)]


def lives(process: psutil.Process) -> bool:
    """Whether it does anything yet; a zombie only waits for somebody to ask how it ended."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def session(process: psutil.Process) -> int:
    """The session of a process that lives."""
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        if lives(process):
            return os.getsid(process.pid)
    return 0


def bakeoff(*arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "flows.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=patient(120),
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def fetch(address: str) -> dict[str, object]:
    with urllib.request.urlopen(address, timeout=patient(10)) as answer:  # noqa: S310  # our own loopback address
        return dict(json.load(answer))


@pytest.mark.servers
def test_real_servers_come_up_are_found_again_mended_and_ended() -> None:
    prefect_port, mlflow_port = free_port(), free_port()
    addresses = {"prefect": f"http://127.0.0.1:{prefect_port}", "mlflow": f"http://127.0.0.1:{mlflow_port}"}
    shadow_our_packages(Path())
    try:
        said = bakeoff("up", "--prefect-port", str(prefect_port), "--mlflow-port", str(mlflow_port))
        for line, address in zip(said.splitlines(), addresses.values(), strict=False):
            assert line.split()[1].startswith(address)
            assert line.endswith("started")
        found = servers.running()
        assert {name: server.address for name, server in found.items()} == addresses
        assert fetch(f"{addresses['prefect']}/ui-settings")["api_url"] == f"{addresses['prefect']}/api"
        listening = {
            each.laddr.ip for process in alive() for each in process.net_connections() if each.status == "LISTEN"
        }
        assert listening == {"127.0.0.1"}
        assert len(alive()) == 3  # MLflow's is a parent and a child; neither has workers

        assert bakeoff("up").count("was running already") == 2
        assert servers.running() == found
        assert bakeoff("status").count("since") == 2

        os.kill(found["mlflow"].pid, signal.SIGKILL)
        assert "MLflow   not running" in bakeoff("status", code=1)
        assert "started" in bakeoff("up", "--mlflow-port", str(mlflow_port)).splitlines()[1]
        assert servers.running()["prefect"] == found["prefect"]
        assert fetch(f"{addresses['mlflow']}/api/2.0/mlflow/experiments/get?experiment_id=0")
        marked = alive()
    finally:
        ended = bakeoff("down")
    assert ended.split() == ["Prefect", "ended", "MLflow", "ended"]
    assert not [process for process in marked if lives(process)]
    assert not [process for process in psutil.process_iter() if session(process) in {each.pid for each in marked}]
    assert Path("mlruns/prefect/prefect.db").is_file()
    assert {path.name for path in Path().iterdir()} == {"mlruns", "tasks.py", "flows"}
    assert bakeoff("down").startswith("Nothing to end")
    assert bakeoff("status", code=1).count("not running") == 2


def test_a_second_up_starts_nothing(behave: Behave) -> None:
    first = up()
    assert servers.running() == first
    assert up() == {}
    assert servers.running() == first


def test_of_two_at_once_one_starts_the_pair_and_the_other_waits_and_finds_it(behave: Behave) -> None:
    with ThreadPoolExecutor(2) as pool:
        started = [each.result() for each in [pool.submit(up), pool.submit(up)]]
    assert sorted(len(each) for each in started) == [0, 2]
    assert {process.pid for process in alive()} >= {server.pid for server in servers.running().values()}
    assert len(alive()) == 4  # each has a child


def test_one_that_was_killed_is_started_anew_and_the_child_that_it_left_is_ended(behave: Behave) -> None:
    first = up()
    killed = psutil.Process(first["mlflow"].pid)
    (child,) = killed.children()
    killed.kill()
    killed.wait()
    assert [*servers.running()] == ["prefect"]
    assert lives(child)
    assert [*up()] == ["mlflow"]
    assert not lives(child)
    assert servers.running()["prefect"] == first["prefect"]


def test_what_an_up_that_was_killed_had_started_is_ended_by_down(behave: Behave) -> None:
    command = [sys.executable, "-c", UP, str(free_port()), str(free_port())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "starting Prefect\n"
        process.kill()
    assert servers.running() == {}
    assert len(alive()) == 2
    assert servers.stop() == ["prefect", "mlflow"]
    assert alive() == []


def test_a_stranger_with_the_process_id_of_a_server_long_gone_is_left_alone(behave: Behave) -> None:
    Path("mlruns").mkdir()
    sleep = [sys.executable, "-c", "import threading; threading.Event().wait()"]
    with subprocess.Popen(sleep, start_new_session=True) as stranger:
        try:
            started = psutil.Process(stranger.pid).create_time()
            server = Server(name="mlflow", address="http://127.0.0.1:1", pid=stranger.pid, process_started=started)
            RECORD.write_bytes(servers._RECORD.dump_json((server,)))
            assert servers.running() == {}
            assert servers.stop() == []
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_servers_of_another_folder_are_left_alone(behave: Behave, monkeypatch: pytest.MonkeyPatch) -> None:
    here = up()
    Path("elsewhere").mkdir()
    with monkeypatch.context() as patch:
        patch.chdir("elsewhere")
        shutil.copytree("../mlruns", "mlruns")
        assert servers.running() == {}
        assert servers.stop() == []
    assert servers.running() == here


def test_servers_whose_folder_was_deleted_are_ended(behave: Behave) -> None:
    up()
    shutil.rmtree("mlruns")
    assert servers.stop() == ["prefect", "mlflow"]
    assert alive() == []


def test_a_server_that_ignores_the_polite_signal_is_killed(behave: Behave, monkeypatch: pytest.MonkeyPatch) -> None:
    behave(mlflow="ignores SIGTERM")
    monkeypatch.setattr(servers, "STOP_SECONDS", 0.2)
    up()
    assert servers.stop() == ["prefect", "mlflow"]
    assert alive() == []


def test_a_port_that_is_taken_is_named_with_what_it_is_for_before_anything_starts(behave: Behave) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = (
            rf"port {port}, which is for the MLflow server, .* by process {os.getpid()}, .* another port with --mlflow-"
        )
        with pytest.raises(BakeoffError, match=said):
            servers.start(free_port(), port)
    assert not Path("mlruns/prefect.log").exists()


def test_one_port_for_both_is_refused(behave: Behave) -> None:
    with pytest.raises(BakeoffError, match="cannot share a port; give --prefect-port and --mlflow-port"):
        servers.start(4200, 4200)


def test_an_address_at_which_another_program_answers_is_not_taken_for_a_server(behave: Behave) -> None:
    here = up()
    assert servers.answers(here["prefect"])
    assert not servers.answers(here["prefect"].model_copy(update={"address": here["mlflow"].address}))


def test_a_server_that_ends_at_once_is_an_error_with_its_last_words_and_no_password(behave: Behave) -> None:
    behave(mlflow="dies")
    said = (
        r"MLflow server did not start: sqlalchemy.exc.ArgumentError: what is postgres://\*\*\*@db/x\? \(mlruns/mlflow"
    )
    with pytest.raises(BakeoffError, match=said):
        up()
    assert alive() == []
    assert servers.running() == {}
    assert Path("mlruns/mlflow.log").stat().st_mode & 0o077 == 0


def test_a_server_that_does_not_answer_is_an_error_and_is_ended(
    behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave(prefect="stays silent")
    monkeypatch.setattr(servers, "READY_SECONDS", 1)
    with pytest.raises(BakeoffError, match=r"Prefect server did not start: it wrote nothing \(mlruns/prefect.log says"):
        up()
    assert alive() == []


def test_a_database_of_the_users_reaches_the_servers_but_no_command_line_and_no_file(
    behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "MLFLOW_BACKEND_STORE_URI")
    for name in variables:
        monkeypatch.setenv(name, "postgresql://me:secret@db/x")
    for server in up().values():
        process = psutil.Process(server.pid)
        assert {process.environ()[name] for name in variables} == {"postgresql://me:secret@db/x"}
        assert "secret" not in "".join(process.cmdline())
    assert "secret" not in RECORD.read_text()


def test_a_prefect_server_that_the_user_works_with_is_not_where_our_pages_look(
    behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://example.org/api")
    server = up()["prefect"]
    assert psutil.Process(server.pid).environ()["PREFECT_API_URL"] == f"{server.address}/api"


def test_a_record_of_another_version_is_an_error_that_says_how_to_mend_it_and_down_does(behave: Behave) -> None:
    up()
    RECORD.write_text('{"servers": [{"name": "dask"}]}')
    with pytest.raises(BakeoffError, match=r"mlruns/servers.json is not as this version writes it; `bakeoff down`"):
        servers.running()
    assert servers.stop() == ["prefect", "mlflow"]
    assert servers.running() == {}
