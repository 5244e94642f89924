"""Tests of the measures of delivery."""
