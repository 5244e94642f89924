"""Amazon's registries (ECR): access keys, or the role of this machine, are exchanged for a password of twelve hours.

Source: Kargo, Managing Secrets; AWS, GetAuthorizationToken.
"""

import re
from datetime import datetime

from blocks.credential_exchange.threads import in_thread
from blocks.credential_exchange.wanted import Site, Token, Values, Wanted
from blocks.errors import Invalid

HOST = re.compile(r"([0-9]{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/")
REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}")
SECONDS = 60.0


def place(url: str) -> tuple[str, str] | None:
    """Return account and region of an ECR repository, None for any other."""
    found = HOST.match(url)
    return (found[1], found[2]) if found else None


async def exchange(wanted: Wanted, values: Values, site: Site, now: datetime) -> Token:
    """Ask for a password with access keys. Raises the leaves of `blocks.errors`, naming field and remedy."""
    region = values["awsRegion"].strip()
    keys = {
        "aws_access_key_id": values["awsAccessKeyID"].strip(),
        "aws_secret_access_key": values["awsSecretAccessKey"].strip(),
    }
    what = f"ECR in {region} with credentials {wanted.name!r}"

    def work() -> Token:
        from blocks.credential_exchange.ecr_calls import with_keys

        return with_keys(keys, region, site, what)

    return await in_thread(work, SECONDS, what)


async def ambient(wanted: Wanted, site: Site, now: datetime) -> Token:
    """Ask for a password as the project's role, in the registry's account or our own, else as our own role.

    The next one is tried only when AWS denies one. Raises the leaves of `blocks.errors`.
    """
    found = place(wanted.url)
    if found is None:
        raise Invalid(f"{wanted.url!r} is no repository of ECR")
    account, region = found
    what = f"ECR of account {account} in {region} with {wanted.name}"

    def work() -> Token:
        from blocks.credential_exchange.ecr_calls import as_role

        return as_role(wanted.project, account, region, site, what)

    return await in_thread(work, SECONDS, what)
