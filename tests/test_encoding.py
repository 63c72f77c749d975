"""Categories and missing values as nets take them: each member's encoding comes from its own training rows."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data.encoding import MOST_INPUTS, RARE, Encoding, fit_encodings, vector_length
from tasks.data.examples import Problem
from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.optimizers import SGDSpec
from tasks.models.nets.stacking import ensemble
from tasks.models.nets.table_inputs import MemberEncoding
from tasks.models.nets.training import Member, Stack

LEVELS = (0, 3, 0, 60, 0)
MANY = 60
NAN = np.nan


def table(rows: int = 240) -> np.ndarray:
    """Two numbers with gaps, one without, a category of 3 levels and one of 60, some of which are rare."""
    generator = np.random.default_rng(0)
    many = np.minimum(generator.geometric(0.04, rows) - 1, MANY - 1)
    X = np.column_stack(
        [
            generator.normal(100, 9, rows),
            generator.integers(0, 3, rows),
            generator.normal(size=rows),
            many,
            generator.normal(size=rows),
        ]
    )
    X[generator.random(X.shape) < [0.2, 0.1, 0.1, 0.1, 0]] = NAN
    return X


X = table()
Y = np.nan_to_num(X[:, 1]) + np.isnan(X[:, 0]) + np.sin(np.nan_to_num(X[:, 3]))
PROBLEM = Problem(task="regression", form="table", shape=(5,), levels=LEVELS)
MEMBERS = [  # batches of 16: the last one is short, and the second member's are fewer
    Member(np.arange(0, 150), seed=7, validation=np.arange(150, 240)),
    Member(np.arange(130, 240), seed=8, validation=np.arange(130)),
]


def inputs(encoding: Encoding, rows: Any) -> np.ndarray:
    """What one net makes of rows."""
    rows = np.array(rows, float)
    return np.asarray(MemberEncoding([encoding]).ordinary(0)(rows))


def encoding_of(rows: Any, levels: tuple[int, ...]) -> Encoding:
    """The encoding of a net that learns from all of these rows."""
    rows = np.array(rows, float)
    return fit_encodings(rows, levels, [np.arange(len(rows))])[0]


def vectors_of(stack: Stack) -> list[Any]:
    """The vectors of all members, of each factor with many levels."""
    return list(stack.network.stacked_layers[0].vectors)


# One net


def test_a_missing_number_becomes_the_mean_of_the_training_rows_and_an_input_says_that_it_was_missing() -> None:
    encoding = encoding_of([[1], [3], [5], [7], *[[NAN]] * RARE], (0,))
    expected = [[0, 1], [0, 0], [3 / np.sqrt(5), 0]]  # normalized, missing
    np.testing.assert_allclose(inputs(encoding, [[NAN], [4], [7]]), expected, atol=1e-6)


def test_a_number_that_is_never_missing_has_no_further_input_and_may_be_missing_later() -> None:
    np.testing.assert_allclose(inputs(encoding_of([[1], [3]], (0,)), [[3], [NAN]]), [[1], [0]], atol=1e-6)


def test_a_number_that_is_always_missing_is_nothing() -> None:
    encoding = encoding_of([[NAN, 1.0]] * RARE, (0, 0))
    assert inputs(encoding, [[NAN, 1.0], [5.0, 2.0]]).tolist() == [[0, 0, 1], [5, 1, 0]]


def test_each_frequent_level_has_an_input_and_rare_missing_and_unknown_ones_share_none() -> None:
    encoding = encoding_of([[0]] * RARE + [[1]] * (RARE - 1) + [[2]] * RARE + [[NAN]] * RARE, (3,))
    rows = [[0], [2], [1], [NAN], [3], [-1]]
    assert inputs(encoding, rows).tolist() == [[1, 0], [0, 1], [0, 0], [0, 0], [0, 0], [0, 0]]


def test_a_category_of_rare_levels_alone_is_nothing_and_can_be_learned_from() -> None:
    assert inputs(encoding_of([[0], [1], [2]], (3,)), [[0], [1], [NAN]]).tolist() == [[0], [0], [0]]


@pytest.mark.parametrize("n_levels", [MOST_INPUTS, MOST_INPUTS + 1])
def test_many_levels_have_short_vectors_instead_and_that_of_all_others_begins_at_0(n_levels: int) -> None:
    encoding = encoding_of([[level] for level in range(n_levels)] * RARE, (n_levels,))
    length = n_levels if n_levels == MOST_INPUTS else vector_length(n_levels + 1)
    assert inputs(encoding, [[0]]).shape == (1, length)
    stack = Stack(DenseSpec(units=()), X, Y, PROBLEM, MEMBERS)
    (vectors,) = (each.numpy() for each in vectors_of(stack))
    assert (vectors[:, 0] == 0).all()
    assert 0.04 < np.abs(vectors).max() <= 0.05  # Keras's default
    assert (vectors[0, 1:] != vectors[1, 1:]).all()


@pytest.mark.parametrize(("slots", "length"), [(22, 3), (201, 4), (256, 4), (10_001, 11)])
def test_vectors_are_as_long_as_the_fourth_root_of_their_number(slots: int, length: int) -> None:
    assert vector_length(slots) == length


# Each net its own


def test_what_a_members_own_rows_lack_has_no_input_whatever_the_other_rows_have() -> None:
    rows = np.array([[NAN, 0]] * RARE + [[1, 1]] * RARE + [[3, 1]] * RARE)
    first, second = fit_encodings(rows, (0, 2), [np.arange(2 * RARE), np.arange(RARE, 3 * RARE)])
    asked = [[NAN, 0], [1, 1]]
    np.testing.assert_allclose(inputs(first, asked), [[0, 1, 0, 1], [0, 0, 1, 0]])  # number, level 0, level 1, missing
    np.testing.assert_allclose(inputs(second, asked), [[0, 0, 0, 0], [-1, 0, 1, 0]])


def test_an_encoding_never_sees_the_rows_held_out() -> None:
    other = X.copy()
    other[150:] = np.roll(other[150:], 1, axis=0) * [1000, 1, 1, 1, -5]
    mine, theirs = (fit_encodings(rows, LEVELS, [np.arange(150)])[0] for rows in (X, other))
    np.testing.assert_array_equal(mine.slots, theirs.slots)
    np.testing.assert_array_equal(mine.normalization.mean, theirs.normalization.mean)
    np.testing.assert_array_equal(mine.normalization.scale, theirs.normalization.scale)


@pytest.mark.parametrize("unit", [1e-9, 1e20])
def test_a_number_is_normalized_whatever_its_unit(unit: float) -> None:
    rows = np.random.default_rng(0).normal(size=(20, 2))
    expected = inputs(encoding_of(rows, (0, 0)), rows)
    np.testing.assert_allclose(inputs(encoding_of(rows * unit, (0, 0)), rows * unit), expected, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_any_table_becomes_finite_inputs_the_same_in_a_stack_as_alone(data: st.DataObject) -> None:
    levels = tuple(data.draw(st.lists(st.sampled_from([0, 1, 4, 25]), min_size=1, max_size=4), label="levels"))
    columns = [st.sampled_from([NAN, *map(float, range(n or 5))]) for n in levels]
    rows = np.array(data.draw(st.lists(st.tuples(*columns), min_size=4, max_size=30), label="rows"))
    encodings = fit_encodings(rows, levels, [np.arange(len(rows) // 2), np.arange(len(rows))])
    stacked = MemberEncoding(encodings)
    together = np.asarray(stacked(np.repeat(rows[:, None].astype(np.float32), 2, axis=1)))
    assert np.isfinite(together).all()
    for k in range(2):
        alone = stacked.ordinary(k)
        alone.set_weights([weight[k] for weight in stacked.get_weights()])
        np.testing.assert_allclose(together[:, k], np.asarray(alone(rows)), atol=1e-6)


# Trained


@pytest.mark.variants
def test_every_member_gets_the_weights_that_a_separate_keras_fit_gives_vectors_too() -> None:
    # By SGD: of a vector that several rows of a batch have, Keras's RMSprop squares each row's gradient, not their sum.
    stack = Stack(DenseSpec(units=(8,), batch_size=16, optimizer=SGDSpec()), X, Y, PROBLEM, MEMBERS)
    separate = [stack.unstack(k) for k in range(2)]
    before = vectors_of(stack)[0].numpy()
    stack.fit(3)
    for k, (model, member) in enumerate(zip(separate, MEMBERS, strict=True)):
        model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
        shuffle = np.random.default_rng(member.seed)
        for _ in range(3):
            rows = shuffle.permutation(member.training)
            model.fit(X[rows], Y[rows], 16, shuffle=False, verbose=0)
        mine = stack.unstack(k).get_weights()
        assert len(mine) == 5
        for own, theirs in zip(mine, model.get_weights(), strict=True):
            np.testing.assert_allclose(own, theirs, atol=1e-5)
    assert np.abs(vectors_of(stack)[0].numpy() - before).max() > 1e-3


def test_a_member_trained_alone_ends_like_the_same_member_in_a_stack_whatever_rows_are_held_out() -> None:
    spec = DenseSpec(units=(8,), batch_size=16, l2=0.01)
    other = X.copy()
    other[:130] = np.roll(other[:130], 7, axis=0)
    together = Stack(spec, X, Y, PROBLEM, MEMBERS)
    alone = Stack(spec, other, Y, PROBLEM, MEMBERS[1:])
    for stack in (together, alone):
        stack.fit(3)
    for mine, theirs in zip(together.unstack(1).get_weights(), alone.unstack(0).get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_the_l2_penalty_falls_on_kernels_and_not_on_vectors() -> None:
    stack = Stack(DenseSpec(units=(8,), l2=0.1), X, Y, PROBLEM, MEMBERS)
    assert [kernel.shape[0] for kernel in stack.network.kernels] == [2, 2]
    assert not {id(kernel) for kernel in stack.network.kernels} & {id(each) for each in vectors_of(stack)}


def test_a_saved_ensemble_takes_raw_rows_with_gaps_and_needs_no_code_of_ours(tmp_path: Path) -> None:
    members = [Member(np.arange(240), seed=seed) for seed in (1, 2)]
    stack = Stack(DenseSpec(units=(8,), batch_size=64, dropout=0.2), X, Y, PROBLEM, members)
    stack.fit(2)
    ensemble([stack.unstack(k) for k in range(2)]).save(tmp_path / "net.keras")
    net = keras.models.load_model(tmp_path / "net.keras", safe_mode=True)
    expected = np.mean(stack.predict([np.arange(240)] * 2), axis=0)
    np.testing.assert_allclose(net.predict(X, verbose=0)[:, 0], expected, atol=1e-5)
    assert "tasks" not in (tmp_path / "net.keras").read_bytes().decode("latin1")
