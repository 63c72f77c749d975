"""The forms that the user's own data may have, and which of them a file or folder is of.

To add one, write a module with a subclass of `OwnSpec`, and name it here.
"""

from typing import get_args

import numpy as np

from tasks.data.examples import DatasetSpec, RawData, WordLists
from tasks.data.files.data_file import DataFile
from tasks.data.files.folders import files_below, is_folder
from tasks.data.files.images import ImagesSpec
from tasks.data.files.own_spec import Inspection, OwnSpec
from tasks.data.files.profile import ColumnProfile, DataProfile, InitOptions, profile_columns
from tasks.data.files.series import SeriesSpec
from tasks.data.files.tables import TableFileSpec
from tasks.data.files.target_column import Target
from tasks.data.files.texts import TextFileSpec
from tasks.specs import BakeoffError

OwnDataset = ImagesSpec | SeriesSpec | TableFileSpec | TextFileSpec  # the first that suits a file is taken
FORMS: tuple[type[OwnSpec], ...] = get_args(OwnDataset)


def inspect(options: InitOptions) -> Inspection:
    """Find out what form of data it is, look at them, and choose how they are to be read.

    Raises:
        BakeoffError: when they cannot be read, or nothing can be learned from them.
    """
    if is_folder(options.path):
        return _form_of_folder(options).inspect(options)
    if options.file.is_archive:
        options.refuse_columns("a .npz file has the arrays X and y, and no columns")
    form = next(form for form in FORMS if form.suits(options))
    if form.opened_as is not DataFile:
        options = options.model_copy(update={"file": form.opened_as(options.path, options.reading.encoding)})
    return form.inspect(options)


def _form_of_folder(options: InitOptions) -> type[OwnSpec]:
    """The form of the files in it."""
    folder = options.path
    options.refuse_columns(f"{folder} is a folder, whose sub-folders are the classes")
    found = {form: files_below(folder, form.suffixes) for form in FORMS if form.suffixes}
    there = [form for form, files in found.items() if files]
    if len(there) > 1:
        several = ", and ".join(f"{form.examples}, such as {found[form][0].name}" for form in there)
        raise BakeoffError(f"{folder} has {several}; keep one kind in the folder")
    if not there:
        neither = " nor ".join(form.examples for form in found)
        suffixes = ", ".join(suffix for form in found for suffix in form.suffixes)
        raise BakeoffError(f"{folder} has neither {neither} ({suffixes}); a table is one file")
    return there[0]


def look_again(dataset: DatasetSpec) -> tuple[DataProfile, RawData]:
    """Return what is seen of the data that an experiment names, and the examples, as they are read for a run.

    Raises:
        BakeoffError: when they cannot be had.
    """
    if isinstance(dataset, OwnSpec):
        file = dataset.opened()
        raw = dataset.read(file)
        return dataset.describe(raw, file), raw
    raw = dataset.read()
    problem = dataset.problem
    target = Target("target", raw.y, problem.classes, np.ones(len(raw.y), np.bool_))
    columns: tuple[ColumnProfile, ...] = ()
    facts, duplicates = tuple[str, ...](), 0
    if isinstance(raw.X, WordLists):
        lengths = np.diff(raw.X.offsets)
        facts = (f"{lengths.min():,} to {lengths.max():,} words, half of the texts up to {np.median(lengths):,.0f}",)
    elif isinstance(raw.X, np.ndarray):
        facts = (f"{' x '.join(map(str, problem.shape))} pixels",)
    else:
        columns, duplicates = profile_columns(raw.X, {str(name): "number" for name in raw.X}, target)
    examples = {"table": "rows", "words": "texts", "pixels": "images", "series": "series"}[problem.form]
    return DataProfile(dataset.name, len(raw.y), examples, target, columns, facts, duplicates), raw
