"""What every spec has in common; errors that are the user's to mend, and hints for them; how long a text says."""

import difflib
import re
from collections.abc import Collection, Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

# What a contender is: a deep net, gradient boosting, one of the methods before them, or what any must beat.
Family = Literal["network", "boosting", "classic", "floor"]
SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}  # of a unit of time, the largest first


class Spec(BaseModel):
    """A frozen description, in plain values, of one choice in an experiment; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BakeoffError(Exception):
    """Something that the user can mend: the message says what happened, what was expected and how to go on."""


class UnreachableError(BakeoffError):
    """Something that did not answer: it may pass by itself, so trying again is worth while."""


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """A hint at the known name nearest to the one given, to end an error message with; empty where none is near."""
    nearest = difflib.get_close_matches(given, list(known), n=1)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def listed(names: Collection[str], most: int = 10) -> str:
    """The first of some names."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join([*names][:most]) + more


def seconds_of(text: str, units: str = "dhms") -> float:
    """Return the seconds of a time such as 30s, 1.5m, 1h or 1d, in one of these units; 0 for what is none."""
    read = re.fullmatch(rf"(\d+(?:\.\d+)?)([{units}])", text.strip())
    return float(read[1]) * SECONDS[read[2]] if read else 0.0


def counted(number: int, what: str) -> str:
    """Return so many of something, such as "1 row" or "2,000 rows"."""
    return f"{number:,} {what}" + ("" if number == 1 else "es" if what.endswith("s") else "s")
