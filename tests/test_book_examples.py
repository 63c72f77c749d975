"""MNIST, IMDB and Reuters at full size with one seed, boosting at reduced size: the nets reach the book's numbers."""

from pathlib import Path

import numpy as np
import pytest

from flows.experiment import Experiment, load
from tasks.data.datasets import ingest
from tasks.data.folds.splitting import split
from tasks.data.vectorization import DesignMatrix, vectorize
from tasks.evaluation.cross_validation import Evaluation, FinalScore, evaluate, refit, score_on_test

pytestmark = pytest.mark.real_data
BANDS = {"mnist": (0.975, 0.985), "imdb": (0.875, 0.892), "reuters": (0.775, 0.81)}


@pytest.fixture(scope="module", params=BANDS)
def example(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, repository: Path
) -> tuple[Experiment, DesignMatrix, Path]:
    folder = tmp_path_factory.mktemp(request.param)
    experiment = load(str(repository / "conf" / f"{request.param}.yaml"), ["validation.n_seeds=1"])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        arrays = vectorize(ingest(experiment.dataset))
    return experiment, arrays, folder


def _score(experiment: Experiment, arrays: DesignMatrix, name: str) -> tuple[Evaluation, FinalScore]:
    folds = split(arrays, experiment.validation)
    evaluation = evaluate(name, experiment.contenders[name], arrays, folds, experiment.metric)
    return evaluation, score_on_test(refit(evaluation, arrays, experiment.validation), arrays, experiment.metric)


def test_the_books_net_reaches_the_books_accuracy(
    example: tuple[Experiment, DesignMatrix, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment, arrays, folder = example
    monkeypatch.chdir(folder)
    evaluation, test = _score(experiment, arrays, "dense")
    low, high = BANDS[experiment.name]
    print(f"{experiment.name}: epoch {evaluation.best_epochs}, validation {evaluation.scores}, test {test.scores}")
    assert low <= test.score <= high
    assert abs(evaluation.scores[0] - test.score) < 0.03


@pytest.mark.parametrize(
    ("name", "contender", "settings", "accuracy"),
    [
        ("reuters", "linear_svm", {}, 0.82),
        ("imdb", "logistic_regression", {}, 0.87),
        ("imdb", "lightgbm", {"params": {"n_estimators": 150}}, 0.85),  # of the experiment's 500 trees
        ("mnist", "conv", {"epochs": 1}, 0.975),  # of the experiment's 6
    ],
)
def test_other_contenders_reach_their_accuracy(
    name: str, contender: str, settings: dict[str, object], accuracy: float, repository: Path
) -> None:
    experiment = load(str(repository / "conf" / f"{name}.yaml"), ["validation.n_seeds=1"])
    chosen = experiment.contenders[contender].model_copy(update=settings)
    arrays = vectorize(ingest(experiment.dataset))
    _, test = _score(experiment.model_copy(update={"contenders": {contender: chosen}}), arrays, contender)
    print(f"{name}, {contender}: test {test.scores}")
    assert test.score >= accuracy


def test_boosting_learns_from_what_its_experiment_leaves_it(
    example: tuple[Experiment, DesignMatrix, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two trees a class instead of tens: it runs on the real rows, and beats the largest class."""
    experiment, arrays, folder = example
    monkeypatch.chdir(folder)
    boosting = experiment.contenders["hist_gradient_boosting"]
    few = boosting.model_copy(update={"params": {**boosting.params, "max_iter": 2, "max_leaf_nodes": 8}})
    reduced = experiment.model_copy(update={"contenders": {"few": few}})
    _, test = _score(reduced, arrays, "few")
    largest = np.bincount(arrays.y("test").astype(np.int64)).max() / len(arrays.y("test"))
    print(f"{experiment.name}: boosting with 2 iterations {test.score:.3f}, the largest class {largest:.3f}")
    assert test.score > largest + 0.1
