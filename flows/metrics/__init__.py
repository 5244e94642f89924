"""How well delivery goes: lead time, deployment frequency, change failure rate, time to restore."""
