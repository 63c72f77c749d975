from typing import Any

import pytest
from pydantic import ValidationError

from tasks.metrics import Task
from tasks.models.nets.network_spec import EarlyStoppingSpec, Loss, output_layer, training_metric
from tasks.models.nets.networks import DenseSpec
from tasks.specs import BakeoffError


@pytest.mark.parametrize(
    ("task", "loss"),
    [("regression", "mse"), ("binary", "binary_crossentropy"), ("multiclass", "categorical_crossentropy")],
)
def test_the_loss_follows_from_the_task(task: Task, loss: Loss) -> None:
    assert DenseSpec().loss_for(task) == loss


def test_a_chosen_loss_is_kept_where_it_fits() -> None:
    assert DenseSpec(loss="mae").loss_for("regression") == "mae"
    assert DenseSpec(loss="mse").loss_for("binary") == "mse"


@pytest.mark.parametrize(
    ("loss", "task", "fitting"),
    [
        ("binary_crossentropy", "regression", "mse or mae"),
        ("mae", "binary", "binary_crossentropy or mse"),
        ("mae", "multiclass", "categorical_crossentropy or sparse_categorical_crossentropy or mse"),
    ],
)
def test_a_loss_that_does_not_fit_is_refused_with_those_that_do(loss: Loss, task: Task, fitting: str) -> None:
    with pytest.raises(BakeoffError, match=f"loss {loss} does not fit a {task} task; choose {fitting}$"):
        DenseSpec(loss=loss).loss_for(task)


def test_the_output_layer_follows_from_the_task() -> None:
    assert output_layer("regression", 1) == (1, "linear")
    assert output_layer("binary", 2) == (1, "sigmoid")
    assert output_layer("multiclass", 46) == (46, "softmax")


def test_what_is_watched_per_epoch_follows_from_the_task() -> None:
    assert [training_metric("regression"), training_metric("binary"), training_metric("multiclass")] == [
        "mae", "accuracy", "accuracy",
    ]  # fmt: skip


def test_batch_normalization_needs_more_than_one_row() -> None:
    with pytest.raises(ValidationError, match="batch_size of at least 2"):
        DenseSpec(batch_normalization=True, batch_size=1)
    assert DenseSpec(batch_normalization=True, batch_size=2).batch_normalization
    assert DenseSpec(batch_size=1).batch_size == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"units": [64, 0]},
        {"activation": "rellu"},
        {"dropout": 1},
        {"dropout": -0.1},
        {"l2": -1},
        {"loss": "hinge"},
        {"epochs": 0},
        {"batch_size": 0},
        {"early_stopping": {"patience": 0}},
        {"early_stopping": {"validation_fraction": 0}},
        {"early_stopping": {"validation_fraction": 1}},
        {"layers": 3},
    ],
    ids=str,
)
def test_a_setting_out_of_range_or_unknown_is_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        DenseSpec.model_validate(fields)


def test_a_net_without_hidden_layers_is_a_linear_model_and_allowed() -> None:
    assert DenseSpec(units=()).units == ()


def test_a_net_survives_json() -> None:
    spec = DenseSpec(units=(8,), dropout=0.5, l2=0.01, early_stopping=EarlyStoppingSpec(patience=3))
    assert DenseSpec.model_validate_json(spec.model_dump_json()) == spec
