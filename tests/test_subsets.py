"""Subsets of training rows: what a learning curve learns from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.folds.splitting import (
    Folds,
    GroupKFoldSpec,
    HoldOutSpec,
    KFoldSpec,
    TimeSeriesSplitSpec,
    Validation,
    split,
)
from tasks.data.folds.subsets import Subsets, check_sizes, draw_subsets, shuffled, spread_sizes
from tasks.data.vectorization import DesignMatrix
from tasks.specs import BakeoffError
from tests.builders import grouped_arrays, made_arrays

SIZES = (6, 12, 20)
GROUPS = np.repeat(np.arange(10), [2, 4, 2, 4, 2, 4, 2, 4, 3, 3])
CASES: dict[str, tuple[Validation, DesignMatrix | None]] = {
    "k_fold": (KFoldSpec(n_splits=3, n_repeats=2), None),
    "hold_out": (HoldOutSpec(validation_rows=9), None),
    "group_k_fold": (GroupKFoldSpec(n_splits=3, n_repeats=2), None),
    "time_series_split": (TimeSeriesSplitSpec(n_splits=2), None),
}


def drawn(kind: str) -> tuple[DesignMatrix, Folds, tuple[Subsets, ...]]:
    validation, _ = CASES[kind]
    arrays = made_arrays("binary", rows=30, n_test=0)
    if kind == "group_k_fold":
        arrays = grouped_arrays("binary", (np.arange(30) % 2).tolist(), GROUPS.tolist())
    folds = split(arrays, validation)
    return arrays, folds, draw_subsets(arrays, folds, SIZES, lambda _: 2 if kind != "time_series_split" else 1)


@pytest.mark.parametrize("kind", CASES)
def test_subsets_of_a_repeat_are_nested(kind: str) -> None:
    _, _, by_size = drawn(kind)
    for fold in zip(*(subsets.pairs() for subsets in by_size), strict=True):
        learned = [set(own.tolist()) for own, _ in fold]
        assert learned[0] <= learned[1] <= learned[2]
        assert len(learned[0]) < len(learned[2])


@pytest.mark.parametrize("kind", CASES)
def test_a_curve_never_learns_from_rows_held_out_and_holds_out_the_same_at_every_size(kind: str) -> None:
    _, folds, by_size = drawn(kind)
    whole = list(folds.pairs()) * (2 if kind == "hold_out" else 1)
    for subsets in by_size:
        for (own, held_out), (training, theirs) in zip(subsets.pairs(), whole, strict=True):
            np.testing.assert_array_equal(held_out, theirs)
            assert set(own) <= set(training)
            assert not set(own) & set(held_out)


def test_each_repeat_has_other_subsets_and_the_same_seed_the_same() -> None:
    _, _, (first, *_) = drawn("hold_out")
    _, _, (again, *_) = drawn("hold_out")
    (one, _), (two, _) = first.pairs()
    assert set(one) != set(two)
    assert again.file == first.file


def test_groups_are_learned_from_whole() -> None:
    _, _, by_size = drawn("group_k_fold")
    for subsets in by_size:
        for own, _ in subsets.pairs():
            assert all(set(np.flatnonzero(group == GROUPS)) <= set(own) for group in set(GROUPS[own]))
            assert len(own) <= subsets.size or len(set(GROUPS[own])) == 1


def test_in_order_of_time_the_latest_rows_before_those_held_out_are_learned_from() -> None:
    _, _, (subsets, *_) = drawn("time_series_split")
    for own, held_out in subsets.pairs():
        np.testing.assert_array_equal(own, np.arange(held_out[0] - len(own), held_out[0]))
        assert len(own) == subsets.size


@given(st.lists(st.integers(0, 3), min_size=12, max_size=80), st.integers(0, 9))
def test_every_beginning_has_the_classes_in_about_their_own_shares(labels: list[int], seed: int) -> None:
    y = np.asarray(labels)
    order = shuffled(np.arange(len(y)), seed, y)
    assert sorted(order) == list(range(len(y)))
    counts = np.bincount(y, minlength=4)
    for size in range(2 * np.count_nonzero(counts), len(y) + 1):
        own = np.bincount(y[order[:size]], minlength=4)
        assert (own >= np.minimum(counts, 2)).all()
        assert np.abs(own - size * counts / len(y)).max() <= 2 + np.count_nonzero(counts)


def test_sizes_are_spread_evenly_on_a_logarithmic_scale_up_to_all_rows() -> None:
    arrays = made_arrays("binary", rows=6000, n_test=0)
    sizes = spread_sizes(split(arrays, KFoldSpec(n_splits=4)), n_classes=2)
    assert (sizes[0], sizes[-1], len(sizes)) == (40, 4500, 7)
    ratios = np.diff(np.log(sizes))
    assert ratios.max() < 1.15 * ratios.min()


@pytest.mark.parametrize(
    ("sizes", "said"),
    [((50,), "two numbers"), ((1, 20), "has 1; a contender needs 2"), ((5, 21), "there are 20 rows to learn from")],
)
def test_sizes_that_cannot_be_had_are_refused(sizes: tuple[int, ...], said: str) -> None:
    _, folds, _ = drawn("k_fold")
    with pytest.raises(BakeoffError, match=said):
        check_sizes(sizes, folds)
