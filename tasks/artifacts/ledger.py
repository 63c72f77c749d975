"""What each contender cost, as a table and in a picture."""

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.artifacts.figures import FAMILY_COLOURS, GREY, figure, save
from tasks.data.splitting import HoldOutSpec
from tasks.reports.report import Report
from tasks.reports.wording import FAMILIES, TITLES, with_unit

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "name", "family", "mean", "test_mean", "fit_seconds", "cpu_seconds", "n_fits", "refit_seconds",
    "predict_seconds_per_1000_rows", "model_bytes",
)  # fmt: skip


def ledger_frame(report: Report) -> "pd.DataFrame":
    """A row for each contender, best first: its scores and what it cost."""
    import pandas as pd

    return pd.DataFrame([entry.model_dump(include=set(COLUMNS)) for entry in report.contenders])[list(COLUMNS)]


def plot_costs(report: Report, folder: Path) -> Path:
    """Score against the seconds that one fold or seed took to fit, for every contender but the floor (costs.png)."""
    picture = figure(9, 5.5)
    axes = picture.subplots()
    by_folds = not isinstance(report.validation, HoldOutSpec)
    shown = [entry for entry in report.contenders if entry.family != "floor"]
    for entry in shown:
        seconds, score = entry.fit_seconds / len(entry.scores), entry.mean if by_folds else entry.test_mean
        axes.plot(seconds, score, "o", color=FAMILY_COLOURS[entry.family])
        axes.annotate(entry.name, (seconds, score), (5, 4), textcoords="offset points", fontsize=8)
    for family in dict.fromkeys(entry.family for entry in shown):
        axes.plot([], [], "o", color=FAMILY_COLOURS[family], label=FAMILIES[family])
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(color=GREY, alpha=0.25)
    axes.margins(x=0.15)
    way = "higher" if report.greater_is_better else "lower"
    where = "over folds" if by_folds else "on the test rows"
    axes.set(
        xlabel="seconds to fit once (of nets that are trained together, their share)",
        ylabel=f"{TITLES[report.metric]}{with_unit(report.metric, report.dataset.unit)} {where}, {way} is better",
        title=f"{report.experiment}: score against cost",
    )
    axes.legend(fontsize=8, frameon=False)
    return save(picture, folder / "costs.png")
