"""Deep nets as an experiment describes them; tasks/models/stacking.py builds them."""

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator

from tasks.metrics import Task
from tasks.models.optimizers import IndependentOptimizer, RMSpropSpec
from tasks.specs import BakeoffError, Spec

Activation = Literal["relu", "tanh", "sigmoid", "elu", "selu", "gelu", "silu", "linear"]
Loss = Literal["mse", "mae", "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]

_LOSSES: dict[Task, tuple[Loss, ...]] = {
    "regression": ("mse", "mae"),
    "binary": ("binary_crossentropy", "mse"),
    "multiclass": ("categorical_crossentropy", "sparse_categorical_crossentropy", "mse"),
}


class EarlyStoppingSpec(Spec):
    """Training ends when the loss on rows set aside from the training rows has not fallen for `patience` epochs."""

    patience: int = Field(20, ge=1, description="epochs without improvement")
    validation_fraction: float = Field(0.2, gt=0, lt=1, description="share of the training rows that is set aside")


class DenseSpec(Spec):
    """A stack of fully connected layers: one for each entry of `units`, then the output layer.

    The output layer follows from the task: one linear unit for regression, one sigmoid unit for two classes, else a
    softmax over the classes. With batch normalization a hidden layer is Dense, normalization, activation, dropout.
    """

    kind: Literal["dense"] = "dense"
    family: ClassVar[Literal["network"]] = "network"

    units: tuple[PositiveInt, ...] = Field((64, 64), description="width of each hidden layer")
    activation: Activation = "relu"
    dropout: float = Field(0.0, ge=0, lt=1, description="share of each hidden layer's outputs that is zeroed")
    l2: float = Field(0.0, ge=0, description="weight of the sum of squared kernel weights in the loss")
    batch_normalization: bool = False
    optimizer: IndependentOptimizer = RMSpropSpec()
    loss: Loss | None = Field(None, description="by default mse, binary_crossentropy or categorical_crossentropy")
    epochs: PositiveInt = 100
    batch_size: PositiveInt = 32
    early_stopping: EarlyStoppingSpec | None = None

    @model_validator(mode="after")
    def _normalization_needs_rows(self) -> "DenseSpec":
        if self.batch_normalization and self.batch_size == 1:
            raise ValueError("batch_normalization needs a batch_size of at least 2")
        return self

    def loss_for(self, task: Task) -> Loss:
        """The loss that is minimized.

        Raises:
            BakeoffError: when the chosen one does not fit the task.
        """
        fitting = _LOSSES[task]
        if self.loss is not None and self.loss not in fitting:
            raise BakeoffError(f"loss {self.loss} does not fit a {task} task; choose {' or '.join(fitting)}")
        return self.loss or fitting[0]


def output_layer(task: Task, n_outputs: int) -> tuple[int, str]:
    """Units and activation of the last layer."""
    if task == "multiclass":
        return n_outputs, "softmax"
    return 1, "sigmoid" if task == "binary" else "linear"


def training_metric(task: Task) -> Literal["mae", "accuracy"]:
    """What is reported per epoch, beside the loss."""
    return "mae" if task == "regression" else "accuracy"


Network = DenseSpec
