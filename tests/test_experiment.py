from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.experiment import Experiment, available, check, load
from tasks.data.builtin.numbers import BostonSpec
from tasks.data.folds.splitting import KFoldSpec
from tasks.models.baselines.boosting import GradientBoostingSpec
from tasks.models.baselines.classic import DummySpec
from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.optimizers import AdamSpec
from tasks.specs import BakeoffError, Family

CONF = Path(__file__).parent.parent / "conf"
GOOD: dict[str, Any] = {
    "dataset": {"kind": "boston"},
    "validation": {"n_splits": 4, "n_repeats": 10},
    "metric": "mae",
    "equivalent_within": 0.1,
    "contenders": {"net": {"kind": "dense", "epochs": 130}, "floor": {"kind": "dummy"}},
}


@pytest.fixture(autouse=True)
def _conf(_working_directory: None) -> None:
    """Two experiments in conf/ of the working directory."""
    Path("conf").mkdir()
    for name in ("boston", "wine"):
        Path(f"conf/{name}.yaml").write_text(yaml.safe_dump(GOOD))


def _refusal(content: dict[str, Any]) -> str:
    with pytest.raises(BakeoffError) as caught:
        check(content, "x.yaml")
    return str(caught.value).removeprefix("x.yaml: ")


def _with_net(**settings: Any) -> dict[str, Any]:
    return GOOD | {"name": "x", "contenders": {"net": {"kind": "dense"} | settings}}


# Reading


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_in_conf_loads_and_pits_a_net_against_boosting_and_older_methods(
    path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    experiment = load(path.stem)
    assert experiment == load(str(path))
    assert experiment.name == path.stem
    assert experiment.description
    assert set(Family.__args__) == {each.family for each in experiment.contenders.values()}


def test_conf_holds_nothing_but_experiments() -> None:
    assert [path for path in CONF.iterdir() if path.suffix != ".yaml"] == []
    assert len(list(CONF.iterdir())) >= 1


def test_an_experiment_is_found_by_name_and_by_path() -> None:
    Path("elsewhere.yml").write_text(yaml.safe_dump(GOOD))
    assert load("boston").name == "boston"
    assert load("conf/wine.yaml").name == "wine"
    assert load("elsewhere.yml").name == "elsewhere"


def test_a_file_becomes_the_experiment_that_it_describes() -> None:
    assert load("boston") == Experiment(
        name="boston",
        dataset=BostonSpec(),
        validation=KFoldSpec(n_splits=4, n_repeats=10),
        metric="mae",
        equivalent_within=0.1,
        contenders={"net": DenseSpec(epochs=130), "floor": DummySpec()},
    )


def test_a_name_in_the_file_goes_before_the_name_of_the_file() -> None:
    Path("conf/boston.yaml").write_text(yaml.safe_dump(GOOD | {"name": "other"}))
    assert load("boston").name == "other"


def test_contenders_keep_the_order_of_the_file() -> None:
    kinds = {name: {"kind": "dummy"} for name in ("z", "a", "m")}
    assert list(check(GOOD | {"name": "x", "contenders": kinds}, "x.yaml").contenders) == ["z", "a", "m"]


def test_experiments_are_listed_in_alphabetical_order() -> None:
    Path("conf/amazon.yaml").write_text("")
    Path("conf/notes.txt").write_text("")
    assert [path.stem for path in available()] == ["amazon", "boston", "wine"]


def test_an_experiment_survives_json() -> None:
    experiment = load("boston", ["contenders.net.early_stopping={patience: 3}", "contenders.net.optimizer.kind=adam"])
    assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment


# Files that cannot be read


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bostn", r"there is no experiment 'bostn' in conf/; did you mean boston\?"),
        ("zzz", r"there is no experiment 'zzz' in conf/; there are boston, wine"),
        ("missing.yaml", r"there is no file missing\.yaml"),
        ("conf/missing.yml", r"there is no file conf/missing\.yml"),
    ],
)
def test_an_experiment_that_does_not_exist_is_refused_with_a_hint(name: str, message: str) -> None:
    with pytest.raises(BakeoffError, match=f"^{message}$"):
        load(name)


def test_without_a_conf_folder_the_error_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(BakeoffError, match=r"there is no conf/ folder .* go to the project's or name a file"):
        load("boston")


def test_a_folder_is_no_experiment() -> None:
    Path("folder.yaml").mkdir()
    with pytest.raises(BakeoffError, match=r"there is no file folder\.yaml"):
        load("folder.yaml")


