"""NB-SVM is what its paper says, and is kept as an ordinary model of scikit-learn."""

from pathlib import Path

import numpy as np
import pytest
import skops.io
from scipy.sparse import csr_matrix
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from tasks.data.examples import Form
from tasks.metrics import Task
from tasks.models.baselines.classic import NBSVMSpec
from tasks.models.baselines.pipelines import SelectKBestSpec
from tasks.specs import BakeoffError
from tests.builders import problem_of
from tests.learnable import learnable


def _by_the_paper(X: np.ndarray, own: np.ndarray, alpha: float, beta: float, C: float) -> tuple[np.ndarray, float]:
    """Weights and bias of a class against the rest, on words that are there or not (section 2.3)."""
    p, q = alpha + X[own].sum(axis=0), alpha + X[~own].sum(axis=0)
    r = np.log((p / np.abs(p).sum()) / (q / np.abs(q).sum()))
    model = LogisticRegression(solver="liblinear", dual=True, C=C, random_state=3).fit(X * r, own)
    w = model.coef_[0]
    return r * ((1 - beta) * np.abs(w).sum() / len(w) + beta * w), float(model.intercept_[0])


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_it_is_what_the_paper_says_each_class_against_the_rest(task: Task) -> None:
    X, y = learnable(task, "words")
    spec = NBSVMSpec(alpha=0.5, beta=0.25, params={"C": 2.0})
    found = spec.predict(
        spec.fit(X[:100], y[:100], problem_of(task, "words"), 3).model, X[100:], problem_of(task, "words")
    )
    present = (X.toarray() > 0).astype(np.float64)
    against_rest = []
    for number in range(y.max() + 1):
        weights, bias = _by_the_paper(present[:100], y[:100] == number, 0.5, 0.25, 2.0)
        against_rest.append(expit(present[100:] @ weights + bias))
    shares = np.column_stack(against_rest)
    if task == "binary":  # the second class's model says it all
        shares[:, 0] = 1 - shares[:, 1]
    np.testing.assert_allclose(found, shares / shares.sum(axis=1, keepdims=True), atol=1e-6)
    assert (found.argmax(axis=1) == y[100:]).mean() > 0.7


def test_counts_do_not_matter() -> None:
    X, y = learnable("binary", "words")
    problem, spec = problem_of("binary", "words"), NBSVMSpec()
    model = spec.fit(X, y, problem, 0).model
    np.testing.assert_array_equal(
        spec.predict(model, X, problem), spec.predict(model, csr_matrix(X > 0) * 1.0, problem)
    )


def test_without_beta_it_is_naive_bayes_whose_weights_are_the_ratios() -> None:
    X, y = learnable("binary", "words")
    model = NBSVMSpec(beta=0).fit(X, y, problem_of("binary", "words"), 0).model
    present = X.toarray() > 0
    p, q = 1 + present[y == 1].sum(axis=0), 1 + present[y == 0].sum(axis=0)
    weights = model[-1].estimators_[0].coef_[0]
    ratios = np.log(p / p.sum()) - np.log(q / q.sum())
    np.testing.assert_allclose(weights / weights[0], ratios / ratios[0])


def test_the_file_that_is_kept_needs_no_code_of_this_project_and_no_type_that_skops_would_ask_about(
    tmp_path: Path,
) -> None:
    X, y = learnable("multiclass", "words")
    problem, spec = problem_of("multiclass", "words"), NBSVMSpec()
    model = spec.fit(X, y, problem, 0).model
    spec.save(model, tmp_path / "model.skops")
    assert skops.io.get_untrusted_types(file=tmp_path / "model.skops") == []
    np.testing.assert_array_equal(
        spec.predict(spec.load(tmp_path / "model.skops"), X, problem), spec.predict(model, X, problem)
    )
    np.testing.assert_allclose(model.predict_proba(X), spec.predict(model, X, problem))
    assert set(model.predict(X)) == {0, 1, 2}


@pytest.mark.parametrize(
    ("spec", "task", "form", "message"),
    [
        (
            NBSVMSpec(),
            "binary",
            "table",
            "nb_svm is for words, and these data are no texts; choose logistic_regression",
        ),
        (NBSVMSpec(), "binary", "pixels", "nb_svm is for words"),
        (NBSVMSpec(), "regression", "words", "nb_svm predicts classes; for numbers choose ridge"),
        (NBSVMSpec(weighting="tf_idf"), "binary", "words", "leave weighting and select out"),
        (NBSVMSpec(select=SelectKBestSpec(k=3)), "binary", "words", "leave weighting and select out"),
    ],
)
def test_what_it_does_not_fit_is_refused(spec: NBSVMSpec, task: Task, form: Form, message: str) -> None:
    with pytest.raises(BakeoffError, match=message):
        spec.check(problem_of(task, form), "accuracy")
