"""The Prefect server and the MLflow server that `bakeoff up` starts and `bakeoff down` ends.

They outlive the command that started them. Whose they are is told by a mark in their environment, which their child
processes inherit: no crash loses it, and no stranger has it, as one may have the process id of a server long gone.
mlruns/servers.json only says at which addresses they answer.
"""

import os
import re
import socket
import subprocess
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import psutil
from pydantic import TypeAdapter, ValidationError

from flows.runtime.ephemeral_server import MODULE, answers_at, prefect_environment
from tasks import progress
from tasks.specs import BakeoffError, Spec
from tasks.store import MLRUNS, alone
from tasks.tracking.connection import TRAINING_PAGES, server_environment

Name = Literal["prefect", "mlflow"]

TITLES: dict[Name, str] = {"prefect": "Prefect", "mlflow": "MLflow"}
COMMANDS: dict[Name, tuple[str, ...]] = {
    "prefect": ("flows.runtime.ephemeral_server", "--ui", "--scheduler", "--late-runs"),
    "mlflow": ("mlflow", "server", "--workers", "1"),
}
HEALTH: dict[Name, str] = {"prefect": "/api/health", "mlflow": "/health"}
HOST = "127.0.0.1"
MARK = "BAKEOFF_SERVER"  # the variable in a server's environment that says which it is, and of which mlruns/
RECORD = MLRUNS / "servers.json"
READY_SECONDS = 180  # both take 7 on an idle machine; databases elsewhere may be made only now
STOP_SECONDS = 20
POLL_SECONDS = 0.1
_TELLING = re.compile(r"^\(?[\w.]+(Error|Exception)\b|\[Errno \d+\]")  # what ends a traceback, or stands for one
_LOGIN = re.compile(r"://\S+@")


class Server(Spec):
    """A server that answered when it was started; `process_started` is in seconds since 1970."""

    name: Name
    address: str
    pid: int
    process_started: float

    @property
    def title(self) -> str:
        """Its name as its makers write it."""
        return TITLES[self.name]

    @property
    def page(self) -> str:
        """What a person opens."""
        return self.address + (f"/#/experiments{TRAINING_PAGES}" if self.name == "mlflow" else "")

    @property
    def log(self) -> Path:
        """What it wrote since it was started."""
        return MLRUNS / f"{self.name}.log"


_RECORD = TypeAdapter(tuple[Server, ...])


