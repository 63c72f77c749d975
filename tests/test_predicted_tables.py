"""From the rows of a user's own file to predictions: they are read as they were when the model was fitted."""

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from flows.cli.main import app
from tasks.data.datasets import ingest
from tasks.data.examples import ColumnKind, encode
from tasks.data.files.data_file import DataFile
from tasks.data.files.tables import TableFileSpec
from tasks.data.files.values import parse
from tasks.data.folds.splitting import KFoldSpec
from tasks.data.vectorization import DesignMatrix, vectorize
from tasks.evaluation.cross_validation import Refit, load_model, predict, refit
from tasks.models.baselines.boosting import HistGradientBoostingSpec, LightGBMSpec, XGBoostSpec
from tasks.models.baselines.classic import LogisticRegressionSpec
from tasks.models.contenders import Contender
from tasks.models.nets.networks import DenseSpec
from tasks.prediction import Served, describe, predict_rows, unknown, unused
from tasks.specs import BakeoffError
from tests.builders import evaluation_of
from tests.served import champion_of

# Those that MLflow keeps have the names; the ones that are at hand here do not.
pytestmark = pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")

TREES = HistGradientBoostingSpec(params={"max_iter": 5, "min_samples_leaf": 3})
CONTENDERS: list[Contender] = [
    TREES,
    XGBoostSpec(params={"n_estimators": 5}),
    LightGBMSpec(params={"n_estimators": 5}),
    LogisticRegressionSpec(),
    DenseSpec(units=(4,), epochs=2),
]
SPEC = TableFileSpec(
    path=Path("houses.csv"),
    target="Urteil",
    task="binary",
    columns={"Größe [m²]": "number", "Straße": "category", "neu, <renoviert>": "boolean", "verkauft": "date"},
)


def houses(rows: int = 60) -> pd.DataFrame:
    """As a European spreadsheet writes them: decimal commas, umlauts, gaps, days before months."""
    row = np.arange(rows)
    return pd.DataFrame(
        {
            "Größe [m²]": [f"{number % 9},{number % 10}5" if number % 7 else "" for number in row],
            "Straße": np.array(["Müllerstraße", "Ölweg", ""])[row % 3],
            "neu, <renoviert>": np.where(row % 2, "true", "false"),
            "verkauft": [f"{number % 28 + 1}.{number % 12 + 1}.2024" for number in row],
            "Nr": [f"00{number}" for number in row],
            "Urteil": np.where((row % 9 > 4) ^ (row % 5 == 0), "schön", "hässlich"),
        }
    )


def write(rows: pd.DataFrame, path: Path = SPEC.path) -> Path:
    rows.to_csv(path, sep=";", index=False, encoding="cp1252")
    return path


@pytest.fixture
def arrays() -> DesignMatrix:
    write(houses())
    return vectorize(ingest(SPEC))


def fitted(contender: Contender, arrays: DesignMatrix) -> tuple[Served, Refit]:
    kept = refit(evaluation_of("me", [1, 1], contender, best_epochs=(2, 2)), arrays, KFoldSpec())
    return describe(contender, ingest(SPEC), arrays), kept


def predicted(served: Served, kept: Refit, rows: pd.DataFrame) -> pd.DataFrame:
    source = write(rows, Path("new.csv"))
    return predict_rows(served, lambda: load_model(kept), DataFile(source).rows(served.numbers))


def refused(served: Served, rows: pd.DataFrame) -> str:
    with pytest.raises(BakeoffError) as error:
        predict_rows(served, lambda: pytest.fail("the model was loaded"), rows)
    return str(error.value)


@pytest.fixture
def served(arrays: DesignMatrix) -> Served:
    return describe(TREES, ingest(SPEC), arrays)


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda spec: spec.kind)
def test_a_file_predicted_is_what_the_contender_predicts_of_its_features(
    contender: Contender, arrays: DesignMatrix
) -> None:
    served, kept = fitted(contender, arrays)
    raw = SPEC.read()
    answer = predicted(served, kept, houses())
    X = np.asarray(raw.X)
    np.testing.assert_allclose(answer[["p_hässlich", "p_schön"]], predict(kept, X, arrays), rtol=1e-6)
    assert set(answer.prediction) <= {"schön", "hässlich"}
    pd.testing.assert_frame_equal(answer[[*houses()]], houses().astype("str"))


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda spec: spec.kind)
def test_new_levels_and_missing_values_do_not_fail(contender: Contender, arrays: DesignMatrix) -> None:
    served, kept = fitted(contender, arrays)
    strange = houses(3).assign(Straße=["Neue Straße", "?", ""])
    strange.loc[0] = ""
    strange.loc[1, "verkauft"] = "NA"
    answer = predicted(served, kept, strange.drop(columns="Urteil"))
    np.testing.assert_allclose(answer.p_schön + answer.p_hässlich, 1)


