import numpy as np
import pytest

from tasks.models.baselines.classic import ExtraTreesSpec, RandomForestSpec
from tests.builders import problem_of
from tests.learnable import learnable

FORESTS = pytest.mark.parametrize("spec", [RandomForestSpec(), ExtraTreesSpec()], ids=lambda spec: spec.kind)


@FORESTS
def test_another_seed_grows_other_trees(spec: RandomForestSpec) -> None:
    X, y = learnable("regression", "table")
    one, other = (spec.fit(X, y, problem_of("regression"), seed).model.predict(X + 0.1) for seed in (1, 2))
    assert not np.allclose(one, other)
