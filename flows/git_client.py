"""Who commits where a step names nobody: the settings, and over them what the ClusterConfig says (Kargo: gitClient)."""

from dataclasses import replace

from blocks.credentials import SYSTEM
from blocks.errors import Invalid
from blocks.git.committing import Committing
from blocks.git.signing import SigningKey
from blocks.ledger.definitions import CLUSTER_CONFIG
from flows.stage.cluster_config import GitClient
from flows.world import World

KEY = "signingKey"
"""The key of the Secret under which the armoured GPG private key is (Kargo's)."""


async def read_committing(here: World) -> Committing:
    """Read how commits are made now. Raises Invalid when the ClusterConfig's signing key is not there."""
    house = here.git.committing
    config = await here.ledger.definitions.get("ClusterConfig", "", CLUSTER_CONFIG)
    given = (config.spec if config else {}).get("gitClient")
    if not given:
        return house
    client = GitClient.model_validate(given)
    house = replace(house, name=client.name or house.name, email=client.email or house.email)
    if client.signing_key_secret:
        house = replace(house, signing=await _signing_key(here, client.signing_key_secret.name))
    return house


async def _signing_key(here: World, secret: str) -> SigningKey:
    """Find the key that signs, in a Secret that no project can read."""
    known = await here.generic_secrets(SYSTEM)
    text = known.get(secret, {}).get(KEY, "").strip()
    if text:
        return SigningKey(f"{text}\n")
    lacks = f"has no key {KEY!r}" if secret in known else "does not exist"
    raise Invalid(
        f"the ClusterConfig's gitClient signs with Secret {secret!r} of {SYSTEM!r}, which {lacks}: apply it with an "
        f"armoured GPG private key without passphrase under {KEY!r}"
    )
