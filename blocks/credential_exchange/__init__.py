"""Credentials that are no password yet: one module for each exchange, none of which knows Prefect or keeps anything."""
