"""What the steps about Terraform have in common: how the program is found and run.

`terraform` is taken, or else `tofu`. It sees nothing of the worker's environment but the path, proxies and locale;
what it needs to reach its providers and state is given by `env`. It is initialised anew each time, outside the
working directory, so that nothing of that is committed.
"""

import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from blocks.errors import Invalid, NotFound, Refused
from flows.model import Model
from flows.promotion.program import Program
from flows.promotion.result import StepContext

SECONDS = 3_600.0
"""How long one run of the program may take."""

CHANGES = 2
"""Exit code of a plan with `-detailed-exitcode` that would change something."""

LONGEST_SHOWN = 8_000
"""Characters of a plan that a dry run shows."""

LOCK_TIMEOUT = "-lock-timeout=60s"

Json = dict[str, Any]

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$", max_length=200)]


class Variable(Model):
    """One of the configuration's input variables."""

    name: Name = Field(description="Name of the variable.")
    value: Any = Field(description="Its value; what is no text is given as JSON.")


class EnvironmentVariable(Model):
    """One variable of the program's environment."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=200)] = Field(description="Name.")
    value: str = Field(repr=False, description="Value, such as a secret.")


class TerraformConfig(Model):
    """A configuration and what it is given."""

    dir: str = Field(default=".", min_length=1, description="Directory of the configuration.")
    vars: list[Variable] = Field(default_factory=list, max_length=200, description="Input variables.")
    env: list[EnvironmentVariable] = Field(
        default_factory=list, max_length=100, description="Environment of the program: credentials come this way only."
    )


@dataclass(frozen=True)
class Terraform:
    """The program in one directory. `secrets` never stand in what is raised."""

    command: str
    program: Program
    variables: Path
    secrets: tuple[str, ...] = field(default=(), repr=False)

    async def init(self) -> None:
        """Make the directory ready: backend, providers, modules."""
        await self.run("init", "-input=false", "-no-color")

    async def run(self, *arguments: str) -> str:
        """Run a command of the program. Raises as `Program.run`, without a secret."""
        return (await self._run(arguments, (0,)))[1]

    async def plan(self, file: Path) -> str:
        """Plan into a file and return the plan in words, empty when there is nothing to change."""
        options = ("-input=false", "-no-color", LOCK_TIMEOUT, "-detailed-exitcode", f"-out={file}")
        code, _ = await self._run(("plan", *options, *self.given), (0, CHANGES))
        return hidden(await self.run("show", "-no-color", str(file)), self.secrets) if code == CHANGES else ""

    async def _run(self, arguments: Sequence[str], fine: Sequence[int]) -> tuple[int, str]:
        try:
            return await self.program.run_coded([self.command, *arguments], fine)
        except Invalid as error:
            raise Invalid(hidden(str(error), self.secrets)) from None

    @property
    def given(self) -> list[str]:
        """The argument that gives the input variables."""
        return [f"-var-file={self.variables}"]


def hidden(text: str, secrets: tuple[str, ...]) -> str:
    """A text with secrets left out, the longest first."""
    for secret in sorted((each for each in secrets if len(each) > 3), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def installed() -> str:
    """Find the program. Raises Refused."""
    if found := shutil.which("terraform") or shutil.which("tofu"):
        return found
    raise Refused("neither terraform nor tofu is installed where this runs: install one of them")


@asynccontextmanager
async def terraform(config: TerraformConfig, ctx: StepContext, task: str) -> AsyncIterator[Terraform]:
    """Open the program in the config's directory, with a home that is gone afterwards. Raises NotFound, Refused."""
    directory, command = ctx.path(config.dir), installed()
    if not directory.is_dir():
        raise NotFound(f"there is no directory {config.dir!r} in the promotion's working directory")
    environment = {each.name: each.value for each in config.env}
    with tempfile.TemporaryDirectory(prefix="drayage-terraform-") as home:
        variables = Path(home) / "given.tfvars.json"
        variables.write_text(json.dumps({each.name: each.value for each in config.vars}))
        data = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1", "TF_DATA_DIR": f"{home}/data"}
        program = Program(Path(home), directory, f"{task} {config.dir!r}", {**data, **environment}, SECONDS)
        opened = Terraform(command, program, variables, tuple(each.value for each in config.env))
        await opened.init()
        yield opened


COUNTS = re.compile(r"^(?:Plan: .*|No changes\..*|Apply complete! .*)$", re.MULTILINE)


def summary(said: str) -> str:
    """The line of what the program said that counts what changes."""
    found = COUNTS.findall(said)
    return found[-1][:300] if found else ""
