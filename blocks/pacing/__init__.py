"""The parts of a budget: who is next, when a server may be asked again, and what it says about its limits."""
