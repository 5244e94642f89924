"""git-clone with submodules: filled from their own repositories, and nothing of theirs is believed."""

import pytest

from blocks.errors import DrayageError, Invalid, NotFound, Refused
from flows.promotion import submodules
from tests.flows.promotion.steps.git_promotion import promotion, server  # noqa: F401
from tests.servers.git_http import run


def link(server, path, url, commit, *, name="config.git", parent="main"):  # noqa: F811
    """Add a submodule to a repository, as another person's commit."""
    lines = [f"commit refs/heads/{parent}", "committer Ana <ana@example.com> 1748779200 +0000", "data 3", "sub"]
    lines += [f"from refs/heads/{parent}^0", f"M 160000 {commit} {path}", "M 100644 inline .gitmodules"]
    known = run("ls-tree", "--name-only", parent, cwd=server.root / name).split()
    text = server.show(f"{parent}:.gitmodules", name) + "\n" if ".gitmodules" in known else ""
    text += f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n'
    given = "\n".join([*lines, f"data {len(text)}", text, ""])
    run("fast-import", "--quiet", "--force", cwd=server.root / name, given=given)
    return server.tip(name=name)


@pytest.fixture
def nested(server):  # noqa: F811
    """A repository with a submodule that has one itself."""
    server.create("lib.git")
    server.create("deep.git")
    deep = server.commit({"deep.txt": "deep"}, name="deep.git")
    server.commit({"lib.txt": "lib"}, name="lib.git")
    lib = link(server, "deep", "../deep.git", deep, name="lib.git")
    server.commit({"lib.txt": "later"}, name="lib.git")  # which nobody asked for
    link(server, "vendor/lib", server.url("lib.git"), lib)
    return lib


async def cloned(place, **config):
    return await place.run("git-clone", checkout=[{"branch": "main", "path": "src"}], recurseSubmodules=True, **config)


async def test_submodules_are_filled_with_the_wanted_commits(promotion, server, nested):  # noqa: F811
    """Those within submodules too; the commit around them is unchanged, and one of other files leaves them alone."""
    assert (await cloned(promotion)).outputs["commits"]["src"] == server.tip()
    tree = promotion.work_dir / "src"
    assert (tree / "vendor/lib/lib.txt").read_text() == "lib\n"
    assert (tree / "vendor/lib/deep/deep.txt").read_text() == "deep\n"
    assert run("rev-parse", "HEAD", cwd=tree / "vendor/lib") == nested
    promotion.write("tag: v2")
    await promotion.run("git-commit", path="src", message="Promote v2")
    assert run("show", "--format=", "--name-only", "HEAD", cwd=tree) == "values.yaml"


async def test_cloned_again_over_what_a_killed_attempt_left(promotion, server, nested):  # noqa: F811
    """A second attempt gives the same, as does a rebuilt directory after the branch moved on."""
    first = await cloned(promotion)
    assert await cloned(promotion) == first
    server.commit({"values.yaml": "tag: v9"}, "later")
    promotion.lose()
    config = {"checkout": [{"branch": "main", "path": "src"}], "recurseSubmodules": True}
    await promotion.restore("git-clone", first.outputs, **config)
    assert (promotion.work_dir / "src/vendor/lib/deep/deep.txt").read_text() == "deep\n"


async def test_without_the_setting_the_folders_stay_empty(promotion, nested):  # noqa: F811
    """Nothing is asked of other repositories."""
    await promotion.clone()
    assert not list((promotion.work_dir / "src/vendor/lib").iterdir())


@pytest.mark.parametrize(
    ("url", "commit", "error", "sentence"),
    [
        pytest.param("/etc", "", Invalid, "submodule 'sub' of .*reached by file", id="a-path"),
        pytest.param("file:///etc", "", Invalid, "submodule 'sub' of .*reached by file", id="a-file"),
        pytest.param("ext::sh -c true", "", Invalid, "submodule 'sub' of ", id="a-program"),
        pytest.param("--upload-pack=x", "", Invalid, "submodule 'sub' of ", id="an-option"),
        pytest.param("../nope.git", "", NotFound, "submodule 'sub' of ", id="no-repository"),
        pytest.param("../lib.git", "a" * 40, NotFound, "submodule 'sub' of .*no commit aaaa", id="no-commit"),
        pytest.param("", "", Invalid, "'sub' of .* has no URL in .gitmodules", id="no-url"),
    ],
)
async def test_what_a_repository_cannot_make_us_fetch(promotion, server, nested, url, commit, error, sentence):  # noqa: F811
    """Only http, https and ssh; the sentence names the submodule."""
    link(server, "sub", url, commit or nested)
    with pytest.raises(error, match=sentence):
        await cloned(promotion)


async def test_too_many_and_too_deep_are_refused(promotion, nested, monkeypatch):  # noqa: F811
    """Both limits say so."""
    monkeypatch.setattr(submodules, "DEEPEST", 1)
    with pytest.raises(Refused, match="nested deeper than 1"):
        await cloned(promotion)
    monkeypatch.setattr(submodules, "MOST_SUBMODULES", 0)
    with pytest.raises(DrayageError, match="more than 0 submodules"):
        await cloned(promotion)
