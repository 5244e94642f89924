"""Planning, applying and reading over a state that is a file, with a stand-in where no real program is installed."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from blocks.errors import Invalid, NotFound, Refused
from flows.promotion.attempt import attempt, check
from flows.promotion.foresight import Imagined
from flows.promotion.result import Skipped, Succeeded
from flows.promotion.steps import STEPS
from flows.promotion.terraform import hidden
from tests.flows.promotion.workspace import step_context
from tests.servers import terraform_stand_in

MAIN = """
variable "text" {}
resource "terraform_data" "it" {
  input = var.text
}
output "text" {
  value = terraform_data.it.output
}
output "count" {
  value = 3
}
output "token" {
  value     = "planted-secret-71"
  sensitive = true
}
"""


STAND_IN = Path(terraform_stand_in.__file__)


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A working directory with a configuration; the program is the real one where it is installed."""
    if not (shutil.which("terraform") or shutil.which("tofu")):
        (tmp_path / "bin").mkdir()
        program = tmp_path / "bin/tofu"
        program.write_text(f"#!{sys.executable}\n{STAND_IN.read_text()}")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra/main.tf").write_text(MAIN)
    return tmp_path


async def step(work, uses, text=None, **config):
    """Run a step."""
    given = {"vars": [{"name": "text", "value": text}]} if text is not None else {}
    return await attempt({"uses": uses}, {"dir": "infra", **given, **config}, step_context(work))


async def test_plan_apply_read(work):
    """What was planned is applied, and then there is nothing to change."""
    planned = await step(work, "tf-plan", "one", out="plan")
    assert planned.message == "Plan: 1 to add, 0 to change, 0 to destroy."
    assert 'input  = "one"' in planned.outputs["plan"]
    assert not (work / "infra/terraform.tfstate").exists()
    applied = await step(work, "tf-apply", plan="plan")
    assert applied.message.startswith("Apply complete! Resources: 1 added")
    assert "planted" not in applied.outputs["result"]
    assert await step(work, "tf-plan", "one") == Skipped("there is nothing to change", {"plan": ""})
    assert await step(work, "tf-output", name="text") == Succeeded({"value": "one"})
    found = await step(work, "tf-output")
    assert found.outputs == {"values": {"text": "one", "count": 3}}
    assert found.message == "left out as sensitive: token"
    assert not (work / "infra/.terraform").exists(), "what it is initialised with is never committed"


async def test_a_plan_is_applied_once(work):
    """Applied again, as after a crash, there is nothing to do; when somebody changed things meanwhile it is refused."""
    await step(work, "tf-plan", "one", out="plan")
    await step(work, "tf-apply", plan="plan")
    again = await step(work, "tf-apply", "one", plan="plan")
    assert again.message == "was applied before: there is nothing left to change"
    await step(work, "tf-plan", "two", out="second")
    await step(work, "tf-apply", "three")
    with pytest.raises(Invalid, match="the plan 'second' is stale: the state has changed since"):
        await step(work, "tf-apply", "two", plan="second")


async def test_a_lost_plan_is_made_again(work):
    """The same; when it would be another than people saw, the promotion ends."""
    kind, config = STEPS["tf-plan"], {"dir": "infra", "out": "plan", "vars": [{"name": "text", "value": "one"}]}
    planned = await step(work, "tf-plan", "one", out="plan")
    (work / "plan").unlink()
    await kind.restore(check(kind, config), step_context(work), planned.outputs)
    assert (work / "plan").exists()
    await step(work, "tf-apply", "other")
    with pytest.raises(Invalid, match="planned something else"):
        await kind.restore(check(kind, config), step_context(work), planned.outputs)


async def test_sensitive_outputs(work):
    """They are put out nowhere, and written to a file only when that is asked for."""
    await step(work, "tf-apply", "one")
    with pytest.raises(Refused, match="output 'token' is sensitive"):
        await step(work, "tf-output", name="token")
    with pytest.raises(Refused, match="written to a file only"):
        await step(work, "tf-output", name="token", sensitive=True)
    found = await step(work, "tf-output", name="token", sensitive=True, out="made/token")
    assert found == Succeeded({})
    assert (work / "made/token").read_text() == "planted-secret-71"
    await step(work, "tf-output", out="made/all.json")
    assert "planted" not in (work / "made/all.json").read_text()


async def test_the_environment(work, monkeypatch):
    """The program sees what `env` gives it, and nothing of the worker's own; what is secret is in no complaint."""
    monkeypatch.setenv("TF_VAR_text", "of the worker")
    with pytest.raises(Invalid, match="No value for required variable"):
        await step(work, "tf-plan")
    given = {"env": [{"name": "TF_VAR_text", "value": "planted-secret-72"}]}
    await step(work, "tf-apply", **given)
    (work / "infra/main.tf").write_text('variable "text" {}\noutput "x" {\n  value = tonumber(var.text)\n}\n')
    with pytest.raises(Invalid) as refused:
        await step(work, "tf-plan", **given)
    assert "planted-secret-72" not in str(refused.value)


async def test_troubles(work):
    """What is missing or wrong is told, and nothing outside the working directory is reached."""
    with pytest.raises(NotFound, match="there is no directory 'none'"):
        await step(work, "tf-plan", dir="none")
    with pytest.raises(NotFound, match="no plan 'none'"):
        await step(work, "tf-apply", plan="none")
    await step(work, "tf-apply", "one")
    with pytest.raises(NotFound, match="there is no output 'none' in 'infra'; there are: count, text, token"):
        await step(work, "tf-output", name="none")
    for config in ({"dir": ".."}, {"out": "../plan"}):
        with pytest.raises(Invalid, match="leads outside"):
            await step(work, "tf-plan", "one", **config)
    (work / "infra/main.tf").write_text("resource {")
    with pytest.raises(Invalid, match="could not plan 'infra'"):
        await step(work, "tf-plan")


async def test_without_the_program(tmp_path, monkeypatch):
    """The sentence says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "infra").mkdir()
    with pytest.raises(Refused, match="neither terraform nor tofu is installed"):
        await step(tmp_path, "tf-plan")


def test_secrets_are_hidden_the_longest_first():
    """Short ones would hide words."""
    assert hidden("token-12 token-123 a", ("token-12", "token-123", "a")) == "*** *** a"


async def test_what_is_foreseen(work):
    """A dry run plans and shows the plan, without the secrets the program is given, and changes nothing."""
    given = {"dir": "infra", "env": [{"name": "TF_VAR_text", "value": "planted-secret-73"}]}

    async def foresee(uses, **config):
        return await STEPS[uses].foresee(check(STEPS[uses], {**given, **config}), step_context(work), Imagined())

    planned = await foresee("tf-plan", out="plan")
    assert planned.description.startswith("Plan: 1 to add")
    for applied in (await foresee("tf-apply", plan="plan"), await foresee("tf-apply")):
        assert applied.description.startswith("would apply this to `infra`:\n\n```")
        assert "planted" not in applied.description and not applied.known
    assert not (work / "infra/terraform.tfstate").exists()
    await step(work, "tf-apply", env=given["env"])
    assert (await foresee("tf-apply")).description == "would change nothing"
    with pytest.raises(NotFound, match="no plan 'none'"):
        await foresee("tf-apply", plan="none")
