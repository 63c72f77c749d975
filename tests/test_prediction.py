"""From raw rows to predictions, by models that are at hand and by champions in MLflow."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from typer.testing import CliRunner, Result

from flows.cli.main import app
from tasks.data.builtin.numbers import DiabetesSpec, WineSpec
from tasks.data.folds.splitting import KFoldSpec
from tasks.data.vectorization import DesignMatrix
from tasks.evaluation.cross_validation import Refit, load_model, predict, refit
from tasks.models.baselines.boosting import HistGradientBoostingSpec, XGBoostSpec
from tasks.models.baselines.classic import BernoulliNBSpec, GaussianNBSpec, RbfSvmSpec, RidgeSpec
from tasks.models.contenders import Contender
from tasks.models.nets.networks import DenseSpec
from tasks.prediction import Served, describe, predict_rows, unused
from tasks.specs import BakeoffError
from tasks.tracking import connection
from tests.builders import evaluation_of, made_arrays, picture_arrays, text_arrays
from tests.served import cached_words, champion_of, examples_of, log, register

# Those that MLflow keeps have the names; the ones that are at hand here do not.
pytestmark = pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")

NET = DenseSpec(units=(4,), epochs=2)
WORDS = tuple(f"word{number}" for number in range(4, 60))  # of which the made texts have 40 numbers


def described(contender: Contender, arrays: DesignMatrix, name: str = "made") -> Served:
    """What would travel with a contender that was fitted to these arrays."""
    return describe(contender, examples_of(arrays, name), arrays)


def fitted(contender: Contender, arrays: DesignMatrix, name: str = "made") -> tuple[Served, Refit]:
    """A contender that was fitted to these arrays, and what would travel with it."""
    kept = refit(evaluation_of("me", [1, 1], contender, best_epochs=(2, 2)), arrays, KFoldSpec())
    return described(contender, arrays, name), kept


def predicted(served: Served, kept: Refit, rows: pd.DataFrame) -> pd.DataFrame:
    return predict_rows(served, lambda: load_model(kept), rows)


def refused(served: Served, rows: pd.DataFrame) -> str:
    """Why rows are refused, before the model has been loaded."""
    with pytest.raises(BakeoffError) as error:
        predict_rows(served, lambda: pytest.fail("the model was loaded"), rows)
    return str(error.value)


def table(arrays: DesignMatrix) -> pd.DataFrame:
    return pd.DataFrame(arrays.test()[0], columns=list("abc"))


@pytest.fixture
def numbers() -> Served:
    """A model of the columns a, b and c."""
    return described(RidgeSpec(), made_arrays("regression"))


@pytest.mark.parametrize("contender", [RidgeSpec(), XGBoostSpec(), NET], ids=lambda spec: spec.kind)
def test_numbers_are_those_of_the_contender_whatever_the_order_of_the_columns(contender: Contender) -> None:
    arrays = made_arrays("regression")
    served, kept = fitted(contender, arrays)
    rows = table(arrays).assign(id="x")[["c", "id", "a", "b"]]
    answer = predicted(served, kept, rows)
    pd.testing.assert_frame_equal(answer[rows.columns.tolist()], rows)
    assert answer.columns.tolist() == ["c", "id", "a", "b", "prediction"]
    np.testing.assert_allclose(answer.prediction, predict(kept, arrays.test()[0], arrays), rtol=1e-12)
    assert unused(served, rows) == ["id"]


@pytest.mark.parametrize("contender", [GaussianNBSpec(), NET], ids=lambda spec: spec.kind)
def test_classes_have_their_labels_and_a_probability_each(contender: Contender) -> None:
    arrays = made_arrays("multiclass")
    served, kept = fitted(contender, arrays)
    answer = predicted(served, kept, table(arrays))
    expected = predict(kept, arrays.test()[0], arrays)
    np.testing.assert_allclose(answer[["p_a", "p_b", "p_c"]], expected, rtol=1e-12)
    assert answer.prediction.tolist() == ["abc"[number] for number in expected.argmax(axis=1)]


def test_a_method_without_probabilities_gives_labels_alone() -> None:
    arrays = made_arrays("binary")
    answer = predicted(*fitted(RbfSvmSpec(), arrays), table(arrays))
    assert answer.columns.tolist() == ["a", "b", "c", "prediction"]
    assert set(answer.prediction) == {"a", "b"}


@pytest.mark.parametrize("contender", [BernoulliNBSpec(), NET], ids=lambda spec: spec.kind)
def test_pictures_are_rows_of_pixels_by_any_names(contender: Contender) -> None:
    arrays = picture_arrays()
    served, kept = fitted(contender, arrays)
    X = arrays.test()[0]
    shades = np.round(X * served.brightest).astype(np.uint8)
    rows = pd.DataFrame(shades).rename(columns="pixel{}".format)
    expected = predict(kept, shades.astype(np.float32) / np.float32(16), arrays)
    np.testing.assert_array_equal(predicted(served, kept, rows)[["p_row", "p_column"]], expected)


@pytest.mark.parametrize("contender", [BernoulliNBSpec(), NET], ids=lambda spec: spec.kind)
def test_raw_texts_count_as_the_data_sets_own(
    contender: Contender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached_words(monkeypatch, tmp_path, WORDS)
    arrays = text_arrays()
    served, kept = fitted(contender, arrays, "imdb")
    X = arrays.test()[0][:, 4:].toarray().astype(int)  # the numbers below 4 are no words
    texts = [" ".join(word for word, times in zip(WORDS, row, strict=False) for _ in range(times)) for row in X]
    known = np.zeros((len(X), 40), np.float32)
    known[:, 4:] = X
    known[:, 1] = 1  # where a text starts
    answer = predicted(served, kept, pd.DataFrame({"text": texts}))
    expected = predict(kept, csr_matrix(known), arrays)
    np.testing.assert_allclose(answer[["p_no", "p_yes"]], expected, rtol=1e-6)


def test_a_word_beyond_num_words_counts_as_unknown_and_one_never_counted_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached_words(monkeypatch, tmp_path, WORDS)
    served = described(BernoulliNBSpec(), text_arrays(), "imdb")
    assert len(served.words) > served.shape[0]
    seen: list[NDArray[np.generic]] = []

    class Model:
        classes_ = np.array([0, 1])

        def predict_proba(self, X: NDArray[np.generic]) -> NDArray[np.float64]:
            seen.extend(X.toarray())
            return np.full((X.shape[0], 2), 0.5)

    predict_rows(served, Model, pd.DataFrame({"text": ["word4 word50 word50", "word4 never"]}))
    assert [row.nonzero()[0].tolist() for row in seen] == [[1, 2, 4], [1, 4]]
    assert seen[0][2] == 2


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["a", "b"], "no column named c"),
        (["b", "c", "aa", "id"], "no column named a; there is aa; did you mean a?"),
        (["A", "B", "C"], "no column named a, b, c; there are A, B, C"),
    ],
)
def test_missing_columns_are_named(numbers: Served, columns: list[str], said: str) -> None:
    assert refused(numbers, pd.DataFrame([[1.0] * len(columns)], columns=columns)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.nan, "column b, row 2: a finite number is needed, and there is nothing"),
        (None, "column b, row 2: a finite number is needed, and there is nothing"),
        ("", "column b, row 2: a finite number is needed, and there is nothing"),
        ("high", "column b, row 2: a finite number is needed, and there is 'high'"),
        (-np.inf, "column b, row 2: a finite number is needed, and there is -inf"),
    ],
)
def test_a_value_that_is_no_finite_number_is_named_with_its_row(numbers: Served, value: object, said: str) -> None:
    rows = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1, value, value], "c": 1.0})
    assert refused(numbers, rows) == said


def test_nothing_is_overwritten(numbers: Served) -> None:
    rows = pd.DataFrame({"a": [1.0], "b": 1.0, "c": 1.0, "prediction": 1.0})
    assert refused(numbers, rows) == "the prediction would overwrite prediction; rename or drop what has that name"


def test_pictures_of_another_size_or_shade_are_refused() -> None:
    served = described(BernoulliNBSpec(), picture_arrays())
    shades = pd.DataFrame(np.zeros((2, 30), int)).rename(columns=str)
    assert refused(served, shades.assign(label=1)).startswith(
        "there are 31 columns; a picture of 6 x 5 pixels is a row"
    )
    for strange in (17, -1, 0.5):
        said = f"column 29, row 2: a pixel is a whole number from 0 (black) to 16 (white), and there is {strange:.1f}"
        shades["29"] = [0.0, strange]
        assert refused(served, shades) == said


def test_what_is_no_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached_words(monkeypatch, tmp_path, WORDS)
    served = described(BernoulliNBSpec(), text_arrays(), "imdb")
    assert refused(served, pd.DataFrame({"texts": ["a"]})) == "no column named text; there is texts; did you mean text?"
    rows = pd.DataFrame({"text": pd.Series(["a", 5], dtype=object)})
    assert refused(served, rows) == "column text, row 2: text is needed, and there is 5"


def test_a_text_that_is_missing_is_predicted_as_one_without_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached_words(monkeypatch, tmp_path, WORDS)
    served, kept = fitted(BernoulliNBSpec(), text_arrays(), "imdb")
    lacking = [pd.DataFrame({"text": pd.Series(["a", nothing], dtype=object)}) for nothing in ("", None, np.nan)]
    answers = [predicted(served, kept, rows).iloc[:, -1].tolist() for rows in lacking]
    assert answers[0] == answers[1] == answers[2]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with champions of diabetes and wine, a model without a champion, and one of another version."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        champion_of("wine", WineSpec(), GaussianNBSpec())
        champion_of("diabetes", DiabetesSpec(), HistGradientBoostingSpec(params={"max_iter": 5}))
        arrays = made_arrays("regression")
        model_id = log(RidgeSpec(), examples_of(arrays), arrays)[1]
        register("diabetes", model_id, champion=False)
        register("young", model_id, champion=False)
        old_id = log(RidgeSpec(), examples_of(arrays), arrays)[1]
        register("old", old_id)
        next(Path("mlruns/artifacts").rglob(f"{old_id}/**/bakeoff.json")).unlink()
        DiabetesSpec().read().X.head(20).to_csv("diabetes.csv", index=False)
        WineSpec().read().X.head(20).assign(id=[f"{row:03}" for row in range(20)]).to_parquet("wine.parquet")
        table(arrays).to_csv("made.csv", index=False)
        yield folder


@pytest.fixture
def there(world: Path, monkeypatch: pytest.MonkeyPatch, _working_directory: None) -> None:
    monkeypatch.chdir(world)


def command(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["predict", *arguments, "--debug"])
    assert result.exit_code == code, result.output
    return result


def test_a_file_is_not_overwritten_by_its_own_prediction(there: None, capfd: pytest.CaptureFixture[str]) -> None:
    before = Path("made.csv").read_bytes()
    command("wine", "made.csv", "--output", "./made.csv", code=2)
    assert "made.csv would be overwritten by its own prediction; name another --output" in capfd.readouterr().err
    assert Path("made.csv").read_bytes() == before


def test_standard_output_holds_the_rows_as_csv_and_nothing_else(
    there: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = command("diabetes", "diabetes.csv").stdout
    (tmp_path / "out.csv").write_text(out)
    answer = pd.read_csv(tmp_path / "out.csv")
    pd.testing.assert_frame_equal(answer[answer.columns[:-1]], pd.read_csv("diabetes.csv"))
    assert answer.columns[-1] == "prediction"
    assert "20 row(s) predicted in points by diabetes, version 1" in capfd.readouterr().err


def test_a_file_is_written_in_the_format_of_its_name(
    there: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for suffix, read in ((".csv", pd.read_csv), (".parquet", pd.read_parquet)):
        assert command("wine", "wine.parquet", "-o", str(tmp_path / f"out{suffix}")).stdout == ""
        answer = read(tmp_path / f"out{suffix}")
        assert answer.columns[-4:].tolist() == ["prediction", "p_class_0", "p_class_1", "p_class_2"]
        assert set(answer.prediction) == {"class_0"}
        assert "columns not used, but kept: id" in capfd.readouterr().err


def test_another_version_than_the_champion_can_be_asked(there: None) -> None:
    assert command("diabetes", "made.csv", "--version", "2").stdout.startswith("a,b,c,prediction\n")


def test_a_champion_is_loaded_without_unpickling(there: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, lambda *_, **__: pytest.fail("something was unpickled"))
    command("diabetes", "diabetes.csv")


def test_a_folder_that_says_it_is_a_pickle_is_not_believed(there: None, monkeypatch: pytest.MonkeyPatch) -> None:
    version = connection.connect().get_model_version_by_alias("diabetes", "champion")
    file = Path(version.source.removeprefix("file://")) / "MLmodel"
    said = file.read_text()
    assert "serialization_format: skops" in said
    try:
        file.write_text(said.replace("serialization_format: skops", "serialization_format: pickle"))
        test_a_champion_is_loaded_without_unpickling(None, monkeypatch)
    finally:
        file.write_text(said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["diabetis", "diabetes.csv"], "no model 'diabetis' is registered; did you mean diabetes?"),
        (["none", "diabetes.csv"], "no model 'none' is registered; there are diabetes, old, wine, young"),
        (["young", "made.csv"], "young has no champion yet; `bakeoff run young` finds one (versions: 1)"),
        (["diabetes", "diabetes.csv", "--version", "7"], "diabetes has no version 7; there are 1, 2"),
        (["old", "made.csv"], "`bakeoff run old --fresh` registers a new one, `bakeoff promote old --version N` makes"),
        (["diabetes", "no.csv"], "there is no file no.csv"),
        (
            ["diabetes", "rows.txt"],
            "rows.txt: files that end in .csv, .tsv or .parquet are read and written, no others",
        ),
        (["diabetes", "diabetes.csv", "-o", "out.xlsx"], "out.xlsx: files that end in .csv, .tsv or .parquet"),
        (["diabetes", "diabetes.csv", "-o", "no/out.csv"], "no/out.csv cannot be written"),
        (["diabetes", "made.csv"], "made.csv: no column named age, sex, bmi, bp, s1, s2, s3, s4, s5, s6"),
    ],
)
def test_a_mistake_is_said_in_a_line(
    there: None, arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    result = CliRunner().invoke(app, ["predict", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in capfd.readouterr().err


def test_files_that_are_gone_are_missed_by_name(there: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arrays = made_arrays("regression")
    model_id = log(RidgeSpec(), examples_of(arrays), arrays)[1]
    register("gone", model_id)
    next(Path("mlruns/artifacts").rglob(model_id)).rename(tmp_path / "elsewhere")
    command("gone", "made.csv", code=2)
    connection.connect().delete_registered_model("gone")
    assert "the files of gone, version 1, cannot be had: " in capfd.readouterr().err


def test_a_library_that_is_missing_is_named(
    there: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    arrays = made_arrays("regression")
    register("boosted", log(XGBoostSpec(), examples_of(arrays), arrays)[1])
    monkeypatch.setitem(sys.modules, "xgboost", None)
    command("boosted", "made.csv", code=2)
    connection.connect().delete_registered_model("boosted")
    assert "xgboost is not installed; `pip install -e '.[boosting]'` brings it" in capfd.readouterr().err


@pytest.mark.servers
def test_a_champion_that_is_no_net_needs_no_tensorflow(there: None) -> None:
    code = """
import sys
from flows.cli.main import main
try:
    main()
except SystemExit as ended:
    print("heavy:", ended.code, *sorted({"tensorflow", "keras", "prefect", "matplotlib"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "predict", "wine", "wine.parquet"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "heavy: 0"
