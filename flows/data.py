"""`bakeoff data`: which data sets there are, where they are, and what they look like."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from flows.errors import errors
from flows.options import Debug

if TYPE_CHECKING:
    import pandas as pd

    from tasks.data.datasets import AnyDataset
    from tasks.data.examples import Raw

app = typer.Typer(help="List, fetch, verify and show the data sets.", rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME", help="A data set, as `bakeoff data` lists it.")]
SHADES = " .:-=+*#%@"  # from black to white
TEXT_COLUMNS = 100


@app.callback(invoke_without_command=True)
def list_datasets(context: typer.Context) -> None:
    """List the data sets: name, task, rows, shape, and where each is or would come from."""
    if context.invoked_subcommand:
        return
    with errors(debug=False):
        from rich import box
        from rich.console import Console
        from rich.table import Table

        from tasks.data.datasets import DATASETS

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("data set", "task", "rows", "shape", "from", "here"):
            table.add_column(heading, justify="right" if heading == "rows" else "left", no_wrap=True)
        for name, spec in DATASETS.items():
            dataset = spec()
            shape = "x".join(str(length) for length in dataset.shape)
            table.add_row(name, dataset.task, str(dataset.rows), shape, dataset.origin, _here(dataset))
        out = Console(highlight=False)
        out.print(table)
        out.print(f"Keras's files: {_keras_folder()}", soft_wrap=True)


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Data sets, as `bakeoff data` lists them.")],
    mirror: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Where the files lie, instead of Keras's own server.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Download data sets into Keras's cache; what is there already is verified."""
    with errors(debug):
        from flows import terminal
        from tasks.data import keras_cache
        from tasks.data.datasets import dataset_named

        files = {file.name: file for name in names for file in dataset_named(name).files}
        with terminal.at_work(debug) as console:
            fetched = {name: keras_cache.fetch(file, mirror) for name, file in files.items()}
            for file in files.values():
                keras_cache.content(file)
        for name in names:
            if not dataset_named(name).files:
                console.print(f"{name} comes with {dataset_named(name).origin}; there is nothing to fetch")
        for name, new in fetched.items():
            typer.echo(f"{files[name].path}: {'downloaded and verified' if new else 'was there, verified'}")


@app.command()
def verify(debug: Debug = False) -> None:
    """Compare every file in Keras's cache with what Keras publishes; exit code 2 if one is altered."""
    with errors(debug):
        from tasks.data.datasets import DATASETS
        from tasks.data.keras_cache import state
        from tasks.specs import BakeoffError

        files = {file.name: file for spec in DATASETS.values() for file in spec.files}
        states = {name: state(file) for name, file in files.items()}
        words = {"cached": "as Keras publishes it", "absent": "not here", "altered": "ALTERED or cut short"}
        for name, found in states.items():
            typer.echo(f"{files[name].path}: {words[found]}")
        altered = [str(files[name].path) for name, found in states.items() if found == "altered"]
        if altered:
            raise BakeoffError(f"{', '.join(altered)}: not what Keras publishes; delete it, then `bakeoff data fetch`")


@app.command()
def show(
    name: Name,
    row: Annotated[int, typer.Option(min=0, help="Which row, from 0.")] = 0,
    test: Annotated[bool, typer.Option("--test", help="Of the test rows, instead of the training rows.")] = False,
    num_words: Annotated[int | None, typer.Option(help="Of a text, show the most frequent words alone.")] = None,
    debug: Debug = False,
) -> None:
    """Show a row as people read it: a text in words, a picture in characters, a table's row by its columns."""
    with errors(debug):
        from pydantic import ValidationError

        from tasks.data.datasets import dataset_named
        from tasks.specs import BakeoffError

        spec = dataset_named(name)
        if num_words is not None and "num_words" not in spec.model_fields:
            raise BakeoffError(f"{name} has no words; leave --num-words out")
        try:
            dataset = spec.model_validate({} if num_words is None else {"num_words": num_words})
        except ValidationError as error:
            raise BakeoffError(f"{name}: --num-words {num_words}: {error.errors()[0]['msg'].lower()}") from error
        raw = dataset.read()
        rows = (raw.held_out if test else ~raw.held_out).nonzero()[0]
        part = "test" if test else "training"
        if row >= len(rows):
            raise BakeoffError(f"{name} has {len(rows)} {part} rows, numbered from 0; there is no row {row}")
        typer.echo(f"{name}, {part} row {row} of {len(rows)}: {_target(dataset, raw, rows[row])}")
        typer.echo(_draw(dataset, raw, rows[row]))


def _here(dataset: "AnyDataset") -> str:
    """Whether nothing needs to be downloaded; the content is not looked at."""
    if not dataset.files:
        return "included"
    return "cached" if all(file.path.is_file() for file in dataset.files) else "absent"


def _keras_folder() -> str:
    from tasks.data.pictures import MNIST

    return str(MNIST.path.parent)


def _target(dataset: "AnyDataset", raw: "Raw", row: int) -> str:
    value = raw.y[row]
    return dataset.classes[int(value)] if dataset.classes else f"{value:g} {dataset.unit}".strip()


def _draw(dataset: "AnyDataset", raw: "Raw", row: int) -> str:
    import textwrap

    import numpy as np

    from tasks.data.examples import WordLists
    from tasks.data.pictures import PictureSpec
    from tasks.data.texts import TextSpec

    if isinstance(raw.X, WordLists) and isinstance(dataset, TextSpec):
        return textwrap.fill(dataset.decode(raw.X[row]), TEXT_COLUMNS)
    if isinstance(raw.X, np.ndarray) and isinstance(dataset, PictureSpec):
        shades = raw.X[row].astype(int) * (len(SHADES) - 1) // dataset.brightest
        return "\n".join("".join(2 * SHADES[shade] for shade in line).rstrip() for line in shades)
    frame = cast("pd.DataFrame", raw.X)
    return "\n".join(f"{column:<24} {value:g}" for column, value in frame.iloc[row].items())
