"""The example pipelines are accepted as they are."""

from pathlib import Path

from ruamel.yaml import YAML

from deployments.manifests.load import load
from flows.stage.graph import downstream
from flows.stage.model import StagePolicySpec, StageSpec
from flows.stage.policy import approvals_for, auto_promotion, auto_rollback
from flows.stage.project_config import ProjectConfigSpec

GUESTBOOK = Path(__file__).parents[3] / "deployments" / "examples" / "guestbook"
STAGES = ["test", "uat", "prod"]


def _specs(kind, model):
    definitions = load([str(GUESTBOOK / "pipeline")], []).definitions
    return {each.name: model.model_validate(each.spec) for each in definitions if each.kind == kind}


def test_the_guestbook_walks_from_test_to_prod():
    """Three Stages in a row, all promoting by themselves, prod with an approval."""
    stages = _specs("Stage", StageSpec)
    assert sorted(stages) == sorted(STAGES)
    assert [downstream(stages, name) for name in STAGES] == [["uat"], ["prod"], []]
    policies = _specs("ProjectConfig", ProjectConfigSpec)["guestbook"].promotion_policies
    assert [auto_promotion(policies, name, {}).enabled for name in STAGES] == [True, True, True]
    asked = [approvals_for(_specs("StagePolicy", StagePolicySpec).values(), name, {}) for name in STAGES]
    assert [[each.min_approvals for each in approvals] for approvals in asked] == [[], [], [1]]


def test_the_guestbook_has_all_that_its_task_touches():
    """Every Stage has its manifests in the repository, and an Application that it may sync."""
    yaml = YAML(typ="safe")
    applications = {each["metadata"]["name"]: each for each in yaml.load_all(GUESTBOOK / "applications.yaml")}
    for stage in STAGES:
        (deployment,) = yaml.load_all(GUESTBOOK / "repository" / "env" / stage / "deployment.yaml")
        assert deployment["spec"]["template"]["spec"]["containers"][0]["image"].startswith("127.0.0.1:8099/guestbook:")
        application = applications[f"guestbook-{stage}"]
        assert application["metadata"]["annotations"]["kargo.akuity.io/authorized-stage"] == f"guestbook:{stage}"
        assert application["spec"]["source"]["targetRevision"] == f"stage/{stage}"


def test_the_full_guestbook_measures_prod_in_three_ways():
    """What the demo adds in its full form: prod is verified against three services, and goes back by itself."""
    yaml = YAML(typ="safe")
    added = [each for file in (GUESTBOOK / "full").glob("*.yaml") for each in yaml.load_all(file)]
    (prod,) = [StageSpec.model_validate(each["spec"]) for each in added if each["kind"] == "Stage"]
    before = _specs("Stage", StageSpec)["prod"]
    assert prod.model_copy(update={"verification": before.verification}) == before
    templates = {each["metadata"]["name"] for each in added if each["kind"] == "AnalysisTemplate"}
    assert {each.name for each in prod.verification.analysis_templates} == {"error-rate"} | templates
    (config,) = [ProjectConfigSpec.model_validate(each["spec"]) for each in added if each["kind"] == "ProjectConfig"]
    assert [auto_promotion(config.promotion_policies, name, {}).enabled for name in STAGES] == [True, True, True]
    assert auto_rollback(config.promotion_policies, "prod", {}).on_verification == ["Failed"]
