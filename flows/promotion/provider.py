"""The kinds of code hosts a step's config may name."""

from typing import Literal

Provider = Literal["azure", "bitbucket", "gitea", "github", "gitlab"]
