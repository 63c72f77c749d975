"""What all kinds of deep nets have in common as an experiment describes them; networks.py has the kinds."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from tasks import progress
from tasks.data.examples import Problem
from tasks.data.folds.splitting import Folds
from tasks.data.vectorization import DesignMatrix, Features, word_rows
from tasks.metrics import MetricName, Task
from tasks.models.contender import (
    ContenderSpec,
    CostEstimate,
    FinalFit,
    Flavor,
    Floats,
    FoldFits,
    Preparation,
    Sample,
)
from tasks.models.nets.optimizers import IndependentOptimizer, RMSpropSpec
from tasks.models.search import Budget, Search, Settings, Share, Trial
from tasks.parallel import apart
from tasks.specs import BakeoffError, Spec

if TYPE_CHECKING:
    from tasks.models.nets.layers import Inputs, MemberLayer

N = TypeVar("N", bound="NetworkSpec")
Activation = Literal["relu", "tanh", "sigmoid", "elu", "selu", "gelu", "silu", "mish", "linear"]
Output = tuple[int, str]  # units and activation of the last layer
Loss = Literal["mse", "mae", "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]

_LOSSES: dict[Task, tuple[Loss, ...]] = {
    "regression": ("mse", "mae"),
    "binary": ("binary_crossentropy", "mse"),
    "multiclass": ("categorical_crossentropy", "sparse_categorical_crossentropy", "mse"),
}
PART = 1024  # rows that a saved net computes at a time


class EarlyStoppingSpec(Spec):
    """Training ends when the loss on rows set aside from the training rows has not fallen for `patience` epochs."""

    patience: int = Field(20, ge=1, description="epochs without improvement")
    validation_fraction: float = Field(0.2, gt=0, lt=1, description="share of the training rows that is set aside")


class NetworkSpec(ContenderSpec):
    """What all nets have in common: fully connected layers at the end, and how they are trained.

    The output layer follows from the task: one linear unit for regression, one sigmoid unit for two classes, else a
    softmax over the classes. With batch normalization a hidden layer is linear, normalized, activated, dropped out.
    """

    family = "network"
    suffix = ".keras"
    takes_sequences = True
    searches_at_once = True
    compiled: ClassVar[bool]  # whether XLA makes the faster program of it
    annealed: ClassVar[bool] = False  # whether it learns by the schedules of "Better by Default"
    for_tables: ClassVar[bool] = False  # whether it is for tables alone, and scales numbers by their quartiles
    evaluation_batch: ClassVar[int] = 1024  # rows at a time where nothing is learned; bounds memory, changes no result

    units: tuple[PositiveInt, ...] = Field((64, 64), description="width of each hidden layer that is fully connected")
    activation: Activation = "relu"
    dropout: float = Field(0.0, ge=0, lt=1, description="share of each hidden layer's outputs that is zeroed")
    l2: float = Field(0.0, ge=0, description="weight of the sum of squared kernel weights in the loss")
    batch_normalization: bool = False
    optimizer: IndependentOptimizer = RMSpropSpec()
    loss: Loss | None = Field(None, description="by default mse, binary_crossentropy or categorical_crossentropy")
    standardize_target: bool = Field(
        False, description="learn a number in standard deviations of the training rows, whatever its unit"
    )
    epochs: PositiveInt = 100
    batch_size: PositiveInt = 32
    early_stopping: EarlyStoppingSpec | None = None
    n_members: PositiveInt = Field(1, description="nets of different seeds whose mean is the prediction: an ensemble")

    @model_validator(mode="after")
    def _normalization_needs_rows(self) -> "NetworkSpec":
        if self.batch_normalization and self.batch_size == 1:
            raise ValueError("batch_normalization needs a batch_size of at least 2")
        return self

    def check(self, problem: Problem, metric: MetricName) -> None:
        """Finds out whether such a net suits a data set of this task, form and shape of an example.

        Raises:
            BakeoffError: when it does not, with the reason.
        """
        self.check_space(problem.task)
        if fixed := sorted({*self.space(problem.task)} - {self.rate_path, "dropout", "l2"}):
            raise BakeoffError(
                f"search: {fixed[0]} cannot be searched for; the nets of a search are trained at once, and may differ"
                f" in {self.rate_path}, dropout, l2 and the number of epochs, which is always found"
            )
        self.loss_for(problem.task)
        if self.standardize_target and problem.task != "regression" and not self.for_tables:
            raise BakeoffError(f"standardize_target is for numbers, and this is a {problem.task} task; leave it out")

    @property
    def rate_path(self) -> str:
        """Return where the learning rate stands, or that at which its schedule begins."""
        scheduled = not isinstance(self.optimizer.learning_rate, float)
        return "optimizer.learning_rate" + (".initial_learning_rate" if scheduled else "")

    def loss_for(self, task: Task) -> Loss:
        """The loss that is minimized.

        Raises:
            BakeoffError: when the chosen one does not fit the task.
        """
        fitting = _LOSSES[task]
        if self.loss is not None and self.loss not in fitting:
            raise BakeoffError(f"loss {self.loss} does not fit a {task} task; choose {' or '.join(fitting)}")
        return self.loss or fitting[0]

    def layers(self, inputs: "Inputs", output: Output) -> "list[MemberLayer]":
        """The layers of a stack of such nets, behind what prepares a table: fully connected ones, after some in front.

        Heavy as these are to import, each kind of net imports its own here.
        """
        from tasks.models.nets.layers import MemberBag, MemberDense

        first = partial(MemberBag, inputs.features) if inputs.words else MemberDense
        layers = self.front(inputs)
        for position, units in enumerate(self.units):
            layers += self.hidden(partial(MemberDense if position else first, units))
        return [*layers, (MemberDense if self.units else first)(*output)]

    def front(self, inputs: "Inputs") -> "list[MemberLayer]":
        """The layers in front of those that are fully connected."""
        from tasks.models.nets.recurrent import MemberFilled

        return [MemberFilled(inputs.features)] if inputs.series else []

    def hidden(self, layer: "Callable[..., MemberLayer]", *then: "MemberLayer") -> "list[MemberLayer]":
        """A hidden layer with what follows on it."""
        from tasks.models.nets.layers import MemberActivation, MemberBatchNormalization

        activated = [layer(activation=self.activation)]
        if self.batch_normalization:
            activated = [layer(activation="linear"), MemberBatchNormalization(), MemberActivation(self.activation)]
        return [*activated, *then, *self.dropped()]

    def dropped(self) -> "list[MemberLayer]":
        """Dropout, if there is any."""
        from tasks.models.nets.layers import MemberDropout

        return [MemberDropout(self.dropout)] if self.dropout else []

    def load_library(self) -> None:
        """Load TensorFlow."""
        progress.load("tasks.models.nets.training", "TensorFlow")

    def fit_folds(self, name: str, arrays: DesignMatrix, folds: Folds, chosen: Sequence[Any] = ()) -> FoldFits:
        """Train the nets of all folds side by side."""
        return apart(_fit_folds, self, name, arrays, folds, chosen, data_bytes=arrays.n_bytes, net=True)

    def fit_all(
        self, name: str, arrays: DesignMatrix, seeds: Sequence[int], best_epochs: Sequence[int] = ()
    ) -> FinalFit:
        """Train a net for each seed for the median of the best epochs; without these, or with schedules, for all."""
        self.load_library()
        from tasks.models.nets import network_fits

        epochs = int(np.median(best_epochs)) if best_epochs and not self.annealed else self.epochs
        return network_fits.fit_all(self, name, arrays, seeds, epochs)

    def estimate_cost(self, name: str, sample: Sample, share: float, n_seeds: int) -> CostEstimate:
        """Train on few rows, for a few epochs."""
        from tasks.models.nets import network_fits

        return network_fits.estimate_cost(self, name, sample, share, n_seeds)

    def run_searches(
        self, name: str, arrays: DesignMatrix, searches: Sequence[Search], metric: MetricName, seed: int, budget: Budget
    ) -> tuple[int, float]:
        """Search on all folds' training rows at once."""
        given = (self, name, arrays, searches, metric, seed, budget.of(0))
        fits, seconds, trials = apart(_run_searches, *given, data_bytes=arrays.n_bytes, net=True)
        for search, tried in zip(searches, trials, strict=True):
            search.trials[:] = tried
        return fits, seconds

    def inner_score(self, task: Task, metric: MetricName) -> MetricName | Literal["loss"]:
        """The experiment's metric, if it is the one in a net's curves; else its loss."""
        return metric if metric == training_metric(task) else "loss"

    def with_found_settings(self, settings: Settings) -> Self:
        """A net with settings that were found learns for its number of epochs, and is not stopped."""
        return self.with_settings(settings).model_copy(update={"early_stopping": None})

    def on_rows(self, rows: float, all_rows: int, set_aside: float | None) -> Self:
        """As many steps as on all rows, and as many until it is stopped."""
        of_all, own = (math.ceil(count / self.batch_size) for count in (all_rows, rows))
        epochs, stopping = max(1, round(self.epochs * of_all / own)), self.early_stopping
        if stopping:
            stopping = stopping.model_copy(update={"patience": max(1, round(stopping.patience * of_all / own))})
        elif set_aside and self.tuning is None:
            stopping = EarlyStoppingSpec(patience=epochs, validation_fraction=set_aside)
        return self.model_copy(update={"epochs": epochs, "early_stopping": stopping})

    def preparations(self, problem: Problem) -> list[Preparation]:
        """Of a table or series what is done to its features, and the choice of the epoch."""
        prepared: list[Preparation] = ["encoding" if problem.levels else "normalization"]
        return [*(prepared if problem.form in ("table", "series") else []), "best_epoch"]

    def predict(self, model: Any, X: Features, problem: Problem) -> Floats:
        """Call the net as it is: Keras's `predict` would first compile it, which takes longer than most test sets do.

        Texts are taken by their length, since each part is filled up to its longest.
        """
        if problem.form == "words":
            order = np.argsort(np.diff(X.indptr), kind="stable")
            parts = [order[start : start + PART] for start in range(0, len(order), PART)]
            computed = np.concatenate([model.predict_on_batch(word_rows(X[part])) for part in parts])
            outputs = computed[np.argsort(order, kind="stable")]
        else:
            rows = np.asarray(X)
            parts = [rows[start : start + PART] for start in range(0, len(rows), PART)]
            outputs = np.concatenate([np.asarray(model(part, training=False)) for part in parts])
        return as_prediction(outputs.astype(np.float64), output_layer(problem.task, problem.n_outputs))

    def save(self, model: Any, path: Path) -> None:
        """Write Keras's own format."""
        model.save(path)

    def load(self, path: Path) -> Any:
        """Read a Keras model."""
        import keras

        from tasks.models.nets import devices  # noqa: F401  # before anything is computed

        return keras.models.load_model(path)

    def flavor(self, task: Task) -> Flavor:
        """Keras's own format."""
        return Flavor("mlflow.keras", "data/model.keras", ("keras", "tensorflow", "numpy"), takes_signature=False)

    def exchange(self, model: Any, X: Features, problem: Problem, names: Sequence[str]) -> tuple[Features, Any]:
        """A table's columns have names, and texts are rows of word numbers."""
        import pandas as pd

        taken = word_rows(X) if problem.form == "words" else X
        outputs = np.asarray(model(taken, training=False))
        if problem.form != "table":
            return taken, outputs
        return pd.DataFrame(X, columns=list(names)), pd.DataFrame(outputs).rename(columns=str)


