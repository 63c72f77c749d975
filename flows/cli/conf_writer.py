"""The file of an experiment that `bakeoff init` proposes: every choice with a comment that says why."""

import re
import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.experiment import CONF, NAME, in_yaml
from tasks.data.files.folders import is_folder
from tasks.data.files.profile import ColumnProfile, DataProfile, printable
from tasks.profiling.proposal import Proposal
from tasks.specs import BakeoffError

WIDTH = 110
SHORT = 90  # up to which a mapping stands on one line
LONGEST_NAME = 60
LONGEST_KEY = 1000  # of characters; a longer key needs a "?" in front of it
COLUMNS = "dataset.columns"
OPEN = ("dataset", COLUMNS, "contenders")  # each of their settings has a line of its own
FIRST = ("kind", "path", "text", "id", "time", "target", "task", "unit", "columns")


def conf_file(source: Path, name: str | None, force: bool) -> Path:
    """Where the experiment is to be written: under its name, or else one made of that of the file or folder.

    Raises:
        BakeoffError: when the name is none for an experiment, or there is one already.
    """
    own = source.resolve().name if is_folder(source) else source.stem
    chosen = name or re.sub(r"[^A-Za-z0-9_.-]+", "_", own).strip("_.-")[:LONGEST_NAME] or "data"
    if not re.fullmatch(NAME, chosen):
        raise BakeoffError(f"--name {chosen}: a name has letters, digits, and . _ - after the first of these")
    path = CONF / f"{chosen}.yaml"
    if path.exists() and not force:
        raise BakeoffError(f"there is {path} already; choose another --name, or --force to write over it")
    return path


def write(text: str, path: Path) -> None:
    """Writes the file whole or not at all.

    Raises:
        BakeoffError: when it cannot be written.
    """
    try:
        path.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
            whole = Path(folder) / path.name
            whole.write_text(text, encoding="utf8")
            whole.replace(path)
    except OSError as error:
        raise BakeoffError(f"{path} cannot be written: {error.strerror}") from error


def draft(proposal: Proposal, profile: DataProfile, command: str) -> str:
    """Return the text of a YAML file; columns that are left out stand among the others as comments, to be put back."""
    description = f"{profile.target.name} from {profile.rows:,} {profile.examples} of {Path(profile.source).name}"
    content = {"description": description, **proposal.settings}
    dataset = content["dataset"]  # what people look for first comes first, and the test rows last
    order = dict.fromkeys([*FIRST, *(key for key in dataset if key != "test"), "test"])
    content["dataset"] = {key: dataset[key] for key in order if key in dataset}
    left_out = [column for column in profile.columns if not column.is_feature]
    lines = [*_comment(f"Written by `{command}`. docs/experiments.md and docs/own-data.md have all settings.", ""), ""]
    for key, value in content.items():
        lines += [*_settings({key: value}, "", proposal.comments, left_out), ""]
    return "\n".join(lines)


def _settings(
    settings: Mapping[str, Any], parent: str, comments: Mapping[str, str], left_out: Sequence[ColumnProfile]
) -> Iterator[str]:
    indent = "  " * (parent.count(".") + 1) if parent else ""
    for key, value in settings.items():
        path = f"{parent}.{key}" if parent else key
        opened = isinstance(value, dict) and (path in OPEN or len(in_yaml(value)) > SHORT)
        yield from _commented(_entry(indent, key, "" if opened else in_yaml(value)), comments.get(path, ""), indent)
        if opened:
            yield from _settings(value, path, comments, left_out)
        if path == COLUMNS:
            yield from (_put_back(column, indent + "  ") for column in left_out)


def _entry(indent: str, key: str, value: str) -> str:
    name = in_yaml(key)
    if len(name) > LONGEST_KEY:
        return f"{indent}? {name}\n{indent}: {value}"
    return f"{indent}{name}: {value}".rstrip()


def _commented(line: str, comment: str, indent: str) -> Iterator[str]:
    """Beside the line, or above it where there is no room."""
    beside = f"{line}  # {printable(comment)}"
    if comment and len(beside) <= WIDTH:
        yield beside
        return
    yield from _comment(comment, indent)
    yield line


def _comment(text: str, indent: str) -> Iterator[str]:
    yield from (f"{indent}# {line}" for line in textwrap.wrap(printable(text), WIDTH - len(indent) - 2))


def _put_back(column: ColumnProfile, indent: str) -> str:
    why = f"{column.warning.what}: {column.warning.said}" if column.warning else ""
    return f"{indent}# {in_yaml(column.name)}: {column.kind}  # left out, {printable(why)}"
