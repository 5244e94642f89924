"""How one process of Drayage is set up: environment variables with the prefix DRAYAGE_, or a `.env` file."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from blocks.budget import Pace
from blocks.git.committing import Committing
from blocks.git.integration import Policy


class Settings(BaseSettings):
    """Everything a process may be told. Read once at start; a flow gets what it needs from `flows.world`."""

    model_config = SettingsConfigDict(env_prefix="DRAYAGE_", env_file=".env", extra="ignore", frozen=True)

    home: Path = Field(default=Path("~/.drayage"), description="Where mirrors, work and embedded servers live.")
    ledger_url: SecretStr | None = Field(default=None, description="Ledger database; SQLite in `home` when unset.")
    work_pool: str = Field(default="drayage", description="Prefect work pool of Drayage's own deployments.")
    concurrent_runs: int = Field(
        default=600, ge=1, le=100_000, description="Runs one worker carries at once; those that wait count too."
    )
    automations: bool = Field(
        default=True, description="Off: automations are registered switched off and the sweep alone promotes."
    )
    lease_seconds: float = Field(
        default=30.0,
        ge=1.0,
        description="After this long without a sign of life another worker takes a promotion over.",
    )
    leave_after_seconds: float = Field(
        default=300.0, ge=1.0, description="A step that pauses for this long leaves its worker meanwhile."
    )
    confirm_tags_seconds: float = Field(
        default=3_600.0,
        ge=0,
        le=31_536_000,
        description="After this long it is looked again whether a chosen image's tag still points at the same.",
    )
    minimum_interval_seconds: float = Field(
        default=0.0, ge=0.0, le=86_400.0, description="Warehouses with a shorter interval are looked at this often."
    )
    allow_credentials_over_http: bool = Field(default=False, description="Send credentials to plain http servers.")
    ambient_credentials: str = Field(
        default="detect",
        description="Clouds whose registries are opened as what this machine is there: detect, none, or some of "
        "aws, google, azure, with commas.",
    )
    allow_file_repositories: bool = Field(default=False, description="Let Git use repositories on this machine's disk.")
    requests_per_second: int = Field(
        default=20, ge=1, le=100_000, description="Requests to one host with one credential that begin in any second."
    )
    concurrent_requests: int = Field(
        default=50,
        ge=1,
        le=1_000,
        description="Requests to one host with one credential at the same time; one Warehouse gets a fifth of them.",
    )
    concurrent_git: int = Field(
        default=8,
        ge=1,
        le=100,
        description="Git processes that ask one host with one credential at the same time; one Warehouse gets a third.",
    )
    git_author_name: str = Field(
        default="Drayage", min_length=1, description="Author of commits where git-clone names none."
    )
    git_author_email: str = Field(default="no-reply@drayage.dev", min_length=1, description="E-mail of that author.")
    git_signing_key_file: Path | None = Field(
        default=None,
        description="File with the armoured GPG private key, without passphrase, that signs what that author makes.",
    )
    git_push_integration_policy: Policy = Field(
        default=Policy.ALWAYS_REBASE,
        description="How git-push takes in what others pushed: AlwaysRebase, RebaseOrMerge, RebaseOrFail, AlwaysMerge.",
    )
    github_push_max_revisions: int = Field(
        default=10, ge=1, le=1_000, description="Commits one github-push step makes at most."
    )
    github_push_verify_untrusted_commits: bool = Field(
        default=False,
        description="Let github-push have commits verified by GitHub that no trusted key has signed.",
    )
    mirrors_max_bytes: int = Field(
        default=20 * 1024**3,
        ge=0,
        description="Disk all mirrors of Git repositories together may take before the least recently used go.",
    )
    identity_key_file: Path | None = Field(
        default=None,
        description="File with the key that assertions of identity are checked with: an Ed25519 public key in PEM, or "
        "a shared secret of at least 32 bytes.",
    )
    health_timeout_seconds: float = Field(default=600.0, gt=0, description="How long verification waits for health.")

    retain_freight: int = Field(
        default=20, ge=1, description="Freight kept per Warehouse that is older than the oldest in use."
    )
    retain_promotions: int = Field(
        default=20,
        ge=1,
        description="Promotions kept per Stage that are older than the oldest open one; so many stays back can a "
        "Stage go.",
    )
    retain_hours: float = Field(
        default=336.0, ge=1.0, le=876_000.0, description="No Freight and no Promotion younger than this is collected."
    )

    @property
    def pace(self) -> Pace:
        """How hosts are asked over HTTP."""
        return Pace(self.requests_per_second, self.concurrent_requests, -(-self.concurrent_requests // 5))

    @property
    def git_pace(self) -> Pace:
        """How hosts are asked by Git."""
        return Pace(self.requests_per_second, self.concurrent_git, -(-self.concurrent_git // 3))

    @property
    def committing(self) -> Committing:
        """How commits are made and pushed where a step does not say otherwise."""
        return Committing(
            self.git_author_name,
            self.git_author_email,
            self.git_signing_key_file,
            self.git_push_integration_policy,
            self.github_push_max_revisions,
            self.github_push_verify_untrusted_commits,
        )

    @property
    def root(self) -> Path:
        """The home directory as an absolute path."""
        return self.home.expanduser().absolute()

    @property
    def ledger(self) -> str:
        """The ledger's URL, password included: never print it."""
        return self.ledger_url.get_secret_value() if self.ledger_url else f"sqlite:///{self.root / 'ledger.db'}"