@pytest.mark.parametrize("content", [b"metric: [mae", b"a: b: c", b"metric: \xff\xfe", b"metric: \x00"])
def test_what_is_not_yaml_is_refused_in_one_line(content: bytes) -> None:
    Path("x.yaml").write_bytes(content)
    with pytest.raises(BakeoffError, match=r"^x\.yaml is not valid YAML: [^\n]+$"):
        load("x.yaml")


@pytest.mark.parametrize("content", ["", "- mae\n", "mae\n"])
def test_a_file_without_keys_and_values_is_refused(content: str) -> None:
    Path("x.yaml").write_text(content)
    with pytest.raises(BakeoffError, match=r"^x\.yaml must hold keys and values, such as `metric: mae`$"):
        load("x.yaml")


def test_a_file_that_may_not_be_read_is_refused_with_the_systems_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)  # file modes do not hold for the superuser
    with pytest.raises(BakeoffError, match=r"^conf/boston\.yaml cannot be read: Permission denied$"):
        load("boston")


def test_yaml_that_would_make_objects_is_refused() -> None:
    Path("x.yaml").write_text("metric: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(BakeoffError, match="not valid YAML"):
        load("x.yaml")


# Settings laid over


def test_a_setting_replaces_one_value_and_leaves_the_others() -> None:
    experiment = load("boston", ["validation.n_repeats=1"])
    assert experiment == load("boston").model_copy(update={"validation": KFoldSpec(n_splits=4, n_repeats=1)})


def test_a_setting_makes_the_groups_that_are_not_there() -> None:
    net = load("boston", ["contenders.net.optimizer.kind=adam", "contenders.net.optimizer.beta_1=0.5"]).contenders[
        "net"
    ]
    assert net == DenseSpec(epochs=130, optimizer=AdamSpec(beta_1=0.5))


def test_a_setting_is_read_as_yaml() -> None:
    net = load(
        "boston",
        [
            "contenders.net.units=[8, 4]",
            "contenders.net.batch_normalization=true",
            "contenders.net.optimizer={kind: adam, learning_rate: 1e-2}",
        ],
    ).contenders["net"]
    assert net == DenseSpec(epochs=130, units=(8, 4), batch_normalization=True, optimizer=AdamSpec(learning_rate=0.01))


def test_null_takes_a_value_back_to_its_default() -> None:
    experiment = load("boston", ["contenders.net.epochs=null", "validation=null"])
    assert experiment.contenders["net"] == DenseSpec()
    assert experiment.validation == KFoldSpec()


def test_null_takes_a_contender_out() -> None:
    assert list(load("boston", ["contenders.net=null"]).contenders) == ["floor"]


def test_null_for_what_is_not_there_changes_nothing() -> None:
    assert load("boston", ["description=null"]) == load("boston")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("contenders.nett=null", r"there is no contenders\.nett to take out; did you mean net\?"),
        ("contender.net=null", r"there is no contender to take out; did you mean contenders\?"),
        ("contenders.net.epoch=null", r"there is no contenders\.net\.epoch to take out; did you mean epochs\?"),
    ],
)
def test_null_for_what_cannot_be_there_is_refused(setting: str, said: str) -> None:
    with pytest.raises(BakeoffError, match=said):
        load("boston", [setting])


def test_a_later_setting_wins() -> None:
    assert load("boston", ["validation.seed=1", "validation.seed=2"]).validation.seed == 2


def test_a_value_may_hold_an_equals_sign() -> None:
    assert load("boston", ["description=a=b"]).description == "a=b"


def test_settings_do_not_touch_the_file() -> None:
    before = Path("conf/boston.yaml").read_text()
    load("boston", ["metric=rmse"])
    assert Path("conf/boston.yaml").read_text() == before


