"""MLflow's registered models: one for each experiment, whose versions are what was best in a run.

The alias `champion` is on the version to use. What a version is, why it became champion or not, and which came before
and after it, are its tags, and its description in words.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
from pydantic import TypeAdapter, ValidationError

from tasks.metrics import MetricName
from tasks.models.contenders import Contender
from tasks.printable import in_markdown
from tasks.reporting.report import Promotion
from tasks.specs import BakeoffError, Spec, did_you_mean
from tasks.tracking.connection import connect
from tasks.tracking.runs import ContenderRun

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

ALIAS = "champion"
DESCRIPTION_LENGTH = 5000  # what MLflow's column for it holds
BY_VERDICT = "verdict"
NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # no model; no alias, or no name for a model

NAME, SPEC, METRIC, IDENTITY = "bakeoff.contender", "bakeoff.spec", "bakeoff.metric", "bakeoff.identity"
PROMOTED_AT, PROMOTED_BY, EVIDENCE = "bakeoff.promoted_at", "bakeoff.promoted_by", "bakeoff.evidence"
SUCCEEDS, SUCCEEDED_BY, STOOD_UNTIL = "bakeoff.succeeds", "bakeoff.succeeded_by", "bakeoff.stood_until"

_contenders: TypeAdapter[Contender] = TypeAdapter(Contender)


class Candidate(Spec):
    """A run's best contender, to be registered.

    `identity` is the digest of all that its scores depend on: its settings, the data, the folds, the code. `summary`
    says in a sentence, in Markdown, how it did.
    """

    model: str
    name: str
    contender: Contender
    identity: str
    data_digest: str
    folds_digest: str
    metric: MetricName
    score: float
    summary: str
    run: ContenderRun


class Version(Spec):
    """A version of a registered model; of one that was registered by hand, only the number is known."""

    number: int
    name: str = ""
    metric: str = ""
    spec: str = ""
    identity: str = ""

    @property
    def label(self) -> str:
        """What to call it."""
        return f"version {self.number} ({self.name})" if self.name else f"version {self.number}"

    @property
    def contender(self) -> Contender:
        """The method, to be fitted again.

        Raises:
            BakeoffError: when there is none, or another version of bakeoff wrote it in another form.
        """
        if not self.spec:
            raise BakeoffError("bakeoff did not register it, so its settings are not known")
        try:
            return _contenders.validate_json(self.spec)
        except ValidationError as error:
            raise BakeoffError("its settings are those of another version of bakeoff") from error


def register(candidate: Candidate) -> int:
    """Register a contender as a version of its model, and return the version's number.

    One of the same identity is the same version: to register it again adds none.
    """
    client = connect()
    same = client.search_model_versions(f"name = '{candidate.model}' and tags.`{IDENTITY}` = '{candidate.identity}'")
    if same:
        return max(int(each.version) for each in same)
    with _unless("RESOURCE_ALREADY_EXISTS"):
        said = f"the experiment {candidate.model}; the alias `{ALIAS}` is on the version to use."
        client.create_registered_model(candidate.model, description=f"What was best in the runs of {said}")
    model_id = candidate.run.model_id
    created = client.create_model_version(
        candidate.model,
        # Where its files are: a database looks models:/ addresses up in MLflow's default store, which is not ours.
        source=client.get_logged_model(model_id).artifact_location,
        run_id=candidate.run.run_id,
        tags={
            NAME: candidate.name,
            SPEC: candidate.contender.model_dump_json(),
            METRIC: candidate.metric,
            IDENTITY: candidate.identity,
            "bakeoff.score": f"{candidate.score:.6g}",
            "bakeoff.data": candidate.data_digest,
            "bakeoff.folds": candidate.folds_digest,
            "bakeoff.run_id": candidate.run.run_id,
        },
        description=f"{candidate.summary}\n\n```json\n{candidate.contender.model_dump_json(indent=2)}\n```\n",
        model_id=model_id,
    )
    number = int(created.version)
    versions = json.dumps([{"name": candidate.model, "version": number}])
    client.set_logged_model_tags(model_id, {"mlflow.modelVersions": versions})  # a server does so, a database does not
    return number


def find_champion(model: str) -> Version | None:
    """The version that has the alias, if one has."""
    with _unless(*NOT_THERE):
        return _version(connect().get_model_version_by_alias(model, ALIAS))
    return None


@contextmanager
def _unless(*known: str) -> Iterator[None]:
    """What MLflow refuses for one of the reasons known is left as it is."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code not in known:
            raise


