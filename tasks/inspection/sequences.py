"""Series of the user's: how many there are, how long they are, and how much of them is missing."""

from typing import TYPE_CHECKING

import numpy as np

from tasks.data.examples import Raw
from tasks.data.own.archives import read_arrays
from tasks.data.own.series import SeriesSpec
from tasks.inspection.asked import Asked
from tasks.inspection.columns import found_kind
from tasks.inspection.look import Look
from tasks.inspection.overview import Overview, counted
from tasks.inspection.tables import A_FIFTH, about_test, choose_test, read_named
from tasks.inspection.targets import choose_task, look_at_target
from tasks.specs import BakeoffError, listed

if TYPE_CHECKING:
    import pandas as pd

TARGET = "y"


def look_at_series(asked: Asked) -> Look:
    """A table in long form, or arrays in a .npz file.

    Raises:
        BakeoffError: when it cannot be read, or nothing can be learned from it.
    """
    dataset, comments = _of_archive(asked) if asked.path.suffix.lower() == ".npz" else _of_table(asked)
    raw = dataset.read()
    return Look(overview_of_series(dataset, raw), dataset, raw, comments)


def overview_of_series(dataset: SeriesSpec, raw: Raw) -> Overview:
    """How the targets are spread, how many steps series have, and how much is missing."""
    X = np.asarray(raw.X)
    there = ~np.isnan(X).all(axis=2)
    lengths = X.shape[1] - there[:, ::-1].argmax(axis=1)  # up to the last step with a value
    within = np.arange(X.shape[1]) < lengths[:, None]
    missing = np.isnan(X)[within].mean()
    problem = raw.problem or dataset.problem
    least = f"{lengths.min():,} to " if lengths.min() < lengths.max() else ""
    return Overview(
        source=str(dataset.path),
        rows=len(X),
        examples="series",
        target=look_at_target(dataset.target or TARGET, dataset.task, raw.y, problem.classes),
        facts=(f"{least}{counted(lengths.max(), 'step')} of {counted(X.shape[2], 'value')}, {missing:.1%} missing",),
    )


def _of_table(asked: Asked) -> tuple[SeriesSpec, dict[str, str]]:
    rows, target, task, about_task = read_named(asked)
    if asked.id is None or asked.time is None:
        raise BakeoffError("series need --id COLUMN, which rows are of one series, and --time COLUMN, their order")
    test, why_test = choose_test(rows.drop(columns=[target, asked.id, asked.time, *asked.kinds]))
    columns, others = _values(rows, {target, asked.id, asked.time, test.column}, asked)
    if not columns:
        raise BakeoffError(f"{asked.path} has no column of numbers to predict {target} from")
    return SeriesSpec(
        kind="series",
        path=asked.path,
        task=task,
        id=asked.id,
        time=asked.time,
        target=target,
        columns=columns,
        test=test,
    ), {
        "dataset.task": about_task,
        "dataset.columns": "numbers" + (f"; not used, since they are none: {listed(others)}" if others else ""),
        "dataset.test": why_test if test.column else about_test("series"),
    }


def _values(rows: "pd.DataFrame", taken: set[str | None], asked: Asked) -> tuple[tuple[str, ...], list[str]]:
    """The columns of numbers, and the others."""
    free = [str(name) for name in rows if name not in taken]
    kinds = {name: asked.kinds.get(name) or found_kind(rows[name]) for name in free}
    numbers = tuple(name for name, kind in kinds.items() if kind == "number")
    return numbers, [name for name in free if name not in numbers]


def _of_archive(asked: Asked) -> tuple[SeriesSpec, dict[str, str]]:
    import pandas as pd

    task, about_task = choose_task(pd.Series(read_arrays(asked.path)[1], name=TARGET), None)
    return SeriesSpec(kind="series", path=asked.path, task=task, test=A_FIFTH), {
        "dataset.task": about_task,
        "dataset.test": about_test("series"),
    }
