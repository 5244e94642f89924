"""The command line in real processes on a machine with everything running; wrong use in this one."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from blocks.ledger.records import Phase
from deployments.cli.main import main
from deployments.machine import Machine
from tests.servers.guestbook import Guestbook
from tests.servers.small import MANUAL, Small, stage
from tests.servers.terminal import done, drayage


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param("bogus", "No such command 'bogus'", id="unknown-command"),
        pytest.param("get", "Missing argument", id="no-kind"),
        pytest.param("get nonsense", "'nonsense' is none of analysistemplates, ", id="unknown-kind"),
        pytest.param("get stages", "give --project", id="no-project"),
        pytest.param("get stages -p x -o xml", "'xml' is none of table, json, yaml", id="unknown-format"),
        pytest.param("get stages -p x --limit 0", "greater than or equal to 1", id="no-limit"),
        pytest.param("get stages --colour", "No such option", id="unknown-option"),
        pytest.param("apply", "Missing option", id="apply-nothing"),
        pytest.param("delete stage x", "give --project", id="delete-from-nowhere"),
        pytest.param("delete promotion x -p y", "recorded by Drayage", id="delete-a-record"),
        pytest.param("delete freight x", "give --project", id="delete-freight-from-nowhere"),
        pytest.param("create freight -p x", "give --warehouse or --from", id="create-from-nothing"),
        pytest.param("update freight -p x --new-alias a", "exactly one of --name and --old-alias", id="rename-nothing"),
        pytest.param("update freight -p x --name a", "Missing option '--new-alias'", id="rename-to-nothing"),
        pytest.param("preview -p x --stage a", "exactly one of --freight and --freight-alias", id="preview-nothing"),
        pytest.param("preview -p x --freight f", "Missing option '--stage'", id="preview-nowhere"),
        pytest.param("promote -p x --freight f", "exactly one of --stage and --downstream-from", id="to-nowhere"),
        pytest.param("promote -p x --stage a --downstream-from b --freight f", "exactly one of", id="to-two-places"),
        pytest.param("promote -p x --stage a", "exactly one of --freight, --freight-alias", id="promote-nothing"),
        pytest.param("promote -p x --stage a --freight f --warehouse w", "exactly one of", id="promote-two-things"),
        pytest.param("promote -p x --downstream-from a --warehouse w", "goes with --stage only", id="below-by-origin"),
        pytest.param("promote --stage a --freight f", "Missing option '--project'", id="promote-nowhere"),
        pytest.param("get stages -p x --since 1h", "--since go with events only", id="narrowed-stages"),
        pytest.param("metrics -o yaml", "'yaml' is none of table, json, openmetrics", id="metrics-format"),
        pytest.param("approve -p x --freight f", "exactly one of --stage and --promotion", id="approve-for-nobody"),
        pytest.param("approve -p x --stage s", "exactly one of --freight and --freight-alias", id="approve-nothing"),
        pytest.param("approve -p x --stage s --freight f --reject", "go with --promotion only", id="reject-freight"),
        pytest.param("approve -p x --promotion n --freight f", "go with --stage only", id="approve-both"),
        pytest.param("verify stage", "Missing argument", id="verify-nothing"),
        pytest.param("abort promotion x", "Missing option '--project'", id="abort-nowhere"),
        pytest.param("refresh warehouse w", "Missing option '--project'", id="refresh-nowhere"),
        pytest.param("evaluate", "Missing argument", id="evaluate-nothing"),
        pytest.param("freeze -p x", "Missing option '--reason'", id="freeze-without-reason"),
        pytest.param("freeze --reason r", "give --project or --all", id="freeze-nothing"),
        pytest.param("unfreeze", "give --project or --all", id="unfreeze-nothing"),
        pytest.param("promote -p x --stage a --freight f --break-glass", "needs --reason", id="glass-without-reason"),
    ],
)
def test_wrong_use(arguments: str, sentence: str, capsys: pytest.CaptureFixture[str]):
    """Wrong use ends with 2; the first line on stderr says what is wrong, then how it is used."""
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    first, *rest = said.err.splitlines()
    assert first.startswith("Error: ") and sentence in first, said.err
    assert rest[0].startswith("Usage: drayage ")


@pytest.mark.parametrize("arguments", ["--help", "promote -h", "verify -h"])
def test_help_is_no_error(arguments: str, capsys: pytest.CaptureFixture[str]):
    """Help goes to stdout and ends with 0."""
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    said = capsys.readouterr()
    assert (ended.value.code, said.err) == (0, "")
    assert "Usage: drayage" in said.out


async def test_help_and_wrong_use_wait_for_no_import():
    """What needs no Prefect does not load it: `--help` and a typo take a fraction of a command's start."""
    script = "import sys, deployments.cli.main; print(sorted({n.partition('.')[0] for n in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60).stdout
    assert "'typer'" in loaded
    assert not any(f"'{name}'" in loaded for name in ("prefect", "sqlalchemy", "httpx", "pydantic", "flows"))


