"""Which cases of a test `make test` leaves to `make test-all`."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def quick_first(cases: Iterable[Any], quick: Collection[int] = (0,), why: str = "variants") -> list[Any]:
    """Cases for `pytest.mark.parametrize`, those of these numbers as they are and the others marked by the reason."""
    mark = getattr(pytest.mark, why)
    return [
        case if number in quick else pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=mark)
        for number, case in enumerate(cases)
    ]
