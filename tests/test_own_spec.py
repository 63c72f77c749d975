"""Of the user's own rows, those for the test are drawn or marked, and changed files are noticed."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.files.folders import class_files, files_below, part_of
from tasks.data.files.own_spec import TestRowsSpec, check_training_rows, hold_out, marked
from tasks.data.files.tables import TableFileSpec
from tasks.specs import BakeoffError
from tests.builders import problem_of

REGRESSION, BINARY = problem_of("regression"), problem_of("binary")
SPEC = TableFileSpec(path=Path("rows.csv"), target="y", task="regression", columns={"x": "number"})


def test_a_share_of_the_rows_is_held_out_the_same_for_the_same_seed() -> None:
    y = np.arange(50.0)
    held_out = hold_out(TestRowsSpec(fraction=0.3), y, REGRESSION)
    assert held_out.sum() == 15
    np.testing.assert_array_equal(held_out, hold_out(TestRowsSpec(fraction=0.3), y, REGRESSION))
    assert (held_out != hold_out(TestRowsSpec(fraction=0.3, seed=1), y, REGRESSION)).any()


def test_each_class_is_held_out_in_proportion() -> None:
    y = np.repeat([0, 1], [80, 20])
    assert np.bincount(y[hold_out(TestRowsSpec(), y, BINARY)]).tolist() == [16, 4]


@given(st.lists(st.integers(0, 5), min_size=2, max_size=30), st.floats(0.05, 0.95))
def test_a_group_is_never_cut_in_two(groups: list[int], fraction: float) -> None:
    numbers = np.array(groups)
    if len(set(groups)) < 2 or round(fraction * len(groups)) >= len(groups):
        return
    held_out = hold_out(TestRowsSpec(fraction=fraction), numbers * 1.0, REGRESSION, numbers)
    assert 0 < held_out.sum() < len(groups)
    assert not set(numbers[held_out]) & set(numbers[~held_out])


@pytest.mark.parametrize(("groups", "expected"), [(2, 1), (3, 1), (4, 2), (7, 2), (20, 4)])
def test_the_test_has_two_groups_where_two_are_left_to_learn_from(groups: int, expected: int) -> None:
    numbers = np.repeat(np.arange(groups), 5)
    held_out = hold_out(TestRowsSpec(), numbers * 1.0, REGRESSION, numbers)
    assert len(set(numbers[held_out])) == expected


def test_in_order_of_time_the_last_rows_are_held_out() -> None:
    held_out = hold_out(TestRowsSpec(fraction=0.25), np.arange(8.0), REGRESSION, in_time_order=True)
    assert np.flatnonzero(held_out).tolist() == [6, 7]


@pytest.mark.parametrize(
    ("fraction", "y", "said"),
    [
        (0.2, [0], "a share of 0.2 of 1 row(s) with a target leaves none to learn from"),
        (0.9, [0, 1, 0, 1], "a share of 0.9 of 4 row(s) with a target leaves none to learn from"),
        (0.2, [0, 0, 0, 1], "class b has one row; it takes two"),
        (
            0.2,
            [0, 0, 1, 1],
            "a share of 0.2 of 4 rows is 1 for the test, and one of the two parts is too small for a row",
        ),
    ],
)
def test_too_few_rows_are_refused(fraction: float, y: list[int], said: str) -> None:
    with pytest.raises(BakeoffError) as error:
        hold_out(TestRowsSpec(fraction=fraction), np.array(y), BINARY)
    assert str(error.value).startswith(said)


def test_one_group_alone_is_refused() -> None:
    with pytest.raises(BakeoffError, match="all rows belong to one group"):
        hold_out(TestRowsSpec(), np.arange(9.0), REGRESSION, np.zeros(9, np.int64))


def test_rows_are_held_out_that_a_column_marks() -> None:
    test = TestRowsSpec(column="split", value="test")
    assert marked(test, np.array(["train", "test"])).tolist() == [False, True]
    with pytest.raises(BakeoffError, match=r"'test', and no row has that in column split; did you mean tset\?"):
        marked(test, np.array(["train", "tset"]))
    with pytest.raises(BakeoffError, match="'test', and every row has that in column split"):
        marked(test, np.array(["test", "test"]))


def test_the_mark_may_be_a_number() -> None:
    assert TestRowsSpec.model_validate({"column": "fold", "value": 1}).value == "1"


def test_a_class_with_nothing_to_learn_from_is_refused() -> None:
    y, held_out = np.array([0, 1, 0]), np.array([False, True, True])
    with pytest.raises(BakeoffError, match="class b has rows for the test, and none to learn from"):
        check_training_rows(y, held_out, ("a", "b"))
    check_training_rows(y, held_out, ())


def test_a_name_is_that_of_the_file() -> None:
    assert SPEC.model_copy(update={"path": Path("data/cars.v2.csv")}).name == "cars.v2"


def test_the_stamp_changes_with_the_file_and_with_nothing_else() -> None:
    file = Path("rows.csv")
    missing = SPEC.stamp
    file.write_text("a\n1\n")
    first = SPEC.stamp
    assert len({missing, first, SPEC.model_copy(update={"target": "z"}).stamp}) == 2
    file.write_text("a\n12\n")
    longer = SPEC.stamp
    os.utime(file, ns=(0, 0))
    assert len({missing, first, longer, SPEC.stamp}) == 4


def test_the_stamp_of_a_folder_is_that_of_all_files_below() -> None:
    folder = SPEC.model_copy(update={"path": Path("folder")})
    Path("folder/a").mkdir(parents=True)
    empty = folder.stamp
    Path("folder/a/1.txt").write_text("x")
    assert folder.stamp != empty


def test_links_to_folders_and_files_count_as_what_they_lead_to() -> None:
    """As class folders, for the pictures that are found, and for the stamp."""
    for name in ("cat", "dog"):
        Path("far", name, "below").mkdir(parents=True)
        Path("far", name, "below", "1.txt").write_text(name)
        Path("pets").mkdir(exist_ok=True)
        Path("pets", name).symlink_to(Path("far", name).resolve())
    Path("pets/cat/2.txt").symlink_to(Path("far/dog/below/1.txt").resolve())
    Path("far/dog/below/loop").symlink_to(Path("far/dog").resolve())
    found = class_files(Path("pets"), (".txt",), "texts")
    assert [str(file) for file in found.files] == ["pets/cat/2.txt", "pets/cat/below/1.txt", "pets/dog/below/1.txt"]
    assert len(files_below(Path("pets"), (".txt",))) == 3
    folder = SPEC.model_copy(update={"path": Path("pets")})
    before = folder.stamp
    assert folder.stamp == before
    Path("far/cat/below/1.txt").write_text("tiger")
    assert folder.stamp != before


def test_what_cannot_be_looked_at_has_a_stamp_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_dir", lambda _: (_ for _ in ()).throw(PermissionError))
    assert len(SPEC.stamp) == 16


@given(st.sampled_from(["train", "Training", "TEST", "testing", "val", "Valid", "validation", "Dev"]), st.booleans())
def test_a_part_of_the_data_is_known_by_its_name_in_any_case(name: str, large: bool) -> None:
    part = {"tr": "train", "te": "test", "va": "validation", "de": "validation"}[name[:2].lower()]
    assert part_of(f" {name.upper() if large else name} ") == part
    assert part_of(f"{name}s") is None
