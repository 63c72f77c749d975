"""Naive Bayes: features that are independent of each other, given the class."""

from typing import Literal

from tasks.data.problem import Problem
from tasks.metrics import MetricName
from tasks.models.baselines.pipelines import SklearnSpec
from tasks.models.baselines.summaries import as_table
from tasks.specs import BakeoffError


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


Bayes = GaussianNBSpec | MultinomialNBSpec | BernoulliNBSpec
