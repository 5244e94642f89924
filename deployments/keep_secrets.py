"""Keeping Secrets as encrypted Prefect blocks and ConfigMaps as Prefect variables, as the manifests say."""

from collections.abc import Iterable, Sequence
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import VariableCreate, VariableUpdate

from blocks.config_maps import read_config_maps, variable, variable_name
from blocks.credentials import (
    FIELDS,
    GenericSecret,
    RepositoryCredentials,
    SecretBlock,
    block_name,
    plain,
    read_secrets,
)
from deployments.manifests.config_map import ConfigMapSpec
from deployments.manifests.secret import SecretSpec

Line = tuple[str, str, str, str]
"""Kind, project, name, and what became of it."""


async def keep_secrets(
    client: PrefectClient, specs: Sequence[SecretSpec], projects: Iterable[str], *, prune: bool, dry_run: bool
) -> list[Line]:
    """Save what differs from Prefect's blocks; with `prune` delete other Secrets of these projects."""
    if not specs and not prune:
        return []
    known = {(block.project, block.secret_name): block for block in await read_secrets(client)}
    lines = []
    for spec in specs:
        wanted = as_block(spec)
        action = _action(_plain(known.get((spec.project, spec.name))), _plain(wanted))
        lines.append(("Secret", spec.project, spec.name, action))
        if action != "unchanged" and not dry_run:
            if stale := known.get((spec.project, spec.name)):
                await _drop_other_kind(client, stale, wanted)
            await wanted.save(block_name(spec.project, spec.name), overwrite=True, client=client)
    kept = {(spec.project, spec.name) for spec in specs}
    for key, block in known.items():
        if prune and key[0] in projects and key not in kept:
            lines.append(("Secret", *key, "deleted"))
            if not dry_run:
                await _delete(client, block)
    return lines


async def keep_config_maps(
    client: PrefectClient, specs: Sequence[ConfigMapSpec], projects: Iterable[str], *, prune: bool, dry_run: bool
) -> list[Line]:
    """Save what differs from Prefect's variables; with `prune` delete other ConfigMaps of these projects."""
    owners = sorted({spec.project for spec in specs} | (set(projects) if prune else set()))
    lines = []
    for project in owners:
        known = await read_config_maps(client, project)
        own = {spec.name: spec.data for spec in specs if spec.project == project}
        for name, data in own.items():
            action = _action(known.get(name), data)
            lines.append(("ConfigMap", project, name, action))
            if not dry_run:
                await _keep_variable(client, project, name, data, action)
        for name in sorted(known.keys() - own.keys()) if prune else []:
            lines.append(("ConfigMap", project, name, "deleted"))
            if not dry_run:
                await client.delete_variable_by_name(variable_name(project, name))
    return lines


def as_block(spec: SecretSpec) -> SecretBlock:
    """The block that holds a Secret."""
    if spec.cred_type == "generic":
        values = {key: value.get_secret_value() for key, value in spec.values.items()}
        return GenericSecret.model_validate({"project": spec.project, "secret_name": spec.name, "data": values})
    fields = {name: plain(spec.values[key]) for key, name in FIELDS.items() if key in spec.values}
    return RepositoryCredentials.model_validate(
        {
            "project": spec.project,
            "secret_name": spec.name,
            "cred_type": spec.cred_type,
            "repo_url": plain(spec.values["repoURL"]),
            "repo_url_is_regex": plain(spec.values.get("repoURLIsRegex")) == "true",
            "github_token_scopes": spec.github_token_scopes,
            **fields,
        }
    )


def _plain(block: SecretBlock | None) -> Any:
    """All of a block's values, to compare; never shown."""
    if block is None:
        return None
    return type(block), {name: plain(getattr(block, name)) for name in type(block).model_fields}


def _action(before: Any, after: Any) -> str:
    return "created" if before is None else "unchanged" if before == after else "changed"


async def _drop_other_kind(client: PrefectClient, stale: SecretBlock, wanted: SecretBlock) -> None:
    """A generic Secret that becomes a repository's, or the other way, is another type of block."""
    if type(stale) is not type(wanted):
        await _delete(client, stale)


async def _delete(client: PrefectClient, block: SecretBlock) -> None:
    name = block_name(block.project, block.secret_name)
    document = await client.read_block_document_by_name(name, type(block)._block_type_slug or "")
    await client.delete_block_document(document.id)


async def _keep_variable(client: PrefectClient, project: str, name: str, data: dict[str, str], action: str) -> None:
    wanted = variable(project, name, data)
    if action == "created":
        await client.create_variable(VariableCreate.model_validate(wanted))
    elif action == "changed":
        await client.update_variable(VariableUpdate.model_validate(wanted))