def _fit_folds(
    contender: NetworkSpec, name: str, arrays: DesignMatrix, folds: Folds, chosen: Sequence[NetworkSpec]
) -> FoldFits:
    contender.load_library()
    from tasks.models.nets import network_fits

    return network_fits.fit_folds(contender, name, arrays, folds, chosen)


def _run_searches(
    contender: NetworkSpec,
    name: str,
    arrays: DesignMatrix,
    searches: Sequence[Search],
    metric: MetricName,
    seed: int,
    share: Share,
) -> tuple[int, float, list[list[Trial]]]:
    """Also returns the trials of the searches, which another process cannot see."""
    from tasks.models.nets import network_fits

    fits = network_fits.run_searches(contender, name, arrays, searches, metric, seed, share)
    return fits, share.spent, [search.trials for search in searches]


def output_layer(task: Task, n_outputs: int) -> Output:
    """Units and activation of the last layer."""
    if task == "multiclass":
        return n_outputs, "softmax"
    return 1, "sigmoid" if task == "binary" else "linear"


def union_spec(specs: Sequence[N]) -> N:
    """The spec of a stack of nets with these specs: as long, and with dropout and a penalty if one of them has any."""
    largest = {name: max(getattr(spec, name) for spec in specs) for name in ("dropout", "l2", "epochs")}
    return specs[0].model_copy(update=largest)


def as_prediction(outputs: NDArray[np.float64], output: Output) -> NDArray[np.float64]:
    """What a net puts out, as a prediction: (rows,) for a number, else probabilities (rows, classes) that sum to 1."""
    if output[1] == "linear":
        return outputs[:, 0]
    if output[1] == "sigmoid":
        return np.column_stack([1 - outputs[:, 0], outputs[:, 0]])
    return np.asarray(outputs / outputs.sum(axis=1, keepdims=True), np.float64)


def training_metric(task: Task) -> Literal["mae", "accuracy"]:
    """What is reported per epoch, beside the loss."""
    return "mae" if task == "regression" else "accuracy"
