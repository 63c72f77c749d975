"""Deep nets as an experiment describes them; tasks/models/nets/stacking.py builds them."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from tasks import progress
from tasks.data.examples import Problem
from tasks.data.folds.splitting import Folds
from tasks.data.vectorization import Arrays, Features, word_rows
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
from tasks.models.nets.optimizers import AdamWSpec, IndependentOptimizer, RMSpropSpec
from tasks.models.search import Budget, Range, Search, Settings, Space
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


_PICTURES_BATCH = 128  # as many, where layers have a value for each pixel or step, and channel
PART = 1024  # rows that a saved net computes at a time
_FORMS = {"pixels": "pictures", "words": "texts", "series": "series"}


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
        if fixed := sorted({*self.space(problem.task)} - {self._rate_path, "dropout", "l2"}):
            raise BakeoffError(
                f"search: {fixed[0]} cannot be searched for; the nets of a search are trained at once, and may differ"
                f" in {self._rate_path}, dropout, l2 and the number of epochs, which is always found"
            )
        self.loss_for(problem.task)
        if self.standardize_target and problem.task != "regression" and not self.for_tables:
            raise BakeoffError(f"standardize_target is for numbers, and this is a {problem.task} task; leave it out")

    @property
    def _rate_path(self) -> str:
        """Where the learning rate stands, or that at which its schedule begins."""
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

    def layers(self, inputs: "Inputs", output: Output, dropout_seeds: Iterator[int]) -> "list[MemberLayer]":
        """The layers of a stack of such nets, behind what prepares a table: fully connected ones, after some in front.

        Heavy as these are to import, each kind of net imports its own here.
        """
        from tasks.models.nets.layers import MemberBag, MemberDense

        first = partial(MemberBag, inputs.features) if inputs.words else MemberDense
        layers = self.front(inputs, dropout_seeds)
        for position, units in enumerate(self.units):
            layers += self.hidden(partial(MemberDense if position else first, units), dropout_seeds)
        return [*layers, (MemberDense if self.units else first)(*output)]

    def front(self, inputs: "Inputs", dropout_seeds: Iterator[int]) -> "list[MemberLayer]":
        """The layers in front of those that are fully connected."""
        from tasks.models.nets.recurrent import MemberFilled

        return [MemberFilled(inputs.features)] if inputs.series else []

    def hidden(
        self, layer: "Callable[..., MemberLayer]", dropout_seeds: Iterator[int], *then: "MemberLayer"
    ) -> "list[MemberLayer]":
        """A hidden layer with what follows on it."""
        from tasks.models.nets.layers import MemberActivation, MemberBatchNormalization

        activated = [layer(activation=self.activation)]
        if self.batch_normalization:
            activated = [layer(activation="linear"), MemberBatchNormalization(), MemberActivation(self.activation)]
        return [*activated, *then, *self.dropped(dropout_seeds)]

    def dropped(self, dropout_seeds: Iterator[int]) -> "list[MemberLayer]":
        """Dropout, if there is any."""
        from tasks.models.nets.layers import MemberDropout

        return [MemberDropout(self.dropout, next(dropout_seeds))] if self.dropout else []

    def load_library(self) -> None:
        """Load TensorFlow."""
        progress.load("tasks.models.nets.training", "TensorFlow")

    def fit_folds(self, name: str, arrays: Arrays, folds: Folds, chosen: Sequence[Any] = ()) -> FoldFits:
        """Train the nets of all folds at once."""
        self.load_library()
        from tasks.models.nets import network_fits

        return network_fits.fit_folds(self, name, arrays, folds, chosen)

    def fit_all(self, name: str, arrays: Arrays, seeds: Sequence[int], best_epochs: Sequence[int] = ()) -> FinalFit:
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
        self, name: str, arrays: Arrays, searches: Sequence[Search], metric: MetricName, seed: int, budget: Budget
    ) -> int:
        """Search on all folds' training rows at once."""
        from tasks.models.nets import network_fits

        return network_fits.run_searches(self, name, arrays, searches, metric, seed, budget)

    def inner_score(self, task: Task, metric: MetricName) -> MetricName | Literal["loss"]:
        """The experiment's metric, if it is the one in a net's curves; else its loss."""
        return metric if metric == training_metric(task) else "loss"

    def settled(self, settings: Settings) -> Self:
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


