"""How one process of Drayage is set up: environment variables with the prefix DRAYAGE_, or a `.env` file."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything a process may be told. Read once at start; a flow gets what it needs from `flows.world`."""

    model_config = SettingsConfigDict(env_prefix="DRAYAGE_", env_file=".env", extra="ignore", frozen=True)

    home: Path = Field(default=Path("~/.drayage"), description="Where mirrors, work and embedded servers live.")
    ledger_url: SecretStr | None = Field(default=None, description="Ledger database; SQLite in `home` when unset.")
    work_pool: str = Field(default="drayage", description="Prefect work pool of Drayage's own deployments.")
    automations: bool = Field(
        default=True, description="Off: automations are registered switched off and the sweep alone promotes."
    )
    lease_seconds: float = Field(
        default=30.0,
        ge=1.0,
        description="After this long without a sign of life another worker takes a promotion over.",
    )
    allow_credentials_over_http: bool = Field(default=False, description="Send credentials to plain http servers.")
    allow_file_repositories: bool = Field(default=False, description="Let Git use repositories on this machine's disk.")
    health_timeout_seconds: float = Field(default=600.0, gt=0, description="How long verification waits for health.")

    @property
    def root(self) -> Path:
        """The home directory as an absolute path."""
        return self.home.expanduser().absolute()

    @property
    def ledger(self) -> str:
        """The ledger's URL, password included: never print it."""
        return self.ledger_url.get_secret_value() if self.ledger_url else f"sqlite:///{self.root / 'ledger.db'}"
