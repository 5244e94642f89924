"""Trying a whole pipeline in a world of its own: what a scenario says, and whether it came true."""
