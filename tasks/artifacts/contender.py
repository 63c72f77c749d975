"""All the files that are written of one contender."""

from pathlib import Path

import numpy as np

from tasks.artifacts import classes, curves, plotting
from tasks.artifacts.frames import write_frames
from tasks.data.vectorization import Arrays
from tasks.evaluation import Evaluation
from tasks.models.networks import training_metric
from tasks.refitting import FinalScore
from tasks.reports.wording import TITLES
from tasks.store import load_arrays


def write_contender(evaluation: Evaluation, test: FinalScore, arrays: Arrays, unit: str, folder: Path) -> None:
    """Writes the tables and pictures that fit the contender and the task into a folder."""
    write_frames(evaluation, arrays, folder)
    if evaluation.history is not None:
        metric = TITLES[training_metric(arrays.task)]
        curves.plot_curves(evaluation.name, load_arrays(evaluation.history), metric, evaluation.best_epochs, folder)
    if arrays.task == "regression":
        plotting.plot_predictions(evaluation, arrays, unit, folder)
    else:
        _write_classification(evaluation, test, arrays, folder)


def _write_classification(evaluation: Evaluation, test: FinalScore, arrays: Arrays, folder: Path) -> None:
    """What a classifier, the first of its seeds, makes of the test rows."""
    name = evaluation.name
    y = arrays.y("test").astype(np.int64)
    probabilities = load_arrays(test.predictions)["test"][0].astype(np.float64)
    predicted = probabilities.argmax(axis=1)
    classes.per_class_frame(y, predicted, arrays.classes).to_csv(
        folder / "per_class.csv", index=False, float_format="%.4f"
    )
    classes.plot_confusion(name, y, predicted, arrays.classes, folder)
    if arrays.task == "binary" and evaluation.contender.gives_probabilities:
        classes.plot_calibration(name, y, probabilities[:, 1], arrays.classes[1], folder)
    if arrays.form == "pixels":
        pictures = arrays.test()[0].reshape(len(y), *arrays.shape)
        classes.plot_misclassified(name, pictures, y, predicted, probabilities, arrays.classes, folder)
