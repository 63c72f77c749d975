"""All the files that are written of one experiment beside its report."""

from pathlib import Path

from tasks.artifacts.ledger import ledger_frame, plot_costs
from tasks.artifacts.plotting import plot_differences
from tasks.artifacts.ranks import plot_ranks
from tasks.reports.report import Report


def write_experiment(report: Report, folder: Path) -> None:
    """Writes the ledger and the pictures of all contenders together; with one contender, the ledger alone."""
    ledger_frame(report).to_csv(folder / "ledger.csv", index=False, float_format="%.6g")
    if report.verdicts:
        plot_ranks(report, folder)
        plot_differences(report, folder)
        plot_costs(report, folder)
