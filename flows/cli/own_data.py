"""`bakeoff init` and `bakeoff check`: from a file of the user's to an experiment, with a comment on every choice."""

import os
import re
import shlex
import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.experiment import CONF, NAME, in_yaml
from flows.options import Debug, Settings, errors
from tasks.data.files.folders import is_folder
from tasks.data.files.profile import ColumnProfile, DataProfile
from tasks.data.files.proposal import Proposal
from tasks.printable import printable
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.experiment import Experiment
    from tasks.data.examples import RawData
    from tasks.data.files.own_spec import Inspection
    from tasks.data.files.profile import InitOptions
    from tasks.data.files.values import Reading
    from tasks.data.folds.splitting import Parts
    from tasks.evaluation.run_estimate import RunEstimate


WIDTH = 110
SHORT = 90  # up to which a mapping stands on one line
LONGEST_NAME = 60
LONGEST_KEY = 1000  # of characters; a longer key needs a "?" in front of it
COLUMNS = "dataset.columns"
OPEN = ("dataset", COLUMNS, "contenders")  # each of their settings has a line of its own
FIRST = ("kind", "path", "text", "id", "time", "target", "task", "unit", "columns")
KINDS = ("number", "category", "boolean", "date", "ignore")
COLUMN = "COLUMN"

Kinds = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="NAME=KIND", help=f"Take a column as {', '.join(KINDS)}; may be repeated."),
]
Marked = Annotated[str | None, typer.Option(metavar="COLUMN=VALUE", help="Hold out the rows that a column marks so.")]
Encoding = Annotated[str | None, typer.Option(metavar="NAME", help="Of the file, such as cp1251; else found.")]
Decimal = Annotated[str | None, typer.Option(metavar=".|,", help="The decimal sign, where columns do not tell.")]
Thousands = Annotated[str | None, typer.Option(metavar="SIGN", help="What stands between thousands.")]
Missing = Annotated[
    list[str] | None,
    typer.Option(metavar="WORD", help="What stands for no value, in place of NA, None and such; may be repeated."),
]


def conf_file(source: Path, name: str | None, force: bool) -> Path:
    """Where the experiment is to be written: under its name, or else one made of that of the file or folder.

    Raises:
        BakeoffError: when the name is none for an experiment, or there is one already.
    """
    own = source.resolve().name if is_folder(source) else source.stem
    chosen = name or re.sub(r"[^A-Za-z0-9_.-]+", "_", own).strip("_.-")[:LONGEST_NAME] or "data"
    if not re.fullmatch(NAME, chosen):
        raise BakeoffError(f"--name {chosen}: a name has letters, digits, and . _ - after the first of these")
    path = CONF / f"{chosen}.yaml"
    if path.exists() and not force:
        raise BakeoffError(f"there is {path} already; choose another --name, or --force to write over it")
    return path


def write(text: str, path: Path) -> None:
    """Writes the file whole or not at all.

    Raises:
        BakeoffError: when it cannot be written.
    """
    try:
        path.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
            whole = Path(folder) / path.name
            whole.write_text(text, encoding="utf8")
            whole.replace(path)
    except OSError as error:
        raise BakeoffError(f"{path} cannot be written: {error.strerror}") from error


def draft(proposal: Proposal, profile: DataProfile, command: str) -> str:
    """Return the text of a YAML file; columns that are left out stand among the others as comments, to be put back."""
    description = f"{profile.target.name} from {profile.rows:,} {profile.examples} of {Path(profile.source).name}"
    content = {"description": description, **proposal.settings}
    dataset = content["dataset"]  # what people look for first comes first, and the test rows last
    order = dict.fromkeys([*FIRST, *(key for key in dataset if key != "test"), "test"])
    content["dataset"] = {key: dataset[key] for key in order if key in dataset}
    left_out = [column for column in profile.columns if not column.is_feature]
    lines = [*_comment(f"Written by `{command}`. docs/experiments.md and docs/own-data.md have all settings.", ""), ""]
    for key, value in content.items():
        lines += [*_settings({key: value}, "", proposal.comments, left_out), ""]
    return "\n".join(lines)


def _settings(
    settings: Mapping[str, Any], parent: str, comments: Mapping[str, str], left_out: Sequence[ColumnProfile]
) -> Iterator[str]:
    indent = "  " * (parent.count(".") + 1) if parent else ""
    for key, value in settings.items():
        path = f"{parent}.{key}" if parent else key
        opened = isinstance(value, dict) and (path in OPEN or len(in_yaml(value)) > SHORT)
        yield from _commented(_entry(indent, key, "" if opened else in_yaml(value)), comments.get(path, ""), indent)
        if opened:
            yield from _settings(value, path, comments, left_out)
        if path == COLUMNS:
            yield from (_put_back(column, indent + "  ") for column in left_out)


def _entry(indent: str, key: str, value: str) -> str:
    name = in_yaml(key)
    if len(name) > LONGEST_KEY:
        return f"{indent}? {name}\n{indent}: {value}"
    return f"{indent}{name}: {value}".rstrip()


