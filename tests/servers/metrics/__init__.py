"""Metric services as their published APIs are: each checks what it is asked, and refuses what the real one would."""
