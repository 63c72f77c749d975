"""A PostgreSQL of the tests' own: a real one, on loopback, and gone afterwards."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

PASSWORD = "p@ss/w%rd:1"  # noqa: S105  # as awkward in an address as a real one may be
ACCOUNT = "postgres"  # of the operating system, where Debian's package is installed


@dataclass(frozen=True)
class Postgres:
    """A running server, whose role `bakeoff` owns the databases `prefect` and `mlflow`."""

    port: int

    @property
    def prefect_url(self) -> str:
        return self._url("postgresql+asyncpg", "prefect")

    @property
    def mlflow_url(self) -> str:
        return self._url("postgresql+psycopg", "mlflow")

    def rows(self, database: str, query: str) -> list[tuple[Any, ...]]:
        """What a query finds."""
        import psycopg

        with psycopg.connect(self._url("postgresql", database)) as connection:
            return connection.execute(query).fetchall()

    def _url(self, scheme: str, database: str) -> str:
        return f"{scheme}://bakeoff:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A new server; not in pytest's own folders, which the account that it runs under may not enter."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bakeoff-postgres-") as folder:
        if _is_root():
            shutil.chown(folder, ACCOUNT, ACCOUNT)
        logins = ("--auth-host=scram-sha-256", "--auth-local=trust")  # the socket's folder is closed to all others
        _call("initdb", folder, f"--username={ACCOUNT}", *logins, "--encoding=UTF8", "--no-locale", "--no-sync")
        listen = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder}"
        _call("pg_ctl", folder, "start", "--wait", f"--options={listen} -c fsync=off")
        try:
            _make_databases(folder, port)
            yield Postgres(port)
        finally:
            _call("pg_ctl", folder, "stop", "--wait", "--mode=fast")


def missing_postgres() -> str | None:
    """What must be installed before a server can start, if anything."""
    return None if _programs() else "needs PostgreSQL's server, initdb and pg_ctl (on Debian: apt install postgresql)"


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _make_databases(folder: str, port: int) -> None:
    """As an administrator would, who gives away no more than the ownership of two databases."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(host=folder, port=port, user=ACCOUNT, dbname="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("create role bakeoff login password {}").format(PASSWORD))
        connection.execute("create database prefect owner bakeoff")
        connection.execute("create database mlflow owner bakeoff")


def _call(program: str, folder: str, *arguments: str) -> None:
    """Runs one of PostgreSQL's programs on the cluster in a folder; none of them agrees to run as root."""
    command = [str(Path(_programs() or "") / program), f"--pgdata={folder}/data", *arguments]
    account: dict[str, Any] = {"user": ACCOUNT, "group": ACCOUNT, "extra_groups": []} if _is_root() else {}
    subprocess.run(command, cwd=folder, check=True, **account)


def _programs() -> Path | None:
    """The folder of PostgreSQL's programs: the one on PATH, else Debian's newest, which PATH leaves out."""
    on_path = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    return Path(on_path).parent if on_path else debian[-1].parent if debian else None


def _is_root() -> bool:
    return os.geteuid() == 0