def test_a_row_is_predicted_alone_as_among_others(arrays: DesignMatrix) -> None:
    served, kept = fitted(TREES, arrays)
    rows = houses(8).assign(**{"Größe [m²]": ["1,234", "1,5", "2", "3,125", "", "7,250", "8", "0,5"]})
    together = predicted(served, kept, rows)
    for number in range(len(rows)):
        assert predicted(served, kept, rows.iloc[[number]]).p_schön[0] == together.p_schön[number]


def test_a_parquet_file_may_be_predicted_by_what_a_csv_file_taught(arrays: DesignMatrix) -> None:
    served, kept = fitted(TREES, arrays)
    rows = houses()
    typed = rows.assign(
        **{
            "Größe [m²]": pd.to_numeric(rows["Größe [m²]"].str.replace(",", "."), errors="coerce"),
            "Straße": rows["Straße"].replace("", None).astype("category"),
            "neu, <renoviert>": rows["neu, <renoviert>"] == "true",
            "verkauft": pd.to_datetime(rows["verkauft"], format="%d.%m.%Y").dt.date,
        }
    )
    typed.to_parquet("typed.parquet")
    answer = predict_rows(served, lambda: load_model(kept), DataFile(Path("typed.parquet")).rows(served.numbers))
    np.testing.assert_array_equal(answer.p_schön, predicted(served, kept, rows).p_schön)


def test_columns_that_are_not_needed_are_named_and_the_target_may_be_there(served: Served) -> None:
    assert unused(served, houses()) == ["Nr", "Urteil"]
    assert served.numbers == ()  # they have a decimal comma


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            houses().rename(columns={"Straße": "Strasse"}),
            "no column named Straße; there is Strasse; did you mean Straße?",
        ),
        (
            houses().assign(**{"Größe [m²]": "groß"}),
            "column Größe [m²], row 1: a finite number is needed, and there is",
        ),
        (
            houses(2).assign(verkauft=["", "bald"]),
            "column verkauft, row 2: a date such as 2024-03-31 is needed, and there",
        ),
        (houses(2).assign(**{"neu, <renoviert>": ["", "ja"]}), "column neu, <renoviert>, row 2: true or false"),
        (houses().assign(prediction=1), "the prediction would overwrite prediction"),
    ],
)
def test_rows_that_cannot_be_used_are_refused_before_the_model_is_loaded(
    served: Served, rows: pd.DataFrame, said: str
) -> None:
    assert refused(served, rows).startswith(said)


def test_what_travels_with_a_model_comes_back(served: Served) -> None:
    assert Served.model_validate_json(served.model_dump_json()) == served
    assert [column.name for column in served.columns] == [*SPEC.columns]
    assert served.columns[0].written == ","


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a champion of the houses."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write(houses())
        champion_of("houses", SPEC, TREES)
        yield folder


@pytest.fixture
def there(world: Path, monkeypatch: pytest.MonkeyPatch, _working_directory: None) -> None:
    monkeypatch.chdir(world)


