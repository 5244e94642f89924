"""`drayage`: the command line. Words and meanings are those of Kargo's own; each command is one module here.

Modules of commands import Prefect, which takes seconds, only once their command runs: help and wrong use answer fast.
"""

import sys
from collections.abc import Sequence

import typer

from deployments.cli import (
    abort,
    apply,
    approve,
    collect,
    create,
    delete,
    demo,
    evaluate,
    freeze,
    get,
    metrics,
    preview,
    promote,
    refresh,
    retry,
    rollback,
    test,
    unfreeze,
    up,
    update,
    verify,
)
from deployments.fail import fail

WRONG_USE: type[Exception] = typer.BadParameter.__bases__[0]
"""What typer raises for wrong use; it has no public name there."""

app = typer.Typer(
    name="drayage",
    help="Continuous promotion for GitOps, run by Prefect.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("demo")(demo.demo)
app.command("up")(up.up)
app.command("apply")(apply.apply)
app.add_typer(create.app, name="create")
app.add_typer(update.app, name="update")
app.command("delete")(delete.delete)
app.command("get")(get.get)
app.command("metrics")(metrics.metrics)
app.add_typer(refresh.app, name="refresh")
app.command("preview")(preview.preview)
app.command("promote")(promote.promote)
app.command("rollback")(rollback.rollback)
app.command("approve")(approve.approve)
app.add_typer(verify.app, name="verify")
app.add_typer(abort.app, name="abort")
app.add_typer(retry.app, name="retry")
app.command("freeze")(freeze.freeze)
app.command("unfreeze")(unfreeze.unfreeze)
app.command("collect")(collect.collect)
app.command("evaluate")(evaluate.evaluate)
app.command("test")(test.test)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Ends the process: 0 done, 1 the thing asked for failed, 2 wrong use."""
    try:
        code = app(arguments, prog_name="drayage", standalone_mode=False)
    except typer.Abort:
        fail("interrupted")
    except WRONG_USE as error:
        _explain(error)
        raise SystemExit(2) from None
    raise SystemExit(code or 0)


def _explain(error: Exception) -> None:
    """Say what is wrong first, then how it is used; a command that was called bare shows its help."""
    context, message = getattr(error, "ctx", None), getattr(error, "format_message", lambda: str(error))()
    if message and type(error).__name__ != "NoArgsIsHelpError":
        print(f"Error: {message}", file=sys.stderr)
        if context:
            print(f"{context.get_usage()}\nTry '{context.command_path} -h' for help.", file=sys.stderr)


if __name__ == "__main__":
    main()
