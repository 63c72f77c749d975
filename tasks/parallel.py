"""Fits side by side, in processes of their own: as many as there are cores, and as memory holds.

Each fit of a baseline is on one thread, so that no bit of it depends on the number of cores, and its processor seconds
are its own. Threads of one process would wait for each other: of eight fits on 1,000 x 20 values, two threads saved
XGBoost half of the time, random forest a tenth, and HistGradientBoosting none. Nets have one process, which alone loads
TensorFlow, and all cores.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from threading import Condition, Event, Lock, Thread
from typing import Any, NamedTuple, TypeVar

from tasks import progress
from tasks.fitting import ONE_THREAD, hold_to_one_thread, on_one_thread
from tasks.specs import BakeoffError

logger = logging.getLogger(__name__)

A = TypeVar("A")
T = TypeVar("T")

JOBS = "BAKEOFF_JOBS"
# What a process takes before it has any data, and copies of X that a fit keeps: the data, a fold's rows, and what a
# library makes of these.
PROCESS_BYTES, COPIES = 300 * 1024**2, 3
SHARE = 0.8  # of the memory that is free when nothing is at work
_CGROUP = Path("/sys/fs/cgroup")
# What most processes need: loaded once, in the process that they are made from.
_SHARED = (
    "tasks.tracking.runs", "mlflow.tracking.client", "mlflow.sklearn", "matplotlib.figure", "pandas", "skops.io",
    "sklearn.ensemble",
)  # fmt: skip
_stops: ContextVar[tuple[Event, ...]] = ContextVar("stops", default=())  # the outermost first
_told: list["SimpleQueue[Any]"] = []  # of a process that fits: where progress goes


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
        lines = (_CGROUP / "memory.stat").read_text(encoding="utf8").splitlines()
        files = next(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))  # given up at need
        free = min(free, limit - used + files)
    return free


class Slots:
    """What is at work: at most so many at once, with at most so many bytes; one alone may take as many as it needs.

    `free` says how many bytes there are, and is asked whenever nothing is at work.
    """

    def __init__(self, most: int, free: Callable[[], float]) -> None:
        self.most, self._free, self._most_bytes = most, free, 0.0
        self._taken, self._bytes, self._changed = 0, 0, Condition()

    def take(self, n_bytes: int) -> None:
        """Wait for a slot, and take it."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_free(n_bytes))
            self._count(1, n_bytes)

    def give_back(self, n_bytes: int) -> None:
        """Free a slot that was taken."""
        with self._changed:
            self._count(-1, -n_bytes)
            self._changed.notify_all()

    def _is_free(self, n_bytes: int) -> bool:
        if not self._taken:
            self._most_bytes = self._free()
            return True
        return self._taken < self.most and self._bytes + n_bytes <= self._most_bytes

    def _count(self, number: int, n_bytes: int) -> None:
        self._taken, self._bytes = self._taken + number, self._bytes + n_bytes


class Told(NamedTuple):
    """How far a call has come, which is known by its number; without a `what` it has ended."""

    call: int
    what: str = ""
    done: int = 0
    total: int = 0


class Workers:
    """Processes for fits. They end as this process does, or closes them, however that comes about."""

    def __init__(self) -> None:
        # Where processes can be made from one that has loaded the libraries; macOS's own do not bear to be copied.
        context = get_context("spawn" if sys.platform == "darwin" else "forkserver")
        context.set_forkserver_preload(list(_SHARED))
        os.environ.update(ONE_THREAD)  # which libraries read as they are loaded
        reader, self._lifeline = context.Pipe(duplex=False)
        self.slots = Slots(jobs(), lambda: SHARE * free_bytes())
        self._reports: SimpleQueue[Told] = context.SimpleQueue()
        self._numbers, self._listeners = count(), dict[int, Context]()
        self.folder = Path.cwd()  # where mlruns/ lies
        given = (context, _begin, (reader, self._reports, self.folder, self.slots.most))
        self._others, self._nets = ProcessPoolExecutor(self.slots.most, *given), ProcessPoolExecutor(1, *given)
        Thread(target=self._listen, daemon=True).start()

    def submit(self, function: Callable[..., T], *call: Any, data_bytes: int, net: bool) -> "Future[T]":
        """Wait until there is room, and have the function called in a process, with progress heard of here."""
        number, n_bytes = next(self._numbers), PROCESS_BYTES + COPIES * data_bytes
        self.slots.take(n_bytes)
        self._listeners[number] = copy_context()
        try:
            future = (self._nets if net else self._others).submit(_call, number, function, *call)
        except BaseException:
            self.slots.give_back(n_bytes)
            raise
        future.add_done_callback(lambda _: self.slots.give_back(n_bytes))
        return future

    def close(self) -> None:
        """End all processes at once, whatever they do."""
        self._lifeline.close()
        for pool in (self._others, self._nets):
            pool.shutdown(wait=False, cancel_futures=True)

    def _listen(self) -> None:
        while True:
            told = self._reports.get()
            if not told.what:
                self._listeners.pop(told.call, None)
                continue
            try:
                self._listeners[told.call].run(progress.report, *told[1:])
            except CancelledError:  # who waits for the call has been told, too
                continue
            except Exception:  # what is shown of a fit must not end it
                logger.exception("%s could not be shown", told.what)


_lock = Lock()
_workers: list[Workers] = []  # one, from the first fit on


