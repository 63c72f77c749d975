"""Keras's cache: what is refused before it is opened, and how what is missing gets there."""

import hashlib
import os
import pickle
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks import progress
from tasks.data import keras_cache
from tasks.data.datasets import ingest
from tasks.data.keras_cache import MIRROR, KerasFile, content, fetch, state
from tasks.data.texts import IMDB, ImdbSpec
from tasks.specs import BakeoffError

GOOD = b"the bytes that Keras publishes " * 1000
FILE = KerasFile(
    name="made.npz", digest=hashlib.sha256(GOOD).hexdigest(), size=len(GOOD), loader="boston_housing:load_data"
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, and no network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv(MIRROR, raising=False)

    def no_network(url: str, *_: Any) -> None:
        if url.startswith("file:"):
            return real(url, *_)
        raise urllib.request.URLError("Name or service not known")

    real: Any = urllib.request.urlretrieve
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", no_network)
    return tmp_path / "keras" / "datasets"


def _put(folder: Path, content: bytes, name: str = FILE.name) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_the_cache_is_keras_home_or_the_users_own_folder(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert FILE.path == cache / FILE.name
    monkeypatch.delenv("KERAS_HOME")
    assert FILE.path == Path.home() / ".keras" / "datasets" / FILE.name


def test_a_genuine_file_is_read_and_left_as_it_is(cache: Path) -> None:
    path = _put(cache, GOOD)
    assert content(FILE) == path.read_bytes() == GOOD
    assert state(FILE) == "cached"
    assert fetch(FILE) is False


@pytest.mark.parametrize("bad", [GOOD[: len(GOOD) // 2], b"X" + GOOD[1:], b""], ids=["half", "a byte", "empty"])
def test_a_truncated_or_altered_file_is_refused_by_name_and_kept(cache: Path, bad: bytes) -> None:
    path = _put(cache, bad)
    with pytest.raises(BakeoffError) as refusal:
        content(FILE)
    assert str(path) in str(refusal.value)
    assert f"{len(bad)} of {len(GOOD)} bytes" in str(refusal.value)
    assert "Delete it" in str(refusal.value)
    assert path.read_bytes() == bad
    assert state(FILE) == "altered"


def test_a_good_copy_elsewhere_is_untouched_by_a_bad_one(cache: Path, tmp_path: Path) -> None:
    good = _put(tmp_path / "elsewhere", GOOD)
    _put(cache, b"bad")
    with pytest.raises(BakeoffError):
        content(FILE)
    assert good.read_bytes() == GOOD


class Bomb:
    """A pickle that creates a file when it is opened."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("bomb"),)


def test_a_pickle_in_place_of_imdb_is_never_opened(cache: Path) -> None:
    arrays = {name: np.array([Bomb()], object) for name in ("x_train", "y_train", "x_test", "y_test")}
    cache.mkdir(parents=True)
    np.savez(cache / IMDB.name, **arrays)  # type: ignore[arg-type]
    with pytest.raises(BakeoffError, match=r"imdb\.npz is not the file that Keras publishes"):
        ingest(ImdbSpec())
    (cache / IMDB.name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(BakeoffError, match=r"imdb\.npz is not the file that Keras publishes"):
        ingest(ImdbSpec())
    assert not Path("bomb").exists()
    pickle.loads(pickle.dumps(Bomb()))  # noqa: S301  # it would have worked
    assert Path("bomb").exists()


def test_without_file_and_network_it_is_said_what_goes_where(cache: Path) -> None:
    with pytest.raises(BakeoffError) as refusal:
        ingest(ImdbSpec())
    message = str(refusal.value)
    assert message.startswith(f"imdb.npz is not in {cache} and could not be downloaded")
    assert "Name or service not known" in message
    assert MIRROR in message
    assert list(cache.iterdir()) == []


def test_a_mirror_is_asked_in_place_of_keras_own_server(cache: Path, tmp_path: Path) -> None:
    mirror = _put(tmp_path / "mirror", GOOD).parent
    assert fetch(FILE, mirror.as_uri()) is True
    assert (cache / FILE.name).read_bytes() == GOOD


def test_a_mirror_can_be_named_in_the_environment(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR, _put(tmp_path / "mirror", GOOD).parent.as_uri() + "/")
    assert content(FILE) == GOOD


def test_a_mirror_with_another_file_is_found_out_and_leaves_nothing(cache: Path, tmp_path: Path) -> None:
    mirror = _put(tmp_path / "mirror", b"another file").parent
    with pytest.raises(BakeoffError, match=r"could not be downloaded: .*does not match"):
        fetch(FILE, mirror.as_uri())
    assert list(cache.iterdir()) == []


def test_files_in_a_folder_of_their_own_are_put_there(cache: Path, tmp_path: Path) -> None:
    own = FILE.model_copy(update={"folder": "datasets/made"})
    fetch(own, _put(tmp_path / "mirror", GOOD).parent.as_uri())
    assert (cache / "made" / FILE.name).read_bytes() == GOOD


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o500)
    with pytest.raises(BakeoffError, match="cannot be written"):
        fetch(FILE)


def test_a_file_in_place_of_the_folder_is_said_to_be_in_the_way(cache: Path) -> None:
    cache.parent.write_text("not a folder")
    with pytest.raises(BakeoffError, match="that folder cannot be written; set KERAS_HOME"):
        fetch(FILE)


def test_progress_is_reported_and_standard_output_kept_free(
    cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[str, int, int]] = []
    with progress.listening(lambda *each: seen.append(each)):
        fetch(FILE, _put(tmp_path / "mirror", GOOD).parent.as_uri())
    assert seen[-1] == ("download made.npz, kB", 31, 31)
    assert capfd.readouterr().out == ""


def test_the_networks_patience_is_put_back(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patience: list[float | None] = []
    monkeypatch.setattr(keras_cache, "_download", lambda *_: patience.append(socket.getdefaulttimeout()))
    fetch(FILE)
    assert patience == [keras_cache.NETWORK_SECONDS]
    assert socket.getdefaulttimeout() is None


@pytest.mark.real_data
def test_every_file_that_keras_names_has_the_hash_that_keras_names(
    cache: Path, monkeypatch: pytest.MonkeyPatch, keras_home: Path
) -> None:
    from tasks.data.datasets import DATASETS

    monkeypatch.setenv("KERAS_HOME", str(keras_home))
    files = {file for spec in DATASETS.values() for file in spec.files if file.path.exists()}
    assert {file.name for file in files} >= {"mnist.npz", "imdb.npz", "reuters.npz", "boston_housing.npz"}
    assert {state(file) for file in files} == {"cached"}
    assert all(file.size == file.path.stat().st_size for file in files)
