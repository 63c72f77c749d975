"""conf/boston.yaml on the whole table: the book's net and gradient boosting, at the book's size."""

from pathlib import Path

import numpy as np
import pytest

from flows.experiment import Experiment, load
from tasks.data.datasets import ingest
from tasks.data.folds.splitting import split
from tasks.data.vectorization import DesignMatrix, vectorize
from tasks.evaluation.cross_validation import Evaluation, evaluate, refit, score_on_test
from tasks.metrics import METRICS
from tasks.models.nets.networks import RealMLPSpec
from tasks.models.nets.training import Member, Stack
from tests.tiers import quick_first

SEEDS = range(5)


def evaluated(name: str, seed: int, repository: Path) -> tuple[Experiment, DesignMatrix, Evaluation]:
    settings = ["validation.n_repeats=1", f"validation.seed={seed}"]
    experiment = load(str(repository / "conf" / "boston.yaml"), settings)
    arrays = vectorize(ingest(experiment.dataset))
    folds = split(arrays, experiment.validation)
    return experiment, arrays, evaluate(name, experiment.contenders[name], arrays, folds, experiment.metric)


@pytest.mark.parametrize("seed", quick_first(SEEDS))
def test_the_books_net_reaches_the_books_error(seed: int, repository: Path) -> None:
    """The bands hold the figures of both editions: a test MAE of about 2.5, in $1000s."""
    experiment, arrays, evaluation = evaluated("dense", seed, repository)
    test = score_on_test(refit(evaluation, arrays, experiment.validation), arrays, experiment.metric)
    print(f"seed {seed}: 4-fold MAE {np.mean(evaluation.scores):.3f}, test MAE {test.score:.3f}")
    assert 2.2 <= np.mean(evaluation.scores) <= 2.7
    assert 2.3 <= test.score <= 3.0


@pytest.mark.parametrize("seed", SEEDS)
def test_gradient_boosting_reaches_its_error(seed: int, repository: Path) -> None:
    _, _, evaluation = evaluated("gradient_boosting", seed, repository)
    print(f"seed {seed}: 4-fold MAE {np.mean(evaluation.scores):.3f}")
    assert np.mean(evaluation.scores) <= 2.35


@pytest.mark.variants
def test_realmlp_errs_less_than_the_books_net_on_the_test_rows(repository: Path) -> None:
    """The book's net errs by about 2.6. The settings come from cross-validation on the training rows."""
    experiment = load(str(repository / "conf" / "boston.yaml"), [])
    arrays = vectorize(ingest(experiment.dataset))
    X, y = arrays.training()
    X_test, y_test = arrays.test()
    spec = RealMLPSpec(units=(128, 128), early_stopping=None)
    stack = Stack(spec, X, y, arrays, [Member(np.arange(len(y)), seed=seed) for seed in SEEDS])
    stack.fit(spec.epochs)
    predictions = [np.asarray(stack.unstack(k)(X_test))[:, 0] for k in SEEDS]
    errors = [METRICS["mae"].score(y_test, own.astype(np.float64)) for own in predictions]
    print(f"test MAE {np.mean(errors):.3f}, of each seed {np.round(errors, 3)}")
    assert np.mean(errors) <= 2.35
