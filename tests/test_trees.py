import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tasks.models.baselines import pipelines
from tasks.models.baselines.classic import ExtraTreesSpec, RandomForestSpec
from tests.builders import problem_of
from tests.learnable import SEED, learnable

FORESTS = pytest.mark.parametrize("spec", [RandomForestSpec(), ExtraTreesSpec()], ids=lambda spec: spec.kind)


@FORESTS
def test_forests_predict_the_same_bits_however_many_threads_there_are(
    spec: RandomForestSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = learnable("regression", "table")
    predictions = []
    for n_threads in (1, 2, 4):
        monkeypatch.setattr(pipelines, "threads_for", lambda n_values: n_threads)  # noqa: B023  # it is called at once
        model = spec.fit(X, y, problem_of("regression"), SEED).model
        assert model[-1].n_jobs == 1
        predictions.append(spec.predict(model, X, problem_of("regression")))
    assert_array_equal(predictions[0], predictions[1])
    assert_array_equal(predictions[0], predictions[2])


@FORESTS
def test_another_seed_grows_other_trees(spec: RandomForestSpec) -> None:
    X, y = learnable("regression", "table")
    one, other = (spec.fit(X, y, problem_of("regression"), seed).model.predict(X + 0.1) for seed in (1, 2))
    assert not np.allclose(one, other)
