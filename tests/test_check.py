"""`bakeoff check`: what a run would meet, without a run."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from owned import SHOP, bakeoff, customers, save_images, save_machines, save_texts, shop

QUICK = """
dataset: {kind: wine}
validation: {kind: k_fold, n_splits: 4, n_repeats: 2}
metric: accuracy
equivalent_within: 0.02
contenders:
  net: {kind: dense, units: [4], epochs: 40}
  neighbors: {kind: k_nearest_neighbors}
"""


def init_shop(*options: str) -> None:
    shop()
    bakeoff("init", SHOP, "--target", "back", *options)


def test_it_shows_what_init_showed_and_the_folds() -> None:
    shop()
    seen = bakeoff("init", SHOP, "--target", "back").split("Written to")[0].rstrip()
    said = bakeoff("check", "shop", "--no-probe")
    assert said.startswith(seen)
    assert "12 rows for the test, 48 to learn from: 10 x 5 folds" in said
    assert "38 to 39 are learned from and 9 to 10 held out" in said
    assert re.search(r"came +6 +18 to 19 +4 to 5", said)


def test_folds_of_groups_and_of_time_are_counted_as_they_are_drawn() -> None:
    customers(61).assign(branch=np.arange(61) % 12).to_csv(SHOP, index=False)
    bakeoff("init", SHOP, "--target", "back", "--group", "branch")
    assert "x 5 group folds" in bakeoff("check", "shop", "--no-probe")
    bakeoff("init", SHOP, "--target", "back", "--time", "since", "--force")
    said = bakeoff("check", "shop", "--no-probe")
    assert "12 rows for the test, 49 to learn from: 5 time-series folds" in said
    assert "9 to 41 are learned from and 8 held out" in said


@pytest.mark.parametrize(("alone", "where"), [(slice(48, 60), "of the test"), (slice(40, 48), "held out in fold 5")])
def test_a_part_without_a_class_has_no_roc_curve_and_is_refused_before_anything_is_trained(
    alone: slice, where: str, capfd: pytest.CaptureFixture[str]
) -> None:
    back = np.where(np.arange(60) % 2, "came", "left")
    back[alone] = "came"
    shop(back=back)
    bakeoff("init", SHOP, "--target", "back", "--time", "since")
    assert "time-series folds" in bakeoff("check", "shop", "--no-probe")
    bakeoff("check", "shop", "--no-probe", "--set", "metric=roc_auc", code=2)
    assert f"class left is in no row {where}" in capfd.readouterr().err


def test_images_series_and_texts_can_be_checked_as_well() -> None:
    bakeoff("init", str(save_images(Path("shapes"))))
    bakeoff("init", str(save_machines(Path("machines.csv"))), "--target=state", "--id=machine", "--time=step")
    bakeoff("init", str(save_texts(Path("reviews.csv"))), "--target=opinion", "--text=review")
    for name, said in (
        ("shapes", "shapes: 24 images"),
        ("machines", "6 steps of 1 value"),
        ("reviews", "9 words"),
    ):
        assert said in bakeoff("check", name, "--no-probe")


@pytest.mark.parametrize(
    ("name", "said"),
    [("wine", "178 rows, 13 columns beside the target: 13 numbers"), ("digits", "1,797 images")],
)
def test_a_published_data_set_can_be_checked(name: str, said: str) -> None:
    Path("own.yaml").write_text(QUICK.replace("wine", name))
    assert said in bakeoff("check", "own.yaml", "--no-probe")


def test_nothing_is_written_without_a_probe() -> None:
    init_shop()
    before = {*Path().rglob("*")}
    bakeoff("check", "shop", "--no-probe")
    assert {*Path().rglob("*")} == before


@pytest.mark.servers
def test_a_probe_says_time_and_memory_for_each_contender_and_that_they_are_estimates() -> None:
    Path("own.yaml").write_text(QUICK)
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli.main", "check", "own.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"net +9 +\d+ s +8 nets, ", done.stdout)
    assert re.search(r"neighbors +9 +\d+ s", done.stdout)
    assert "Both are estimates" in done.stdout
    assert re.search(r"About [\d.]+ [GM]B of memory", done.stdout)
    said = ["loading TensorFlow, step 1 of 1", "trying contenders on a few rows, 2 of 2"]  # and nothing of its own
    assert done.stderr.splitlines() == said


def spoil(**columns: object) -> Callable[[], object]:
    return lambda: shop(**columns)


FAULTS = {
    "file gone": (lambda: Path(SHOP).unlink(), "there is no file shop.csv"),
    "column gone": (lambda: customers().drop(columns="spent").to_csv(SHOP, index=False), "shop.csv has no column"),
    "0 bytes": (lambda: Path(SHOP).write_bytes(b""), "shop.csv is empty"),
    "no rows": (lambda: Path(SHOP).write_text(",".join(customers()) + "\n"), "shop.csv has a header, but no rows"),
    "no encoding": (lambda: Path(SHOP).write_bytes(b"\xff\xfea"), "its bytes are no text in"),
    "all missing": (spoil(spent=None), "column spent has no values"),
    "mixed types": (spoil(spent=["12", "free"] * 30), "column spent, row 2: a finite number is needed"),
    "infinite": (spoil(spent=np.inf), "column spent, row 1: a finite number is needed"),
    "target missing": (spoil(back=None), "column back, the target, has no values"),
    "target constant": (spoil(back="came"), "column back, the target, is 'came' in every row"),
    "third class": (spoil(back=["came", "left", "slept"] * 20), "column back has 3 classes; set task: multiclass"),
    "rare class": (spoil(back=["rare"] * 4 + ["left"] * 56), "class rare has 3 training rows, fewer than"),
    "duplicate names": (
        lambda: Path(SHOP).write_text(Path(SHOP).read_text().replace("visits", "city", 1)), "more than one column city"
    ),
    "unknown setting": (
        lambda: Path("conf/shop.yaml").write_text(Path("conf/shop.yaml").read_text().replace("metric:", "metrik:")),
        "metrik is not a known setting; did you mean metric?",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_and_exit_code_2_and_nothing_is_written(
    fault: str, capfd: pytest.CaptureFixture[str]
) -> None:
    init_shop()
    change, said = FAULTS[fault]
    change()
    before = {*Path().rglob("*")}
    capfd.readouterr()
    assert bakeoff("check", "shop", code=2) == ""
    error = capfd.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert {*Path().rglob("*")} == before


def test_an_image_that_has_been_spoiled_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    bakeoff("init", str(save_images(Path("shapes"))))
    Path("shapes/row/7.png").write_bytes(b"no picture")
    bakeoff("check", "shapes", code=2)
    assert "shapes/row/7.png" in capfd.readouterr().err


def test_of_a_wide_table_only_what_there_is_to_say_is_shown() -> None:
    generator = np.random.default_rng(0)
    wide = pd.DataFrame(generator.normal(size=(50, 500)), columns=[f"c{number}" for number in range(500)])
    wide.assign(c7=1.0, y=wide["c9"] + generator.normal(size=50)).to_parquet("wide.parquet")
    said = bakeoff("init", "wide.parquet", "--target", "y")
    assert "500 columns beside the target" in said
    assert [line.split()[0] for line in said.splitlines() if " number " in line] == ["c7"]
    assert "499 columns beside the target" in bakeoff("check", "wide", "--no-probe")
