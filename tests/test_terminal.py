"""What a person reads."""

import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
import typer
from hypothesis import given
from rich.console import Console

from flows import terminal
from flows.console import PlainConsole
from flows.launch import Outcome
from flows.options import errors
from tasks import progress
from tasks.printable import printable, printable_lines
from tasks.reporting.leaderboard import plain_table
from tasks.reporting.report import Report
from tasks.specs import BakeoffError
from tests.owned_words import WORDS, words
from tests.reports import report_of

NOISY = """
import os
from pathlib import Path
from flows import terminal
Path("mlruns").mkdir()
console = terminal.messages()
terminal.turn_libraries_to_log()
os.write(2, b"noise from C++")
console.print("for people")
"""


SIGNS = "".join(map(chr, range(0x3100)))


def made_report() -> Report:
    return report_of({"trees": [0.9, 0.8], "floor": [0.4, 0.5]}, "accuracy")


def outcome(kept: bool = False, cut_off: int = 0) -> str:
    said = StringIO()
    terminal.print_notes(Outcome(report=made_report(), kept=kept, cut_off=cut_off), Console(file=said, width=200))
    return said.getvalue()


def test_the_report_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_report(made_report())
    out, err = capsys.readouterr()
    assert "boston: accuracy (higher is better), 1 x 2 folds of 404" in out
    assert out.index("trees") < out.index("floor")
    assert "Best: trees, fitted on all 404 training rows; test accuracy 2.500 on 102 rows." in out
    assert err == ""


def test_the_report_fits_80_columns_but_for_its_sentences(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    terminal.print_report(made_report())
    table = capsys.readouterr().out.partition("No verdict")[0]
    assert "0.850" in table
    assert max(len(line.rstrip()) for line in table.splitlines()) <= 80


def test_a_run_ends_with_how_to_open_mlflow() -> None:
    assert "bin/bakeoff up" in outcome()


def test_where_mlflow_is_a_server_a_run_ends_with_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert "http://127.0.0.1:5000/#/experiments/" in outcome()


def test_a_kept_result_and_runs_that_were_cut_off_are_said() -> None:
    assert "nothing was trained; --fresh trains again" in outcome(kept=True)
    assert "1 earlier run(s) had been cut off: KILLED in MLflow" in outcome(cut_off=1)
    assert "nothing was trained" not in outcome()
    assert "cut off" not in outcome()


def test_without_a_terminal_each_step_is_a_line_when_it_is_done() -> None:
    said = StringIO()
    with terminal.progress_on(Console(file=said)):
        for done in range(1, 4):
            progress.report("net, epoch", done, 3)
    assert said.getvalue() == "net, epoch 3 of 3\n"


def test_on_a_terminal_a_bar_moves() -> None:
    said = StringIO()
    with terminal.progress_on(Console(file=said, force_terminal=True, width=100)):
        progress.report("net, epoch", 1, 3)
        progress.report("net, epoch", 2, 3)
    assert "net, epoch" in said.getvalue()


def test_libraries_write_to_the_log_and_not_to_the_terminal() -> None:
    done = subprocess.run([sys.executable, "-c", NOISY], capture_output=True, text=True, check=True)
    assert done.stderr == "for people\n"
    assert Path("mlruns/bakeoff.log").read_text() == "noise from C++"


def test_a_bar_that_is_full_makes_room_for_the_next() -> None:
    said = StringIO()
    with terminal.progress_on(Console(file=said, force_terminal=True, width=100)):
        progress.report("the first", 3, 3)
        progress.report("the second", 1, 3)
        progress.report("the third", 1, 3)  # a new bar draws all anew
    drawn = said.getvalue()
    assert drawn.rindex("the first") < drawn.index("the second") < drawn.rindex("the second")


def test_scores_stand_above_the_bars_best_first_while_others_are_fitted() -> None:
    said = StringIO()
    with terminal.progress_on(Console(file=said, force_terminal=True, width=100)):
        progress.report("dense, epoch", 1, 2)
        progress.scored("dummy", "MAE 6.7", -6.7)
        progress.scored("ridge", "MAE 3.5", -3.5)
        time.sleep(0.3)  # bars are drawn ten times a second
    drawn = said.getvalue()
    assert drawn.rindex("ridge") < drawn.rindex("dummy") < drawn.rindex("dense, epoch")


def test_where_there_is_no_terminal_a_score_is_a_line() -> None:
    said = StringIO()
    with terminal.progress_on(Console(file=said)):
        progress.scored("ridge", "MAE 3.5", -3.5)
    assert said.getvalue() == "ridge: MAE 3.5\n"


def printed(*what: object) -> str:
    said = StringIO()
    for each in what:
        PlainConsole(file=said, width=100_000, force_terminal=True, color_system=None).print(each)
    return said.getvalue()


def table_of(word: str) -> object:
    return plain_table("", ("name", word), "lr", [(word, "1")])


@given(words)
def test_a_terminal_shows_words_as_they_are_and_obeys_none(word: str) -> None:
    assert printed(f"x{word}x") == f"x{printable_lines(word)}x\n"
    assert printed(table_of(f"x{word}x")).count(f"x{printable(word)}x") == 2


def test_a_terminal_shows_every_sign_but_those_that_steer_it() -> None:
    assert printed(f"x{SIGNS}x") == f"x{printable_lines(SIGNS)}x\n"
    table = printed(*map(table_of, WORDS))
    assert "\x1b" not in table
    assert all(printable(word) in table for word in WORDS)


def test_bars_and_scores_show_words_as_they_are() -> None:
    said = StringIO()
    with terminal.progress_on(PlainConsole(file=said, force_terminal=True, width=100, color_system=None)):
        progress.scored("[/l]", "1 [red]", 1.0)
        progress.report("[b] \x1b[31m", 1, 2)
    assert all(shown in said.getvalue() for shown in ("[/l]", "1 [red]", "[b] \N{REPLACEMENT CHARACTER}[31m"))


@pytest.mark.parametrize("error", [BakeoffError, ValueError])
def test_an_error_shows_words_as_they_are(error: type[Exception], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), errors(debug=False):
        raise error("no column [red]\x1b[31m")
    assert "no column [red]\N{REPLACEMENT CHARACTER}[31m\n" in capfd.readouterr().err
