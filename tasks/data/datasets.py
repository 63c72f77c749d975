"""The data sets that an experiment can name, and how their examples are read, checked and kept."""

import logging
from typing import Annotated, get_args

import numpy as np
from pydantic import Field

from tasks.data.builtin.numbers import NumberDataset
from tasks.data.builtin.word_lists import TextDataset
from tasks.data.examples import RawData, StoredData, WordLists, count_groups, keep
from tasks.data.files.forms import OwnDataset
from tasks.specs import BakeoffError, did_you_mean

logger = logging.getLogger(__name__)

PublishedDataset = NumberDataset | TextDataset
AnyDataset = PublishedDataset | OwnDataset
Dataset = Annotated[AnyDataset, Field(discriminator="kind")]
DATASETS: dict[str, type[PublishedDataset]] = {
    spec.model_fields["kind"].default: spec for spec in get_args(PublishedDataset)
}


def dataset_named(name: str) -> type[PublishedDataset]:
    """The published data set of that name.

    Raises:
        BakeoffError: when there is none.
    """
    if name not in DATASETS:
        hint = did_you_mean(name, DATASETS) or f"; there are {', '.join(DATASETS)}"
        raise BakeoffError(f"there is no data set {name!r}{hint}")
    return DATASETS[name]


def ingest(dataset: Dataset) -> StoredData:
    """Reads a data set, checks its values and keeps it as one file.

    Raises:
        BakeoffError: when a value is infinite, or missing where none may be, or when the data cannot be had.
    """
    return keep_examples(dataset, dataset.read())


def keep_examples(dataset: Dataset, raw: RawData) -> StoredData:
    """Checks the values of what was read, and keeps it as one file.

    Raises:
        BakeoffError: when a value is infinite, or missing where none may be.
    """
    problem = raw.problem or dataset.problem
    frame = None if isinstance(raw.X, np.ndarray | WordLists) else raw.X
    columns = {} if frame is None else {str(name): frame[name].to_numpy() for name in frame}
    checked = bool(problem.levels) or problem.form == "words"  # a table of the user's own, by itself, or no numbers
    numbers = ({} if checked else columns) | {"the target": raw.y}
    unusable = [name for name, values in numbers.items() if not np.isfinite(values.astype(np.float64)).all()]
    if unusable:
        raise BakeoffError(
            f"{dataset.name}: missing or infinite values in {', '.join(unusable)}; finite numbers needed"
        )
    file, digest = keep(raw)
    logger.info("%s: %d rows, %d of them for the test, digest %s", dataset.name, len(raw.y), raw.held_out.sum(), digest)
    return StoredData(
        **problem.fields(),
        name=dataset.name,
        columns=raw.columns,
        groups=None if raw.groups is None else count_groups(raw.groups[~raw.held_out]),
        tokens=raw.tokens,
        unit=dataset.unit,
        features=tuple(columns),
        brightest=dataset.brightest,
        rendering=raw.rendering,
        digest=digest,
        training_rows=int((~raw.held_out).sum()),
        test_rows=int(raw.held_out.sum()),
        file=file,
    )
