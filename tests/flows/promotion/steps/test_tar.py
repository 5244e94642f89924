"""tar packs, untar unpacks, and neither leaves its place."""

import io
import tarfile

import pytest

from blocks.errors import Invalid, NotFound, Refused
from flows.promotion.steps import tar, untar
from tests.flows.promotion.steps.test_file_copy import fill, tree
from tests.flows.promotion.workspace import step_context


def pack(root, **config):
    """Run tar."""
    given = {"inPath": "in", "outPath": "out/a.tar", **config}
    return tar.run(tar.Config.model_validate(given), step_context(root))


def unpack(root, **config):
    """Run untar."""
    given = {"inPath": "out/a.tar", "outPath": "back", **config}
    return untar.run(untar.Config.model_validate(given), step_context(root))


def archive(path, *members):
    """Write an archive of (name, content or link target, type)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as packed:
        for name, content, kind in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            if kind == tarfile.REGTYPE:
                member.size = len(content)
                packed.addfile(member, io.BytesIO(content))
            else:
                member.linkname = content
                packed.addfile(member)


@pytest.mark.parametrize("gzip", [False, True])
def test_there_and_back(tmp_path, gzip):
    """What comes back is what went in, without .git, links and what is ignored; the bytes are always the same."""
    fill(tmp_path, "in/a", "in/sub/b", "in/c.md", "in/.git/x")
    (tmp_path / "in/sub/link").symlink_to("b")
    (tmp_path / "in/a").chmod(0o755)
    pack(tmp_path, ignore="*.md", gzip=gzip)
    first = (tmp_path / "out/a.tar").read_bytes()
    (tmp_path / "in/sub/b").touch()
    pack(tmp_path, ignore="*.md", gzip=gzip)
    assert (tmp_path / "out/a.tar").read_bytes() == first
    assert (first[:2] == b"\x1f\x8b") == gzip
    for _ in range(2):
        unpack(tmp_path)
        assert tree(tmp_path / "back") == ["a", "sub/b"]
    assert (tmp_path / "back/a").stat().st_mode & 0o777 == 0o755


def test_one_file_and_the_archive_itself(tmp_path):
    """A single file is packed under its name; an archive is not packed into itself."""
    fill(tmp_path, "in/a")
    pack(tmp_path, inPath="in/a")
    unpack(tmp_path)
    assert tree(tmp_path / "back") == ["a"]
    pack(tmp_path, outPath="in/self.tar")
    pack(tmp_path, outPath="in/self.tar")
    unpack(tmp_path, inPath="in/self.tar", outPath="again")
    assert tree(tmp_path / "again") == ["a"]


def test_strip_and_ignore(tmp_path):
    """Leading parts go, names that have no more are left out; patterns count after that."""
    fill(tmp_path, "in/top/a", "in/top/sub/b", "in/c", "in/top/d.md")
    pack(tmp_path)
    unpack(tmp_path, stripComponents=1, ignore="*.md")
    assert tree(tmp_path / "back") == ["a", "sub/b"]


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([("../a", b"x", tarfile.REGTYPE)], id="above"),
        pytest.param([("/a", b"x", tarfile.REGTYPE)], id="absolute"),
        pytest.param([("l", "../..", tarfile.SYMTYPE)], id="link-out"),
        pytest.param([("l", "/etc", tarfile.SYMTYPE)], id="link-absolute"),
        pytest.param([("l", "d", tarfile.SYMTYPE), ("l/a", b"x", tarfile.REGTYPE)], id="through-a-link"),
        pytest.param([("l", "a", tarfile.SYMTYPE), ("l", b"x", tarfile.REGTYPE)], id="over-a-link"),
        pytest.param([("h", "a", tarfile.LNKTYPE)], id="hard-link"),
        pytest.param([("f", "", tarfile.FIFOTYPE)], id="fifo"),
        pytest.param([(".repositories/x/config", b"x", tarfile.REGTYPE)], id="repositories"),
    ],
)
def test_refused(tmp_path, members):
    """Nothing gets out of the directory, into Git's files, or to a device."""
    work = tmp_path / "work"
    archive(work / "out/a.tar", *members)
    before = tree(tmp_path)
    with pytest.raises((Refused, Invalid)):
        unpack(work)
    assert [name for name in tree(tmp_path) if not name.startswith("work/back/")] == before


@pytest.mark.parametrize("member", [(".git/config", b"x", tarfile.REGTYPE), (".git", "d", tarfile.SYMTYPE)])
def test_git_is_left_out(tmp_path, member):
    """Whatever an archive holds for Git does not get there."""
    archive(tmp_path / "out/a.tar", member, ("a", b"x", tarfile.REGTYPE))
    unpack(tmp_path)
    assert tree(tmp_path / "back") == ["a"]


def test_a_bomb(tmp_path, monkeypatch):
    """The size of all members counts, also of those that are left out."""
    monkeypatch.setattr(untar, "LARGEST", 1000)
    archive(tmp_path / "out/a.tar", ("a", b"x" * 600, tarfile.REGTYPE), ("b", b"x" * 600, tarfile.REGTYPE))
    with pytest.raises(Refused, match="more than"):
        unpack(tmp_path, ignore="a\nb")


def test_wrong(tmp_path):
    """Missing files and what is no archive are said."""
    with pytest.raises(NotFound):
        pack(tmp_path)
    with pytest.raises(NotFound):
        unpack(tmp_path)
    fill(tmp_path, "out/a.tar")
    with pytest.raises(Invalid, match="cannot be unpacked"):
        unpack(tmp_path)