class DenseSpec(NetworkSpec):
    """A stack of fully connected layers: one for each entry of `units`, then the output layer."""

    kind: Literal["dense"] = "dense"
    compiled = True

    def usual_space(self, task: Task) -> Space:
        """Learning rates about the one entered, and whatever keeps a net from learning by heart."""
        rate = self.optimizer.highest_rate
        return {
            self._rate_path: Range(low=rate / 10, high=rate * 10, log=True),
            "dropout": Range(low=0.0, high=0.5),
            "l2": Range(low=1e-6, high=0.1, log=True),
        }


class ConvSpec(NetworkSpec):
    """A convolutional net for pictures (LeCun et al. 1998): convolution and pooling for each entry of `filters`.

    The fully connected layers of `units` follow. On series, windows go along time alone.
    """

    kind: Literal["conv"] = "conv"
    evaluation_batch = _PICTURES_BATCH
    compiled = False  # a 3 x 3 convolution and its gradient: 0.37 s a step by XLA, 0.014 s by TensorFlow's oneDNN

    filters: tuple[PositiveInt, ...] = Field((32, 64), min_length=1, description="channels of each convolution")
    kernel_size: PositiveInt = Field(3, description="height and width of each convolution's window")
    padding: Literal["valid", "same"] = Field("valid", description="same: a convolution keeps height and width")
    pool_size: PositiveInt = Field(2, description="by how much max pooling shrinks height and width; 1 for none")
    units: tuple[PositiveInt, ...] = (64,)

    def check(self, problem: Problem, metric: MetricName) -> None:
        """As for all nets; besides, the data must be pictures or series, and large enough for all convolutions."""
        super().check(problem, metric)
        if problem.form not in ("pixels", "series"):
            raise BakeoffError(
                "conv looks for patterns in neighbouring pixels, and these are no pictures; choose dense"
            )
        series = problem.form == "series"
        sides = list(problem.shape[:1] if series else problem.shape[:2])  # none of series that are not read yet
        size = " x ".join(map(str, problem.shape[:1] if series else problem.shape))
        what = f"series of {size} steps" if series else f"pictures of {size} pixels"
        for number in range(1, len(self.filters) + 1):
            sides = [self._shrunk(side) for side in sides]
            if min(sides, default=1) < 1:
                raise BakeoffError(
                    f"{what} have shrunk to nothing after {number} of {len(self.filters)} convolutions; choose fewer"
                    " filters, padding: same, or a smaller pool_size"
                )

    def front(self, inputs: "Inputs", dropout_seeds: Iterator[int]) -> "list[MemberLayer]":
        """Convolutions, each with its pooling."""
        from tasks.models.nets.layers import MemberConv, MemberPooling, MemberReshape

        height, *rest = inputs.shape
        # A series is as high as it is long, and windows go along time alone; a grey picture has one channel.
        picture = (height, 1, *rest) if inputs.series else (*inputs.shape, 1)[:3]
        window, pool = ((size, 1 if inputs.series else size) for size in (self.kernel_size, self.pool_size))
        layers = [*super().front(inputs, dropout_seeds), MemberReshape(picture)]
        for filters in self.filters:
            conv = partial(MemberConv, filters, window, self.padding)
            layers += self.hidden(conv, dropout_seeds, MemberPooling(pool))
        return [*layers, MemberReshape((-1,))]

    def _shrunk(self, side: int) -> int:
        """What is left of a side after a convolution and its pooling."""
        return (side if self.padding == "same" else side - self.kernel_size + 1) // self.pool_size


class RecurrentSpec(NetworkSpec):
    """A recurrent net for series: a layer for each entry of `recurrent_units`, which reads the series step by step.

    The fully connected layers of `units` follow on the state after the last step. The recurrent layers have the
    activations of their cell and no batch normalization, and an L2 penalty falls on their inputs' weights alone.
    """

    kind: Literal["recurrent"] = "recurrent"
    compiled = True
    evaluation_batch = _PICTURES_BATCH

    cell: Literal["gru", "lstm"] = Field("gru", description="gated recurrent units, or long short-term memory")
    recurrent_units: tuple[PositiveInt, ...] = Field((32,), min_length=1, description="width of each recurrent layer")
    units: tuple[PositiveInt, ...] = ()

    def check(self, problem: Problem, metric: MetricName) -> None:
        """As for all nets; besides, the data must be series."""
        super().check(problem, metric)
        if problem.form != "series":
            raise BakeoffError("recurrent reads series step by step, and these are none; choose dense")

    def front(self, inputs: "Inputs", dropout_seeds: Iterator[int]) -> "list[MemberLayer]":
        """Recurrent layers, of which the last gives its state after the last step alone."""
        from tasks.models.nets.recurrent import MemberGRU, MemberLSTM, MemberSeries

        layers: list[MemberLayer] = [MemberSeries(inputs.shape)]
        kind = {"gru": MemberGRU, "lstm": MemberLSTM}[self.cell]
        for position, units in enumerate(self.recurrent_units, start=1):
            layers += [kind(units, position < len(self.recurrent_units)), *self.dropped(dropout_seeds)]
        return layers


