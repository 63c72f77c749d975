"""McNemar's test and Holm's adjustment; the tests on folds are tested with the verdicts that rest on them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.statistics import McNemar, holm_factors, mcnemar

P_VALUES = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=20)


def _adjusted(p_values: list[float]) -> np.ndarray:
    return np.minimum(1, holm_factors(p_values) * p_values)


def test_holm_is_the_one_worked_out_by_hand() -> None:
    # In order 0.01, 0.02, 0.03, 0.04: 4 x 0.01, 3 x 0.02, then 2 x 0.03, and 1 x 0.04 is less than those before.
    assert _adjusted([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm_factors([0.03, 0.01, 0.04, 0.02]) == pytest.approx([2, 4, 1.5, 3])


def test_a_single_p_value_stays_as_it_is() -> None:
    assert list(holm_factors([0.2])) == [1]
    assert list(holm_factors([])) == []


@given(P_VALUES, st.floats(0.001, 0.5))
def test_what_is_rejected_is_what_holms_steps_reject(p_values: list[float], level: float) -> None:
    """Step by step, as in the paper: the smallest against level / m, the next against level / (m - 1), and so on."""
    rejected = set()
    for step, number in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[number] > level / (len(p_values) - step) * (1 + 1e-12):
            break
        rejected.add(number)
    assert {int(number) for number in np.flatnonzero(_adjusted(p_values) <= level * (1 + 1e-12))} == rejected


@given(P_VALUES, st.randoms(use_true_random=False))
def test_holm_keeps_order_only_raises_and_knows_no_names(p_values: list[float], random: object) -> None:
    found = _adjusted(p_values)
    assert (found >= p_values).all()
    assert (found <= 1).all()
    assert (np.diff(found[np.argsort(p_values)]) >= -1e-12).all()
    assert ((holm_factors(p_values) >= 1) & (holm_factors(p_values) <= len(p_values) * (1 + 1e-12))).all()
    order = np.random.default_rng(random.getrandbits(32)).permutation(len(p_values))  # type: ignore[attr-defined]
    np.testing.assert_allclose(_adjusted(list(np.take(p_values, order))), found[order])


def test_mcnemar_is_the_one_worked_out_by_hand() -> None:
    # Five rows tell, one of them for the first: (1 + 5) of 32 tosses are so uneven, twice that for both sides.
    first = np.array([1, 1, 0, 1, 0, 0, 0, 0], bool)
    second = np.array([1, 1, 0, 0, 1, 1, 1, 1], bool)
    for found, only in ((mcnemar(first, second), (1, 4)), (mcnemar(second, first), (4, 1))):
        assert (found.only_first, found.only_second) == only
        assert found.p_value == pytest.approx(12 / 32)


def test_models_that_are_right_on_the_same_rows_are_not_told_apart() -> None:
    right = np.array([True, False, True])
    assert mcnemar(right, right) == McNemar(only_first=0, only_second=0, p_value=1)
