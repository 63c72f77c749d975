"""The kinds of deep nets that can be entered; tasks/models/nets/stacking.py builds them."""

from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveInt

from tasks.data.examples import Problem
from tasks.metrics import MetricName, Task
from tasks.models.nets.network_spec import Activation, EarlyStoppingSpec, NetworkSpec, Output
from tasks.models.nets.optimizers import AdamWSpec, IndependentOptimizer
from tasks.models.search import Range, Space
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    from tasks.models.nets.layers import Inputs, MemberLayer

_PICTURES_BATCH = 128  # rows at a time, where layers have a value for each pixel or step, and channel
_FORMS = {"pixels": "pictures", "words": "texts", "series": "series"}


class DenseSpec(NetworkSpec):
    """A stack of fully connected layers: one for each entry of `units`, then the output layer."""

    kind: Literal["dense"] = "dense"
    compiled = True

    def usual_space(self, task: Task) -> Space:
        """Learning rates about the one entered, and whatever keeps a net from learning by heart."""
        rate = self.optimizer.highest_rate
        return {
            self.rate_path: Range(low=rate / 10, high=rate * 10, log=True),
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

    def front(self, inputs: "Inputs") -> "list[MemberLayer]":
        """Convolutions, each with its pooling."""
        from tasks.models.nets.layers import MemberConv, MemberPooling, MemberReshape

        height, *rest = inputs.shape
        # A series is as high as it is long, and windows go along time alone; a grey picture has one channel.
        picture = (height, 1, *rest) if inputs.series else (*inputs.shape, 1)[:3]
        window, pool = ((size, 1 if inputs.series else size) for size in (self.kernel_size, self.pool_size))
        layers = [*super().front(inputs), MemberReshape(picture)]
        for filters in self.filters:
            conv = partial(MemberConv, filters, window, self.padding)
            layers += self.hidden(conv, MemberPooling(pool))
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

    def front(self, inputs: "Inputs") -> "list[MemberLayer]":
        """Recurrent layers, of which the last gives its state after the last step alone."""
        from tasks.models.nets.recurrent import MemberGRU, MemberLSTM, MemberSeries

        layers: list[MemberLayer] = [MemberSeries(inputs.shape)]
        kind = {"gru": MemberGRU, "lstm": MemberLSTM}[self.cell]
        for position, units in enumerate(self.recurrent_units, start=1):
            layers += [kind(units, position < len(self.recurrent_units)), *self.dropped()]
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
        return {self.rate_path: Range(low=rate / 10, high=rate * 3, log=True), "dropout": Range(low=0.0, high=0.5)}

    def check(self, problem: Problem, metric: MetricName) -> None:
        """As for all nets; besides, the data must be a table."""
        if problem.form != "table":
            raise BakeoffError(f"{self.kind} is for tables, and these are {_FORMS[problem.form]}; choose dense")
        if self.batch_normalization:
            raise BakeoffError(f"{self.kind} has no batch normalization; leave batch_normalization out")
        super().check(problem, metric)


class RealMLPSpec(TableSpec):
    """A net with strong defaults for tables, and schedules by which it ends at learning rate 0 (see table_nets.py)."""

    kind: Literal["realmlp"] = "realmlp"
    annealed = True

    units: tuple[PositiveInt, ...] = (256, 256, 256)
    activation: Activation | None = Field(None, description="by default mish for numbers, selu for classes")  # type: ignore[assignment]
    dropout: float = Field(0.15, ge=0, lt=1)
    optimizer: IndependentOptimizer = AdamWSpec(learning_rate=0.04, beta_2=0.95, weight_decay=0.02)
    epochs: PositiveInt = 256
    batch_size: PositiveInt = 256
    early_stopping: EarlyStoppingSpec | None = EarlyStoppingSpec(patience=256)  # the best of all epochs

    def layers(self, inputs: "Inputs", output: Output) -> "list[MemberLayer]":
        """Embedded numbers, then dense layers in the neural tangent parametrization."""
        from tasks.models.nets.table_nets import MemberNTKDense, MemberNumbers

        layers: list[MemberLayer] = [MemberNumbers(inputs.numbers, self.embed_numbers)]
        activation = self.activation or ("mish" if output[1] == "linear" else "selu")
        for position, units in enumerate(self.units):
            layers += [MemberNTKDense(units, activation, is_first=position == 0), *self.dropped()]
        return [*layers, MemberNTKDense(*output, is_first=not self.units, is_last=True)]


class TabMSpec(TableSpec):
    """An ensemble of k submodels which have most of their weights in common (see table_nets.py)."""

    kind: Literal["tabm"] = "tabm"

    units: tuple[PositiveInt, ...] = Field((128, 128), min_length=1)
    k: PositiveInt = Field(16, description="submodels, whose mean is the prediction")
    dropout: float = Field(0.1, ge=0, lt=1)
    optimizer: IndependentOptimizer = AdamWSpec(learning_rate=0.002, weight_decay=0.0003)

    def layers(self, inputs: "Inputs", output: Output) -> "list[MemberLayer]":
        """Embedded numbers, then layers whose kernels the submodels share, and an output layer for each of them."""
        from tasks.models.nets.table_nets import MemberAdapter, MemberHeads, MemberMean, MemberNumbers, MemberShared

        layers: list[MemberLayer] = [MemberNumbers(inputs.numbers, self.embed_numbers)]
        begins = "normal" if self.embed_numbers else "signs"
        for position, units in enumerate(self.units):
            layers += [MemberAdapter(self.k, "ones" if position else begins), MemberShared(self.k, units)]
            layers += [MemberAdapter(self.k, activation=self.activation, biased=True), *self.dropped()]
        return [*layers, MemberHeads(self.k, *output), MemberMean()]


Network = DenseSpec | ConvSpec | RecurrentSpec | RealMLPSpec | TabMSpec
