"""What a kept result depends on: its inputs, the code that computed it, and the libraries.

Nothing here needs Prefect: whether there is anything to do must be known before it is loaded.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import CodeType

from pydantic import BaseModel

from flows.experiment import Experiment
from tasks.reporting.report import Report
from tasks.tracking import registry, runs

ROOT = Path(__file__).parents[1]  # of this project's packages
PACKAGES = ("flows.", "tasks.")
FLOW = "flows.bakeoff"
LIBRARIES = (
    "keras", "lightgbm", "mlxtend", "numpy", "optuna", "pandas", "pillow", "pyarrow", "scikit-learn", "scipy",
    "tensorflow", "xgboost", "xgboost-cpu",
)  # fmt: skip

# These list what may be given; of what was given, the module of its own class counts, and no other of the list.
LISTS = {"tasks.models.contenders", "tasks.data.files.forms"}
# What `init` proposes, and shows of data, decides no result.
ABOUT_DATA = {"tasks.data.files.presets", "tasks.data.files.profile"}


def digest(value: object, *modules: str) -> str:
    """Return a digest of plain values and specs by their content, and of the code that these modules run.

    Code is what the modules and the specs' own modules import, one through another, without comments and docstrings.

    Raises:
        TypeError: when something in the value is neither a spec nor plain.
    """
    text = json.dumps(value, default=_plain, sort_keys=True)
    code = code_version(*modules, *sorted(set(_modules_of(value))))
    return hashlib.sha256(f"{code} {text}".encode()).hexdigest()[:32]


@cache
def code_version(*modules: str) -> str:
    """Return a digest of these modules, of all of ours that they import, and of the libraries' versions."""
    content, reached, waiting = hashlib.sha256(), set[str](), {*modules}
    while waiting:
        reached |= waiting
        imported = {name for module in waiting for name in _module(module)[1]}
        waiting = imported - reached - LISTS - ABOUT_DATA
    for module in sorted(reached):
        content.update(f"{module} {_module(module)[0]} ".encode())
    content.update(_libraries().encode())
    return content.hexdigest()[:16]


@cache
def _libraries() -> str:
    """The libraries and their versions; looked up once, since a run asks for the code of dozens of steps."""
    versions = []
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):  # an extra that is not installed
            versions.append(f"{name}=={version(name)}")
    return " ".join(versions)


@cache
def _module(name: str) -> tuple[str, frozenset[str]]:
    """A digest of a module's compiled code, without line numbers and docstrings, and those of ours that it imports."""
    code = compile(_path(name).read_bytes(), name, "exec", dont_inherit=True, optimize=2)
    content, imported = hashlib.sha256(), set[str]()
    for part in _parts(code):
        constants = [sorted(map(repr, each)) if isinstance(each, frozenset) else each for each in part.co_consts]
        plain = [each for each in constants if not isinstance(each, CodeType)]
        names = (part.co_names, part.co_varnames, part.co_freevars, part.co_cellvars, part.co_qualname)
        content.update(repr((part.co_code, part.co_exceptiontable, part.co_flags, names, plain)).encode())
        for origin in filter(lambda each: each.startswith(PACKAGES) or f"{each}." in PACKAGES, part.co_names):
            imported.update({origin, *(f"{origin}.{each}" for each in part.co_names if each.isidentifier())})
    return content.hexdigest(), frozenset(each for each in imported if _path(each).is_file())


def _parts(code: CodeType) -> Iterator[CodeType]:
    """The code of a module, of its classes and of its functions, lazy imports among them."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _parts(constant)


def _path(module: str) -> Path:
    place = ROOT.joinpath(*module.split("."))
    package = place / "__init__.py"  # a folder may be left of a package that is a module by now
    return package if package.is_file() else place.with_suffix(".py")


def _modules_of(value: object) -> Iterator[str]:
    """The modules of the specs in a value, at any depth."""
    if isinstance(value, BaseModel):
        if type(value).__module__.startswith(PACKAGES):
            yield type(value).__module__
        value = [getattr(value, field) for field in type(value).model_fields]
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _modules_of(inner)


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"a task's input must be a spec or a plain value, not {type(value).__name__}")


def fingerprint(experiment: Experiment) -> str:
    """Return a digest of all that an experiment's result depends on: settings, data, code and libraries."""
    return digest([experiment, experiment.dataset.stamp], FLOW)


def kept_report(experiment: Experiment) -> Report | None:
    """Return the report of an earlier run that nothing has changed since, if there is one, and a champion stands."""
    report = runs.find_report(experiment.name, fingerprint(experiment))
    return report if report and registry.find_champion(experiment.name) else None
