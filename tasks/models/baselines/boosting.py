"""Gradient boosting (Friedman 2001): scikit-learn's two, XGBoost and LightGBM."""

import json
import logging
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.data.examples import Problem
from tasks.data.vectorization import Features, Labels
from tasks.fitting import on_one_thread
from tasks.metrics import MetricName, Task
from tasks.models.baselines.estimators import MANY, BaselineSpec, Fitted, Setting, mendable, spread, without_order
from tasks.models.baselines.pipelines import SklearnSpec, ordinal
from tasks.models.contender import Flavor, Floats
from tasks.models.search import Range, Space
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    import lightgbm
    import xgboost
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

CHECKED = ("objective", "categorical_feature")  # of LightGBM's parameters
XGBOOST_NAMES = {  # the constructor's, by the other names that XGBoost has for its arguments
    "eta": "learning_rate", "min_split_loss": "gamma", "alpha": "reg_alpha", "lambda": "reg_lambda",
    "nthread": "n_jobs", "seed": "random_state",
}  # fmt: skip


class GradientBoostingSpec(SklearnSpec):
    """Gradient boosting on exact splits (Friedman 2001)."""

    kind: Literal["gradient_boosting"] = "gradient_boosting"
    family = "boosting"
    regressor = "sklearn.ensemble:GradientBoostingRegressor"
    classifier = "sklearn.ensemble:GradientBoostingClassifier"


class HistGradientBoostingSpec(SklearnSpec):
    """Gradient boosting on histograms, in the manner of LightGBM; it takes categories and missing values."""

    kind: Literal["hist_gradient_boosting"] = "hist_gradient_boosting"
    family = "boosting"
    takes_sparse = False
    regressor = "sklearn.ensemble:HistGradientBoostingRegressor"
    classifier = "sklearn.ensemble:HistGradientBoostingClassifier"

    def usual_space(self, task: Task) -> Space:
        """How many trees, how large, and how much each may say."""
        return {
            "params.max_iter": Range(low=50, high=600, log=True),
            "params.learning_rate": Range(low=0.01, high=0.3, log=True),
            "params.max_leaf_nodes": Range(low=4, high=64, log=True),
            "params.min_samples_leaf": Range(low=2, high=50, log=True),
            "params.l2_regularization": Range(low=1e-4, high=10.0, log=True),
            "params.max_features": Range(low=0.3, high=1.0),
        }

    def check(self, problem: Problem, metric: MetricName) -> None:
        """Also refuses arguments that list features, beside a table's own categories."""
        super().check(problem, metric)
        _check_lists(self, problem, "categorical_features", "monotonic_cst")

    def _defaults(self, task: Task, rows: int) -> Mapping[str, Setting]:
        return {"min_samples_leaf": of_few(20, rows)}

    def estimator(self, problem: Problem, seed: int, rows: int = MANY) -> "Pipeline":
        """As for all; where no features are selected, it knows which are categories, and they keep to its limit."""
        model = super().estimator(problem, seed, rows)
        if problem.categories and not self.select:
            last = range(problem.width - len(problem.categories), problem.width)
            model[-1].set_params(categorical_features=list(last))
            model[0].set_params(categories__max_categories=model[-1].max_bins)
        return model

    def fit(self, X: Features, y: Labels, problem: Problem, seed: int) -> Fitted:
        """Fits; it cannot bin a feature without any value, which becomes a constant, of no use to a tree either."""
        X, problem = without_order(X, problem)
        if problem.levels and (empty := np.isnan(X).all(axis=0)).any():
            X = np.where(empty, 0.0, X)
        return super().fit(X, y, problem, seed)

    def _encoding(self, problem: Problem) -> "list[BaseEstimator]":
        """Of categories alone: it takes missing values as they are. A selection needs numbers without gaps."""
        if self.select:
            return super()._encoding(problem)
        return [ordinal(problem)] if problem.categories else []


