"""`drayage approve`: let Freight into a Stage past its upstream Stages, or answer a Promotion that asks."""

from typing import Annotated

import typer

from deployments.cli.options import Freight, FreightAlias, Project, exactly_one

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
    exactly_one("--stage and --promotion", stage, promotion)
    if promotion:
        if freight or freight_alias:
            raise typer.BadParameter("--freight and --freight-alias go with --stage only")
        _answer(project, promotion, "reject" if reject else "approve", comment)
        return
    if reject:
        raise typer.BadParameter("--reject goes with --promotion only")
    _approve(project, stage, exactly_one("--freight and --freight-alias", freight, freight_alias))


def _answer(project: str, promotion: str, decision: str, comment: str) -> None:
    from deployments.command import run_command
    from deployments.requests import decide
    from flows.current_run import operating_user

    run_command(lambda here: decide(here, project, promotion, decision, operating_user(), comment))
    print(f"promotion/{promotion} {'approved' if decision == 'approve' else 'rejected'}")


def _approve(project: str, stage: str, freight: str) -> None:
    from deployments.command import run_command
    from deployments.requests import approve_freight
    from flows.current_run import operating_user

    fresh = run_command(lambda here: approve_freight(here, project, stage, freight, operating_user()))
    print(f"freight {freight} {'approved' if fresh else 'was approved before'} for stage/{stage}")
