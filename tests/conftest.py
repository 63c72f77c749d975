import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

ROOT = Path(__file__).resolve().parent.parent
KERAS_FILES = (
    "boston_housing.npz",
    "imdb.npz",
    "imdb_word_index.json",
    "mnist.npz",
    "reuters.npz",
    "reuters_word_index.json",
)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before anything imports TensorFlow
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as runs do; before anything loads OpenMP
if "KERAS_HOME" in os.environ:
    os.environ["KERAS_HOME"] = str(Path(os.environ["KERAS_HOME"]).resolve())  # tests change the working directory

set_hypothesis_home_dir(ROOT / ".hypothesis")  # for the same reason
settings.register_profile("bakeoff", settings(deadline=None))
settings.load_profile("bakeoff")


@pytest.fixture(autouse=True)
def _working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has an mlruns/ of its own, since that folder is relative to the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True, scope="session")
def _no_servers_of_the_users() -> Iterator[None]:
    """Servers that a user's environment names are left alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL"):
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


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Real data may be missing on a user's machine, but not in CI."""
    if item.get_closest_marker("real_data") is None:
        return
    home = os.environ.get("KERAS_HOME")
    missing = [name for name in KERAS_FILES if not (home and (Path(home) / "datasets" / name).is_file())]
    if not missing:
        return
    reason = f"needs {', '.join(missing)} under datasets/ where KERAS_HOME points (now {home or 'not set'})"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
