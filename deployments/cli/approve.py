"""`drayage approve`: let Freight into a Stage past its upstream Stages, or answer a Promotion that asks."""

from typing import Annotated

import typer

from deployments.cli.options import Freight, FreightAlias, Project, exactly_one

ForStage = Annotated[str, typer.Option("--stage", help="The Stage to approve it for.")]
OfPromotion = Annotated[str, typer.Option("--promotion", help="Answer this Promotion, which waits for approval.")]
Reject = Annotated[bool, typer.Option("--reject", help="Reject the Promotion instead.")]
Input = Annotated[
    list[str] | None, typer.Option("--input", help="Fill in the form of a Promotion that wants input, as key=value.")
]
Comment = Annotated[str, typer.Option("--comment", help="Why, for the audit trail.")]


def approve(
    project: Project,
    stage: ForStage = "",
    freight: Freight = "",
    freight_alias: FreightAlias = "",
    promotion: OfPromotion = "",
    reject: Reject = False,
    comment: Comment = "",
    inputs: Input = None,
) -> None:
    """Approve Freight for a Stage, or with --promotion answer a Promotion that waits for people."""
    exactly_one("--stage and --promotion", stage, promotion)
    if promotion:
        if freight or freight_alias:
            raise typer.BadParameter("--freight and --freight-alias go with --stage only")
        if inputs:
            if reject or comment:
                raise typer.BadParameter("--input goes with neither --reject nor --comment")
            _give(project, promotion, inputs)
        else:
            _answer(project, promotion, "reject" if reject else "approve", comment)
        return
    if reject or inputs:
        raise typer.BadParameter("--reject and --input go with --promotion only")
    _approve(project, stage, exactly_one("--freight and --freight-alias", freight, freight_alias), comment)


def _give(project: str, promotion: str, inputs: list[str]) -> None:
    from deployments.answers import give_input
    from deployments.command import run_command
    from flows.current_run import operating_user

    pairs = [each.partition("=") for each in inputs]
    if odd := next((each for each, (key, equals, _) in zip(inputs, pairs, strict=True) if not (key and equals)), None):
        raise typer.BadParameter(f"--input wants key=value, not {odd!r}")
    texts = {key: text for key, _, text in pairs}
    run_command(lambda here: give_input(here, project, promotion, texts, operating_user()))
    print(f"promotion/{promotion} answered")


def _answer(project: str, promotion: str, decision: str, comment: str) -> None:
    from deployments.answers import decide
    from deployments.command import run_command
    from flows.current_run import operating_user

    run_command(lambda here: decide(here, project, promotion, decision, operating_user(), comment))
    print(f"promotion/{promotion} {'approved' if decision == 'approve' else 'rejected'}")


def _approve(project: str, stage: str, freight: str, comment: str) -> None:
    from deployments.command import run_command
    from deployments.requests import approve_freight
    from flows.current_run import operating_user

    fresh = run_command(lambda here: approve_freight(here, project, stage, freight, operating_user(), comment))
    print(f"freight {freight} {'approved' if fresh else 'was approved before'} for stage/{stage}")
