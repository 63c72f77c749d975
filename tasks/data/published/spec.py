"""What the published data sets have in common."""

from typing import ClassVar

from tasks.data.examples import DatasetSpec
from tasks.data.problem import Form, Problem
from tasks.data.published.keras_cache import KerasFile
from tasks.metrics import Task


class PublishedSpec(DatasetSpec):
    """A data set that is known to all.

    `files` are what must be in Keras's cache, `origin` is where the examples come from.
    """

    task: ClassVar[Task]
    form: ClassVar[Form]
    shape: ClassVar[tuple[int, ...]]
    unit: ClassVar[str] = ""
    classes: ClassVar[tuple[str, ...]] = ()
    rows: ClassVar[int]
    files: ClassVar[tuple[KerasFile, ...]] = ()
    origin: ClassVar[str] = "Keras"

    @property
    def problem(self) -> Problem:
        """All of it is known."""
        return Problem(task=self.task, form=self.form, shape=self.shape, classes=self.classes)
