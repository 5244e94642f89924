"""`drayage`: the command line. Words and meanings are those of Kargo's own; each command is one module here."""

import typer

from deployments.cli import abort, apply, approve, delete, demo, evaluate, get, promote, refresh, up, verify

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
app.command("delete")(delete.delete)
app.command("get")(get.get)
app.add_typer(refresh.app, name="refresh")
app.command("promote")(promote.promote)
app.command("approve")(approve.approve)
app.add_typer(verify.app, name="verify")
app.add_typer(abort.app, name="abort")
app.command("evaluate")(evaluate.evaluate)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
