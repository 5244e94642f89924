"""The house rules that a program can check: which room imports which, what is pure, what is described."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel

from deployments.register import static_deployments
from flows.promotion.steps import STEPS

TOP = Path(__file__).parents[1]
ROOMS = ("blocks", "flows", "deployments")
MAY_IMPORT = {"blocks": {"blocks"}, "flows": {"flows", "blocks"}, "deployments": set(ROOMS)}
TOP_LEVEL = {"blocks", "flows", "deployments", "tests", "docs", "benchmarks", "notebooks", ".ci"}
TELLS_TIME = re.compile(r"(datetime\.(now|utcnow|today)|time\.(time|monotonic)|(^|\.)(monotonic|uuid[14]|ULID))$")
NOT_PURE = {
    "flows/expression/frame.py": "now() is a function of the language; who evaluates may pass another clock",
}
"""Modules of the nouns that may ask for the time, each with the reason."""

ANY_KEYS = {"compose-output": "its keys are the names of outputs, which people choose"}
"""Steps whose config may have any keys, each with the reason."""


def _modules(*rooms: str) -> list[Path]:
    return sorted(file for room in rooms for file in (TOP / room).rglob("*.py"))


def _name(file: Path) -> str:
    return str(file.relative_to(TOP))


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), _name(file))


@cache
def _imported(file: Path) -> set[str]:
    """The modules a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_name(file)}:{node.lineno} imports relatively"
            found.add(node.module or "")
    return found


@cache
def _calls(file: Path) -> list[tuple[int, str]]:
    return [(node.lineno, ast.unparse(node.func)) for node in ast.walk(_tree(file)) if isinstance(node, ast.Call)]


@cache
def _parameters(file: Path) -> set[str]:
    return {node.arg for node in ast.walk(_tree(file)) if isinstance(node, ast.arg)}


def _nouns() -> list[Path]:
    return [file for file in _modules("flows") if file.parent != TOP / "flows"]


def test_there_is_something_to_check():
    """The rooms are found, so that none of these tests passes for want of files."""
    assert all(len(_modules(room)) > 20 for room in ROOMS)
    assert len(_nouns()) > 50


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str):
    """deployments may import flows, flows may import blocks, and none the other way; tests nobody."""
    foreign = {*ROOMS, "tests", "benchmarks"} - MAY_IMPORT[room]
    wrong = [
        f"{_name(file)} imports {name}"
        for file in _modules(room)
        for name in _imported(file)
        if name.partition(".")[0] in foreign
    ]
    assert wrong == []


def test_only_the_rooms_own_modules_import_prefect():
    """Sub-folders, the nouns among them, know nothing of Prefect."""
    wrong = [
        f"{_name(file)} imports {name}"
        for room in ROOMS
        for file in _modules(room)
        if file.parent != TOP / room
        for name in _imported(file)
        if name.partition(".")[0].startswith("prefect")
    ]
    assert wrong == []


