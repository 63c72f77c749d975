"""What stands in front of an estimator, and what is refused before it is fitted or asked."""

import numpy as np
import pytest

from tasks.models.baselines.classic import KNeighborsSpec
from tasks.models.baselines.pipelines import SklearnSpec
from tasks.specs import BakeoffError
from tests.builders import problem_of


def test_features_are_not_chosen_by_a_score_that_the_data_has_none_of() -> None:
    def choosing(score_func: str) -> SklearnSpec:
        return KNeighborsSpec.model_validate({"select": {"score_func": score_func, "k": 2}})

    choosing("f_classif").check(problem_of("binary", "table", (3,)), "accuracy")
    choosing("chi2").check(problem_of("binary", "words", (3,)), "accuracy")
    with pytest.raises(BakeoffError, match="chi2 is for counts, and a table may hold negative values"):
        choosing("chi2").check(problem_of("binary", "table", (3,)), "accuracy")
    with pytest.raises(BakeoffError, match="f_classif does not fit a regression task; choose f_regression"):
        choosing("f_classif").check(problem_of("regression", "table", (3,)), "mae")


def test_more_neighbours_than_rows_are_the_users_to_mend() -> None:
    spec = KNeighborsSpec(params={"n_neighbors": 500})
    X = np.random.default_rng(0).normal(size=(20, 2))
    fitted = spec.fit(X, np.arange(20) % 2, problem_of("binary"), 0)
    with pytest.raises(BakeoffError, match="n_neighbors <= n_samples"):
        spec.predict(fitted.model, X, problem_of("binary"))