async def test_get_shows_what_there_is(small: Small):
    """Tables for people; JSON and YAML in Kargo's shapes; a name gives one object, a kind a list."""
    small.write(stage("test"), stage("prod", upstream="test"), base=MANUAL)
    await small.apply()
    freight = await small.freight("1.0.0")
    await small.enter("test", freight)
    p = ("-p", small.project)

    table = await done("get", "stages", *p)
    header, *rows = table.out.splitlines()
    assert header.split() == ["NAME", "FREIGHT", "VERSIONS", "HEALTH", "AUTO", "LAST", "PROMOTION", "STOPPED"]
    assert [line.split()[0] for line in rows] == ["test", "prod"]
    assert freight.alias in rows[0]

    listed = (await done("get", "stages", *p, "-o", "json")).json
    assert (listed["kind"], listed["apiVersion"]) == ("List", "v1")
    assert [each["metadata"]["name"] for each in listed["items"]] == ["test", "prod"]

    one = YAML(typ="safe").load((await done("get", "stage", "test", *p, "-o", "yaml")).out)
    assert (one["kind"], one["metadata"]["namespace"]) == ("Stage", small.project)
    assert one["status"]["freightSummary"] == freight.name

    assert (await done("freeze", *p, "--reason", "audit", "--until", "4h")).out.startswith(f"project/{small.project}")
    frozen = (await done("get", "stages", *p)).out.splitlines()
    assert all(f"project '{small.project}' is frozen by user:" in line and ": audit (" in line for line in frozen[1:])
    assert (await done("unfreeze", *p)).out == f"project/{small.project} unfrozen\n"
    assert (await drayage("unfreeze", *p)).code == 1

    assert (await done("get", "freight", freight.alias, *p, "-o", "json")).json["metadata"]["name"] == freight.name
    missing = await drayage("get", "stage", "nobody", *p)
    assert (missing.code, missing.out) == (1, "")
    assert missing.err == f"Error: there is no Stage 'nobody' in project {small.project!r}\n"
    empty = await drayage("get", "promotions", *p, "--stage", "prod")
    assert (empty.code, empty.out, empty.err) == (0, "", "no Promotion found\n")


async def test_apply_and_delete(small: Small):
    """Manifests come from files or standard input; problems end with 1, all of them, and nothing is applied."""
    stages = stage("bad", upstream="nobody") + stage("worse") + "  oops: 1\n"
    bad = small.file.read_text() + stages.replace("PROJECT", small.project)
    broken = await drayage("apply", "-f", "-", stdin=bad)
    assert (broken.code, broken.out) == (1, "")
    first, *rest = broken.err.splitlines()
    assert first.startswith("Error: 2 problems in the manifests, nothing was applied")
    assert all(line.startswith("stdin:") and ": spec." in line for line in rest)

    shown = await done("apply", "-f", "-", "--dry-run", stdin=small.file.read_text())
    assert "DRY RUN" in shown.out.splitlines()[0]
    applied = await done("apply", "-f", "-", stdin=small.file.read_text())
    assert [line.split() for line in applied.out.splitlines()[1:]] == [
        line.split() for line in shown.out.splitlines()[1:]
    ]
    assert ["Stage/prod", small.project, "created"] in [line.split() for line in applied.out.splitlines()]

    refused = await drayage("delete", "warehouse", "images", "-p", small.project)
    assert refused.code == 1
    assert refused.err == ("Error: Warehouse 'images' is needed by Stage prod, test: delete or change that first\n")
    assert (await done("delete", "stage", "prod", "-p", small.project)).out == "Stage/prod deleted\n"
    gone = await done("delete", "project", small.project)
    assert f"Project/{small.project} deleted" in gone.out.splitlines()
    assert "Stage/test deleted" in gone.out.splitlines()