def workers() -> Workers:
    """Return the processes, which are started when they are first needed, and anew for other jobs or another folder."""
    with _lock:
        if _workers and (_workers[0].slots.most, _workers[0].folder) != (jobs(), Path.cwd()):
            _workers.pop().close()
        if not _workers:
            _workers.append(Workers())
        return _workers[0]


def in_threads(
    act: Callable[[A], T], given: Sequence[A], shares_a_process: Callable[[A], bool] = lambda each: False
) -> list[T]:
    """Return what an act makes of each of these, in their order: side by side in threads, as many as there are jobs.

    Those that share a process go one after the other in a thread of their own. Where one fails, or Ctrl-C is pressed,
    the others end as soon as they report progress or ask for a call, and the outermost ends calls that are at work.
    """
    stop, outer = Event(), _stops.get()

    def heed(*_progress: object) -> None:
        check_going()

    def attempt(each: A) -> T:
        _stops.set((*outer, stop))
        with progress.listening_too(heed):
            check_going()
            return act(each)

    with ThreadPoolExecutor(jobs()) as threads, ThreadPoolExecutor(1) as one:
        lanes = [one if jobs() > 1 and shares_a_process(each) else threads for each in given]
        at_work = [lane.submit(copy_context().run, attempt, each) for lane, each in zip(lanes, given, strict=True)]
        try:
            for ended in as_completed(at_work):
                if not isinstance(ended.exception(), CancelledError):  # another one says why
                    ended.result()
            return [each.result() for each in at_work]
        except BaseException:
            stop.set()
            if not outer:
                close()
            raise


def check_going() -> None:
    """Check that nothing that this belongs to has been stopped.

    Raises:
        CancelledError: when something has.
    """
    if any(stop.is_set() for stop in _stops.get()):
        raise CancelledError


def begin() -> None:
    """Have libraries loaded for the processes, while the caller does other things."""
    if jobs() > 1:
        Thread(target=apart, args=(os.getpid,), kwargs={"data_bytes": 0}, daemon=True).start()


def close() -> None:
    """End all processes; what is at work in them is cancelled."""
    with _lock:
        while _workers:
            _workers.pop().close()


def apart(function: Callable[..., T], *call: Any, data_bytes: int, net: bool = False) -> T:
    """Call a function in a process of its own, or in that of nets, and return what it gives; as `side_by_side`."""
    (result,) = side_by_side(function, [call], data_bytes, net=net)
    return result


def side_by_side(
    function: Callable[..., T],
    calls: Iterable[tuple[Any, ...]],
    data_bytes: int,
    told: Callable[[int], None] = lambda done: None,
    net: bool = False,
) -> list[T]:
    """Call a function with these arguments each, side by side, and return what it gives, in their order.

    With one job there are no processes, and one call follows on the other.

    Args:
        function: of a module, with arguments and results that can be pickled.
        calls: the arguments.
        data_bytes: how many bytes of data a call reads.
        told: is told how many calls are done.
        net: whether it is for the process of nets.

    Raises:
        BakeoffError: when a process was ended from outside.
        CancelledError: when `close` ended it.
    """
    check_going()
    if jobs() == 1:
        return _one_after_the_other(function, calls, told)
    pool, futures = workers(), list[Future[T]]()
    try:
        for call in calls:
            futures.append(pool.submit(function, *call, data_bytes=data_bytes, net=net))
            told(_done(futures))
        for _ in as_completed(futures):
            told(_done(futures))
        return [future.result() for future in futures]
    except BaseException as error:
        named = _named(error, pool)
        if named is error:
            raise
        raise named from error
    finally:
        for future in futures:
            future.cancel()


def _one_after_the_other(
    function: Callable[..., T], calls: Iterable[tuple[Any, ...]], told: Callable[[int], None]
) -> list[T]:
    results = []
    with on_one_thread():
        for call in calls:
            check_going()
            results.append(function(*call))
            told(len(results))
    return results


def _named(error: BaseException, pool: Workers) -> BaseException:
    """What ended calls in these processes; it ends all of them, unless one call alone has failed."""
    if isinstance(error, BrokenProcessPool | RuntimeError) and pool not in _workers:
        return CancelledError()
    if isinstance(error, BrokenProcessPool):
        close()
        return BakeoffError(
            f"a process that fitted was ended from outside, as a rule for want of memory; --jobs {max(1, jobs() // 2)}"
            " fits fewer at once, and what had finished is kept"
        )
    if not isinstance(error, Exception):  # Ctrl-C, or a worker that was asked to end
        close()
    return error


def _done(futures: Iterable["Future[Any]"]) -> int:
    """How many have ended; one that failed raises."""
    return len([future.result() for future in futures if future.done()])


def _begin(lifeline: Connection, reports: "SimpleQueue[Any]", folder: Path, at_once: int) -> None:
    """Prepare a process: it listens to no Ctrl-C, writes where errors go, and ends when the lifeline does."""

    def end() -> None:
        with suppress(EOFError, OSError):
            lifeline.recv()
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # standard output is for results
    os.chdir(folder)
    os.environ[JOBS] = str(at_once)  # what all are made from may have begun with another number
    hold_to_one_thread()
    _told.append(reports)
    Thread(target=end, daemon=True).start()


def _call(number: int, function: Callable[..., T], *call: Any) -> T:
    """Call the function, in a process for fits."""
    with progress.listening(lambda *report: _told[0].put(Told(number, *report))):
        try:
            return function(*call)
        finally:
            _told[0].put(Told(number))
