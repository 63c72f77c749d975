"""The schema of conf/*.yaml, and how such a file becomes an experiment."""

import math
import re
from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import yaml
from pydantic import Field, StringConstraints, ValidationError, model_validator

from tasks.data.datasets import Dataset
from tasks.data.examples import Problem, RawData, count_groups
from tasks.data.folds.splitting import FoldsSpec, KFoldSpec, Parts, Validation, check_groups, check_scored, pairs_of
from tasks.metrics import MetricName, metric_for
from tasks.models.baselines.boosting import HistGradientBoostingSpec
from tasks.models.contenders import Contender
from tasks.specs import BakeoffError, Spec, did_you_mean
from tasks.verdict.comparison import Rules

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

CONF = Path("conf")
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
Yaml = dict[str, Any]  # what a YAML file holds before it is checked


class Experiment(Spec):
    """A data set, the contenders, and the rules by which they are compared."""

    name: Name
    description: str = Field("", description="a line about the experiment")
    dataset: Dataset
    validation: Validation = KFoldSpec()
    metric: MetricName
    equivalent_within: float = Field(
        ge=0, allow_inf_nan=False, description="differences up to this, in the metric's unit, do not matter"
    )
    contenders: dict[Name, Contender] = Field(min_length=1)

    @model_validator(mode="after")
    def _choices_fit_the_task(self) -> "Experiment":
        metric_for(self.metric, self.dataset.problem.task)
        self._check_validation()
        self.check_contenders(self.dataset.problem)
        return self

    def _check_validation(self) -> None:
        """Check that rows are held out in the way that the data need, if nothing is to be learned of them."""
        kind = self.validation.kind
        for spec in get_args(FoldsSpec):
            setting, needed = spec.column, spec.model_fields["kind"].default
            column = getattr(self.dataset, setting, None)  # only rows of a file have such a column
            if column and kind != needed:
                raise BakeoffError(
                    f"validation.kind is {kind}, but dataset.{setting} is {column}: {spec.leak};"
                    f" set validation.kind: {needed}, or leave {setting} out"
                )
            if setting and kind == needed and not column:
                raise BakeoffError(
                    f"validation.kind is {needed}, but there is no dataset.{setting}; name the column, or choose k_fold"
                )
            if column:
                self._check_early_stopping()

    def _check_early_stopping(self) -> None:
        """Nets set whole groups or the last rows aside; scikit-learn, of its own accord from 10,000 rows, any rows."""
        for name, contender in self.contenders.items():
            if isinstance(contender, HistGradientBoostingSpec) and contender.params.get("early_stopping", "auto"):
                raise BakeoffError(
                    f"contenders.{name} would be stopped by rows drawn at random, of groups or times that it learns"
                    " from; set params.early_stopping: false"
                )

    def check_contenders(self, problem: Problem) -> None:
        """Finds out whether all contenders suit a problem, such as that of the data once they have been read.

        Raises:
            BakeoffError: when one does not.
        """
        for name, contender in self.contenders.items():
            try:
                contender.check(problem, self.metric)
            except BakeoffError as error:
                raise BakeoffError(f"contenders.{name}: {error}") from error

    def rules(self, unit: str) -> Rules:
        """Return the rules by which its contenders are compared; `unit` is the target's."""
        return Rules(
            validation=self.validation, metric=self.metric, unit=unit, equivalent_within=self.equivalent_within
        )

    def draw_pairs(self, raw: RawData, problem: Problem) -> list[Parts]:
        """Return, for each fold of data that were read, the training rows to learn from and those held out, by number.

        Raises:
            BakeoffError: when a contender does not suit them, or there are too few rows, or too few of one class for
                the folds or for the metric, or nearly all of one group.
        """
        self.check_contenders(problem)
        y, groups = raw.y[~raw.held_out], None if raw.groups is None else raw.groups[~raw.held_out]
        pairs = [*pairs_of(self.validation, self.validation.draw(y, problem.classes, groups))]
        check_groups(None if groups is None else count_groups(groups))
        check_scored(self.metric, problem.classes, y, raw.y[raw.held_out], pairs)
        return pairs

    def with_only(self, entered: Collection[str], name: str) -> "Experiment":
        """The same experiment under another name, with those of its contenders that bear one of these names."""
        chosen = {key: contender for key, contender in self.contenders.items() if key in entered}
        return self.model_copy(update={"name": name, "contenders": chosen})


def load(name_or_path: str, settings: Sequence[str] = ()) -> Experiment:
    """Reads an experiment by its name in conf/ or by its path, with settings `key.path=value` laid over it.

    Raises:
        BakeoffError: when there is no such experiment, it does not follow the schema, or its data are not there.
    """
    experiment = read(name_or_path, settings)
    experiment.dataset.check_there()
    return experiment


def read(name_or_path: str, settings: Sequence[str] = ()) -> Experiment:
    """As `load`, of an experiment whose data may be gone by now."""
    path = _find(name_or_path)
    try:
        text = path.read_text(encoding="utf8")
    except UnicodeDecodeError as error:
        raise BakeoffError(f"{path} is not valid YAML: {error}") from error
    except OSError as error:
        raise BakeoffError(f"{path} cannot be read: {error.strerror}") from error
    return from_text(text, path, settings)


def from_text(text: str, path: Path, settings: Sequence[str] = ()) -> Experiment:
    """An experiment out of what the file of that path holds, or is to hold.

    Raises:
        BakeoffError: when it does not follow the schema.
    """
    content = _parse(text, path)
    for setting in settings:
        _lay_over(content, setting)
    return check(content | {"name": content.get("name", path.stem)}, str(path))


