"""The REST dialects of code hosts, thin, over one model of pull requests and the sandbox's Git repositories."""
