"""What steps need to run in a test: a context over a directory, and nobody's credentials."""

from datetime import UTC, datetime

from flows.promotion.result import StepContext

START = datetime(2025, 1, 1, tzinfo=UTC)


async def anonymous(cred_type, repo_url):
    """No repository has credentials."""


def step_context(work_dir, **fields):
    """A context as a Workplace builds it, any field replaced."""
    given = {
        "project": "shop",
        "stage": "test",
        "promotion": "test.01jx.abc1234",
        "alias": "step-1",
        "actor": "admin",
        "started_at": START,
        "credentials": anonymous,
    }
    return StepContext(work_dir=work_dir, **(given | fields))