def _commented(line: str, comment: str, indent: str) -> Iterator[str]:
    """Beside the line, or above it where there is no room."""
    beside = f"{line}  # {printable(comment)}"
    if comment and len(beside) <= WIDTH:
        yield beside
        return
    yield from _comment(comment, indent)
    yield line


def _comment(text: str, indent: str) -> Iterator[str]:
    yield from (f"{indent}# {line}" for line in textwrap.wrap(printable(text), WIDTH - len(indent) - 2))


def _put_back(column: ColumnProfile, indent: str) -> str:
    why = f"{column.warning.what}: {column.warning.said}" if column.warning else ""
    return f"{indent}# {in_yaml(column.name)}: {column.kind}  # left out, {printable(why)}"


app = typer.Typer(rich_markup_mode=None)


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
    kinds: Kinds = None,
    test: Marked = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
    missing: Missing = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an experiment of that name.")] = False,
    debug: Debug = False,
) -> None:
    """Look at data of your own, and write an experiment for it into conf/.

    A file needs --target. In a folder with one sub-folder a class, these are what is predicted.
    """
    with errors(debug, interrupted="nothing was written"):
        from flows.cli.profile_tables import of_profile, show
        from flows.console import PlainConsole
        from tasks.data.files.forms import inspect
        from tasks.data.files.profile import InitOptions

        columns = dict(_column_and_kind(setting) for setting in kinds or [])
        said = {"target": target, "text": text, "id": series, "time": time, "group": group, "columns": columns}
        written = {"encoding": encoding, "decimal": decimal, "thousands": thousands, "missing": missing}
        options = InitOptions.model_validate(
            {"path": _near(source), **said, "test": _column_and_value(test), "reading": _reading(written)}
        )
        path = conf_file(options.path, name, force)
        seen = inspect(options)
        write(_experiment_for(seen, path, _command(options, name)), path)
        out = PlainConsole(soft_wrap=True)
        show(of_profile(seen.profile), out)
        out.print(f"\nWritten to {path}, with a comment on each choice. Next:")
        for step, why in (("check", "the folds, and how long a run may take"), ("run", "the verdict")):
            out.print(f"  {f'bakeoff {step} {path.stem}':<32}  # {why}")


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
        from flows.experiment import load

        chosen = load(experiment, settings or [])
        from flows import terminal
        from flows.cli import profile_tables
        from flows.console import PlainConsole
        from tasks.data.files.forms import look_again

        with terminal.progress_on(terminal.messages()):
            profile, raw = look_again(chosen.dataset)
        problem = raw.problem or chosen.dataset.problem
        pairs = chosen.draw_pairs(raw, problem)
        out = PlainConsole(soft_wrap=True)
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


def _column_and_value(setting: str | None) -> tuple[str, str] | None:
    if setting is None:
        return None
    name, equals, value = setting.rpartition("=")
    if not equals:
        raise BakeoffError(f"--test {setting}: expected COLUMN=VALUE, such as split=test")
    return name, value


def _reading(written: Mapping[str, Any]) -> "Reading":
    from pydantic import ValidationError

    from tasks.data.files.values import Reading

    try:
        return Reading.model_validate({name: value for name, value in written.items() if value is not None})
    except ValidationError as error:
        fault = error.errors()[0]
        where = f"--{fault['loc'][0]}: " if fault["loc"] else ""
        raise BakeoffError(f"{where}{fault['msg'].removeprefix('Value error, ')}") from error


def _experiment_for(seen: "Inspection", path: Path, command: str) -> str:
    """The text of the file at that path; what is wrong with the data shows now, and not when the experiment is run."""
    from flows.experiment import from_text
    from tasks.data.files.proposal import propose

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
    uses = {option: column for option, column in options.uses.items() if option != "test"}
    given = target | ({"name": name} if name is not None else {}) | uses
    said = [part for option, value in given.items() for part in (f"--{option}", value)]
    said += [part for column, kind in options.columns.items() for part in ("--column", f"{column}={kind}")]
    said += ["--test", "=".join(options.test)] if options.test else []
    for name, value in options.reading.model_dump(exclude_none=True).items():
        said += [part for word in ([value] if isinstance(value, str) else value) for part in (f"--{name}", word)]
    return shlex.join(["bakeoff", "init", str(options.path), *said])


def _expectation(experiment: "Experiment", raw: "RawData", pairs: "Sequence[Parts]") -> "RunEstimate":
    """What a run would take; TensorFlow is loaded before anything is timed."""
    from tasks.data.datasets import keep_examples
    from tasks.data.vectorization import vectorize
    from tasks.evaluation.run_estimate import probe

    for contender in experiment.contenders.values():
        contender.load_library()
    arrays = vectorize(keep_examples(experiment.dataset, raw))
    return probe(experiment.contenders, arrays, pairs, experiment.validation.n_seeds)
