"""A ledger and clients of its own for each test of discovery."""

import pytest

from blocks.git.mirror import Mirrors
from blocks.ledger.ledger import Ledger
from tests.flows.warehouse.looking import Looker, quick_registry


@pytest.fixture
async def looker(tmp_path):
    """Looks at Warehouses with an empty ledger, empty mirrors and no credentials."""
    ledger, registry = await Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}"), quick_registry()
    mirrors = Mirrors(tmp_path / "mirrors", allow_plain_http_credentials=True, timeout=3)
    yield Looker(ledger, registry, mirrors)
    await registry.aclose()
    await ledger.close()
