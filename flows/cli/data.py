"""`bakeoff data`: which data sets there are, where they are, and what they look like."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from flows.options import Debug, errors

if TYPE_CHECKING:
    import pandas as pd

    from tasks.data.datasets import PublishedDataset
    from tasks.data.examples import RawData

app = typer.Typer(help="List, fetch, verify and show the data sets.", rich_markup_mode=None)
SHADES = " .:-=+*#%@"  # from black to white
TEXT_COLUMNS = 80


@app.callback(invoke_without_command=True)
def list_datasets(context: typer.Context) -> None:
    """List the data sets: name, task, rows, shape, and where each is or would come from."""
    if context.invoked_subcommand:
        return
    with errors(debug=False):
        from rich import box
        from rich.table import Table

        from flows.console import PlainConsole
        from tasks.data.builtin.numbers import MNIST
        from tasks.data.datasets import DATASETS

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("data set", "task", "rows", "shape", "from", "here"):
            table.add_column(heading, justify="right" if heading == "rows" else "left", no_wrap=True)
        for name, spec in DATASETS.items():
            dataset = spec()
            shape = "x".join(str(length) for length in dataset.problem.shape)
            table.add_row(name, dataset.task, f"{dataset.rows:,}", shape, dataset.origin, _here(dataset))
        out = PlainConsole()
        out.print(table)
        out.print(f"Keras's files: {MNIST.path.parent}", soft_wrap=True)


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Data sets, as `bakeoff data` lists them.")],
    mirror: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Where the files lie, instead of Keras's own server.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Download data sets into Keras's cache.

    What is there already is verified and left as it is. A mirror is an address under which the files lie by their
    names, "file:" addresses among them; the environment variable BAKEOFF_DATA_MIRROR can name it too.
    """
    with errors(debug):
        from flows import terminal
        from tasks.data.builtin.builtin_spec import content
        from tasks.data.builtin.builtin_spec import fetch as fetch_files
        from tasks.data.datasets import dataset_named

        specs = {name: dataset_named(name) for name in names}
        files = list(dict.fromkeys(file for spec in specs.values() for file in spec.files))
        console = terminal.messages()
        for name, spec in specs.items():
            if not spec.files:
                console.print(f"{name} comes with {spec.origin}; there is nothing to fetch")
        with terminal.progress_on(console):
            fetched = fetch_files(files, mirror)
        for file in files:
            content(file)
            typer.echo(f"{file.path}: {'downloaded and verified' if file in fetched else 'was there, verified'}")


@app.command()
def verify(debug: Debug = False) -> None:
    """Check every file in Keras's cache.

    Each is compared, by its hash, with the one that was published; the exit code is 2 if one is altered.
    """
    with errors(debug):
        from tasks.data.builtin.builtin_spec import state
        from tasks.data.datasets import DATASETS
        from tasks.specs import BakeoffError

        words = {"cached": "as published", "absent": "not here", "altered": "ALTERED or cut short"}
        altered = []
        for name, spec in DATASETS.items():
            for file in spec.files:
                found = state(file)
                typer.echo(f"{file.path}: {words[found]}")
                if found == "altered":
                    altered.append(
                        f"{file.path} is not what was published; delete it, then `bakeoff data fetch {name}`"
                    )
        if altered:
            raise BakeoffError("\n".join(altered))


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A data set, as `bakeoff data` lists it.")],
    row: Annotated[int, typer.Option(min=0, help="Which row, from 0.")] = 0,
    test: Annotated[bool, typer.Option("--test", help="Of the test rows, instead of the training rows.")] = False,
    num_words: Annotated[int | None, typer.Option(help="Of a text, show the most frequent words alone.")] = None,
    debug: Debug = False,
) -> None:
    """Show one row, for people.

    A text is shown in words, a picture in characters, a row of a table by its columns.
    """
    with errors(debug):
        from flows import terminal
        from tasks.data.builtin.builtin_spec import fetch
        from tasks.specs import BakeoffError

        dataset = _dataset(name, num_words)
        with terminal.progress_on(terminal.messages()):
            fetch(dataset.files)
        raw = dataset.read()
        rows = (raw.held_out if test else ~raw.held_out).nonzero()[0]
        part = "test" if test else "training"
        if row >= len(rows):
            raise BakeoffError(f"{name} has {len(rows)} {part} rows, numbered from 0; there is no row {row}")
        target = raw.y[rows[row]]
        said = dataset.classes[int(target)] if dataset.classes else f"{target:g} {dataset.unit}".strip()
        typer.echo(f"{name}, {part} row {row} of {len(rows)}: {said}")
        typer.echo(_draw(dataset, raw, rows[row]))


def _here(dataset: "PublishedDataset") -> str:
    """What is there of a data set, by the sizes of its files; to hash them takes a while, and is for `verify`."""
    if not dataset.files:
        return "included"
    there = [file for file in dataset.files if file.path.exists()]
    if any(file.path.stat().st_size != file.size for file in there):
        return "altered"
    return "absent" if not there else "cached" if len(there) == len(dataset.files) else "in part"


def _dataset(name: str, num_words: int | None) -> "PublishedDataset":
    from pydantic import ValidationError

    from tasks.data.datasets import dataset_named
    from tasks.specs import BakeoffError

    spec = dataset_named(name)
    if num_words is not None and "num_words" not in spec.model_fields:
        raise BakeoffError(f"{name} has no words; leave --num-words out")
    try:
        return spec.model_validate({} if num_words is None else {"num_words": num_words})
    except ValidationError as error:
        raise BakeoffError(f"{name}: --num-words {num_words}: {error.errors()[0]['msg'].lower()}") from error


def _draw(dataset: "PublishedDataset", raw: "RawData", row: int) -> str:
    import textwrap

    import numpy as np

    from tasks.data.builtin.numbers import PictureSpec
    from tasks.data.builtin.word_lists import TextSpec
    from tasks.data.examples import WordLists

    if isinstance(raw.X, WordLists) and isinstance(dataset, TextSpec):
        return textwrap.fill(dataset.decode(raw.X[row]), TEXT_COLUMNS)
    if isinstance(raw.X, np.ndarray) and isinstance(dataset, PictureSpec):
        shades = raw.X[row].astype(int) * (len(SHADES) - 1) // dataset.brightest
        return "\n".join("".join(2 * SHADES[shade] for shade in line).rstrip() for line in shades)
    frame = cast("pd.DataFrame", raw.X)
    return "\n".join(f"{column:<24} {value:g}" for column, value in frame.iloc[row].items())
