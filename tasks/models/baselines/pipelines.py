"""scikit-learn's estimators, each at the end of a pipeline."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from tasks.data.problem import Problem
from tasks.data.vectorization import Features, Labels
from tasks.fitting import limited_to, threads_for
from tasks.metrics import MetricName, Task
from tasks.models.baselines.encoding import one_hot
from tasks.models.baselines.estimators import BaselineSpec, Fitted, Floats, mendable, spread
from tasks.models.baselines.summaries import as_table, without_order
from tasks.specs import BakeoffError, Spec

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

Weighting = Literal["multi_hot", "counts", "tf_idf"]

# Tree nodes hold row numbers that scikit-learn does not check, so skops asks before it loads them; the others it does
# not know. Beside categories, HistGradientBoosting checks numbers by a partial of check_array; skops asks for what a
# partial calls by itself. These files are our own: each is named by its digest, in a cache that this program writes.
TRUSTED_TYPES = (
    "functools.partial",
    "mlxtend.preprocessing.dense_transformer.DenseTransformer",
    "numpy.dtype",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.metrics._dist_metrics.ManhattanDistance64",
    "sklearn.metrics._dist_metrics.MinkowskiDistance64",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)


class SelectKBestSpec(Spec):
    """The `k` features that go best with the target by themselves, found on the training rows of each fold."""

    score_func: Literal["chi2", "f_classif", "f_regression"] = Field(
        "chi2", description="scikit-learn's name: chi2 for counts and classes, f_classif for classes, f_regression"
    )
    k: PositiveInt = Field(description="how many features are left")

    def check(self, problem: Problem) -> None:
        """Finds out whether the score can be computed of such data.

        Raises:
            BakeoffError: when it cannot, with what to choose instead.
        """
        if (self.score_func == "f_regression") != (problem.task == "regression"):
            fitting = "f_regression" if problem.task == "regression" else "chi2 or f_classif"
            raise BakeoffError(
                f"select.score_func {self.score_func} does not fit a {problem.task} task; choose {fitting}"
            )
        if self.score_func == "chi2" and as_table(problem).form == "table":
            raise BakeoffError(
                "select.score_func chi2 is for counts, and a table may hold negative values; choose f_classif"
            )

    def steps(self) -> "list[BaseEstimator]":
        """scikit-learn's `SelectKBest`, and what turns the features that are left into an array."""
        from mlxtend.preprocessing import DenseTransformer
        from sklearn import feature_selection

        best = feature_selection.SelectKBest(getattr(feature_selection, self.score_func), k=self.k)
        return [best, DenseTransformer(return_copy=False)]


