"""Gradient boosting and the floor: scikit-learn's estimators, as an experiment names them."""

import importlib
import inspect
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.metrics import Task
from tasks.specs import BakeoffError, Spec, did_you_mean

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

Scalar = bool | int | float | str | None
Setting = Scalar | list[Scalar]


class _BaselineSpec(Spec):
    """An estimator by name; `params` holds any of its constructor's arguments, by scikit-learn's names."""

    kind: str
    family: ClassVar[Literal["baseline", "floor"]] = "baseline"
    regressor: ClassVar[str]
    classifier: ClassVar[str]

    params: dict[str, Setting] = Field({}, description="constructor arguments, by scikit-learn's names")

    def estimator(self, task: Task, seed: int) -> "BaseEstimator":
        """An unfitted estimator; what it draws at random, it draws from `seed`.

        Raises:
            BakeoffError: when `params` has a name that the constructor does not know.
        """
        module, name = (self.regressor if task == "regression" else self.classifier).split(":")
        constructor = getattr(importlib.import_module(module), name)
        known = inspect.signature(constructor).parameters
        for given in self.params:
            if given not in known:
                hint = did_you_mean(given, known) or f"; it has {', '.join(sorted(known))}"
                raise BakeoffError(f"{name} has no argument {given!r}{hint}")
        seeded = {"random_state": seed} if "random_state" in known else {}
        return constructor(**(seeded | self.params))


class GradientBoostingSpec(_BaselineSpec):
    """Gradient boosting on exact splits (Friedman 2001)."""

    kind: Literal["gradient_boosting"] = "gradient_boosting"
    regressor = "sklearn.ensemble:GradientBoostingRegressor"
    classifier = "sklearn.ensemble:GradientBoostingClassifier"


class HistGradientBoostingSpec(_BaselineSpec):
    """Gradient boosting on histograms, in the manner of LightGBM."""

    kind: Literal["hist_gradient_boosting"] = "hist_gradient_boosting"
    regressor = "sklearn.ensemble:HistGradientBoostingRegressor"
    classifier = "sklearn.ensemble:HistGradientBoostingClassifier"


class DummySpec(_BaselineSpec):
    """The mean of the training targets, or the classes' shares: what any contender must beat."""

    kind: Literal["dummy"] = "dummy"
    family = "floor"
    regressor = "sklearn.dummy:DummyRegressor"
    classifier = "sklearn.dummy:DummyClassifier"


Baseline = Annotated[GradientBoostingSpec | HistGradientBoostingSpec | DummySpec, Field(discriminator="kind")]


def predict_with(estimator: "BaseEstimator", X: NDArray[np.float64], task: Task, n_outputs: int) -> NDArray[np.float64]:
    """The fitted estimator's prediction: (rows,), or probabilities (rows, classes) with 0 for classes it never saw."""
    if task == "regression":
        return np.asarray(estimator.predict(X), np.float64)
    probabilities = np.zeros((len(X), n_outputs))
    probabilities[:, estimator.classes_.astype(np.int64)] = estimator.predict_proba(X)
    return probabilities
