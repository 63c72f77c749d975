"""`bakeoff init` and `bakeoff check`: from a file of the user's to an experiment that can be run."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.terminal.options import Debug, Settings, errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.experiment import Experiment
    from tasks.data.examples import Raw
    from tasks.data.files.own_spec import Inspection
    from tasks.data.files.profile import InitOptions
    from tasks.data.folds.splitting import Parts
    from tasks.profiling.run_estimate import Expectation

app = typer.Typer(rich_markup_mode=None)
KINDS = ("number", "category", "boolean", "date", "ignore")
COLUMN = "COLUMN"


@app.command()
def init(
    source: Annotated[
        Path, typer.Argument(metavar="FILE_OR_FOLDER", help="CSV, TSV, Parquet or .npz, or a folder of classes.")
    ],
    target: Annotated[str | None, typer.Option(metavar=COLUMN, help="What is to be predicted.")] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Of the experiment; else that of the file.")] = None,
    text: Annotated[str | None, typer.Option(metavar=COLUMN, help="Learn from the texts in it.")] = None,
    series: Annotated[str | None, typer.Option("--id", metavar=COLUMN, help="Which rows are of one series.")] = None,
    time: Annotated[str | None, typer.Option(metavar=COLUMN, help="Which rows came first.")] = None,
    group: Annotated[str | None, typer.Option(metavar=COLUMN, help="Which rows stay together.")] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="NAME=KIND", help=f"Take a column as {', '.join(KINDS)}; may be repeated."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an experiment of that name.")] = False,
    debug: Debug = False,
) -> None:
    """Look at data of your own, and write an experiment for it into conf/.

    A file needs --target. In a folder with one sub-folder a class, these are what is predicted.
    """
    with errors(debug, interrupted="nothing was written"):
        from rich.console import Console

        from flows.cli.conf_writer import conf_file, write
        from flows.cli.profile_tables import of_profile, show
        from tasks.data.files.forms import inspect
        from tasks.data.files.profile import InitOptions

        columns = dict(_column_and_kind(setting) for setting in kinds or [])
        said = {"target": target, "text": text, "id": series, "time": time, "group": group, "columns": columns}
        options = InitOptions.model_validate({"path": _near(source), **said})
        path = conf_file(options.path, name, force)
        seen = inspect(options)
        write(_experiment_for(seen, path, _command(options, name)), path)
        out = Console(highlight=False, soft_wrap=True)
        show(of_profile(seen.profile), out)
        out.print(f"\nWritten to {path}, with a comment on each choice. Next:", markup=False)
        for step, why in (("check", "the folds, and how long a run may take"), ("run", "the verdict")):
            out.print(f"  {f'bakeoff {step} {path.stem}':<32}# {why}", markup=False)


@app.command()
def check(
    experiment: Annotated[str, typer.Argument(metavar="NAME|PATH.yaml", help="An experiment in conf/, or a file.")],
    settings: Settings = None,
    probe: Annotated[
        bool, typer.Option("--probe/--no-probe", help="Try the contenders on a few rows, to tell time and memory.")
    ] = True,
    debug: Debug = False,
) -> None:
    """Look at an experiment and its data, without a run: columns, folds, and about how long a run may take."""
    with errors(debug, interrupted="nothing was lost", log="mlruns/check.log"):
        from rich.console import Console

        from flows.experiment import load

        chosen = load(experiment, settings or [])
        from flows.cli import profile_tables
        from flows.terminal import terminal
        from tasks.data.files.forms import look_again

        with terminal.progress_on(terminal.messages()):
            profile, raw = look_again(chosen.dataset)
        problem = raw.problem or chosen.dataset.problem
        pairs = chosen.draw_pairs(raw, problem)
        out = Console(highlight=False, soft_wrap=True)
        profile_tables.show(profile_tables.of_profile(profile), out)
        profile_tables.show(profile_tables.of_folds(chosen.validation.label, raw, problem.classes, pairs), out)
        if probe:
            with terminal.at_work(debug, terminal.CHECK_LOG):
                expectation = _expectation(chosen, raw, pairs)
            profile_tables.show(profile_tables.of_expectation(expectation), out)


def _column_and_kind(setting: str) -> tuple[str, str]:
    from tasks.specs import BakeoffError

    name, equals, kind = setting.rpartition("=")
    if not equals or kind not in KINDS:
        raise BakeoffError(
            f"--column {setting}: expected NAME=KIND, where KIND is {', '.join(KINDS[:-1])} or {KINDS[-1]}"
        )
    return name, kind


def _experiment_for(seen: "Inspection", path: Path, command: str) -> str:
    """The text of the file at that path; what is wrong with the data shows now, and not when the experiment is run."""
    from flows.cli.conf_writer import draft
    from flows.experiment import from_text
    from tasks.profiling.proposal import propose

    text = draft(propose(seen), seen.profile, command)
    from_text(text, path).draw_pairs(seen.raw, seen.problem)
    return text


def _near(source: Path) -> Path:
    """Relative to the working directory where it lies below that, so that the folder may be moved; else absolute."""
    absolute, here = Path(os.path.abspath(source)), Path.cwd()  # noqa: PTH100  # links are left as they are
    return absolute.relative_to(here) if absolute.is_relative_to(here) else absolute


def _command(options: "InitOptions", name: str | None) -> str:
    """What was called."""
    target = {"target": options.target} if options.target is not None else {}
    given = target | ({"name": name} if name is not None else {}) | options.uses
    said = [part for option, value in given.items() for part in (f"--{option}", value)]
    said += [part for column, kind in options.columns.items() for part in ("--column", f"{column}={kind}")]
    return shlex.join(["bakeoff", "init", str(options.path), *said])


def _expectation(experiment: "Experiment", raw: "Raw", pairs: "Sequence[Parts]") -> "Expectation":
    """What a run would take; TensorFlow is loaded before anything is timed."""
    from tasks.data.datasets import keep_examples
    from tasks.data.vectorization import vectorize
    from tasks.profiling.run_estimate import probe

    for contender in experiment.contenders.values():
        contender.load_library()
    arrays = vectorize(keep_examples(experiment.dataset, raw))
    return probe(experiment.contenders, arrays, pairs, experiment.validation.n_seeds)
