"""Packages that others would write, installed as a user installs them."""

import shutil
import subprocess
import sys
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

import pytest


def installed(source: Path, folders: pytest.TempPathFactory) -> Path:
    """Install a package by pip and without a network, into a folder of its own."""
    copy, site = folders.mktemp("source") / "package", folders.mktemp("site")
    shutil.copytree(source, copy)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", site, copy], check=True, timeout=120)
    return site


def entry_point(folder: Path, group: str, distribution: str, name: str, code: str) -> EntryPoint:
    """An entry point of a distribution that consists of one module; the folder is on the path."""
    module = f"{distribution.replace('-', '_')}_{abs(hash(code)) % 10**8}"
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{distribution}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    return EntryPoint(name, module, group)._for(Distribution.at(info))
