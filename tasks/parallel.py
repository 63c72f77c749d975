"""Fits side by side, in processes of their own: as many as there are cores, and as memory holds.

Each fit is on one thread, so that no bit of it depends on the number of cores, and its processor seconds are its own.
Threads of one process would wait for each other: of eight fits on 1,000 x 20 values, two threads saved XGBoost half of
the time, random forest a tenth, and HistGradientBoosting none.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Condition, Lock, Thread
from typing import Any, TypeVar

from tasks.fitting import ONE_THREAD, hold_to_one_thread, on_one_thread
from tasks.specs import BakeoffError

T = TypeVar("T")

JOBS = "BAKEOFF_JOBS"
# What a process takes before it has any data, and copies of X that a fit keeps: the data, a fold's rows, and what a
# library makes of these.
PROCESS_BYTES, COPIES = 300 * 1024**2, 3
SHARE = 0.8  # of the memory that is free as the first fit begins
_CGROUP = Path("/sys/fs/cgroup")
_SHARED = ("tasks.models.contenders", "sklearn.ensemble", "sklearn.pipeline", "scipy.sparse")


def jobs() -> int:
    """How many fits run side by side: as many as BAKEOFF_JOBS says, else one for each core that this process may use.

    Raises:
        BakeoffError: when that is no number from 1.
    """
    import joblib

    said = os.environ.get(JOBS, "")
    if said and not (said.isdecimal() and int(said)):
        raise BakeoffError(f"{JOBS}={said}: expected how many fits may run side by side, a whole number from 1")
    return int(said or joblib.cpu_count())


def free_bytes() -> int:
    """How much memory may still be taken, by the machine and by the control group that this process is in."""
    import psutil

    free = int(psutil.virtual_memory().available)
    with suppress(OSError, ValueError):  # there is no such group, or it says "max"
        limit, used = (int((_CGROUP / name).read_text(encoding="utf8")) for name in ("memory.max", "memory.current"))
        free = min(free, limit - used)
    return free


class Slots:
    """What is at work: at most so many at once, with at most so many bytes; one alone may take as many as it needs."""

    def __init__(self, most: int, most_bytes: float) -> None:
        self.most, self._most_bytes = most, most_bytes
        self._taken, self._bytes, self._changed = 0, 0, Condition()

    def take(self, n_bytes: int = 0) -> None:
        """Wait for a slot, and take it."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_free(n_bytes))
            self._count(1, n_bytes)

    def give_back(self, n_bytes: int = 0) -> None:
        """Free a slot that was taken."""
        with self._changed:
            self._count(-1, -n_bytes)
            self._changed.notify_all()

    @contextmanager
    def taken(self, n_bytes: int = 0) -> Iterator[None]:
        """Have a slot inside."""
        self.take(n_bytes)
        try:
            yield
        finally:
            self.give_back(n_bytes)

    def _is_free(self, n_bytes: int) -> bool:
        return not self._taken or (self._taken < self.most and self._bytes + n_bytes <= self._most_bytes)

    def _count(self, number: int, n_bytes: int) -> None:
        self._taken, self._bytes = self._taken + number, self._bytes + n_bytes


class Workers:
    """Processes for fits. They end as this process does, or closes them, however that comes about."""

    def __init__(self) -> None:
        context = get_context("forkserver")  # which has loaded the libraries once for all
        context.set_forkserver_preload(list(_SHARED))
        os.environ.update(ONE_THREAD)  # which libraries read as they are loaded
        reader, self._lifeline = context.Pipe(duplex=False)
        self.slots = Slots(jobs(), SHARE * free_bytes())
        self._pool = ProcessPoolExecutor(self.slots.most, context, _begin, (reader,))

    def submit(self, function: Callable[..., T], *call: Any, n_bytes: int) -> "Future[T]":
        """Wait for a slot, and have the function called in a process."""
        self.slots.take(n_bytes)
        try:
            future = self._pool.submit(function, *call)
        except BaseException:
            self.slots.give_back(n_bytes)
            raise
        future.add_done_callback(lambda _: self.slots.give_back(n_bytes))
        return future

    def close(self) -> None:
        """End all processes at once, whatever they do."""
        self._lifeline.close()
        self._pool.shutdown(wait=False, cancel_futures=True)


_lock = Lock()
_workers: list[Workers] = []  # one, from the first fit on


def workers() -> Workers:
    """Return the processes, which are started when they are first needed, or as many as another number of jobs says."""
    with _lock:
        if _workers and _workers[0].slots.most != jobs():
            _workers.pop().close()
        if not _workers:
            _workers.append(Workers())
        return _workers[0]


def close() -> None:
    """End all processes; what is at work in them is cancelled."""
    with _lock:
        while _workers:
            _workers.pop().close()


def side_by_side(
    function: Callable[..., T],
    calls: Iterable[tuple[Any, ...]],
    data_bytes: int,
    told: Callable[[int], None] = lambda done: None,
) -> list[T]:
    """Call a function with these arguments each, side by side, and return what it gives, in their order.

    Args:
        function: of a module, with arguments and results that can be pickled.
        calls: the arguments.
        data_bytes: how many bytes of data a call reads.
        told: is told how many calls are done.

    Raises:
        BakeoffError: when a process was ended from outside.
        CancelledError: when `close` ended it.
    """
    if jobs() == 1:
        results = []
        with on_one_thread():
            for call in calls:
                results.append(function(*call))
                told(len(results))
        return results
    pool, futures = workers(), list[Future[T]]()
    try:
        for call in calls:
            futures.append(pool.submit(function, *call, n_bytes=PROCESS_BYTES + COPIES * data_bytes))
            ended = [future for future in futures if future.done()]
            told(len([future.result() for future in ended]))  # one that failed ends the others
        for _ in as_completed(futures):
            told(len([future.result() for future in futures if future.done()]))
        return [future.result() for future in futures]
    except (BrokenProcessPool, RuntimeError) as error:
        if pool not in _workers:
            raise CancelledError from error
        if not isinstance(error, BrokenProcessPool):
            raise
        close()
        raise BakeoffError(
            f"a process that fitted was ended from outside, as a rule for want of memory; --jobs {max(1, jobs() // 2)}"
            " fits fewer at once, and what had finished is kept"
        ) from error
    finally:
        for future in futures:
            future.cancel()


def _begin(lifeline: Connection) -> None:
    """Prepare a process: it listens to no Ctrl-C, writes where errors go, and ends when the lifeline does."""

    def end() -> None:
        with suppress(EOFError, OSError):
            lifeline.recv()
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # standard output is for results
    hold_to_one_thread()
    Thread(target=end, daemon=True).start()