async def test_people_promote_approve_verify_and_abort(guestbook: Guestbook):
    """The words of Kargo's CLI, one after the other, on a pipeline that runs."""
    p = ("-p", guestbook.project)
    await guestbook.push_image("1.0.0")
    refreshed = await done("refresh", "warehouse", "guestbook", *p, "--wait")
    assert refreshed.out == "warehouse/guestbook refreshed\n"
    freight = await guestbook.freight("1.0.0")
    assert freight is not None
    await guestbook.verified(freight, "test")
    await guestbook.verified(freight, "uat")

    waited = await done("promote", *p, "--stage", "test", "--freight-alias", freight.alias, "--wait", "-o", "json")
    assert waited.json["kind"] == "Promotion"
    assert waited.json["status"]["phase"] == "Succeeded"
    assert waited.json["spec"]["freight"] == freight.name
    assert "Succeeded" in waited.err

    below = await done("promote", *p, "--downstream-from", "test", "--freight", freight.name[:10])
    assert below.out.startswith("promotion/uat.") and below.out.endswith(" created\n")
    assert (await done("verify", "stage", "test", *p)).out == "stage/test will be verified\n"

    waiting = await guestbook.promotion(freight, "prod")
    rejected = await done("approve", *p, "--promotion", waiting.name, "--reject", "--comment", "not today")
    assert rejected.out == f"promotion/{waiting.name} rejected\n"
    assert (await guestbook.ended(waiting)).phase is Phase.ABORTED
    again = await drayage("approve", *p, "--promotion", waiting.name)
    assert again.code == 1 and "does not wait for people" in again.err

    approved = await done("approve", *p, "--stage", "prod", "--freight", freight.alias)
    assert approved.out == f"freight {freight.alias} approved for stage/prod\n"
    asked = await done("promote", *p, "--stage", "prod", "--freight", freight.name)
    name = asked.out.split()[0].removeprefix("promotion/")
    assert (await done("abort", "promotion", name, *p, "--reason", "enough")).out == f"promotion/{name} Aborted\n"
    assert (await done("abort", "promotion", name, *p)).out == f"promotion/{name} Aborted\n"
    events = (await done("get", "events", *p, "-o", "json", "--limit", "500")).json["items"]
    reasons = {each["reason"] for each in events}
    assert {"PromotionCreated", "PromotionSucceeded", "PromotionAborted", "FreightApproved"} <= reasons
    narrowed = await done("get", "events", *p, "--promotion", name, "--stage", "prod", "--since", "1h", "-o", "json")
    assert {each["involvedObject"]["name"] for each in narrowed.json["items"]} == {name}
    assert (
        f'drayage_deployments{{project="{guestbook.project}",stage="test"}}'
        in (await done("metrics", *p, "-o", "openmetrics")).out
    )
    assert "LEAD TIME" in (await done("metrics", *p, "--stage", "test")).out


async def test_what_cannot_be_done_is_said_in_a_line(small: Small):
    """Exit 1 and one sentence that names what there is instead."""
    small.write(stage("test"), stage("prod", upstream="test"), base=MANUAL)
    await small.apply()
    freight = await small.freight("1.0.0")
    p = ("-p", small.project)
    for arguments, sentence in (
        (("promote", *p, "--stage", "nobody", "--freight", freight.name), "has no Stage 'nobody'; it has: prod, test"),
        (("promote", *p, "--stage", "test", "--freight", "nothing"), "no Freight"),
        (("promote", *p, "--stage", "prod", "--freight", freight.name), "not"),
        (("promote", *p, "--downstream-from", "prod", "--freight", freight.name), "is downstream of 'prod'"),
        (("approve", *p, "--stage", "test", "--freight", "nothing"), "no Freight"),
        (("refresh", "warehouse", "nobody", *p), "has no Warehouse 'nobody'; it has: configs, images"),
        (("verify", "stage", "test", *p), "runs no Freight yet"),
        (("verify", "stage", "test", *p, "--abort"), "under way"),
        (("abort", "promotion", "nobody", *p), "has no Promotion 'nobody'"),
        (("delete", "stage", "nobody", *p), "there is no Stage 'nobody'"),
        (("apply", "-f", "/nowhere.yaml"), "cannot be read"),
    ):
        ended = await drayage(*arguments)
        assert (ended.code, ended.out) == (1, ""), arguments
        assert ended.err.startswith("Error: ") and sentence in ended.err, (arguments, ended.err)


