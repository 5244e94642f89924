"""delete removes what it names, and nothing else."""

import pytest
from pydantic import ValidationError

from blocks.errors import Invalid, NotFound
from flows.promotion.steps.delete import Config, run
from tests.flows.promotion.steps.test_file_copy import fill, tree
from tests.flows.promotion.workspace import step_context


def delete(root, **config):
    """Run the step."""
    return run(Config.model_validate(config), step_context(root))


@pytest.mark.parametrize(
    ("config", "left"),
    [
        pytest.param({"path": "a"}, ["d/.git/x", "d/b.md", "d/c"], id="file"),
        pytest.param({"path": "d"}, ["a"], id="directory"),
        pytest.param({"path": "/d"}, ["a"], id="from-the-working-directory"),
        pytest.param({"path": "/d/*.md", "pathsAreGlobs": True}, ["a", "d/.git/x", "d/c"], id="glob-from-there"),
        pytest.param({"paths": ["a", "d/c"]}, ["d/.git/x", "d/b.md"], id="several"),
        pytest.param({"paths": ["a", "none"]}, ["d/.git/x", "d/b.md", "d/c"], id="missing"),
        pytest.param({"path": "**/*.md", "pathsAreGlobs": True}, ["a", "d/.git/x", "d/c"], id="glob"),
        pytest.param({"path": "d/*", "pathsAreGlobs": True}, ["a", "d/.git/x"], id="glob-spares-git"),
        pytest.param({"paths": ["d", "d/c"]}, ["a"], id="inside-what-is-gone"),
    ],
)
def test_deleted(tmp_path, config, left):
    """Twice is once."""
    fill(tmp_path, "a", "d/b.md", "d/c", "d/.git/x")
    for _ in range(2):
        delete(tmp_path, **config)
        assert tree(tmp_path) == left


@pytest.mark.parametrize("config", [{"path": "none"}, {"path": "*.none", "pathsAreGlobs": True}])
def test_strict(tmp_path, config):
    """Strictly, what is missing is an error."""
    with pytest.raises(NotFound, match="none"):
        delete(tmp_path, strict=True, **config)


def test_a_link_is_removed_and_not_its_target(tmp_path):
    """Wherever it leads, also as a directory on the way."""
    fill(tmp_path, "work/d/a", "outside/b")
    (tmp_path / "work/out").symlink_to("../outside")
    (tmp_path / "work/in").symlink_to("d")
    delete(tmp_path / "work", path="out")
    delete(tmp_path / "work", path="in")
    assert tree(tmp_path) == ["outside/b", "work/d/a"]


@pytest.mark.parametrize(
    "path", ["..", ".", "../outside", "out/b", "d/..", "/", "/../outside", "d/.git", ".git/x", "d/.git/x"]
)
@pytest.mark.parametrize("globs", [False, True])
def test_confined(tmp_path, path, globs):
    """Nothing outside the working directory, and nothing of Git's, is reached."""
    fill(tmp_path, "work/d/.git/x", "outside/b")
    (tmp_path / "work/out").symlink_to("../outside")
    before = tree(tmp_path)
    try:
        delete(tmp_path / "work", path=path, pathsAreGlobs=globs)
    except Invalid:
        pass
    else:
        assert globs
    assert tree(tmp_path) == before


@pytest.mark.parametrize("config", [{}, {"path": "a", "paths": ["b"]}, {"paths": []}, {"paths": [""]}])
def test_path_or_paths(config):
    """Exactly one of them."""
    with pytest.raises(ValidationError, match="exactly one"):
        Config.model_validate(config)
