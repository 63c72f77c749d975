"""Files as users have them, and the command on them, for several files of tests."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from typer.testing import CliRunner, Result

from flows.cli.main import app

SHOP = "shop.csv"


def bakeoff(*arguments: str, code: int = 0) -> str:
    """What the command writes to standard output, in this process."""
    result: Result = CliRunner().invoke(app, [*arguments])
    assert result.exit_code == code, result.output
    return result.stdout


def customers(rows: int = 60) -> pd.DataFrame:
    """A table with columns of all kinds, missing values, and whether somebody came back, which follows the visits."""
    generator = np.random.default_rng(0)
    visits = generator.integers(1, 30, rows)
    return pd.DataFrame(
        {
            "visits": visits,
            "spent": np.where(np.arange(rows) % 9 == 0, np.nan, generator.normal(50, 10, rows).round(2)),
            "city": generator.choice(["Rome", "Paris", "Bonn"], rows),
            "member": generator.choice(["yes", "no"], rows),
            "since": pd.date_range("2020-01-01", periods=rows, freq="D").strftime("%Y-%m-%d"),
            "back": np.where(visits + generator.normal(0, 6, rows) > 15, "came", "left"),
        }
    )


def shop(**columns: Any) -> Path:
    """`customers` as a CSV file, with columns changed or added."""
    customers().assign(**columns).to_csv(SHOP, index=False)
    return Path(SHOP)


def save_images(folder: Path, classes: tuple[str, ...] = ("column", "row"), each: int = 12) -> Path:
    """A folder of grey PNG files of 9 x 8 pixels: a bright column or a bright row."""
    generator = np.random.default_rng(0)
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for picture in range(each):
            pixels = generator.integers(0, 100, (9, 8), np.uint8)
            pixels[(slice(None), 4) if number == 0 else (4, slice(None))] = 255
            Image.fromarray(pixels).save(folder / name / f"{picture}.png")
    return folder


def save_machines(path: Path, machines: int = 24, steps: int = 6) -> Path:
    """A long table of series that rise or fall."""
    generator = np.random.default_rng(0)
    series = np.sort(generator.normal(size=(machines, steps)))
    series[::2] = series[::2, ::-1]
    pd.DataFrame(
        {
            "machine": np.repeat([f"m{number}" for number in range(machines)], steps),
            "step": np.tile(np.arange(steps), machines),
            "speed": series.ravel(),
            "state": np.repeat(np.where(np.arange(machines) % 2, "up", "down"), steps),
        }
    ).to_csv(path, index=False)
    return path


def save_texts(path: Path, rows: int = 40) -> Path:
    """A table of short texts, good or bad."""
    generator = np.random.default_rng(0)
    fillers = [" ".join(generator.choice([*"abcdefgh"], 6)) for _ in range(rows)]
    said = np.where(np.arange(rows) % 2, "good", "bad")
    pd.DataFrame(
        {"review": [f"a {word} one {filler}" for word, filler in zip(said, fillers, strict=True)], "opinion": said}
    ).to_csv(path, index=False)
    return path