class _BoosterSpec(BaselineSpec):
    """A library with a file format of its own, which holds trees and no pipeline: words come as counts, all of them.

    It takes categories by their numbers, missing values as they are, and series as a table of their summaries.
    """

    family = "boosting"
    probability_objectives: ClassVar[tuple[str, ...]]  # those of classes whose output is a probability for each

    def check(self, problem: Problem, metric: MetricName) -> None:
        """Also refuses an objective that gives no probabilities of classes, and other categories than a table's own."""
        super().check(problem, metric)
        _check_lists(self, problem, "enable_categorical", "feature_types", "categorical_feature")
        objective = self.params.get("objective")
        if problem.task != "regression" and objective is not None and objective not in self.probability_objectives:
            raise BakeoffError(
                f"{self.kind} gives no probabilities with objective {objective}; leave it out, or choose"
                f" {' or '.join(self.probability_objectives)}"
            )

    def fit(self, X: Features, y: Labels, problem: Problem, seed: int) -> Fitted:
        """Fits; the model is the library's own `Booster`, which has no memory of the classes' numbers."""
        if problem.task != "regression" and len(np.unique(y)) <= y.max():
            raise BakeoffError(f"{self.kind} needs a training row of every class")
        X, problem = without_order(X, problem)
        estimator = self.estimator(problem, seed, len(y))
        with on_one_thread():
            return Fitted(self._booster(estimator, X, y, problem))

    def predict(self, model: Any, X: Features, problem: Problem) -> Floats:
        """As any contender predicts."""
        X, problem = without_order(X, problem)
        with on_one_thread():
            outputs = np.asarray(self._outputs(model, X), np.float64)
        if problem.task == "regression":
            return outputs
        shares = outputs if outputs.ndim == 2 else np.column_stack([1 - outputs, outputs])
        return spread(shares, np.arange(shares.shape[1]), problem.n_outputs)

    def _defaults(self, task: Task, rows: int) -> Mapping[str, Setting]:
        return {"n_jobs": 1}

    def _booster(self, estimator: Any, X: Features, y: Labels, problem: Problem) -> Any:
        raise NotImplementedError

    def _outputs(self, model: Any, X: Features) -> Any:
        raise NotImplementedError

    def served(self, model: Any, X: Features, problem: Problem) -> NDArray[np.generic]:
        """The Booster's output: numbers, the probability of class 1, or one for each of several classes."""
        return np.asarray(self._outputs(model, X))

    def save(self, model: Any, path: Path) -> None:
        """Write the library's own format."""
        model.save_model(path)


class XGBoostSpec(_BoosterSpec):
    """XGBoost (Chen & Guestrin 2016); a word that a text does not have is a missing value to it."""

    kind: Literal["xgboost"] = "xgboost"
    suffix = ".ubj"
    probability_objectives = ("binary:logistic", "multi:softprob")
    regressor = "xgboost:XGBRegressor"
    classifier = "xgboost:XGBClassifier"

    def usual_space(self, task: Task) -> Space:
        """How many trees, how large, on how much of the data, and how much each may say."""
        return {
            "params.n_estimators": Range(low=50, high=1000, log=True),
            "params.learning_rate": Range(low=0.01, high=0.3, log=True),
            "params.max_depth": Range(low=2, high=8),
            "params.min_child_weight": Range(low=1.0, high=20.0, log=True),
            "params.subsample": Range(low=0.4, high=1.0),
            "params.colsample_bynode": Range(low=0.3, high=1.0),
            "params.reg_lambda": Range(low=0.01, high=10.0, log=True),
        }

    def _defaults(self, task: Task, rows: int) -> Mapping[str, Setting]:
        return {**super()._defaults(task, rows), "verbosity": 0}

    def _known(self, arguments: Collection[str]) -> Mapping[str, str]:
        """Its configuration lists what is not in the constructor, of the booster and the objective that are chosen."""
        if set(self.params) <= set(arguments):
            return super()._known(arguments)
        import xgboost

        chosen = {name: value for name, value in self.params.items() if name in ("booster", "objective")}
        row, settings = xgboost.DMatrix(np.zeros((1, 1)), label=[1.0]), {"num_class": 2, "verbosity": 0} | chosen
        with mendable():
            untrained = xgboost.train(settings, row, num_boost_round=0)
        names = (*arguments, *_settings_in(json.loads(untrained.save_config())))
        return {name: XGBOOST_NAMES.get(name, name) for name in names}

    def _booster(self, estimator: Any, X: Features, y: Labels, problem: Problem) -> "xgboost.Booster":
        if problem.categories:
            types = ["c" if levels else "q" for levels in problem.levels]
            estimator.set_params(enable_categorical=True, feature_types=types)
        with mendable():
            return estimator.fit(X, y).get_booster()

    def _outputs(self, model: "xgboost.Booster", X: Features) -> Any:
        import xgboost

        model.set_param({"nthread": 1})
        return model.predict(xgboost.DMatrix(X, missing=self.params.get("missing", np.nan), nthread=1))

    def flavor(self, task: Task) -> Flavor:
        """The library's own."""
        return Flavor("mlflow.xgboost", "model.ubj", ("xgboost", "numpy"))

    def load(self, path: Path) -> "xgboost.Booster":
        """Read a Booster."""
        import xgboost

        return xgboost.Booster(model_file=path)


