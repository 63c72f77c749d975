"""A table with categories and missing values, as scikit-learn's estimators can take it; fitted on training rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.data.encoding import RARE
from tasks.data.problem import Problem

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.compose import ColumnTransformer

MOST_COLUMNS = 255  # of one category, as many as HistGradientBoosting tells apart; each is a float64 for every row


def one_hot(problem: Problem, scaled: bool) -> "ColumnTransformer":
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


def name_features(first: "BaseEstimator", names: Sequence[str]) -> None:
    """Tells the first step of a fitted pipeline what its columns are called; else it warns of names in every request.

    Of a table with categories, whatever takes a part of the columns is told as well.
    """
    first.feature_names_in_ = np.array(names, object)
    for _, step, columns in getattr(first, "transformers_", ()):
        part = step[0] if hasattr(step, "steps") else step
        part.feature_names_in_ = first.feature_names_in_[columns]
