"""What any contender must beat."""

from typing import TYPE_CHECKING, Literal

from tasks.data.problem import Problem
from tasks.models.baselines.pipelines import SklearnSpec

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


class DummySpec(SklearnSpec):
    """The mean of the training targets, or the classes' shares."""

    kind: Literal["dummy"] = "dummy"
    family = "floor"
    regressor = "sklearn.dummy:DummyRegressor"
    classifier = "sklearn.dummy:DummyClassifier"

    def _encoding(self, problem: Problem) -> "list[BaseEstimator]":
        """None, as it looks at no feature; only a selection cannot do without."""
        return super()._encoding(problem) if self.select else []


Floor = DummySpec