class SklearnSpec(BaselineSpec):
    """An estimator of scikit-learn, at the end of a pipeline that is fitted on training rows alone.

    Before it stand, as far as they apply: the weighting of words, the encoding of a table's categories and missing
    values, the selection of features, and, for a method that depends on the features' scales, `StandardScaler` for a
    table. Series are a table of their summaries.
    """

    takes_sparse: ClassVar[bool] = True
    scaled: ClassVar[bool] = False
    suffix = ".skops"

    weighting: Weighting = Field(
        "multi_hot", description="how the words of a text count: 0 or 1, as often as they occur, or by tf-idf"
    )
    select: SelectKBestSpec | None = Field(None, description="take the best features alone, as an array")

    def check(self, problem: Problem, metric: MetricName) -> None:
        """Also refuses texts where the estimator takes arrays only, and a weighting of words where there are none."""
        super().check(problem, metric)
        if problem.form == "words" and not self.takes_sparse and not self.select:
            raise BakeoffError(
                f"{self.kind} takes no sparse rows, as texts are; add `select: {{score_func: chi2, k: 1000}}`"
            )
        if self.select:
            self.select.check(problem)
        if problem.form != "words" and self.weighting != "multi_hot":
            raise BakeoffError(f"weighting {self.weighting} is for words, and these data are no texts; leave it out")

    def estimator(self, problem: Problem, seed: int) -> "Pipeline":
        """A pipeline, as the class describes it."""
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        problem = as_table(problem)
        encoding = self._encoding(problem) if problem.levels else []
        scaling = [StandardScaler()] if self.scaled and problem.form == "table" and not encoding else []
        weighting = _weighting(self.weighting) if problem.form == "words" else []
        selection = self.select.steps() if self.select else []
        return make_pipeline(*weighting, *encoding, *selection, *scaling, self._unfitted(problem.task, seed))

    def _encoding(self, problem: Problem) -> "list[BaseEstimator]":
        """What stands first where a table has categories or missing values; numbers come out of it as scaled."""
        return [one_hot(problem, self.scaled)]

    def fit(self, X: Features, y: Labels, problem: Problem, seed: int) -> Fitted:
        """Fits the whole pipeline; says so where it has not converged."""
        X, problem = without_order(X, problem)
        model = self.estimator(problem, seed)
        with limited_to(threads_for(X.size)), mendable(), _noting_convergence(model) as notes:
            self._fit(model, X, y)
        return Fitted(model, tuple(dict.fromkeys(notes)))

    def _fit(self, model: "Pipeline", X: Features, y: Labels) -> None:
        model.fit(X, y)

    def predict(self, model: "Pipeline", X: Features, problem: Problem) -> Floats:
        """As any contender predicts."""
        X, problem = without_order(X, problem)
        with limited_to(threads_for(X.size)), mendable():
            if problem.task == "regression":
                return np.asarray(model.predict(X), np.float64)
            return spread(self._probabilities(model, X), model.classes_, problem.n_outputs)

    def _probabilities(self, model: "Pipeline", X: Features) -> Floats:
        """Of the classes that the model has seen."""
        return np.asarray(model.predict_proba(X), np.float64)

    def served_method(self, task: Task) -> Literal["predict", "predict_proba"]:
        """Which of the model's methods is served: probabilities, where it gives any, else numbers or labels."""
        return "predict_proba" if task != "regression" and self.gives_probabilities else "predict"

    def served(self, model: "Pipeline", X: Features, problem: Problem) -> NDArray[np.generic]:
        """By `served_method`."""
        return np.asarray(getattr(model, self.served_method(problem.task))(X))

    def save(self, model: "Pipeline", path: Path) -> None:
        """Writes a file of skops."""
        import skops.io

        try:
            skops.io.dump(model, path)
        except RecursionError as error:  # a scorer in an estimator refers back to it
            raise BakeoffError(f"skops cannot save {self.kind}; leave `scoring` at its default") from error
        strange = set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED_TYPES)
        if strange:
            raise BakeoffError(
                f"{self.kind} cannot be kept without pickle: {', '.join(sorted(strange))}; change params"
            )

    def load(self, path: Path) -> "Pipeline":
        """Reads a file of skops, which may hold no types but those that are trusted."""
        import skops.io

        return skops.io.load(path, trusted=list(TRUSTED_TYPES))


def _weighting(weighting: Weighting) -> "list[BaseEstimator]":
    """What stands before the word counts; the logarithm of a count is Manning et al.'s sublinear tf scaling (2008)."""
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.preprocessing import Binarizer

    if weighting == "counts":
        return []
    return [Binarizer() if weighting == "multi_hot" else TfidfTransformer(sublinear_tf=True)]


@contextmanager
def _noting_convergence(model: "Pipeline") -> Iterator[list[str]]:
    """Gives a list, to which it adds what warnings say of convergence; other warnings go on as they came."""
    from sklearn.exceptions import ConvergenceWarning

    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        yield notes
    limit = next((value for name, value in model.get_params().items() if name.endswith("max_iter")), None)
    for each in caught:
        if issubclass(each.category, ConvergenceWarning):
            notes.append(
                f"did not converge in {limit} iterations; raise params.max_iter"
                if limit
                else str(each.message).partition("\n")[0]
            )
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