@pytest.mark.parametrize("name", ["out.csv", "out.tsv", "out.parquet"])
def test_the_command_predicts_a_users_file(there: None, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    write(houses(9).drop(columns="Urteil"), Path("new.csv"))
    result = CliRunner().invoke(app, ["predict", "houses", "new.csv", "-o", name, "--debug"])
    assert result.exit_code == 0, result.output
    assert "9 row(s) predicted by houses, version 1" in capfd.readouterr().err
    answer = DataFile(Path(name)).rows(())
    assert answer.columns.tolist() == [*houses().columns[:-1], "prediction", "p_hässlich", "p_schön"]
    assert answer["Größe [m²]"].tolist() == houses(9)["Größe [m²]"].tolist()
    assert set(answer.prediction) <= {"schön", "hässlich"}


def test_values_never_seen_are_counted_by_column(served: Served) -> None:
    rows = houses(6).assign(Straße=["Neue Straße", "Alte Straße", "Ölweg", "", "Neue Straße", "ÖLWEG"])
    assert unknown(served, rows) == {"Straße": (4, "Neue Straße")}
    assert unknown(served, houses()) == {}


def test_the_command_says_what_it_had_never_seen_and_as_json_too(
    there: None, capfd: pytest.CaptureFixture[str]
) -> None:
    write(houses(9).assign(Straße="Neue Straße"), Path("new.csv"))
    result = CliRunner().invoke(app, ["predict", "houses", "new.csv", "--json"])
    assert (
        "; values never seen in training, taken as missing: Straße 9, such as 'Neue Straße'" in capfd.readouterr().err
    )
    document = json.loads(result.stdout)
    assert document["unknown"] == {"Straße": {"values": 9, "such_as": "Neue Straße"}}
    assert (document["rows"], document["unused"], len(document["predictions"])) == (9, ["Nr", "Urteil"], 9)
    written = CliRunner().invoke(app, ["predict", "houses", "new.csv", "--json", "-o", "out.csv"])
    assert json.loads(written.stdout)["output"] == "out.csv"
    assert len(DataFile(Path("out.csv")).rows(())) == 9


def codes(rows: int = 80) -> pd.DataFrame:
    """Codes with zeros in front, which tell the class, and a column that is called as a probability."""
    row = np.arange(rows)
    postcodes = np.array(["00501", "10001", "02139", "94110"])[row % 4]
    return pd.DataFrame({"p_1": row % 7 / 7, "code": postcodes, "y": np.where(row % 4 < 2, "1", "2")})


def test_a_code_that_lost_its_zeros_is_known_and_a_column_called_p_1_is_no_dead_end() -> None:
    write(codes(), Path("codes.csv"))
    spec = TableFileSpec(
        path=Path("codes.csv"), target="y", task="binary", columns={"p_1": "number", "code": "category"}
    )
    arrays = vectorize(ingest(spec))
    kept = refit(evaluation_of("me", [1, 1], TREES), arrays, KFoldSpec())
    served = describe(TREES, ingest(spec), arrays)
    whole = predicted(served, kept, codes())
    lost = predicted(served, kept, codes().assign(code=codes().code.astype(int)))
    assert served.added == ("prediction", "_p_1", "_p_2")
    assert unknown(served, codes().assign(code=codes().code.astype(int).astype(str))) == {}
    np.testing.assert_array_equal(whole._p_1, lost._p_1)
    assert (whole.prediction == codes().y).mean() == 1


TOWNS = st.sampled_from(["Köln", "Besançon", "Łódź", "São Paulo", "1", "true", "x"])


@given(st.lists(st.tuples(TOWNS, st.integers(-(10**6), 10**6)), min_size=12, max_size=40))
def test_the_same_rows_written_otherwise_have_the_same_features(rows: list[tuple[str, int]]) -> None:
    towns, cents = [town for town, _ in rows], [number / 100 for _, number in rows]
    frame = pd.DataFrame(
        {"town": towns, "size": [f"{size:.2f}" for size in cents], "y": np.resize(["a", "b"], len(rows))}
    )
    other = frame.assign(
        town=[unicodedata.normalize("NFD", {"1": "1.0", "true": "TRUE"}.get(town, town)) for town in towns],
        size=[f"{size:,.2f}".translate(str.maketrans(",.", ".,")) for size in cents],
    )
    frame.to_csv("one.csv", index=False)
    other.to_csv("other.csv", index=False, sep=";")
    frame.assign(size=cents).to_parquet("one.parquet")
    kinds: dict[str, ColumnKind] = {"town": "category", "size": "number"}
    spec = TableFileSpec(path=Path("one.csv"), target="y", task="binary", columns=kinds)
    columns = spec.read().columns
    features = []
    for path in ("one.csv", "other.csv", "one.parquet"):
        read = DataFile(Path(path)).rows(())
        values = {column.name: parse(read[column.name], column) for column in columns}
        features.append(encode(pd.DataFrame(values), columns).to_numpy())
    np.testing.assert_array_equal(features[0], features[1])
    np.testing.assert_array_equal(features[0], features[2])
