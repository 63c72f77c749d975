"""The flows as a worker executes them, when their hour comes or when someone presses Run in Prefect.

Their parameters are the fields of the form in Prefect's page; what is left empty there is left to the file in conf/.

As a program, this is Prefect's engine, which executes one flow run. It puts the working folder first among those that
modules are imported from, where a tasks.py would be taken for ours, were ours not there already.
"""

import runpy
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from prefect import flow
from pydantic import MISSING, BeforeValidator, Field, WithJsonSchema

from flows import launch
from flows.experiment import Experiment, load
from flows.studies.book import Book
from flows.studies.claim import ClaimStudy
from flows.studies.study import run_within
from tasks.specs import BakeoffError

EMPTY: Any = MISSING  # what a field holds when nothing was entered: a default of null would be sent, and refused


def _titled(title: str) -> Any:
    return Field(json_schema_extra={"title": title})


def _at_least(minimum: int, title: str) -> tuple[Any, ...]:
    """A field for a whole number that may stay empty, which is None for the flow.

    The limit stands in `allOf` because the page passes on that part of a schema as it is, and so says what is wrong
    beside the field; a plain `minimum` would be noticed only after the form was sent.
    """
    schema = {"type": "integer", "allOf": [{"minimum": minimum}]}
    empty_is_none = BeforeValidator(lambda value: None if value is MISSING else value)
    return empty_is_none, WithJsonSchema(schema), _titled(title)


Splits = Annotated[int | None, *_at_least(2, "Folds (n_splits)")]
Repeats = Annotated[int | None, *_at_least(1, "Repeats (n_repeats)")]
Epochs = Annotated[int | None, *_at_least(1, "Epochs")]
Seed = Annotated[int | None, *_at_least(0, "Seed")]
Fresh = Annotated[bool, _titled("Compute everything again")]


@flow(name="bakeoff", flow_run_name="{experiment}", persist_result=False, retries=0)
def experiment(
    experiment: Annotated[str, _titled("Experiment")],
    n_splits: Splits = EMPTY,
    n_repeats: Repeats = EMPTY,
    epochs: Epochs = EMPTY,
    seed: Seed = EMPTY,
    settings: Annotated[tuple[str, ...], _titled("Other settings")] = (),
    fresh: Fresh = False,
) -> None:
    """Takes all contenders of an experiment through the same folds and says what the scores allow one to say.

    Args:
        experiment: Its name in conf/, or the path of a YAML file.
        n_splits: How many folds, at least 2, for experiments that are validated by folds. Empty: as the file says.
        n_repeats: How many times new folds are drawn, at least 1. Empty: as the file says.
        epochs: Of every net that is entered, at least 1. Empty: as the file says.
        seed: What folds, weights and batches are drawn from, at least 0. Empty: as the file says.
        settings: One KEY.PATH=VALUE in each, as after the command's --set, such as contenders.dense.units=[32, 32].
        fresh: Whatever was kept of earlier runs.
    """
    validation = {"n_splits": n_splits, "n_repeats": n_repeats, "seed": seed}
    launch.run_within(_load(experiment, settings, validation, epochs), fresh)


@flow(name="book", persist_result=False, retries=0)
def book(fresh: Fresh = False) -> None:
    """Runs the four worked examples of Deep Learning with Python, chapters 2 and 3, against the book's numbers.

    Args:
        fresh: Whatever was kept of earlier runs.
    """
    run_within(Book(fresh))


@flow(name="claim", persist_result=False, retries=0)
def claim(experiments: Annotated[tuple[str, ...], _titled("Experiments")] = (), fresh: Fresh = False) -> None:
    """Puts chapter 1's claim to the test: gradient boosting for tables, deep learning for perception.

    Args:
        experiments: Their names in conf/, or the paths of YAML files. None: the usual ones.
        fresh: Whatever was kept of earlier runs.
    """
    run_within(ClaimStudy([load(name) for name in experiments], fresh))


def _load(
    experiment: str, settings: Sequence[str], validation: Mapping[str, int | None], epochs: int | None
) -> Experiment:
    """The experiment as the file has it, with the settings, and then the fields that were filled in, laid over it.

    Raises:
        BakeoffError: when there is no such experiment, or a value does not fit it.
    """
    filled_in = [f"validation.{key}={value}" for key, value in validation.items() if value is not None]
    if epochs is not None:
        contenders = load(experiment, settings).contenders
        nets = [name for name, contender in contenders.items() if contender.family == "network"]
        if not nets:
            raise BakeoffError(f"{experiment} enters no net, so there are no epochs to set; leave them empty")
        filled_in += [f"contenders.{net}.epochs={epochs}" for net in nets]
    return load(experiment, [*settings, *filled_in])


if __name__ == "__main__":
    runpy.run_module("prefect.engine", run_name="__main__")
