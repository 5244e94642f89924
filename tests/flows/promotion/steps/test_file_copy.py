"""copy copies what it should, and nothing through links."""

import pytest

from blocks.errors import Invalid, NotFound, Refused
from flows.promotion.steps.file_copy import Config, run
from tests.flows.promotion.workspace import step_context


def fill(root, *paths):
    """Make files that hold their own names."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def tree(root):
    """All files below, relative."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def copy(root, in_path, out_path, ignore=""):
    """Run the step."""
    return run(Config(in_path=in_path, out_path=out_path, ignore=ignore), step_context(root))


def test_a_directory_is_merged_into_another(tmp_path):
    """Files are overwritten, others stay, .git stays behind; twice is once."""
    fill(tmp_path, "in/a", "in/sub/b", "in/.git/config", "in/sub/.git", "out/a", "out/z")
    (tmp_path / "out/a").write_text("old")
    for _ in range(2):
        copy(tmp_path, "in", "out")
        assert tree(tmp_path / "out") == ["a", "sub/b", "z"]
        assert (tmp_path / "out/a").read_text() == "in/a"


@pytest.mark.parametrize(
    ("ignore", "copied"),
    [
        pytest.param("*.md\n", ["a", "sub/b"], id="pattern"),
        pytest.param("sub/\n# comment\n\n", ["a", "a.md"], id="directory"),
        pytest.param("/a\n", ["a.md", "sub/b", "sub/c.md"], id="anchored"),
        pytest.param("*.md\n!sub/c.md\n", ["a", "sub/b", "sub/c.md"], id="negated"),
        pytest.param("!.git\n", ["a", "a.md", "sub/b", "sub/c.md"], id="git-never"),
    ],
)
def test_ignore(tmp_path, ignore, copied):
    """`ignore` reads as a .gitignore at the source's root."""
    fill(tmp_path, "in/a", "in/a.md", "in/sub/b", "in/sub/c.md", "in/.git/x")
    copy(tmp_path, "in", "out", ignore)
    assert tree(tmp_path / "out") == copied


def test_a_file_goes_to_a_new_directory(tmp_path):
    """One file is copied under its new name, parents made."""
    fill(tmp_path, "a")
    copy(tmp_path, "a", "new/dir/b")
    assert (tmp_path / "new/dir/b").read_text() == "a"


def test_links_are_not_copied(tmp_path):
    """A link inside the source is left out, wherever it leads."""
    fill(tmp_path, "secret", "work/in/a")
    (tmp_path / "work/in/link").symlink_to("../../secret")
    (tmp_path / "work/in/loop").symlink_to(".")
    copy(tmp_path / "work", "in", "out")
    assert tree(tmp_path / "work/out") == ["a"]


@pytest.mark.parametrize("link", ["a", "sub"])
def test_nothing_is_written_through_a_link(tmp_path, link):
    """A link in the target that leads outside, or to another place inside, is refused."""
    fill(tmp_path, "work/in/a", "work/in/sub/b", "work/other/b", "outside/b")
    (tmp_path / "work/out").mkdir()
    target = {"a": "../../outside/b", "sub": "../other"}[link]
    (tmp_path / "work/out" / link).symlink_to(target)
    with pytest.raises((Refused, Invalid)):
        copy(tmp_path / "work", "in", "out")
    assert (tmp_path / "outside/b").read_text() == "outside/b"
    assert (tmp_path / "work/other/b").read_text() == "work/other/b"


@pytest.mark.parametrize(
    ("in_path", "out_path", "error"),
    [("none", "out", NotFound), ("../outside", "out", Invalid), ("in", "../out", Invalid), ("in", "in/sub/x", Invalid)],
)
def test_refused(tmp_path, in_path, out_path, error):
    """Missing sources and paths outside are refused, and so is a copy into itself."""
    fill(tmp_path, "work/in/a", "outside")
    with pytest.raises(error):
        copy(tmp_path / "work", in_path, out_path)
    assert tree(tmp_path) == ["outside", "work/in/a"]
