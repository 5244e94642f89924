"""helm-template renders with the real program, and takes and leaves nothing outside."""

import pytest

from blocks.errors import Invalid, NotFound, Refused
from flows.promotion.steps.helm_template import Config, run
from tests.flows.promotion.steps.helm_charts import chart, context, fill, locked, push_chart, repository, written

__all__ = ["context", "locked"]


async def render(context, out="out", **config):
    """Run the step on the chart and return what is in `out`, text of a file or texts by path."""
    given = {"path": "shop", "outPath": out, "releaseName": "one", **config}
    await run(Config.model_validate(given), context)
    target = context.work_dir / out
    return target.read_text() if target.is_file() else written(target)


async def test_one_file(context):
    """Objects, then hooks, each with where it comes from; twice is once."""
    chart(context.work_dir)
    for _ in range(2):
        text = await render(context, "out/all.yaml")
    assert [line for line in text.splitlines() if line.startswith("# Source")] == [
        "# Source: shop/templates/web.yaml",
        "# Source: shop/templates/migrate.yaml",
        "# Source: shop/templates/tests/check.yaml",
    ]
    assert "name: one-web\n  namespace: shop\n" in text


@pytest.mark.parametrize(
    ("config", "names"),
    [
        pytest.param(
            {},
            ["shop/templates/migrate.yaml", "shop/templates/tests/check.yaml", "shop/templates/web.yaml"],
            id="as helm does",
        ),
        pytest.param(
            {"useReleaseName": True, "disableHooks": True}, ["one/shop/templates/web.yaml"], id="below the release"
        ),
        pytest.param(
            {"includeCRDs": True, "skipTests": True},
            ["shop/crds/thing.yaml", "shop/templates/migrate.yaml", "shop/templates/web.yaml"],
            id="with CRDs, without tests",
        ),
        pytest.param(
            {"outLayout": "flat", "includeCRDs": True},
            [
                "apiextensions_k8s_io-customresourcedefinition-things.example.com.yaml",
                "batch-job-check.yaml",
                "batch-job-migrate.yaml",
                "configmap-prod-one-web.yaml",
            ],
            id="flat",
        ),
    ],
)
async def test_layouts(context, config, names):
    """What is rendered where."""
    chart(context.work_dir)
    assert list(await render(context, namespace="prod", **config)) == names


async def test_values(context):
    """Files in order, then single values; a literal one is text as written."""
    chart(context.work_dir)
    fill(context.work_dir, {"a.yaml": "color: red\nsize: 2\n", "b.yaml": "size: 3\n"})
    text = await render(
        context,
        "x.yaml",
        valuesFiles=["a.yaml", "none.yaml", "b.yaml"],
        ignoreMissingValueFiles=True,
        kubeVersion="v1.29.3",
        apiVersions=["monitoring.coreos.com/v1"],
    )
    assert 'color: "red"\n  size: "3"\n  kube: v1.29.3\n  monitored: "true"\n' in text
    sets = [{"key": "color", "value": "a,b", "literal": True}, {"key": "size", "value": "4"}]
    assert 'color: "a,b"\n  size: "4"\n' in await render(context, "x.yaml", setValues=sets)
    sets = [{"key": "size", "value": "4", "literal": True}]
    assert 'size: "\\"4\\""\n' in await render(context, "x.yaml", setValues=sets)


async def test_dependencies_are_downloaded_with_credentials(context, locked, tmp_path):
    """Of HTTP and OCI repositories and of directories, each opened by its own; helm's own home is never used."""
    push_chart(locked, "charts", "lib", "1.2.0")
    with repository({"db": ["1.0.0", "2.0.0"]}, auth=("ana", "pa55word")) as url:
        chart(
            context.work_dir,
            f"dependencies:\n- {{name: db, version: ~1, repository: '{url}'}}\n"
            f"- {{name: lib, version: 1.2.0, repository: 'oci://{locked}/charts'}}\n"
            "- {name: near, version: 0.1.0, repository: 'file://../near'}\n",
        )
        fill(context.work_dir / "near", {"Chart.yaml": "apiVersion: v2\nname: near\nversion: 0.1.0\n"})
        text = await render(context, "x.yaml", buildDependencies=True)
    assert "data: {v: '1.0.0'}" in text
    assert "data: {v: '1.2.0'}" in text
    assert context.previous["asked"] == [("helm", url), ("helm", f"oci://{locked}/charts/lib")]
    archives = sorted(path.name for path in (context.work_dir / "shop/charts").iterdir())
    assert archives == ["db-1.0.0.tgz", "lib-1.2.0.tgz", "near-0.1.0.tgz"]


async def test_without_dependencies_or_with_wrong_credentials(context):
    """helm's sentence is told, without a password in it."""
    with repository({"db": ["1.0.0"]}, auth=("ana", "other")) as url:
        chart(context.work_dir, f"dependencies:\n- {{name: db, version: 1.0.0, repository: '{url}'}}\n")
        with pytest.raises(Invalid, match="missing in charts/ directory: db"):
            await render(context)
        with pytest.raises(Invalid, match="401") as failure:
            await render(context, buildDependencies=True)
    assert "pa55word" not in str(failure.value)


@pytest.mark.parametrize(
    ("config", "raised"),
    [
        pytest.param({"path": "none"}, NotFound, id="no chart"),
        pytest.param({"path": "../shop"}, Invalid, id="chart outside"),
        pytest.param({"out": "../out"}, Invalid, id="output outside"),
        pytest.param({"valuesFiles": ["none.yaml"]}, NotFound, id="no values"),
        pytest.param({"valuesFiles": ["../values.yaml"]}, Invalid, id="values outside"),
        pytest.param({"releaseName": "--post-renderer=/bin/true"}, Invalid, id="a setting as name"),
        pytest.param({"kubeVersion": "next"}, Invalid, id="no version"),
    ],
)
async def test_what_cannot_be_rendered(context, config, raised):
    """It is final and leaves nothing."""
    chart(context.work_dir)
    with pytest.raises(raised):
        await render(context, **config)
    assert [path.name for path in context.work_dir.iterdir()] == ["shop"]


@pytest.mark.parametrize("repository", ["file:///etc", "file://../../etc", "http://169.254.169.254/charts"])
async def test_dependencies_out_of_bounds(context, repository):
    """Directories outside and link-local addresses are refused before helm runs."""
    chart(context.work_dir, f"dependencies:\n- {{name: db, version: 1.0.0, repository: '{repository}'}}\n")
    with pytest.raises((Refused, Invalid), match=r"outside|relative|link-local"):
        await render(context, buildDependencies=True)


async def test_links_out_of_the_working_directory(context, tmp_path):
    """Neither a chart nor the output may hold one: helm would follow it."""
    chart(context.work_dir)
    (tmp_path / "secret.txt").write_text("s3cret")
    (context.work_dir / "shop/templates/leak.yaml").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(Refused, match="link to something outside"):
        await render(context)
    (context.work_dir / "shop/templates/leak.yaml").unlink()
    (context.work_dir / "out").mkdir()
    (context.work_dir / "out/shop").symlink_to(tmp_path)
    with pytest.raises(Invalid, match="outside"):
        await render(context)


async def test_without_helm(context, monkeypatch):
    """The sentence says what to do."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Refused, match="install it"):
        await render(context)
