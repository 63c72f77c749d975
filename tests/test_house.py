"""What keeps the house in order while it grows: a name means one thing, and the map is true."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

MAP = "docs/architecture.md"


@pytest.fixture(scope="module")
def files(repository: Path) -> list[Path]:
    """All files of the product, relative to the repository."""
    found = [path for package in ("flows", "tasks") for path in (repository / package).rglob("*.py")]
    return sorted(path.relative_to(repository) for path in found)


def repeated(places: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: where for name, where in places.items() if len(where) > 1}


def test_no_two_files_have_the_same_name(files: list[Path]) -> None:
    places = defaultdict(list)
    for path in files:
        if path.name != "__init__.py":
            places[path.name].append(str(path))
    assert not repeated(places)


def test_no_two_classes_have_the_same_name(files: list[Path], repository: Path) -> None:
    places = defaultdict(list)
    for path in files:
        for node in ast.parse((repository / path).read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path))
    assert not repeated(places)


def test_the_map_names_every_room_and_nothing_that_is_not_there(files: list[Path], repository: Path) -> None:
    named = set(re.findall(r"`((?:flows|tasks|conf|tests|benchmarks|docs)/[\w/.-]*)`", (repository / MAP).read_text()))
    assert {name for name in named if not (repository / name).exists()} == set()
    rooms = {f"{path.parent}/" for path in files}
    assert rooms <= named
