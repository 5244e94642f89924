#!/usr/bin/env python3
"""Stands in for Terraform where there is none: a configuration with one variable `text`, a state with one resource.

It knows the commands, options and exit codes that the steps use, and says what Terraform says there.
"""

import json
import os
import sys
from pathlib import Path

STATE = Path("terraform.tfstate")


def main(command: str, *arguments: str) -> int:
    """Run one command in the current directory."""
    if not Path("main.tf").exists() or "resource {" in Path("main.tf").read_text():
        print("Error: Invalid block definition", file=sys.stderr)
        return 1
    options = dict(each.lstrip("-").partition("=")[::2] for each in arguments if each.startswith("-"))
    plain = [each for each in arguments if not each.startswith("-")]
    state = json.loads(STATE.read_text()) if STATE.exists() else {"serial": 0}
    return {"init": init, "plan": plan, "show": show, "apply": apply, "output": output}[command](options, plain, state)


def init(options: dict, plain: list, state: dict) -> int:
    """Make a data directory, as the real one does, where it is told to."""
    Path(os.environ.get("TF_DATA_DIR", ".terraform")).mkdir(exist_ok=True)
    return 0


def text(options: dict) -> str:
    """The variable; exits without it."""
    given = json.loads(Path(options["var-file"]).read_text()) if "var-file" in options else {}
    if "text" not in given and "TF_VAR_text" not in os.environ:
        print("Error: No value for required variable", file=sys.stderr)
        sys.exit(1)
    found = str(given.get("text", os.environ.get("TF_VAR_text")))  # noqa: SIM112 - the program's own spelling
    if "tonumber" in Path("main.tf").read_text():
        print(f'Error: Invalid function argument: cannot convert "{found}" to number', file=sys.stderr)
        sys.exit(1)
    return found


def plan(options: dict, plain: list, state: dict) -> int:
    """Keep a plan; exit code 2 when it would change something."""
    wanted = text(options)
    Path(options["out"]).write_text(json.dumps({"text": wanted, "serial": state["serial"]}))
    return 0 if state.get("text") == wanted else 2


def show(options: dict, plain: list, state: dict) -> int:
    """Show a plan in words."""
    kept = json.loads(Path(plain[0]).read_text())
    add = "0 to add, 1 to change" if "text" in state else "1 to add, 0 to change"
    print(f'  + input  = "{kept["text"]}"\n\nPlan: {add}, 0 to destroy.')
    return 0


def apply(options: dict, plain: list, state: dict) -> int:
    """Apply a plan that is not stale, or what there is to change."""
    kept = json.loads(Path(plain[0]).read_text()) if plain else {"text": text(options), "serial": state["serial"]}
    if kept["serial"] != state["serial"]:
        print("Error: Saved plan is stale", file=sys.stderr)
        return 1
    STATE.write_text(json.dumps({"text": kept["text"], "serial": state["serial"] + 1}))
    print("Apply complete! Resources: 1 added, 0 changed, 0 destroyed.\n\nOutputs:\n\ntoken = <sensitive>")
    return 0


def output(options: dict, plain: list, state: dict) -> int:
    """Give all outputs as JSON."""
    token = {"sensitive": True, "type": "string", "value": "planted-secret-71"}
    values = {"text": {"value": state.get("text")}, "count": {"sensitive": False, "value": 3}, "token": token}
    print(json.dumps(values))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
