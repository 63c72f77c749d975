"""A decision tree, and averages of many."""

from typing import Literal

from tasks.data.problem import Problem
from tasks.data.vectorization import Features, Labels
from tasks.metrics import Task
from tasks.models.baselines.estimators import Fitted
from tasks.models.baselines.pipelines import SklearnSpec
from tasks.models.search import Range, Space


class DecisionTreeSpec(SklearnSpec):
    """One tree, by CART (Breiman et al. 1984)."""

    kind: Literal["decision_tree"] = "decision_tree"
    regressor = "sklearn.tree:DecisionTreeRegressor"
    classifier = "sklearn.tree:DecisionTreeClassifier"


class _ForestSpec(SklearnSpec):
    """Trees that differ by chance and vote."""

    def usual_space(self, task: Task) -> Space:
        """On how many of the features a split is chosen, and how few rows a leaf may hold; more trees do no harm."""
        return {
            "params.max_features": Range(low=0.1, high=1.0),
            "params.min_samples_leaf": Range(low=1, high=20, log=True),
        }

    def fit(self, X: Features, y: Labels, problem: Problem, seed: int) -> Fitted:
        """Fits trees side by side; predictions add up tree by tree, for threads would add in the order they end in."""
        fitted = super().fit(X, y, problem, seed)
        fitted.model[-1].set_params(n_jobs=1)
        return fitted


class RandomForestSpec(_ForestSpec):
    """Trees on bootstrap samples, with a random choice of features at each split (Breiman 2001)."""

    kind: Literal["random_forest"] = "random_forest"
    regressor = "sklearn.ensemble:RandomForestRegressor"
    classifier = "sklearn.ensemble:RandomForestClassifier"


class ExtraTreesSpec(_ForestSpec):
    """Extremely randomized trees: thresholds are drawn at random, too (Geurts et al. 2006)."""

    kind: Literal["extra_trees"] = "extra_trees"
    regressor = "sklearn.ensemble:ExtraTreesRegressor"
    classifier = "sklearn.ensemble:ExtraTreesClassifier"


Tree = DecisionTreeSpec | RandomForestSpec | ExtraTreesSpec
