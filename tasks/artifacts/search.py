"""A contender's searches: all trials as a table, and Optuna's own pictures of the one on all training rows."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.models.search import Space
from tasks.tuning.record import Trial, Trials
from tasks.tuning.searches import distribution

if TYPE_CHECKING:
    import pandas as pd
    from optuna import Study

FEWEST = 3  # trials of which a picture says anything


def write_search(trials: Trials, final: Sequence[Trial], space: Space, folder: Path) -> None:
    """Writes trials.csv and, where there are enough, three pictures of the trials of the final search.

    They are search_history.png, search_parallel.png and, if the scores differ, search_importances.png: by how much each
    setting accounts for the scores (Hutter et al. 2014).
    """
    import matplotlib as mpl

    trials_frame(trials).to_csv(folder / "trials.csv", index=False)
    study = _study(trials, final, space)
    scores = {trial.value for trial in study.trials}
    if len(study.trials) < FEWEST:
        return
    with mpl.rc_context({"backend": "Agg", "figure.figsize": (9, 5), "figure.autolayout": True}):
        for name in ("history", "parallel", "importances")[: 3 if len(scores) > 1 else 2]:
            _draw(study, name, folder / f"search_{name}.png")


def trials_frame(trials: Trials) -> "pd.DataFrame":
    """A row for each trial: which search, the score, and the settings by their path."""
    import pandas as pd

    rows = [{"search": t.search, "trial": t.number, trials.score: t.score, **t.settings} for t in trials.trials]
    return pd.DataFrame(rows)


def _study(trials: Trials, final: Sequence[Trial], space: Space) -> "Study":
    """The final search as Optuna's pictures take it, less the contender as entered, which may lie outside the space."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize" if trials.greater_is_better else "minimize")
    for trial in final:
        if trial.score is not None and space.keys() <= trial.settings.keys():
            tried = {path: trial.settings[path] for path in space}
            known = {path: distribution(each) for path, each in space.items()}
            study.add_trial(optuna.create_trial(params=tried, distributions=known, value=trial.score))
    return study


def _draw(study: "Study", name: str, path: Path) -> None:
    from matplotlib import pyplot as plt
    from optuna.exceptions import ExperimentalWarning
    from optuna.visualization import matplotlib as pictures

    draw: dict[str, Callable[[Study], Any]] = {
        "history": pictures.plot_optimization_history,
        "parallel": pictures.plot_parallel_coordinate,
        "importances": pictures.plot_param_importances,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        figure = draw[name](study).figure
    figure.savefig(path, dpi=120)
    plt.close(figure)
