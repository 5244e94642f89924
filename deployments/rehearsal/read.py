"""Reading scenarios from files: all that is wrong with one is told at once, with its path in the file."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from blocks.errors import Invalid
from deployments.manifests.problem import path_text
from deployments.rehearsal.scenario import Repository, Scenario

LARGEST = 4 * 1024 * 1024
"""Bytes of a scenario, and of all files that it puts into one repository."""


def read_scenario(file: Path) -> Scenario:
    """Read one scenario. Raises Invalid with every problem and where it is."""
    content = _content(file)
    if not isinstance(content, dict):
        raise Invalid(f"{file}: holds no scenario, expected a mapping with 'story'")
    try:
        scenario = Scenario.model_validate(content)
    except ValidationError as error:
        problems = [_problem(file, problem) for problem in error.errors(include_url=False)]
        raise Invalid("\n".join(dict.fromkeys(problems))) from None
    return scenario if scenario.name else scenario.model_copy(update={"name": f"{file.parent.name}/{file.stem}"})


def repository_files(file: Path, wanted: Repository | str) -> dict[str, str]:
    """Read the files of a repository's first commit by path. Raises Invalid for a folder that is none."""
    repository = Repository(folder=wanted) if isinstance(wanted, str) else wanted
    if not repository.folder:
        return dict(repository.files)
    folder = file.parent / repository.folder
    if not folder.is_dir():
        raise Invalid(f"{file}: there is no folder {folder}")
    found, size = {}, 0
    for each in sorted(path for path in folder.rglob("*") if path.is_file()):
        found[each.relative_to(folder).as_posix()] = text_of(file, each)
        size += each.stat().st_size
        if size > LARGEST:
            raise Invalid(f"{file}: the files in {folder} are larger than {LARGEST // 1024**2} MiB together")
    return found | repository.files


def text_of(file: Path, other: Path) -> str:
    """Read a text file that a scenario names. Raises Invalid."""
    try:
        return other.read_text()
    except OSError as error:
        raise Invalid(f"{file}: cannot read {other}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Invalid(f"{file}: {other} holds bytes that are not UTF-8") from None


def _content(file: Path) -> Any:
    try:
        if file.stat().st_size > LARGEST:
            raise Invalid(f"{file}: is larger than {LARGEST // 1024**2} MiB")
        return yaml.safe_load(file.read_text())
    except OSError as error:
        raise Invalid(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Invalid(f"{file}: holds bytes that are not UTF-8") from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise Invalid(
            f"{file}{line}: is not YAML: {getattr(error, 'problem', None) or 'it is nested too deeply'}"
        ) from None


def _problem(file: Path, problem: Any) -> str:
    message = "is no key of a scenario" if problem["type"] == "extra_forbidden" else problem["msg"]
    return f"{file}: {path_text(problem['loc']) or 'scenario'}: {message}"
