"""Files as people have them, kind by kind: what `init` makes of them is what they mean."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from tasks.data.datasets import ingest, keep_examples
from tasks.data.files.forms import inspect
from tasks.data.files.own_spec import Inspection, OwnSpec
from tasks.data.files.profile import InitOptions
from tasks.data.files.values import Reading
from tasks.data.vectorization import DesignMatrix, vectorize
from tasks.models.baselines.boosting import HistGradientBoostingSpec, XGBoostSpec
from tasks.models.baselines.classic import LogisticRegressionSpec, RandomForestSpec
from tasks.models.contenders import Contender
from tasks.models.nets.networks import ConvSpec
from tasks.specs import BakeoffError
from tests.owned import SHOP, bakeoff

ROWS = 60
FILE = Path("data.csv")
SIDE = np.where(np.arange(ROWS) % 2, "left", "right")


def look(rows: pd.DataFrame | str, target: str = "y", **said: Any) -> Inspection:
    if isinstance(rows, str):
        FILE.write_text(rows, encoding="utf8")
    else:
        rows.to_csv(FILE, index=False)
    return inspect(InitOptions(path=FILE, target=target, **said))


def column(seen: Inspection, name: str) -> np.ndarray[Any, Any]:
    return np.asarray(pd.DataFrame(seen.raw.X)[name])


def table(**columns: Any) -> pd.DataFrame:
    """A table of a column of numbers, a target that it tells, and others."""
    numbers = np.random.default_rng(0).normal(size=ROWS).round(3)
    return pd.DataFrame({"x": numbers, **columns, "y": SIDE})


def accuracy(contender: Contender, dataset: OwnSpec) -> float:
    """Of a contender that is fitted to the training rows, on the rows for the test."""
    arrays = vectorize(ingest(dataset))
    return accuracy_on(contender, arrays)


def accuracy_on(contender: Contender, arrays: DesignMatrix) -> float:
    X, y = arrays.training()
    seen = contender.fit_all("it", arrays, [0], [40])
    X, y = arrays.test()
    return float((contender.predict(seen.models[0], X, arrays).argmax(axis=1) == y).mean())


def test_a_number_with_its_notation_is_a_number_and_the_profile_says_how_it_was_read() -> None:
    cents = np.random.default_rng(0).integers(10_000, 2_000_000, ROWS)
    rows = table(
        price=[f"${number / 100:,.2f}" for number in cents],
        rate=[f"{number % 1000 / 10} %" for number in cents],
        weight=[f"{number % 1000 / 10} kg" for number in cents],
        day=[f"{number % 12 + 1}/{number % 28 + 1}/24" for number in cents],
    )
    seen = look(rows)
    assert {c.name: c.kind for c in seen.profile.columns} == {
        "x": "number", "price": "number", "rate": "number", "weight": "number", "day": "date"
    }  # fmt: skip
    assert seen.dataset.reading.decimal == "."
    np.testing.assert_allclose(column(seen, "price"), cents / 100)
    said = {c.name: c.said for c in seen.profile.columns}
    assert (said["price"][-2:], said["rate"][-2:], said["weight"][-3:]) == (" $", " %", " kg")
    assert said["day"].endswith("; month first")


def test_a_target_with_a_currency_is_a_number_in_it() -> None:
    prices = [f"${1000 + 7 * number:,}.50" for number in range(ROWS)]
    seen = look(table().assign(y=prices))
    assert (seen.dataset.task, seen.dataset.unit) == ("regression", "$")
    assert seen.profile.target.y[:2].tolist() == [1000.5, 1007.5]


def test_decimal_commas_in_one_column_say_what_a_point_is_in_another() -> None:
    turnover = [f"{number // 1000}.{number % 1000:03}" if number > 999 else str(number) for number in range(940, 1000)]
    turnover = turnover[:30] + [f"{1 + number}.{41 + number:03}" for number in range(30)]
    seen = look(table(turnover=turnover).assign(x=[f"{number},5" for number in range(ROWS)]))
    assert seen.dataset.reading.decimal == ","
    assert column(seen, "turnover")[[0, 29, 30, 31]].tolist() == [940, 969, 1041, 2042]
    assert any("the decimal sign is ','" in fact for fact in seen.profile.facts)


def test_a_dash_among_numbers_is_a_missing_value_and_the_profile_counts_them() -> None:
    seen = look(table(v=["-" if number % 5 else str(number) for number in range(ROWS)]))
    profile = next(c for c in seen.profile.columns if c.name == "v")
    assert (profile.kind, profile.missing) == ("number", 48)
    assert "'-' stands for no value, 48 times" in profile.said


@pytest.mark.parametrize(
    ("written", "classes"),
    [(("0", "1", "0.0", "1.0"), ("0", "1")), (("FALSE", "True", "False", "TRUE"), ("false", "true"))],
)
def test_a_class_written_in_two_ways_is_one(written: tuple[str, ...], classes: tuple[str, ...]) -> None:
    seen = look(table().assign(y=[written[number % 4] for number in range(ROWS)]))
    assert seen.problem.classes == classes


def test_a_group_written_in_two_ways_stays_together() -> None:
    names = ["café", "cafe\u0301", "b", "c", "d", "1", "1.0"]
    seen = look(table(firm=[names[number % 7] for number in range(ROWS)]), group="firm")
    assert len(np.unique(seen.raw.groups)) == 5  # type: ignore[arg-type]


def test_a_column_that_marks_three_parts_is_used_as_it_says() -> None:
    parts = ["Train", "valid", "TEST"]
    seen = look(table(split=[parts[number % 3] for number in range(ROWS)]))
    assert [c.name for c in seen.profile.columns] == ["x"]
    assert seen.raw.held_out.tolist() == [number % 3 == 2 for number in range(ROWS)]
    said = "column split says which rows are for the test; the rows of valid are learned from, in folds"
    assert said in seen.profile.facts
    assert seen.comments["dataset.test"] == said


def test_a_column_that_may_mark_parts_is_named_with_the_option_that_decides() -> None:
    rows = table(split=np.arange(ROWS) % 3)
    seen = look(rows)
    warning = seen.profile.columns[1].warning
    assert warning is not None
    assert warning.left_out
    assert "--test split=2" in warning.said
    assert "--column split=category" in warning.said
    told = look(rows, test=("split", "2"))
    assert told.raw.held_out.tolist() == [number % 3 == 2 for number in range(ROWS)]


def test_a_count_with_rare_amounts_is_a_number() -> None:
    counts = [0] * 30 + [1] * 18 + [2] * 8 + [3] * 3 + [4]
    seen = look(table().assign(y=counts))
    assert seen.dataset.task == "regression"
    many = look(table().assign(y=[0, 1, 2, 3] * 15))
    assert many.dataset.task == "multiclass"
    assert "--column y=number" in many.comments["dataset.task"]


def test_a_class_called_none_can_be_kept_and_what_is_left_out_is_named() -> None:
    rows = table().assign(y=["None", "Mild", "Severe"] * 20)
    seen = look(rows)
    assert seen.problem.classes == ("Mild", "Severe")
    assert seen.profile.lacking == (
        "20 rows without the target left out, in which it is 'None' 20 times (--missing '' keeps such words)"
    )
    kept = look(rows, reading=Reading(missing=("",)))
    assert kept.problem.classes == ("Mild", "None", "Severe")
    assert kept.dataset.read().problem == kept.problem


def test_a_row_without_a_text_is_not_said_to_lack_its_target() -> None:
    texts = ["" if number < 4 else f"word{number} is {SIDE[number]}" for number in range(ROWS)]
    seen = look(pd.DataFrame({"text": texts, "y": SIDE}), text="text")
    assert seen.profile.lacking == "4 rows without a text left out"


def test_whole_numbers_that_double_precision_cannot_tell_apart_are_an_id() -> None:
    large = pa.array([2**63 + number for number in range(ROWS)], pa.uint64())
    parquet.write_table(pa.table({"u": large, "x": np.arange(ROWS) / 7, "y": SIDE}), "data.parquet")
    seen = inspect(InitOptions(path=Path("data.parquet"), target="y"))
    warning = seen.profile.columns[0].warning
    assert warning is not None
    assert (warning.what, warning.said) == ("an id", "60 of 60 values differ")
    with pytest.raises(BakeoffError, match="would be the same in double precision"):
        inspect(InitOptions(path=Path("data.parquet"), target="y", columns={"u": "number"}))


def test_what_a_parquet_file_holds_is_read_or_named_by_its_type() -> None:
    columns = {
        "hour": pa.array([datetime.time(number % 24) for number in range(ROWS)]),
        "took": pa.array([datetime.timedelta(seconds=number) for number in range(ROWS)]),
        "name": pa.array([b"ab"[number % 2 :] for number in range(ROWS)]),
        "key": pa.array([number.to_bytes(16, "big") for number in range(ROWS)], pa.binary(16)),
        "list": pa.array([[number] for number in range(ROWS)]),
        "y": pa.array(SIDE),
    }
    parquet.write_table(pa.table(columns), "data.parquet")
    seen = {c.name: c for c in inspect(InitOptions(path=Path("data.parquet"), target="y")).profile.columns}
    assert [seen[name].kind for name in ("hour", "took", "name", "key")] == ["number", "number", "category", "category"]
    assert (seen["key"].warning or seen["list"].warning).what == "an id"  # type: ignore[union-attr]
    assert seen["list"].warning is not None
    assert seen["list"].warning.said.startswith("it holds list<")


def test_an_encoding_is_found_and_written_down() -> None:
    towns = np.array(["Москва", "Казань", "Самара"])[np.arange(ROWS) % 3]
    FILE.write_bytes(table(town=towns).to_csv(index=False).encode("cp1251"))
    seen = inspect(InitOptions(path=FILE, target="y"))
    assert seen.dataset.reading.encoding == "cp1251"
    assert any("read as cp1251" in fact for fact in seen.profile.facts)
    assert seen.dataset.read().columns[1].levels == ("Казань", "Москва", "Самара")


def test_the_hour_of_a_day_is_learned_from() -> None:
    generator = np.random.default_rng(0)
    hours = generator.integers(0, 24, 200)
    moments = pd.to_datetime("2024-01-01") + pd.to_timedelta(24 * generator.integers(0, 200, 200) + hours, unit="h")
    for offset in ("", "+05:30"):
        rows = pd.DataFrame({"when": moments.strftime(f"%Y-%m-%d %H:%M{offset}"), "y": hours // 12})
        rows["y"] = np.where((hours < 6) | (hours > 19), "night", "day")
        seen = look(rows)
        assert column(seen, "when:hour").tolist() == hours.tolist()
        for contender in (HistGradientBoostingSpec(), LogisticRegressionSpec()):
            assert accuracy(contender, seen.dataset) >= 0.9


FAR = [1e9, -1e12, 2.46e6]


@pytest.mark.parametrize("origin", FAR)
@pytest.mark.parametrize(
    "contender", [XGBoostSpec(params={"n_estimators": 20}), RandomForestSpec(), LogisticRegressionSpec()]
)
def test_a_table_far_from_zero_is_learned_as_one_near_it(contender: Contender, origin: float) -> None:
    steps = np.random.default_rng(0).integers(0, 64, 200) / 64
    near, far = (
        look(pd.DataFrame({"x": shifted, "y": np.where(steps < 0.4, "low", "high")}))
        for shifted in (steps, origin + steps)
    )
    assert accuracy(contender, far.dataset) == accuracy(contender, near.dataset) >= 0.9


@given(st.sampled_from(FAR), st.lists(st.integers(0, 4096), min_size=8, max_size=30, unique=True))
def test_what_distinguishes_numbers_survives_single_precision(origin: float, steps: list[int]) -> None:
    values = origin + np.array(steps) / 4
    rows = pd.DataFrame({"x": [repr(float(value)) for value in values], "y": np.resize(["a", "b"], len(values))})
    rows.to_csv(FILE, index=False)
    options = InitOptions(path=FILE, target="y", columns={"x": "number"})
    features = column(inspect(options), "x").astype(np.float32)
    np.testing.assert_array_equal(np.diff(features), np.diff(values))


@pytest.mark.parametrize("path", ["data.csv", "data.npz"])
def test_series_far_from_zero_are_learned_as_those_near_it(path: str) -> None:
    generator, machines, steps = np.random.default_rng(0), 80, 6
    values = np.sort(generator.integers(0, 30, (machines, steps)))
    values[::2] = values[::2, ::-1]
    y = np.where(np.arange(machines) % 2, "up", "down")
    if path.endswith(".npz"):
        np.savez(path, X=1.7e9 + values[..., None], y=y)
        options = InitOptions(path=Path(path))
    else:
        columns = {"id": np.repeat(np.arange(machines), steps), "t": np.tile(np.arange(steps), machines)}
        columns |= {"v": 1_700_000_000 + values.ravel(), "y": np.repeat(y, steps)}
        pd.DataFrame(columns).to_csv(path, index=False)
        options = InitOptions(path=Path(path), target="y", id="id", time="t")
    seen = inspect(options)
    assert np.nanmax(np.abs(np.asarray(seen.raw.X))) <= 30
    net = ConvSpec(filters=(8,), kernel_size=3, padding="same", units=(8,), epochs=40)
    for contender in (LogisticRegressionSpec(), net):
        assert accuracy_on(contender, vectorize(keep_examples(seen.dataset, seen.raw))) >= 0.9


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        (["很好满意", "失望糟糕"], ["时间看到产品", "快递电脑颜色"]),
        (["😀 👍", "😡 👎"], ["box size", "made went"]),
        (["C++", "C#"], ["phone shop", "week day"]),
        (["हिन्दी", "हन्दा"], ["भाषा", "दिन"]),
    ],
)
def test_the_words_of_any_script_are_learned_from(words: list[str], labels: list[str]) -> None:
    texts = [f"{labels[number % 3 % 2]} {words[number % 2]} {labels[number % 5 % 2]}" for number in range(80)]
    seen = look(pd.DataFrame({"text": texts, "y": np.resize(["a", "b"], 80)}), text="text")
    assert accuracy(LogisticRegressionSpec(), seen.dataset) >= 0.95
    assert getattr(seen.dataset, "analyzer", "") == ("char" if words[0] == "很好满意" else "word")


def test_the_next_command_can_be_copied() -> None:
    table().to_csv("quarterly_returns_of_the_year_2024.csv", index=False)
    said = bakeoff("init", "quarterly_returns_of_the_year_2024.csv", "--target", "y")
    assert "bakeoff check quarterly_returns_of_the_year_2024  # " in said


def test_options_say_how_a_file_is_written_and_the_experiment_keeps_them() -> None:
    table(v=["-999", "1,5"] * 30).to_csv(SHOP, index=False, sep=";", encoding="utf-16")
    bakeoff("init", SHOP, "--target", "y", "--decimal", ",", "--missing", "-999", "--encoding", "utf-16")
    text = Path("conf/shop.yaml").read_text(encoding="utf8")
    assert 'reading: {encoding: utf-16, decimal: ",", missing: ["-999"]}' in text
    assert "--encoding utf-16 --decimal , --missing -999" in text.replace("\n# ", " ")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--decimal", ";"), "--decimal: Input should be '.' or ','"),
        (("--decimal", ",", "--thousands", ","), "decimal and thousands are both ','; they must differ"),
        (("--test", "split"), "--test split: expected COLUMN=VALUE"),
        (("--test", "gone=1"), "has no column 'gone', which --test names"),
    ],
)
def test_an_option_that_cannot_be_is_said(
    options: tuple[str, ...], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    table().to_csv(SHOP, index=False)
    bakeoff("init", SHOP, "--target", "y", *options, code=2)
    assert said in capfd.readouterr().err
