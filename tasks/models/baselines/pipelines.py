"""scikit-learn's estimators, each at the end of a pipeline that is fitted on training rows."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from tasks.data.encoding import RARE
from tasks.data.examples import Problem
from tasks.data.vectorization import Features, Labels
from tasks.fitting import on_one_thread
from tasks.metrics import MetricName, Task
from tasks.models.baselines.estimators import MANY, BaselineSpec, Fitted, as_table, mendable, spread, without_order
from tasks.models.contender import Flavor, Floats, Preparation
from tasks.specs import BakeoffError, Spec

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline


Weighting = Literal["multi_hot", "counts", "tf_idf"]
MOST_COLUMNS = 255  # of one category, as many as HistGradientBoosting tells apart; each is a float64 for every row

# What is fitted before the estimator, by the names of scikit-learn's steps.
STEPS: Mapping[str, Preparation] = {
    "StandardScaler": "normalization",
    "ColumnTransformer": "encoding",
    "TfidfTransformer": "weighting",
    "SelectKBest": "selection",
}

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

    def estimator(self, problem: Problem, seed: int, rows: int = MANY) -> "Pipeline":
        """A pipeline, as the class describes it."""
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import Binarizer, StandardScaler

        problem = as_table(problem)
        encoding = self._encoding(problem) if problem.levels else []
        scaling = [StandardScaler()] if self.scaled and problem.form == "table" and not encoding else []
        # Before word counts; the logarithm of a count is Manning et al.'s sublinear tf scaling (2008).
        weights = {"multi_hot": [Binarizer()], "counts": [], "tf_idf": [TfidfTransformer(sublinear_tf=True)]}
        weighting = weights[self.weighting] if problem.form == "words" else []
        selection = self.select.steps() if self.select else []
        return make_pipeline(*weighting, *encoding, *selection, *scaling, self._unfitted(problem.task, seed, rows))

    def _encoding(self, problem: Problem) -> "list[BaseEstimator]":
        """What stands first where a table has categories or missing values; numbers come out of it as scaled."""
        return [_one_hot(problem, self.scaled)]

    def fit(self, X: Features, y: Labels, problem: Problem, seed: int) -> Fitted:
        """Fits the whole pipeline; says so where it has not converged."""
        X, problem = without_order(X, problem)
        model = self.estimator(problem, seed, len(y))
        with on_one_thread(), mendable(), _noting_convergence(model) as notes:
            self._fit(model, X, y)
        return Fitted(model, tuple(dict.fromkeys(notes)))

    def _fit(self, model: "Pipeline", X: Features, y: Labels) -> None:
        model.fit(X, y)

    def predict(self, model: "Pipeline", X: Features, problem: Problem) -> Floats:
        """As any contender predicts."""
        X, problem = without_order(X, problem)
        with on_one_thread(), mendable():
            if problem.task == "regression":
                return np.asarray(model.predict(X), np.float64)
            return spread(self._probabilities(model, X), model.classes_, problem.n_outputs)

    def _probabilities(self, model: "Pipeline", X: Features) -> Floats:
        """Of the classes that the model has seen."""
        return np.asarray(model.predict_proba(X), np.float64)

    def preparations(self, problem: Problem) -> list[Preparation]:
        """The steps of the pipeline that are fitted."""
        names = [type(step).__name__ for _, step in self.estimator(problem, seed=0).steps]
        return [STEPS[name] for name in names if name in STEPS]

    def served_method(self, task: Task) -> Literal["predict", "predict_proba"]:
        """Which of the model's methods is served: probabilities, where it gives any, else numbers or labels."""
        return "predict_proba" if task != "regression" and self.gives_probabilities else "predict"

    def served(self, model: "Pipeline", X: Features, problem: Problem) -> NDArray[np.generic]:
        """By `served_method`."""
        return np.asarray(getattr(model, self.served_method(problem.task))(X))

    def exchange(self, model: "Pipeline", X: Features, problem: Problem, names: Sequence[str]) -> tuple[Features, Any]:
        """As for all baselines; the first step of the pipeline is told what a table's columns are called."""
        if problem.form == "table":
            _name_features(model[0], names)
        return super().exchange(model, X, problem, names)

    def flavor(self, task: Task) -> Flavor:
        """A file of skops, whose method of `served_method` is called."""
        settings = {
            "serialization_format": "skops",
            "skops_trusted_types": list(TRUSTED_TYPES),
            "pyfunc_predict_fn": self.served_method(task),
        }
        return Flavor("mlflow.sklearn", "model.skops", ("scikit-learn", "skops", "numpy", "mlxtend"), settings)

    def save(self, model: "Pipeline", path: Path) -> None:
        """Write a file of skops."""
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
        """Read a file of skops, which may hold no types but those that are trusted."""
        import skops.io

        return skops.io.load(path, trusted=list(TRUSTED_TYPES))


@contextmanager
def _noting_convergence(model: "Pipeline") -> Iterator[list[str]]:
    """Gives a list, to which it adds what warnings say of convergence; other warnings go on as they came."""
    from sklearn.exceptions import ConvergenceWarning

    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        yield notes
    limit = next((value for name, value in model.get_params().items() if name.endswith("max_iter")), None)
    for warning in caught:
        if issubclass(warning.category, ConvergenceWarning):
            notes.append(
                f"did not converge in {limit} iterations; raise params.max_iter"
                if limit
                else str(warning.message).partition("\n")[0]
            )
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _one_hot(problem: Problem, scaled: bool) -> "ColumnTransformer":
    """Numbers without gaps, and each category as columns of 0 and 1.

    A missing number becomes the median, and a column says that it was missing. Of a category, a missing value is a
    level like others; levels that are rare, or beyond the most frequent, share a column with those that come up later.
    `scaled` numbers are in standard deviations.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    imputed = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    categories = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=RARE, max_categories=MOST_COLUMNS, sparse_output=False
    )
    return _by_column(problem, make_pipeline(imputed, StandardScaler()) if scaled else imputed, categories)


def ordinal(problem: Problem) -> "ColumnTransformer":
    """Numbers as they are, and behind them the categories, numbered.

    Where the encoder has `max_categories`, all rarer levels become one. A level that comes up later is a missing value.
    """
    from sklearn.preprocessing import OrdinalEncoder

    categories = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
    return _by_column(problem, "passthrough", categories)


def _by_column(problem: Problem, numbers: Any, categories: Any) -> "ColumnTransformer":
    from sklearn.compose import ColumnTransformer

    plain = [feature for feature, levels in enumerate(problem.levels) if not levels]
    parts = [("numbers", numbers, plain), ("categories", categories, list(problem.categories))]
    return ColumnTransformer([part for part in parts if part[2]])


def _name_features(first: "BaseEstimator", names: Sequence[str]) -> None:
    """Tells the first step of a fitted pipeline what its columns are called; else it warns of names in every request.

    Of a table with categories, whatever takes a part of the columns is told as well.
    """
    first.feature_names_in_ = np.array(names, object)
    for _, step, columns in getattr(first, "transformers_", ()):
        part = step[0] if hasattr(step, "steps") else step
        part.feature_names_in_ = first.feature_names_in_[columns]
