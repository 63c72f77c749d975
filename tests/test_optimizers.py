from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.optimizers import AdamSpec, IndependentOptimizer, RMSpropSpec, SGDSpec

OPTIMIZER: TypeAdapter[Any] = TypeAdapter(IndependentOptimizer)


@pytest.mark.parametrize(("kind", "spec"), [("sgd", SGDSpec()), ("rmsprop", RMSpropSpec()), ("adam", AdamSpec())])
def test_an_optimizer_is_chosen_by_its_kind(kind: str, spec: Any) -> None:
    assert OPTIMIZER.validate_python({"kind": kind}) == spec


def test_learning_rates_are_those_of_keras_unless_said_otherwise() -> None:
    assert [spec().learning_rate for spec in (SGDSpec, RMSpropSpec, AdamSpec)] == [0.01, 0.001, 0.001]


@pytest.mark.parametrize("kind", ["lamb", "LAMB", "lars", "muon", "Muon"])
def test_an_optimizer_that_mixes_weights_is_refused_with_the_reason(kind: str) -> None:
    with pytest.raises(ValidationError, match=f"{kind} (scales|orthogonalizes).*stay independent; use sgd"):
        OPTIMIZER.validate_python({"kind": kind, "learning_rate": 0.1})


@pytest.mark.parametrize("clipping", ["global_clipnorm", "clipnorm"])
@pytest.mark.parametrize("kind", ["sgd", "rmsprop", "adam"])
def test_norm_clipping_is_refused_with_the_reason(kind: str, clipping: str) -> None:
    with pytest.raises(ValidationError, match=f"{clipping} scales.*without norm clipping"):
        OPTIMIZER.validate_python({"kind": kind, clipping: 1.0})


def test_a_net_refuses_a_mixing_optimizer() -> None:
    with pytest.raises(ValidationError, match="lamb scales each layer's step"):
        DenseSpec.model_validate({"optimizer": {"kind": "lamb"}})


def test_an_optimizer_that_nobody_knows_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValidationError, match="'sgd', 'rmsprop', 'adam'"):
        OPTIMIZER.validate_python({"kind": "rmspop"})


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "sgd", "learning_rate": 0},
        {"kind": "rmsprop", "learning_rate": -0.1},
        {"kind": "adam", "learning_rate": float("nan")},
        {"kind": "sgd", "momentum": 1},
        {"kind": "sgd", "momentum": -0.1},
        {"kind": "rmsprop", "rho": 1},
        {"kind": "adam", "beta_1": 1},
        {"kind": "adam", "beta_2": -0.1},
        {"kind": "adam", "momentum": 0.9},
    ],
    ids=str,
)
def test_a_setting_out_of_range_or_unknown_is_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=list(fields)[-1]):
        OPTIMIZER.validate_python(fields)