def update_champion_alias(promotion: Promotion, at: str) -> None:
    """Move the alias, if it is to move, and note on the versions why; a second time it changes nothing.

    Args:
        promotion: what was decided.
        at: when, as ISO 8601 in UTC.
    """
    model, number, evidence = promotion.model, promotion.version, promotion.sentence
    if promotion.moved:
        _make_champion(model, number, promotion.champion_before, evidence, at, BY_VERDICT)
    elif number != promotion.champion_before:
        client = connect()
        version = client.get_model_version(model, str(number))
        was_champion = PROMOTED_AT in version.tags  # and its evidence is why
        _note(client, version, {} if was_champion else {EVIDENCE: evidence}, evidence)


def promote_by_hand(model: str, number: int, at: str) -> str:
    """Move the alias because the user says so, and return a sentence on it.

    Raises:
        BakeoffError: when there is no such model, or no such version of it.
    """
    chosen, before = choose_version(model, number), find_champion(model)
    if before == chosen:
        return f"{model} {chosen.label} is the champion already; nothing was changed."
    said = f"{model} {chosen.label} was promoted by hand{f'; it succeeds {before.label}' if before else ''}."
    _make_champion(model, number, before.number if before else None, said, at, psutil.Process().username())
    return said


def find_versions(model: str) -> dict[int, Version]:
    """The versions of a registered model, by number.

    Raises:
        BakeoffError: when there is no such model.
    """
    from mlflow.exceptions import MlflowException

    client = connect()
    try:
        client.get_registered_model(model)
    except MlflowException as error:
        if error.error_code not in NOT_THERE:
            raise
        models = [each.name for each in client.search_registered_models()]
        others = f"there are {', '.join(models)}" if models else "`bakeoff run` registers the best of a run"
        hint = did_you_mean(model, models) or f"; {others}"
        raise BakeoffError(f"no model {model!r} is registered{hint}") from error
    versions = (_version(each) for each in client.search_model_versions(f"name = '{model}'"))
    return {version.number: version for version in versions}


def choose_version(model: str, number: int | None) -> Version:
    """Return the version of a registered model to predict by: that of this number, or else the champion.

    Raises:
        BakeoffError: when there is none, with those that there are.
    """
    versions = find_versions(model)
    there = ", ".join(str(each) for each in sorted(versions)) or "none"
    if number is not None and number not in versions:
        raise BakeoffError(f"{model} has no version {number}; there are {there}")
    chosen = find_champion(model) if number is None else versions[number]
    if chosen is None:
        raise BakeoffError(f"{model} has no champion yet; `bakeoff run {model}` finds one (versions: {there})")
    return chosen


def _make_champion(model: str, number: int, before: int | None, evidence: str, at: str, by: str) -> None:
    """Give the alias to a version. The evidence comes first, so that no champion is ever without."""
    client = connect()
    reign = {
        PROMOTED_AT: at,
        PROMOTED_BY: by,
        EVIDENCE: evidence,
        SUCCEEDS: str(before or ""),
        SUCCEEDED_BY: "",
        STOOD_UNTIL: "",
    }
    _note(client, client.get_model_version(model, str(number)), reign, f"{at}: {evidence}")
    client.set_registered_model_alias(model, ALIAS, str(number))
    if before:
        end = {SUCCEEDED_BY: str(number), STOOD_UNTIL: at}
        _note(client, client.get_model_version(model, str(before)), end, f"{at}: succeeded by version {number}.")


def _version(found: "ModelVersion") -> Version:
    tags = found.tags
    return Version(
        number=int(found.version),
        name=tags.get(NAME, ""),
        metric=tags.get(METRIC, ""),
        spec=tags.get(SPEC, ""),
        identity=tags.get(IDENTITY, ""),
    )


def _note(client: "MlflowClient", version: "ModelVersion", tags: Mapping[str, str], line: str) -> None:
    """Set a version's tags, and add a line to its description, unless they say so already."""
    for key, value in tags.items():
        if version.tags.get(key, "") != value:
            client.set_model_version_tag(version.name, str(version.version), key, value)
    said, line = version.description or "", in_markdown(line)
    if line not in said:
        longer = f"{said}\n- {line}"[:DESCRIPTION_LENGTH]
        client.update_model_version(version.name, str(version.version), longer)
