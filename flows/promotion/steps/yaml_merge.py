"""yaml-merge: merge YAML files from left to right into one, comments kept where their lines are."""

from io import StringIO
from typing import Any

from pydantic import Field
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from blocks.errors import Invalid, NotFound
from flows.model import Model
from flows.promotion.files import read_text, write_whole
from flows.promotion.result import StepContext, Succeeded

OUTWARD = False


class Config(Model):
    """What to merge into which file."""

    in_files: list[str] = Field(min_length=1, description="Files, the later overrule the earlier.")
    out_file: str = Field(min_length=1, description="The result, made or overwritten.")
    ignore_missing_files: bool = Field(default=False, description="Whether files that are missing are left out.")


def run(config: Config, ctx: StepContext) -> Succeeded:
    """Merge: maps key by key, null deletes, lists and single values are replaced as a whole."""
    files = [name for name in config.in_files if not config.ignore_missing_files or ctx.path(name).is_file()]
    merged: Any = None
    for name in files:
        over = _read(ctx, name)
        try:
            merged = merge(merged, over)
        except Invalid as error:
            raise Invalid(f"file {name!r} cannot be merged: {error}") from None
    target = ctx.path(config.out_file)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, _written(merged).encode())
    return Succeeded({"commitMessage": _message(files, config.out_file)} if files else {})


def merge(base: Any, over: Any) -> Any:
    """Lay one document over another. `base` is changed. Raises Invalid where they differ in kind."""
    if over is None:
        return base
    if base is not None and _kind(base) != _kind(over):
        raise Invalid(f"{_kind(over)} cannot be laid over {_kind(base)}: give both the same kind, or null first")
    if not isinstance(over, CommentedMap) or not isinstance(base, CommentedMap):
        return over
    for key, value in over.items():
        if value is None:
            base.pop(key, None)
        else:
            base[key] = _below(key, base.get(key), value)
    return base


def _below(key: Any, base: Any, over: Any) -> Any:
    try:
        return merge(_unshared(base), over)
    except Invalid as error:
        raise Invalid(f"below {key!r}: {error}") from None


def _kind(value: Any) -> str:
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else "a single value"


def _unshared(value: Any) -> Any:
    """A map with an anchor may stand in several places, of which only one is to change."""
    shared = isinstance(value, CommentedMap) and (value.anchor.value or value.merge)
    return CommentedMap(value.items()) if shared else value


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 100_000  # no line is folded that was not
    return yaml


def _read(ctx: StepContext, name: str) -> Any:
    if not ctx.path(name).is_file():
        raise NotFound(f"there is no file {name!r} to merge; ignoreMissingFiles leaves out what is missing")
    try:
        return next(_yaml().load_all(read_text(ctx, name)), None)
    except (YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise Invalid(f"file {name!r} is not valid YAML{where}: {getattr(error, 'problem', '') or 'broken'}") from None


def _written(merged: Any) -> str:
    if merged is None:
        return ""
    stream = StringIO()
    _yaml().dump(merged, stream)
    return stream.getvalue().removesuffix("...\n")


def _message(files: list[str], out_file: str) -> str:
    if len(files) == 1:
        return f"Wrote {files[0]} to {out_file}"
    return f"Merged {len(files)} YAML files to {out_file}\n" + "\n".join(f"- {name}" for name in files)
