"""`bakeoff predict`: a file of raw rows becomes the same rows with predictions."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.options import AsJson, Debug, errors

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from tasks.prediction import Served, Unknown

app = typer.Typer(rich_markup_mode=None)


@app.command()
def predict(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An experiment that has a champion.")],
    source: Annotated[Path, typer.Argument(metavar="ROWS.csv|ROWS.parquet|IMAGES", help="The rows, raw as they come.")],
    target: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="OUT.csv|OUT.parquet", help="Where to; else to standard output, as CSV."
        ),
    ] = None,
    version: Annotated[int | None, typer.Option(min=1, help="Another version than the champion.")] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Predict rows in a file by the champion of an experiment.

    They have the columns that it was fitted on, in any order; others are kept. A picture is a row of its pixels, a text
    of a published data set stands in the column `text`. What is added is `prediction`, and for classes the probability
    of each. Images may also be given as they are, a file (PNG, JPEG, WebP, BMP, GIF or TIFF) or a folder of them: each
    becomes a row with its path in the column `file`. Series in a long table become a row each, with its id.
    """
    with errors(debug, interrupted="nothing was written", log="mlruns/predict.log"):
        from flows import terminal
        from tasks.data.files.data_file import check_suffix, write_rows
        from tasks.data.files.folders import check_there
        from tasks.data.files.pictures import may_be_pictures
        from tasks.specs import BakeoffError

        for path in filter(None, (None if may_be_pictures(source) else source, target)):
            check_suffix(path)
        check_there(source)
        if target and target.exists() and target.samefile(source):
            raise BakeoffError(f"{source} would be overwritten by its own prediction; name another --output")
        with terminal.at_work(debug, terminal.PREDICT_LOG) as console:
            answer = _predict(name, version, source, console)
        if target:
            write_rows(answer.rows, target)
    if as_json:
        typer.echo(answer.document(target))
    elif not target:
        typer.echo(answer.rows.to_csv(index=False), nl=False)


@dataclass(frozen=True)
class Predicted:
    """Rows with predictions, by which model; the columns that it did not use, and those with values unknown to it."""

    rows: "pd.DataFrame"
    model: "Served"
    by: str
    unused: list[str]
    unknown: "dict[str, Unknown]"

    @property
    def note(self) -> str:
        """What there is to know beside the rows, in a line."""
        unit = f" in {self.model.unit}" if self.model.unit else ""
        how = "not used, but kept" if set(self.unused) <= set(self.rows) else "not used"
        kept = f"; columns {how}: {', '.join(self.unused)}" if self.unused else ""
        unseen = [f"{name} {seen.values:,}, such as {seen.such_as!r}" for name, seen in self.unknown.items()]
        strange = f"; values never seen in training, taken as missing: {', '.join(unseen)}" if unseen else ""
        what = "series" if self.model.form == "series" else "row(s)"
        return f"{len(self.rows)} {what} predicted{unit} by {self.by}{kept}{strange}"

    def document(self, target: Path | None) -> str:
        """The same as JSON; with the rows, if they are written to no file."""
        said = {
            "model": self.by,
            "rows": len(self.rows),
            "unit": self.model.unit,
            "unused": self.unused,
            "unknown": {name: seen._asdict() for name, seen in self.unknown.items()},
        }
        rows = json.loads(self.rows.to_json(orient="records", date_format="iso"))
        return json.dumps(said | ({"output": str(target)} if target else {"predictions": rows}), indent=2)


def _predict(name: str, number: int | None, source: Path, console: "Console") -> Predicted:
    """The rows with predictions; what there is to know beside them is said on the console."""
    from flows import terminal
    from tasks import progress
    from tasks.data.files.data_file import DataFile
    from tasks.data.files.pictures import may_be_pictures
    from tasks.prediction import predict_pictures, predict_rows, unknown, unused
    from tasks.specs import BakeoffError
    from tasks.tracking import models, registry

    terminal.end_cut_off(console)
    version = registry.choose_version(name, number)
    with models.files_of(name, version.number) as folder:
        model = models.read_served(folder, name)

        def load() -> Any:
            progress.report("loading the model, file", 0, 1)
            loaded = models.load(folder, model)
            progress.report("loading the model, file", 1, 1)
            return loaded

        if may_be_pictures(source):
            rows = predicted = predict_pictures(model, load, source)
        else:
            rows = DataFile(source).rows(model.numbers)
            try:
                predicted = predict_rows(model, load, rows)
            except BakeoffError as error:
                raise BakeoffError(f"{source}: {error}") from error
    answer = Predicted(predicted, model, f"{name}, {version.label}", unused(model, rows), unknown(model, rows))
    console.print(answer.note, style="dim")
    return answer
