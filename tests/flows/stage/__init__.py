"""Tests of Stages and the policies about them."""