def check(content: Yaml, source: str) -> Experiment:
    """Turns what a YAML file holds into an experiment.

    Raises:
        BakeoffError: naming each field that is wrong, as `source` has it.
    """
    try:
        return Experiment.model_validate(content)
    except ValidationError as error:
        faults = dict.fromkeys(_explain(each, content) for each in error.errors())
        raise BakeoffError(f"{source}: " + "; ".join([*faults][:3])) from error
    except BakeoffError as error:
        raise BakeoffError(f"{source}: {error}") from error


def available() -> list[Path]:
    """The experiments in conf/, in alphabetical order.

    Raises:
        BakeoffError: when there is none.
    """
    found = sorted(CONF.glob("*.yaml"))
    if not found:
        raise BakeoffError(f"there is no {CONF}/ folder with experiments here; go to the project's or name a file")
    return found


def _find(name_or_path: str) -> Path:
    if name_or_path.endswith((".yaml", ".yml")):
        path = Path(name_or_path)
        if not path.is_file():
            raise BakeoffError(f"there is no file {path}")
        return path
    path = CONF / f"{name_or_path}.yaml"
    if path.is_file():
        return path
    names = [each.stem for each in available()]
    hint = did_you_mean(name_or_path, names) or f"; there are {', '.join(names)}"
    raise BakeoffError(f"there is no experiment {name_or_path!r} in {CONF}/{hint}")


def _parse(text: str, path: Path) -> Yaml:
    try:
        content = _read(text)
    except yaml.YAMLError as error:
        raise BakeoffError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise BakeoffError(f"{path} must hold keys and values, such as `metric: mae`")
    return content


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: 1e-2 is a number, as in YAML 1.2, and no key counts twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        counts = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        repeated = next((key for key, count in counts.items() if count > 1), None)
        if repeated is not None:
            raise yaml.constructor.ConstructorError(
                problem=f"{repeated} stands there twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Writes what the loader reads back the same, each value on one line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def write_text(self, text: str) -> yaml.ScalarNode:
        kind = self.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]  # its stub has none
        plain = _PLAIN.fullmatch(text) and kind == _TEXT
        return self.represent_scalar(_TEXT, text, style=None if plain else '"')


_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_TEXT = "tag:yaml.org,2002:str"
_Dumper.add_representer(str, _Dumper.write_text)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def in_yaml(value: object) -> str:
    """A plain value as YAML on one line, whatever characters it has; it is read back the same."""
    text = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, width=math.inf, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("...\n").rstrip("\n")


def _read(text: str) -> Any:
    return yaml.load(text, _Loader)  # noqa: S506  # a safe loader, with two rules more


def _lay_over(content: Yaml, setting: str) -> None:
    """Sets one `key.path=value`; the value is YAML, and null takes the key out, back to its default."""
    dotted, equals, text = setting.partition("=")
    *parents, key = dotted.split(".")
    if not equals or not all([*parents, key]):
        raise BakeoffError(f"--set {setting}: expected key.path=value, such as validation.n_repeats=1")
    try:
        value = _read(text)
    except yaml.YAMLError as error:
        raise BakeoffError(f"--set {setting}: the value is not valid YAML") from error
    for number, parent in enumerate(parents):
        if content.get(parent) is None:
            if value is None:
                _check_absent(setting, parents[:number], parent, content)
                return
            content[parent] = {}
        content = content[parent]
        if not isinstance(content, dict):
            raise BakeoffError(f"--set {setting}: {parent} is a value, not a group of settings")
    if value is not None:
        content[key] = value
    elif content.pop(key, None) is None:
        _check_absent(setting, parents, key, content)


def _check_absent(setting: str, parents: Sequence[str], key: str, content: Yaml) -> None:
    """Finds out whether what is to be taken out, and is not there, is a setting at its default, or mistyped."""
    known = _field_names(Spec) if parents else {*Experiment.model_fields}
    if [*parents] == ["contenders"]:
        known = set()
    if key not in known:
        hint = did_you_mean(key, [*content, *known])
        raise BakeoffError(f"--set {setting}: there is no {'.'.join([*parents, key])} to take out{hint}")


def _explain(error: "ErrorDetails", content: Yaml) -> str:
    """One of pydantic's errors in a user's words."""
    where = ".".join(_keys(error, content)) or "the experiment"
    match error["type"]:
        case "extra_forbidden":
            name = where.split(".")[-1]
            if name in _field_names(Spec):
                return f"{where} is a setting of other kinds than this one; leave it out"
            return f"{where} is not a known setting{did_you_mean(name, _field_names(Spec))}"
        case "missing":
            return f"{where} is missing"
        case "union_tag_invalid":
            return f"{where}.kind is {error['ctx']['tag']!r}; expected one of {error['ctx']['expected_tags']}"
        case "union_tag_not_found":
            return f"{where}.kind is missing"
        case "value_error":
            return f"{where}: {error['ctx']['error']}"
        case _:
            message = error["msg"].removeprefix("Input ")
            return f"{where} is {error['input']!r}, but {message[:1].lower()}{message[1:]}"


def _keys(error: "ErrorDetails", content: Any) -> list[str]:
    """The path of a fault as the file spells it: pydantic's own path also names the variant of each union."""
    keys: list[str] = []
    for step in error["loc"]:
        inner = content
        in_list = isinstance(content, list) and isinstance(step, int)
        if in_list or (isinstance(content, Mapping) and step in content):
            keys, content = [*keys, str(step)], inner[step]
    if error["type"] == "missing":
        keys.append(str(error["loc"][-1]))
    return keys


def _field_names(spec: type[Spec]) -> set[str]:
    names = set(spec.model_fields)
    return names.union(*(_field_names(each) for each in spec.__subclasses__()))
