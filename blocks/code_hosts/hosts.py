"""Which kind of code host a host is, judged by its name alone."""

import re

HOSTS = (
    (r"(^|\.)github\.|\.ghe\.com$", "github"),
    (r"(^|\.)gitlab\.", "gitlab"),
    (r"(^|\.)bitbucket\.", "bitbucket"),
    (r"(^|\.)(gitea|forgejo|codeberg)\.", "gitea"),
    (r"(^|\.)dev\.azure\.com$|\.visualstudio\.com$", "azure"),
)


def kind_of(host: str) -> str | None:
    """Name the kind as Kargo's `provider` does; None when the name of the host, in lower case, says nothing."""
    return next((kind for pattern, kind in HOSTS if re.search(pattern, host)), None)


def is_bitbucket_cloud(host: str) -> bool:
    """Whether a Bitbucket is the one in the cloud: bitbucket.org and nothing else."""
    return re.search(r"(^|\.)bitbucket\.org$", host) is not None
