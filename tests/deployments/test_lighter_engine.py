"""What the worker spares each run: that Prefect's engine goes without, and how long an answer holds."""

import os
import subprocess
import sys
from uuid import uuid4

from deployments.lighter_engine import seldom

TWO_RUNS = """
import asyncio
from prefect import flow, results
ask = results._read_server_default_result_storage_block_id
asked = []
results._read_server_default_result_storage_block_id = lambda: (asked.append("storage"), ask())[1]
from deployments import lighter_engine
if {light}:
    lighter_engine.lighten()

@flow(name="light", flow_run_name="light {{number}}")
async def light(number):
    return number

for number in range(2):
    assert asyncio.run(light(number)) == number
print(len(asked))
"""


def test_an_answer_holds_for_its_time():
    """It is asked for again when the time is over; that there is none is an answer, too."""
    answers, now = [None, uuid4()], [0.0]
    ask = seldom(iter(answers).__next__, 60, lambda: now[0])
    assert [ask(), ask()] == [None, None]
    now[0] = 59.9
    assert ask() is None
    now[0] = 60.0
    assert [ask(), ask()] == [answers[1]] * 2


def test_runs_share_one_answer(prefect_server):
    """Prefect's engine asks in each run; made lighter, once for both."""
    asked = {light: int(printed(TWO_RUNS.format(light=light), prefect_server)) for light in (False, True)}
    assert asked[False] > 1
    assert asked[True] == 1


def printed(script: str, api: str) -> str:
    """The last line that a script prints in a process of its own."""
    env = os.environ | {"PREFECT_API_URL": api}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3_000:]
    return done.stdout.splitlines()[-1]
