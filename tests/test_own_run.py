"""From a user's file to the verdict: `bakeoff init`, and then a run of what it wrote."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlxtend.data import autompg_data
from owned import bakeoff

from flows import launch
from flows.experiment import load

pytestmark = pytest.mark.servers

COLUMNS = ("cylinders", "displacement", "horsepower", "weight", "acceleration", "model_year", "origin", "car_name")
SMALLER = (  # what was written, with less work
    "validation.n_splits=3", "validation.n_repeats=1", "contenders.dense.epochs=5", "contenders.random_forest=null",
    "contenders.hist_gradient_boosting.params={max_iter: 20}", "contenders.lightgbm=null", "contenders.xgboost=null",
)  # fmt: skip


def write_autompg(path: Path) -> None:
    """mlxtend's table, whose names of cars are missing; origins by name, and six engines unknown, as in UCI's file."""
    X, y = autompg_data()
    table = pd.DataFrame(X, columns=COLUMNS).assign(mpg=y)
    table["origin"] = table["origin"].map({1: "USA", 2: "Europe", 3: "Japan"})
    table.loc[[32, 126, 330, 336, 354, 374], "horsepower"] = np.nan
    table.to_csv(path, index=False)


def test_a_table_with_missing_values_and_categories_gets_a_verdict_without_an_edit() -> None:
    write_autompg(Path("auto-mpg.csv"))
    said = bakeoff("init", "auto-mpg.csv", "--target", "mpg")
    assert "car_name: empty, left out" in said
    report = launch.run(load("auto-mpg", SMALLER)).report
    scores = {entry.name: entry.mean for entry in report.contenders}
    assert scores["hist_gradient_boosting"] < scores["ridge"] < scores["dummy"]
    assert report.headline is not None
    assert report.sentence.startswith(("Undecided", "hist_gradient_boosting", "dense", "Practically equal"))
    assert "bakeoff run" not in bakeoff("check", "auto-mpg", "--no-probe")
