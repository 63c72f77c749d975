"""What every spec has in common, and the one kind of error that is the user's to mend."""

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A frozen description, in plain values, of one choice in an experiment; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BakeoffError(Exception):
    """Something that the user can mend: the message says what happened, what was expected and how to go on."""
