"""`bakeoff data`, as a person uses it."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli.main import app
from tasks.data.builtin.builtin_spec import KerasFile
from tasks.data.datasets import DATASETS


def data(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["data", *arguments])
    assert result.exit_code == code, result.output
    return result


def _line_about(name: str) -> str:
    return next(line for line in data().stdout.splitlines() if line.split()[:1] == [name]).rstrip()


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras" / "datasets"


def test_the_list_names_every_dataset_in_80_columns(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = data().stdout.splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.split() and line.split()[0] in DATASETS}
    assert set(rows) == set(DATASETS)
    assert rows["boston"] == ["regression", "506", "13", "mlxtend", "included"]
    assert rows["mnist"] == ["multiclass", "70,000", "28x28", "Keras", "absent"]
    assert lines[-1].endswith(str(empty_cache))


def test_the_list_says_how_much_of_a_dataset_is_cached(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [KerasFile(name=name, digest="", size=3, dataset="imdb") for name in ("texts", "words")]
    monkeypatch.setattr(DATASETS["imdb"], "files", tuple(files))
    empty_cache.mkdir(parents=True)
    for name, content, said in (("texts", "abc", "in part"), ("words", "abc", "cached"), ("texts", "cut", "cached")):
        (empty_cache / name).write_text(content)
        assert _line_about("imdb").endswith(said)
    (empty_cache / "words").write_text("ab")
    assert _line_about("imdb").endswith("altered")


def test_the_list_loads_nothing_heavy() -> None:
    code = """
import sys
from flows.cli.main import main
try:
    main()
except SystemExit:
    pass
print("heavy:", *sorted({"tensorflow", "mlflow", "prefect", "sklearn", "pandas", "keras", "scipy"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code, "data"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy:"


def test_a_table_is_shown_by_its_columns() -> None:
    shown = data("show", "boston", "--row", "0").stdout.splitlines()
    assert shown[0] == "boston, training row 0 of 404: 15.2 $1000s"
    assert shown[1].split() == ["crim", "1.23247"]


def test_a_picture_is_drawn_in_characters() -> None:
    shown = data("show", "digits", "--test").stdout.splitlines()
    assert shown[0].startswith("digits, test row 0 of 360: ")
    assert len(shown) == 9
    assert "%%" in "".join(shown[1:]) or "@@" in "".join(shown[1:])


@pytest.mark.real_data
def test_a_review_and_a_newswire_are_shown_in_words() -> None:
    review = data("show", "imdb", "--row", "0").stdout
    assert review.startswith("imdb, training row 0 of 25000: positive\nthis film was just brilliant casting location")
    wire = data("show", "reuters", "--row", "0", "--num-words", "1000").stdout
    assert wire.startswith("reuters, training row 0 of 8982: earn\n")
    assert "? ?" in wire


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "imbd"], "there is no data set 'imbd'; did you mean imdb?"),
        (["show", "wine", "--row", "500"], "wine has 142 training rows, numbered from 0; there is no row 500"),
        (["show", "imdb", "--num-words", "0"], "--num-words 0: input should be greater than or equal to 5"),
        (["show", "wine", "--num-words", "10"], "wine has no words"),
        (["fetch", "nothing"], "there is no data set 'nothing'; there are boston, "),
    ],
)
def test_a_mistake_is_said_in_a_line(arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    data(*arguments, code=2)
    assert said in capfd.readouterr().err


def test_verify_names_a_file_that_is_altered(empty_cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "ALTERED" not in data("verify").stdout
    empty_cache.mkdir(parents=True)
    (empty_cache / "imdb.npz").write_bytes(b"cut")
    result = data("verify", code=2)
    assert f"{empty_cache / 'imdb.npz'}: ALTERED or cut short" in result.stdout
    assert "imdb.npz is not what was published; delete it, then `bakeoff data fetch imdb`" in capfd.readouterr().err


def test_fetch_downloads_what_is_absent_and_verifies_it(
    empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    made = b"made"
    file = KerasFile(name="made.npz", digest=hashlib.sha256(made).hexdigest(), size=4, dataset="mnist")
    monkeypatch.setattr(DATASETS["mnist"], "files", (file,))
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "made.npz").write_bytes(made)
    code = ["fetch", "mnist", "wine", "--mirror", (tmp_path / "mirror").as_uri(), "--debug"]
    assert data(*code).stdout == f"{empty_cache / 'made.npz'}: downloaded and verified\n"
    assert data(*code).stdout == f"{empty_cache / 'made.npz'}: was there, verified\n"
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["keras", "mirror"]
