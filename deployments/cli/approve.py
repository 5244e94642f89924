"""`drayage approve`: let Freight into a Stage past its upstream Stages, or answer a Promotion that asks."""

from typing import Annotated

import typer

from deployments.cli.options import Freight, FreightAlias, Project, one_of
from deployments.command import run_command
from deployments.requests import approve_freight, decide
from flows.current_run import operating_user

ForStage = Annotated[str, typer.Option("--stage", help="The Stage to approve it for.")]
OfPromotion = Annotated[str, typer.Option("--promotion", help="Answer this Promotion, which waits for approval.")]
Reject = Annotated[bool, typer.Option("--reject", help="Reject the Promotion instead.")]
Comment = Annotated[str, typer.Option("--comment", help="Why, for the audit trail.")]


def approve(
    project: Project,
    stage: ForStage = "",
    freight: Freight = "",
    freight_alias: FreightAlias = "",
    promotion: OfPromotion = "",
    reject: Reject = False,
    comment: Comment = "",
) -> None:
    """Approve Freight for a Stage, or with --promotion a Promotion that waits for approval."""
    if promotion:
        decision = "reject" if reject else "approve"
        run_command(lambda here: decide(here, project, promotion, decision, operating_user(), comment))
        print(f"promotion/{promotion} {decision}d")
        return
    if not stage or reject:
        raise typer.BadParameter("give --stage, or --promotion to answer one")
    wanted = one_of(freight, freight_alias, "--freight and --freight-alias")
    fresh = run_command(lambda here: approve_freight(here, project, stage, wanted, operating_user()))
    print(f"freight {wanted} {'approved' if fresh else 'was approved before'} for stage/{stage}")
