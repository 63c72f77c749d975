"""All contenders and all pairs at a glance."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tasks.reporting.experiment_files import ledger_frame, mean_ranks, plot_ranks, write_experiment
from tests.builders import verdict_of
from tests.reports import report_of

SCORES = {"net": [2.0, 3.0, 2.0], "trees": [3.0, 2.0, 3.0], "old": [4.0, 4.0, 3.0], "floor": [9.0, 9.0, 9.0]}


def test_ranks_are_means_over_folds_and_ties_share() -> None:
    assert mean_ranks(report_of(SCORES)).tolist() == pytest.approx([4 / 3, (2 + 1 + 2.5) / 3, (3 + 3 + 2.5) / 3, 4])


def test_where_greater_is_better_the_greatest_score_ranks_first() -> None:
    report = report_of({"net": [0.9, 0.8], "trees": [0.5, 0.7]}, "accuracy")
    assert [entry.name for entry in report.contenders] == ["net", "trees"]
    assert mean_ranks(report).tolist() == [1, 2]


def test_every_verdict_changes_the_picture(tmp_path: Path) -> None:
    pictures = []
    for decision in ("first", "second", "equivalent", "undecided"):
        report = report_of(SCORES, verdicts=[verdict_of(decision, -1.0)])
        pictures.append(imread(plot_ranks(report, tmp_path)))
    assert all((one != other).any() for one, other in pairwise(pictures))


def test_a_score_far_away_does_not_squeeze_the_others_together(tmp_path: Path) -> None:
    near, far = (report_of(SCORES | {"floor": [value] * 3}) for value in (9.0, 9000.0))
    shapes = [imread(plot_ranks(report, tmp_path)) for report in (near, far)]
    assert shapes[0].shape == shapes[1].shape
    assert np.mean(shapes[0] != shapes[1]) < 0.02  # but for the number at the edge, nothing has moved


def test_the_ledger_has_a_row_of_costs_for_each_contender_best_first() -> None:
    frame = ledger_frame(report_of(SCORES))
    assert frame["name"].tolist() == ["net", "trees", "old", "floor"]
    assert frame["cpu_seconds"].tolist() == [2.0] * 4
    assert frame["predict_seconds_per_1000_rows"].tolist() == [2.5] * 4
    assert (frame[["n_fits", "model_bytes"]] > 0).all(axis=None)


def test_an_experiment_leaves_its_pictures_and_its_ledger(tmp_path: Path) -> None:
    write_experiment(report_of(SCORES, verdicts=[verdict_of("first", -1.0)]), tmp_path)
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        "ledger.csv",
        "ranks.png",
        "differences.png",
        "costs.png",
    }


def test_a_contender_alone_leaves_the_ledger(tmp_path: Path) -> None:
    write_experiment(report_of({"net": [2.0, 3.0]}), tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["ledger.csv"]
