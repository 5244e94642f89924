"""Real servers and programs for the tests, in `.cache/components`: unpacked from Debian packages, or built by Go.

`python -m tests.components` brings all of them; where there is no Debian, or no mirror answers, the tests that
need one are skipped with the reason, and fail in CI (`CI=true`). What Go builds takes minutes, so it is built only by
`python -m tests.components build`; without it the tests that need it are skipped.
"""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[1] / ".cache" / "components"

PACKAGES = {
    "docker-registry": "docker-registry",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "lighttpd": "lighttpd",
}
"""Program to Debian package, of the release this machine runs."""

NEWER = {"kustomize": ("kustomize", "trixie")}
"""Program to package and Debian release, where this release has none; the program is static."""

BUILT = {"helm": "helm.sh/helm/v3/cmd/helm@v3.18.6"}
"""Program to Go command and version, for what Debian does not have."""


def program(name: str) -> Path:
    """Return the path of a program; without it the test is skipped, and in CI it fails unless Go has to build it."""
    for found in (CACHE / "root" / "usr" / directory / name for directory in ("bin", "sbin")):
        if found.exists():
            return found
    if on_path := shutil.which(name):
        return Path(on_path)
    reason = f"{name} is neither in {CACHE.name} nor on the path: run 'python -m tests.components' on Debian"
    if os.environ.get("CI") == "true" and name not in BUILT:
        pytest.fail(reason)
    pytest.skip(reason)


def bring(build: bool = False) -> None:
    """Fetch what is missing, and `build` what takes minutes. Prints lines; raises nothing where it cannot be had."""
    for name, command in BUILT.items() if build else ():
        if not _present(name):
            _build(name, command)
    wanted = {package for name, package in PACKAGES.items() if not _present(name)}
    newer = {package: release for name, (package, release) in NEWER.items() if not _present(name)}
    if not wanted and not newer:
        return
    if not shutil.which("apt-get") or platform.machine() != "x86_64":
        print(f"components: no Debian here, tests that need {', '.join(sorted(wanted | set(newer)))} are skipped")
        return
    if wanted:
        _unpack("here", sorted(wanted), [])
    for package, release in newer.items():
        _unpack(release, [f"{package}/{release}"], _sources(release))


def _present(name: str) -> bool:
    return any((CACHE / "root" / "usr" / directory / name).exists() for directory in ("bin", "sbin"))


def _build(name: str, command: str) -> None:
    if not shutil.which("go"):
        print(f"components: no Go here, tests that need {name} are skipped")
        return
    made = CACHE / "root" / "usr" / "bin"
    made.mkdir(parents=True, exist_ok=True)
    install = ["go", "install", "-trimpath", "-ldflags=-s -w", command]
    try:
        subprocess.run(install, check=True, capture_output=True, timeout=420, env=os.environ | {"GOBIN": str(made)})
    except (subprocess.SubprocessError, OSError) as error:
        detail = getattr(error, "stderr", b"") or b""
        print(f"components: {command} cannot be built: {error} {detail.decode(errors='replace')[-400:]}")
        return
    print(f"components: built {command}")


def _unpack(label: str, packages: list[str], options: list[str]) -> None:
    state = CACHE / label
    for folder in ("lists/partial", "cache/archives/partial", "debs"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    base = ["-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::Cache={state}/cache", "-o", "Debug::NoLocking=1"]
    apt = ["apt-get", "-q", *base, *options]
    try:
        subprocess.run([*apt, "update"], check=True, capture_output=True, timeout=180)
        subprocess.run([*apt, "download", *packages], check=True, capture_output=True, timeout=300, cwd=state / "debs")
    except (subprocess.SubprocessError, OSError) as error:
        detail = getattr(error, "stderr", b"") or b""
        print(f"components: {' '.join(packages)} cannot be had: {error} {detail.decode(errors='replace')[-400:]}")
        return
    for archive in (state / "debs").glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(archive), str(CACHE / "root")], check=True, timeout=120)
    print(f"components: unpacked {' '.join(packages)}")


def _sources(release: str) -> list[str]:
    """Point apt at another Debian release on this machine's own mirror, whose address is read, never written here."""
    listing = CACHE / f"{release}.list"
    listing.parent.mkdir(parents=True, exist_ok=True)
    keyring = "[trusted=yes]" if not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists() else ""
    listing.write_text(f"deb {keyring} {_mirror()} {release} main\n")
    return ["-o", f"Dir::Etc::sourcelist={listing}", "-o", "Dir::Etc::sourceparts=-"]


def _mirror() -> str:
    for file in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        if not file.is_file():
            continue
        for line in file.read_text().splitlines():
            words = line.split()
            if line.startswith("URIs:") and "security" not in line:
                return words[1]
            if words[:1] == ["deb"] and "security" not in line:
                return next(word for word in words if "://" in word)
    return ""


if __name__ == "__main__":
    bring(build="build" in sys.argv[1:])
    sys.exit(0)
