"""`bakeoff init`: from a file or folder of a user's to an experiment that can be run, or to a line on what is wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from owned import SHOP, bakeoff, save_images, save_machines, save_texts, shop
from PIL import Image

from flows.experiment import Experiment, load
from tasks.data.files import data_file
from tasks.data.files.images import ImagesSpec
from tasks.data.files.series import SeriesSpec
from tasks.data.files.tables import TableFileSpec
from tasks.data.files.texts import TextFileSpec
from tasks.models.baselines.boosting import HistGradientBoostingSpec


def written(*arguments: str) -> Experiment:
    """The experiment that the command has written about a file or folder."""
    bakeoff("init", *arguments)
    return load(next(Path("conf").glob("*.yaml")).stem)


def columns(experiment: Experiment) -> dict[str, str]:
    assert isinstance(experiment.dataset, TableFileSpec)
    return dict(experiment.dataset.columns)


def test_a_table_becomes_an_experiment_in_conf_that_names_all_its_columns() -> None:
    shop()
    experiment = written(SHOP, "--target", "back")
    assert experiment.name == "shop"
    assert experiment.dataset.task == "binary"
    assert columns(experiment) == {
        "visits": "number", "spent": "number", "city": "category", "member": "boolean", "since": "date"
    }  # fmt: skip
    assert {"dense", "hist_gradient_boosting", "logistic_regression", "dummy"} <= {*experiment.contenders}
    assert (experiment.metric, experiment.validation.kind, experiment.validation.n_splits) == ("accuracy", "k_fold", 5)


def test_it_prints_what_it_saw_and_the_next_command() -> None:
    shop()
    said = bakeoff("init", SHOP, "--target", "back")
    assert "shop.csv: 60 rows, 5 columns beside the target: 2 numbers, 1 category, 1 boolean, 1 date" in said
    assert "back, the target: 2 classes: left 31, came 29" in said
    assert ["spent", "number", "7"] in [line.split()[:3] for line in said.splitlines()]
    assert "bakeoff check shop" in said
    assert "bakeoff run shop" in said


@pytest.mark.parametrize("command", ["init", "check"])
def test_a_file_is_decoded_once_and_parsed_once(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyarrow import csv

    shop()
    bakeoff("init", SHOP, "--target", "back")
    decode, parse = Mock(wraps=data_file.encoding_of), Mock(wraps=csv.read_csv)
    monkeypatch.setattr(data_file, "encoding_of", decode)
    monkeypatch.setattr(csv, "read_csv", parse)
    bakeoff(*(["init", SHOP, "--target", "back", "--force"] if command == "init" else ["check", "shop", "--no-probe"]))
    assert (decode.call_count, parse.call_count) == (1, 1)


def test_every_choice_has_a_comment() -> None:
    shop()
    experiment = written(SHOP, "--target", "back")
    lines = Path("conf/shop.yaml").read_text().splitlines()
    contenders = [f"  {name}" for name in experiment.contenders]
    for setting in ("  task", "  columns", "  test", "validation", "metric", "equivalent_within", *contenders):
        number = next(number for number, line in enumerate(lines) if line.startswith(f"{setting}:"))
        assert "  # " in lines[number] or lines[number - 1].lstrip().startswith("# "), setting


def test_columns_of_no_use_are_left_out_and_said() -> None:
    rows = np.arange(60)
    text = [f"it was the {row}th visit of {row % 7}" for row in rows]
    back = pd.read_csv(shop())["back"]
    shop(key=rows + 5, name=[f"c{row}" for row in rows], same="x", empty=None, note=text, flag=back == "came")
    said = bakeoff("init", SHOP, "--target", "back")
    left_out = {"key": "an id", "name": "an id", "same": "constant", "empty": "empty", "note": "free text"}
    for column, what in {**left_out, "flag": "copy of the target"}.items():
        assert f"  {column}: {what}, left out" in said
    assert {*columns(load("shop"))} == {"visits", "spent", "city", "member", "since"}


def test_a_column_that_was_left_out_is_put_back_by_taking_its_sign_away() -> None:
    shop(same="x")
    bakeoff("init", SHOP, "--target", "back")
    path = Path("conf/shop.yaml")
    path.write_text(path.read_text().replace("# same: category", "same: category"))
    assert columns(load("shop"))["same"] == "category"


def test_a_column_that_smells_of_a_leak_stays_and_is_pointed_out_with_its_score() -> None:
    back = pd.read_csv(shop())["back"]
    shop(days_since=np.where(back == "came", 10.0, 90.0) + np.random.default_rng(0).normal(size=60))
    said = bakeoff("init", SHOP, "--target", "back")
    assert "days_since: a leak?, kept: alone, it predicts rows not seen with balanced accuracy 1.000" in said
    assert columns(load("shop"))["days_since"] == "number"
    assert "# a leak?" in Path("conf/shop.yaml").read_text()


def test_a_kind_that_the_user_says_counts_whatever_is_suspicious() -> None:
    shop(key=np.arange(60))
    experiment = written(SHOP, "--target", "back", "--column", "key=number", "--column", "visits=category")
    assert columns(experiment)["key"] == "number"
    assert columns(experiment)["visits"] == "category"
    bakeoff("init", SHOP, "--target", "back", "--force", "--column", "visits=ignore")
    assert "visits" not in columns(load("shop"))


@pytest.mark.parametrize(("kind", "task"), [("category", "multiclass"), ("number", "regression")])
def test_few_whole_numbers_to_predict_are_classes_unless_the_user_calls_them_numbers(kind: str, task: str) -> None:
    shop(stars=np.arange(60) % 3)
    assert written(SHOP, "--target", "stars").dataset.task == "multiclass"
    bakeoff("init", SHOP, "--target", "stars", "--force", "--column", f"stars={kind}")
    assert load("shop").dataset.task == task


def test_classes_of_which_one_is_rare_are_judged_by_how_they_are_ranked() -> None:
    shop(bought=np.where(np.arange(60) % 6, "no", "yes"))
    assert written(SHOP, "--target", "bought").metric == "roc_auc"


def test_what_does_not_matter_is_a_hundredth_of_the_targets_spread_to_one_digit() -> None:
    shop(price=np.linspace(0, 5000, 60))
    experiment = written(SHOP, "--target", "price")
    assert (experiment.metric, experiment.equivalent_within) == ("mae", 10.0)


def test_rows_of_a_group_stay_together_and_rows_in_time_stay_in_order() -> None:
    shop(branch=np.arange(60) % 12)
    experiment = written(SHOP, "--target", "back", "--group", "branch")
    assert (experiment.validation.kind, experiment.validation.n_splits) == ("group_k_fold", 5)
    assert "branch" not in columns(experiment)
    bakeoff("init", SHOP, "--target", "back", "--force", "--time", "since")
    in_time = load("shop")
    assert in_time.validation.kind == "time_series_split"
    assert "since" not in columns(in_time)
    for each in (experiment, in_time):
        boosting = each.contenders["hist_gradient_boosting"]
        assert isinstance(boosting, HistGradientBoostingSpec)
        assert boosting.params["early_stopping"] is False


def test_rows_that_the_file_marks_for_the_test_are_kept_for_it() -> None:
    shop(split=np.where(np.arange(60) % 4, "Train", "Test"))
    experiment = written(SHOP, "--target", "back")
    assert isinstance(experiment.dataset, TableFileSpec)
    assert (experiment.dataset.test.column, experiment.dataset.test.value) == ("split", "Test")
    assert "split" not in columns(experiment)


def test_a_file_of_another_folder_is_named_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop()
    Path("work").mkdir()
    monkeypatch.chdir("work")
    assert written("../shop.csv", "--target", "back").dataset.path == tmp_path / SHOP


def test_an_experiment_is_never_written_over_without_force() -> None:
    shop()
    bakeoff("init", SHOP, "--target", "back")
    before = Path("conf/shop.yaml").read_bytes()
    bakeoff("init", SHOP, "--target", "visits", code=2)
    assert Path("conf/shop.yaml").read_bytes() == before
    bakeoff("init", SHOP, "--target", "visits", "--name", "visits")
    assert Path("conf/shop.yaml").read_bytes() == before
    bakeoff("init", SHOP, "--target", "visits", "--force")
    assert load("shop").metric == "mae"


def test_of_very_many_rows_one_part_is_held_out() -> None:
    rows = np.random.default_rng(0).normal(size=(70_000, 2))
    pd.DataFrame(rows, columns=["x", "y"]).to_parquet("long.parquet")
    validation = written("long.parquet", "--target", "y").validation
    assert (validation.kind, validation.n_splits) == ("hold_out", 1)


def test_a_folder_of_images_needs_no_target() -> None:
    experiment = written(str(save_images(Path("shapes"))))
    assert isinstance(experiment.dataset, ImagesSpec)
    assert (experiment.dataset.height, experiment.dataset.width, experiment.dataset.color) == (9, 8, "grey")
    assert {"conv", "dense", "dummy"} <= {*experiment.contenders}


def test_a_long_table_becomes_series() -> None:
    path = save_machines(Path("machines.csv"))
    experiment = written(str(path), "--target", "state", "--id", "machine", "--time", "step")
    assert isinstance(experiment.dataset, SeriesSpec)
    assert experiment.dataset.columns == ("speed",)
    assert {"recurrent", "hist_gradient_boosting", "dummy"} <= {*experiment.contenders}


def test_a_column_of_texts_is_learned_from_where_the_user_says_so() -> None:
    experiment = written(str(save_texts(Path("reviews.csv"))), "--target", "opinion", "--text", "review")
    assert isinstance(experiment.dataset, TextFileSpec)
    assert {"dense", "nb_svm", "dummy"} <= {*experiment.contenders}


def test_arrays_are_images_if_they_hold_bytes_and_series_if_they_hold_numbers() -> None:
    y = np.arange(30) % 2
    np.savez("bytes.npz", X=np.arange(30 * 20, dtype=np.uint8).reshape(30, 4, 5), y=y)
    np.savez("numbers.npz", X=np.random.default_rng(0).normal(size=(30, 4, 5)), y=y)
    for name, kind in (("bytes", "images"), ("numbers", "series")):
        bakeoff("init", f"{name}.npz")
        assert load(name).dataset.kind == kind


def test_a_target_that_is_missing_in_an_archive_is_no_class_of_images() -> None:
    y = np.arange(30) % 2.0
    y[0] = np.nan
    np.savez("bytes.npz", X=np.arange(30 * 20, dtype=np.uint8).reshape(30, 4, 5), y=y)
    assert written("bytes.npz").dataset.task == "binary"


def nothing() -> None:
    """No file at all."""


def file(content: bytes, name: str = SHOP) -> Callable[[], object]:
    return lambda: Path(name).write_bytes(content)


def table(**changed: object) -> Callable[[], object]:
    return lambda: shop(**changed)


def parquet(**changed: object) -> Callable[[], object]:
    return lambda: pd.read_csv(shop()).assign(**changed).to_parquet("shop.parquet")


def images(*classes: str, broken: str = "", large: str = "", other: str = "") -> Callable[[], object]:
    def save() -> None:
        save_images(Path("shapes"), classes)
        if broken:
            Path("shapes", broken).write_bytes(b"no picture")
        if large:
            Image.new("1", (20_000, 20_000)).save(Path("shapes", large))
        if other:
            Image.new("L", (9, 8)).save(Path("shapes", other), format="PPM")

    return save


def arrays(**values: object) -> Callable[[], object]:
    return lambda: np.savez("a.npz", **values)  # type: ignore[arg-type]


BACK = (SHOP, "--target", "back")
FAULTS = {
    "missing file": (nothing, BACK, "there is no file shop.csv"),
    "empty file": (file(b""), BACK, "shop.csv is empty"),
    "header only": (file(b"visits,back\n"), BACK, "shop.csv has a header, but no rows"),
    "0-byte Parquet": (file(b"", "shop.parquet"), ("shop.parquet", "--target", "back"), "shop.parquet is empty"),
    "no target named": (table(), (SHOP,), "which column is to be predicted? --target COLUMN, one of visits, spent"),
    "no such target": (table(), (SHOP, "--target", "bakc"), "has no column 'bakc', which --target names; did"),
    "target missing": (table(back=None), BACK, "column back, the target, has no values"),
    "target constant": (table(back="came"), BACK, "column back, the target, is 'came' in every row"),
    "target of dates": (table(), (SHOP, "--target", "since"), "column since, the target, holds dates"),
    "rare class": (table(back=["rare"] * 4 + ["left", "came"] * 28), BACK, "class rare has 4 rows, 3 to learn from"),
    "all missing": (file(b"a,back\n" + b",x\n,y\n" * 20), BACK, "no column to predict back from: a (empty)"),
    "all missing, but wanted": (table(a=None), (*BACK, "--column", "a=number"), "column a has no values"),
    "mixed types": (table(spent=["12", "free"] * 30), BACK, "column spent, row 2: a finite number is needed"),
    "duplicate names": (file(b"a,a,back\n1,2,x\n"), BACK, "shop.csv has more than one column a"),
    "infinite values": (table(spent=[np.inf] + [1.5] * 59), BACK, "column spent, row 1: a finite number is needed"),
    "infinite values in Parquet": (
        parquet(spent=[1.5] * 59 + [-np.inf]), ("shop.parquet", "--target", "back"), "column spent, row 60: a finite"
    ),
    "text of numbers": (table(), (*BACK, "--text", "visits"), "column visits holds numbers, and texts are needed"),
    "no encoding": (file(b"\xff\xfea"), BACK, "its bytes are no text in"),
    "other suffix": (file(b"x", "shop.xlsx"), ("shop.xlsx", "--target", "back"), "files that end in .csv, .tsv or"),
    "broken image": (images("cat", "dog", broken="dog/3.png"), ("shapes",), "shapes/dog/3.png"),
    "very large image": (
        images("cat", "dog", large="dog/3.png"), ("shapes",), "shapes/dog/3.png is not read: it has more than"
    ),
    "another format under that name": (
        images("cat", "dog", other="dog/3.png"), ("shapes",), "shapes/dog/3.png is none of PNG, JPEG, WEBP, BMP, GIF"
    ),
    "numbers for classes": (
        arrays(X=np.zeros((4, 3, 3), np.uint8), y=[1, 0.5, 1, 2.5]), ("a.npz",), "a.npz: y holds numbers such as 0.5"
    ),
    "bytes for text": (arrays(X=[[1.0]] * 2, y=[b"\xe4", b"b"]), ("a.npz",), "y holds bytes that are not UTF-8"),
    "structured targets": (arrays(X=[[1.0]] * 2, y=np.zeros(2, "i4,f4")), ("a.npz",), "a.npz: y holds"),
    "one class": (images("cat"), ("shapes",), "shapes has one class, cat"),
    "images and texts": (images("cat", "dog", broken="dog/n.txt"), ("shapes",), "shapes has images, such as 0.png,"),
    "empty folder": (lambda: Path("shapes").mkdir(), ("shapes",), "shapes has neither images nor texts"),
    "target of a folder": (images("cat", "dog"), ("shapes", "--target", "x"), "leave --target out"),
    "id without time": (table(), (*BACK, "--id", "city"), "--time COLUMN, their order"),
    "two uses": (table(), (*BACK, "--group", "back"), "column back cannot be --target and --group at once"),
    "target ignored": (table(), (*BACK, "--column", "back=ignore"), "column back is --target, and cannot be ignored"),
    "group ignored": (table(), (*BACK, "--group", "city", "--column", "city=ignore"), "column city is --group, and"),
    "text ignored": (table(), (*BACK, "--text", "city", "--column", "city=ignore"), "column city is --text, and"),
    "group and time": (
        table(), (*BACK, "--text=city", "--group=member", "--time=since"), "--group and --time do not go together"
    ),
    "group cut by a marked test": (
        table(split=["train", "test", "train"] * 20), (*BACK, "--group=city"), "leave test.column out (of `bakeoff"
    ),
    "one group": (table(city=["Rome"] * 52 + [*"abcdefgh"]), (*BACK, "--group=city"), "nearly all training rows"),
    "no such kind": (table(), (*BACK, "--column", "visits=text"), "--column visits=text: expected NAME=KIND"),
    "no such column": (table(), (*BACK, "--column", "vists=number"), "which --column names; did you mean visits?"),
    "bad name": (table(), (*BACK, "--name", "../shop"), "--name ../shop: a name has letters, digits"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_and_exit_code_2_and_nothing_is_written(
    fault: str, capfd: pytest.CaptureFixture[str]
) -> None:
    prepare, arguments, said = FAULTS[fault]
    prepare()
    before = {*Path().rglob("*")}
    assert bakeoff("init", *arguments, code=2) == ""
    error = capfd.readouterr().err
    assert said in error
    assert error.startswith("bakeoff: ")
    assert len(error.splitlines()) == 1
    assert {*Path().rglob("*")} == before


@pytest.mark.parametrize("operations", [("open",), ("stat", "open")], ids=["the file", "its folder"])
def test_what_may_not_be_read_is_one_line(
    operations: tuple[str, ...], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read anything, so the refusal is made up."""
    shop()
    for operation in operations:
        allowed = getattr(Path, operation)

        def refuse(path: Path, *arguments: Any, allowed: Any = allowed, **options: Any) -> Any:
            if path.name == SHOP:
                raise PermissionError(13, "Permission denied", str(path))
            return allowed(path, *arguments, **options)

        monkeypatch.setattr(Path, operation, refuse)
    bakeoff("init", *BACK, code=2)
    error = capfd.readouterr().err
    assert "shop.csv may not be read" in error
    assert len(error.splitlines()) == 1
