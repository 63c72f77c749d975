import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from tasks.specs import BakeoffError
from tasks.store import CACHE, StoredFile, load_arrays, store, store_arrays


def test_a_file_is_named_by_the_digest_of_its_bytes() -> None:
    file = store(".txt", lambda path: path.write_bytes(b"abc"))
    assert file.digest == hashlib.sha256(b"abc").hexdigest()[:16]
    assert file.path == CACHE / f"{file.digest}.txt"
    assert file.path.read_bytes() == b"abc"


def test_same_content_has_the_same_name_and_is_kept_once() -> None:
    one, two = (store_arrays(a=np.arange(5), b=np.eye(2)) for _ in range(2))
    assert one == two
    assert list(CACHE.iterdir()) == [one.path]


@pytest.mark.parametrize("other", [{"a": np.arange(6)}, {"b": np.arange(5)}, {"a": np.arange(5.0)}])
def test_another_value_name_or_type_gives_another_name(other: dict[str, np.ndarray]) -> None:
    assert store_arrays(**other).digest != store_arrays(a=np.arange(5)).digest


def test_nothing_is_left_behind_when_the_writer_fails() -> None:
    def write_half(path: Path) -> None:
        path.write_text("half of")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        store(".txt", write_half)
    assert list(CACHE.iterdir()) == []


def test_no_file_shows_in_the_cache_before_it_is_whole() -> None:
    seen: list[Path] = []

    def write(path: Path) -> None:
        path.write_text("half of")
        seen.extend(file for file in CACHE.iterdir() if file.is_file())
        path.write_text("all of it")

    store(".txt", write)
    assert seen == []


def test_a_file_is_moved_into_the_cache_and_not_written_there() -> None:
    written: list[int] = []

    def write(path: Path) -> None:
        path.write_text("x")
        written.append(path.stat().st_ino)

    assert [store(".txt", write).path.stat().st_ino] == written


def test_the_cache_holds_nothing_but_the_file() -> None:
    file = store(".txt", lambda path: path.write_text("x"))
    assert list(CACHE.iterdir()) == [file.path]


@given(
    st_numpy.arrays(
        st.sampled_from([np.float64, np.float32, np.int16, np.int64, np.bool_]), st_numpy.array_shapes(min_side=0)
    )
)
def test_arrays_come_back_as_they_were(array: np.ndarray) -> None:
    loaded = load_arrays(store_arrays(values=array, other=np.zeros(1)))
    assert set(loaded) == {"values", "other"}
    assert loaded["values"].dtype == array.dtype
    np.testing.assert_array_equal(loaded["values"], array)


def test_objects_are_not_stored() -> None:
    with pytest.raises(ValueError, match="allow_pickle=False"):
        store_arrays(a=np.array([{}, None], dtype=object))
    assert list(CACHE.iterdir()) == []


def test_a_file_with_pickled_content_is_refused() -> None:
    pickled = store(".npz", lambda path: np.savez(path, a=np.array([{}], dtype=object)))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load_arrays(pickled)
    bare = store(".npz", lambda path: path.write_bytes(pickle.dumps([1])))
    with pytest.raises(ValueError, match=r"[Pp]ickle"):
        load_arrays(bare)


def test_a_file_that_is_gone_is_named_with_the_way_to_rebuild_it() -> None:
    gone = StoredFile(digest="0123456789abcdef", suffix=".npz")
    with pytest.raises(BakeoffError, match=r"0123456789abcdef\.npz is gone.*--fresh"):
        load_arrays(gone)
