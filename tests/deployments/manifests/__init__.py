"""Tests of reading Kargo's manifests."""
