"""Verification: analysis templates, how they are combined, and how their metrics are judged (Argo Rollouts' rules)."""
