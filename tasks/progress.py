"""How far a long step has come, and what it scored, for whoever listens; what nobody watches is said to no one."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, int, int], None]  # what is being done, how much is done, how much there is
Board = Callable[[str, str, float], None]  # a contender, what is said of its score, and how good it is


def _nobody(what: str, done: int, total: int) -> None:
    """Hear nothing."""


def _no_board(name: str, said: str, goodness: float) -> None:
    """Show nothing."""


_listener: ContextVar[Listener] = ContextVar("listener", default=_nobody)
_board: ContextVar[Board] = ContextVar("board", default=_no_board)


def report(what: str, done: int, total: int) -> None:
    """Tell the listener, if there is one."""
    _listener.get()(what, done, total)


def scored(name: str, said: str, goodness: float) -> None:
    """Show a contender's score, if anybody wants to see it."""
    _board.get()(name, said, goodness)


def load(module: str, what: str) -> None:
    """Import a module that takes seconds, and tell the listener so; one that is there already is no news."""
    if module not in sys.modules:
        report(f"loading {what}, step", 0, 1)
        importlib.import_module(module)
        report(f"loading {what}, step", 1, 1)


@contextmanager
def labelled(label: str) -> Iterator[None]:
    """Put a label in front of all that is reported within this context."""
    listener, board = _listener.get(), _board.get()
    with (
        listening(lambda what, done, total: listener(f"{label}: {what}", done, total)),
        showing(lambda name, said, goodness: board(f"{label}: {name}", said, goodness)),
    ):
        yield


@contextmanager
def listening_too(listener: Listener) -> Iterator[None]:
    """Have `listener` told of all progress within this context, after who is told already."""
    first = _listener.get()

    def both(what: str, done: int, total: int) -> None:
        first(what, done, total)
        listener(what, done, total)

    with listening(both):
        yield


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have `listener` told of all progress within this context."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def showing(board: Board) -> Iterator[None]:
    """Have scores shown on this board within this context."""
    token = _board.set(board)
    try:
        yield
    finally:
        _board.reset(token)
