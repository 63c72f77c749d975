from pathlib import Path

import numpy as np
import pandas as pd

from tasks.reporting.contender_files import history_frame, out_of_fold_frame, write_contender
from tasks.store import store_arrays
from tests.builders import arrays_of, evaluation_of, result_of

CURVES = {
    name: np.arange(6.0).reshape(3, 2) + 10 * k for k, name in enumerate(("loss", "val_loss", "metric", "val_metric"))
}


def test_out_of_fold_predictions_stand_beside_what_was_to_be_predicted() -> None:
    predictions = store_arrays(rows=np.arange(3), out_of_fold=np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    frame = out_of_fold_frame(
        evaluation_of("a", [1, 1], predictions=predictions), arrays_of("regression", [10, 20, 30])
    )
    assert frame.to_dict("list") == {
        "repeat": [0, 0, 0, 1, 1, 1],
        "row": [0, 1, 2, 0, 1, 2],
        "actual": [10, 20, 30, 10, 20, 30],
        "prediction": [1, 2, 3, 4, 5, 6],
    }


def test_rows_that_were_never_held_out_have_no_prediction() -> None:
    predictions = store_arrays(rows=np.array([0, 2]), out_of_fold=np.array([[1.0, 3.0]]))
    frame = out_of_fold_frame(evaluation_of("a", [1], predictions=predictions), arrays_of("regression", [10, 20, 30]))
    assert frame[["row", "actual", "prediction"]].to_numpy().tolist() == [[0, 10, 1], [2, 30, 3]]


def test_each_class_has_its_column_of_probabilities() -> None:
    probabilities = np.array([[[0.7, 0.3], [0.2, 0.8]]])
    predictions = store_arrays(rows=np.arange(2), out_of_fold=probabilities)
    frame = out_of_fold_frame(evaluation_of("a", [1, 1], predictions=predictions), arrays_of("binary", [0, 1]))
    assert frame.to_dict("list") == {
        "repeat": [0, 0],
        "row": [0, 1],
        "actual": [0, 1],
        "p_a": [0.7, 0.2],
        "p_b": [0.3, 0.8],
    }


def test_the_history_has_a_row_for_each_epoch_and_fold() -> None:
    frame = history_frame(store_arrays(**CURVES))
    assert frame.to_dict("list") == {
        "epoch": [1, 1, 2, 2, 3, 3],
        "fold": [0, 1, 0, 1, 0, 1],
        "loss": [0, 1, 2, 3, 4, 5],
        "val_loss": [10, 11, 12, 13, 14, 15],
        "metric": [20, 21, 22, 23, 24, 25],
        "val_metric": [30, 31, 32, 33, 34, 35],
    }


def test_written_frames_read_back_the_same_and_only_a_net_has_a_history(tmp_path: Path) -> None:
    arrays = arrays_of("regression", [10, 20])
    predictions = store_arrays(rows=np.arange(2), out_of_fold=np.array([[1.0, 2.0]]))
    plain, net = tmp_path / "plain", tmp_path / "net"
    for folder, history in ((plain, None), (net, store_arrays(**CURVES))):
        folder.mkdir()
        evaluation = evaluation_of("a", [1, 1], predictions=predictions, history=history)
        write_contender(result_of(evaluation), arrays, "", folder)
        pd.testing.assert_frame_equal(
            pd.read_parquet(folder / "out_of_fold.parquet"), out_of_fold_frame(evaluation, arrays)
        )
    assert not (plain / "history.parquet").exists()
    pd.testing.assert_frame_equal(pd.read_parquet(net / "history.parquet"), history_frame(store_arrays(**CURVES)))
