import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data.folds.splitting import Folds, HoldOutSpec, KFoldSpec, split
from tasks.specs import BakeoffError
from tests.builders import arrays_of

SEEDS = st.integers(0, 2**32 - 1)
SHAPES = st.tuples(st.integers(2, 6), st.integers(1, 3), SEEDS)  # n_splits, n_repeats, seed


def _split(y: list[float], n_splits: int, n_repeats: int = 1, seed: int = 0, classes: bool = False) -> Folds:
    arrays = arrays_of("multiclass" if classes else "regression", y)
    return split(arrays, KFoldSpec(n_splits=n_splits, n_repeats=n_repeats, seed=seed))


@settings(max_examples=40)
@given(SHAPES, st.integers(6, 40))
def test_each_row_is_held_out_exactly_once_in_every_repeat(shape: tuple[int, int, int], rows: int) -> None:
    n_splits, n_repeats, seed = shape
    pairs = list(_split(list(range(rows)), n_splits, n_repeats, seed).pairs())
    assert len(pairs) == n_splits * n_repeats
    for repeat in range(n_repeats):
        held_out = np.concatenate([rows for _, rows in pairs[repeat * n_splits : (repeat + 1) * n_splits]])
        assert sorted(held_out) == list(range(rows))


@settings(max_examples=40)
@given(SHAPES, st.integers(6, 40))
def test_a_fold_trains_on_exactly_the_rows_it_does_not_hold_out(shape: tuple[int, int, int], rows: int) -> None:
    for training, held_out in _split(list(range(rows)), *shape).pairs():
        assert sorted([*training, *held_out]) == list(range(rows))


@settings(max_examples=40)
@given(SHAPES, st.integers(6, 40))
def test_folds_are_of_equal_size_within_one_row(shape: tuple[int, int, int], rows: int) -> None:
    sizes = [len(held_out) for _, held_out in _split(list(range(rows)), *shape).pairs()]
    assert max(sizes) - min(sizes) <= 1


