"""file-write makes files nobody can run, inside the working directory."""

import pytest

from blocks.errors import Invalid, Refused
from flows.promotion.steps.file_write import Config, run
from tests.flows.promotion.workspace import step_context


def write(root, path, contents="x", **config):
    """Run the step."""
    return run(Config.model_validate({"path": path, "contents": contents, **config}), step_context(root))


def test_written(tmp_path):
    """With its mode, parents made; the same again is no error, something else is unless it may overwrite."""
    write(tmp_path, "new/a", "é")
    assert (tmp_path / "new/a").read_text() == "é"
    assert (tmp_path / "new/a").stat().st_mode & 0o777 == 0o600
    write(tmp_path, "new/a", "é", permissions="0644")
    assert (tmp_path / "new/a").stat().st_mode & 0o777 == 0o644
    with pytest.raises(Invalid, match="set overwrite"):
        write(tmp_path, "new/a", "other")
    write(tmp_path, "new/a", "other", overwrite=True)
    assert (tmp_path / "new/a").read_text() == "other"


@pytest.mark.parametrize("permissions", ["0755", "0602", "0111"])
def test_permissions(tmp_path, permissions):
    """Execute bits and writing by everybody are refused."""
    with pytest.raises(Invalid, match="use 0644"):
        write(tmp_path, "a", permissions=permissions)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("path", ["../a", "/../a", ".git/config", "d/.git/hooks/x", ".", "d", "link", "out/a"])
def test_confined(tmp_path, path):
    """Not outside, not into Git's files, not over a directory, not through a link."""
    work = tmp_path / "work"
    (work / "d").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (work / "link").symlink_to("d/target")
    (work / "out").symlink_to("../outside")
    with pytest.raises((Invalid, Refused)):
        write(work, path)
    assert not list((tmp_path / "outside").iterdir())
    assert not list((work / "d").iterdir())
