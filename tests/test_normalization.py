import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from tasks.data.encoding import fit_normalization

TABLES = st_numpy.arrays(
    np.float64,
    st.tuples(st.integers(2, 20), st.integers(1, 4)),
    elements=st.integers(-1000, 1000).map(float),
)


@given(TABLES)
def test_normalized_training_rows_have_mean_0_and_deviation_1_unless_constant(X: np.ndarray) -> None:
    fitted = fit_normalization(X)
    normalized = (X - fitted.mean) / fitted.scale
    np.testing.assert_allclose(normalized.mean(axis=0), 0, atol=1e-3)
    constant = np.ptp(X, axis=0) == 0
    np.testing.assert_allclose(normalized.std(axis=0), np.where(constant, 0, 1), atol=1e-3)


def test_a_constant_feature_gets_scale_1() -> None:
    fitted = fit_normalization(np.array([[5.0, 1.0], [5.0, 3.0]]))
    assert fitted.mean.tolist() == [5, 2]
    assert fitted.scale.tolist() == [1, 1]  # the second feature's own deviation


def test_mean_and_deviation_are_those_worked_out_by_hand() -> None:
    fitted = fit_normalization(np.array([[1.0], [2.0], [3.0], [6.0]]))
    assert fitted.mean == pytest.approx([3])
    assert fitted.scale == pytest.approx([np.sqrt(14 / 4)])


def test_features_do_not_mix() -> None:
    X = np.random.default_rng(0).normal(size=(20, 3))
    both, changed = fit_normalization(X), fit_normalization(X * [1, 1, 1000])
    np.testing.assert_array_equal(both.mean[:2], changed.mean[:2])
    np.testing.assert_array_equal(both.scale[:2], changed.scale[:2])
    assert both.scale[2] != changed.scale[2]


def test_single_precision_is_what_the_nets_get() -> None:
    fitted = fit_normalization(np.eye(3))
    assert (fitted.mean.dtype, fitted.scale.dtype) == (np.float32, np.float32)
