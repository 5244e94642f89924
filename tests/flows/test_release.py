"""A published release drives a promotion, on a real Prefect server with the warm worker."""

from blocks.ledger.records import Phase
from deployments import shapes
from flows.discover import discover
from tests.servers.plain import KARGO, SANDBOX, automatic, change, opened_plain, stage

STEPS = [
    {
        "uses": "compose-output",
        "as": "told",
        "config": {
            "version": "${{ artifactFrom('cli').Version }}",
            "commit": "${{ quote(artifactFrom('cli').Metadata.commit) }}",
            "asset": "${{ artifactFrom('cli').Metadata.assets[0].url }}",
        },
    }
]
RELEASES = {
    "apiVersion": KARGO,
    "kind": "Warehouse",
    "metadata": {"name": "guestbook"},
    "spec": {
        "interval": "24h",
        "subscriptions": [
            {
                "name": "cli",
                "github-release": {
                    "config": {"repoURL": f"http://{SANDBOX}/acme/cli", "assets": ["glob:*.tar.gz"]},
                    "discoveryLimit": 5,
                },
            }
        ],
    },
}


async def test_a_release_is_promoted(machine, tmp_path):
    """Publishing makes Freight, which enters the Stage by itself; its steps read version, commit and asset."""
    async with opened_plain(tmp_path, stage("test", steps=STEPS), automatic("test")) as pipeline:
        await change(pipeline, RELEASES)
        pipeline.sandbox.release("acme/cli", "v1.4.0", commit="3" * 40, assets=[{"name": "cli.tar.gz", "size": 10}])
        await discover(pipeline.project, "guestbook")
        freight = await pipeline.freight("v1.4.0")
        assert freight is not None
        promoted = await pipeline.ended(await pipeline.promotion(freight, "test"))
        assert promoted.phase == Phase.SUCCEEDED
        steps = await pipeline.here.ledger.promotions.steps(pipeline.project, promoted.name)
        assert steps[0].output == {
            "version": "v1.4.0",
            "commit": "3" * 40,
            "asset": f"{pipeline.sandbox.url}/acme/cli/releases/download/v1.4.0/cli.tar.gz",
        }
        shown = shapes.freight(freight)
        assert [(each["subscriptionName"], each["version"]) for each in shown["artifacts"]] == [("cli", "v1.4.0")]
