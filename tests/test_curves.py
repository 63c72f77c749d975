from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tasks.reporting.contender_files import plot_curves


def _curves(members: int, loss: float = 1.0, validation: bool = True) -> dict[str, np.ndarray]:
    falling = loss / np.arange(1, 11)[:, None] * np.linspace(1, 1.1, members)
    watched = falling + 0.1 if validation else np.full_like(falling, np.nan)
    return {"loss": falling, "val_loss": watched, "metric": 1 - falling, "val_metric": 1 - watched}


def _picture(folder: Path, curves: dict[str, np.ndarray], best_epochs: tuple[int, ...] = ()) -> np.ndarray:
    path = plot_curves("net", curves, "accuracy", best_epochs, folder)
    assert path == folder / "curves.png"
    return imread(path)


@pytest.mark.parametrize("members", [1, 3, 12])
def test_curves_are_drawn_for_any_number_of_fits(tmp_path: Path, members: int) -> None:
    assert _picture(tmp_path, _curves(members)).shape[:2] == (540, 1320)


def test_other_curves_give_another_picture(tmp_path: Path) -> None:
    assert (_picture(tmp_path, _curves(3)) != _picture(tmp_path, _curves(3, loss=50))).any()


def test_the_best_epoch_is_marked_unless_every_fit_went_on_to_the_last(tmp_path: Path) -> None:
    plain = _picture(tmp_path, _curves(2))
    assert (_picture(tmp_path, _curves(2), (4, 6)) != plain).any()
    assert (_picture(tmp_path, _curves(2), (10, 10)) == plain).all()


def test_curves_without_validation_rows_show_training_alone(tmp_path: Path) -> None:
    assert (_picture(tmp_path, _curves(2, validation=False)) != _picture(tmp_path, _curves(2))).any()
