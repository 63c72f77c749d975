import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import missing_browser, page
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir
from postgres import missing_postgres, postgres

from tasks.models.nets import program_cache

__all__ = ["page", "postgres"]  # pytest finds fixtures here

ROOT = Path(__file__).resolve().parent.parent
KERAS_FILES = (
    "boston_housing.npz",
    "imdb.npz",
    "imdb_word_index.json",
    "mnist.npz",
    "reuters.npz",
    "reuters_word_index.json",
)
RAW_FILES = ("imdb_reviews.parquet", "reuters21578.parquet")
SERVERS = (
    "MLFLOW_ARTIFACTS_DESTINATION",
    "MLFLOW_BACKEND_STORE_URI",
    "MLFLOW_TRACKING_URI",
    "PREFECT_API_DATABASE_CONNECTION_URL",
    "PREFECT_API_URL",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before anything imports TensorFlow
os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "tasks")  # as runs do; before anything imports Prefect
os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")  # as it is in most tests
os.environ.setdefault("BAKEOFF_JOBS", "1")  # pytest runs tests side by side; tests/test_parallel.py has processes
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as runs do; before anything loads OpenMP
for folder in {"KERAS_HOME", "BAKEOFF_RAW"} & set(os.environ):
    os.environ[folder] = str(Path(os.environ[folder]).resolve())  # tests change the working directory

set_hypothesis_home_dir(ROOT / ".hypothesis")  # for the same reason
settings.register_profile("full", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=15)
settings.load_profile("full")
program_cache.FOLDER = ROOT / ".pytest_cache" / "programs"  # what one run of the tests has compiled serves the next


def pytest_sessionfinish() -> None:
    """A worker of pytest-xdist ends without what others do as they end."""
    program_cache.keep_own()


@pytest.fixture(autouse=True)
def _working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has an mlruns/ of its own, since that folder is relative to the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PREFECT_LOCAL_STORAGE_PATH", raising=False)  # a run of an earlier test has set it, to its own


@pytest.fixture(autouse=True, scope="session")
def _no_servers_of_the_users() -> Iterator[None]:
    """Servers and databases that a user's environment names are left alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name in SERVERS:
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def keras_home() -> Path:
    """The user's own cache of Keras, for tests that set another."""
    return Path(os.environ["KERAS_HOME"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that wait for servers come first: begun last, they would run on when the other worker has nothing left."""
    waiting = {item.path for item in items if any(map(item.get_closest_marker, ("browser", "postgres", "servers")))}
    items.sort(key=lambda item: item.path not in waiting)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What a marked test needs may be missing on a user's machine, but not in CI."""
    reasons = [missing() for marker, missing in REQUIREMENTS.items() if item.get_closest_marker(marker)]
    for reason in filter(None, reasons):
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def missing_data() -> str | None:
    """What must be fetched before real data can be read, if anything."""
    home = os.environ.get("KERAS_HOME")
    files = [name for name in KERAS_FILES if not (home and (Path(home) / "datasets" / name).is_file())]
    where = f"under datasets/ where KERAS_HOME points (now {home or 'not set'})"
    return f"needs {', '.join(files)} {where}" if files else None


def missing_texts() -> str | None:
    """Which real texts, as people wrote them, are missing, if any."""
    folder = os.environ.get("BAKEOFF_RAW")
    files = [name for name in RAW_FILES if not (folder and (Path(folder) / name).is_file())]
    return f"needs {', '.join(files)} in the folder BAKEOFF_RAW (now {folder or 'not set'})" if files else None


REQUIREMENTS = {
    "browser": missing_browser,
    "postgres": missing_postgres,
    "real_data": missing_data,
    "real_texts": missing_texts,
}