async def test_settings_that_are_wrong_are_named(machine: Machine, tmp_path: Path):
    """A variable that cannot be read is named without its value; so is a home that cannot be used."""
    wrong = await drayage("get", "projects", env={"DRAYAGE_LEASE_SECONDS": "hunter2"})
    assert (wrong.code, wrong.out) == (1, "")
    assert wrong.err.startswith("Error: DRAYAGE_LEASE_SECONDS is wrong: ")
    assert "hunter2" not in wrong.err
    file = tmp_path / "file"
    file.write_text("")
    home = await drayage("get", "projects", env={"DRAYAGE_HOME": str(file / "home")})
    assert (home.code, home.err) == (1, f"Error: cannot use {file / 'home'}: Not a directory\n")
    ledger = await drayage("get", "projects", env={"DRAYAGE_LEDGER_URL": "mysql://u:hunter2@h/db"})
    assert ledger.code == 1 and ledger.err.startswith("Error: ")
    assert "hunter2" not in ledger.err


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        pytest.param(["1 + 1"], "2\ntype: int\n", id="expression"),
        pytest.param(["vars.image + ':' + string(n)", "ENV"], '"a:2"\ntype: string\n', id="environment"),
        pytest.param(["tag ${{ n }}", "ENV"], '"tag 2"\ntype: string\n', id="template"),
        pytest.param(["${{ n }}", "ENV"], "2\ntype: float64\n", id="template-of-one-value"),
        pytest.param(["[1, nil, {a: 2.5}]"], '[1, null, {"a": 2.5}]\ntype: array\n', id="values"),
        pytest.param(["quote('ü')"], None, id="unicode"),
    ],
)
def test_evaluate(arguments: list[str], out: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The value as JSON and its type, of an expression or of a template as steps see it."""
    env = tmp_path / "env.json"
    env.write_text(json.dumps({"vars": {"image": "a"}, "n": 2}))
    options = ["--env", str(env)] if arguments[1:] else []
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", arguments[0], *options])
    said = capsys.readouterr()
    assert (ended.value.code, said.err) == (0, "")
    assert out is None or said.out == out


@pytest.mark.parametrize(
    ("expression", "content", "sentence"),
    [
        pytest.param("1 +", None, "The expression fails: it ends too early", id="syntax"),
        pytest.param("nobody.x", None, "The expression fails", id="unknown-name"),
        pytest.param("${{ 1 + }}", None, "The expression fails", id="template"),
        pytest.param("1", "[1", "is no JSON", id="no-json"),
        pytest.param("1", "[1]", "holds array, expected an object", id="no-object"),
        pytest.param("1", "", "cannot read", id="no-file"),
    ],
)
def test_evaluate_says_what_is_wrong(
    expression: str, content: str | None, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Exit 1 and one line, for expressions and for files with variables."""
    env = tmp_path / "env.json"
    if content:
        env.write_text(content)
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", expression, *([] if content is None else ["--env", str(env)])])
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (1, "")
    assert said.err.startswith("Error: ") and sentence in said.err and len(said.err.splitlines()) == 1


async def test_evaluate_is_quick(tmp_path: Path):
    """An expression is tried within a moment and without any server, as people do it in a loop."""
    began = time.monotonic()
    ended = await done("evaluate", "upper('a')", env={"PREFECT_API_URL": "", "DRAYAGE_HOME": str(tmp_path)})
    assert ended.out == '"A"\ntype: string\n'
    assert time.monotonic() - began < 20
    assert list(tmp_path.iterdir()) == []


async def test_evaluate_in_a_stage(small: Small):
    """Expressions see the Stage, the Freight it would take and its variables; gates do not matter."""
    small.write(stage("test"), stage("prod", upstream="test"), base=MANUAL)
    await small.apply()
    freight = await small.freight("1.0.0")
    options = ("-p", small.project, "--stage", "prod", "--freight", freight.alias)
    template = "${{ ctx.stage }}/${{ ctx.targetFreight.alias }}/${{ warehouse('images').Name }}"
    assert (await done("evaluate", template, *options)).out == f'"prod/{freight.alias}/images"\ntype: string\n'
    nowhere = await drayage("evaluate", "1", "-p", small.project, "--stage", "nowhere")
    assert (nowhere.code, "nowhere" in nowhere.err) == (1, True)
    assert (await drayage("evaluate", "1", "--freight", "x")).code == 2
