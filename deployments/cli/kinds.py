"""The kinds people can name, in the singular, plural or short forms they know from kubectl and Kargo."""

import typer

KINDS = {
    "project": "Project",
    "projectconfig": "ProjectConfig",
    "clusterconfig": "ClusterConfig",
    "warehouse": "Warehouse",
    "stage": "Stage",
    "freight": "Freight",
    "target": "Target",
    "promotion": "Promotion",
    "promotionrequest": "PromotionRequest",
    "promotiontask": "PromotionTask",
    "clusterpromotiontask": "ClusterPromotionTask",
    "analysistemplate": "AnalysisTemplate",
    "clusteranalysistemplate": "ClusterAnalysisTemplate",
    "stagepolicy": "StagePolicy",
    "event": "Event",
}
ODD_PLURALS = {"stagepolicies": "stagepolicy", "freight": "freight", "freights": "freight"}
SHORT = {"promo": "promotion", "promos": "promotion"}
RECORDS = ("Promotion", "PromotionRequest", "Event")


def kind(word: str) -> str:
    """Understand a kind. Ends with 2 and the known ones when there is none such."""
    plain = word.lower()
    plain = (ODD_PLURALS | SHORT).get(plain, plain)
    found = KINDS.get(plain) or KINDS.get(plain.removesuffix("s"))
    if found is None:
        plurals = {singular: plural for plural, singular in reversed(ODD_PLURALS.items())}
        known = ", ".join(sorted(plurals.get(name, f"{name}s") for name in KINDS))
        raise typer.BadParameter(f"{word!r} is none of {known}")
    return found


def deletable_kind(word: str) -> str:
    """Understand a kind that people may delete. Ends with 2 for what Drayage records and itself takes away."""
    found = kind(word)
    if found in RECORDS:
        raise typer.BadParameter(f"{found} is recorded by Drayage and cannot be deleted by hand")
    return found