class LightGBMSpec(_BoosterSpec):
    """LightGBM (Ke et al. 2017)."""

    kind: Literal["lightgbm"] = "lightgbm"
    suffix = ".txt"
    probability_objectives = ("binary", "multiclass", "multiclassova", "cross_entropy")
    regressor = "lightgbm:LGBMRegressor"
    classifier = "lightgbm:LGBMClassifier"

    def usual_space(self, task: Task) -> Space:
        """How many trees, how large, on how many of the features, and how much each may say."""
        return {
            "params.n_estimators": Range(low=50, high=1000, log=True),
            "params.learning_rate": Range(low=0.01, high=0.3, log=True),
            "params.num_leaves": Range(low=4, high=64, log=True),
            "params.min_child_samples": Range(low=2, high=50, log=True),
            "params.colsample_bytree": Range(low=0.3, high=1.0),
            "params.reg_lambda": Range(low=0.01, high=10.0, log=True),
        }

    def _defaults(self, task: Task, rows: int) -> Mapping[str, Setting]:
        """Left to itself, it times two ways to build histograms, which differ in the last bits."""
        same_bits = {"deterministic": True, "force_col_wise": True, "max_bin": 255, "verbosity": -1}
        few_rows = {
            "min_child_samples": of_few(20, rows),
            "min_data_per_group": of_few(100, rows),
            "cat_smooth": of_few(10, rows, parts=40),
        }
        return {**super()._defaults(task, rows), **same_bits, **few_rows}

    def _known(self, arguments: Collection[str]) -> Mapping[str, str]:
        """All names in its own list; but what is checked before the library is loaded goes by one name alone."""
        from lightgbm.basic import _ConfigAliases

        known = dict(super()._known(arguments))
        for name, aliases in _ConfigAliases._get_all_param_aliases().items():
            own = next((alias for alias in aliases if alias in arguments), name)
            known |= dict.fromkeys([name] if name in CHECKED else aliases, own)
        return known

    def _booster(self, estimator: Any, X: Features, y: Labels, problem: Problem) -> "lightgbm.Booster":
        import lightgbm

        lightgbm.register_logger(logging.getLogger("lightgbm"))  # by itself it writes to stdout, errors too
        with mendable(lightgbm.basic.LightGBMError):
            return estimator.fit(X, y, categorical_feature=list(problem.categories) or "auto").booster_

    def _outputs(self, model: "lightgbm.Booster", X: Features) -> Any:
        return model.predict(X, num_threads=1)

    def flavor(self, task: Task) -> Flavor:
        """The library's own."""
        return Flavor("mlflow.lightgbm", "model.lgb", ("lightgbm", "numpy"))

    def load(self, path: Path) -> "lightgbm.Booster":
        """Read a Booster."""
        import lightgbm

        return lightgbm.Booster(model_file=path)


def of_few(default: int, rows: int, parts: int = 4) -> int:
    """A library's default number of rows, or so many parts of the rows that there are, if these are fewer.

    With leaves of 20 nothing can split 39 rows. LightGBM wants 100 rows on either side of a split by levels, so that it
    is blind to categories of 199, and sets levels of fewer than 10 aside. From 400 rows on, all is the library's.
    On made tables a quarter did best: with leaves of a tenth, 32 rows had a log loss of 1.35 instead of 0.66.
    """
    return max(1, min(default, rows // parts))


def _settings_in(config: Mapping[str, Any]) -> Iterator[str]:
    """The names of the settings in a configuration of XGBoost, which has them in groups, some inside others."""
    for name, group in config.items():
        if name.endswith("_param"):
            yield from () if name.endswith("_model_param") else group  # those of a model are found by fitting
        elif isinstance(group, dict):
            yield from _settings_in(group)


def _check_lists(spec: BaselineSpec, problem: Problem, *arguments: str) -> None:
    """Refuses arguments that list features where the table says which of them are categories."""
    for argument in arguments:
        if problem.categories and argument in spec.params:
            raise BakeoffError(
                f"{spec.kind} is told of the table's categories, and cannot take {argument} as well; leave"
                f" params.{argument} out"
            )


Boosting = GradientBoostingSpec | HistGradientBoostingSpec | XGBoostSpec | LightGBMSpec
