"""Learning rates that change, against Keras's."""

from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.optimizers import AdamSpec, CosineDecaySpec, ExponentialDecaySpec, RMSpropSpec, SGDSpec
from tasks.models.nets.training import Member, Stack
from tests.builders import problem_of
from tests.tiers import quick_first

STEPS = np.arange(0, 40, dtype=np.float32)
SCHEDULES = [
    (
        ExponentialDecaySpec(initial_learning_rate=0.1, decay_steps=7, decay_rate=0.5),
        keras.optimizers.schedules.ExponentialDecay(0.1, 7, 0.5),
    ),
    (
        ExponentialDecaySpec(initial_learning_rate=0.1, decay_steps=7, decay_rate=0.5, staircase=True),
        keras.optimizers.schedules.ExponentialDecay(0.1, 7, 0.5, staircase=True),
    ),
    (
        CosineDecaySpec(initial_learning_rate=0.1, decay_steps=30, alpha=0.1),
        keras.optimizers.schedules.CosineDecay(0.1, 30, 0.1),
    ),
]


@pytest.mark.parametrize(("spec", "reference"), SCHEDULES, ids=["exponential", "staircase", "cosine"])
def test_the_rate_at_every_step_is_that_of_keras(spec: Any, reference: Any) -> None:
    np.testing.assert_allclose(spec.at(STEPS), [float(reference(step)) for step in STEPS], rtol=1e-5)


@pytest.mark.parametrize("kind", quick_first([SGDSpec, RMSpropSpec, AdamSpec], {2}))
def test_every_optimizer_follows_a_schedule_as_in_keras(kind: Any) -> None:
    spec, reference = SCHEDULES[2]
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.linspace(0, 1, 40)
    net = DenseSpec(units=(4,), optimizer=kind(learning_rate=spec), batch_size=8)
    stack = Stack(net, X, y, problem_of("regression"), [Member(np.arange(40), seed=0)])
    single = stack.unstack(0)
    stack.fit(3)
    single.compile(
        {"sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam}[
            net.optimizer.kind
        ](reference),
        "mse",
    )
    shuffle = np.random.default_rng(0)
    for _ in range(3):
        rows = shuffle.permutation(40)
        single.fit(X[rows], y[rows], 8, shuffle=False, verbose=0)
    for mine, theirs in zip(stack.unstack(0).get_weights(), single.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-4)


def test_a_schedule_is_chosen_by_its_kind_and_checked() -> None:
    schedule = {"kind": "cosine_decay", "initial_learning_rate": 0.01, "decay_steps": 100}
    spec = DenseSpec.model_validate({"optimizer": {"kind": "adam", "learning_rate": schedule}})
    assert spec.optimizer.learning_rate == CosineDecaySpec(initial_learning_rate=0.01, decay_steps=100)
    assert spec.optimizer.highest_rate == 0.01
    with pytest.raises(ValidationError, match="decay_steps"):
        DenseSpec.model_validate({"optimizer": {"kind": "adam", "learning_rate": schedule | {"decay_steps": 0}}})
