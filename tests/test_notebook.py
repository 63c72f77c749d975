"""The tour in notebooks/ runs from its first cell to its last."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.patience import patient

pytestmark = pytest.mark.real_data
SIZE = "0.05"  # of its rows, trees and epochs, as far as the data allow


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> nbformat.NotebookNode:
    """The tour, run in a folder with a copy of conf/, at reduced size."""
    folder = tmp_path_factory.mktemp("tour")
    shutil.copytree(repository / "conf", folder / "conf")
    notebook = nbformat.read(repository / "notebooks" / "tour.ipynb", as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOUR_SIZE", SIZE)
        patch.setenv("PYTHONPATH", str(repository))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        NotebookClient(notebook, timeout=patient(300), resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def test_the_tour_ends_with_a_verdict_and_its_picture(tour: nbformat.NotebookNode) -> None:
    text, picture = tour.cells[-1].outputs
    verdicts = dict(line.split(": ", 1) for line in text.text.splitlines() if line)
    assert list(verdicts) == ["imdb", "reuters", "boston"]
    assert all(
        any(words in said for words in ("is better than", "practically equal", "Undecided", "scores better than"))
        for said in verdicts.values()
    )
    assert len(picture.data["image/png"]) > 10_000


def test_the_tour_says_nothing_of_the_machine_that_it_ran_on(tour: nbformat.NotebookNode, repository: Path) -> None:
    """Neither the one that was run here nor the one that is kept, whose outputs are of a run at full size."""
    kept = nbformat.read(repository / "notebooks" / "tour.ipynb", as_version=4)
    for notebook in (tour, kept):
        outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
        said = "".join(output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs)
        assert not [output for output in outputs if output.get("name") == "stderr"]
        assert "/home" not in said
        assert str(repository) not in said
        assert str(Path.home()) not in said or Path.home() == Path("/")