@settings(max_examples=40)
@given(SHAPES, st.lists(st.integers(6, 15), min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_each_class_is_spread_over_the_folds_within_one_row(
    shape: tuple[int, int, int], counts: list[int], random: np.random.Generator
) -> None:
    y = [number for number, count in enumerate(counts) for _ in range(count)]
    random.shuffle(y)
    held_out = [rows for _, rows in _split(y, *shape, classes=True).pairs()]
    per_fold = np.array([np.bincount(np.array(y)[rows], minlength=len(counts)) for rows in held_out])
    assert np.ptp(per_fold, axis=0).max() <= 1


@settings(max_examples=25)
@given(SHAPES, st.integers(1, 4), st.booleans())
def test_more_repeats_keep_the_earlier_folds(shape: tuple[int, int, int], more: int, classes: bool) -> None:
    n_splits, n_repeats, seed = shape
    y = [k % 2 for k in range(20)]
    few = _split(y, n_splits, n_repeats, seed, classes).held_out()
    many = _split(y, n_splits, n_repeats + more, seed, classes).held_out()
    np.testing.assert_array_equal(many[:n_repeats], few)


def test_the_same_seed_gives_the_same_folds_and_another_seed_others() -> None:
    y = list(range(30))
    assert _split(y, 3, 2, seed=5) == _split(y, 3, 2, seed=5)
    assert _split(y, 3, 2, seed=5).file != _split(y, 3, 2, seed=6).file


def test_repeats_differ_from_one_another() -> None:
    first, second = _split(list(range(30)), 3, 2).held_out()
    assert (first != second).any()


def test_folds_do_not_depend_on_the_values_to_be_predicted() -> None:
    one, other = _split(list(range(30)), 3), _split(list(range(30, 0, -1)), 3)
    np.testing.assert_array_equal(one.held_out(), other.held_out())


def test_more_folds_than_rows_are_refused_and_as_many_are_not() -> None:
    with pytest.raises(BakeoffError, match=r"n_splits is 5, but there are 4 training rows; choose 4 or fewer"):
        _split([1, 2, 3, 4], 5)
    assert [held_out.tolist() for _, held_out in _split([1, 2, 3, 4], 4).pairs()] != []


def test_fewer_rows_of_a_class_than_folds_are_refused_by_the_class_name() -> None:
    y = [0] * 9 + [1] * 3
    with pytest.raises(BakeoffError, match=r"class b has 3 training rows, fewer than .* = 4; choose 3 or fewer"):
        _split(y, 4, classes=True)
    assert _split(y, 3, classes=True).rows == 12


def test_a_class_with_a_single_row_is_not_answered_with_a_number_of_folds_that_cannot_be() -> None:
    with pytest.raises(BakeoffError, match=r"class b has 1 training row") as caught:
        _split([0] * 9 + [1], 2, classes=True)
    assert "choose 2" not in str(caught.value)


def test_held_out_test_rows_are_in_no_fold() -> None:
    folds = split(arrays_of("regression", range(20), n_test=5), KFoldSpec(n_splits=3))
    assert folds.rows == 15
    assert max(rows.max() for pair in folds.pairs() for rows in pair) == 14


@pytest.mark.parametrize("field", [{"n_splits": 1}, {"n_repeats": 0}, {"seed": -1}, {"seed": 2**32}])
def test_a_validation_that_cannot_be_is_refused(field: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(field))):
        KFoldSpec(**field)  # type: ignore[arg-type]


@settings(max_examples=40)
@given(st.integers(4, 60), st.data())
def test_a_hold_out_parts_the_rows_in_two(rows: int, data: st.DataObject) -> None:
    validation = HoldOutSpec(validation_rows=data.draw(st.integers(1, rows - 1)), seed=data.draw(SEEDS))
    folds = split(arrays_of("regression", list(range(rows))), validation)
    ((training, held_out),) = folds.pairs()
    assert len(held_out) == validation.validation_rows
    assert sorted([*training, *held_out]) == list(range(rows))


@settings(max_examples=40)
@given(st.lists(st.integers(8, 30), min_size=2, max_size=4), st.integers(8, 16), SEEDS)
def test_a_hold_out_keeps_the_classes_shares_within_one_row(counts: list[int], validation_rows: int, seed: int) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    validation_rows = min(validation_rows, len(y) - len(counts))
    folds = split(arrays_of("multiclass", y.tolist()), HoldOutSpec(validation_rows=validation_rows, seed=seed))
    ((_, held_out),) = folds.pairs()
    expected = np.array(counts) * validation_rows / len(y)
    assert np.abs(np.bincount(y[held_out], minlength=len(counts)) - expected).max() <= 1


def test_every_seed_of_a_hold_out_has_the_same_rows() -> None:
    folds = split(arrays_of("regression", list(range(20))), HoldOutSpec(validation_rows=5, n_seeds=3))
    pairs = list(folds.pairs(3))
    assert len(pairs) == 3
    for training, held_out in pairs:
        np.testing.assert_array_equal(training, pairs[0][0])
        np.testing.assert_array_equal(held_out, pairs[0][1])


@pytest.mark.parametrize("validation_rows", [20, 21, 10**9])
def test_a_validation_part_as_large_as_the_data_is_refused(validation_rows: int) -> None:
    message = f"validation_rows is {validation_rows}, but there are 20 training rows; choose 19 or fewer"
    with pytest.raises(BakeoffError, match=message):
        split(arrays_of("regression", list(range(20))), HoldOutSpec(validation_rows=validation_rows))


@pytest.mark.parametrize("validation_rows", [2, 18])
def test_a_part_with_fewer_rows_than_classes_is_refused(validation_rows: int) -> None:
    arrays = arrays_of("multiclass", [0, 1, 2, 0, 1] * 4)
    with pytest.raises(BakeoffError, match="too small for a row of each of 3 classes; choose 3 to 17"):
        split(arrays, HoldOutSpec(validation_rows=validation_rows))


def test_a_class_with_a_single_row_is_refused_by_name() -> None:
    arrays = arrays_of("multiclass", [0, 1, 0, 1, 0, 1, 2])
    with pytest.raises(BakeoffError, match="class c has 1 training rows; it takes 2 or more"):
        split(arrays, HoldOutSpec(validation_rows=3))


def test_a_class_that_would_be_missing_from_the_training_part_is_refused_by_name() -> None:
    arrays = arrays_of("binary", [0] * 98 + [1] * 2)
    with pytest.raises(BakeoffError, match="class b has no row left to learn from when 95 rows held out"):
        split(arrays, HoldOutSpec(validation_rows=95))
