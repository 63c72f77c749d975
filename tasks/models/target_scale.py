"""Targets in standard deviations: a net whose target is around 200,000 would spend its epochs on getting there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.validation import Rows
from tasks.specs import BakeoffError

Floats = NDArray[np.float32]
FARTHEST = 1e5  # standard deviations: there, neighbours in single precision are 0.8 % of one apart


@dataclass(frozen=True)
class TargetScale:
    """The mean and the standard deviation of each member's training rows, both (members, 1).

    All members share one float32 copy of the targets, which is in standard deviations of all rows: so digits are kept
    where the mean is far larger than the spread. What a member learns is computed from that by a line of its own, and
    depends on its own training rows alone.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    shared_mean: float
    shared_scale: float

    def shared(self, y: NDArray[np.generic]) -> NDArray[np.float64]:
        """What all members share."""
        return (y.astype(np.float64) - self.shared_mean) / self.shared_scale

    def own(self, shared: Any) -> Any:
        """What members learn: of shared targets (batch, members, 1), each in its own member's standard deviations."""
        slope, intercept = self.shared_scale / self.scale, (self.shared_mean - self.mean) / self.scale
        return shared * slope.astype(np.float32) + intercept.astype(np.float32)

    def undo(self, prediction: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        """Member k's prediction (rows,) in the unit of the target."""
        return np.asarray(prediction * self.scale[k] + self.mean[k])

    def fold_into(self, output: Any, k: int) -> None:
        """Has the output layer of member k's ordinary net give numbers in the unit of the target."""
        kernel, bias = output.get_weights()
        output.set_weights([kernel * self.scale[k], bias * self.scale[k] + self.mean[k]])


def fit_target_scale(y: NDArray[np.generic], members: Sequence[Rows]) -> TargetScale:
    """Fits on each member's training rows, given by their numbers; a constant target gets scale 1.

    Raises:
        BakeoffError: when an ordinary net, which gives single precision, would lose the digits that differ.
    """
    numbers = y.astype(np.float64)
    mean, std = float(numbers.mean()), float(numbers.std())
    if 0 < std * FARTHEST < abs(mean):
        raise BakeoffError(
            f"the target lies too far from zero: its mean, {mean:.3g}, is {abs(mean) / std:.0e} times its standard"
            f" deviation, and a net would lose the digits that differ; subtract {mean:.1g} from it"
        )
    own = [numbers[rows] for rows in members]
    return TargetScale(
        mean=np.array([[each.mean()] for each in own]),
        scale=np.array([[each.std() or 1.0] for each in own]),
        shared_mean=mean,
        shared_scale=std or 1.0,
    )