class TableSpec(NetworkSpec):
    """A net for tables, which scales numbers by their quartiles, clips them smoothly, and embeds each by itself.

    A number that is to be predicted is learned in standard deviations of the training rows.
    """

    compiled = True
    for_tables = True

    standardize_target: bool = True
    embed_numbers: bool = Field(True, description="a number gives three learned periodic functions beside itself")

    def usual_space(self, task: Task) -> Space:
        """Learning rates about the one entered, and dropout."""
        rate = self.optimizer.highest_rate
        return {self._rate_path: Range(low=rate / 10, high=rate * 3, log=True), "dropout": Range(low=0.0, high=0.5)}

    def check(self, problem: Problem, metric: MetricName) -> None:
        """As for all nets; besides, the data must be a table."""
        if problem.form != "table":
            raise BakeoffError(f"{self.kind} is for tables, and these are {_FORMS[problem.form]}; choose dense")
        if self.batch_normalization:
            raise BakeoffError(f"{self.kind} has no batch normalization; leave batch_normalization out")
        super().check(problem, metric)


class RealMLPSpec(TableSpec):
    """A net with strong defaults for tables, and schedules by which it ends at learning rate 0 (see tables.py)."""

    kind: Literal["realmlp"] = "realmlp"
    annealed = True

    units: tuple[PositiveInt, ...] = (256, 256, 256)
    activation: Activation | None = Field(None, description="by default mish for numbers, selu for classes")  # type: ignore[assignment]
    dropout: float = Field(0.15, ge=0, lt=1)
    optimizer: IndependentOptimizer = AdamWSpec(learning_rate=0.04, beta_2=0.95, weight_decay=0.02)
    epochs: PositiveInt = 256
    batch_size: PositiveInt = 256
    early_stopping: EarlyStoppingSpec | None = EarlyStoppingSpec(patience=256)  # the best of all epochs

    def layers(self, inputs: "Inputs", output: Output, dropout_seeds: Iterator[int]) -> "list[MemberLayer]":
        """Embedded numbers, then dense layers in the neural tangent parametrization."""
        from tasks.models.nets.table_nets import MemberNTKDense, MemberNumbers

        layers: list[MemberLayer] = [MemberNumbers(inputs.numbers, self.embed_numbers)]
        activation = self.activation or ("mish" if output[1] == "linear" else "selu")
        for position, units in enumerate(self.units):
            layers += [MemberNTKDense(units, activation, is_first=position == 0), *self.dropped(dropout_seeds)]
        return [*layers, MemberNTKDense(*output, is_first=not self.units, is_last=True)]


class TabMSpec(TableSpec):
    """An ensemble of k submodels which have most of their weights in common (see tables.py)."""

    kind: Literal["tabm"] = "tabm"

    units: tuple[PositiveInt, ...] = Field((128, 128), min_length=1)
    k: PositiveInt = Field(16, description="submodels, whose mean is the prediction")
    dropout: float = Field(0.1, ge=0, lt=1)
    optimizer: IndependentOptimizer = AdamWSpec(learning_rate=0.002, weight_decay=0.0003)

    def layers(self, inputs: "Inputs", output: Output, dropout_seeds: Iterator[int]) -> "list[MemberLayer]":
        """Embedded numbers, then layers whose kernels the submodels share, and an output layer for each of them."""
        from tasks.models.nets.table_nets import MemberAdapter, MemberHeads, MemberMean, MemberNumbers, MemberShared

        layers: list[MemberLayer] = [MemberNumbers(inputs.numbers, self.embed_numbers)]
        begins = "normal" if self.embed_numbers else "signs"
        for position, units in enumerate(self.units):
            layers += [MemberAdapter(self.k, "ones" if position else begins), MemberShared(self.k, units)]
            layers += [MemberAdapter(self.k, activation=self.activation, biased=True), *self.dropped(dropout_seeds)]
        return [*layers, MemberHeads(self.k, *output), MemberMean()]


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


TableNetwork = RealMLPSpec | TabMSpec
Network = DenseSpec | ConvSpec | RecurrentSpec | TableNetwork
