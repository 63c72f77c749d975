"""Keras's cache: what is refused before it is opened, and how what is missing gets there."""

import hashlib
import importlib
import io
import os
import pickle
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from http.client import IncompleteRead
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest

from tasks import progress
from tasks.data.builtin import builtin_spec
from tasks.data.builtin.builtin_spec import MIRROR, SERVER, KerasFile, content, fetch, state
from tasks.data.builtin.numbers import FASHION
from tasks.data.builtin.word_lists import IMDB, ImdbSpec
from tasks.data.datasets import DATASETS, ingest
from tasks.specs import BakeoffError

GOOD = b"the bytes that were published " * 1000
FILE = KerasFile(name="made.npz", digest=hashlib.sha256(GOOD).hexdigest(), size=len(GOOD), dataset="boston_housing")
OWN_FOLDER = replace(FILE, folder="datasets/made")
Comes = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no way to the network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv(MIRROR, raising=False)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody listens
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr(urllib.request, "_opener", None)  # one that was made before knows other proxies
    return tmp_path / "keras" / "datasets"


@pytest.fixture
def comes(monkeypatch: pytest.MonkeyPatch) -> Comes:
    """Says which files a server has, and why it has no others; gives the addresses that it is asked for."""

    def say(brought: dict[str, bytes], reason: str = "") -> list[str]:
        asked: list[str] = []

        def urlopen(address: str, timeout: float) -> io.BytesIO:
            asked.append(address)
            name = address.rpartition("/")[2]
            if name not in brought:
                raise URLError(reason)
            return io.BytesIO(brought[name])

        monkeypatch.setattr(builtin_spec, "urlopen", urlopen)
        return asked

    return say


def _put(folder: Path, content: bytes, name: str = FILE.name) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("unset", [None, ""])
def test_the_cache_is_keras_home_or_the_users_own_folder(
    cache: Path, monkeypatch: pytest.MonkeyPatch, unset: str | None
) -> None:
    assert FILE.path == cache / FILE.name
    monkeypatch.setenv("KERAS_HOME", "~/elsewhere")
    assert FILE.path == Path.home() / "elsewhere" / "datasets" / FILE.name
    monkeypatch.delenv("KERAS_HOME") if unset is None else monkeypatch.setenv("KERAS_HOME", unset)
    assert FILE.path == Path.home() / ".keras" / "datasets" / FILE.name


def test_a_genuine_file_is_read_and_left_as_it_is(cache: Path) -> None:
    path = _put(cache, GOOD)
    assert content(FILE) == path.read_bytes() == GOOD
    assert state(FILE) == "cached"
    assert fetch([FILE]) == []


def test_a_file_with_an_md5_alone_is_checked_by_that(cache: Path) -> None:
    file = replace(FILE, digest=hashlib.md5(GOOD, usedforsecurity=False).hexdigest())
    assert state(file) == "absent"
    _put(cache, GOOD)
    assert state(file) == "cached"
    _put(cache, GOOD + b"X")
    assert state(file) == "altered"


