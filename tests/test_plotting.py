import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from tasks.reporting.contender_files import plot_calibration, plot_confusion, plot_misclassified, plot_predictions
from tasks.reporting.experiment_files import plot_costs, plot_differences, plot_ranks
from tasks.reporting.report import Report
from tasks.reporting.wording import figure, save
from tasks.store import store_arrays
from tasks.verdict.comparison import Verdict
from tests.builders import arrays_of, evaluation_of, verdict_of
from tests.owned_words import WORDS, words
from tests.reports import report_of

VERDICTS = [verdict_of("first", -3.0), verdict_of("undecided", 0.5), verdict_of("equivalent", 0.1)]


def _pixels(path: Path) -> np.ndarray:
    assert path.read_bytes().startswith(b"\x89PNG\r\n")
    pixels = imread(path)
    assert pixels.std() > 0  # something is drawn
    return pixels


def test_predictions_are_drawn_against_actual_values_on_a_square(tmp_path: Path) -> None:
    predictions = store_arrays(rows=np.arange(3), out_of_fold=np.array([[1.0, 2.0, 3.5], [1.2, 2.2, 3.0]]))
    evaluation = evaluation_of("net", [1, 1], predictions=predictions)
    path = plot_predictions(evaluation, arrays_of("regression", [1, 2, 3]), "m", tmp_path)
    assert path == tmp_path / "predictions.png"
    assert _pixels(path).shape[:2] == (660, 660)


def report_with(verdicts: Sequence[Verdict], equivalent_within: float = 0.2) -> Report:
    names = {"net", *(name for verdict in verdicts for name in (verdict.first, verdict.second))}
    scores = {name: [1.0 if name == "net" else 2.0] * 2 for name in sorted(names)}
    return report_of(scores, verdicts=verdicts).model_copy(update={"equivalent_within": equivalent_within})


def test_differences_are_drawn_taller_with_every_pair_of_the_champions(tmp_path: Path) -> None:
    with_trees, with_deep, without = (
        verdict_of("first", -3.0),
        verdict_of("undecided", 0.5, second="deep"),
        verdict_of("undecided", 0.5, "trees", "deep"),
    )
    heights = [
        _pixels(plot_differences(report_with(verdicts), tmp_path)).shape[0]
        for verdicts in ([with_trees], [with_trees, with_deep], [with_trees, with_deep, without])
    ]
    assert 200 < heights[0] < heights[1] == heights[2] < 1080
    assert [path.name for path in tmp_path.glob("*.png")] == ["differences.png"]


def test_the_pair_with_the_floor_stands_on_a_scale_of_its_own(tmp_path: Path) -> None:
    far = verdict_of("first", 500.0, second="old"), verdict_of("first", 500.0, second="floor")
    one_scale, two_scales = (
        _pixels(plot_differences(report_with([VERDICTS[0], verdict]), tmp_path)) for verdict in far
    )
    assert two_scales.shape[0] > one_scale.shape[0]


def test_the_floor_alone_can_be_drawn(tmp_path: Path) -> None:
    _pixels(plot_differences(report_with([verdict_of("first", 500.0, second="floor")]), tmp_path))


def test_the_region_of_equivalence_shows_in_the_plot(tmp_path: Path) -> None:
    narrow, wide = (_pixels(plot_differences(report_with(VERDICTS[:1], within), tmp_path)) for within in (0.2, 2.0))
    assert (narrow != wide).any()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Text]:
    """All texts of the pictures that are saved, as they were drawn."""
    texts, savefig = list[Text](), Figure.savefig

    def save_and_look(picture: Figure, *where: object, **how: object) -> None:
        savefig(picture, *where, **how)  # type: ignore[arg-type]
        texts.extend(text for text in picture.findobj(Text) if isinstance(text, Text))

    monkeypatch.setattr(Figure, "savefig", save_and_look)
    return texts


def test_a_dollar_sign_is_a_dollar_sign_in_every_picture(tmp_path: Path, written: list[Text]) -> None:
    classes, y = ("$", "$$", r"$\frac$"), np.array([0, 0, 1, 1, 2, 2])
    shares = np.full((6, 3), 1 / 3)
    plot_confusion("net", y, y[::-1], classes, tmp_path)
    plot_misclassified("net", np.ones((6, 2, 2)), y, y[::-1], shares, classes, tmp_path)
    plot_calibration("net", y % 2, shares[:, 0], "$$", tmp_path)
    predictions = store_arrays(rows=np.arange(2), out_of_fold=np.array([[1.0, 2.0]]))
    plot_predictions(
        evaluation_of("net", [1, 1], predictions=predictions), arrays_of("regression", [1, 2]), "$$", tmp_path
    )
    report = report_with(VERDICTS)
    dear = report.model_copy(update={"dataset": report.dataset.model_copy(update={"unit": "$$"})})
    for plot in (plot_costs, plot_differences, plot_ranks):
        plot(dear, tmp_path)
    texts = [text.get_text() for text in written]
    assert {*classes, r"$\frac$ (2)", "share of rows that are $$", "actual ($$)", "MAE $$, 95% interval"} <= {*texts}
    assert not any(text.get_parse_math() for text in written)
    assert not any("mathdefault" in text for text in texts)


@given(words)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_picture_of_any_words_is_drawn_without_a_warning(tmp_path: Path, word: str) -> None:
    picture = figure(2, 2)
    axes = picture.subplots()
    axes.set(title=word, xlabel="".join(WORDS))
    axes.set_yticks([0, 1], [word, word[::-1]])
    axes.plot([0, 1], label=f"x{word}")
    axes.legend()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "constrained_layout not applied")  # the picture is too small for a long word
        _pixels(save(picture, tmp_path / "words.png"))


def test_pyplot_which_keeps_figures_and_looks_for_a_screen_is_not_used(repository: Path) -> None:
    code = """
import sys
from collections.abc import Sequence
from pathlib import Path
from tasks.reporting.experiment_files import plot_differences
from tests.builders import verdict_of
from tests.owned_words import WORDS, words
from tests.reports import report_of
plot_differences(report_of({"net": [1, 1], "trees": [2, 2]}, verdicts=[verdict_of("first", 1.0)]), Path())
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": str(repository)})
