"""What contenders are entered for: what is to be predicted, from examples of which form."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.metrics import Task
from tasks.specs import Spec

Form = Literal["table", "pixels", "words", "series"]


class Problem(Spec):
    """A task, and what an example is made of.

    `shape` is that of one example: (features,), (height, width), (num_words,), or, of a series, (time, features), which
    has NaN where a value is missing and where it has ended. `classes` are the labels in the order of their numbers; a
    number to predict has none. `levels` is empty where a table has finite numbers alone. Else values may be missing,
    and it has an entry for each feature: how many levels a category has, whose numbers begin at 0, and 0 for a number.
    """

    task: Task
    form: Form
    shape: tuple[int, ...]
    classes: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()

    @property
    def n_outputs(self) -> int:
        """Columns of a prediction: 1 for regression, else one for each class."""
        return max(1, len(self.classes))

    @property
    def width(self) -> int:
        """The length of an example as a vector."""
        return int(np.prod(self.shape))

    def fields(self) -> dict[str, Any]:
        """What makes it a problem, whatever else it may be, by name."""
        return {name: getattr(self, name) for name in Problem.model_fields}

    def prepared_on(self, training: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows on which a net with these training rows fits how it prepares features: the same, and no other."""
        return training

    @property
    def categories(self) -> tuple[int, ...]:
        """The numbers of those features that are categories."""
        return tuple(number for number, levels in enumerate(self.levels) if levels)
