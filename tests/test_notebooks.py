"""The notebooks do what they show, on a real Prefect server."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from deployments.machine import Machine
from tests.servers.guestbook import Guestbook, opened_guestbook
from tests.servers.machine import terminal_environment

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))

RUN = """
import ast, asyncio, inspect, sys, types
code = compile(sys.stdin.read(), "notebook", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
result = types.FunctionType(code, {"__name__": "__main__"})()
if inspect.iscoroutine(result):
    asyncio.run(result)
"""
"""Runs a script that may await at its top, as a notebook's kernel does."""


def cells(notebook: Path) -> list[str]:
    """The code of a notebook, cell by cell."""
    found = json.loads(notebook.read_text())["cells"]
    return ["".join(each["source"]) for each in found if each["cell_type"] == "code"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_valid_and_empty(notebook: Path):
    """A notebook is nbformat 4 with an id in every cell, and holds no outputs."""
    read = json.loads(notebook.read_text())
    assert read["nbformat"] == 4
    ids = [each["id"] for each in read["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in read["cells"]:
        assert isinstance(cell["source"], list)
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == ([], None)


async def test_first_promotion(machine: Machine, tmp_path: Path):
    """The notebook discovers an image, promotes it to test and finds it verified there."""
    # Nothing promotes by itself here, so that the notebook does it.
    by_hand = _replaced("autoPromotionEnabled: true", "autoPromotionEnabled: false")
    async with opened_guestbook(tmp_path, "notebook-first-promotion", by_hand) as guestbook:
        await guestbook.push_image("1.0.0")
        printed = await _run(machine, guestbook, "first_promotion")
        freight = await guestbook.freight("1.0.0")
        assert freight is not None, printed
        assert f"Promoted - test runs {freight.alias}" in printed
        assert "promote::commit Succeeded" in printed
        assert "test" in (await guestbook.standing(freight)).verified_in


def _replaced(old, new):
    return lambda text: text.replace(old, new)


async def _run(machine: Machine, guestbook: Guestbook, name: str) -> str:
    """Run a notebook's code in a process of its own, for the project of the test."""
    first, *rest = cells(next(path for path in NOTEBOOKS if path.stem == name))
    assert 'PROJECT = "guestbook"' in first
    script = "\n".join([first.replace('PROJECT = "guestbook"', f'PROJECT = "{guestbook.project}"'), *rest])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        RUN,
        env=terminal_environment(machine),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(90):
            output, _ = await process.communicate(script.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    printed = output.decode()
    assert process.returncode == 0, printed
    return printed
