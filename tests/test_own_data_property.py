"""Whatever a user's table holds, `bakeoff init` and then `bakeoff check` succeed, or say in a line what is wrong."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from flows.cli.main import app
from flows.experiment import load
from tasks.data.files.tables import TableFileSpec

ODD_NAMES = (
    "a:b", "", " ", " x", "x ", "true", "null", "~", "#", "# x", "a #b", "'", '"', "it's", "- x", "?", "{", "[1]",
    "1e5", "1_0", "0x1f", "2020-01-01", "yes", "<<", "*a", "&a", "!t", "%", "@", "`", "a,b", "a;b", "é", "名前", "😀",
    "\u2028", "\u00a0", "target", "columns", "day:year", "day", "split", "id", "a.b", "[bold]x[/bold]",
    "\\n", "x" * 200,
)  # fmt: skip
SIGNS = "ab1 é名😀,;\t'\"#:-_.%"
names = st.one_of(st.sampled_from(ODD_NAMES), st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12))


def text(random: Random, longest: int = 8) -> str:
    return "".join(random.choices(SIGNS, k=random.randrange(longest + 1)))


CLASSES: tuple[Callable[[Random], object], ...] = (
    lambda random: random.choice(["red", "green", "blue"]),
    lambda random: random.choice(["yes", "no"]),
    lambda random: random.randrange(3),
)
VALUES: tuple[Callable[[Random], object], ...] = (
    *CLASSES,
    lambda random: random.gauss(0, 1),
    lambda random: random.randrange(10**9),
    lambda random: random.choice([1e308, -1e308, 5e-324, 0.5]),
    lambda random: random.randrange(10**15, 10**25),
    lambda random: f"{random.gauss(0, 9):.2f}".replace(".", ","),
    lambda random: random.choice(["true", "False", "1"]),
    lambda random: f"{random.randrange(1, 2500):04d}-{random.randrange(1, 13):02d}-{random.randrange(1, 29):02d}",
    lambda random: f"{random.randrange(1, 29)}/{random.randrange(1, 13)}/2024",
    lambda random: f"2024-02-{random.randrange(1, 29):02d} 10:{random.randrange(60):02d}:00",
    lambda random: random.choice(["train", "test"]),
    lambda random: f"{random.randrange(1000):03d}",
    lambda random: "",
    lambda random: "same",
    lambda random: random.choice(["NA", "null", "?", "-"]),
    lambda random: random.choice(["1", "2", "3", "inf"]),
    lambda random: random.choice(["1", "2", "many"]),
    text,
    lambda random: " ".join(text(random) for _ in range(6)),
)


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """A table; each column has values of one sort, some of them missing, and the first is the target."""
    rows = draw(st.sampled_from([60, 61, 62, 30, 12, 3, 1]))
    header = draw(st.lists(names, min_size=2, max_size=6, unique_by=str.strip))
    random = Random(draw(st.integers(0, 2**32)))  # noqa: S311  # hypothesis itself would make most columns constant
    table = {}
    for place, name in enumerate(header):
        sorts = (*CLASSES, VALUES[3]) if place == 0 and random.random() < 0.7 else VALUES
        value, missing = random.choice(sorts), random.choice([0, 0, 0.1, 0.5])
        table[name] = ["" if random.random() < missing else value(random) for _ in range(rows)]
    return pd.DataFrame(table, dtype=object)


@pytest.mark.filterwarnings("error::RuntimeWarning")  # which would be seen at the terminal
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(table=tables(), data=st.data())
def test_init_and_check_succeed_or_say_in_a_line_what_is_wrong(
    table: pd.DataFrame, data: st.DataObject, capfd: pytest.CaptureFixture[str]
) -> None:
    suffix, separator = data.draw(st.sampled_from([(".csv", ","), (".csv", ";"), (".tsv", "\t")]))
    path, conf = Path(f"made{suffix}"), Path("conf/made.yaml")
    table.to_csv(path, index=False, sep=separator)
    conf.unlink(missing_ok=True)
    target = table.columns[0].strip() or "Unnamed: 0"
    made = CliRunner().invoke(app, ["init", str(path), f"--target={target}"])
    said = capfd.readouterr().err
    assert made.exit_code in (0, 2), said
    if made.exit_code == 2:
        assert said.startswith("bakeoff: ")
        assert len(said.splitlines()) == 1
        assert not conf.exists()
        return
    dataset = load("made").dataset
    assert isinstance(dataset, TableFileSpec)
    assert set(dataset.columns) < {name.strip() or f"Unnamed: {place}" for place, name in enumerate(table)}
    assert yaml.safe_load(conf.read_text(encoding="utf8"))["dataset"]["target"] == dataset.target
    checked = CliRunner().invoke(app, ["check", "made", "--no-probe"])
    assert checked.exit_code == 0, capfd.readouterr().err
