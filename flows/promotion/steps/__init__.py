"""The table of step kinds. A step module is named for its kind and has this shape:

    class Config(Model)                  its settings, validated after evaluation, unknown keys refused
    run(config, ctx) -> StepResult       `async def`, or a plain function that is run in a thread
    OUTWARD: bool                        whether it changes anything outside the working directory
    ASKS: bool                           optional; whether it may suspend the run with a form for people
    WAITS: bool                          optional; whether all it does is wait for something outside
    TIMEOUT: float                       optional, seconds; the default of `retry.timeout`
    foresee(config, ctx, imagined)       optional, async; tells in a dry run what `run` would do outside,
                                         as `flows.promotion.foresight.Foreseen`, and only reads
    restore(config, ctx, outputs)        optional, async; rebuilds this step's share of a lost working
                                         directory from its recorded outputs. Without it, a step that is
                                         not OUTWARD is run again and an OUTWARD one left out.

Every `run` is start-or-attach: run twice, it finds what the first run made.
"""

from types import ModuleType

from flows.promotion.steps import (
    argocd_update,
    argocd_wait,
    compose_output,
    delete,
    fail,
    file_copy,
    file_write,
    get_user_input,
    gh_create_issue,
    gh_issue_add_comment,
    gh_search_issues,
    gh_update_issue,
    gh_wait_for_issue_state,
    gha_dispatch_workflow,
    gha_wait_for_workflow,
    git_clear,
    git_clone,
    git_commit,
    git_merge_pr,
    git_open_pr,
    git_push,
    git_tag,
    git_wait_for_pr,
    github_push,
    hcl_update,
    helm_template,
    helm_update_chart,
    http_download,
    http_request,
    json_parse,
    json_update,
    kustomize_build,
    kustomize_set_image,
    oci_download,
    oci_push,
    record_audit_event,
    set_freight_alias,
    set_metadata,
    tar,
    toml_parse,
    toml_update,
    untar,
    wait_for_approval,
    yaml_merge,
    yaml_parse,
    yaml_update,
)

STEPS: dict[str, ModuleType] = {
    "argocd-update": argocd_update,
    "argocd-wait": argocd_wait,
    "compose-output": compose_output,
    "copy": file_copy,
    "delete": delete,
    "fail": fail,
    "file-write": file_write,
    "get-user-input": get_user_input,
    "gh-create-issue": gh_create_issue,
    "gh-issue-add-comment": gh_issue_add_comment,
    "gh-search-issues": gh_search_issues,
    "gh-update-issue": gh_update_issue,
    "gh-wait-for-issue-state": gh_wait_for_issue_state,
    "gha-dispatch-workflow": gha_dispatch_workflow,
    "gha-wait-for-workflow": gha_wait_for_workflow,
    "git-clear": git_clear,
    "git-clone": git_clone,
    "git-commit": git_commit,
    "git-merge-pr": git_merge_pr,
    "git-open-pr": git_open_pr,
    "git-push": git_push,
    "git-tag": git_tag,
    "git-wait-for-pr": git_wait_for_pr,
    "github-push": github_push,
    "helm-template": helm_template,
    "helm-update-chart": helm_update_chart,
    "http": http_request,
    "hcl-update": hcl_update,
    "http-download": http_download,
    "json-parse": json_parse,
    "json-update": json_update,
    "kustomize-build": kustomize_build,
    "kustomize-set-image": kustomize_set_image,
    "oci-download": oci_download,
    "oci-push": oci_push,
    "record-audit-event": record_audit_event,
    "set-freight-alias": set_freight_alias,
    "set-metadata": set_metadata,
    "tar": tar,
    "toml-parse": toml_parse,
    "toml-update": toml_update,
    "untar": untar,
    "wait-for-approval": wait_for_approval,
    "yaml-merge": yaml_merge,
    "yaml-parse": yaml_parse,
    "yaml-update": yaml_update,
}
