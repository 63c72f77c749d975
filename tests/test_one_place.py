"""A thing is added in one place: what CONTRIBUTING shows is added to a copy of the tree, and the copy runs it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.servers

EXPERIMENT = {
    "dataset": {"kind": "friedman"},
    "validation": {"kind": "halves", "n_repeats": 2},
    "metric": "mse",
    "equivalent_within": 0.5,
    "contenders": {
        "bags": {"kind": "bagging"},
        "line": {"kind": "linear_net", "epochs": 30},
        "dummy": {"kind": "dummy"},
    },
}


HEADER = re.compile(r'# (?P<file>\S+): (?:an entry of|"?(?P<name>\w+)"? in) (?P<union>\w+)(?: of (?P<place>\S+))?')


def add(tree: Path, header: str, code: str) -> None:
    """Add what a block of CONTRIBUTING shows, as its first line says: `file: name in list`, or `... of a file`."""
    said = HEADER.fullmatch(header)
    assert said
    path, listed, union, name = tree / said["file"], tree / (said["place"] or said["file"]), said["union"], said["name"]
    if name is None:
        insert(path, rf"^{union}\b.*\n(?:.*\n)*?    for metric in \(\n", code)
        return
    if said["place"]:
        path.write_text(f'"""What was added."""\n\n{code}')
    else:
        insert(path, rf"^(?={union} = )", f"{code}\n\n")
    if listed.name == "forms.py":
        module = said["file"].removesuffix(".py").replace("/", ".")
        insert(listed, r"^(?=from tasks.specs)", f"from {module} import {name}\n")
    insert(listed, rf"^{union} = \(?\s*", f'"{name}", ' if listed.name == "main.py" else f"{name} | ")


def insert(path: Path, after: str, text: str) -> None:
    """Insert a text where a pattern ends for the first time."""
    content = path.read_text()
    found = re.search(after, content, re.MULTILINE)
    assert found, after
    path.write_text(content[: found.end()] + text + content[found.end() :])


@pytest.fixture(scope="module")
def tree(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with one more of everything."""
    tree = tmp_path_factory.mktemp("tree")
    for package in ("flows", "tasks"):
        shutil.copytree(repository / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    blocks = re.findall(r"```python\n(# .*)\n((?:.*\n)*?)```", (repository / "CONTRIBUTING.md").read_text())
    assert len(blocks) == 7
    for header, code in blocks:
        add(tree, header, code)
    (tree / "conf").mkdir()
    (tree / "conf" / "made.yaml").write_text(json.dumps(EXPERIMENT))
    generator = np.random.default_rng(0)
    rows = pd.DataFrame({"price": generator.normal(50, 9, 60), "town": generator.choice([*"abc"], 60)})
    rows.assign(sold=np.where(rows["price"] > 50, "yes", "no")).to_json(
        tree / "houses.jsonl", orient="records", lines=True
    )
    return tree


def bakeoff(tree: Path, *arguments: str) -> str:
    """What the command of the copy prints."""
    command = [sys.executable, "-P", "-m", "flows.cli.main", *arguments]
    done = subprocess.run(
        command, cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_contender_a_net_a_metric_a_validation_and_a_data_set_are_run_together(tree: Path) -> None:
    report = json.loads(bakeoff(tree, "run", "made", "--json"))
    assert (report["metric"], report["validation"]["kind"]) == ("mse", "halves")
    assert report["dataset"]["training_rows"] == 160
    scores = {contender["name"]: contender["mean"] for contender in report["contenders"]}
    assert scores["bags"] < scores["dummy"]
    assert len(scores) == 3
    assert all(len(contender["scores"]) == 4 for contender in report["contenders"])


def test_a_study_is_a_command(tree: Path) -> None:
    assert "Show how many rows" in bakeoff(tree, "--help")
    assert "friedman has 160 rows." in bakeoff(tree, "rows", "made")


def test_a_form_of_data_becomes_an_experiment_that_is_checked(tree: Path) -> None:
    assert "Written to conf/houses.yaml" in bakeoff(tree, "init", "houses.jsonl", "--target", "sold")
    assert "kind: json_lines" in (tree / "conf" / "houses.yaml").read_text()
    assert "town" in bakeoff(tree, "check", "houses", "--no-probe")
