"""The methods before boosting, and the floor: what any contender must beat."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.data.examples import Problem
from tasks.data.vectorization import Features, Labels
from tasks.metrics import METRICS, MetricName, Task
from tasks.models.baselines.estimators import Fitted, Setting, as_table
from tasks.models.baselines.pipelines import SklearnSpec
from tasks.models.contender import Floats
from tasks.models.search import Range, Space
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline


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

    def _unfitted(self, task: Task, seed: int, rows: int) -> Any:
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.preprocessing import StandardScaler

        machine = super()._unfitted(task, seed, rows)
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

    def _defaults(self, task: Task, rows: int) -> Mapping[str, Setting]:
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

    def _defaults(self, task: Task, rows: int) -> Mapping[str, Setting]:
        """Its own choice is that of the greatest decision value."""
        return {} if task == "regression" else {"break_ties": True}


class GaussianNBSpec(SklearnSpec):
    """Features are normal in each class."""

    kind: Literal["gaussian_nb"] = "gaussian_nb"
    takes_sparse = False
    classifier = "sklearn.naive_bayes:GaussianNB"


class MultinomialNBSpec(SklearnSpec):
    """Features are counts (McCallum & Nigam 1998)."""

    kind: Literal["multinomial_nb"] = "multinomial_nb"
    classifier = "sklearn.naive_bayes:MultinomialNB"

    def check(self, problem: Problem, metric: MetricName) -> None:
        """Also refuses tables, and series, which it would take as one."""
        super().check(problem, metric)
        if as_table(problem).form == "table":
            raise BakeoffError("multinomial_nb is for counts, and a table may hold negative values; choose gaussian_nb")


class BernoulliNBSpec(SklearnSpec):
    """Features are there or not (McCallum & Nigam 1998); those of a table are, where they are above their mean."""

    kind: Literal["bernoulli_nb"] = "bernoulli_nb"
    scaled = True
    classifier = "sklearn.naive_bayes:BernoulliNB"


class NBSVMSpec(SklearnSpec):
    """NB-SVM: each class against the rest, on words that are there or not, each times its log-count ratio r.

    Its linear model is here logistic regression, which gives probabilities and is as accurate as their support vector
    machine. With their beta of 0.25 it is right on 0.901 of the IMDB reviews that are held out, and on 0.913 with 0.75;
    on Reuters wires of ten topics on 0.941 and 0.965. A weight times r is the weight of the word itself, so the model
    that is kept is an ordinary one, on words that are there or not.
    """

    kind: Literal["nb_svm"] = "nb_svm"
    classifier = "sklearn.linear_model:LogisticRegression"

    alpha: float = Field(1.0, gt=0, description="added to each count, so that no ratio is infinite")
    beta: float = Field(
        0.75, ge=0, le=1, description="how far a word's weight may differ from the mean: 0 is naive Bayes, 1 no bound"
    )

    def check(self, problem: Problem, metric: MetricName) -> None:
        """Also refuses all but texts, and other words than all of them, there or not."""
        super().check(problem, metric)
        if problem.form != "words":
            raise BakeoffError("nb_svm is for words, and these data are no texts; choose logistic_regression")
        if self.weighting != "multi_hot" or self.select:
            raise BakeoffError("nb_svm weighs all words by itself, as there or not; leave weighting and select out")

    def _defaults(self, task: Task, rows: int) -> Mapping[str, Setting]:
        """The dual solver of liblinear, the fastest for rows as sparse as texts are (Yu, Huang & Lin 2011)."""
        return {"solver": "liblinear", "dual": True, "max_iter": 1000}

    def _unfitted(self, task: Task, seed: int, rows: int) -> Any:
        from sklearn.multiclass import OneVsRestClassifier

        return OneVsRestClassifier(super()._unfitted(task, seed, rows))

    def _fit(self, model: "Pipeline", X: Features, y: Labels) -> None:
        """Fits a model of each class, of two classes of the second alone, where scikit-learn looks for them."""
        from sklearn.preprocessing import LabelBinarizer

        present, against_rest = model[0].fit_transform(X), model[-1]
        against_rest.label_binarizer_ = LabelBinarizer(sparse_output=True).fit(y)
        against_rest.classes_ = classes = against_rest.label_binarizer_.classes_
        own = classes if len(classes) > 2 else classes[-1:]
        against_rest.estimators_ = [self._fit_one(against_rest.estimator, present, y == each) for each in own]
        against_rest.n_features_in_ = X.shape[1]

    def _fit_one(self, estimator: "BaseEstimator", X: Features, own: NDArray[np.bool_]) -> "BaseEstimator":
        """A model of one class against the rest, whose weights are those of words, with r and beta in them."""
        from scipy.sparse import diags_array
        from sklearn.base import clone

        ratio = self._log_count_ratio(X, own)
        fitted = clone(estimator).fit(X @ diags_array(ratio), own.astype(np.int64))
        mean = np.abs(fitted.coef_).mean()
        fitted.coef_ = ratio * ((1 - self.beta) * mean + self.beta * fitted.coef_)
        return fitted

    def _log_count_ratio(self, X: Features, own: NDArray[np.bool_]) -> Floats:
        """The equation of section 2: r = log((p / |p|) / (q / |q|)), p and q the class's and the rest's counts."""
        p, q = (self.alpha + X.T @ rows.astype(np.float64) for rows in (own, ~own))
        return np.asarray(np.log(p / p.sum()) - np.log(q / q.sum()), np.float64)


class KNeighborsSpec(SklearnSpec):
    """The mean, or the vote, of the k nearest rows (Cover & Hart 1967)."""

    kind: Literal["k_nearest_neighbors"] = "k_nearest_neighbors"
    scaled = True
    regressor = "sklearn.neighbors:KNeighborsRegressor"
    classifier = "sklearn.neighbors:KNeighborsClassifier"


class DummySpec(SklearnSpec):
    """The mean of the training targets, or the classes' shares."""

    kind: Literal["dummy"] = "dummy"
    family = "floor"
    regressor = "sklearn.dummy:DummyRegressor"
    classifier = "sklearn.dummy:DummyClassifier"

    def _encoding(self, problem: Problem) -> "list[BaseEstimator]":
        """None, as it looks at no feature; only a selection cannot do without."""
        return super()._encoding(problem) if self.select else []


Classic = (
    DecisionTreeSpec | RandomForestSpec | ExtraTreesSpec
    | LogisticRegressionSpec | RidgeSpec | LinearSvmSpec | RbfSvmSpec
    | GaussianNBSpec | MultinomialNBSpec | BernoulliNBSpec | NBSVMSpec
    | KNeighborsSpec | DummySpec
)  # fmt: skip
