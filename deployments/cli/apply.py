"""`drayage apply`: manifests in, everything in place."""

import sys
from typing import Annotated

import typer

from deployments.cli.printing import print_table

Files = Annotated[list[str], typer.Option("--filename", "-f", help="File, folder, or - for standard input.")]
Prune = Annotated[bool, typer.Option("--prune", help="Delete what these projects have and the files do not name.")]
QUIET = 50
"""As many Stages are registered without a word."""

DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and show, do nothing.")]


def apply(filename: Files, prune: Prune = False, dry_run: DryRun = False) -> None:
    """Apply manifests in Kargo's format. All problems are reported at once; nothing is applied then."""
    from deployments.apply import apply as apply_manifests
    from deployments.command import run_command
    from flows.current_run import operating_user

    actor, stdin = operating_user(), sys.stdin.buffer
    lines = run_command(
        lambda here: apply_manifests(
            here, filename, prune=prune, dry_run=dry_run, actor=actor, stdin=stdin, say=_progress
        )
    )
    rows = [(f"{each.kind}/{each.name}", each.project, each.action) for each in lines]
    print_table(("OBJECT", "PROJECT", "DRY RUN" if dry_run else "RESULT"), rows, "the files hold no manifests")


def _progress(done: int, of: int) -> None:
    """Say on standard error how far registering is, where it takes a while."""
    if of > QUIET and (done == of or done % (of // 10) == 0):
        typer.echo(f"registered {done} of {of} Stages with Prefect", err=True)
