"""helm-update-chart edits Chart.yaml, and has the real program resolve, lock and download."""

import re
import shutil
from dataclasses import replace

import pytest

from blocks.errors import Invalid, NotFound
from flows.promotion.steps.helm_update_chart import Config, restore, run
from tests.flows.promotion.steps.helm_charts import chart, context, locked, push_chart, repository

__all__ = ["context", "locked"]


async def update(context, **config):
    """Run the step on the chart and return its outputs."""
    return (await run(Config.model_validate({"path": "shop", **config}), context)).outputs


def dependencies(url, version, *more):
    """The text of a chart's dependencies."""
    lines = ["dependencies:", "- name: db  # the database", f"  version: {version}", f"  repository: {url}"]
    return "\n".join([*lines, *more, ""])


def archives(context):
    """What is in the chart's `charts`."""
    return sorted(path.name for path in (context.work_dir / "shop/charts").iterdir())


async def test_a_version(context):
    """Only the version changes in Chart.yaml; lock and archive follow; the lock's time is that of the step's start."""
    with repository({"db": ["1.0.0", "2.0.0"]}, auth=("ana", "pa55word")) as url:
        chart(context.work_dir, dependencies(url, "1.0.0"))
        before = (context.work_dir / "shop/Chart.yaml").read_text()
        first = await update(replace(context, alias="before"))
        change = {"repository": url, "name": "db", "version": "2.0.0"}
        outputs = await update(context, charts=[change])
        again = await update(context, charts=[change])
    assert first["commitMessage"] == "Updated chart dependencies for shop\n\n- db: 1.0.0"
    assert outputs["commitMessage"] == "Updated chart dependencies for shop\n\n- db: 1.0.0 -> 2.0.0"
    assert again == outputs
    assert (context.work_dir / "shop/Chart.yaml").read_text() == before.replace("version: 1.0.0", "version: 2.0.0")
    lock = (context.work_dir / "shop/Chart.lock").read_text()
    assert lock == outputs["lock"]
    assert "version: 2.0.0" in lock
    assert 'generated: "2025-01-01T00:00:00Z"' in lock
    assert archives(context) == ["db-2.0.0.tgz"]


async def test_within_ranges(context):
    """Without charts the newest that fit are locked; Chart.yaml stays; when nothing is new, the lock stays, too."""
    with repository({"db": ["1.0.0", "1.4.2", "2.0.0"]}) as url:
        chart(context.work_dir, dependencies(url, "^1.0.0"))
        before = (context.work_dir / "shop/Chart.yaml").read_text()
        outputs = await update(context)
        assert outputs["commitMessage"].endswith("\n- db: 1.4.2")
        lock = re.sub("generated: .*", 'generated: "2001-01-01T00:00:00Z"', outputs["lock"])
        (context.work_dir / "shop/Chart.lock").write_text(lock)
        assert await update(replace(context, alias="later")) == {"lock": lock}
    assert (context.work_dir / "shop/Chart.lock").read_text() == lock
    assert (context.work_dir / "shop/Chart.yaml").read_text() == before


async def test_of_an_oci_registry(context, locked):
    """The repository is the registry without the chart's name, and its credentials are those of both."""
    for version in ("1.0.0", "1.1.0"):
        push_chart(locked, "charts", "db", version)
    chart(context.work_dir, dependencies(f"oci://{locked}/charts", "1.0.0"))
    change = {"repository": f"oci://{locked}/charts", "name": "db", "version": "1.1.0"}
    assert (await update(context, charts=[change]))["commitMessage"].endswith("\n- db: 1.1.0")
    assert archives(context) == ["db-1.1.0.tgz"]
    assert set(context.previous["asked"]) == {("helm", f"oci://{locked}/charts/db")}


async def test_on_another_machine(context):
    """A lost directory gets what was locked, though something newer is there by now."""
    charts = {"db": ["1.0.0", "1.1.0"]}
    with repository(charts) as url:
        chart(context.work_dir, dependencies(url, "^1.0.0"))
        outputs = await update(context)
        charts["db"].append("1.2.0")
        shutil.rmtree(context.work_dir / "shop")
        chart(context.work_dir, dependencies(url, "^1.0.0"))
        await restore(Config.model_validate({"path": "shop"}), context, outputs)
    assert archives(context) == ["db-1.1.0.tgz"]
    assert (context.work_dir / "shop/Chart.lock").read_text() == outputs["lock"]


async def test_on_another_machine_with_a_change(context):
    """Chart.yaml is edited again, too."""
    with repository({"db": ["1.0.0", "2.0.0"]}) as url:
        config = {"path": "shop", "charts": [{"repository": url, "name": "db", "version": "2.0.0"}]}
        chart(context.work_dir, dependencies(url, "1.0.0"))
        outputs = await update(context, **config)
        shutil.rmtree(context.work_dir / "shop")
        chart(context.work_dir, dependencies(url, "1.0.0"))
        await restore(Config.model_validate(config), context, outputs)
    assert "version: 2.0.0" in (context.work_dir / "shop/Chart.yaml").read_text()
    assert archives(context) == ["db-2.0.0.tgz"]


async def test_without_dependencies(context):
    """There is nothing to lock."""
    chart(context.work_dir)
    assert await update(context) == {}


@pytest.mark.parametrize(
    ("change", "config", "raised", "said"),
    [
        pytest.param({"name": "cache"}, {}, Invalid, "no dependency 'cache'", id="another name"),
        pytest.param(
            {"repository": "https://x.example.com"}, {}, Invalid, "no dependency 'db'", id="another repository"
        ),
        pytest.param({"version": "9.9.9"}, {}, Invalid, "9.9.9", id="no such version"),
        pytest.param({}, {"path": "none"}, NotFound, "no chart 'none'", id="no chart"),
        pytest.param({}, {"path": "../shop"}, Invalid, "outside", id="outside"),
    ],
)
async def test_what_cannot_be_updated(context, change, config, raised, said):
    """The sentence says why."""
    with repository({"db": ["1.0.0", "2.0.0"]}) as url:
        chart(context.work_dir, dependencies(url, "1.0.0"))
        wanted = {"repository": url, "name": "db", "version": "2.0.0", **change}
        with pytest.raises(raised, match=re.escape(said)):
            await update(context, charts=[wanted], **config)