def test_nouns_import_without_prefect():
    """A notebook may use every noun without Prefect being loaded at all, steps included."""
    names = [".".join(file.relative_to(TOP).with_suffix("").parts) for file in _nouns() if file.stem != "__init__"]
    script = (
        f"import importlib, sys\nfor name in {names!r}:\n    importlib.import_module(name)\n"
        "print(sorted(name for name in sys.modules if name.partition('.')[0] == 'prefect'))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, cwd=TOP)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_no_module_of_the_flows_is_named_like_one_of_the_standard_library():
    """A file run as a script puts its folder first on the path: `flows/http.py` would hide `http`."""
    files = [*(TOP / "flows").glob("*.py"), *(TOP / "flows" / "promotion" / "steps").glob("*.py")]
    folders = [folder for folder in (TOP / "flows").iterdir() if folder.is_dir()]
    names = {each.stem for each in [*files, *folders]} - {"__init__", "__pycache__"}
    assert len(names) > 20
    assert names & set(sys.stdlib_module_names) == set()


def test_there_is_no_fourth_package():
    """At the top there are the three rooms and what is about them."""
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=TOP, timeout=30)
    if tracked.returncode:
        folders = {path.name for path in TOP.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    else:
        folders = {line.partition("/")[0] for line in tracked.stdout.splitlines() if "/" in line}
    assert folders - TOP_LEVEL == set()
    assert set(ROOMS) <= folders


def test_no_rule_asks_for_the_time_or_an_id():
    """In the nouns, time, randomness and ids are arguments."""
    wrong = [
        f"{_name(file)}:{line} calls {call}"
        for file in _nouns()
        if _name(file) not in NOT_PURE
        for line, call in _calls(file)
        if TELLS_TIME.search(call)
    ]
    assert wrong == []
    assert all(any(TELLS_TIME.search(call) for _, call in _calls(TOP / name)) for name in NOT_PURE)


def test_no_rule_draws_lots_of_its_own():
    """Randomness comes in: a call of the module `random` would be a draw nobody can repeat."""
    wrong = [
        f"{_name(file)}:{line} calls {call}"
        for file in _nouns()
        for line, call in _calls(file)
        if call.partition(".")[0] in {"random", "secrets"} & _imported(file) - _parameters(file)
    ]
    assert wrong == []


def test_nothing_changes_the_process():
    """Many promotions run in one process: nobody changes its directory or its environment."""
    wrong = [f"{_name(file)}:{line}" for file in _modules(*ROOMS) for line, call in _calls(file) if call == "os.chdir"]
    for file in _modules(*ROOMS):
        for node in ast.walk(_tree(file)):
            targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else []
            wrong += [f"{_name(file)}:{node.lineno}" for each in targets if "os.environ[" in ast.unparse(each)]
    wrong += [
        f"{_name(file)}:{line}"
        for file in _modules(*ROOMS)
        for line, call in _calls(file)
        if call in ("os.putenv", "os.unsetenv", "os.environ.update", "os.environ.pop", "os.environ.setdefault")
    ]
    assert wrong == []


@pytest.mark.parametrize("kind", sorted(STEPS))
def test_every_step_has_the_same_shape(kind: str):
    """A step is a module with a described Config, `run`, and whether it reaches outside."""
    module = STEPS[kind]
    assert issubclass(module.Config, BaseModel)
    assert module.Config.model_config.get("frozen") is True
    assert kind in ANY_KEYS or module.Config.model_config.get("extra") == "forbid"
    assert callable(module.run)
    assert isinstance(module.OUTWARD, bool)
    assert _undescribed(module.Config) == []


def _undescribed(model: type[BaseModel], seen: frozenset[type] = frozenset()) -> list[str]:
    """Fields without a description, in this model and those it holds."""
    found = [f"{model.__name__}.{name}" for name, field in model.model_fields.items() if not field.description]
    for field in model.model_fields.values():
        for inner in _models(field.annotation):
            if inner not in seen | {model}:
                found += _undescribed(inner, seen | {model})
    return found


def _models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [each for part in getattr(annotation, "__args__", ()) for each in _models(part)]


def test_every_step_module_is_in_the_table():
    """A file among the steps is a step, named for its kind where Python's own names allow it."""
    folder = TOP / "flows" / "promotion" / "steps"
    files = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    named = {module.__name__.rpartition(".")[2]: kind for kind, module in STEPS.items()}
    assert named.keys() == files
    renamed = {name: kind for name, kind in named.items() if name != kind.replace("-", "_")}
    assert all(kind in sys.stdlib_module_names for kind in renamed.values()), renamed


def test_deployments_name_modules():
    """An entrypoint is a module's attribute; a file would put its folder first on the path."""
    entrypoints = [each["entrypoint"] for each in static_deployments()]
    assert entrypoints
    for entrypoint in entrypoints:
        assert re.fullmatch(r"flows\.\w+\.\w+", entrypoint)
        module, _, name = entrypoint.rpartition(".")
        assert name in {getattr(node, "name", "") for node in _tree(TOP / f"{module.replace('.', '/')}.py").body}


def test_everything_public_says_what_it_is():
    """Every public module, class, function and method has a docstring; empty package files need none.

    Nor do the methods that lark calls by the names of the grammar's rules, nor those of a Protocol, which are told
    about where they are done.
    """
    missing = []
    for file in _modules(*ROOMS):
        if not (tree := _tree(file)).body:
            continue
        if not ast.get_docstring(tree):
            missing.append(_name(file))
        missing += [f"{_name(file)}:{node.lineno} {node.name}" for node in _public(tree) if not ast.get_docstring(node)]
    assert missing == []


def _public(owner: ast.Module | ast.ClassDef) -> list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Public classes and functions of a module, with the public methods of those classes; not what functions hide."""
    found: list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef] = []
    for node in owner.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            if not _needs_no_docstring(node):
                found.append(node)
            if isinstance(node, ast.ClassDef) and not _told_elsewhere(node):
                found += _public(node)
    return found


def _needs_no_docstring(node: ast.stmt) -> bool:
    """Overloads are told about by what they overload."""
    return isinstance(node, ast.FunctionDef) and any("overload" in ast.unparse(each) for each in node.decorator_list)


def _told_elsewhere(node: ast.ClassDef) -> bool:
    return any(re.match(r"Protocol|Transformer", ast.unparse(base)) for base in node.bases)
