"""Databases with all their tables and no rows: made once for a set of libraries, copied into each new mlruns/.

Libraries make their tables by migrations, one after the other: 10 CPU seconds for Prefect's and 4 for MLflow's. Nothing
in them depends on the folder, so what was made is kept beside the libraries.
"""

import hashlib
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(sys.prefix) / "var" / "bakeoff"
LIBRARIES = ("alembic", "mlflow", "prefect", "sqlalchemy")


def keep_blank(name: str, make: Callable[[Path], object]) -> Path:
    """Make a blank database for these versions of the libraries, if none is kept yet; return its path.

    Args:
        name: whose tables it has.
        make: makes such a database at a path.
    """
    versions = " ".join(f"{library}=={version(library)}" for library in LIBRARIES)
    kept = FOLDER / f"{name}-{hashlib.sha256(versions.encode()).hexdigest()[:16]}.db"
    if not kept.exists():
        _put(kept, make)
    return kept


def copy_blank(name: str, make: Callable[[Path], object], target: Path) -> None:
    """Put a blank database at `target`; where none can be kept beside the libraries, it is made there."""
    if os.access(sys.prefix, os.W_OK):
        kept = keep_blank(name, make)
        _put(target, lambda draft: _copy(kept, draft))
    else:
        _put(target, make)


def _put(target: Path, make: Callable[[Path], object]) -> None:
    """Have a database made, and put it where it belongs in one step, so that nobody ever sees half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made, whole = Path(folder) / "made.db", Path(folder) / "whole.db"
        make(made)
        _copy(made, whole)  # with what SQLite has left in a journal beside it
        whole.replace(target)


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as made, closing(sqlite3.connect(target)) as copied:
        made.backup(copied)
