"""Linear models and support vector machines."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tasks.data.problem import Problem
from tasks.data.vectorization import Features
from tasks.metrics import METRICS, MetricName, Task
from tasks.models.baselines.estimators import Floats, Setting
from tasks.models.baselines.pipelines import SklearnSpec
from tasks.models.search import Range, Space
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


class LogisticRegressionSpec(SklearnSpec):
    """Logistic regression with an L2 penalty; with several classes, multinomial."""

    kind: Literal["logistic_regression"] = "logistic_regression"
    scaled = True
    classifier = "sklearn.linear_model:LogisticRegression"


class RidgeSpec(SklearnSpec):
    """Least squares with an L2 penalty (Hoerl & Kennard 1970)."""

    kind: Literal["ridge"] = "ridge"
    scaled = True
    regressor = "sklearn.linear_model:Ridge"


class _SvmSpec(SklearnSpec):
    """A support vector machine; of numbers, it learns them in standard deviations, so that C and epsilon mean the same.

    It gives no probabilities: the sigmoid of a decision value, or of a row's several the softmax, has their order and
    no more.
    """

    scaled = True
    gives_probabilities = False

    def check(self, problem: Problem, metric: MetricName) -> None:
        """Also refuses a metric of probabilities."""
        super().check(problem, metric)
        if METRICS[metric].of_probabilities:
            raise BakeoffError(
                f"{self.kind} gives decision values and no probabilities, which {metric} is about; choose"
                " logistic_regression, or the metric accuracy, macro_f1 or roc_auc"
            )

    def _unfitted(self, task: Task, seed: int) -> Any:
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.preprocessing import StandardScaler

        machine = super()._unfitted(task, seed)
        return machine if task != "regression" else TransformedTargetRegressor(machine, transformer=StandardScaler())

    def _probabilities(self, model: "Pipeline", X: Features) -> Floats:
        from scipy.special import expit, softmax

        decisions = np.asarray(model.decision_function(X), np.float64)
        if decisions.ndim == 2:
            return np.asarray(softmax(decisions, axis=1), np.float64)
        return np.column_stack([expit(-decisions), expit(decisions)])


class LinearSvmSpec(_SvmSpec):
    """A linear support vector machine, by liblinear (Fan et al. 2008)."""

    kind: Literal["linear_svm"] = "linear_svm"
    regressor = "sklearn.svm:LinearSVR"
    classifier = "sklearn.svm:LinearSVC"

    def usual_space(self, task: Task) -> Space:
        """What a row on the wrong side costs."""
        return {"params.C": Range(low=1e-4, high=100.0, log=True)}

    def _defaults(self, task: Task) -> Mapping[str, Setting]:
        """The solver for numbers takes more than 1,000 iterations even on the Boston data."""
        return {"max_iter": 10_000} if task == "regression" else {}


class RbfSvmSpec(_SvmSpec):
    """A support vector machine with a kernel, by default the radial basis function (Cortes & Vapnik 1995)."""

    kind: Literal["rbf_svm"] = "rbf_svm"
    regressor = "sklearn.svm:SVR"
    classifier = "sklearn.svm:SVC"

    def check(self, problem: Problem, metric: MetricName) -> None:
        """Also refuses decision values of pairs of classes."""
        super().check(problem, metric)
        if self.params.get("decision_function_shape", "ovr") != "ovr":
            raise BakeoffError(
                "rbf_svm is asked for one decision value for each class; leave decision_function_shape out"
            )

    def usual_space(self, task: Task) -> Space:
        """What a row on the wrong side costs, how far a row reaches, and which errors in a number do not count."""
        space = {
            "params.C": Range(low=0.1, high=1000.0, log=True),
            "params.gamma": Range(low=1e-4, high=1.0, log=True),
        }
        return space | {"params.epsilon": Range(low=1e-3, high=0.5, log=True)} if task == "regression" else space

    def _defaults(self, task: Task) -> Mapping[str, Setting]:
        """Its own choice is that of the greatest decision value."""
        return {} if task == "regression" else {"break_ties": True}


Linear = LogisticRegressionSpec | RidgeSpec | LinearSvmSpec | RbfSvmSpec