@pytest.mark.parametrize("setting", ["metric", "=mae", "validation.=1", ".metric=mae", "a..b=1", ""])
def test_a_setting_that_is_no_key_and_value_is_refused(setting: str) -> None:
    with pytest.raises(BakeoffError, match=r"^--set .*: expected key\.path=value, such as"):
        load("boston", [setting])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("contenders.net.units=[8", r"--set contenders\.net\.units=\[8: the value is not valid YAML"),
        ("metric.name=mae", r"--set metric\.name=mae: metric is a value, not a group of settings"),
        ("contenders.net.epochs.x=1", r"--set .*: epochs is a value, not a group of settings"),
        ("validation.n_folds=3", r"conf/boston\.yaml: validation\.n_folds is not a known setting.*"),
        ("metric=null", r"conf/boston\.yaml: metric is missing"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused_by_name(setting: str, message: str) -> None:
    with pytest.raises(BakeoffError, match=f"^{message}$"):
        load("boston", [setting])


# What the schema refuses


@pytest.mark.parametrize("field", ["dataset", "metric", "equivalent_within", "contenders"])
def test_what_is_missing_is_named(field: str) -> None:
    assert (
        _refusal({"name": "x"} | {key: value for key, value in GOOD.items() if key != field}) == f"{field} is missing"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD | {"metrics": "mae"}, "metrics is not a known setting; did you mean metric?"),
        (GOOD | {"xyzzy": 1}, "xyzzy is not a known setting"),
        (_with_net(epoch=3), "contenders.net.epoch is not a known setting; did you mean epochs?"),
        (
            _with_net(early_stopping={"patiense": 3}),
            "contenders.net.early_stopping.patiense is not a known setting; did you mean patience?",
        ),
    ],
)
def test_a_setting_nobody_knows_is_refused_with_the_nearest_known_one(content: dict[str, Any], message: str) -> None:
    assert _refusal({"name": "x"} | content) == message


@pytest.mark.parametrize(
    ("content", "start"),
    [
        (GOOD | {"dataset": {"kind": "bostn"}}, "dataset.kind is 'bostn'; expected one of 'boston', 'boston_housing'"),
        (GOOD | {"dataset": {}}, "dataset.kind is missing"),
        (
            _with_net(kind="dnse"),
            "contenders.net.kind is 'dnse'; expected one of 'dense', 'conv', 'recurrent', 'realmlp', 'tabm',",
        ),
        (_with_net(optimizer={"kind": "rmspop"}), "contenders.net.optimizer.kind is 'rmspop'; expected one of 'sgd'"),
        (_with_net(optimizer={"learning_rate": 1}), "contenders.net.optimizer.kind is missing"),
    ],
)
def test_a_kind_that_does_not_exist_is_refused_with_those_that_do(content: dict[str, Any], start: str) -> None:
    assert _refusal({"name": "x"} | content).startswith(start)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD | {"equivalent_within": -1}, "equivalent_within is -1, but should be greater than or equal to 0"),
        (_with_net(units=[64, 0]), "contenders.net.units.1 is 0, but should be greater than 0"),
        (_with_net(epochs="many"), "contenders.net.epochs is 'many', but should be a valid integer, unable to"),
        (_with_net(optimizer="adam"), "contenders.net.optimizer is 'adam', but should be a valid dictionary"),
        (GOOD | {"dataset": "boston"}, "dataset is 'boston', but should be a valid dictionary"),
        (GOOD | {"metric": "mse"}, "metric is 'mse', but should be 'mae', 'rmse', 'r2'"),
        (GOOD | {"contenders": {}}, "contenders is {}, but dictionary should have at least 1 item"),
        (GOOD | {"contenders": None}, "contenders is None, but should be a valid dictionary"),
        (GOOD | {"contenders": {"net": None}}, "contenders.net is None, but should be a valid dictionary"),
        (GOOD | {"name": "my run"}, "name is 'my run', but string should match pattern"),
        (GOOD | {"name": "../x"}, "name is '../x', but string should match pattern"),
    ],
)
def test_a_value_out_of_range_is_refused_as_the_file_spells_it(content: dict[str, Any], message: str) -> None:
    assert _refusal({"name": "x"} | content).startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD | {"metric": "accuracy"}, "metric accuracy does not fit a regression task; choose one of mae, rmse, r2"),
        (
            _with_net(loss="categorical_crossentropy"),
            "contenders.net: loss categorical_crossentropy does not fit a regression task; choose mse or mae",
        ),
    ],
)
def test_choices_that_do_not_fit_the_task_are_refused_with_those_that_do(content: dict[str, Any], message: str) -> None:
    assert _refusal({"name": "x"} | content) == message


def test_a_mixing_optimizer_is_refused_with_the_reason() -> None:
    message = _refusal(_with_net(optimizer={"kind": "adam", "global_clipnorm": 1}))
    assert message.startswith("contenders.net.optimizer: global_clipnorm scales all gradients by one norm")


def test_settings_that_exclude_one_another_are_refused_by_the_contenders_name() -> None:
    assert _refusal(_with_net(batch_normalization=True, batch_size=1)) == (
        "contenders.net: batch_normalization needs a batch_size of at least 2"
    )


def test_a_name_of_a_contender_that_cannot_be_is_refused_by_that_name() -> None:
    message = _refusal(GOOD | {"name": "x", "contenders": {"my net": {"kind": "dummy"}}})
    assert "[key]" not in message


