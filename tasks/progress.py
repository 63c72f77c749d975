"""How far a long step has come, for whoever listens; a step that nobody watches says it to no one."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, int, int], None]  # what is being done, how much is done, how much there is


def _nobody(what: str, done: int, total: int) -> None:
    """Hear nothing."""


_listener: ContextVar[Listener] = ContextVar("listener", default=_nobody)


def report(what: str, done: int, total: int) -> None:
    """Tell the listener, if there is one."""
    _listener.get()(what, done, total)


def load(module: str, what: str) -> None:
    """Import a module that takes seconds, and tell the listener so; one that is there already is no news."""
    if module not in sys.modules:
        report(f"loading {what}, step", 0, 1)
        importlib.import_module(module)
        report(f"loading {what}, step", 1, 1)


@contextmanager
def labelled(label: str) -> Iterator[None]:
    """Put a label in front of all that is reported within this context."""
    listener = _listener.get()
    with listening(lambda what, done, total: listener(f"{label}: {what}", done, total)):
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
