"""Gradient boosting and the floor: scikit-learn's estimators, as an experiment names them."""

import importlib
import inspect
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from tasks.data.examples import Form
from tasks.data.vectorization import Features
from tasks.metrics import Task
from tasks.specs import BakeoffError, Spec, did_you_mean

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

Scalar = bool | int | float | str | None
Setting = Scalar | list[Scalar]


class SelectKBestSpec(Spec):
    """The `k` features that go best with the target by themselves, found on the training rows of each fold."""

    score_func: Literal["chi2", "f_classif", "f_regression"] = Field(
        "chi2", description="scikit-learn's name: chi2 for counts and classes, f_classif for classes, f_regression"
    )
    k: PositiveInt = Field(description="how many features are left")

    def before(self, estimator: "BaseEstimator", task: Task) -> "BaseEstimator":
        """A pipeline of scikit-learn's `SelectKBest`, which gives an array, and the estimator.

        Raises:
            BakeoffError: when the score does not fit the task.
        """
        from mlxtend.preprocessing import DenseTransformer
        from sklearn import feature_selection
        from sklearn.pipeline import make_pipeline

        if (self.score_func == "f_regression") != (task == "regression"):
            fitting = "f_regression" if task == "regression" else "chi2 or f_classif"
            raise BakeoffError(f"select.score_func {self.score_func} does not fit a {task} task; choose {fitting}")
        best = feature_selection.SelectKBest(getattr(feature_selection, self.score_func), k=self.k)
        return make_pipeline(best, DenseTransformer(return_copy=False), estimator)


class _BaselineSpec(Spec):
    """An estimator by name; `params` holds any of its constructor's arguments, by scikit-learn's names."""

    kind: str
    family: ClassVar[Literal["baseline", "floor"]] = "baseline"
    takes_sparse: ClassVar[bool] = True
    regressor: ClassVar[str]
    classifier: ClassVar[str]

    params: dict[str, Setting] = Field({}, description="constructor arguments, by scikit-learn's names")
    select: SelectKBestSpec | None = Field(None, description="take the best features alone, as an array")

    def check_form(self, form: Form) -> None:
        """Finds out whether the estimator takes the rows of such data.

        Raises:
            BakeoffError: when it does not.
        """
        if form == "words" and not self.takes_sparse and not self.select:
            raise BakeoffError(
                f"{self.kind} takes no sparse rows, as texts are; add `select: {{score_func: chi2, k: 1000}}`"
            )

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
        estimator: BaseEstimator = constructor(**(seeded | self.params))
        return self.select.before(estimator, task) if self.select else estimator


class GradientBoostingSpec(_BaselineSpec):
    """Gradient boosting on exact splits (Friedman 2001)."""

    kind: Literal["gradient_boosting"] = "gradient_boosting"
    regressor = "sklearn.ensemble:GradientBoostingRegressor"
    classifier = "sklearn.ensemble:GradientBoostingClassifier"


class HistGradientBoostingSpec(_BaselineSpec):
    """Gradient boosting on histograms, in the manner of LightGBM."""

    kind: Literal["hist_gradient_boosting"] = "hist_gradient_boosting"
    takes_sparse = False
    regressor = "sklearn.ensemble:HistGradientBoostingRegressor"
    classifier = "sklearn.ensemble:HistGradientBoostingClassifier"


class DummySpec(_BaselineSpec):
    """The mean of the training targets, or the classes' shares: what any contender must beat."""

    kind: Literal["dummy"] = "dummy"
    family = "floor"
    regressor = "sklearn.dummy:DummyRegressor"
    classifier = "sklearn.dummy:DummyClassifier"


Baseline = Annotated[GradientBoostingSpec | HistGradientBoostingSpec | DummySpec, Field(discriminator="kind")]


def predict_with(estimator: "BaseEstimator", X: Features, task: Task, n_outputs: int) -> NDArray[np.float64]:
    """The fitted estimator's prediction: (rows,), or probabilities (rows, classes) with 0 for classes it never saw."""
    if task == "regression":
        return np.asarray(estimator.predict(X), np.float64)
    probabilities = np.zeros((X.shape[0], n_outputs))
    probabilities[:, estimator.classes_.astype(np.int64)] = estimator.predict_proba(X)
    return probabilities