def test_a_number_in_scientific_notation_is_a_number_wherever_it_stands() -> None:
    trees = load("boston", ["contenders.trees={kind: gradient_boosting, params: {learning_rate: 1e-2}}"]).contenders[
        "trees"
    ]
    assert trees == GradientBoostingSpec(params={"learning_rate": 0.01})


def test_no_more_than_three_faults_are_named_and_the_file_first() -> None:
    content = {"name": "x", "validation": {"n_splits": 1, "n_repeats": 0, "seed": -1}}
    with pytest.raises(BakeoffError, match=r"^x\.yaml: dataset is missing; .*; .*$") as caught:
        check(content, "x.yaml")
    assert str(caught.value).count(";") == 2


def test_null_below_a_group_that_is_not_there_makes_no_group(repository: Path) -> None:
    path = str(repository / "conf" / "boston.yaml")
    assert load(path, ["contenders.dense.early_stopping.patience=null"]) == load(path)


def test_a_setting_may_be_a_list_but_not_a_group_and_that_is_said_once(repository: Path) -> None:
    path = str(repository / "conf" / "boston.yaml")
    params = "contenders.hist_gradient_boosting.params"
    assert load(path, [f"{params}.categorical_features=[3, 8]"])
    with pytest.raises(BakeoffError) as caught:
        load(path, [f"{params}.interaction_cst={{a: 1}}"])
    assert str(caught.value).count(f"{params}.interaction_cst is") <= 3


# Rows that depend on one another

GROUPS, TIME = {"group_column": "patient"}, {"time_column": "day"}


@pytest.mark.parametrize(
    ("column", "kind", "said"),
    [
        (GROUPS, None, "validation.kind is k_fold, but dataset.group_column is patient: rows of a group would be held"),
        (GROUPS, "hold_out", "validation.kind is hold_out, but dataset.group_column is patient"),
        (GROUPS, "time_series_split", "set validation.kind: group_k_fold, or leave group_column out"),
        (
            TIME,
            "k_fold",
            "dataset.time_column is day: what came later would be learned from to predict what came before",
        ),
        (
            TIME,
            "group_k_fold",
            "validation.kind is group_k_fold, but there is no dataset.group_column; name the column",
        ),
        ({}, "group_k_fold", "validation.kind is group_k_fold, but there is no dataset.group_column; name the column"),
        ({}, "time_series_split", "validation.kind is time_series_split, but there is no dataset.time_column; name"),
        (GROUPS, "group_k_fold", None),
        (TIME, "time_series_split", None),
    ],
)
def test_rows_that_depend_on_one_another_are_not_told_apart_by_chance(
    column: dict[str, str], kind: str | None, said: str | None
) -> None:
    table = {"kind": "table", "path": "a.csv", "target": "y", "task": "regression", "columns": {"x": "number"}}
    rows = {"validation_rows": 9} if kind == "hold_out" else {}
    content = GOOD | {"name": "x", "dataset": table | column, "validation": ({"kind": kind} if kind else {}) | rows}
    if said:
        assert said in _refusal(content)
    else:
        assert check(content, "x.yaml").validation.kind == kind


@pytest.mark.parametrize(("column", "kind"), [(GROUPS, "group_k_fold"), (TIME, "time_series_split")])
def test_boosting_sets_no_rows_aside_at_random_where_rows_depend_on_one_another(
    column: dict[str, str], kind: str
) -> None:
    table = {"kind": "table", "path": "a.csv", "target": "y", "task": "regression", "columns": {"x": "number"}}
    content = GOOD | {"name": "x", "dataset": table | column, "validation": {"kind": kind}}
    boosting: dict[str, Any] = {"kind": "hist_gradient_boosting"}
    for params in ({}, {"early_stopping": True}, {"early_stopping": "auto"}):
        said = _refusal(content | {"contenders": {"trees": boosting | {"params": params}}})
        assert "contenders.trees" in said
        assert "set params.early_stopping: false" in said
    fitting = boosting | {"params": {"early_stopping": False}}
    assert check(content | {"contenders": {"trees": fitting}}, "x.yaml").contenders["trees"].kind == boosting["kind"]


def test_published_data_have_no_groups_and_no_time() -> None:
    for kind in ("group_k_fold", "time_series_split"):
        assert f"validation.kind is {kind}, but there is no dataset" in _refusal(
            GOOD | {"name": "x", "validation": {"kind": kind}}
        )
