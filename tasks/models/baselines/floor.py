"""What any contender must beat."""

from typing import Literal

from tasks.models.baselines.pipelines import SklearnSpec


class DummySpec(SklearnSpec):
    """The mean of the training targets, or the classes' shares."""

    kind: Literal["dummy"] = "dummy"
    family = "floor"
    regressor = "sklearn.dummy:DummyRegressor"
    classifier = "sklearn.dummy:DummyClassifier"


Floor = DummySpec
