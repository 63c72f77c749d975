"""Another look at the data of an experiment, as they are read for a run."""

from typing import Literal

import numpy as np

from tasks.data.datasets import AnyDataset, PublishedDataset
from tasks.data.examples import Raw, WordLists
from tasks.data.own.images import ImagesSpec
from tasks.data.own.rows import read_rows
from tasks.data.own.series import SeriesSpec
from tasks.data.own.tables import TableFileSpec
from tasks.data.own.texts import TextFileSpec
from tasks.data.problem import Form
from tasks.inspection.columns import look_at_columns
from tasks.inspection.overview import ColumnSeen, Overview
from tasks.inspection.pictures import overview_of_pictures
from tasks.inspection.sequences import overview_of_series
from tasks.inspection.suspicions import Known
from tasks.inspection.tables import look_at_table
from tasks.inspection.targets import look_at_target
from tasks.inspection.texts import overview_of_texts

EXAMPLES: dict[Form, Literal["rows", "texts", "images", "series"]] = {
    "table": "rows", "words": "texts", "pixels": "images", "series": "series"
}  # fmt: skip


def look_again(dataset: AnyDataset) -> tuple[Overview, Raw]:
    """What is seen of the data that an experiment names, and the examples.

    Raises:
        BakeoffError: when they cannot be had.
    """
    raw = dataset.read()
    if isinstance(dataset, TableFileSpec):
        rows = read_rows(dataset.path, numbers=(), columns=[*dataset.columns, dataset.target])
        return look_at_table(rows, str(dataset.path), dataset.target, dataset.task, dataset.columns), raw
    if isinstance(dataset, ImagesSpec):
        return overview_of_pictures(dataset, raw), raw
    if isinstance(dataset, TextFileSpec):
        return overview_of_texts(dataset, raw), raw
    if isinstance(dataset, SeriesSpec):
        return overview_of_series(dataset, raw), raw
    return _of_published(dataset, raw), raw


def _of_published(dataset: PublishedDataset, raw: Raw) -> Overview:
    target = look_at_target("target", dataset.task, raw.y, dataset.classes)
    columns: tuple[ColumnSeen, ...] = ()
    facts, duplicates = "", 0
    if isinstance(raw.X, WordLists):
        lengths = np.diff(raw.X.offsets)
        facts = f"{lengths.min():,} to {lengths.max():,} words, half of the texts up to {np.median(lengths):,.0f}"
    elif isinstance(raw.X, np.ndarray):
        facts = f"{' x '.join(map(str, dataset.problem.shape))} pixels"
    else:
        known = Known(raw.y, dataset.task, np.ones(len(raw.y), np.bool_))
        columns, duplicates = look_at_columns(raw.X, {str(name): "number" for name in raw.X}, known)
    return Overview(
        source=dataset.name,
        rows=len(raw.y),
        examples=EXAMPLES[dataset.problem.form],
        target=target,
        columns=columns,
        facts=tuple(filter(None, [facts])),
        duplicates=duplicates,
    )