@pytest.mark.parametrize("bad", [GOOD[: len(GOOD) // 2], b"X" + GOOD[1:], b""], ids=["half", "a byte", "empty"])
def test_a_truncated_or_altered_file_is_refused_by_name_and_kept(cache: Path, bad: bytes) -> None:
    path = _put(cache, bad)
    with pytest.raises(BakeoffError) as refusal:
        content(FILE)
    message = str(refusal.value)
    assert message.startswith(f"{path} is not the file that was published, and was not opened")
    assert f"it has {len(bad)} bytes, expected {len(GOOD)} with sha256 {FILE.digest}" in message
    assert message.endswith("Delete it, then `bakeoff data fetch boston_housing`")
    assert path.read_bytes() == bad
    assert state(FILE) == "altered"


def test_the_dataset_that_a_refusal_names_is_one_that_can_be_fetched() -> None:
    for name, dataset in DATASETS.items():
        assert {file.dataset for file in dataset.files} <= {name}


class EnoughError(Exception):
    """Raised in place of a download."""


@pytest.mark.parametrize("dataset", [name for name, dataset in DATASETS.items() if dataset.files])
def test_names_folders_and_hashes_are_those_in_keras_own_source(dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in DATASETS[dataset].files:
        loader = importlib.import_module(f"keras.src.datasets.{file.dataset}")

        def get_file(
            fname: str, origin: str, file_hash: str = "", cache_subdir: str = "datasets", file: KerasFile = file
        ) -> None:
            assert origin == f"{SERVER}/{fname}"
            if fname == file.name:
                assert file_hash == ("" if file in FASHION else file.digest)
                assert Path(cache_subdir) == Path(file.folder)
                raise EnoughError

        monkeypatch.setattr(loader, "get_file", get_file)
        with pytest.raises(EnoughError):
            loader.get_word_index() if file.name.endswith("word_index.json") else loader.load_data()


def test_what_cannot_be_read_is_said_so(cache: Path) -> None:
    (cache / FILE.name).mkdir(parents=True)
    for read in (content, state):
        with pytest.raises(BakeoffError, match=r"made\.npz cannot be read: Is a directory"):
            read(FILE)


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
    with pytest.raises(BakeoffError, match=r"imdb\.npz is not the file that was published"):
        ingest(ImdbSpec())
    (cache / IMDB.name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(BakeoffError, match=r"imdb\.npz is not the file that was published"):
        ingest(ImdbSpec())
    assert not Path("bomb").exists()
    pickle.loads(pickle.dumps(Bomb()))  # noqa: S301  # it would have worked
    assert Path("bomb").exists()


def test_without_file_and_network_it_is_said_what_goes_where(cache: Path) -> None:
    with pytest.raises(BakeoffError) as refusal:
        ingest(ImdbSpec())
    message = str(refusal.value)
    assert message.startswith(f"imdb.npz not in {cache}, and could not be downloaded: URL fetch failure")
    assert "Connection refused" in message
    assert f"{MIRROR}=ADDRESS" in message
    assert list(cache.iterdir()) == []


def test_a_mirror_is_asked_in_place_of_keras_own_server(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(MIRROR, _put(tmp_path / "mirror", GOOD).parent.as_uri() + "/")
    seen: list[tuple[str, int, int]] = []
    with progress.listening(lambda *each: seen.append(each)):
        assert fetch([FILE, OWN_FOLDER]) == [FILE, OWN_FOLDER]
    assert content(FILE) == content(OWN_FOLDER) == GOOD
    assert sorted(path.name for path in cache.rglob("*")) == ["made", "made.npz", "made.npz"]
    assert seen[0] == ("download made.npz, kB", 0, 30)
    assert seen[-1] == ("download made.npz, kB", 30, 30)
    assert capfd.readouterr() == ("", "")


def test_a_mirror_that_is_named_goes_before_that_of_the_environment(
    comes: Comes, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = comes({}, reason="no")
    for named in (None, "one/"):
        for everywhere in ("", "other"):
            monkeypatch.setenv(MIRROR, everywhere)
            with pytest.raises(BakeoffError, match=r"could not be downloaded: URL fetch failure on .*: None -- no"):
                fetch([FILE], named)
    assert asked == [f"{server}/made.npz" for server in (SERVER, "other", "one", "one")]


def test_what_came_is_not_taken_unless_it_is_what_was_published(cache: Path, comes: Comes) -> None:
    for wrong in (GOOD[:-1], GOOD + b"X", b""):
        comes({FILE.name: wrong})
        with pytest.raises(BakeoffError, match="could not be downloaded: what came is not the file that was published"):
            fetch([FILE])
        assert list(cache.iterdir()) == []


def test_of_a_download_that_breaks_off_the_whole_files_are_kept(cache: Path, comes: Comes) -> None:
    other = replace(FILE, name="other.npz")
    comes({FILE.name: GOOD}, reason="the line went dead")
    with pytest.raises(BakeoffError, match=r"^other\.npz not in .*: None -- the line went dead\. Put it there"):
        fetch([FILE, other])
    assert [path.name for path in cache.iterdir()] == [FILE.name]


@pytest.mark.parametrize("breaks", [KeyboardInterrupt, TimeoutError("timed out"), IncompleteRead(b"", 100)])
def test_a_download_that_breaks_off_leaves_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch, breaks: BaseException
) -> None:
    class Breaks(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise breaks
            return super().read(100)

    monkeypatch.setattr(builtin_spec, "urlopen", lambda address, timeout: Breaks(GOOD))
    with pytest.raises((KeyboardInterrupt, BakeoffError)):
        fetch([FILE])
    assert list(cache.iterdir()) == []


def test_a_file_that_another_run_brought_meanwhile_is_not_replaced(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(address: str, timeout: float) -> io.BytesIO:
        _put(cache, b"of another run")
        return io.BytesIO(GOOD)

    monkeypatch.setattr(builtin_spec, "urlopen", meanwhile)
    fetch([FILE])
    assert (cache / FILE.name).read_bytes() == b"of another run"


def test_fashion_mnists_four_files_are_named_at_once(comes: Comes) -> None:
    asked = comes({}, reason="no network")
    with pytest.raises(BakeoffError, match=r"could not be downloaded: .* -- no network") as refusal:
        DATASETS["fashion_mnist"]().read()
    assert asked == [f"{SERVER}/{FASHION[0].name}"]
    assert all(file.name in str(refusal.value) for file in FASHION)


def test_a_folder_that_cannot_be_written_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o500)
    if os.geteuid() == 0:  # root may write everywhere
        monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(BakeoffError, match=f"made.npz is not in {cache}, and that folder cannot be written"):
        fetch([FILE])


def test_a_file_in_place_of_the_folder_is_said_to_be_in_the_way(cache: Path) -> None:
    cache.parent.write_text("not a folder")
    with pytest.raises(BakeoffError, match="that folder cannot be written; set KERAS_HOME"):
        fetch([FILE])


@pytest.mark.real_data
def test_every_file_that_keras_names_has_the_hash_that_keras_names(
    monkeypatch: pytest.MonkeyPatch, keras_home: Path
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(keras_home))
    files = {file for dataset in DATASETS.values() for file in dataset.files if file.path.exists()}
    assert {file.name for file in files} >= {"mnist.npz", "imdb.npz", "reuters.npz", "boston_housing.npz"}
    assert {state(file) for file in files} == {"cached"}
    assert all(file.size == file.path.stat().st_size for file in files)


@pytest.mark.real_data
def test_a_folder_can_be_the_mirror_of_another(cache: Path, keras_home: Path) -> None:
    files = [file for name in ("imdb", "reuters") for file in DATASETS[name].files]
    assert fetch(files, (keras_home / "datasets").as_uri()) == files
    assert {state(file) for file in files} == {"cached"}