def running() -> dict[str, Server]:
    """Return the servers that `start` started in this folder and that are still alive, by name; nobody is asked.

    Raises:
        BakeoffError: when mlruns/servers.json cannot be read.
    """
    try:
        recorded = _RECORD.validate_json(RECORD.read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        raise BakeoffError(
            f"{RECORD} is not as this version writes it; `bakeoff down`, then `bakeoff up`, makes it anew"
        ) from error
    alive = {process.pid: name for process, name in _processes(TITLES).items()}
    return {server.name: server for server in recorded if alive.get(server.pid) == server.name}


def start(prefect_port: int, mlflow_port: int) -> dict[str, Server]:
    """Start those that do not run, both at once, and return them by name when they answer.

    Raises:
        BakeoffError: when a port is taken or a server does not start; what this call had started is ended again.
    """
    ports: dict[Name, int] = {"prefect": prefect_port, "mlflow": mlflow_port}
    with alone("servers.lock", "another `up` or `down`"):
        there = running()
        missing = {name: port for name, port in ports.items() if name not in there}
        _end(missing)  # what a crash left of them may still hold their ports
        _check_ports(missing)
        try:
            started: dict[str, Server] = {name: _spawn(name, port) for name, port in missing.items()}
            _wait_until_ready([*started.values()])
        except BaseException:
            _end(missing)
            raise
        there |= started
        draft = RECORD.with_suffix(".part")
        draft.write_bytes(_RECORD.dump_json(tuple(there[name] for name in TITLES), indent=2))
        draft.replace(RECORD)  # in one step, so that nobody reads half of it
    return started


def stop() -> list[Name]:
    """End all that `start` started in this folder, also what a crash left of it; return the names of what ended."""
    with alone("servers.lock", "another `up` or `down`"):
        ended = _end(TITLES)
        RECORD.unlink(missing_ok=True)
    return [name for name in TITLES if name in ended]


def answers(server: Server) -> bool:
    """Say whether it is this server that listens at its address, and no other program, and whether it answers."""
    ports = set()
    for process in _processes([server.name]):
        with suppress(psutil.NoSuchProcess):
            listening = [each for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
            ports |= {each.laddr.port for each in listening}
    if urlsplit(server.address).port not in ports:
        return False
    return answers_at(server.address + HEALTH[server.name])


def _check_ports(ports: Mapping[Name, int]) -> None:
    """Raise BakeoffError when one of the ports is taken, or both are one."""
    if len({*ports.values()}) < len(ports):
        raise BakeoffError(
            "the Prefect server and the MLflow server cannot share a port; give --prefect-port and --mlflow-port others"
        )
    for name, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: just let go is free
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise BakeoffError(
                    f"port {port}, which is for the {TITLES[name]} server, cannot be had ({error.strerror}"
                    f"{_listener(port)}); end the program that listens there, or give another port with --{name}-port"
                ) from error


def _listener(port: int) -> str:
    """Say who listens at a port, where the operating system tells."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.laddr and (connection.laddr.port, connection.status) == (port, psutil.CONN_LISTEN)
            if connection.pid and listens:
                process = psutil.Process(connection.pid)
                return f" by process {connection.pid}, {process.environ().get(MARK) or process.name()}"
    return ""


def _spawn(name: Name, port: int) -> Server:
    address, log = f"http://{HOST}:{port}", MLRUNS / f"{name}.log"
    environment = {MARK: _mark(name), "DO_NOT_TRACK": "true"}
    if name == "mlflow":
        environment |= server_environment()
    else:
        environment |= prefect_environment() | {"PREFECT_API_URL": f"{address}/api"}  # where its pages look for it
    log.touch(mode=0o600)  # libraries write addresses of databases there, passwords and all
    with log.open("wb") as written:
        process = subprocess.Popen(
            [*MODULE, *COMMANDS[name], "--host", HOST, "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
            start_new_session=True,  # it outlives the terminal, and Ctrl-C is not for it
        )
    started = psutil.Process(process.pid).create_time()
    return Server(name=name, address=address, pid=process.pid, process_started=started)


def _wait_until_ready(waiting: list[Server]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    for server in waiting:
        progress.report(f"starting {server.title}", 0, 1)
    while waiting:
        for server in [*waiting]:
            if answers(server):
                waiting.remove(server)
                progress.report(f"starting {server.title}", 1, 1)
            elif _has_ended(server) or time.monotonic() > deadline:
                why = f"{_last_words(server.log)} ({server.log} says more)"
                raise BakeoffError(f"the {server.title} server did not start: {why}")
        time.sleep(POLL_SECONDS)


def _end(names: Collection[Name]) -> set[Name]:
    """End all processes of these servers, politely first, and return the names of those that had any."""
    asked: dict[psutil.Process, Name] = {}
    patience = time.monotonic() + STOP_SECONDS
    while alive := _processes(names):
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                if time.monotonic() > patience:
                    process.kill()
                elif process not in asked:
                    process.terminate()
        asked |= alive
        time.sleep(POLL_SECONDS)
    return {*asked.values()}


def _processes(names: Collection[Name]) -> dict[psutil.Process, Name]:
    """Return all living processes of these servers, whoever their parents are by now."""
    marks = {_mark(name): name for name in names}
    found = {}
    for pid in psutil.pids():
        with suppress(psutil.Error):  # it has ended meanwhile, or is another user's
            process = psutil.Process(pid)
            if name := marks.get(process.environ().get(MARK, "")):
                found[process] = name
    return found


def _has_ended(child: Server) -> bool:
    """Say whether a child has ended; its mark cannot be read for an instant, as the program takes over."""
    try:
        return bool(psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _mark(name: Name) -> str:
    return f"{name} of {MLRUNS.resolve()}"


def _last_words(log: Path) -> str:
    """Return the line of a log that says best why its server ended, without the login to a database."""
    lines = [line.strip() for line in log.read_text(encoding="utf8", errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return _LOGIN.sub("://***@", (telling or lines or ["it wrote nothing"])[-1])
