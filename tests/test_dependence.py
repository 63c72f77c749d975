"""Folds for rows that depend on one another, and all that follows from them."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data.examples import count_groups
from tasks.data.folds.splitting import FoldsSpec, GroupKFoldSpec, TimeSeriesSplitSpec, split
from tasks.data.vectorization import DesignMatrix
from tasks.evaluation.cross_validation import Result, evaluate, refit, score_on_test
from tasks.models.baselines.classic import DummySpec, RidgeSpec
from tasks.models.nets.network_fits import members_of
from tasks.models.nets.network_spec import EarlyStoppingSpec
from tasks.models.nets.networks import DenseSpec
from tasks.reporting.contender_files import write_contender
from tasks.reporting.experiment_files import write_experiment
from tasks.reporting.report import Report, rank, write_report
from tasks.specs import BakeoffError
from tasks.store import load_arrays
from tasks.verdict.comparison import Rules, compare
from tasks.verdict.selection_bias import correct_for_choice
from tests.builders import arrays_of, grouped_arrays, made_arrays, result_of
from tests.served import examples_of

SHAPES = st.tuples(st.integers(2, 5), st.integers(1, 3), st.integers(0, 2**32 - 1))  # n_splits, n_repeats, seed
SIZES = st.lists(st.integers(1, 6), min_size=6, max_size=15)


def _groups(sizes: list[int]) -> np.ndarray:
    """The group of each row, the rows of a group far apart."""
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))


def _spec(n_splits: int, n_repeats: int = 1, seed: int = 0) -> GroupKFoldSpec:
    return GroupKFoldSpec(n_splits=n_splits, n_repeats=n_repeats, seed=seed)


@settings(max_examples=40, deadline=None)
@given(SHAPES, SIZES)
def test_no_group_is_learned_from_while_it_is_held_out(shape: tuple[int, int, int], sizes: list[int]) -> None:
    groups = _groups(sizes)
    arrays = grouped_arrays("regression", range(len(groups)), groups.tolist())
    pairs = list(split(arrays, _spec(*shape)).pairs())
    assert len(pairs) == shape[0] * shape[1]
    for training, held_out in pairs:
        assert not set(groups[training]) & set(groups[held_out])
        assert sorted([*training, *held_out]) == list(range(len(groups)))
    for repeat in range(shape[1]):
        once = np.concatenate([held_out for _, held_out in pairs[repeat * shape[0] : (repeat + 1) * shape[0]]])
        assert sorted(once) == list(range(len(groups)))


@pytest.mark.parametrize("classes", [(), ("a", "b")])
def test_each_repeat_has_other_folds_and_more_repeats_begin_with_those_of_fewer(classes: tuple[str, ...]) -> None:
    groups, y = _groups([5] * 12), np.arange(60) % 2
    one, three = (_spec(3, repeats, seed=7).draw(y, classes, groups) for repeats in (1, 3))
    np.testing.assert_array_equal(one[0], three[0])
    assert len({tuple(numbers) for numbers in three}) == 3
    assert (_spec(3, seed=8).draw(y, classes, groups) != one).any()


def test_folds_have_about_the_same_share_of_each_class_where_groups_differ_in_it() -> None:
    groups = np.repeat(np.arange(20), 10)
    y = (np.random.default_rng(0).random(200) < np.where(groups < 10, 0.9, 0.1)).astype(int)
    (numbers,) = _spec(4).draw(y, ("a", "b"), groups)
    shares = [y[numbers == fold].mean() for fold in range(4)]
    assert np.ptp(shares) < 0.2


@pytest.mark.parametrize(
    ("validation", "sizes", "y", "said"),
    [
        (_spec(5), [3] * 4, None, "validation.n_splits is 5, but the training rows make 4 group(s); choose 4 or fewer"),
        (_spec(2), [9], None, "validation.n_splits is 2, but the training rows make 1 group(s); two groups or more"),
        (
            _spec(4, 2),
            [3] * 4,
            None,
            "there are 4 groups, as many as folds, so every repeat has the same folds; set validation.n_repeats: 1",
        ),
        (
            _spec(2),
            [1000, 1, 1, 1],
            None,
            "nearly all training rows are of one group: the 4 that there are tell as much as 1.0",
        ),
        (_spec(3), [4] * 6, [0] * 20 + [1] * 4, "class b has no row to learn from for fold"),
        (_spec(4), [1] * 6, [0, 0, 1, 1, 2, 2], "4 folds of groups cannot be made of these rows: n_splits=4 cannot be"),
    ],
)
def test_groups_that_make_no_folds_are_refused(
    validation: GroupKFoldSpec, sizes: list[int], y: list[int] | None, said: str
) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    arrays = grouped_arrays("multiclass" if y else "regression", y or range(len(groups)), groups.tolist())
    with pytest.raises(BakeoffError, match=re.escape(said)):
        split(arrays, validation)


def test_rows_without_groups_are_not_taken_for_groups() -> None:
    with pytest.raises(BakeoffError, match="no row belongs to a group; choose k_fold"):
        split(made_arrays("regression"), _spec(2))


def test_groups_of_unequal_size_count_for_fewer() -> None:
    assert count_groups(np.repeat([3, 5, 9], [4, 4, 4])).model_dump() == {"count": 3, "effective": 3.0}
    # Sizes 8, 2 and 2: 12 squared by 64 + 4 + 4.
    assert count_groups(np.repeat([3, 5, 9], [8, 2, 2])).effective == pytest.approx(2.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 8), st.integers(0, 40))
def test_in_time_what_is_learned_from_came_before_what_is_held_out(n_splits: int, more: int) -> None:
    rows = n_splits + 1 + more
    folds = split(arrays_of("regression", range(rows)), TimeSeriesSplitSpec(n_splits=n_splits))
    pairs = list(folds.pairs())
    assert len(pairs) == n_splits
    for training, held_out in pairs:
        assert training.tolist() == list(range(held_out[0]))
    held_out = np.concatenate([each for _, each in pairs])
    assert held_out.tolist() == list(range(len(pairs[0][0]), rows))
    assert {len(each) for _, each in pairs} == {rows // (n_splits + 1)}


@pytest.mark.parametrize("n_splits", [2, 5])
def test_the_ratio_that_is_claimed_is_that_of_the_folds(n_splits: int) -> None:
    in_time = arrays_of("regression", range(10 * (n_splits + 1)))
    apart = grouped_arrays("regression", range(10 * n_splits), np.repeat(np.arange(n_splits), 10).tolist())
    for validation, arrays in ((TimeSeriesSplitSpec(n_splits=n_splits), in_time), (_spec(n_splits), apart)):
        ratios = [len(held_out) / len(training) for training, held_out in split(arrays, validation).pairs()]
        assert validation.test_ratio == pytest.approx(np.mean(ratios))


def test_too_few_rows_in_time_or_a_class_that_comes_late_are_refused() -> None:
    with pytest.raises(BakeoffError, match=r"n_splits is 4, but there are 4 training rows, .* choose 3 or fewer"):
        split(arrays_of("regression", range(4)), TimeSeriesSplitSpec(n_splits=4))
    late = arrays_of("binary", [0] * 10 + [1] * 10)
    with pytest.raises(BakeoffError, match="class b has no row to learn from for fold 1: none comes before"):
        split(late, TimeSeriesSplitSpec(n_splits=3))


STOPPED = DenseSpec(units=(4,), epochs=8, batch_size=8, early_stopping=EarlyStoppingSpec(patience=3))


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_no_group_is_learned_from_while_it_says_when_to_stop(task: str) -> None:
    groups = _groups([4] * 20)
    arrays = grouped_arrays(task, (np.arange(80) % 3).tolist(), groups.tolist())  # type: ignore[arg-type]
    folds = split(arrays, _spec(4, 2))
    for member in members_of(STOPPED, arrays.y("train"), arrays, folds):
        parts = [set(groups[rows]) for rows in (member.training, member.judging, member.validation)]
        assert all(parts)
        assert len(set.union(*parts)) == sum(map(len, parts))


def test_in_time_the_last_rows_before_a_block_say_when_to_stop() -> None:
    arrays = arrays_of("regression", range(50))
    members = members_of(STOPPED, arrays.y("train"), arrays, split(arrays, TimeSeriesSplitSpec(n_splits=4)))
    for number, member in enumerate(members, start=1):
        assert member.training.tolist() == list(range(8 * number))
        assert member.judging.tolist() == list(range(8 * number, 10 * number))
        assert member.validation[0] == 10 * number


def test_a_share_that_leaves_nothing_to_learn_from_is_refused() -> None:
    greedy = STOPPED.model_copy(update={"early_stopping": EarlyStoppingSpec(validation_fraction=0.95)})
    for arrays, validation in (
        (arrays_of("regression", range(12)), TimeSeriesSplitSpec(n_splits=3)),
        (grouped_arrays("regression", range(12), [0, 1, 2] * 4), _spec(3)),
    ):
        with pytest.raises(BakeoffError, match=r"early_stopping.validation_fraction 0\.95 does not fit the rows"):
            evaluate("me", greedy, arrays, split(arrays, validation), "mae")


def _reported(data: DesignMatrix, validation: FoldsSpec) -> tuple[Report, list[Result]]:
    """All that a run makes of the rows, but for what it logs."""
    folds, contenders = split(data, validation), {"net": STOPPED, "ridge": RidgeSpec(), "floor": DummySpec()}
    evaluations = [evaluate(name, contender, data, folds, "mae") for name, contender in contenders.items()]
    rules = Rules(validation=validation, metric="mae", unit="points", equivalent_within=0.1)
    results = []
    for evaluation in evaluations:
        fitted = refit(evaluation, data, validation)
        results.append(result_of(evaluation, score_on_test(fitted, data, "mae"), fitted))
    comparison = compare(results, data, rules)
    board = rank(results, rules, data.groups)
    examples = examples_of(data).model_copy(update={"groups": data.groups})
    corrected = correct_for_choice(evaluations, data, "mae")
    report = write_report("made", examples, rules, board, comparison, corrected)
    return report, results


@pytest.mark.variants
def test_everything_that_follows_copes_with_rows_that_are_never_held_out(tmp_path: Path) -> None:
    data, rows = made_arrays("regression", 60, 10), list(range(10, 50))
    report, results = _reported(data, TimeSeriesSplitSpec(n_splits=4))
    for evaluation in (result.evaluation for result in results):
        kept = load_arrays(evaluation.predictions)
        assert kept["rows"].tolist() == rows
        assert np.isfinite(kept["out_of_fold"].astype(float)).all()
    assert report.contenders[0].name == "ridge"
    assert report.remarks[-1].startswith("The verdict rests on 4 stretches of time")
    write_experiment(report, tmp_path)
    write_contender(results[0], data, "points", tmp_path)
    assert sorted(pd.read_parquet(tmp_path / "out_of_fold.parquet").row) == rows
    assert {each.name for each in tmp_path.iterdir()} >= {"ranks.png", "costs.png", "differences.png", "curves.png"}


def test_everything_that_follows_copes_with_groups() -> None:
    X, y = made_arrays("regression", 60, 0).training()
    data = grouped_arrays("regression", y.tolist(), (np.arange(60) % 12).tolist(), X)
    report, results = _reported(data, _spec(4, 2))
    assert load_arrays(results[0].evaluation.predictions)["out_of_fold"].shape == (2, 60)
    assert report.contenders[0].name == "ridge"
    assert report.remarks[-1].startswith("Rows of a group stay together, so what counts is")
    assert report.remarks[-1].endswith("how many groups: 12.")


def test_the_interval_on_test_rows_knows_that_copies_of_a_row_tell_nothing_new() -> None:
    X, y = made_arrays("regression", 60, 0).training()
    alone = grouped_arrays("regression", y.tolist(), list(range(60)), X)
    groups = np.repeat(np.arange(60), 6)
    copied = grouped_arrays("regression", y[groups].tolist(), groups.tolist(), X[groups])
    intervals = []
    for arrays in (alone, copied):
        ridge = refit(evaluate("r", RidgeSpec(), arrays, split(arrays, _spec(4)), "mae"), alone, _spec(4))
        intervals.append(score_on_test(ridge, arrays, "mae").interval)
    assert intervals[1] == pytest.approx(intervals[0])


def test_a_test_of_one_group_has_an_interval_over_its_rows() -> None:
    arrays = grouped_arrays("regression", range(60), np.repeat([0, 1, 2], 20).tolist())
    evaluation = evaluate("floor", DummySpec(), arrays, split(arrays, _spec(2)), "mae")
    test = score_on_test(refit(evaluation, arrays, _spec(2)), arrays, "mae")
    assert test.interval[0] < test.score < test.interval[1]
