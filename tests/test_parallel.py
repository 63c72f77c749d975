"""Fits in processes: how many at once, how they end, and that no bit depends on them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from threading import Timer

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import parallel, progress
from tasks.data.folds.splitting import KFoldSpec, split
from tasks.evaluation.cross_validation import evaluate, refit, score_on_test
from tasks.models.contenders import Contender
from tasks.models.nets.networks import DenseSpec, RealMLPSpec, TabMSpec
from tasks.parallel import JOBS, Slots, apart, jobs, side_by_side
from tasks.specs import BakeoffError
from tests.builders import made_arrays
from tests.learnable import SPECS
from tests.tiers import quick_first

QUICK = {"hist_gradient_boosting", "xgboost", "dense"}
NETS: list[Contender] = [
    DenseSpec(units=(8,), dropout=0.2, epochs=3, batch_size=16, n_members=2),
    RealMLPSpec(units=(8,), epochs=3, batch_size=16),
    TabMSpec(units=(8,), k=2, epochs=3, batch_size=16),
]
ALL: list[Contender] = [*NETS, *(spec for spec in SPECS if spec.regressor)]


@pytest.fixture(autouse=True)
def _two_jobs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(JOBS, "2")
    yield
    parallel.close()


def when(seconds: float) -> tuple[float, float]:
    """When a call began and ended."""
    began = time.monotonic()
    time.sleep(seconds)
    return began, time.monotonic()


def tell(what: str) -> None:
    """Report progress."""
    progress.report(what, 1, 2)


def refuse() -> None:
    """Say what the user is to mend."""
    raise BakeoffError("choose another")


def most_at_once(spans: list[tuple[float, float]]) -> int:
    """How many of these were going on at some time."""
    return max(sum(began <= start < ended for began, ended in spans) for start, _ in spans)


@pytest.mark.parametrize("said", ["0", "-1", "many", "1.5"])
def test_a_number_of_jobs_that_is_none_is_refused(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(JOBS, said)
    with pytest.raises(BakeoffError, match=f"BAKEOFF_JOBS={said}: expected .* a whole number from 1"):
        jobs()


@given(st.integers(1, 4), st.integers(0, 100), st.lists(st.integers(0, 150), min_size=1, max_size=20))
def test_no_more_are_at_work_than_slots_and_memory_allow_and_one_always_may(
    most: int, limit: int, sizes: list[int]
) -> None:
    slots, taken = Slots(most, lambda: limit), list[int]()
    for size in sizes:
        while taken and not (len(taken) < most and sum(taken) + size <= limit):
            slots.give_back(taken.pop())
        slots.take(size)  # would wait for ever if it thought otherwise
        taken.append(size)


def test_calls_are_made_side_by_side_and_answered_in_their_order() -> None:
    side_by_side(when, [(1.0,)] * 2, data_bytes=0)  # both processes start
    spans = side_by_side(when, [(0.4,)] * 3 + [(0.0,)], data_bytes=0)
    assert most_at_once(spans) == 2
    assert spans == sorted(spans)


def test_calls_that_memory_does_not_hold_at_once_are_made_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "free_bytes", lambda: parallel.PROCESS_BYTES)
    assert most_at_once(side_by_side(when, [(0.2,)] * 3, data_bytes=10**9)) == 1


def test_progress_is_heard_where_the_call_was_asked_for() -> None:
    heard = []
    with progress.listening(lambda *report: heard.append(report)):
        apart(tell, "far", data_bytes=0)
        deadline = time.monotonic() + 5
        while not heard and time.monotonic() < deadline:
            time.sleep(0.01)
    assert heard == [("far", 1, 2)]


def test_what_is_to_be_mended_is_said_and_the_processes_go_on() -> None:
    with pytest.raises(BakeoffError, match="choose another"):
        apart(refuse, data_bytes=0)
    assert apart(os.getpid, data_bytes=0) != os.getpid()


def test_a_process_that_is_killed_is_named_and_the_next_call_finds_another() -> None:
    with pytest.raises(BakeoffError, match=r"ended from outside, .* for want of memory; --jobs 1"):
        apart(signal.raise_signal, signal.SIGKILL, data_bytes=0)
    assert apart(os.getpid, data_bytes=0) != os.getpid()


def test_closing_ends_what_is_at_work_at_once() -> None:
    apart(os.getpid, data_bytes=0)
    Timer(0.3, parallel.close).start()
    began = time.monotonic()
    with pytest.raises(CancelledError):
        apart(time.sleep, 60, data_bytes=0)
    assert time.monotonic() - began < 20


def test_processes_end_with_the_one_that_started_them_however_it_ends(repository: Path) -> None:
    program = (
        "import os, time; from tasks.parallel import apart; print(apart(os.getpid, data_bytes=0), flush=True);"
        " apart(time.sleep, 60, data_bytes=0)"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=repository, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    worker.wait(10)


def test_one_job_takes_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(JOBS, "1")
    assert side_by_side(os.getpid, [(), ()], data_bytes=0) == [os.getpid()] * 2


@pytest.mark.parametrize(
    "contender", quick_first(ALL, {n for n, each in enumerate(ALL) if each.kind in QUICK}), ids=lambda each: each.kind
)
def test_no_bit_depends_on_the_number_of_jobs(contender: Contender, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = made_arrays("regression")
    folds, found = split(arrays, KFoldSpec(n_splits=4, n_repeats=1)), []
    for number in (1, 2, 3):
        monkeypatch.setenv(JOBS, str(number))
        evaluation = evaluate("x", contender, arrays, folds, "mae")
        test = score_on_test(refit(evaluation, arrays, folds.validation), arrays, "mae")
        found.append((evaluation.scores, evaluation.predictions, test))
    assert found[0] == found[1] == found[2]


def test_threads_that_ask_at_the_same_time_share_the_processes() -> None:
    side_by_side(when, [(1.0,)] * 2, data_bytes=0)  # both processes start
    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(side_by_side, when, [(0.2,)] * 2, 0) for _ in range(3)]
        spans = [span for each in asked for span in each.result()]
    assert most_at_once(spans) == 2
    assert len(spans) == 6


def test_large_arrays_come_back_as_they_are() -> None:
    (numbers,) = side_by_side(np.arange, [(10**6,)], data_bytes=0)
    np.testing.assert_array_equal(numbers, np.arange(10**6))


def test_where_one_fails_the_others_begin_nothing_more_even_within_each_other() -> None:
    begun = []

    def search(number: int) -> None:
        for trial in range(100):
            begun.append((number, trial))
            apart(time.sleep, 0.05, data_bytes=0)

    def contender(name: str) -> None:
        if name == "bad":
            time.sleep(1)
            raise BakeoffError("choose another")
        parallel.in_threads(search, range(2))

    with pytest.raises(BakeoffError, match="choose another"):
        parallel.in_threads(contender, ["good", "bad"])
    assert len(begun) < 150


def test_what_was_stopped_is_never_taken_for_what_has_ended() -> None:
    def stopped(number: int) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        parallel.in_threads(stopped, range(2))


def test_what_cannot_be_shown_of_a_fit_does_not_end_it() -> None:
    def unable(*_progress: object) -> None:
        raise ConnectionError

    with progress.listening(unable):
        apart(tell, "far", data_bytes=0)
    assert apart(os.getpid, data_bytes=0) != os.getpid()


def test_ctrl_c_ends_what_is_at_work_at_once(repository: Path) -> None:
    program = (
        "import os, signal, time; from tasks.parallel import apart;"
        " signal.signal(signal.SIGINT, signal.default_int_handler);"  # which is not there in a job in the background
        " apart(os.getpid, data_bytes=0); print(1, flush=True); apart(time.sleep, 60, data_bytes=0)"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as parent:
        assert parent.stdout
        parent.stdout.readline()
        parent.send_signal(signal.SIGINT)
        parent.wait(20)
